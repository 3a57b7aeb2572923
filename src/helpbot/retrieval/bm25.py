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
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from rank_bm25 import BM25Plus

from helpbot.later import dataclass
from helpbot.retrieval import fast
from helpbot.retrieval.segment import LARGEST_SEGMENT, Segment, build_segment, merge_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["Bm25Index", "Ranked", "Tokens", "best_of"]

# The words asked for. A token given twice counts twice; a mapping gives each its weight.
Tokens: TypeAlias = "Iterable[str] | Mapping[str, float]"

_BLOCK: Final = 64  # passages in a block
_DENSE_CELLS: Final = 1 << 20  # up to here (8 MB) the whole score matrix is kept: one sum answers
_ONE_SUM: Final = 2_000  # postings a word, on average, up to which one sum is faster than one for each word
_ONE_SUM_SIZE: Final = 16_384  # passages
_MOST_FAST: Final = 128  # hits: more are ranked by NumPy
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
        "_most",
        "_scratch",
        "b",
        "k1",
        "segments",
        "size",
        "tables",
    )

    def __init__(
        self,
        segments: Sequence[Segment],
        *,
        deleted: Iterable[int] = (),
        k1: float = 1.5,
        b: float = 0.75,
        tables: Sequence[NDArray[np.float64]] | None = None,
    ) -> None:
        """`tables` are those of an index with the same segments and deletions, where they are at hand."""
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
        if tables is None:
            tables = [self._model.parts(segment.pairs) for segment in self.segments]
        self.tables = tuple(tables)
        self._most = [float(table.max(initial=0.0)) for table in self.tables]
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
        return tuple(base + doc for base, gone in zip(self._bases, self._dead, strict=False) for doc in gone.tolist())

    def changed(self, *, remove: Iterable[int] = (), add: Sequence[Sequence[str]] = ()) -> Bm25Index:
        """The index without some passages and with others, which are numbered from `size` on.

        Scores equal those of an index built anew: every statistic is counted over what is left.
        """
        segments = list(self.segments)
        segments += [build_segment(add[at : at + LARGEST_SEGMENT]) for at in range(0, len(add), LARGEST_SEGMENT)]
        deleted = {*self.deleted, *remove}
        if any(not 0 <= doc < self.size for doc in deleted):
            raise ValueError(f"only passages 0 to {self.size - 1} can be removed")
        return Bm25Index(_joined(segments), deleted=deleted, k1=self.k1, b=self.b)

    def scores(self, tokens: Tokens) -> NDArray[np.float64]:
        """The score of every passage, (size,) float64: rank_bm25's to 1e-9. Deleted passages score 0."""
        out = np.zeros(self.size)
        self.add_scores(out, tokens)
        return out

    def add_scores(self, out: NDArray[np.float64], tokens: Tokens, times: float = 1.0) -> None:
        """Add `times` the scores to `out`, (size,): how several fields are weighed into one score."""
        asked = self._asked(tokens, times)
        if self._matrix is not None:
            if asked:
                out += self._matrix_scores(asked)
            return
        for at in range(len(self.segments)):
            part = out[self._bases[at] : self._bases[at + 1]]
            dead = self._dead[at]
            before = part[dead]
            self._accumulate(at, asked, part)
            part[dead] = before

    def top(self, tokens: Tokens, k: int = 10) -> Ranked:
        """The `k` best passages, exactly as a full sort of `scores` would rank them."""
        asked = self._asked(tokens, 1.0)
        if self._matrix is not None:
            return best_of(self._matrix_scores(asked), k) if asked else _NOTHING
        if self.size >= fast.FEWEST_PASSAGES and 0 < k <= _MOST_FAST and (kernel := fast.kernel()) is not None:
            return self._compiled_top(kernel, asked, k)
        found: list[Ranked] = []
        scratch = self._borrow()
        for at, segment in enumerate(self.segments):
            part = scratch[: segment.size]
            part.fill(0.0)
            self._accumulate(at, asked, part)
            part[self._dead[at]] = 0.0
            ranked = best_of(part, k)
            if len(ranked):
                found.append(Ranked(ranked.docs + self._bases[at], ranked.scores))
        self._scratch.append(scratch)
        if len(found) == 1:
            return found[0]
        if not found:
            return _NOTHING
        docs = np.concatenate([part.docs for part in found])
        scores = np.concatenate([part.scores for part in found])
        order = np.argsort(-scores, kind="stable")[:k]
        return Ranked(docs[order], scores[order])

    def parts(self, tokens: Tokens, docs: Sequence[int]) -> dict[str, NDArray[np.float64]]:
        """What each token gives to the scores of some passages: (len(docs),) for each token that gives any.

        For each passage the parts add up to its score.
        """
        asked = _counted(tokens)
        wanted = np.asarray(docs, np.int64)
        found: dict[str, NDArray[np.float64]] = {}
        if self._matrix is not None:
            for token, weight in asked.items():
                column = self._column(token)
                if column.idf:
                    found[token] = self._matrix[column.row, wanted] * (weight * column.idf)
        else:
            for at, segment in enumerate(self.segments):
                base = self._bases[at]
                here = np.flatnonzero((wanted >= base) & (wanted < base + segment.size))
                if not len(here):
                    continue
                local = (wanted[here] - base).astype(np.uint16)
                alive = ~np.isin(local, self._dead[at])
                for token, weight in asked.items():
                    column = self._column(token)
                    for where, begin, end in column.ranges:
                        if where == at:
                            own = segment.docs[begin:end]
                            place = np.minimum(own.searchsorted(local), end - begin - 1)
                            hit = (own[place] == local) & alive
                            part = self.tables[at][segment.codes[begin:end][place]] * hit
                            row = found.setdefault(token, np.zeros(len(wanted)))
                            row[here] = part * (weight * column.idf)
        return {token: row for token, row in found.items() if row.any()}

    def explain(self, tokens: Tokens, doc: int) -> dict[str, float]:
        """What each token gives to one passage's score; the parts add up to it."""
        return {token: float(row[0]) for token, row in self.parts(tokens, [doc]).items()}

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
                (at, *found) for at, segment in enumerate(self.segments) if (found := segment.range_of(token))[1]
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

    def _asked(self, tokens: Tokens, times: float) -> list[tuple[_Column, float]]:
        found = []
        for token, weight in _counted(tokens).items():
            column = self._columns.get(token) or self._column(token)
            if column.idf and weight:
                found.append((column, times * weight * column.idf))
        return found

    def _accumulate(self, at: int, asked: list[tuple[_Column, float]], out: NDArray[np.float64]) -> None:
        segment, table = self.segments[at], self.tables[at]
        docs, codes = segment.docs, segment.codes
        columns = self._columns_in(at, asked)
        if not columns:
            return
        if segment.size <= _ONE_SUM_SIZE and sum(end - begin for begin, end, _ in columns) <= _ONE_SUM * len(columns):
            # Many short columns: the calls cost more than the sums, so all are summed in one.
            parts = table.take(np.concatenate([codes[begin:end] for begin, end, _ in columns]), mode="wrap")
            parts *= np.repeat([weight for *_, weight in columns], [end - begin for begin, end, _ in columns])
            places = np.concatenate([docs[begin:end] for begin, end, _ in columns])
            out += np.bincount(places, parts, segment.size)
            return
        for begin, end, weight in columns:
            # Measured a posting: 1.6 ns like this, 4 ns as `out[docs] += table[codes] * weight`.
            parts = table.take(codes[begin:end], mode="wrap")
            parts *= weight
            np.add.at(out, docs[begin:end].astype(np.intp), parts)

    @staticmethod
    def _columns_in(at: int, asked: list[tuple[_Column, float]]) -> list[tuple[int, int, float]]:
        """Begin, end and weight of the columns that one segment has."""
        return [(begin, end, weight) for column, weight in asked for where, begin, end in column.ranges if where == at]

    def _compiled_top(self, kernel: Callable[..., int], asked: list[tuple[_Column, float]], k: int) -> Ranked:
        docs, scores, found = np.empty(k, np.int64), np.empty(k), 0
        columns: list[list[tuple[int, int, float]]] = [[] for _ in self.segments]
        for column, weight in asked:
            for where, begin, end in column.ranges:
                columns[where].append((begin, end, weight))
        for at, own in enumerate(columns):
            if own:
                segment = self.segments[at]
                found = kernel(
                    np.array(own), segment.docs, segment.codes, self.tables[at], self._most[at], segment.size,
                    self._dead[at], k, self._bases[at], found, docs, scores,
                )  # fmt: skip
        return Ranked(docs[:found], scores[:found])

    def _borrow(self) -> NDArray[np.float64]:
        """Room for the scores of the largest segment; used again, for new pages cost more than the sums."""
        try:
            return self._scratch.pop()
        except IndexError:
            return np.empty(max((segment.size for segment in self.segments), default=0))

    def _dense(self) -> NDArray[np.float64] | None:
        """All scores of a small collection, (words, passages); None for a larger one."""
        if len(self.segments) != 1:
            return None
        segment = self.segments[0]
        if len(segment.vocabulary) * segment.size > _DENSE_CELLS:
            return None
        matrix = np.zeros((len(segment.vocabulary), segment.size))
        words = np.repeat(np.arange(len(segment.vocabulary)), np.diff(segment.starts))
        matrix[words, segment.docs] = self.tables[0][segment.codes]
        matrix[:, self._dead[0]] = 0.0
        return matrix

    def _matrix_scores(self, asked: list[tuple[_Column, float]]) -> NDArray[np.float64]:
        assert self._matrix is not None
        rows = [column.row for column, _ in asked]
        weights = np.array([weight for _, weight in asked])
        # Not `weights @ …`: a matrix library spreads that over threads, which costs more than it is.
        return np.asarray(np.einsum("i,ij->j", weights, self._matrix.take(rows, axis=0)))


