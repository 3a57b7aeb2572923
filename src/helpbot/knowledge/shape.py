"""Read a section as an answer: what it explains, the steps it lists, the facts it names.

An article needs no resolution to be useful: a section that lists steps, or quotes an error and says what to do, is
answered with its own words, cited. What is quoted is never shortened inside a step.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from typing import Final

from helpbot import later
from helpbot.knowledge.article import Article, Section
from helpbot.knowledge.parse import plain
from helpbot.knowledge.signature import generalise
from helpbot.later import dataclass

__all__ = ["DOING", "Shaped", "begins_with_doing", "fix_shaped", "problem_of", "shape"]

_ORDERED = later.pattern(r"^(\s*)\d{1,3}[.)]\s+(.*)$")
_BULLET = later.pattern(r"^(\s*)[-*+•]\s+(.*)$")
_BAR = later.pattern(r"(?<!\\)\|")
_RULE = later.pattern(r"^\s*\|?[\s:|-]+\|?\s*$")
_MENU = later.pattern(
    r"\*\*([^*\n]{1,80}(?: (?:>|→|›) [^*\n]{1,80})+)\*\*"
    r"|((?:[A-Z][\w&/ -]{1,30}) (?:>|→|›) [A-Z][\w&/ >→›\[\]-]{1,90}\w)"
)
# Parts that stand beside the answer.
_ASIDE: Final = later.pattern(
    r"how .{1,60} works?|prevent(?:ing|ion)\b.*|background|see also|related\b.*|further reading|examples?"
    r"|still (?:seeing|having|not|stuck)\b.*",
    re.IGNORECASE,
)
_FIX: Final = later.pattern(
    r"resolutions?|solutions?|(?:the )?fix|how to (?:fix|resolve|solve)\b.*|steps|what to do", re.IGNORECASE
)
# Parts that answer only together with the section that they stand in.
_PART: Final = later.pattern(
    r"resolutions?|solutions?|(?:the )?fix|how to (?:fix|resolve|solve)(?: (?:it|this|them))?|steps|what to do"
    r"|(?:common |possible )?causes?|why (?:this|it|does this|did this) happens?|symptoms?|workarounds?|details"
    r"|still (?:seeing|having|not|stuck)\b.*",
    re.IGNORECASE,
)
_FOLLOWS: Final = later.pattern(r"(?:step\s+)?\d{1,2}\b", re.IGNORECASE)  # a part that is one step of several
_LABEL: Final = later.pattern(
    r"(?:(?P<symptom>symptoms?|error|what you see)|(?P<cause>causes?|reason|why)"
    r"|(?P<fix>fix|solution|resolution|action|what to do|workaround)): ",
    re.IGNORECASE,
)
# What an instruction begins with.
DOING: Final = frozenset(
    """
    add adjust allow ask assign attempt book change check choose clear click close compare confirm configure
    connect contact copy create delete disable disconnect dismiss download edit enable ensure enter export fill
    find follow go identify import include inform insert install link locate log look make manually map navigate
    note open paste pick press provide re-assign re-authenticate re-enter re-index reassign reauthenticate
    reconnect recreate reenter refresh reinstall reload remap remove rename repeat replace report request reset
    restart retry return review rotate run save scroll search select send set sign specify start stop submit
    switch synchronize tap test toggle try turn type uncheck uninstall unlink update upgrade upload use validate
    verify visit wait
    """.split()  # noqa: SIM905  # words read better than quotes
)
_CAUSED: Final = later.pattern(r"causes?|reason|why|meaning|what it means|description|details?", re.IGNORECASE)
_MENDED: Final = later.pattern(r"fix|solution|resolution|actions?|what to do|workaround", re.IGNORECASE)
_TERM = later.pattern(r"^([\"“][^\"“”]{2,300}[\"”]|.{2,200}?)(?: [—–-] |: )(\S.*)$")  # a term, and what is told of it
_SENTENCE = later.pattern(r"(?<=[.!?]) (?=[A-Z])")
_MARKED = later.pattern(r"\{[^{}]{1,60}\}|\W+")
_FENCE = later.pattern(r"^\s*(`{3,}|~{3,})")
_ENDS: Final = (".", ":", "!", "?", ";", ",")
_LONGEST_CAUSE: Final = 400  # characters: an answer is short, never an article poured out
_LONGEST_ITEM: Final = 700  # characters of an item with the paragraphs that belong to it
_MOST: Final = 12  # steps or points


_Item = tuple[str, str | None, str]  # anchor, menu path, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """A section's words sorted into an answer. Steps and points are (anchor, menu path or None, text)."""

    cause: str
    steps: tuple[tuple[str, str | None, str], ...]
    points: tuple[tuple[str, str | None, str], ...]
    code: tuple[str, ...] = ()


