"""The chunks of an index as one sequence: in memory, or read from a snapshot when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, overload

import numpy as np

from helpbot.knowledge.article import Chunk
from helpbot.later import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

__all__ = ["Chunks", "Passage", "StoredChunks", "said_by", "text_of"]


class Passage(Protocol):
    """What can be indexed; `helpbot.knowledge.article.Chunk` is one."""

    @property
    def id(self) -> int:
        """Its number in the knowledge."""
        ...

    @property
    def article(self) -> str:
        """The id of its article."""
        ...

    @property
    def section(self) -> str:
        """The heading it stands under, with those above it."""
        ...

    @property
    def anchor(self) -> str:
        """Where in the article a link leads."""
        ...

    @property
    def title(self) -> str:
        """The article's title."""
        ...

    @property
    def text(self) -> str:
        """Plain text."""
        ...


def said_by(chunk: Passage) -> str:
    """What a chunk says to an encoder: without its article's title, "Solution" is about anything."""
    return "\n".join(dict.fromkeys((chunk.title, chunk.section, chunk.text)))


def text_of(text: bytes | memoryview) -> Callable[[int, int], bytes]:
    """Texts that lie in memory."""
    return lambda begin, end: bytes(text[begin:end])


_FIELDS: Final = ("article", "section", "anchor", "title", "text", "kind")


@dataclass(frozen=True, slots=True)
class StoredChunks:
    """Chunks as arrays that may be memory maps; one is read when it is asked for.

    Article, section, anchor, title, text and kind of chunk `i` are the six pieces of `text` (UTF-8) that
    begin at `starts[6 * i]`; `text(begin, end)` gives bytes of it. `articles`
    numbers the articles of the chunks, in `names` (joined by newlines).
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    text: Callable[[int, int], bytes]
    articles: NDArray[np.int32]
    names: NDArray[np.uint8]

    @classmethod
    def of(cls, chunks: Iterable[Passage]) -> StoredChunks:
        """Put chunks into arrays."""
        ids: list[int] = []
        pieces: list[bytes] = []
        numbers: dict[str, int] = {}
        articles: list[int] = []
        for chunk in chunks:
            ids.append(chunk.id)
            articles.append(numbers.setdefault(chunk.article, len(numbers)))
            pieces += [str(getattr(chunk, field, "text")).encode("utf-8", "surrogatepass") for field in _FIELDS]
        starts = np.zeros(len(pieces) + 1, np.int64)
        np.cumsum([len(piece) for piece in pieces], out=starts[1:])
        names = "\n".join(numbers).encode("utf-8", "surrogatepass")
        return cls(
            np.array(ids, np.int64),
            starts,
            text_of(b"".join(pieces)),
            np.array(articles, np.int32),
            np.frombuffer(names, np.uint8),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def chunk(self, at: int) -> Chunk:
        """Read one."""
        starts = self.starts[at * len(_FIELDS) : (at + 1) * len(_FIELDS) + 1].tolist()
        raw = self.text(starts[0], starts[-1])
        first = starts[0]
        parts = [
            raw[starts[n] - first : starts[n + 1] - first].decode("utf-8", "surrogatepass") for n in range(len(_FIELDS))
        ]
        return Chunk(id=int(self.ids[at]), **dict(zip(_FIELDS, parts, strict=True)))

    def places(self) -> dict[str, list[int]]:
        """Where the chunks of each article stand, without reading them."""
        if not len(self):
            return {}
        names = self.names.tobytes().decode("utf-8", "surrogatepass").split("\n")
        order = np.argsort(self.articles, kind="stable")
        cuts = np.searchsorted(self.articles[order], np.arange(len(names) + 1))
        return {name: order[cuts[n] : cuts[n + 1]].tolist() for n, name in enumerate(names)}


class Chunks(Sequence[Passage]):
    """An immutable sequence of chunks, made of parts: adding to it copies none of what is there."""

    __slots__ = ("_bases", "_parts", "_places", "_size")

    def __init__(self, parts: Iterable[StoredChunks | tuple[Passage, ...]]) -> None:
        self._parts = tuple(part for part in parts if len(part))
        self._bases = np.cumsum([0, *map(len, self._parts)]).tolist()
        self._size: int = self._bases[-1]
        self._places: list[dict[str, list[int]]] | None = None

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> Passage: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Passage, ...]: ...
    def __getitem__(self, at: int | slice) -> Passage | tuple[Passage, ...]:
        if isinstance(at, slice):
            return tuple(self[place] for place in range(*at.indices(self._size)))
        if at < 0:
            at += self._size
        for base, part in zip(self._bases, self._parts, strict=False):
            if 0 <= at - base < len(part):
                return part.chunk(at - base) if isinstance(part, StoredChunks) else part[at - base]
        raise IndexError(at)

    def plus(self, chunks: Iterable[Passage]) -> Chunks:
        """These and then others."""
        return Chunks((*self._parts, tuple(chunks)))

    def places(self, article: str) -> list[int]:
        """Where the chunks of an article stand."""
        if self._places is None:
            self._places = [_places(part) for part in self._parts]
        return [
            base + place
            for base, part in zip(self._bases, self._places, strict=False)
            for place in part.get(article, ())
        ]


def _places(part: StoredChunks | tuple[Passage, ...]) -> dict[str, list[int]]:
    if isinstance(part, StoredChunks):
        return part.places()
    found: dict[str, list[int]] = {}
    for place, chunk in enumerate(part):
        found.setdefault(chunk.article, []).append(place)
    return found