_NOTHING: Final = Ranked(np.empty(0, np.int64), np.empty(0, np.float64))


def _counted(tokens: Tokens) -> Mapping[str, float]:
    if isinstance(tokens, Mapping):
        return tokens
    counts: dict[str, float] = {}
    for token in tokens:
        counts[token] = counts.get(token, 0.0) + 1.0
    return counts


def best_of(scores: NDArray[np.float64], k: int) -> Ranked:
    """The k best of all scores above 0, best first, equal ones in passage order.

    The k-th largest of the blocks' maxima bounds the k-th best score from below: only blocks that reach it
    can hold one of the best, and no other is looked into.
    """
    size = len(scores)
    if k <= 0:
        return _NOTHING
    if size <= 8 * _BLOCK:
        near = np.arange(size)
    else:
        # A block is every `blocks`-th passage: maxima over rows are three times as fast as along them.
        blocks = size // _BLOCK
        maxima = scores[: blocks * _BLOCK].reshape(_BLOCK, blocks).max(axis=0)
        bound = float(np.partition(maxima, -k)[-k]) if blocks > k else 0.0
        reached = np.flatnonzero(maxima >= bound) if bound > 0 else np.flatnonzero(maxima)
        near = (np.arange(0, blocks * _BLOCK, blocks)[:, None] + reached).ravel()
        near = np.concatenate((near[scores[near] >= bound], np.arange(blocks * _BLOCK, size)))
        near.sort()
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