def fix_shaped(sections: Sequence[Section]) -> bool:
    """Whether the sections say what to do: numbered steps, or what a list or a table calls the fix."""
    return bool(shape(sections).steps)


def begins_with_doing(text: str) -> bool:
    """Whether a line tells to do something: it begins with such a verb."""
    first = text.split(maxsplit=1)[:1]
    return bool(first) and first[0].lower().strip("\"“'*:,") in DOING


def problem_of(article: Article, anchor: str) -> str:
    """The anchor of the section that a part such as "Resolution" belongs to; the section's own if it is no part."""
    place = next((number for number, section in enumerate(article.sections) if section.anchor == anchor), None)
    while place is not None and _PART.fullmatch(article.sections[place].title.strip(" ?:.")):
        level = article.sections[place].level
        above = next((n for n in range(place - 1, -1, -1) if article.sections[n].level < level), None)
        if above is None or article.sections[above].level < 2:
            break
        place = above
    return article.sections[place].anchor if place is not None else anchor


def shape(sections: Sequence[Section], about: str = "") -> Shaped:
    """Sort the words of a section and those below it.

    What a part below tells of how things work, how to prevent them or where to read on is left to the article.
    `about` is the pattern of an error that the section tells of: where a row or an item of it is that error's own,
    the answer is that one and not its neighbours.
    """
    said = _Said()
    for number, section in enumerate(sections):
        if number and _ASIDE.fullmatch(section.title.strip()):
            continue
        _Part(said=said, anchor=section.anchor, explains=not number or not _FIX.fullmatch(section.title.strip())).read(
            section.body
        )
    if (told := (_told_of(about, said) if about else None) or _ways(sections)) is not None:
        return told
    if not said.steps:
        _name_parts(said)
    cause = ""
    for text in said.paragraphs or said.leads[:1]:
        if cause and len(cause) + len(text) > _LONGEST_CAUSE:
            break
        cause = f"{cause} {text}".strip()
    if len(cause) > _LONGEST_CAUSE * 2:
        cause = cause[: _LONGEST_CAUSE * 2].rsplit(" ", 1)[0] + " …"
    return Shaped(
        cause=cause, steps=tuple(said.steps[:_MOST]), points=tuple(said.points[:_MOST]), code=tuple(said.code[:3])
    )  # fmt: skip


def _ways(sections: Sequence[Section]) -> Shaped | None:
    """A section whose parts each tell steps of their own: a point a part, so that no two ways run into one list.

    None where there is only one way, or where the parts are numbered and so follow each other.
    """
    if len(sections) < 3:
        return None
    level = min(section.level for section in sections[1:])
    parts: list[list[Section]] = []
    for section in sections[1:]:
        if section.level == level:
            parts.append([])
        if parts:
            parts[-1].append(section)
    parts = [part for part in parts if not _ASIDE.fullmatch(part[0].title.strip())]
    if any(_FIX.fullmatch(part[0].title.strip()) or _FOLLOWS.match(part[0].title) for part in parts):
        return None
    told = [(part[0], shape(part)) for part in parts]
    head = shape(sections[:1])
    if head.steps or sum(bool(one.steps) for _, one in told) < 2:
        return None
    points = list(head.points)
    for part, one in told:
        said = [text for _, _, text in one.steps or one.points] or [one.cause]
        text = part.title
        for number, more in enumerate(filter(None, said)):
            if len(text) + len(more) > _LONGEST_ITEM:
                text += " …"
                break
            text += f"{': ' if not number else ' ' if text.endswith(_ENDS) else '; '}{more}"
        points.append((part.anchor, None, text))
    return Shaped(cause=head.cause, steps=(), points=tuple(points[:_MOST]), code=head.code)


