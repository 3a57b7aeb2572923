"""Exports of help centres: Zendesk's and Intercom's articles as their APIs give them, and plain JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

from helpbot.importing.html import read_html
from helpbot.importing.markdown import read_markdown
from helpbot.importing.page import Page, Skipped

__all__ = ["LONGEST_BODY", "read_json", "read_json_lines"]

LONGEST_BODY: Final = 5_242_880  # characters of one article
_HTML: Final = re.compile(r"<(?:p|div|h[1-6]|ul|ol|br|table|span|a|pre|strong|img)\b", re.IGNORECASE)


def read_json(raw: str, *, source: str) -> Iterator[Page | Skipped]:
    """The articles of one file: `{"articles": […]}` (Zendesk), `{"data": […]}` (Intercom), a list, or one alone."""
    try:
        tree = json.loads(raw)
    except (ValueError, RecursionError):
        yield Skipped(source=source, reason="it is not JSON")
        return
    whole = tree if isinstance(tree, dict) else {}
    for key in ("articles", "data", "results", "items"):
        if isinstance(whole.get(key), list):
            tree = whole[key]
            break
    entries = tree if isinstance(tree, list) else [tree]
    for number, entry in enumerate(entries, 1):
        yield _article(entry, f"{source}[{number}]", source)
    if _goes_on(whole):
        yield Skipped(source=source, reason="the export goes on: fetch its next page too, and import the folder of all")


def read_json_lines(raw: str, *, source: str) -> Iterator[Page | Skipped]:
    """The articles of a corpus: a line each, `{"id", "title", "body"}`."""
    for number, line in enumerate(raw.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            yield Skipped(source=f"{source}:{number}", reason="the line is not JSON")
            continue
        yield _article(entry, f"{source}:{number}", source)


def _goes_on(tree: dict[str, Any]) -> bool:
    """Whether the API had more pages than this one: Zendesk's `next_page` or `meta`, Intercom's `pages.next`."""
    if tree.get("next_page"):
        return True
    meta, pages = tree.get("meta"), tree.get("pages")
    return (isinstance(meta, dict) and meta.get("has_more") is True) or (
        isinstance(pages, dict) and bool(pages.get("next"))
    )


def _article(entry: Any, where: str, file: str) -> Page | Skipped:
    if not isinstance(entry, dict):
        return Skipped(source=where, reason="it is not an object")
    system = _system(entry)
    state = entry.get("state")
    if entry.get("draft") is True or (system == "intercom" and state != "published") or state == "draft":
        return Skipped(source=where, reason="it is a draft")
    title, body = _words(entry.get("title") or entry.get("name")), entry.get("body")
    if body is None:
        body = entry.get("content") or entry.get("text")
    if not isinstance(body, str) or not body.strip():
        return Skipped(source=where, reason="it has no body")
    if len(body) > LONGEST_BODY:
        return Skipped(source=where, reason=f"it has {len(body):,} characters; at most {LONGEST_BODY:,} are read")
    own = entry.get("id", entry.get("_id"))
    known = str(own).strip() if isinstance(own, str | int) and not isinstance(own, bool) else ""
    if not title and not known:
        return Skipped(source=where, reason="it has neither a title nor an id")
    address = _words(entry.get("html_url") or entry.get("url"))
    web = address.startswith(("http://", "https://"))
    source = address if web and system != "corpus" else f"{file if system == 'corpus' else system}:{known or title}"
    author = entry.get("author")
    # A corpus names its pages itself; a help centre's numbers say nothing to the person who opens the folder.
    name = known if system == "corpus" and re.search(r"[A-Za-z]", known) else title or known
    read = read_html if _HTML.search(body) else read_markdown
    page = read(body, source=source, name=name)
    notes = list(page.notes)
    if system == "zendesk" and entry.get("user_segment_id"):
        notes.append("only some users may read it in the help centre; here everyone who asks may")
    return Page(
        title=title or page.title, body=page.body, source=source, name=name,
        summary=_words(entry.get("description")) or page.summary,
        author=_words(author) or page.author,
        updated=_day(entry.get("edited_at") or entry.get("updated_at") or entry.get("updated")) or page.updated,
        notes=tuple(notes),
    )  # fmt: skip


def _system(entry: dict[str, Any]) -> str:
    if "section_id" in entry or "user_segment_id" in entry:
        return "zendesk"
    if entry.get("type") == "article" or "workspace_id" in entry or "parent_type" in entry:
        return "intercom"
    return "corpus"


def _words(value: object) -> str:
    return " ".join(value.split())[:500] if isinstance(value, str) else ""


def _day(value: object) -> str:
    """An ISO date from an ISO time, or from seconds since 1970 as Intercom gives them."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 4e9:
        return datetime.fromtimestamp(value, UTC).date().isoformat()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value[:10]).isoformat()
        except ValueError:
            return ""
    return ""
