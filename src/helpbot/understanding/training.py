"""Learn from a knowledge all that `Engine` needs: its examples' words and meaning, and how far to trust them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpbot.retrieval.chunks import said_by
from helpbot.understanding.calibration import Logistic
from helpbot.understanding.classifier import Examples, Fit, Kernel, Vectoriser, fit
from helpbot.understanding.engine import (
    MEANING_READ,
    Engine,
    Gathered,
    Reading,
    Trained,
    Weighed,
    classified,
    own_texts,
    sections_of,
    tokenizer_of,
)
from helpbot.understanding.facets import FacetReader
from helpbot.understanding.unwrap import unwrap
from helpbot.understanding.weigh import BROAD, HANDOVER, OTHERS, PRIOR, SIGNS, Judgement, fit_signals

if TYPE_CHECKING:
    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.retrieval.tokens import Tokenizer

__all__ = ["train"]

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Encode: TypeAlias = Callable[[Sequence[str]], Singles]

WORDS_ONLY: Final = Kernel()
WITH_MEANING: Final = Kernel(meaning=3.0, ridge=0.2)

_TOLD: Final = 0.3  # how much a line of a resolution counts beside an example question: nobody asks in such words
_RIVALS: Final = 8  # candidates that the weights of the signals are learnt on
_FEW_REFUSED: Final = (
    40  # examples of what is not covered; with fewer, classes are left out to see what that looks like
)
_JUDGED: Final = 6_000  # examples, spread over all classes, that the few weights of signals and signs are learnt on
_AT_ONCE: Final = 256  # rows of kernels worked out in one piece
_WORD: Final = re.compile(r"[^\W\d_]{3,30}")
_UNTRAINED: Final = Logistic(np.zeros(len(SIGNS)), 0.0)


def train(
    knowledge: KnowledgeBase, encode: Encode | None = None, *, unseen: Callable[[str], bool] | None = None
) -> Trained:
    """Learn from a knowledge. `encode` gives vectors (texts, width); without it words alone are learnt.

    Texts for which `unseen` is true are left out altogether, to be asked afterwards.
    """
    kernel = WITH_MEANING if encode is not None else WORDS_ONLY
    resolutions = tuple(knowledge.resolutions)
    texts, labels, told, meant = _examples(knowledge, unseen)
    vocabulary = knowledge.vocabulary
    tokenizer, loose = tokenizer_of(vocabulary), tokenizer_of(vocabulary, loose=True)
    vectoriser = Vectoriser.learn(texts, kernel, tokenizer, loose)
    rows = Examples.of([vectoriser.row(text) for text in texts], len(vectoriser.columns))
    vectors = chunks = np.empty((0, 0), np.float32)
    if encode is not None:
        if knowledge.chunks:
            chunks = encode([said_by(chunk)[:2_000] for chunk in knowledge.chunks])
        if texts:
            vectors = encode([text[:MEANING_READ] for text in texts])
    tokens, counts, weights = _token_table(texts, labels, len(resolutions), tokenizer)
    trained = Trained(
        resolutions=resolutions,
        kernel=kernel,
        columns=vectoriser.columns,
        idf=vectoriser.idf,
        rows=rows,
        dual=np.empty((len(resolutions) + len(OTHERS), 0), np.float32),
        examples=vectors,
        texts=texts,
        labels=labels,
        tokens=tokens,
        counts=counts,
        weights=weights,
        entities=tuple(vocabulary.entities),
        heard=_heard(knowledge, texts, labels),
        words=_words(knowledge, texts),
        chunks=chunks,
        judgement=Judgement(PRIOR, _UNTRAINED, _UNTRAINED),
    )
    if not resolutions or not texts:
        return trained
    products = rows.products()
    for begin in range(0, len(texts), _AT_ONCE):  # in pieces: the whole is hundreds of megabytes as it is
        piece = products[begin : begin + _AT_ONCE]
        near = kernel.of_words(piece)
        if vectors.size:
            near += kernel.of_meaning(vectors[begin : begin + _AT_ONCE] @ vectors.T)
        piece[:] = near
    wanted = np.zeros((len(texts), len(resolutions) + len(OTHERS)))
    wanted[np.arange(len(texts)), labels] = 1.0
    for at, numbers in meant.items():  # what an open question may mean
        wanted[at, numbers] = 1 / (1 + len(numbers))
    learnt = fit(products, wanted, kernel.ridge, trust=np.where(told, _TOLD, 1.0))
    trained = replace(trained, dual=np.ascontiguousarray(learnt.dual.T, np.float32))
    asked = np.flatnonzero(~told)
    asked = asked[:: -(-len(asked) // _JUDGED)]
    return replace(trained, judgement=_Judge(knowledge, trained, learnt, asked).judgement())


def _examples(
    knowledge: KnowledgeBase, unseen: Callable[[str], bool] | None
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.bool_], dict[int, list[int]]]:
    """The texts to learn from, one class after the other; their classes; which are a resolution's own lines; and for
    each open question the numbers of the resolutions it may mean.
    """
    rows: list[tuple[int, bool, str]] = []
    meant: dict[str, list[int]] = {}
    number_of = {name: number for number, name in enumerate(knowledge.resolutions)}
    for number, resolution in enumerate(knowledge.resolutions.values()):
        rows += [(number, False, text) for text in resolution.questions if unseen is None or not unseen(text)]
        rows += [(number, True, text) for text in own_texts(resolution)]
    count = len(knowledge.resolutions)
    for example in knowledge.examples:
        if example.text and not example.turns and example.outcomes and (unseen is None or not unseen(example.text)):
            if example.outcomes[0] == "no_answer":
                rows.append((count + {"near_error": 1, "far": 2}.get(example.kind, 0), False, example.text))
            elif example.outcomes[0] in ("escalate", "clarify"):
                rows.append((count + (HANDOVER if example.outcomes[0] == "escalate" else BROAD), False, example.text))
                meant[example.text] = [number_of[name] for name in example.resolutions if name in number_of]
    rows.sort(key=lambda row: row[:2])
    return (
        tuple(text for _, _, text in rows),
        np.array([label for label, _, _ in rows], np.int32),
        np.array([own for _, own, _ in rows], bool),
        {at: meant[text] for at, (label, _, text) in enumerate(rows) if label == count + BROAD and meant.get(text)},
    )


def _words(knowledge: KnowledgeBase, texts: Sequence[str]) -> dict[str, int]:
    """Every word of the knowledge, and how often it is used; words of the vocabulary count as often used."""
    counts: dict[str, int] = {}
    for text in (*texts, *(f"{chunk.title}\n{chunk.section}\n{chunk.text}" for chunk in knowledge.chunks)):
        for word in _WORD.findall(text.lower()):
            counts[word] = counts.get(word, 0) + 1
    vocabulary = knowledge.vocabulary
    named = [way for values in vocabulary.facets.values() for ways in values.values() for way in ways]
    named += [way for ways in vocabulary.entities.values() for way in ways]
    named += [*vocabulary.products, *(way for group in vocabulary.synonyms for way in group)]
    for way in named:
        for word in _WORD.findall(way.lower()):
            counts[word] = counts.get(word, 0) + 2
    return counts


def _heard(knowledge: KnowledgeBase, texts: Sequence[str], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """In how many texts of each resolution an entity is spoken of, (entities, resolutions)."""
    facets = FacetReader(knowledge.vocabulary)
    row = {entity: at for at, entity in enumerate(knowledge.vocabulary.entities)}
    heard = np.zeros((len(row), len(knowledge.resolutions)), np.int64)
    for text, label in zip(texts, labels.tolist(), strict=True):
        if label < len(knowledge.resolutions):
            for entity in facets.read(text).entities:
                heard[row[entity], label] += 1
    within: dict[tuple[str, str], frozenset[str]] = {}
    for chunk in knowledge.chunks:
        place = (chunk.article, chunk.anchor)
        within[place] = within.get(place, frozenset()) | facets.read(f"{chunk.section}\n{chunk.text}").entities
    for label, resolution in enumerate(knowledge.resolutions.values()):
        for place in sections_of(resolution):
            for entity in within.get(place, ()):
                heard[row[entity], label] += 2
    return np.minimum(heard, 255).astype(np.uint8)


def _token_table(
    texts: Sequence[str], labels: NDArray[np.int32], resolutions: int, tokenizer: Tokenizer
) -> tuple[dict[str, int], NDArray[np.uint8], Singles]:
    """Tokens, in how many texts of each resolution they stand (at most 255), and how rare they are."""
    found: dict[str, dict[int, int]] = {}
    spread: dict[str, int] = {}
    for text, label in zip(texts, labels.tolist(), strict=True):
        for token in set(tokenizer.words(text)):
            spread[token] = spread.get(token, 0) + 1
            if label < resolutions:
                own = found.setdefault(token, {})
                own[label] = min(255, own.get(label, 0) + 1)
    tokens = {token: at for at, token in enumerate(sorted(found))}
    counts = np.zeros((len(tokens), resolutions), np.uint8)
    for token, own in found.items():
        counts[tokens[token], list(own)] = list(own.values())
    weights = np.array([np.log((len(texts) + 1) / spread[token]) for token in tokens], np.float32)
    return tokens, counts, weights


class _Judge:
    """Learns the weights of signals and signs from what each example would have scored unseen."""

    def __init__(self, knowledge: KnowledgeBase, trained: Trained, learnt: Fit, asked: NDArray[np.intp]) -> None:
        self.knowledge, self.trained, self.learnt, self.asked = knowledge, trained, learnt, asked
        self.count = len(trained.resolutions)
        engine = Engine(knowledge, trained)
        self.searcher = engine.searcher
        self.readings: dict[int, tuple[Reading, Gathered]] = {}
        for at in asked.tolist():
            unwrapped = unwrap(trained.texts[at])
            vector = trained.examples[at] if trained.examples.size else None
            reading = engine.read(classified(unwrapped), unwrapped, engine.signatures.match(unwrapped), vector=vector)
            self.readings[at] = (reading, engine.gather(reading, left_out=at))
            reading.forget_likeness()

    def judgement(self) -> Judgement:
        labels, count = self.trained.labels, self.count
        covered = [at for at in self.asked.tolist() if labels[at] < count]
        engine = Engine(self.knowledge, self.trained, searcher=self.searcher)
        signals = PRIOR
        if len(covered) > count > 1:
            rivals, places = [], min(_RIVALS, count)
            for at in covered:
                weighed = self._weighed(engine, at)
                order = np.argsort(-weighed.scores, kind="stable")
                chosen = [int(labels[at]), *(n for n in order.tolist() if n != labels[at])][:places]
                rivals.append(weighed.signals[chosen])
            signals = fit_signals(np.array(rivals), np.zeros(len(rivals), np.intp))
        engine = Engine(
            self.knowledge,
            replace(self.trained, judgement=replace(self.trained.judgement, signals=signals)),
            searcher=self.searcher,
        )
        signs, right, known = [], [], []
        refused = 0
        for at in self.asked.tolist():
            kind = int(labels[at]) - count
            if kind == HANDOVER:
                continue
            weighed = self._weighed(engine, at)
            signs.append(weighed.signs)
            right.append(kind < 0 and int(weighed.order[0]) == int(labels[at]))
            known.append(kind < 0 or kind == BROAD)
            refused += 0 <= kind < BROAD
        if refused < _FEW_REFUSED and count > 2:
            for number in range(count):
                own = np.flatnonzero(labels == number)
                scores = self.learnt.without(own)
                for at, row in zip(own.tolist(), scores, strict=True):
                    if at in self.readings:
                        signs.append(engine.weigh(*self.readings[at], row, left_out=at, masked=number).signs)
                        right.append(False)
                        known.append(False)
        x = np.array(signs)
        sides = list(SIGNS.values())
        return Judgement(
            signals,
            Logistic.fit_directed(x, np.array(right), sides),
            Logistic.fit_directed(x, np.array(known), sides),
        )

    def _weighed(self, engine: Engine, at: int) -> Weighed:
        return engine.weigh(*self.readings[at], self.learnt.unseen[at], left_out=at)
