"""Vectors of texts that were encoded before, kept in the cache: after a change only what is new is encoded.

The file holds one hash and one vector a text, as plain arrays. It belongs to one encoder; a file that is not what it
should be is not used and is written anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from helpbot.understanding.encoder import Encoder

__all__ = ["Remembered", "encoder_id"]

_HASH: Final = 16  # bytes of each text's hash
_MOST: Final = 200_000  # vectors: 300 MB
_WORKERS: Final = max(1, os.cpu_count() or 1)


class Remembered:
    """An encoder with a memory on disk. For building, where thousands of texts come again with each change."""

    def __init__(self, encoder: Encoder, path: Path) -> None:
        self._encoder, self._path = encoder, path
        self._known: dict[bytes, NDArray[np.float32]] = self._read()
        self._used: dict[bytes, NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of the texts, (texts, width); those that are known are not computed again."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_HASH] for text in texts]
        missing = list(dict.fromkeys(key for key in keys if key not in self._known))
        if missing:
            text_of = dict(zip(keys, texts, strict=True))
            fresh = self._encoder.encode([text_of[key] for key in missing], workers=_WORKERS)
            self._known.update(zip(missing, fresh, strict=True))
        for key in keys:
            self._used[key] = self._known[key]
        if not keys:
            return np.empty((0, self._encoder.width), np.float32)
        return np.stack([self._known[key] for key in keys])

    def save(self) -> None:
        """Keep what was used since this was opened, together with what others kept meanwhile."""
        import tempfile

        kept = {**self._read(), **self._used}
        kept = dict(list(kept.items())[-_MOST:])
        if not kept:
            return
        with suppress(OSError):  # a cache that cannot be written costs time, not answers
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, suffix=".npz")
            with os.fdopen(handle, "wb") as file:
                hashes = np.frombuffer(b"".join(kept), np.uint8).reshape(len(kept), _HASH)
                np.savez(file, allow_pickle=False, hashes=hashes, vectors=np.stack(list(kept.values())))
            Path(name).replace(self._path)

    def _read(self) -> dict[bytes, NDArray[np.float32]]:
        from zipfile import BadZipFile

        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                hashes, vectors = arrays["hashes"], np.asarray(arrays["vectors"], np.float32)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return {}
        if hashes.ndim != 2 or hashes.shape[1] != _HASH or vectors.shape != (len(hashes), self._encoder.width):
            return {}
        return {hashes[row].tobytes(): vectors[row] for row in range(len(hashes))}


def encoder_id(encoder: Encoder | None) -> str:
    """Tells one encoder from another by what it says of one text."""
    if encoder is None:
        return "words"
    vector = encoder.encode(["the same text for every encoder"])[0]
    return hashlib.sha256(np.round(vector * 50).astype(np.int8).tobytes()).hexdigest()[:8]
