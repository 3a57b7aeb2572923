"""One article on its way in, and how it is written: front matter and Markdown with stable anchors."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

__all__ = ["Page", "Skipped", "article_id", "escaped", "rendered", "tidied", "without_controls"]

LONGEST: Final = 1_000_000  # characters of one article; a help page of a book's length is no help page
_LONGEST_ID: Final = 80
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_BLANKS: Final = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An article as it was read: `body` is Markdown without the title; `source` tells it from all others."""

    title: str
    body: str
    source: str
    name: str  # what its id is made from where it is new: a file's name, or the title
    summary: str = ""
    author: str = ""
    updated: str = ""  # an ISO date, or empty
    notes: tuple[str, ...] = ()  # what could not be kept, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that was not imported, and why."""

    source: str
    reason: str


def without_controls(text: str) -> str:
    """Text as it may stand in an article: composed, without control, zero-width and direction characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = text.replace("\xa0", " ").replace("\u202f", " ")
    text = _CONTROLS.sub("", text).encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFC", text)


def tidied(markdown: str) -> str:
    """Markdown without trailing blanks, and with one empty line at most in a row."""
    lines = [line.rstrip() for line in markdown.split("\n")]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip("\n")


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it: what would start a heading, a list or a table is no mark any more."""
    text = re.sub(r"^(\s*)([#>|]|[-+*](?=\s)|~~~|```)", r"\1\\\2", text)
    return re.sub(r"^(\s*\d{1,9})([.)])(?=\s)", r"\1\\\2", text)


def article_id(name: str) -> str:
    """A file name that is safe anywhere: small letters, digits and hyphens, at most 80 of them."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    whole = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    cut = whole if len(whole) <= _LONGEST_ID else (whole[:_LONGEST_ID].rpartition("-")[0] or whole[:_LONGEST_ID])
    return cut.strip("-") or "article"


def rendered(page: Page) -> str:
    """The file of an article."""
    head = {
        "title": _one_line(page.title, 200) or "Untitled",
        "summary": _one_line(page.summary, 500),
        "author": _one_line(page.author, 100),
        "updated": page.updated,
        "source": _one_line(page.source, 500),
    }
    lines = ["---", *(f"{name}: {_quoted(value)}" for name, value in head.items() if value), "---", ""]
    return "\n".join(lines) + "\n" + tidied(page.body) + "\n"


def _one_line(text: str, longest: int) -> str:
    line = " ".join(without_controls(text).split())
    return line if len(line) <= longest else line[: longest - 2].rsplit(" ", 1)[0] + " …"


def _quoted(value: str) -> str:
    """A YAML scalar: bare where nothing in it has a meaning, else quoted as JSON is."""
    if re.fullmatch(r"[A-Za-z0-9][\w ./,'&()-]*", value) and not re.fullmatch(
        r"(?i)true|false|yes|no|on|off|null|[\d.,_]+", value
    ):
        return value
    return json.dumps(value, ensure_ascii=False)
