"""Keep an index in a file: written whole or not at all, opened by memory map."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from helpbot.errors import SnapshotError
from helpbot.retrieval.checksum import Checksum
from helpbot.retrieval.snapshot import PREAMBLE, Stored, pack, preamble, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpbot.retrieval.chunks import Passage
    from helpbot.retrieval.search import Indexes

__all__ = ["open_index", "save_index"]

_READ: Final = 1 << 20


def save_index(path: Path, indexes: Indexes, chunks: Sequence[Passage], *, source: str) -> None:
    """Put the index at `path` in one step: who opens it sees the old one or the new one, never a part.

    Who has the old one open keeps it. Raises `OSError` if it cannot be written; the old one then stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pack(indexes, chunks, source=source))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    with suppress(OSError):  # a file system that cannot sync a folder has its own order of writes
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Texts:
    """Reads from an open file without moving in it; the file is closed when nobody reads from it any more."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        weakref.finalize(self, os.close, handle)

    def __call__(self, begin: int, end: int) -> bytes:
        return os.pread(self._handle, end - begin, begin)


def open_index(path: Path) -> Stored:
    """Open the index at `path`. Raises `SnapshotError`, one line with the reason; rebuild it then."""
    try:
        with path.open("rb", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            first = file.read(PREAMBLE)
            preamble(first, length)
            # Read, not mapped: every page looked at through the map would count as this process's memory.
            digest, buffer = Checksum(), memoryview(bytearray(_READ))
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
            # Private pages that nobody writes to: compiled code takes them as it takes any array.
            data = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_COPY)
            texts = _Texts(os.dup(file.fileno()))
        return unpack(data, digest=digest.digest(), read=texts)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}. It will be built again.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SnapshotError(f"{path}: cannot be opened ({reason}). It will be built again.") from None
