"""An index as bytes and back: no pickle, nothing parsed that is not asked for.

A snapshot is a preamble (magic, format, lengths, checksum of all that follows), a header in JSON that names
the arrays, and the arrays themselves, each at a multiple of 64 bytes, so that they can be used where they lie
in a memory map. Reading and writing files is `helpbot.loading_index`'s.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from helpbot.errors import SnapshotError
from helpbot.later import dataclass
from helpbot.retrieval.bm25 import Bm25Index
from helpbot.retrieval.checksum import checksum
from helpbot.retrieval.chunks import Chunks, StoredChunks, text_of
from helpbot.retrieval.search import Indexes
from helpbot.retrieval.segment import Segment, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from helpbot.retrieval.chunks import Passage

__all__ = ["FORMAT", "PREAMBLE", "Preamble", "Stored", "pack", "preamble", "unpack"]

FORMAT: Final = 2  # grows with every change of what the bytes mean
_MAGIC: Final = b"HELPBOT\x00"
_FIRST: Final = struct.Struct("<8sIIQ32s")  # magic, format, header's length, whole length, checksum
PREAMBLE: Final = _FIRST.size
_ALIGN: Final = 64
_VIEWS: Final = ("words", "titles", "pieces")


@dataclass(frozen=True, slots=True)
class Preamble:
    """What the first bytes of a snapshot promise."""

    header: int
    length: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """What a snapshot held. `source` is what its writer said it was made from: another source, rebuild."""

    indexes: Indexes
    chunks: Chunks
    source: str


def pack(indexes: Indexes, chunks: Sequence[Passage], *, source: str) -> list[bytes]:
    """The snapshot in pieces, to be written one after another. The same content gives the same bytes."""
    arrays = dict(_arrays(indexes))
    stored = StoredChunks.of(chunks)
    arrays |= {f"chunks.{part}": getattr(stored, part) for part in _CHUNK_ARRAYS}
    # The texts come last and are not among the arrays: who opens the file reads them when they are asked for.
    texts = stored.text(0, int(stored.starts[-1]))
    places, at = {}, 0
    for name, array in arrays.items():
        places[name] = [array.dtype.str, list(array.shape), at]
        at += -(-array.nbytes // _ALIGN) * _ALIGN
    header = json.dumps(
        {
            "source": source,
            "views": {view: _shape(index) for view in _VIEWS if (index := getattr(indexes, view)) is not None},
            "arrays": places,
            "texts": at,
        },
        separators=(",", ":"),
    ).encode()
    header += b" " * (-(PREAMBLE + len(header)) % _ALIGN)
    pieces = [header]
    for array in arrays.values():
        pieces += [array.tobytes(), b"\x00" * (-array.nbytes % _ALIGN)]
    pieces.append(texts)
    whole = PREAMBLE + sum(map(len, pieces))
    return [_FIRST.pack(_MAGIC, FORMAT, len(header), whole, checksum(pieces)), *pieces]


def preamble(first: bytes, length: int) -> Preamble:
    """Read the first `PREAMBLE` bytes of a snapshot of `length` bytes.

    Raises `SnapshotError` if it is not a snapshot, of another format, or cut short.
    """
    if len(first) < PREAMBLE or not first.startswith(_MAGIC):
        raise SnapshotError("not an index of helpbot")
    _, number, header, whole, digest = _FIRST.unpack(first[:PREAMBLE])
    if number != FORMAT:
        raise SnapshotError(f"format {number}, and this version reads format {FORMAT}")
    if whole != length:
        raise SnapshotError(f"{length} bytes long, and {whole} were written")
    return Preamble(header, whole, digest)


def unpack(data: Any, *, digest: bytes | None = None, read: Callable[[int, int], bytes] | None = None) -> Stored:
    """The index in a buffer (bytes, memory map, …), which it goes on using.

    `digest` is the checksum of all after the preamble where the caller has worked it out already; `read` gives
    the bytes from one place of the snapshot to another without the buffer. Raises `SnapshotError` with the
    reason.
    """
    view = memoryview(data)
    first = preamble(bytes(view[:PREAMBLE]), len(view))
    if (digest or checksum([view[PREAMBLE:]])) != first.digest:
        raise SnapshotError("its content is not what was written")
    try:
        header = json.loads(bytes(view[PREAMBLE : PREAMBLE + first.header]))
        base = PREAMBLE + first.header
        arrays = {
            name: np.frombuffer(view, dtype, int(np.prod(shape)), base + at).reshape(shape)
            for name, (dtype, shape, at) in header["arrays"].items()
        }
        views = {name: _index(name, shape, arrays) for name, shape in header["views"].items()}
        texts = base + int(header["texts"])
        text = text_of(view[texts:]) if read is None else lambda begin, end: read(texts + begin, texts + end)
        chunks = StoredChunks(text=text, **{name: arrays[f"chunks.{name}"] for name in _CHUNK_ARRAYS})
        indexes = Indexes(views["words"], views["titles"], views.get("pieces"))
        return Stored(indexes, Chunks([chunks]), header["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotError(f"its content cannot be read ({error})") from error


def _shape(index: Bm25Index) -> dict[str, Any]:
    return {"segments": len(index.segments), "k1": index.k1, "b": index.b}


def _arrays(indexes: Indexes) -> Iterator[tuple[str, NDArray[Any]]]:
    for name in _VIEWS:
        index: Bm25Index | None = getattr(indexes, name)
        if index is None:
            continue
        yield f"{name}.deleted", np.array(index.deleted, np.int64)
        for at, (segment, table) in enumerate(zip(index.segments, index.tables, strict=True)):
            vocabulary = segment.vocabulary
            yield from (
                (f"{name}.{at}.{part}", array)
                for part, array in (
                    ("hashes", vocabulary.hashes), ("words", vocabulary.starts), ("text", vocabulary.text),
                    ("starts", segment.starts), ("docs", segment.docs), ("codes", segment.codes),
                    ("pairs", segment.pairs), ("lengths", segment.lengths), ("table", table),
                )
            )  # fmt: skip


def _index(name: str, shape: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Bm25Index:
    segments, tables = [], []
    for at in range(shape["segments"]):
        part = {key: arrays[f"{name}.{at}.{key}"] for key in _SEGMENT_ARRAYS}
        vocabulary = Vocabulary(part["hashes"], part["words"], part["text"])
        segments.append(
            Segment(vocabulary, part["starts"], part["docs"], part["codes"], part["pairs"], part["lengths"])
        )
        tables.append(part["table"])
    deleted: Iterable[int] = arrays[f"{name}.deleted"].tolist()
    return Bm25Index(segments, deleted=deleted, k1=shape["k1"], b=shape["b"], tables=tables)


_CHUNK_ARRAYS: Final = ("ids", "starts", "articles", "names")
_SEGMENT_ARRAYS: Final = (
    "hashes", "words", "text", "starts", "docs", "codes", "pairs", "lengths", "table",
)  # fmt: skip
