"""One article on its way in, and how it is written: front matter and Markdown with stable anchors."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from helpbot.knowledge.parse import plain, slug

__all__ = [
    "Page",
    "Skipped",
    "anchored",
    "article_id",
    "escaped",
    "identity",
    "linked",
    "rendered",
    "tidied",
    "without_controls",
]

LONGEST: Final = 1_000_000  # characters of one article; a help page of a book's length is no help page
_LONGEST_ID: Final = 80
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_BLANKS: Final = re.compile(r"\n{3,}")
_HEADING: Final = re.compile(r"^(#{1,6})[ \t]+(.*)$")
_ANCHOR: Final = re.compile(r"[ \t]*\{#([\w.:-]+)\}[ \t]*$")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_LINK: Final = re.compile(r"`[^`\n]*`|\[([^\]\[]*)\]\(([^)\s]+)\)")
_WEB: Final = ("http://", "https://", "mailto:")
# Names that Windows keeps for devices: a checkout there could not hold such a file.
_RESERVED: Final = re.compile(r"con|prn|aux|nul|(?:com|lpt)\d")
# A help centre's address holds the number that stays and the title that changes.
_NUMBERED: Final = re.compile(r"(https?://[^/?#]+(?:/[^/?#]+){0,6}/articles/\d+)[-/?#].*")


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
    found = _cut(whole) or "article"
    return f"{found}-article" if _RESERVED.fullmatch(found) else found


def _cut(slugged: str) -> str:
    """At most 80 characters of it, whole words if it has any."""
    if len(slugged) <= _LONGEST_ID:
        return slugged
    return (slugged[:_LONGEST_ID].rpartition("-")[0] or slugged[:_LONGEST_ID]).strip("-")


def identity(source: str) -> str:
    """What stays the same of a source when its article is given another title."""
    found = _NUMBERED.fullmatch(source)
    return found[1] if found else source


def anchored(markdown: str) -> str:
    """The same text with an anchor written to each heading, each anchor once, so that links outlive an edit."""
    taken = {"top"}  # what stands above the first heading
    out: list[str] = []
    counts: dict[str, int] = {}
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
        heading = None if fence or mark else _HEADING.match(line)
        if heading is None:
            out.append(line)
            continue
        given = _ANCHOR.search(heading[2])
        words = _ANCHOR.sub("", heading[2]).rstrip("# \t").strip()
        if not plain(words).strip():
            continue
        wanted = given[1].replace(":", "-") if given else _cut(slug(plain(words)))
        anchor = wanted
        while anchor in taken:
            counts[wanted] = counts.get(wanted, 1) + 1
            anchor = f"{wanted}-{counts[wanted]}"
        taken.add(anchor)
        out.append(f"{heading[1]} {words} {{#{anchor}}}")
    return "\n".join(out)


def linked(markdown: str, known: Container[str]) -> str:
    """The same text with links to the web, by mail and to articles of `known`; of others the words stay."""

    def kept(found: re.Match[str]) -> str:
        address = found[2]
        if address is None or address.lower().startswith(_WEB):
            return found[0]
        return found[0] if address.endswith(".md") and address[:-3] in known else found[1]

    out: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
        out.append(line if fence or mark or "](" not in line else _LINK.sub(kept, line))
    return "\n".join(out)


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
    return "\n".join(lines) + "\n" + tidied(anchored(page.body)) + "\n"


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
