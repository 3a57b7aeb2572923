"""From a question to what it may be about, learnt from the authors' example questions.

Kernel ridge regression on one sum of kernels: words, pairs of words and runs of letters (linear, so that serving needs
one row of weights a feature), and where an encoder is at hand a Gaussian of the distance between meanings (so that a
near example counts and a far one does not). One linear solve learns it in seconds, and the same solve gives what each
example would have scored had it, and its fold, never been seen: calibration needs no second training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from helpbot.retrieval.tokens import Tokenizer

__all__ = ["Classifier", "Fit", "Kernel", "Row", "Vectoriser", "fit", "similarity"]

Floats: TypeAlias = NDArray[np.float32]

_WORD: Final = re.compile(r"\w+")
_GRAMS: Final = (3, 4, 5)  # letters; a word with a blank at each end
_READ: Final = 2_000  # characters of a text that are looked at
_MOST_REMEMBERED: Final = 20_000  # words
_COLUMNS: Final = 4_096  # features multiplied at once while learning


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """How much each view of a text counts. Chosen on held-aside questions (docs/quality.md)."""

    words: float = 0.5
    pairs: float = 0.25
    letters: float = 0.5
    meaning: float = 0.0
    sharpness: float = 3.0  # of the Gaussian over 1 - cosine
    ridge: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A text's features: `columns` (n,) and their `values` (n,). `counts` has one entry a feature of `words`."""

    columns: NDArray[np.intp]
    values: Floats


class Vectoriser:
    """Turns a text into features: stemmed words, pairs of words in a row, runs of letters within words."""

    __slots__ = ("_letters_memory", "columns", "idf", "kernel", "loose", "tokenizer")

    def __init__(
        self, columns: Mapping[str, int], idf: Floats, kernel: Kernel, tokenizer: Tokenizer, loose: Tokenizer
    ) -> None:
        """`loose` is the tokenizer that keeps the words which say nothing: pairs need them ("does not")."""
        self.columns, self.idf, self.kernel = columns, idf, kernel
        self.tokenizer, self.loose = tokenizer, loose
        self._letters_memory: dict[str, tuple[int, ...]] = {}

    @classmethod
    def learn(cls, texts: Sequence[str], kernel: Kernel, tokenizer: Tokenizer, loose: Tokenizer) -> Vectoriser:
        """Take the features that stand in at least two of the texts."""
        counts: dict[str, int] = {}
        for text in texts:
            for feature in set().union(*_features(text, tokenizer, loose)):
                counts[feature] = counts.get(feature, 0) + 1
        kept = sorted(feature for feature, count in counts.items() if count > 1)
        size = len(texts) + 1
        idf = np.array([log(size / (counts[feature] + 1)) + 1 for feature in kept], np.float32)
        return cls({feature: column for column, feature in enumerate(kept)}, idf, kernel, tokenizer, loose)

    def row(self, text: str) -> Row:
        """The features of a text; each view is of length one, times the root of its weight in the kernel."""
        text = text[:_READ]
        find = self.columns.get
        words: dict[int, float] = {}
        for token in self.tokenizer.words(text):
            if (column := find(f"w{token}")) is not None:
                words[column] = words.get(column, 0.0) + 1.0
        pairs: dict[int, float] = {}
        before = ""
        for token in self.loose.words(text):
            if before and (column := find(f"p{before} {token}")) is not None:
                pairs[column] = pairs.get(column, 0.0) + 1.0
            before = token
        letters: dict[int, float] = {}
        for word in _WORD.findall(text.lower()):
            for column in self._letters(word):
                letters[column] = letters.get(column, 0.0) + 1.0
        kernel = self.kernel
        views = [(words, kernel.words), (pairs, kernel.pairs), (letters, kernel.letters)]
        parts = [self._view(counts, weight) for counts, weight in views if counts and weight]
        if not parts:
            return Row(np.empty(0, np.intp), np.empty(0, np.float32))
        return Row(np.concatenate([columns for columns, _ in parts]), np.concatenate([values for _, values in parts]))

    def _view(self, counts: dict[int, float], weight: float) -> tuple[NDArray[np.intp], Floats]:
        columns = np.fromiter(counts, np.intp, len(counts))
        values = np.fromiter(counts.values(), np.float32, len(counts))
        values = (1 + np.log(values)) * self.idf[columns]
        values *= weight**0.5 / np.sqrt(values @ values)
        return columns, values

    def _letters(self, word: str) -> tuple[int, ...]:
        columns = self._letters_memory.get(word)
        if columns is None:
            find = self.columns.get
            columns = tuple(column for gram in _grams(word) if (column := find(f"c{gram}")) is not None)
            if len(self._letters_memory) >= _MOST_REMEMBERED:
                self._letters_memory.clear()
            self._letters_memory[word] = columns
        return columns


def _grams(word: str) -> list[str]:
    word = f" {word[:40]} "
    return [word[at : at + size] for size in _GRAMS for at in range(len(word) - size + 1)]


def _features(text: str, tokenizer: Tokenizer, loose: Tokenizer) -> tuple[set[str], set[str], set[str]]:
    text = text[:_READ]
    running = loose.words(text)
    return (
        {f"w{token}" for token in tokenizer.words(text)},
        {f"p{first} {second}" for first, second in zip(running, running[1:], strict=False)},
        {f"c{gram}" for word in _WORD.findall(text.lower()) for gram in _grams(word)},
    )


