"""Pages into a knowledge folder: all that can be read first, then all at once in place; what authors wrote is kept.

`.import.json` beside the articles remembers where each article came from and what was written, so that a second
import knows its own articles and leaves those alone that a person has edited since.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from helpbot.errors import Fault, SettingError
from helpbot.importing.page import Page, Skipped, article_id, identity, linked, rendered
from helpbot.importing.sources import Member, members_of, pages_of
from helpbot.knowledge.parse import parse_article

__all__ = ["RECORD", "Imported", "import_into"]

RECORD: Final = ".import.json"
_SOURCE: Final = re.compile(r"^source: (.*)$", re.MULTILINE)
_FORMAT: Final = 1

Step = Callable[[str, int, int], None]


@dataclass(slots=True)
class Imported:
    """What came of an import: ids of articles that are new, changed or as they were, and what was left out."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # edited by a person since, and left as they are
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[Skipped] = field(default_factory=list)  # imported, but something is to be known about it

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.same or self.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """An article that is ready to be written."""

    text: str
    source: str  # its identity


def import_into(
    source: Path,
    knowledge: Path,
    *,
    called: str = "",
    dry: bool = False,
    force: bool = False,
    step: Step = lambda _name, _done, _all: None,
) -> Imported:
    """Bring a file, folder or archive into `knowledge/articles`; what was imported from it before is updated.

    Everything is read and checked first and then put in place, so that a fault or an interruption leaves the folder
    as it was. With `dry` nothing is written; with `force` articles that were edited since are written over. `called`
    is the source's name where its folder's changes. `step` is told each file's name, how many are done and how many
    there are. Raises SettingError for a source that is not there or a knowledge folder that cannot be written.
    """
    members, left_out = members_of(source, called=called, besides=knowledge)
    done = Imported(skipped=left_out)
    articles = knowledge / "articles"
    record = _recorded(knowledge, done)
    taken, places = _there(articles)
    used = dict.fromkeys(places, 1)
    mine = _ids_ahead(members, taken, used)
    drafts: dict[str, _Draft] = {}
    for number, member in enumerate(members):
        step(member.name, number, len(members))
        for count, page in enumerate(pages_of(member, ids=mine.get), 1):
            if isinstance(page, Skipped):
                done.skipped.append(page)
            else:
                _draft(
                    page, mine.get(member.name, "") if page.source == member.source else "", taken, drafts, used, done
                )
            if count % 100 == 0:
                step(f"{member.name}: {count:,}", number, len(members))
    step("", len(members), len(members))
    known = {*drafts, *places}
    drafts = {name: replace(draft, text=linked(draft.text, known)) for name, draft in drafts.items()}
    wanted = _sorted_out(drafts, places, record, done, force=force)
    _say_what_is_gone(members, drafts, record, done)
    if not dry:
        _put(wanted, drafts, places, record, knowledge)
    return done


def _draft(
    page: Page, wanted: str, taken: dict[str, str], drafts: dict[str, _Draft], used: dict[str, int], done: Imported
) -> None:
    """Give a page its id and text, if it makes an article that can be read."""
    if not page.body.strip():
        done.skipped.append(Skipped(source=page.source, reason="it has no text"))
        return
    key = identity(page.source)
    name = taken.get(key) or (wanted if wanted and wanted not in drafts else "") or _unused(article_id(page.name), used)
    if name in drafts:
        done.skipped.append(Skipped(source=page.source, reason=f"its source stands twice, first as {name}"))
        return
    text = rendered(page)
    article = parse_article(text, f"{name}.md", name)
    if isinstance(article, list):
        done.skipped.append(Skipped(source=page.source, reason=f"{article[0].problem} (line {article[0].line})"))
        return
    drafts[name] = _Draft(text=text, source=key)
    taken[key] = name
    done.notes += [Skipped(source=page.source, reason=note) for note in page.notes]


def _sorted_out(
    drafts: Mapping[str, _Draft],
    places: Mapping[str, Path],
    record: Mapping[str, list[str]],
    done: Imported,
    *,
    force: bool,
) -> list[str]:
    """The ids that are to be written: new ones, and changed ones that nobody has edited since."""
    wanted: list[str] = []
    for name, draft in drafts.items():
        path = places.get(name)
        there = _bytes(path) if path is not None else None
        if path is None or there is None:
            done.new.append(name)
        elif there == draft.text.encode():
            done.same.append(name)
            continue
        elif not force and hashlib.sha256(there).hexdigest() not in record.get(draft.source, ()):
            done.kept.append(name)
            done.skipped.append(
                Skipped(source=draft.source, reason=f"{path.name} was edited here since; --force writes over it")
            )
            continue
        else:
            done.changed.append(name)
        wanted.append(name)
    return wanted


