"""From a text to the articles it is about.

A chunk's score is a weighted sum of what is found in four views of it: its words (title and headings said
several times), its title and headings alone, the pieces of its words (for endings, compounds and typing
errors), and runs of two words as they stand (for pasted errors). Meaning, where an encoder gives it, is
added in the same measure. Chunks are then folded into articles. The weights were measured on public
questions and errors (docs/benchmarks/retrieval.md); nothing in them is made for one collection.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from itertools import pairwise
from math import log
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from helpbot.later import dataclass
from helpbot.retrieval.bm25 import Bm25Index, Ranked, best_of
from helpbot.retrieval.chunks import Chunks
from helpbot.retrieval.fusion import linear
from helpbot.retrieval.kind import error_likeness
from helpbot.retrieval.tokens import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from helpbot.retrieval.chunks import Passage

__all__ = [
    "ERROR",
    "MEANING",
    "PIECES",
    "QUESTION",
    "ArticleHit",
    "Hit",
    "Indexes",
    "Searcher",
    "Weights",
    "index_chunks",
    "weights_for",
]

_TITLE_TIMES: Final = 2  # how often a title's words count among the text's
_SECTION_TIMES: Final = 2
_PIECE: Final = 4  # characters
_MOST_PIECED: Final = 20_000  # chunks: beyond, the pieces' index would outweigh the words'
_STOP_RARITY: Final = 0.3  # of a word that is not indexed, within a run
_WHOLE: Final = 1.0  # how many times more the runs count where all of them are there
_MOST_PIECES_OF: Final = 150  # words of a text: a long paste has words enough to be found by
_MOST_RUNS: Final = 20_000  # chunks whose runs are remembered
PIECES: Final = "~"  # the name of the pieces' part among a hit's contributions
MEANING: Final = "≈"  # and of the meaning's


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One chunk found for a text.

    `contributions` add up to the score: one for each token, one for each run of two words ("a b"), one for
    the pieces of words ("~") and one for the meaning ("≈").
    """

    chunk: Passage
    score: float  # BM25: has no upper end, compare it within one text only
    matched: frozenset[str]  # the text's tokens that stand in the chunk
    contributions: Mapping[str, float]

    @property
    def chunk_id(self) -> int:
        """The number of the chunk."""
        return self.chunk.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleHit:
    """One article found for a text: its best section, and its best chunks, best first."""

    article: str
    section: str
    anchor: str
    score: float
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How the parts of a search are weighed against the words' score."""

    titles: float
    pieces: float
    runs: float
    meaning: float  # of a cosine of 1, against the best words' score
    others: float = 0.07  # of an article's second chunk, beside its best

    def towards(self, other: Weights, share: float) -> Weights:
        """Between these (share 0) and the others (share 1)."""
        return Weights(
            **{
                part.name: (1 - share) * getattr(self, part.name) + share * getattr(other, part.name)
                for part in fields(self)
            }
        )


# What tells the two apart: a pasted error stands in the text word by word, a question's words in the title.
QUESTION: Final = Weights(titles=0.5, pieces=0.25, runs=0.6, meaning=5.0)
ERROR: Final = Weights(titles=0.2, pieces=0.2, runs=1.2, meaning=1.0)


