"""Exports of help centres: Zendesk's and Intercom's articles as their APIs give them, and plain JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from helpbot.importing.html import read_html
from helpbot.importing.markdown import read_markdown
from helpbot.importing.page import Page, Skipped

__all__ = ["read_json", "read_json_lines"]


def read_json(raw: str, *, source: str) -> Iterator[Page | Skipped]:
    """The articles of one file: `{"articles": […]}` (Zendesk), `{"data": […]}` (Intercom), a list, or one alone."""
    try:
        tree = json.loads(raw)
    except (ValueError, RecursionError):
        yield Skipped(source=source, reason="it is not JSON")
        return
    for key in ("articles", "data", "results", "items"):
        if isinstance(tree, dict) and isinstance(tree.get(key), list):
            tree = tree[key]
            break
    entries = tree if isinstance(tree, list) else [tree]
    for number, entry in enumerate(entries, 1):
        yield _article(entry, f"{source}[{number}]")


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
        yield _article(entry, f"{source}:{number}")


def _article(entry: Any, where: str) -> Page | Skipped:
    if not isinstance(entry, dict):
        return Skipped(source=where, reason="it is not an object")
    if entry.get("draft") is True or str(entry.get("state") or "published").lower() == "draft":
        return Skipped(source=where, reason="it is a draft")
    title, body = _words(entry.get("title") or entry.get("name")), entry.get("body")
    if body is None:
        body = entry.get("content") or entry.get("text")
    if not isinstance(body, str) or not body.strip():
        return Skipped(source=where, reason="it has no body")
    own = entry.get("id")
    identity = str(own) if isinstance(own, str | int) and str(own).strip() else ""
    if not title and not identity:
        return Skipped(source=where, reason="it has neither a title nor an id")
    address = _words(entry.get("html_url") or entry.get("url"))
    source = address if address.startswith(("http://", "https://")) else f"{_system(entry)}:{identity or title}"
    updated = _day(entry.get("edited_at") or entry.get("updated_at") or entry.get("updated"))
    author = entry.get("author")
    name = title or identity
    if re.search(r"<(?:p|div|h[1-6]|ul|ol|br|table|span|a)\b", body, re.IGNORECASE):
        page = read_html(
            body,
            source=source,
            name=name,
            title=title,
            updated=updated,
            author=author if isinstance(author, str) else "",
        )
        summary = _words(entry.get("description")) or page.summary
    else:
        page = read_markdown(body, source=source, name=name)
        summary = _words(entry.get("description")) or page.summary
    return Page(
        title=title or page.title, body=page.body, source=source, name=name, summary=summary, author=page.author,
        updated=updated or page.updated, notes=page.notes,
    )  # fmt: skip


def _system(entry: dict[str, Any]) -> str:
    if "section_id" in entry or "user_segment_id" in entry:
        return "zendesk"
    if entry.get("type") == "article" or "workspace_id" in entry:
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
