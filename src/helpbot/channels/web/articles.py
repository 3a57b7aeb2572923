"""Articles as pages: the Markdown drawn without any HTML of its own, each heading with its anchor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from markdown_it import MarkdownIt
from markupsafe import Markup

if TYPE_CHECKING:
    from helpbot.knowledge.article import Article, Section

__all__ = ["Page", "render", "summary_line"]

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": False}).enable(
    ["table", "strikethrough"]
)
_PATH = re.compile(r"<(strong|code)>([^<]*&gt;[^<]*)</\1>")
_LINK = re.compile(r'<a href="(https?:[^"]*)"')
_PAGE_LINK = re.compile(r'<a href="(?:\./)?([\w-]+)\.md(#[\w.:-]+)?"')
_NO_HEAD = re.compile(r"<thead>\s*<tr>\s*(?:<th></th>\s*)+</tr>\s*</thead>\s*")
_TABLE = re.compile(r"<table>(.*?)</table>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Heading:
    """One line of the table of contents."""

    level: int
    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class Page:
    """An article ready to be put into a page."""

    id: str
    title: str
    summary: str
    author: str
    updated: str
    body: Markup
    contents: tuple[Heading, ...]


def _path(match: re.Match[str]) -> str:
    parts = [part.strip() for part in unescape(match[2]).split(">")]
    if not all(part[:1].isupper() and len(part) < 50 for part in parts):
        return match[0]
    return (
        '<span class="path">'
        + '<i aria-hidden="true"> › </i>'.join(f"<b>{escape(part)}</b>" for part in parts)
        + "</span>"
    )


def _html(markdown: str) -> str:
    html: str = _MARKDOWN.render(markdown)
    html = _PATH.sub(_path, html)
    html = _LINK.sub(r'<a rel="noopener noreferrer" href="\1"', html)
    html = _PAGE_LINK.sub(r'<a href="/articles/\1\2"', html)
    html = _NO_HEAD.sub("", html).replace("<th></th>", "<td></td>")  # a heading that says nothing is read as one
    # A table wider than a telephone scrolls by itself, and by keyboard too.
    return _TABLE.sub(r'<div class="table" tabindex="0" role="region"><table>\1</table></div>', html)


def _section(section: Section, article_title: str) -> str:
    if section.title == article_title and section.level <= 1:
        return f'<div id="{escape(section.anchor)}">{_html(section.body)}</div>'
    level = min(max(section.level, 2), 4)
    anchor = escape(section.anchor, quote=True)
    link = f'<a class="anchor" href="#{quote(section.anchor)}" aria-label="Link to this section">#</a>'
    title = _MARKDOWN.renderInline(section.title)
    return f'<section><h{level} id="{anchor}" tabindex="-1">{title} {link}</h{level}>{_html(section.body)}</section>'


@lru_cache(maxsize=500)
def _cached(article: _ById) -> Page:
    it = article.article
    return Page(
        id=it.id, title=it.title, summary=it.summary, author=it.author, updated=it.updated,
        body=Markup("\n".join(_section(section, it.title) for section in it.sections)),  # noqa: S704 - made of escaped parts only
        contents=tuple(
            Heading(section.level, section.anchor, section.title)
            for section in it.sections
            if 2 <= section.level <= 3 and section.title != it.title
        ),
    )  # fmt: skip


class _ById:
    """An article as a key of the cache: the same object, not an equal one, since comparing texts costs more."""

    __slots__ = ("article",)

    def __init__(self, article: Article) -> None:
        self.article = article

    def __hash__(self) -> int:
        return id(self.article)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.article is self.article


def render(article: Article) -> Page:
    """The article as a page; the same article is drawn once."""
    return _cached(_ById(article))


def summary_line(text: str, words: frozenset[str] = frozenset(), length: int = 180) -> str:
    """A passage to show under a search result: from the first of the words found, cut at words."""
    flat = " ".join(text.split())
    lower = flat.lower()
    at = min((place for word in words if (place := lower.find(word)) >= 0), default=0)
    start = max(0, flat.rfind(" ", 0, max(0, at - 60)) + 1) if at > 80 else 0
    cut = flat[start : start + length]
    if start + length < len(flat):
        cut = cut.rsplit(" ", 1)[0] + " …"
    return ("… " if start else "") + cut
