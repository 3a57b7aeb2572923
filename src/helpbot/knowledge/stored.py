"""Sequences in stored form: one answer looks at few of ten thousand example questions, and only those are decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import TypeVar, overload

__all__ = ["Stored", "joined"]

T = TypeVar("T")


class Stored(Sequence[T]):
    """Items that lie one after the other in `data`; item n begins at `starts[n]`, and `decode` makes it of its bytes.

    There is one start more than there are items. Equal to any sequence of the same items.
    """

    __slots__ = ("_data", "_decode", "_starts")

    def __init__(self, data: memoryview, starts: Sequence[int], decode: Callable[[bytes], T]) -> None:
        self._data, self._starts, self._decode = data, starts, decode

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            return tuple(self[place] for place in range(*at.indices(len(self))))
        place = range(len(self))[at]  # counts from the end too, and refuses what is not there
        return self._decode(bytes(self._data[self._starts[place] : self._starts[place + 1]]))

    def part(self, begin: int, end: int) -> Stored[T]:
        """Items begin to end, in stored form still."""
        return Stored(self._data, self._starts[begin : end + 1], self._decode)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str | bytes) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


def joined(items: Iterable[bytes]) -> tuple[bytes, list[int]]:
    """What `Stored` reads: the items in one piece, and where each begins."""
    pieces = list(items)
    return b"".join(pieces), [0, *accumulate(map(len, pieces))]