def weights_for(text: str) -> Weights:
    """The weights for a text, by how much it looks like an error."""
    return QUESTION.towards(ERROR, error_likeness(text))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A text made ready for all views."""

    words: Mapping[str, float]
    pieces: Mapping[str, float]
    runs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Indexes:
    """The views that are kept: what a snapshot holds. Passages are numbered alike in all."""

    words: Bm25Index
    titles: Bm25Index
    pieces: Bm25Index | None


class Searcher:
    """Finds chunks and articles. `changed` returns another one and leaves this as it is."""

    def __init__(self, chunks: Sequence[Passage], indexes: Indexes, tokenizer: Tokenizer) -> None:
        if len(chunks) != indexes.words.size:
            raise ValueError(f"the index holds {indexes.words.size} chunks, but {len(chunks)} were given")
        self.chunks = chunks if isinstance(chunks, Chunks) else Chunks([tuple(chunks)])
        self.indexes = indexes
        self.tokenizer = tokenizer
        self._runs: dict[int, frozenset[str]] = {}

    @classmethod
    def build(cls, chunks: Iterable[Passage], tokenizer: Tokenizer | None = None) -> Searcher:
        """Index chunks. Of equal scores the one given earlier comes first."""
        chunks, tokenizer = tuple(chunks), tokenizer or Tokenizer()
        return cls(chunks, index_chunks(chunks, tokenizer), tokenizer)

    def changed(self, *, remove: Iterable[str] = (), add: Sequence[Passage] = ()) -> Searcher:
        """Without the chunks of some articles and with others, which come after all that are there.

        Scores equal those of a searcher built anew. `chunks` keeps the places of what was removed.
        """
        places = [place for article in set(remove) for place in self.chunks.places(article)]
        old = self.indexes
        new = _token_lists(add, self.tokenizer, pieced=old.pieces is not None)
        return Searcher(
            self.chunks.plus(add),
            Indexes(
                old.words.changed(remove=places, add=new.words),
                old.titles.changed(remove=places, add=new.titles),
                old.pieces.changed(remove=places, add=new.pieces or []) if old.pieces is not None else None,
            ),
            self.tokenizer,
        )

    @property
    def stale(self) -> float:
        """The share of its chunks that were taken out; beyond a quarter, build anew."""
        return len(self.indexes.words.deleted) / len(self.chunks) if len(self.chunks) else 0.0

    def search(
        self,
        text: str,
        top: int = 10,
        *,
        weights: Weights | None = None,
        cosines: NDArray[np.floating] | None = None,
        deep: int = 60,
        each: int = 3,
    ) -> list[ArticleHit]:
        """The best `top` articles, each once, best first, with its `each` best chunks.

        `cosines`, (chunks,), is how near each chunk is in meaning. `deep` chunks are looked at.
        """
        weights = weights or weights_for(text)
        asked = self._asked(text)
        scores, pieces, meaning = self._scores(asked, weights, cosines)
        places, final, runs = self._rerank(best_of(scores, deep), asked, weights)
        chosen: dict[str, list[int]] = {}
        for at, place in enumerate(places):
            chosen.setdefault(self.chunks[place].article, []).append(at)
        found = sorted(
            (
                (final[own[0]] + (weights.others * final[own[1]] if len(own) > 1 else 0.0), own[:each])
                for own in chosen.values()
            ),
            key=lambda pair: -pair[0],
        )[:top]
        shown = [at for _, own in found for at in own]
        hits = self._hits(shown, places, final, runs, asked, weights, pieces, meaning)
        return [_article_hit(score, [hits[at] for at in own]) for score, own in found]

    def hits(
        self,
        text: str,
        k: int = 10,
        *,
        weights: Weights | None = None,
        cosines: NDArray[np.floating] | None = None,
    ) -> list[Hit]:
        """The best `k` chunks, best first."""
        weights = weights or weights_for(text)
        asked = self._asked(text)
        scores, pieces, meaning = self._scores(asked, weights, cosines)
        places, final, runs = self._rerank(best_of(scores, max(60, k)), asked, weights)
        shown = list(range(min(k, len(places))))
        hits = self._hits(shown, places, final, runs, asked, weights, pieces, meaning)
        return [hits[at] for at in shown]

    def coverage(self, text: str, matched: Iterable[str]) -> float:
        """Which share of what a text says was found, each token weighed by its rarity: 0 to 1.

        A word that stands nowhere in the knowledge counts as the rarest of all.
        """
        idf, rarest = self.indexes.words.idf, log(len(self.chunks) + 1.0)
        weight = {token: idf(token) or rarest for token in self.tokenizer.words(text)}
        whole = sum(weight.values())
        return sum(weight.get(token, 0.0) for token in set(matched)) / whole if whole else 0.0

    def _asked(self, text: str) -> _Asked:
        words = Counter(self.tokenizer.words(text))
        exact = self.tokenizer.exact(text)
        pieces: Mapping[str, float] = _EMPTY
        if self.indexes.pieces is not None:
            pieces = _damped(Counter(self.tokenizer.pieces(exact[:_MOST_PIECES_OF], _PIECE)))
        runs: Mapping[str, float] = _EMPTY
        if len(exact) > 1:
            idf = [self._rarity(word) for word in exact]
            runs = {
                f"{first} {second}": (one + two) / 2
                for (first, one), (second, two) in pairwise(zip(exact, idf, strict=True))
            }
        return _Asked(_damped(words), pieces, runs)

    def _rarity(self, word: str) -> float:
        tokens = self.tokenizer.words(word)
        return self.indexes.words.idf(tokens[0]) if tokens else _STOP_RARITY

    def _scores(
        self, asked: _Asked, weights: Weights, cosines: NDArray[np.floating] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Scores of all chunks without runs; the pieces' part of it; the meaning's part of it."""
        scores = self.indexes.words.scores(asked.words)
        self.indexes.titles.add_scores(scores, asked.words, weights.titles)
        pieces = None
        if self.indexes.pieces is not None and weights.pieces:
            pieces = np.zeros(len(scores))
            self.indexes.pieces.add_scores(pieces, asked.pieces, weights.pieces)
            scores += pieces
        if cosines is None or not weights.meaning:
            return scores, pieces, None
        joined = linear(scores, cosines, weight=weights.meaning, ceiling=self._ceiling(asked))
        joined[list(self.indexes.words.deleted)] = 0.0
        return joined, pieces, joined - scores

    def _ceiling(self, asked: _Asked) -> float:
        """About what a chunk with all the words would score."""
        idf, rarest = self.indexes.words.idf, log(len(self.chunks) + 1.0)
        return sum(weight * (idf(token) or rarest) for token, weight in asked.words.items()) * 1.5

    def _rerank(
        self, ranked: Ranked, asked: _Asked, weights: Weights
    ) -> tuple[list[int], list[float], list[Mapping[str, float]]]:
        """The places found, best first with their runs counted; their scores; each one's runs."""
        places, scores = ranked.docs.tolist(), ranked.scores.tolist()
        if not asked.runs or not weights.runs:
            return places, scores, [_EMPTY] * len(places)
        rows: list[tuple[float, int, Mapping[str, float]]] = []
        wanted, whole = frozenset(asked.runs), sum(asked.runs.values())
        for place, score in zip(places, scores, strict=True):
            shared = wanted & self._runs_of(place)
            if shared:  # in the order of the text, so that the sum is the same on every machine
                own = {run: value for run, value in asked.runs.items() if run in shared}
                # Nearly the whole text in one chunk, word by word, says more than its runs say one by one.
                share = sum(own.values()) / whole
                times = weights.runs * (1.0 + _WHOLE * share * share)
                own = {run: times * value for run, value in own.items()}
                rows.append((score + sum(own.values()), place, own))
            else:
                rows.append((score, place, _EMPTY))
        rows.sort(key=lambda row: (-row[0], row[1]))
        return [row[1] for row in rows], [row[0] for row in rows], [row[2] for row in rows]

    def _runs_of(self, place: int) -> frozenset[str]:
        runs = self._runs.get(place)
        if runs is None:
            chunk, exact = self.chunks[place], self.tokenizer.exact
            runs = frozenset(
                f"{first} {second}"
                for text in (chunk.title, chunk.section, chunk.text)
                for first, second in pairwise(exact(text))
            )
            if len(self._runs) >= _MOST_RUNS:
                self._runs.clear()
            self._runs[place] = runs
        return runs

    def _hits(
        self,
        shown: list[int],
        places: list[int],
        scores: list[float],
        runs: list[Mapping[str, float]],
        asked: _Asked,
        weights: Weights,
        pieces: NDArray[np.float64] | None,
        meaning: NDArray[np.float64] | None,
    ) -> dict[int, Hit]:
        """The hits at some of the places, with what each part gave."""
        docs = [places[at] for at in shown]
        words = self.indexes.words.parts(asked.words, docs)
        titles = self.indexes.titles.parts(asked.words, docs)
        columns = {token: part.tolist() for token, part in words.items()}
        for token, part in titles.items():  # whatever stands in a title stands in the words' view as well
            columns[token] = (words[token] + weights.titles * part).tolist()
        hits: dict[int, Hit] = {}
        for row, at in enumerate(shown):
            parts = {token: column[row] for token, column in columns.items() if column[row]}
            matched = frozenset(parts)
            parts.update(runs[at])
            for name, extra in ((PIECES, pieces), (MEANING, meaning)):
                if extra is not None and extra[docs[row]]:
                    parts[name] = float(extra[docs[row]])
            hits[at] = Hit(chunk=self.chunks[docs[row]], score=scores[at], matched=matched, contributions=parts)
        return hits


