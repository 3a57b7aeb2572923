"""One immutable part of the index: its words, and for each word the passages that have it.

A segment holds at most 65,536 passages, so that a passage's place fits in two bytes. A posting's second half
is a *code*: the number of a pair (how often the word stands in the passage, how long the passage is). A
collection has a few thousand such pairs, and the whole of BM25 that depends on the passage depends on the
pair alone: the scores of all pairs are one small table, worked out anew in a millisecond when the average
length changes, and nothing stored ever grows stale. Four bytes a posting, and exact.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import numpy as np

from helpbot.later import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["LARGEST_SEGMENT", "Segment", "Vocabulary", "build_segment", "merge_segments"]

LARGEST_SEGMENT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a segment, found by hash without being read in: `hashes` (uint32) ascends.

    Word `i` is `text[starts[i]:starts[i + 1]]`, UTF-8 with surrogates passed. All three may be memory maps.
    """

    hashes: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    text: NDArray[np.uint8]

    @classmethod
    def of(cls, words: Sequence[bytes], hashes: NDArray[np.uint32]) -> Vocabulary:
        """The vocabulary of words that already stand in the order of their hashes."""
        starts = np.zeros(len(words) + 1, np.uint32)
        np.cumsum(np.fromiter(map(len, words), np.uint32, len(words)), out=starts[1:])
        return cls(hashes, starts, np.frombuffer(b"".join(words), np.uint8))

    def __len__(self) -> int:
        return len(self.hashes)

    def find(self, token: str) -> int:
        """The word's number, or -1."""
        raw = token.encode("utf-8", "surrogatepass")
        wanted = np.uint32(crc32(raw))
        at = int(self.hashes.searchsorted(wanted))
        while at < len(self.hashes) and self.hashes[at] == wanted:  # two words of one hash are neighbours
            if self.text[self.starts[at] : self.starts[at + 1]].tobytes() == raw:
                return at
            at += 1
        return -1

    def words(self) -> list[bytes]:
        """All words, in the order of their numbers."""
        text = self.text.tobytes()
        starts = self.starts.tolist()
        return [text[a:b] for a, b in pairwise(starts)]


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings by word: word `w` has `docs[starts[w]:starts[w + 1]]` (ascending) with `codes` beside them.

    `pairs` is (codes, 2) int64: word count and passage length of each code. `lengths` is (docs,) int32.
    """

    vocabulary: Vocabulary
    starts: NDArray[np.int64]
    docs: NDArray[np.uint16]
    codes: NDArray[Any]  # uint16; uint32 where a collection has more than 65,536 pairs
    pairs: NDArray[np.int64]
    lengths: NDArray[np.int32]

    @property
    def size(self) -> int:
        """How many passages it holds, deleted ones included."""
        return len(self.lengths)

    def range_of(self, token: str) -> tuple[int, int]:
        """Where the word's postings begin and end; (0, 0) for an unknown word."""
        at = self.vocabulary.find(token)
        return (int(self.starts[at]), int(self.starts[at + 1])) if at >= 0 else (0, 0)

    def words_of(self, doc: int) -> list[bytes]:
        """The words of one passage. Looks through all postings: for deletions, not for questions."""
        places = np.flatnonzero(self.docs == np.uint16(doc))
        numbers = np.searchsorted(self.starts, places, side="right") - 1
        text, starts = self.vocabulary.text, self.vocabulary.starts
        return [text[starts[n] : starts[n + 1]].tobytes() for n in numbers.tolist()]


def build_segment(passages: Sequence[Sequence[str]]) -> Segment:
    """The segment of at most 65,536 tokenised passages."""
    if len(passages) > LARGEST_SEGMENT:
        raise ValueError(f"a segment holds {LARGEST_SEGMENT} passages, not {len(passages)}")
    lengths = np.fromiter(map(len, passages), np.int32, len(passages))
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__  # a new word gets the next number
    words = np.fromiter(map(numbers.__getitem__, chain.from_iterable(passages)), np.int64, int(lengths.sum()))
    raw = [word.encode("utf-8", "surrogatepass") for word in numbers]
    return _assemble(raw, words, np.repeat(np.arange(len(passages), dtype=np.uint16), lengths), None, lengths)


