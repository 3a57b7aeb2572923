"""From a question to what it may be about, learnt from the authors' example questions.

Kernel ridge regression. How alike two texts are is the sum of two kernels: a square of the likeness of their words,
pairs of words and runs of letters (so that two things in common count for more than twice one thing), and, where an
encoder is at hand, a Gaussian of the distance between their meanings. One linear solve learns it in seconds, and the
same solve gives what each example would have scored had it, and its fold, never been seen: calibration needs no second
training (docs/quality.md has what else was tried).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import pairwise
from math import log
from threading import Thread
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpbot.later import dataclass

if TYPE_CHECKING:
    from helpbot.retrieval.tokens import Tokenizer

__all__ = ["Examples", "Fit", "Kernel", "Row", "Vectoriser", "fit"]

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]

_WORD: Final = re.compile(r"\w+")
_GRAM: Final = 4  # letters in a run; 3 to 5 together cost four times the work and found nothing more
_READ: Final = 2_000  # characters of a text that are looked at
_MOST_REMEMBERED: Final = 20_000  # words
_COMMON: Final = 800  # postings of a word's runs of letters from which on it is worth adding them up
_MOST_SUMMED: Final = 2_000  # words remembered; those that are common take some 10 MB at most
_BLOCK: Final = 512  # rows and columns inverted in one piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """How much each view of a text counts. Chosen on held-aside questions (docs/quality.md)."""

    words: float = 0.4
    pairs: float = 0.2
    letters: float = 0.4
    shift: float = 0.1  # before squaring: what a text that shares little still counts
    meaning: float = 0.0
    sharpness: float = 2.0  # of the Gaussian over 1 - cosine
    ridge: float = 0.1

    def of_words(self, likeness: Floats) -> Floats:
        """The kernel of words, from their likeness (0 to 1)."""
        near: Floats = likeness + np.float32(self.shift)
        near *= near
        return near

    def of_meaning(self, cosines: Floats) -> Floats:
        """The kernel of meaning, from cosines."""
        near: Floats = cosines - np.float32(1)
        near *= np.float32(self.sharpness)
        np.exp(near, out=near)
        near *= np.float32(self.meaning)
        return near


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A text's features: `columns`, each once, and their `values`. Lists: few, and looked up one by one.

    The last of them may be told again by word: from `apart` on they are the columns of `words`, each word's with what
    all its runs of letters are multiplied by, beside how rare each is (`rare`, of all columns).
    """

    columns: list[int]
    values: list[float]
    words: Sequence[tuple[tuple[int, ...], float]] = ()
    apart: int | None = None
    rare: Sequence[float] = ()


class Vectoriser:
    """Turns a text into features: stemmed words, pairs of words in a row, runs of letters within words."""

    __slots__ = ("_letters_memory", "_rare", "columns", "idf", "kernel", "loose", "tokenizer")

    def __init__(
        self, columns: Mapping[str, int], idf: Floats, kernel: Kernel, tokenizer: Tokenizer, loose: Tokenizer
    ) -> None:
        """`loose` is the tokenizer that keeps the words which say nothing: pairs need them ("does not")."""
        self.columns, self.idf, self.kernel = columns, idf, kernel
        self.tokenizer, self.loose = tokenizer, loose
        self._rare: list[float] = idf.tolist()
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

    def row(self, text: str, tokens: Sequence[str] | None = None) -> Row:
        """The features of a text; each view is of length one, times the root of its weight in the kernel.

        `tokens` are the tokenizer's, if they are known already.
        """
        text = text[:_READ]
        find = self.columns.get
        words = [find(f"w{token}") for token in (self.tokenizer.words(text) if tokens is None else tokens)]
        pairs = [find(f"p{first} {second}") for first, second in pairwise(self.loose.words(text))]
        spelt = [self._letters(word) for word in _WORD.findall(text.lower())]
        columns: list[int] = []
        values: list[float] = []
        kernel = self.kernel
        self._add_view(columns, values, Counter([at for at in words if at is not None]), kernel.words)
        self._add_view(columns, values, Counter([at for at in pairs if at is not None]), kernel.pairs)
        counts = Counter([at for runs in spelt for at in runs])
        # A word whose runs stand in it alone, each once, is one feature as well as several: those come last.
        whole = [runs for runs in spelt if len(runs) > 1 and all(counts[at] == 1 for at in runs)]
        for runs in whole:
            for at in runs:
                counts[at] = counts.pop(at)
        scale = self._add_view(columns, values, counts, kernel.letters)
        apart = len(columns) - sum(map(len, whole)) if scale else len(columns)
        return Row(columns, values, [(runs, scale) for runs in whole] if scale else (), apart, self._rare)

    def _add_view(self, columns: list[int], values: list[float], counts: Mapping[int, int], weight: float) -> float:
        """Add features that were found so often; what rarity was multiplied by, 0 where nothing was added."""
        if not counts or not weight:
            return 0.0
        rare = self._rare
        # Most stand there once, and of a logarithm there is nothing to be worked out.
        own = [rare[at] if count == 1 else (1 + log(count)) * rare[at] for at, count in counts.items()]
        scale: float = (weight / sum([value * value for value in own])) ** 0.5
        columns.extend(counts)
        values.extend([value * scale for value in own])
        return scale

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
    return [word[at : at + _GRAM] for at in range(len(word) - _GRAM + 1)] or [word]


