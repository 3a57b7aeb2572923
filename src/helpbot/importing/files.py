"""From a file or folder on disk to pages, and from pages into a knowledge folder: all at once or not at all."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from helpbot.errors import Fault, SettingError
from helpbot.importing.exports import read_json, read_json_lines
from helpbot.importing.html import read_html
from helpbot.importing.markdown import read_markdown
from helpbot.importing.page import Page, Skipped, article_id, rendered
from helpbot.importing.text import read_text
from helpbot.knowledge.parse import parse_article

__all__ = ["Imported", "files_of", "import_into", "pages_of"]

LARGEST: Final = 50_000_000  # bytes of one file: an export of thousands of articles
MOST_FILES: Final = 100_000
KINDS: Final = {
    ".md": "markdown", ".mdx": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".txt": "text", ".text": "text", ".json": "json", ".jsonl": "lines", ".ndjson": "lines",
}  # fmt: skip
_LEFT_OUT: Final = frozenset({"node_modules", "__pycache__", "venv", "dist", "build", "site-packages"})
_SOURCE: Final = re.compile(r"^source: (.*)$", re.MULTILINE)


@dataclass(slots=True)
class Imported:
    """What came of an import: ids of articles that are new, changed or as they were, and what was left out."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[Skipped] = field(default_factory=list)  # imported, but something could not be kept


def files_of(source: Path) -> tuple[list[Path], list[Skipped]]:
    """Every file of a source in a fixed order, and those that are left out. No link is followed out of the source."""
    if not source.exists():
        raise SettingError([Fault(str(source), 0, "there is no such file or folder", "Name one that is there")])
    if not source.is_dir():
        return [source], []
    found: list[Path] = []
    skipped: list[Skipped] = []
    root = source.resolve()
    for folder, folders, names in os.walk(source, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _LEFT_OUT)
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith("."):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                skipped.append(Skipped(source=_named(path, source), reason="it is a link that leads out of the folder"))
            elif path.suffix.lower() not in KINDS:
                skipped.append(
                    Skipped(source=_named(path, source), reason=f"{path.suffix or 'a file without ending'} is not read")
                )
            else:
                found.append(path)
            if len(found) > MOST_FILES:
                raise SettingError(
                    [Fault(str(source), 0, f"it holds more than {MOST_FILES:,} files", "Import a folder at a time")]
                )
    return found, skipped


def pages_of(path: Path, source: Path, *, ids: Callable[[str], str | None] | None = None) -> Iterator[Page | Skipped]:
    """The articles of one file. `ids` maps the path of another file of the source to the id of its article."""
    name = _named(path, source)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        yield Skipped(source=name, reason=f"{path.suffix or 'a file without ending'} is not read")
        return
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield Skipped(source=name, reason="it is not a plain file")
            return
        if status.st_size > LARGEST:
            yield Skipped(source=name, reason=f"it has {status.st_size:,} bytes; at most {LARGEST:,} are read")
            return
        raw = path.read_bytes()
    except OSError as failed:
        yield Skipped(source=name, reason=f"it cannot be read: {failed.strerror}")
        return
    text = _decoded(raw)
    if text is None:
        yield Skipped(source=name, reason="it is neither UTF-8 nor UTF-16 text")
        return
    if not text.strip():
        yield Skipped(source=name, reason="it is empty")
        return
    stem = path.parent.name if path.stem.lower() in {"index", "readme"} and path.parent != source else path.stem
    if kind == "json":
        yield from read_json(text, source=name)
    elif kind == "lines":
        yield from read_json_lines(text, source=name)
    elif kind == "html":
        yield read_html(text, source=name, name=stem)
    elif kind == "markdown":
        resolve = (
            None
            if ids is None
            else lambda target: ids(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)))
        )
        yield read_markdown(text, source=name, name=stem, resolve=resolve)
    else:
        copied = datetime.fromtimestamp(status.st_mtime, UTC).date()
        yield read_text(text, source=name, name=stem, copied=copied)


def import_into(
    source: Path, knowledge: Path, *, step: Callable[[str, int, int], None] = lambda _name, _done, _all: None
) -> Imported:
    """Bring a file or folder into `knowledge/articles`; what was imported from it before is updated.

    Everything is read and checked first and then put in place, so that a fault or an interruption leaves the folder
    as it was. `step` is told each file's name, how many are done and how many there are. Raises SettingError for a
    source that is not there or a knowledge folder that cannot be written.
    """
    files, left_out = files_of(source)
    done = Imported(skipped=left_out)
    articles = knowledge / "articles"
    taken = _sources_of(articles)
    mine = _ids_ahead(files, source, taken)
    drafts: dict[str, str] = {}
    for number, path in enumerate(files):
        step(_named(path, source), number, len(files))
        for page in pages_of(path, source, ids=mine.get):
            if isinstance(page, Skipped):
                done.skipped.append(page)
                continue
            _draft(page, mine.get(page.source, ""), taken, drafts, done)
    step("", len(files), len(files))
    _put(drafts, articles, done)
    return done


