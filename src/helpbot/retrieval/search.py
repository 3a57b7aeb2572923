"""From a text to the articles it is about: chunks are found, joined with what meaning found, and folded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from helpbot.retrieval.bm25 import Bm25Index
from helpbot.retrieval.tokens import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


__all__ = ["ArticleHit", "Hit", "Passage", "Searcher", "Weights", "fold"]


class Passage(Protocol):
    """What can be indexed; `helpbot.knowledge.article.Chunk` is one."""

    @property
    def id(self) -> int: ...
    @property
    def article(self) -> str: ...
    @property
    def section(self) -> str: ...
    @property
    def anchor(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One chunk found for a text. `contributions` are the parts of the score by token; they add up to it."""

    chunk_id: int
    score: float  # has no upper end: compare it within one text only
    matched: frozenset[str]
    contributions: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleHit:
    """One article found for a text: its best section, and all its chunks that were found, best first."""

    article: str
    section: str
    anchor: str
    score: float
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How the parts of a search are weighed; `QUESTION` and `ERROR` are the two that were measured.

    `runs` is for two words in a row as they stand (exact field); it is worth it only for pasted errors.
    `others` damps the second, third, … chunk of an article: each counts `others` times the one before.
    """

    runs: float = 0.0
    coverage: float = 0.0
    others: float = 0.2
    deep: int = 50  # chunks looked at


QUESTION: Final = Weights()
ERROR: Final = Weights(runs=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """How often a title's and a heading's words count beside the text's."""

    title: int = 2
    section: int = 2


class Searcher:
    """Finds chunks and articles. Immutable: `changed` returns another one that shares what is the same."""

    def __init__(
        self, chunks: Sequence[Passage], words: Bm25Index, runs: Bm25Index, tokenizer: Tokenizer
    ) -> None:
        self.chunks = tuple(chunks)
        self.words = words
        self.runs = runs
        self.tokenizer = tokenizer

    @classmethod
    def build(
        cls, chunks: Iterable[Passage], tokenizer: Tokenizer | None = None, *, fields: Fields | None = None
    ) -> Searcher:
        """Index chunks; their order is the order of equal scores."""
        chunks, tokenizer, fields = tuple(chunks), tokenizer or Tokenizer(), fields or Fields()
        return cls(
            chunks,
            Bm25Index.build([word_tokens(chunk, tokenizer, fields) for chunk in chunks]),
            Bm25Index.build(
                [run_tokens(f"{chunk.title}\n{chunk.section}\n{chunk.text}", tokenizer) for chunk in chunks]
            ),
            tokenizer,
        )

    def hits(self, text: str, k: int = 10, weights: Weights = QUESTION) -> list[Hit]:
        """The best chunks, best first, each with what found it."""
        tokens = self.tokenizer.words(text)
        if not weights.runs:
            ranked = self.words.top(tokens, k)
            return [self._hit(doc, score, tokens, ()) for doc, score in ranked.pairs()]
        runs = run_tokens(text, self.tokenizer)
        scores = self.words.scores(tokens) + weights.runs * self.runs.scores(runs)
        order = np.argsort(-scores, kind="stable")[:k]
        return [
            self._hit(doc, float(scores[doc]), tokens, runs, weights.runs)
            for doc in order.tolist()
            if scores[doc] > 0
        ]

    def search(self, text: str, top: int = 10, weights: Weights = QUESTION) -> list[ArticleHit]:
        """The best articles, each once, best first."""
        return fold(self.hits(text, weights.deep, weights), self.chunks, weights.others)[:top]

    def _hit(
        self, doc: int, score: float, tokens: Sequence[str], runs: Sequence[str], weight: float = 0.0
    ) -> Hit:
        parts = self.words.explain(tokens, doc)
        for run, part in self.runs.explain(runs, doc).items() if runs else ():
            parts[run] = parts.get(run, 0.0) + weight * part
        return Hit(chunk_id=self.chunks[doc].id, score=score, matched=frozenset(parts), contributions=parts)


def word_tokens(chunk: Passage, tokenizer: Tokenizer, fields: Fields) -> list[str]:
    """A chunk as questions find it: title and heading as if said several times."""
    return [
        *tokenizer.words(chunk.text),
        *tokenizer.words(chunk.title) * fields.title,
        *tokenizer.words(chunk.section) * fields.section,
    ]


def run_tokens(text: str, tokenizer: Tokenizer) -> list[str]:
    """Two words in a row, as they stand."""
    return [f"{first} {second}" for first, second in pairwise(tokenizer.exact(text))]


def fold(hits: Sequence[Hit], chunks: Sequence[Passage], others: float) -> list[ArticleHit]:
    """Chunks into articles: the best chunk's score, and ever less of those after it."""
    by_id = {chunk.id: chunk for chunk in chunks}
    found: dict[str, list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id)):
        found.setdefault(by_id[hit.chunk_id].article, []).append(hit)
    articles = []
    for article, own in found.items():
        best = by_id[own[0].chunk_id]
        score = sum(hit.score * others**place for place, hit in enumerate(own))
        articles.append(
            ArticleHit(
                article=article, section=best.section, anchor=best.anchor, score=score, hits=tuple(own)
            )
        )
    return sorted(articles, key=lambda hit: -hit.score)