def _gram_matrix(rows: Sequence[Row], features: int) -> NDArray[np.float64]:
    """The products of all rows with each other, (rows, rows)."""
    numbers = np.repeat(np.arange(len(rows)), [len(row.columns) for row in rows])
    columns = np.concatenate([row.columns for row in rows]) if rows else np.empty(0, np.intp)
    values = np.concatenate([row.values for row in rows]) if rows else np.empty(0, np.float32)
    order = np.argsort(columns, kind="stable")
    numbers, columns, values = numbers[order], columns[order], values[order]
    total = np.zeros((len(rows), len(rows)), np.float32)
    for first in range(0, features, _COLUMNS):
        begin, end = np.searchsorted(columns, (first, first + _COLUMNS))
        dense = np.zeros((len(rows), min(_COLUMNS, features - first)), np.float32)
        dense[numbers[begin:end], columns[begin:end] - first] = values[begin:end]
        total += dense @ dense.T
    return total.astype(np.float64)


def similarity(vectors: NDArray[np.floating], others: NDArray[np.floating], kernel: Kernel) -> Floats:
    """The Gaussian of meaning between rows of `vectors` (n, width) and of `others` (m, width): (n, m)."""
    return np.asarray(kernel.meaning * np.exp(kernel.sharpness * (vectors @ others.T - 1)), np.float32)


class Classifier:
    """Scores for every class; a score near 1 is what its own examples get, near 0 what the others get.

    `linear` is (features, classes); `examples` (examples, width) and `dual` (examples, classes) are the part of
    meaning, both empty without an encoder.
    """

    __slots__ = ("classes", "dual", "examples", "linear", "vectoriser")

    def __init__(
        self,
        classes: Sequence[str],
        vectoriser: Vectoriser,
        linear: Floats,
        dual: Floats,
        examples: NDArray[np.floating],
    ) -> None:
        self.classes = tuple(classes)
        self.vectoriser, self.linear, self.dual, self.examples = vectoriser, linear, dual, examples

    def words_part(self, row: Row) -> Floats:
        """What the words give each class, (classes,)."""
        return np.asarray(row.values @ self.linear[row.columns], np.float32)

    def meaning_part(self, cosines: Floats) -> Floats:
        """What the meaning gives each class, (classes,); `cosines` (examples,) are those to the examples."""
        kernel = self.vectoriser.kernel
        near = kernel.meaning * np.exp(kernel.sharpness * (cosines - 1))
        return np.asarray(near.astype(np.float32) @ self.dual, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A classifier, and what it would have scored each example without having seen its fold: (examples, classes)."""

    classifier: Classifier
    unseen: NDArray[np.float64]
    products: NDArray[np.float64]  # the kernel between all examples
    inverse: NDArray[np.float64]
    dual: NDArray[np.float64]

    def without(self, rows: NDArray[np.intp], labels: NDArray[np.float64]) -> NDArray[np.float64]:
        """What `rows` would score had none of them been seen: `labels` (rows, classes) are what they were taught."""
        return labels - np.linalg.solve(self.inverse[np.ix_(rows, rows)], self.dual[rows])


def fit(
    rows: Sequence[Row],
    labels: NDArray[np.intp],
    classes: Sequence[str],
    vectoriser: Vectoriser,
    *,
    vectors: Floats | None = None,
    trust: NDArray[np.float64] | None = None,
    folds: NDArray[np.intp] | None = None,
) -> Fit:
    """Learn from examples: `labels` are numbers of `classes`; `trust` (0 to 1] says how much an example counts.

    `vectors` (examples, width) are the encoder's. Examples of one of the `folds` are left out together.
    """
    count, kernel = len(rows), vectoriser.kernel
    products = _gram_matrix(rows, len(vectoriser.columns))
    if vectors is not None and kernel.meaning:
        products = products + similarity(vectors, vectors, kernel).astype(np.float64)
    trust = np.ones(count) if trust is None else trust
    inverse: NDArray[np.float64] = np.linalg.inv(products + np.diag(kernel.ridge / trust))
    wanted = np.zeros((count, len(classes)))
    wanted[np.arange(count), labels] = 1.0
    dual = inverse @ wanted
    linear = np.zeros((len(vectoriser.columns), len(classes)), np.float32)
    for row, weights in zip(rows, dual.astype(np.float32), strict=True):
        linear[row.columns] += row.values[:, None] * weights
    meant = vectors is not None and bool(kernel.meaning)
    examples = np.asarray(vectors, np.float32) if meant else np.empty((0, 0), np.float32)
    own = dual.astype(np.float32) if meant else np.empty((0, len(classes)), np.float32)
    unseen = np.empty_like(wanted)
    folds = np.arange(count) % 10 if folds is None else folds
    for fold in np.unique(folds):
        out = np.flatnonzero(folds == fold)
        unseen[out] = wanted[out] - np.linalg.solve(inverse[np.ix_(out, out)], dual[out])
    return Fit(Classifier(classes, vectoriser, linear, own, examples), unseen, products, inverse, np.asarray(dual, np.float64))
