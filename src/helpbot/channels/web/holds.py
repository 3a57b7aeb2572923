"""Where the files of conversations are kept: what any such place does, and the folder beside an SQLite database."""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

__all__ = ["Folder", "Found", "Hold"]

ENDINGS: Final = ("png", "bin")  # a picture that was drawn anew; anything else
_FOLDER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kept file."""

    name: str
    ending: str
    data: bytes


class Hold(Protocol):
    """Keeps files by conversation and id. The same id again replaces the file."""

    def keep(self, conversation: str, id_: str, name: str, ending: str, data: bytes) -> None:
        """Keep a file, whole or not at all."""

    def name(self, conversation: str, id_: str) -> str | None:
        """What a file is called."""

    def read(self, conversation: str, id_: str) -> Found | None:
        """A file."""

    def size(self, conversation: str, id_: str) -> int:
        """How many bytes it has; 0 for one that is not there."""

    def erase(self, conversation: str) -> int:
        """Delete all files of a conversation; says how many pictures there were."""


class Folder:
    """A folder for each conversation, in one of the operator's."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, conversation: str, id_: str, name: str, ending: str, data: bytes) -> None:
        """Keep a file, whole or not at all."""
        folder = self._folder(conversation)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{id_}.name").write_text(name, "utf-8")
        half = folder / f".{id_}"
        half.write_bytes(data)
        half.replace(folder / f"{id_}.{ending}")

    def name(self, conversation: str, id_: str) -> str | None:
        """What a file is called."""
        path = self._folder(conversation) / f"{id_}.name"
        return path.read_text("utf-8") if path.is_file() else None

    def read(self, conversation: str, id_: str) -> Found | None:
        """A file."""
        name = self.name(conversation, id_)
        for ending in ENDINGS:
            path = self._folder(conversation) / f"{id_}.{ending}"
            if name is not None and path.is_file():
                return Found(name=name, ending=ending, data=path.read_bytes())
        return None

    def size(self, conversation: str, id_: str) -> int:
        """How many bytes it has; 0 for one that is not there."""
        for ending in ENDINGS:
            with contextlib.suppress(OSError):
                return (self._folder(conversation) / f"{id_}.{ending}").stat().st_size
        return 0

    def erase(self, conversation: str) -> int:
        """Delete all files of a conversation; says how many pictures there were."""
        if not self._folder(conversation).is_dir():
            return 0
        count = len(list(self._folder(conversation).glob("*.png")))
        shutil.rmtree(self._folder(conversation))
        return count

    def _folder(self, conversation: str) -> Path:
        if not _FOLDER.fullmatch(conversation):
            raise ValueError("a conversation's id is no folder's name")
        return self._root / conversation