def _draft(page: Page, wanted: str, taken: dict[str, str], drafts: dict[str, str], done: Imported) -> None:
    """Give a page its id and text, if it makes an article that can be read."""
    if not page.body.strip():
        done.skipped.append(Skipped(source=page.source, reason="it has no text"))
        return
    known = taken.get(page.source) or (wanted if wanted and wanted not in drafts else "")
    name = known or _unused(article_id(page.name), {*taken.values(), *drafts})
    if name in drafts:
        done.skipped.append(Skipped(source=page.source, reason=f"it is a second article of the source of {name}"))
        return
    text = rendered(page)
    article = parse_article(text, f"{name}.md", name)
    if isinstance(article, list):
        text = rendered(_plainer(page))  # two headings that claim one anchor: the anchors are made anew
        article = parse_article(text, f"{name}.md", name)
    if isinstance(article, list):
        done.skipped.append(Skipped(source=page.source, reason=f"{article[0].problem} (line {article[0].line})"))
        return
    drafts[name] = text
    taken[page.source] = name
    done.notes += [Skipped(source=page.source, reason=note) for note in page.notes]


def _plainer(page: Page) -> Page:
    return replace(page, body=re.sub(r"[ \t]*\{#[A-Za-z0-9_.:-]+\}[ \t]*$", "", page.body, flags=re.MULTILINE))


def _put(drafts: dict[str, str], articles: Path, done: Imported) -> None:
    """Write all drafts beside the articles, then move them in place with interruptions held back."""
    wanted: list[str] = []
    for name, text in drafts.items():
        path = articles / f"{name}.md"
        if not path.exists():
            done.new.append(name)
        elif path.read_text(encoding="utf-8", errors="replace") == text:
            done.same.append(name)
            continue
        else:
            done.changed.append(name)
        wanted.append(name)
    if not wanted:
        return
    try:
        articles.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".import-", dir=articles.parent))
        try:
            for name in wanted:
                (staging / f"{name}.md").write_text(drafts[name], encoding="utf-8")
            with _uninterrupted():
                for name in wanted:
                    (staging / f"{name}.md").replace(articles / f"{name}.md")
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as failed:
        where = str(failed.filename or articles)
        raise SettingError(
            [Fault(where, 0, f"it cannot be written: {failed.strerror}", "Name a folder that can be")]
        ) from failed


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until this is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _sources_of(articles: Path) -> dict[str, str]:
    """Where each article that is there was imported from, and its id."""
    found: dict[str, str] = {}
    for path in sorted(articles.rglob("*.md")) if articles.is_dir() else ():
        try:
            head = path.read_text(encoding="utf-8", errors="replace")[:4_000]
        except OSError:
            continue
        source = _SOURCE.search(head.split("\n---", 1)[0])
        found.setdefault(source[1].strip().strip('"') if source else f"\x00{path.stem}", path.stem)
    return found


def _ids_ahead(files: list[Path], source: Path, taken: dict[str, str]) -> dict[str, str]:
    """The id that each file's article will have, known before any is read, so that links between them hold."""
    ids: dict[str, str] = {}
    used = set(taken.values())
    for path in files:
        if KINDS.get(path.suffix.lower()) not in {"markdown", "html", "text"}:
            continue
        name = _named(path, source)
        index = path.stem.lower() in {"index", "readme"} and path.parent != source
        ids[name] = taken.get(name) or _unused(article_id(path.parent.name if index else path.stem), used)
        used.add(ids[name])
        ids.setdefault(posixpath.splitext(name)[0], ids[name])  # links often leave the ending out
        if index:
            ids.setdefault(posixpath.dirname(name), ids[name])
    return ids


def _unused(name: str, used: set[str]) -> str:
    if name not in used:
        return name
    return next(f"{name}-{number}" for number in range(2, len(used) + 3) if f"{name}-{number}" not in used)


def _named(path: Path, source: Path) -> str:
    """What a file is called in reports and as an article's source: its path within the source."""
    return path.name if path == source else path.relative_to(source).as_posix()


def _decoded(raw: bytes) -> str | None:
    encodings = ("utf-16",) if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig",)
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if text.count("\x00") > 0 and encoding != "utf-16" else text
    return None
