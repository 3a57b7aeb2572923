"""Articles, their sections and the chunks that are indexed."""

from __future__ import annotations

from helpbot.errors import Origin
from helpbot.later import dataclass

__all__ = ["Article", "Chunk", "Section"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What stands under one heading, without what stands under the headings below it.

    `body` is Markdown as written. `trail` holds the titles of the headings above, outermost first.
    """

    article: str
    anchor: str
    title: str
    level: int
    body: str
    trail: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One page of help. `id` is its file's name without `.md`; `updated` is an ISO date or empty."""

    id: str
    title: str
    summary: str = ""
    author: str = ""
    updated: str = ""
    source: str = ""
    sections: tuple[Section, ...] = ()
    origin: Origin = Origin("")

    def section(self, anchor: str) -> Section | None:
        """The section with that anchor, if there is one."""
        return next((section for section in self.sections if section.anchor == anchor), None)

    def within(self, anchor: str) -> tuple[Section, ...]:
        """The section with that anchor and those below it; empty if there is none."""
        found: list[Section] = []
        for section in self.sections:
            if found and section.level <= found[0].level:
                break
            if found or section.anchor == anchor:
                found.append(section)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What is indexed and found: a passage of one section, as plain text.

    `id` counts from 0 through the whole knowledge in article order; `title` is the article's,
    `section` the heading's (with the ones above it, joined by " › ").
    """

    id: int
    article: str
    section: str
    anchor: str
    title: str
    text: str
    kind: str = "text"  # text | steps | table | code