def _told_of(about: str, said: _Said) -> Shaped | None:
    """What one row or item tells of an error, if one and only one of several is about it."""
    wanted = _folded(about)
    own = [item for item in said.points if wanted and f" {wanted} " in f" {_folded(generalise(_term_of(item[2])[0]))} "]
    if len(own) != 1 or len(said.points) < 2 or said.steps:
        return None
    anchor, go, text = own[0]
    cells = said.rows.get(text)
    if cells is None:
        term, told = _term_of(text)
        sentences = _SENTENCE.split(told)
        doing = [one for one in sentences if begins_with_doing(one)]
        cause = " ".join(one for one in sentences if one not in doing)
        if not cause and not doing:
            return None
    else:
        term = cells[0][1]
        doing = [cell for head, cell in cells[1:] if _MENDED.fullmatch(head)]
        rest = [(head, cell) for head, cell in cells[1:] if cell not in doing]
        cause = " ".join(cell if _CAUSED.fullmatch(head) or not head else f"{head}: {cell}" for head, cell in rest)
    steps = tuple(_item(anchor, one) for one in doing)
    if len(steps) == 1 and go:
        steps = ((anchor, go, steps[0][2]),)
    return Shaped(cause=f"{term} — {cause}" if cause else term, steps=steps, points=())


def _term_of(text: str) -> tuple[str, str]:
    """What an item is about and what it tells of it: `"error" — cause`; all of it where it is not parted so."""
    parted = _TERM.match(text)
    return (parted[1], parted[2]) if parted else (text, "")


def _folded(pattern: str) -> str:
    return _MARKED.sub(" ", pattern).strip().lower().replace("  ", " ")


def _name_parts(said: _Said) -> None:
    """A list that names symptom, cause and fix is an answer: its cause explains, its fix is the step."""
    named = [(_LABEL.match(text), anchor, go, text) for anchor, go, text in said.points]
    if not any(label and label["fix"] for label, *_ in named):
        return
    said.points = []
    for label, anchor, go, text in named:
        if label is None:
            said.points.append((anchor, go, text))
        elif label["fix"]:
            said.steps.append((anchor, go, text[label.end() :]))
        elif label["cause"]:
            said.paragraphs.append(text[label.end() :])


@dataclass(slots=True)
class _Said:
    """What has been read so far."""

    paragraphs: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)  # paragraphs that only lead to a list or table
    steps: list[_Item] = field(default_factory=list)
    points: list[_Item] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    rows: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # of a table: (head, cell) of each cell