def _say_what_is_gone(
    members: list[Member], drafts: Mapping[str, _Draft], record: Mapping[str, list[str]], done: Imported
) -> None:
    """Name what came from the same folder before and is not in it any more; the articles stay."""
    roots = {posixpath.dirname(member.source).split("/")[0] for member in members if "/" in member.name}
    roots |= {member.source.split("/")[0] for member in members if len(members) > 1}
    had = {draft.source for draft in drafts.values()} | {left.source for left in done.skipped}
    names = {member.source for member in members}
    for source in record:
        if "://" not in source and source.split("/")[0] in roots and "/" in source and source not in had | names:
            done.notes.append(
                Skipped(source=source, reason="it came from here before and is gone; its article was kept")
            )


def _put(
    wanted: list[str],
    drafts: Mapping[str, _Draft],
    places: Mapping[str, Path],
    record: dict[str, list[str]],
    knowledge: Path,
) -> None:
    """Write all drafts beside the articles, then move them in place with interruptions held back."""
    before = {source: list(hashes) for source, hashes in record.items()}
    for draft in drafts.values():
        fresh = hashlib.sha256(draft.text.encode()).hexdigest()
        record[draft.source] = [fresh]
        # Until all are in place either may be what is there: a machine that fails in between leaves no "edited" ones.
        before[draft.source] = [*before.get(draft.source, []), fresh]
    # What a person has edited is remembered as it was written: it stays theirs.
    articles = knowledge / "articles"
    written = set(wanted)
    for name, draft in drafts.items():
        if name not in written and _bytes(places.get(name, articles)) not in {None, draft.text.encode()}:
            record[draft.source] = before[draft.source][:-1]
    if not wanted and _bytes(knowledge / RECORD) == _as_json(record):
        return
    try:
        articles.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".import-", dir=knowledge))
        try:
            for name in wanted:
                (staging / f"{name}.md").write_bytes(drafts[name].text.encode())
            (staging / "before").write_bytes(_as_json(before))
            (staging / "after").write_bytes(_as_json(record))
            with _uninterrupted():
                (staging / "before").replace(knowledge / RECORD)
                for name in wanted:
                    (staging / f"{name}.md").replace(places.get(name, articles / f"{name}.md"))
                (staging / "after").replace(knowledge / RECORD)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as failed:
        where = str(failed.filename or articles)
        raise SettingError(
            [Fault(where, 0, f"it cannot be written: {failed.strerror}", "Name a folder that can be")]
        ) from failed


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C and a request to end wait until this is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda got, _frame: pressed.append(got)) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
    if pressed:
        os.kill(os.getpid(), pressed[0])


def _recorded(knowledge: Path, done: Imported) -> dict[str, list[str]]:
    """For each source the hashes of what was written for it; nothing if there is no record that can be read."""
    raw = _bytes(knowledge / RECORD)
    if raw is None:
        return {}
    try:
        tree = json.loads(raw)
        if tree["format"] != _FORMAT:
            raise ValueError("another format")
        return {str(source): [str(one) for one in hashes] for source, hashes in tree["written"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        reason = "it cannot be read: articles that are there count as edited"
        done.notes.append(Skipped(source=RECORD, reason=reason))
        return {}


def _as_json(record: Mapping[str, list[str]]) -> bytes:
    return (json.dumps({"format": _FORMAT, "written": record}, indent=1, sort_keys=True) + "\n").encode()


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _there(articles: Path) -> tuple[dict[str, str], dict[str, Path]]:
    """Of the articles that are there: the id by the identity of its source, and the file by its id."""
    ids: dict[str, str] = {}
    places: dict[str, Path] = {}
    for path in sorted(articles.rglob("*.md")) if articles.is_dir() else ():
        places.setdefault(path.stem, path)
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                head = file.read(4_000)
        except OSError:
            continue
        line = _SOURCE.search(head.split("\n---", 1)[0])
        if line:
            ids.setdefault(identity(_unquoted(line[1].strip())), path.stem)
    return ids, places


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value.strip('"')
    return value.strip("'")


def _ids_ahead(members: list[Member], taken: Mapping[str, str], used: dict[str, int]) -> dict[str, str]:
    """The id that each file's article will have, known before any is read, so that links between them hold."""
    ids: dict[str, str] = {}
    for member in members:
        if member.kind not in {"markdown", "html", "text"}:
            continue
        ids[member.name] = taken.get(member.source) or _unused(article_id(member.stem), used)
    for name, found in list(ids.items()):
        plain, ending = posixpath.splitext(name)
        if ending and plain:
            ids.setdefault(plain, found)  # links often leave the ending out
            if posixpath.basename(plain).lower() in {"index", "readme"}:
                ids.setdefault(posixpath.dirname(name) or ".", found)
    return ids


def _unused(name: str, used: dict[str, int]) -> str:
    """The name, or the name with the next number that is free; it is taken from now on."""
    found = name
    while found in used:
        used[name] += 1
        found = f"{name}-{used[name]}"
    used[found] = 1
    return found
