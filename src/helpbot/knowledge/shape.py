"""Read a section as an answer: what it explains, the steps it lists, the facts it names.

An article needs no resolution to be useful: a section that lists steps, or quotes an error and says what to do, is
answered with its own words, cited. What is quoted is never shortened inside a step.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from helpbot.knowledge.article import Section
from helpbot.knowledge.parse import plain

__all__ = ["Shaped", "fix_shaped", "shape"]

_ORDERED = re.compile(r"^(\s*)\d{1,3}[.)]\s+(.*)$")
_BULLET = re.compile(r"^(\s*)[-*+•]\s+(.*)$")
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_MENU = re.compile(
    r"\*\*([^*\n]{1,80}(?: (?:>|→|›) [^*\n]{1,80})+)\*\*|((?:[A-Z][\w&/ -]{1,30}) (?:>|→|›) [A-Z][\w&/ >→›\[\]-]{1,90}\w)"
)
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_LONGEST_CAUSE: Final = 400  # characters: an answer is short, never an article poured out
_MOST: Final = 12  # steps or points


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """A section's words sorted into an answer. Steps and points are (anchor, menu path or None, text)."""

    cause: str
    steps: tuple[tuple[str, str | None, str], ...]
    points: tuple[tuple[str, str | None, str], ...]
    code: tuple[str, ...] = ()


def fix_shaped(sections: Sequence[Section]) -> bool:
    """Whether the sections say what to do: numbered steps, or bullets that begin with something to do."""
    return bool(shape(sections).steps)


def shape(sections: Sequence[Section]) -> Shaped:
    """Sort the words of a section and those below it."""
    paragraphs: list[str] = []
    steps: list[tuple[str, str | None, str]] = []
    points: list[tuple[str, str | None, str]] = []
    code: list[str] = []
    for section in sections:
        items: list[tuple[str, str | None, str]] | None = None
        fence = ""
        block: list[str] = []
        paragraph: list[str] = []
        for line in [*section.body.split("\n"), ""]:
            mark = _FENCE.match(line)
            if mark:
                if fence:
                    code.append("\n".join(block))
                    fence, block = "", []
                else:
                    fence = mark[1][:3]
                continue
            if fence:
                block.append(line)
                continue
            text = line.strip().lstrip(">").strip()
            ordered = _ORDERED.match(line)
            entry = ordered or _BULLET.match(line)
            if entry:
                _flush(paragraph, paragraphs)
                if ordered and not entry[1]:
                    items = steps
                elif items is None or not entry[1]:
                    items = points
                items.append(_item(section.anchor, entry[2]))
            elif text.startswith("|"):
                _flush(paragraph, paragraphs)
                if not _RULE.match(line):
                    points.append(_row(section.anchor, text))
            elif not text:
                _flush(paragraph, paragraphs)
                items = items if line.startswith(" ") else None
            elif items is not None and line.startswith((" ", "\t")):
                anchor, go, said = items[-1]
                items[-1] = (anchor, go, f"{said} {plain(text)}")
            else:
                items = None
                paragraph.append(plain(text))
    cause = ""
    for text in paragraphs:
        if cause and len(cause) + len(text) > _LONGEST_CAUSE:
            break
        cause = f"{cause} {text}".strip()
    if len(cause) > _LONGEST_CAUSE * 2:
        cause = cause[: _LONGEST_CAUSE * 2].rsplit(" ", 1)[0] + " …"
    return Shaped(cause=cause, steps=tuple(steps[:_MOST]), points=tuple(points[:_MOST]), code=tuple(code[:3]))


def _flush(paragraph: list[str], into: list[str]) -> None:
    if paragraph:
        into.append(" ".join(paragraph))
        paragraph.clear()


def _item(anchor: str, markdown: str) -> tuple[str, str | None, str]:
    menu = _MENU.search(markdown)
    return anchor, (menu[1] or menu[2]) if menu else None, plain(markdown)


def _row(anchor: str, row: str) -> tuple[str, str | None, str]:
    cells = [plain(cell.strip()) for cell in row.strip("|").split("|")]
    return anchor, None, " — ".join(cell for cell in cells if cell)