def index_chunks(chunks: Sequence[Passage], tokenizer: Tokenizer) -> Indexes:
    """The views of some chunks, in their order."""
    lists = _token_lists(chunks, tokenizer, pieced=len(chunks) <= _MOST_PIECED)
    # Chunks are cut to a size, so their length says little, and a word said again still counts: k1 and b
    # above the usual 1.5 and 0.75 found two more questions in a hundred.
    return Indexes(
        Bm25Index.build(lists.words, k1=2.0, b=0.9),
        Bm25Index.build(lists.titles),
        Bm25Index.build(lists.pieces) if lists.pieces is not None else None,
    )


@dataclass(frozen=True, slots=True)
class _TokenLists:
    words: list[list[str]]
    titles: list[list[str]]
    pieces: list[list[str]] | None


def _token_lists(chunks: Sequence[Passage], tokenizer: Tokenizer, *, pieced: bool) -> _TokenLists:
    lists = _TokenLists([], [], [] if pieced else None)
    for chunk in chunks:
        title, section = tokenizer.words(chunk.title), tokenizer.words(chunk.section)
        lists.words.append(tokenizer.words(chunk.text) + title * _TITLE_TIMES + section * _SECTION_TIMES)
        lists.titles.append(title + section)
        if lists.pieces is not None:
            exact = tokenizer.exact(f"{chunk.title}\n{chunk.section}\n{chunk.text}")
            lists.pieces.append(tokenizer.pieces(exact, _PIECE))
    return lists


def _damped(counts: Mapping[str, int]) -> Mapping[str, float]:
    """A word said ten times in a paste is not ten times as important."""
    return {token: 1.0 if count == 1 else 1.0 + log(count) for token, count in counts.items()}


def _article_hit(score: float, hits: list[Hit]) -> ArticleHit:
    best = hits[0].chunk
    return ArticleHit(article=best.article, section=best.section, anchor=best.anchor, score=score, hits=tuple(hits))


_EMPTY: Final[Mapping[str, float]] = MappingProxyType({})