def _features(text: str, tokenizer: Tokenizer, loose: Tokenizer) -> tuple[set[str], set[str], set[str]]:
    text = text[:_READ]
    return (
        {f"w{token}" for token in tokenizer.words(text)},
        {f"p{first} {second}" for first, second in pairwise(loose.words(text))},
        {f"c{gram}" for word in _WORD.findall(text.lower()) for gram in _grams(word)},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """The rows of many texts, kept by feature: those with feature f are `texts[starts[f]:starts[f + 1]]`."""

    count: int
    starts: NDArray[np.int32]
    texts: NDArray[np.int32]
    values: Floats
    # The common words that came before with the sum of their runs' postings; None for those that are not common.
    _whole: dict[tuple[int, ...], tuple[NDArray[np.int32], Floats] | None] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Row], features: int) -> Examples:
        """Turn rows round."""
        numbers = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row.columns) for row in rows])
        columns = np.fromiter((column for row in rows for column in row.columns), np.intp, len(numbers))
        values = np.fromiter((value for row in rows for value in row.values), np.float32, len(numbers))
        order = np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(features + 1)).astype(np.int32)
        return cls(len(rows), starts, numbers[order], values[order])

    def likeness(self, row: Row) -> Floats:
        """How much each text has in common with `row`, 0 to 1: (count,)."""
        own: list[NDArray[np.int32]] = []
        parts: list[Floats] = []
        apart = len(row.columns) if row.apart is None else row.apart
        columns, times, whole_times = row.columns[:apart], row.values[:apart], []
        for runs, scale in row.words:
            values = row.values[apart : apart + len(runs)]
            apart += len(runs)
            whole = self._summed(runs, row.rare)
            if whole is None:
                columns += runs
                times += values
            else:
                own.append(whole[0])
                parts.append(whole[1])
                whole_times.append(scale)
        at = np.array(columns, np.intp)
        bounds = list(zip(self.starts[at].tolist(), self.starts[at + 1].tolist(), strict=True))
        # Whole stretches are copied: that is quicker than to work out and gather each place.
        own += [self.texts[first:last] for first, last in bounds]
        parts += [self.values[first:last] for first, last in bounds]
        if not own:
            return np.zeros(self.count, np.float32)
        joined = np.concatenate(parts)
        joined *= np.repeat(np.array(whole_times + times, np.float32), [len(part) for part in parts])
        return np.bincount(np.concatenate(own), joined, self.count).astype(np.float32)

    def _summed(self, runs: tuple[int, ...], rare: Sequence[float]) -> tuple[NDArray[np.int32], Floats] | None:
        """The texts that have some of a word's runs of letters, each once, with what they give for a scale of 1.

        A word's runs stand in the same texts mostly. None for a word whose runs are rare: adding them up saves nothing.
        Which words are added up depends on the word alone, so that a text is as alike the second time, to the last bit.
        """
        known = self._whole
        try:
            return known[runs]
        except KeyError:
            whole = None
            if sum([int(self.starts[run + 1] - self.starts[run]) for run in runs]) >= _COMMON:
                likeness = self.likeness(Row(list(runs), [rare[run] for run in runs]))
                texts = np.flatnonzero(likeness).astype(np.int32)
                whole = texts, likeness[texts]
            if len(known) >= _MOST_SUMMED:
                known.clear()
            known[runs] = whole
            return whole

    def products(self) -> Floats:
        """The likeness of all texts with each other, (count, count)."""
        features = np.repeat(np.arange(len(self.starts) - 1, dtype=np.intp), np.diff(self.starts))
        order = np.argsort(self.texts, kind="stable")
        ends = np.searchsorted(self.texts[order], np.arange(self.count + 1))
        total = np.empty((self.count, self.count), np.float32)
        for text in range(self.count):
            own = order[ends[text] : ends[text + 1]]
            total[text] = self.likeness(Row(features[own].tolist(), self.values[own].tolist()))
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What was learnt: `dual` (examples, classes) turns kernels with the examples into scores of the classes.

    A score near 1 is what a class's own examples get, near 0 what the others get. `unseen` (examples, classes) is
    what each example would have scored had its fold not been seen.
    """

    dual: Doubles
    unseen: Doubles
    root: Floats
    wanted: Doubles

    def without(self, rows: NDArray[np.intp]) -> Doubles:
        """What `rows` would score had none of them been seen: (rows, classes)."""
        # The root is a lower triangle: what stands above it, two thirds of the work, is left out.
        own, order = np.empty((len(rows), len(rows)), np.float32), np.sort(rows)
        own[:] = 0.0
        for begin in range(0, len(self.root), 2 * _BLOCK):
            end = begin + 2 * _BLOCK
            upto = int(np.searchsorted(order, end))
            part = self.root[begin:end, order[:upto]]
            own[:upto, :upto] += _product(part.T, part)
        back = np.searchsorted(order, rows)
        inverse = own[np.ix_(back, back)].astype(np.float64)
        return np.asarray(self.wanted[rows] - np.linalg.solve(inverse, self.dual[rows]), np.float64)


def _invert_root(matrix: Floats) -> None:
    """Put M, with M.T @ M the inverse of a symmetric positive definite matrix, in that matrix's own place.

    M is the inverse of its Cholesky factor, found half by half: nearly all the work is products of large blocks, which
    two threads share, and single precision holds, for a factor's condition is only the root of the matrix's.
    """
    size = len(matrix)
    if size <= _BLOCK:
        matrix[:] = np.linalg.inv(np.linalg.cholesky(matrix.astype(np.float64)))
        return
    half = size // 2
    first, below, last = matrix[:half, :half], matrix[half:, :half], matrix[half:, half:]
    _invert_root(first)
    # first and last are lower triangles, and below @ below.T is symmetric: half of each product is known.
    below[:] = _below(first, below.T).T
    _take_square(last, below)
    _invert_root(last)
    below[:] = _below(last, _below(first.T[::-1, ::-1], below.T[::-1])[::-1].T)
    below *= -1
    matrix[:half, half:] = 0.0


def _below(triangle: Floats, right: Floats) -> Floats:
    """triangle @ right for a lower triangle, whose upper half is not looked at."""
    size = len(triangle)
    if size <= 2 * _BLOCK:
        return _product(triangle, right)
    half = size // 2
    out = np.empty((size, right.shape[1]), np.float32)
    out[:half] = _below(triangle[:half, :half], right[:half])
    out[half:] = _below(triangle[half:, half:], right[half:])
    out[half:] += _product(triangle[half:, :half], right[:half])
    return out


def _take_square(matrix: Floats, side: Floats) -> None:
    """Take side @ side.T from the lower half of a symmetric matrix; its upper half is whatever it may be."""
    size = len(matrix)
    if size <= 2 * _BLOCK:
        matrix -= _product(side, side.T)
        return
    half = size // 2
    _take_square(matrix[:half, :half], side[:half])
    _take_square(matrix[half:, half:], side[half:])
    matrix[half:, :half] -= _product(side[half:], side[:half].T)


def _product(left: Floats, right: Floats) -> Floats:
    """left @ right, the rows shared by two threads: the matrix library is kept on one core elsewhere."""
    if left.size * right.shape[1] < _BLOCK**3:
        return np.asarray(left @ right, np.float32)
    out = np.empty((len(left), right.shape[1]), np.float32)
    half = len(left) // 2
    other = Thread(target=np.matmul, args=(left[half:], right), kwargs={"out": out[half:]})
    other.start()
    np.matmul(left[:half], right, out=out[:half])
    other.join()
    return out


def fit(
    kernels: Floats,
    wanted: Doubles,
    ridge: float,
    *,
    trust: Doubles | None = None,
    folds: NDArray[np.intp] | None = None,
) -> Fit:
    """Learn from examples: `kernels` (examples, examples), `wanted` (examples, classes) mostly 0 and 1.

    `kernels` is used up: single precision and one matrix, for there are thousands of examples and they are learnt where
    the bot is served. `trust` (0 to 1] says how much an example counts. Examples of one of the `folds` are left out
    together.
    """
    count = len(kernels)
    kernels[np.diag_indices(count)] += ridge if trust is None else (ridge / trust).astype(np.float32)
    _invert_root(kernels)
    dual = np.asarray(kernels.T @ (kernels @ wanted.astype(np.float32)), np.float64)
    learnt = Fit(dual, np.empty_like(wanted), kernels, wanted)
    folds = np.arange(count) % 10 if folds is None else folds
    for fold in np.unique(folds):
        out = np.flatnonzero(folds == fold)
        learnt.unseen[out] = learnt.without(out)
    return learnt
