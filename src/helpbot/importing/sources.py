"""From a file, a folder or an archive on disk to pages. Nothing outside the source is read, nothing in it is run.

Names in a source say where a page comes from; what is written is named anew, so that no name of theirs can lead out
of the knowledge folder. Limits hold before anything is read, and for archives while they are unpacked.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from helpbot.errors import Fault, SettingError
from helpbot.importing.exports import read_json, read_json_lines
from helpbot.importing.html import read_html
from helpbot.importing.markdown import looks_like_markdown, read_markdown
from helpbot.importing.page import Page, Skipped, without_controls
from helpbot.importing.text import read_text

__all__ = ["KINDS", "LARGEST_PAGE", "MOST_BYTES", "MOST_MEMBERS", "Member", "members_of", "pages_of"]

LARGEST_PAGE: Final = 5 * 1024 * 1024  # bytes of one page; exports hold many and may have all there is
MOST_BYTES: Final = 200 * 1024 * 1024  # bytes of a source, unpacked
MOST_MEMBERS: Final = 10_000  # files of a folder or an archive that can be read
KINDS: Final = {
    ".md": "markdown", ".mdx": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".txt": "text", ".text": "text", ".json": "json", ".jsonl": "lines", ".ndjson": "lines",
}  # fmt: skip
_EXPORTS: Final = frozenset({"json", "lines"})
_LEFT_OUT: Final = frozenset({"node_modules", "__pycache__", "venv", "dist", "build", "site-packages", "__MACOSX"})
_LONGEST_NAME: Final = 300  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a source: `name` is its path within it, `source` tells it from those of others, `size` in bytes.

    `read` raises OSError, and what zipfile raises for an archive that is damaged.
    """

    name: str
    source: str
    kind: str  # of KINDS
    size: int
    changed: datetime
    read: Callable[[], bytes]

    @property
    def stem(self) -> str:
        """What its article is called after: the folder's name for an index."""
        folder, file = posixpath.split(self.name)
        stem = posixpath.splitext(file)[0]
        return posixpath.basename(folder) if folder and stem.lower() in {"index", "readme"} else stem


def members_of(source: Path, *, called: str = "", besides: Path | None = None) -> tuple[list[Member], list[Skipped]]:
    """The files of a source that can be read, in a fixed order, and those that are left out.

    `called` is the name that all of them share, the source's folder's own if it is empty. No link is followed out of
    the source, nothing under `besides` is taken. Raises SettingError for a source that is
    not there or holds more than is read at once.
    """
    if not source.exists():
        raise SettingError([Fault(_shown(str(source)), 0, "there is no such file or folder", "Name one that is there")])
    skipped: list[Skipped] = []
    whole = source.resolve()
    archive = not source.is_dir() and source.suffix.lower() == ".zip"
    root = _shown(called) or _shown(whole.name if source.is_dir() else whole.stem if archive else whole.parent.name)
    if source.is_dir():
        found = _in_folder(source, root, skipped, besides)
    elif archive:
        found = _in_archive(source, root, skipped)
    else:
        found = [one for one in (_member(source, _shown(source.name), root, skipped),) if one is not None]
    size = sum(member.size for member in found)
    if size > MOST_BYTES:
        problem = f"its files have {size:,} bytes together"
        raise SettingError([Fault(_shown(str(source)), 0, problem, f"Import a part at a time: at most {MOST_BYTES:,}")])
    return found, skipped


def pages_of(member: Member, *, ids: Callable[[str], str | None] | None = None) -> Iterator[Page | Skipped]:
    """The articles of one file. `ids` maps the path of another file of the source to the id of its article."""
    name = member.name
    try:
        raw = member.read()
    except (OSError, ValueError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error) as failed:
        # RuntimeError, NotImplementedError: encrypted, or packed in a way that is not known here
        reason = failed.strerror if isinstance(failed, OSError) and failed.strerror else str(failed)
        yield Skipped(source=name, reason=f"it cannot be read: {_shown(reason)}")
        return
    text = _decoded(raw)
    if text is None:
        yield Skipped(source=name, reason="it is neither UTF-8 nor UTF-16 text")
        return
    if not text.strip():
        yield Skipped(source=name, reason="it is empty")
        return

    def resolve(target: str) -> str | None:
        return ids(posixpath.normpath(posixpath.join(posixpath.dirname(name), target))) if ids is not None else None

    if member.kind == "json":
        yield from read_json(text, source=name)
    elif member.kind == "lines":
        yield from read_json_lines(text, source=name)
    elif member.kind == "html":
        yield read_html(text, source=member.source, name=member.stem, resolve=resolve, copied=member.changed)
    elif member.kind == "markdown" or looks_like_markdown(text):
        yield read_markdown(text, source=member.source, name=member.stem, resolve=resolve)
    else:
        yield read_text(text, source=member.source, name=member.stem, copied=member.changed)