def merge_segments(segments: Sequence[Segment], keep: NDArray[np.bool_] | None = None) -> Segment:
    """One segment with the passages of several, in order.

    Passages whose `keep` is False stay as empty places (numbers do not shift) without words or length.
    """
    sizes = [segment.size for segment in segments]
    lengths = np.concatenate([segment.lengths for segment in segments])
    kept = np.ones(len(lengths), bool) if keep is None else keep
    lengths = np.where(kept, lengths, 0).astype(np.int32)
    numbers: defaultdict[bytes, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    words, docs, counts = [], [], []
    for base, segment in zip(np.cumsum([0, *sizes]).tolist(), segments, strict=False):
        own = np.fromiter(map(numbers.__getitem__, segment.vocabulary.words()), np.int64)
        place = segment.docs.astype(np.int64) + base
        live = kept[place]
        words.append(np.repeat(own, np.diff(segment.starts))[live])
        docs.append(place[live])
        counts.append(segment.pairs[segment.codes, 0][live])
    return _assemble(list(numbers), np.concatenate(words), np.concatenate(docs), np.concatenate(counts), lengths)


def _assemble(
    raw: list[bytes],
    words: NDArray[np.int64],
    docs: NDArray[np.integer[Any]],
    counts: NDArray[np.int64] | None,
    lengths: NDArray[np.int32],
) -> Segment:
    """Sort (word, passage) pairs into columns. Without `counts` a pair stands as often as it occurs."""
    hashes = np.fromiter(map(crc32, raw), np.uint32, len(raw))
    order = np.argsort(hashes, kind="stable")
    ascending = hashes[order]
    for at in np.flatnonzero(ascending[1:] == ascending[:-1]).tolist():
        # Words of one hash stand in their own order, so that the same passages give the same bytes.
        same = np.flatnonzero(ascending == ascending[at])
        order[same] = sorted(order[same].tolist(), key=raw.__getitem__)
    rank = np.empty(len(raw), np.int64)
    rank[order] = np.arange(len(raw))
    keys = rank[words]
    keys <<= 16
    keys |= docs
    if counts is None:
        keys.sort()
        changes = np.empty(len(keys), bool)
        changes[:1] = True
        np.not_equal(keys[1:], keys[:-1], out=changes[1:])
        first = np.flatnonzero(changes)
        tf = np.diff(first, append=len(keys))
        keys = keys[first]
    else:
        by = np.argsort(keys, kind="stable")
        keys, tf = keys[by], counts[by]
    places = (keys & 0xFFFF).astype(np.uint16)
    used = np.bincount(keys >> 16, minlength=len(raw))
    present = np.flatnonzero(used)  # a merge may leave a word without passages
    starts = np.zeros(len(present) + 1, np.int64)
    np.cumsum(used[present], out=starts[1:])
    codes, pairs = _codes(tf, lengths[places])
    final = order[present]
    vocabulary = Vocabulary.of([raw[i] for i in final.tolist()], hashes[final])
    return Segment(vocabulary, starts, places, codes, pairs, lengths)


def _codes(tf: NDArray[np.int64], length: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Number the distinct pairs (count, length), and give each posting its pair's number."""
    width = int(length.max(initial=0)) + 1
    joined = tf * width + length
    span = int(joined.max(initial=0)) + 1
    if span <= max(1 << 22, 4 * len(joined)):  # passages of ordinary length: a direct table, no sort
        seen = np.zeros(span, bool)
        seen[joined] = True
        distinct = np.flatnonzero(seen)
        number = np.zeros(span, np.uint32)
        number[distinct] = np.arange(len(distinct), dtype=np.uint32)
        codes = number[joined]
    else:
        distinct, codes = np.unique(joined, return_inverse=True)
    pairs = np.stack(np.divmod(distinct, width), axis=1).astype(np.int64).reshape(-1, 2)
    return codes.astype(np.uint16 if len(distinct) <= 1 << 16 else np.uint32), pairs