@dataclass(slots=True, kw_only=True)
class _Part:
    """One section, line by line; its paragraphs and points count until its steps begin."""

    said: _Said
    anchor: str
    explains: bool
    stepping: bool = False
    leading: bool = False  # the last paragraph ends with a colon, and nothing has come since
    items: list[_Item] | None = None  # of the list that is open
    heads: list[str] | None = None  # of the table that is open
    rows: list[_Item] | None = None  # where its rows go
    ruled: bool = False  # the line below its head has come
    fence: str = ""
    block: list[str] = field(default_factory=list)
    paragraph: list[str] = field(default_factory=list)

    def read(self, body: str) -> None:
        """Sort each line."""
        for line in [*body.split("\n"), ""]:
            if self._is_code(line):
                continue
            text = line.strip().lstrip(">").strip()
            if not text.startswith("|"):
                self.heads, self.ruled = None, False
            ordered = _ORDERED.match(line)
            entry = ordered or _BULLET.match(line)
            if entry:
                self._led()
                self._entry(entry, numbered=ordered is not None)
            elif text.startswith("|"):
                self._led()
                self._table(text, inside=line.startswith((" ", "\t")) and self.items is self.said.steps)
            elif not text:
                self._flush()
            elif self.items is not None and line.startswith((" ", "\t")):
                if self.items and len(self.items[-1][2]) + len(text) <= _LONGEST_ITEM:
                    anchor, go, told = self.items[-1]
                    self.items[-1] = (anchor, go, f"{told} {plain(text)}")
            else:
                self.items, self.leading = None, False
                self.paragraph.append(plain(text))

    def _is_code(self, line: str) -> bool:
        mark = _FENCE.match(line)
        if mark and not self.fence:
            self._flush()
            self.fence = mark[1][:3]
        elif mark:
            shown = "\n".join(self.block)
            self.said.code.append(shown)
            before = self.said.paragraphs
            if before and before[-1].endswith(":") and len(self.block) == 1 and len(shown) <= 200:
                before[-1] += f" {shown.strip().rstrip('.')}."  # the sentence that leads to it is whole with it
            self.fence, self.block, self.leading = "", [], False
        elif self.fence:
            self.block.append(line)
        else:
            return False
        return True

    def _entry(self, entry: re.Match[str], *, numbered: bool) -> None:
        if numbered and not entry[1]:
            self.items, self.stepping = self.said.steps, True
        elif entry[1] and self.items is self.said.steps and self.items:
            self._more(plain(entry[2]))
            return
        elif self.items is None or not entry[1]:
            # What a list below the steps is about was said in its lead alone: it is left to the article.
            self.items = [] if self.stepping else self.said.points
        self.items.append(_item(self.anchor, entry[2]))

    def _table(self, text: str, *, inside: bool) -> None:
        """One line of a table. Within a step it belongs to that; below the steps it is left to the article."""
        if self.heads is None:
            self.heads = _cells(text)
            self.rows = [] if inside or self.stepping else self.said.points
            self.rows.append(_row(self.anchor, self.heads, []))
        elif not _RULE.match(text):
            row = _row(self.anchor, cells := _cells(text), self.heads)
            if inside:
                self._more(row[2])
            elif self.rows is not None:
                self.rows.append(row)
                if len(cells) == len(self.heads) and self.ruled:
                    self.said.rows[row[2]] = list(zip(self.heads, cells, strict=True))
        elif not self.ruled and self.rows:
            self.rows.pop()  # it was the head
            self.ruled = True

    def _more(self, text: str) -> None:
        """What stands within the last step belongs to it."""
        if self.items and len(self.items[-1][2]) + len(text) <= _LONGEST_ITEM:
            anchor, go, told = self.items[-1]
            self.items[-1] = (anchor, go, f"{told}{' ' if told.endswith(_ENDS) else '; '}{text}")

    def _flush(self) -> None:
        if self.paragraph and self.explains and not self.stepping:
            self.said.paragraphs.append(" ".join(self.paragraph))
            self.leading = self.paragraph[-1].endswith(":")
        self.paragraph.clear()

    def _led(self) -> None:
        """A list or table begins: the paragraph that leads to it explains nothing by itself."""
        self._flush()
        if self.leading:
            self.said.leads.append(self.said.paragraphs.pop())
            self.leading = False


def _item(anchor: str, markdown: str) -> tuple[str, str | None, str]:
    menu = _MENU.search(markdown)
    return anchor, (menu[1] or menu[2]) if menu else None, plain(markdown)


def _cells(row: str) -> list[str]:
    return [plain(cell.strip()) for cell in _BAR.split(row.strip().removeprefix("|").removesuffix("|"))]


def _row(anchor: str, cells: Sequence[str], heads: Sequence[str]) -> _Item:
    """A table's row as a point; in a wide table each cell but the first says what column it is of."""
    if len(cells) > 2 and len(heads) == len(cells):
        cells = [
            cells[0],
            *(f"{head}: {cell}" if head and cell else cell for head, cell in zip(heads[1:], cells[1:], strict=True)),
        ]
    return anchor, None, " — ".join(cell for cell in cells if cell)
