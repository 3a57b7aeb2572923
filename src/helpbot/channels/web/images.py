"""Screenshots: taken only as PNG, JPEG or WebP, drawn anew by a child process, kept under a random name.

What is stored is never what was sent: the picture is decoded and encoded again, which drops everything that is not
picture. That happens in a process of its own with limits on memory and time, because image parsers have had many
faults. Run as a program (`python -m helpbot.channels.web.images`) this module is that process.
"""

from __future__ import annotations

import contextlib
import io
import re
import secrets
import shutil
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from helpbot.channels.web.holds import Folder, Hold
from helpbot.channels.web.problems import ProblemError

__all__ = ["Kept", "Shelf", "Stored", "display_name", "sniff"]

_MAGIC: Final = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"))
MEDIA: Final = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_PIXELS: Final = 40_000_000  # a 4K screenshot has 8 million; more is a bomb or a poster
_SIDE: Final = 6000  # pixels; larger pictures are made smaller
_CHILD_SECONDS: Final = 15
_CHILD_MEMORY: Final = 768 * 1024 * 1024
_ID = re.compile(r"[a-z0-9]{26}")
_LONGEST_READ: Final = 4000  # characters of text read from a picture


def sniff(data: bytes) -> str:
    """What the bytes are, by their first ones: png, jpg, webp or nothing."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def display_name(name: str) -> str:
    """A file's name as it may be shown: no path, no control or format characters, at most 80 characters."""
    text = unicodedata.normalize("NFKC", name).replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(letter for letter in text if unicodedata.category(letter)[0] != "C").strip(". ")
    return text[-80:] or "screenshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A stored picture: `ref` is what a message names it by, `text` what was read in it."""

    id: str
    name: str
    text: str

    @property
    def ref(self) -> str:
        """`id/name`."""
        return f"{self.id}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file as it is handed out. A picture that was drawn anew may be shown; anything else is saved by its name."""

    name: str
    data: bytes
    media: str


class Shelf:
    """The files of conversations, kept by conversation, so that erasing one takes its files along."""

    def __init__(self, place: Path | Hold | None, *, ocr: bool = True) -> None:
        """`place` is a folder, or what keeps files elsewhere; None: there is nowhere to keep any."""
        self._hold: Hold | None = Folder(place) if isinstance(place, Path) else place
        self._tesseract = shutil.which("tesseract") if ocr else None

    @property
    def open(self) -> bool:
        """Whether pictures are taken at all: somewhere to keep them, and Pillow to draw them anew."""
        return self._hold is not None and find_spec("PIL") is not None

    def put(self, conversation: str, name: str, data: bytes, declared: str) -> Kept:
        """Keep a picture. ProblemError 415 or 422 for what is not one."""
        if not self.open or self._hold is None:
            raise ProblemError(
                415, "Pictures are not taken here. Type the error message instead.", kind="attachments-off"
            )
        kind = sniff(data)
        if MEDIA.get(kind) != declared:
            raise ProblemError(
                415,
                "The bytes are not the picture that the Content-Type names. Send a PNG, JPEG or WebP.",
                kind="unsupported-type",
            )
        drawn = _redraw(data)
        id_ = "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(26))
        shown = display_name(name)
        self._hold.keep(conversation, id_, shown, "png", drawn)
        return Kept(id=id_, name=shown, text=self._read(drawn))

    def names(self, conversation: str, ids: list[str]) -> tuple[str, ...]:
        """What messages name these pictures by. ProblemError 422 for one this conversation does not have."""
        found = []
        for id_ in ids:
            name = self._hold.name(conversation, id_) if self._hold is not None and _ID.fullmatch(id_) else None
            if name is None:
                raise ProblemError(
                    422,
                    "An attachment is not one of this conversation. Upload it first.",
                    kind="invalid",
                    errors=[{"field": "attachments", "problem": "unknown"}],
                )
            found.append(f"{id_}/{name}")
        return tuple(found)

    def take(self, conversation: str, id_: str, name: str, data: bytes) -> str | None:
        """Keep an agent's file under an id of the caller's, and say what a message names it by; None: nowhere to.

        The same id again is the same file. A picture is drawn anew like a visitor's; any other kind stays as it is.
        """
        if self._hold is None or not _ID.fullmatch(id_):
            return None
        drawn = None
        if sniff(data) and self.open:
            with contextlib.suppress(ProblemError):  # a picture that cannot be drawn can still be saved
                drawn = _redraw(data)
        shown = display_name(name)
        self._hold.keep(conversation, id_, shown, "bin" if drawn is None else "png", data if drawn is None else drawn)
        return f"{id_}/{shown}"

    def find(self, conversation: str, id_: str) -> Stored | None:
        """A file of a conversation, whoever sent it."""
        if self._hold is None or not _ID.fullmatch(id_):
            return None
        found = self._hold.read(conversation, id_)
        if found is None:
            return None
        media = "image/png" if found.ending == "png" else "application/octet-stream"
        return Stored(name=found.name, data=found.data, media=media)

    def size(self, conversation: str, id_: str) -> int:
        """How many bytes a file has; 0 for one that is not there."""
        return self._hold.size(conversation, id_) if self._hold is not None and _ID.fullmatch(id_) else 0

    def erase(self, conversation: str) -> int:
        """Delete all files of a conversation; says how many pictures there were."""
        return self._hold.erase(conversation) if self._hold is not None else 0

    def _read(self, drawn: bytes) -> str:
        if self._tesseract is None:
            return ""
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program, the picture comes in by its standard input
                [self._tesseract, "stdin", "stdout", "--psm", "6"], input=drawn, capture_output=True,
                timeout=_CHILD_SECONDS, check=False, env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ""
        text = done.stdout.decode("utf-8", "ignore").replace("\x0c", "").replace("\x00", "")
        kept = [line.strip() for line in text.splitlines() if sum(letter.isalnum() for letter in line) >= 3]
        return "\n".join(kept)[:_LONGEST_READ]


def _redraw(data: bytes) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "helpbot.channels.web.images"], input=data, capture_output=True,
            timeout=_CHILD_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode != 0 or not done.stdout:
        raise ProblemError(
            422,
            "The picture is damaged, too large or not one that can be read. Send a smaller screenshot.",
            kind="bad-picture",
        )
    return done.stdout


def _child() -> int:
    """Read a picture from standard input and write it as PNG to standard output; exit 1 if that cannot be done."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_CHILD_MEMORY, _CHILD_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CHILD_SECONDS, _CHILD_SECONDS))
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = _PIXELS
    try:
        with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=("PNG", "JPEG", "WEBP")) as picture:
            if picture.width * picture.height > _PIXELS:
                return 1
            turned = ImageOps.exif_transpose(picture) or picture
            turned.thumbnail((_SIDE, _SIDE))
            clean = Image.new("RGB", turned.size, "white")
            if turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info:
                layer = turned.convert("RGBA")
                clean.paste(layer, mask=layer.getchannel("A"))
            else:
                clean.paste(turned.convert("RGB"))
            out = io.BytesIO()
            clean.save(out, "PNG", optimize=False)
    except Exception:
        return 1
    sys.stdout.buffer.write(out.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(_child())