def _in_folder(source: Path, root_name: str, skipped: list[Skipped], besides: Path | None) -> list[Member]:
    found: list[Member] = []
    root = source.resolve()
    kept_out = besides.resolve() if besides is not None else None
    for folder, folders, names in os.walk(source, followlinks=False):
        here = Path(folder)
        skipped += [
            Skipped(source=_named(here / name, source), reason="it is a link to another folder")
            for name in folders
            if (here / name).is_symlink()
        ]
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _LEFT_OUT
            and not (here / name).is_symlink()
            and (kept_out is None or (here / name).resolve() != kept_out)
        )
        for name in sorted(names):
            path = here / name
            if name.startswith("."):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                skipped.append(Skipped(source=_named(path, source), reason="it is a link that leads out of the folder"))
            elif (member := _member(path, _named(path, source), root_name, skipped)) is not None:
                found.append(member)
            if len(found) > MOST_MEMBERS:
                raise _too_many(source)
    return found


def _member(path: Path, name: str, root: str, skipped: list[Skipped]) -> Member | None:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        skipped.append(Skipped(source=name, reason=f"{_shown(path.suffix) or 'a file without ending'} is not read"))
        return None
    try:
        status = path.stat()
    except (OSError, ValueError) as failed:
        skipped.append(Skipped(source=name, reason=f"it cannot be read: {getattr(failed, 'strerror', '') or failed}"))
        return None
    if not stat.S_ISREG(status.st_mode):
        skipped.append(Skipped(source=name, reason="it is not a plain file"))
        return None
    if (too_large := _too_large(kind, status.st_size)) is not None:
        skipped.append(Skipped(source=name, reason=too_large))
        return None
    changed = datetime.fromtimestamp(max(0.0, status.st_mtime), UTC)
    source = posixpath.join(root, name)
    return Member(
        name=name, source=source, kind=kind, size=status.st_size, changed=changed, read=path.read_bytes
    )  # fmt: skip


def _in_archive(source: Path, root: str, skipped: list[Skipped]) -> list[Member]:
    """The members of a zip archive; what its directory says is checked before anything is unpacked."""
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile, ValueError) as failed:
        problem = f"it is not an archive that can be read: {failed}"
        raise SettingError([Fault(_shown(str(source)), 0, problem, "Pack it anew")]) from failed
    entries = archive.infolist()
    if len(entries) > MOST_MEMBERS:
        raise _too_many(source)
    found: list[Member] = []
    for entry in entries:
        name = _shown(entry.filename)
        kind = KINDS.get(posixpath.splitext(name)[1].lower())
        if entry.is_dir():
            continue
        if (wrong := _wrong_name(entry.filename)) is not None:
            skipped.append(Skipped(source=name, reason=wrong))
        elif any(part.startswith(".") or part in _LEFT_OUT for part in name.split("/")):
            continue  # as in a folder
        elif stat.S_ISLNK(entry.external_attr >> 16):
            skipped.append(Skipped(source=name, reason="it is a link"))
        elif entry.flag_bits & 1:
            skipped.append(Skipped(source=name, reason="it is encrypted"))
        elif kind is None:
            ending = posixpath.splitext(name)[1]
            skipped.append(Skipped(source=name, reason=f"{ending or 'a file without ending'} is not read"))
        elif (too_large := _too_large(kind, entry.file_size)) is not None:
            skipped.append(Skipped(source=name, reason=too_large))
        else:
            name = posixpath.normpath(name)
            found.append(
                Member(name=name, source=posixpath.join(root, name), kind=kind, size=entry.file_size,
                       changed=_changed(entry), read=_unpacking(archive, entry))
            )  # fmt: skip
    return sorted(found, key=lambda member: member.name)


def _unpacking(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        with archive.open(entry) as file:
            raw = file.read(entry.file_size + 1)  # never more than the directory said
        if len(raw) > entry.file_size:
            raise OSError("it is larger than the archive says")
        return raw

    return read


def _changed(entry: zipfile.ZipInfo) -> datetime:
    try:
        return datetime(*entry.date_time, tzinfo=UTC)
    except ValueError:
        return datetime(
            1980, 1, 1, tzinfo=UTC
        )  # the first day that the format knows: what packers write who do not say


def _wrong_name(name: str) -> str | None:
    """Why a member's name is refused, after what does not show has been taken from it; None if it is not."""
    shown = "".join(character for character in name if unicodedata.category(character) not in {"Cf", "Cc", "Cs"})
    parts = shown.replace("\\", "/").split("/")
    if len(name) > _LONGEST_NAME:
        return f"its name has {len(name)} characters"
    if shown != name:
        return "its name holds characters that do not show"
    if ".." in parts or shown.startswith(("/", "\\")) or ":" in parts[0]:
        return "its name leads out of the archive"
    return None


def _too_large(kind: str, size: int) -> str | None:
    most = MOST_BYTES if kind in _EXPORTS else LARGEST_PAGE
    return f"it has {size:,} bytes; at most {most:,} are read" if size > most else None


def _too_many(source: Path) -> SettingError:
    return SettingError(
        [Fault(_shown(str(source)), 0, f"it holds more than {MOST_MEMBERS:,} files", "Import a part at a time")]
    )


def _named(path: Path, source: Path) -> str:
    """What a file is called in reports and as an article's source: its path, from the source's own folder on."""
    return _shown(path.relative_to(source).as_posix())


def _shown(name: str) -> str:
    """A name as it may be shown and stored: whatever is no text in it is replaced."""
    return " ".join(without_controls(name).split())[:_LONGEST_NAME]


def _decoded(raw: bytes) -> str | None:
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text[:1_000] and not wide else text
