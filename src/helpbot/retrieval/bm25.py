"""BM25 over tokenised passages: rank_bm25's scores, from columns worked out beforehand.

The model is rank_bm25's `BM25Plus` with `delta=0`. Its idf, log((N + 1) / n), is positive for every word,
also in a collection of three passages, where `BM25Okapi` gives a word of half of the passages nothing and a
commoner one a negative weight. Its delta is added to every passage alike, with or without the word, so it
never changes an order; without it a passage that shares no word scores 0.

rank_bm25 itself does the arithmetic that decides a score: `_Model` is its class, asked for the idf of the
words of a question and for the scores of all (word count, passage length) pairs of the collection. What is
ours is that these are looked up rather than worked out per question and passage.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from rank_bm25 import BM25Plus

from helpbot.retrieval.segment import LARGEST_SEGMENT, Segment, build_segment, merge_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Bm25Index", "Ranked"]

_BLOCK: Final = 128  # passages whose best score is looked at before theirs
_DENSE_CELLS: Final = 1 << 19  # up to here (4 MB) the whole score matrix is kept: one sum answers
_SMALL_SEGMENT: Final = 2_048  # passages; changes gather in segments up to this size
_MOST_SMALL: Final = 8  # small segments, before they are joined
_MOST_COLUMNS: Final = 65_536  # words whose columns are remembered


class _Model(BM25Plus):  # type: ignore[misc]  # rank_bm25 carries no types
    """rank_bm25's arithmetic over statistics that are kept elsewhere."""

    def __init__(self, size: int, mean_length: float, k1: float, b: float) -> None:
        # The parent's own __init__ counts a corpus; ours is counted already.
        self.k1, self.b, self.delta = k1, b, 0
        self.corpus_size, self.avgdl = size, mean_length
        self.doc_freqs: list[dict[str, int]] = []
        self.doc_len: list[int] = []
        self.idf: dict[str, float] = {}

    def idf_of(self, passages_with: int) -> float:
        """The weight of a word that stands in so many passages."""
        self._calc_idf({"": passages_with})
        return self.idf[""]

    def parts(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """The score of each (word count, passage length) for a word of idf 1."""
        counts, lengths = pairs.T.tolist()
        parts = _Model(len(pairs), self.avgdl, self.k1, self.b)
        parts.doc_freqs = [{"": count} for count in counts]
        parts.doc_len = lengths
        parts.idf = {"": 1.0}
        return np.asarray(parts.get_scores([""]), np.float64)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The best passages of a question, best first; equal scores in passage order.

    `docs` is (n,) int64 and `scores` (n,) float64; a passage that shares no word is not in it.
    """

    docs: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.docs)

    def pairs(self) -> list[tuple[int, float]]:
        """(passage, score) as plain numbers."""
        return list(zip(self.docs.tolist(), self.scores.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Column:
    """A word: its idf, and where its postings stand in each segment that has it."""

    idf: float
    ranges: tuple[tuple[int, int, int], ...]  # segment, begin, end
    row: int  # in the matrix of a small collection; -1 without one


class Bm25Index:
    """An immutable BM25 index. Passages are numbered from 0 in the order they were given.

    `changed` returns another index that shares everything but the change. Safe to use from several threads.
    """

    __slots__ = (
        "_bases",
        "_columns",
        "_dead",
        "_matrix",
        "_model",
        "_scratch",
        "_tables",
        "b",
        "k1",
        "segments",
        "size",
    )

    def __init__(
        self,
        segments: Sequence[Segment],
        *,
        deleted: Iterable[int] = (),
        k1: float = 1.5,
        b: float = 0.75,
    ) -> None:
        self.segments = tuple(segments)
        self.k1, self.b = k1, b
        sizes = [segment.size for segment in self.segments]
        self.size = sum(sizes)
        self._bases = np.cumsum([0, *sizes]).tolist()
        dead = np.array(sorted(set(deleted)), np.int64)
        self._dead = tuple(
            (dead[(dead >= base) & (dead < base + size)] - base).astype(np.uint16)
            for base, size in zip(self._bases, sizes, strict=False)
        )
        total = sum(
            int(segment.lengths.sum(dtype=np.int64)) - int(segment.lengths[gone].sum(dtype=np.int64))
            for segment, gone in zip(self.segments, self._dead, strict=True)
        )
        live = self.size - len(dead)
        self._model = _Model(live, total / live if total else 1.0, k1, b)
        self._tables = tuple(self._model.parts(segment.pairs) for segment in self.segments)
        self._columns: dict[str, _Column] = {}
        self._scratch: deque[NDArray[np.float64]] = deque(maxlen=8)
        self._matrix = self._dense()

    @classmethod
    def build(cls, passages: Sequence[Sequence[str]], *, k1: float = 1.5, b: float = 0.75) -> Bm25Index:
        """The index of tokenised passages."""
        cuts = range(0, len(passages), LARGEST_SEGMENT)
        return cls([build_segment(passages[at : at + LARGEST_SEGMENT]) for at in cuts], k1=k1, b=b)

    @property
    def deleted(self) -> tuple[int, ...]:
        """The numbers of passages that were taken out, ascending."""
        return tuple(
            base + doc for base, gone in zip(self._bases, self._dead, strict=False) for doc in gone.tolist()
        )

    def changed(self, *, remove: Iterable[int] = (), add: Sequence[Sequence[str]] = ()) -> Bm25Index:
        """The index without some passages and with others, which are numbered from `size` on.

        Scores equal those of an index built anew: every statistic is counted over what is left.
        """
        segments = list(self.segments)
        segments += [
            build_segment(add[at : at + LARGEST_SEGMENT]) for at in range(0, len(add), LARGEST_SEGMENT)
        ]
        deleted = {*self.deleted, *remove}
        if any(not 0 <= doc < self.size for doc in deleted):
            raise ValueError(f"only passages 0 to {self.size - 1} can be removed")
        return Bm25Index(_joined(segments), deleted=deleted, k1=self.k1, b=self.b)

    def scores(
        self, tokens: Iterable[str], weights: Mapping[str, float] | None = None
    ) -> NDArray[np.float64]:
        """The score of every passage, (size,) float64. A token given twice counts twice.

        `weights` multiplies a token's part (1 where it is silent). Deleted passages score 0.
        """
        asked = self._asked(tokens, weights)
        if self._matrix is not None:
            return self._matrix_scores(asked)
        out = np.zeros(self.size)
        for at in range(len(self.segments)):
            self._accumulate(at, asked, out[self._bases[at] : self._bases[at + 1]])
        return out

    def top(self, tokens: Iterable[str], k: int = 10, weights: Mapping[str, float] | None = None) -> Ranked:
        """The `k` best passages, exactly as a full sort of `scores` would rank them."""
        asked = self._asked(tokens, weights)
        if self._matrix is not None:
            return _best(self._matrix_scores(asked), k)
        found: list[Ranked] = []
        for at in range(len(self.segments)):
            scratch = self._borrow(self.segments[at].size)
            self._accumulate(at, asked, scratch)
            ranked = _best(scratch, k)
            self._scratch.append(scratch)
            if len(ranked):
                found.append(Ranked(ranked.docs + self._bases[at], ranked.scores))
        if len(found) == 1:
            return found[0]
        if not found:
            return _NOTHING
        docs = np.concatenate([part.docs for part in found])
        scores = np.concatenate([part.scores for part in found])
        order = np.argsort(-scores, kind="stable")[:k]
        return Ranked(docs[order], scores[order])

    def explain(
        self, tokens: Iterable[str], doc: int, weights: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """What each token gives to one passage's score; the parts add up to it. Tokens without part are left out."""
        at = next(i for i in range(len(self.segments)) if doc < self._bases[i + 1])
        segment, table, own = self.segments[at], self._tables[at], doc - self._bases[at]
        if own in self._dead[at]:
            return {}
        parts: dict[str, float] = {}
        for token, weight in _counted(tokens, weights).items():
            column = self._column(token)
            for where, begin, end in column.ranges:
                if where != at:
                    continue
                place = begin + int(segment.docs[begin:end].searchsorted(np.uint16(own)))
                if place < end and segment.docs[place] == own:
                    parts[token] = weight * column.idf * float(table[segment.codes[place]])
        return parts

    def idf(self, token: str) -> float:
        """The token's weight in this collection; 0 for a word that stands nowhere."""
        return self._column(token).idf

    def passages_with(self, token: str) -> int:
        """In how many passages the token stands."""
        return sum(self._live(*where) for where in self._column(token).ranges)

    def __contains__(self, token: str) -> bool:
        return bool(self._column(token).idf)

    def _column(self, token: str) -> _Column:
        column = self._columns.get(token)
        if column is None:
            ranges = tuple(
                (at, *found)
                for at, segment in enumerate(self.segments)
                if (found := segment.range_of(token))[1]
            )
            passages_with = sum(self._live(*where) for where in ranges)
            idf = self._model.idf_of(passages_with) if passages_with else 0.0
            row = self.segments[0].vocabulary.find(token) if len(self.segments) == 1 else -1
            column = _Column(idf, ranges if passages_with else (), row)
            if len(self._columns) >= _MOST_COLUMNS:
                self._columns.clear()
            self._columns[token] = column
        return column

    def _live(self, at: int, begin: int, end: int) -> int:
        """How many of a column's passages are not deleted."""
        gone = self._dead[at]
        if not len(gone):
            return end - begin
        return end - begin - int(np.isin(self.segments[at].docs[begin:end], gone, assume_unique=True).sum())

    def _asked(
        self, tokens: Iterable[str], weights: Mapping[str, float] | None
    ) -> list[tuple[_Column, float]]:
        found = []
        for token, weight in _counted(tokens, weights).items():
            column = self._columns.get(token) or self._column(token)
            if column.idf and weight:
                found.append((column, weight * column.idf))
        return found

    def _accumulate(self, at: int, asked: list[tuple[_Column, float]], out: NDArray[np.float64]) -> None:
        segment, table = self.segments[at], self._tables[at]
        docs, codes = segment.docs, segment.codes
        for column, weight in asked:
            for where, begin, end in column.ranges:
                if where == at:
                    parts = table.take(codes[begin:end])
                    parts *= weight
                    out[docs[begin:end]] += parts
        if len(self._dead[at]):
            out[self._dead[at]] = 0.0

    def _borrow(self, size: int) -> NDArray[np.float64]:
        """A row of zeros, one that was used before if there is one of that size."""
        try:
            scratch = self._scratch.pop()
        except IndexError:
            return np.zeros(size)
        if len(scratch) != size:
            return np.zeros(size)
        scratch.fill(0.0)
        return scratch

    def _dense(self) -> NDArray[np.float64] | None:
        """All scores of a small collection, (words, passages); None for a larger one."""
        if len(self.segments) != 1:
            return None
        segment = self.segments[0]
        if len(segment.vocabulary) * segment.size > _DENSE_CELLS:
            return None
        matrix = np.zeros((len(segment.vocabulary), segment.size))
        words = np.repeat(np.arange(len(segment.vocabulary)), np.diff(segment.starts))
        matrix[words, segment.docs] = self._tables[0][segment.codes]
        matrix[:, self._dead[0]] = 0.0
        return matrix

    def _matrix_scores(self, asked: list[tuple[_Column, float]]) -> NDArray[np.float64]:
        assert self._matrix is not None
        if not asked:
            return np.zeros(self.size)
        rows = [column.row for column, _ in asked]
        weights = np.array([weight for _, weight in asked])
        return weights @ self._matrix[rows]


_NOTHING: Final = Ranked(np.empty(0, np.int64), np.empty(0, np.float64))


def _counted(tokens: Iterable[str], weights: Mapping[str, float] | None) -> dict[str, float]:
    counts: dict[str, float] = {}
    if weights is None:
        for token in tokens:
            counts[token] = counts.get(token, 0.0) + 1.0
    else:
        for token in tokens:
            counts[token] = counts.get(token, 0.0) + weights.get(token, 1.0)
    return counts


def _best(scores: NDArray[np.float64], k: int) -> Ranked:
    """The k best of all scores above 0, best first, equal ones in passage order.

    The k-th largest of the blocks' maxima bounds the k-th best score from below: only blocks that reach it
    can hold one of the best, and no other is looked into.
    """
    size = len(scores)
    if k <= 0:
        return _NOTHING
    if size <= 8 * _BLOCK:
        near = scores.nonzero()[0] if size > 4 * k else np.arange(size)
    else:
        whole = size - size % _BLOCK
        maxima = scores[:whole].reshape(-1, _BLOCK).max(axis=1)
        if whole < size:
            maxima = np.append(maxima, scores[whole:].max())
        bound = np.partition(maxima, -k)[-k] if len(maxima) > k else 0.0
        blocks = np.flatnonzero(maxima >= bound) if bound > 0 else np.flatnonzero(maxima)
        near = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        near = near[near < size]
        near = near[scores[near] >= bound]
    found = scores[near]
    order = np.argsort(-found, kind="stable")[:k]
    best = found[order]
    if len(best) and best[-1] <= 0:
        order = order[best > 0]
        best = found[order]
    return Ranked(near[order].astype(np.int64, copy=False), best)


def _joined(segments: list[Segment]) -> list[Segment]:
    """The same passages with the small segments at the end joined once they are many."""
    small = 0
    while small < len(segments) and segments[-1 - small].size <= _SMALL_SEGMENT:
        small += 1
    if small <= _MOST_SMALL:
        return segments
    tail = segments[-small:]
    return [*segments[:-small], merge_segments(tail)]
