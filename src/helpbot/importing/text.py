"""Plain text as it is copied from a help page, back into structure.

A browser's copy keeps the words and loses the marks: headings are short lines, lists may have no bullets, a table's
cells stand below each other or run together in one line, inline code takes a line of its own. Everything here is a
rule about lines that can be read aloud; none looks back further than one line, so that time grows with the length.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from helpbot.importing.page import LONGEST, Page, escaped, without_controls
from helpbot.knowledge.shape import DOING, begins_with_doing

__all__ = ["author_in", "day_in", "read_text", "updated_in"]

_AUTHOR: Final = re.compile(
    r"^(?:written|posted|authored|created) by:?\s+(.{2,80})$|^by\s+([A-Z][\w.'-]+(?: [A-Z][\w.'-]+){1,3})$",
    re.IGNORECASE,
)
_UPDATED: Final = re.compile(r"^(?:last )?(?:updated|modified|edited)(?: on)?:?\s+(.{3,60})$", re.IGNORECASE)
_AGO: Final = re.compile(
    r"(?:about |over |almost |nearly )?(an?|\d{1,4})\s+(minute|hour|day|week|month|year)s?\s+ago", re.IGNORECASE
)
_DAYS: Final = {"minute": 0.0, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.4, "year": 365.25}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_FIRST: Final = re.compile(r"\b([A-Za-z]{3})[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b")
_DAY_FIRST: Final = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)? ([A-Za-z]{3})[a-z]*\.?,? (\d{4})\b")
_BULLET: Final = re.compile(r"^(\s*)(?:[•●◦▪‣·*–-]|o(?=\s{2,}))\s+(\S.*)$")
_NUMBER: Final = re.compile(r"^(\s*)(\d{1,2})[.)]\s+(\S.*)$")
_STEP: Final = re.compile(r"^step\s+\d{1,2}\s*[:.–—-]\s*(\S.*)$", re.IGNORECASE)
_CALLOUT: Final = re.compile(
    r"^(?:💡|ℹ️?|⚠️?|❗|📝|📌|✅|🚨)*\s*"
    r"(tip|note|warning|caution|important|info|hint|remember|heads up|pro tip)\s*[:!–—-]\s*(\S.*)$",
    re.IGNORECASE,
)
_ICON: Final = re.compile(r"^(?:💡|ℹ️?|⚠️?|❗|📝|📌|🚨)\s*(\S.*)$")
_ENDS: Final = re.compile(r"[.!;,…][\"”'’)]*$")
_LEADS: Final = re.compile(r":[\"”'’)]*$")
_JOINT: Final = re.compile(r"(?<=[a-z0-9.)\"”%])(?=[A-Z\"“])|(?<=[A-Z]{2})(?=[A-Z][a-z])")
_JOINED: Final = re.compile(r"\S*[a-z0-9.)\"”%A-Z][A-Z\"“]\S*")
_CAMEL: Final = re.compile(r"(?<![A-Za-z])[A-Z]+[a-z]+(?:[A-Z]+[a-z]*)+(?![A-Za-z])")
_LOWER_NAME: Final = re.compile(r"(?:^|[^\w])[a-z]$")  # iPhone, eBay
_CAMELS: Final = frozenset(
    """
    AppSheet BitLocker ConnectWise DocuSign DropBox FaceTime FreshBooks GitHub GitLab GraphQL HaloPSA HubSpot
    JavaScript LinkedIn MySQL OAuth OneDrive OneNote OpenAPI OpenID PayPal PostgreSQL PowerBI PowerPoint PowerShell
    QuickBooks SaaS ServiceNow SharePoint SQLite TypeScript WhatsApp WooCommerce WordPress YouTube
    """.split()  # noqa: SIM905  # words read better than quotes
)
_LAST_GLUED: Final = re.compile(
    r"^(see also|related (?:articles|topics)|further reading|learn more):?\s*(?=(?-i:[A-Z]))", re.IGNORECASE
)
_OPEN_END: Final = re.compile(
    r"\b(?:a|an|and|are|as|at|by|for|from|has|have|in|into|is|of|on|only|or|that|the|to|with)$", re.IGNORECASE
)
_GLUED_OR: Final = re.compile(r"(?<=[a-z]{3})(or|and)(?=[A-Z][a-z]{2})")
_GLUED_SENTENCE: Final = re.compile(
    r"(?<=[a-z]{4})(?=(?:If|When|For|After|Before|Once|Check|Go|Note|Make|Contact|Then) [a-z])"
)
_WORD: Final = r"\[?[A-Z][\w&/'’-]*\]?"
_NAME: Final = rf"{_WORD}(?: (?:(?:&|and|or|of) )?{_WORD}){{0,4}}"  # one entry of a menu, up to five words
_MENU: Final = re.compile(rf"(?<![\w*>])({_NAME}(?: [>→›] {_NAME})+)")
_SHOWN: Final = re.compile(r"\b(?:error|message|reads|says|following|output|log|response)\b", re.IGNORECASE)

_LONGEST_ROW: Final = 2_000  # characters of a table's row

# Words that columns are called by: a row of them is a table's head.
_HEADS: Final = frozenset(
    """
    action actions api area available behavior behaviour category cause causes code code(s) condition default
    description details effect error errors example examples explanation feature field fields fix function how
    id impact item key limit meaning message method mode name notes note object option options parameter
    permission permissions plan platform possible problem product property purpose reason required resolution
    result role scope setting settings severity solution status statuses step steps supported symptom symptoms
    system type use value values version what when where who why workaround
    """.split()  # noqa: SIM905  # words read better than quotes
)
# Headings that structure a section rather than begin one.
_WITHIN: Final = re.compile(
    r"^(?:resolutions?|solutions?|fix|the fix|causes?|common causes|possible causes|symptoms?|steps"
    r"|why (?:this|it|does this|did this) happens?.*|how to (?:fix|resolve|solve) (?:it|this)|what to do|workarounds?"
    r"|prevent(?:ing|ion).*|still (?:seeing|having|not|stuck).*|prerequisites|before you (?:begin|start)|requirements"
    r"|how .{3,40} works?|examples?|notes?|next steps|error|details|background)\??:?$",
    re.IGNORECASE,
)  # fmt: skip
_LAST: Final = re.compile(r"^(?:see also|related (?:articles|topics)|further reading|learn more)$", re.IGNORECASE)
# What an item of a list of steps begins with that holds for some only.
_CONDITIONS: Final = ("If", "For", "When", "After", "Before", "Once", "Otherwise", "Optionally", "Then")
_MENDING: Final = re.compile(
    r"^(?:resolutions?|solutions?|fix|the fix|how to (?:fix|resolve|solve).*|what to do|steps)\??:?$", re.IGNORECASE
)
_STARTERS: Final = "|".join(
    sorted(
        {word.capitalize() for word in DOING}
        | {"A", "An", "The", "This", "These", "If", "When", "Your", "You", "In", "It"},
        key=len,
        reverse=True,
    )
)
_GLUED_TITLE: Final = re.compile(rf"^([A-Z][^.!?:>]{{8,80}}?[a-z)]) (?=(?:{_STARTERS})\b [^>])")


@dataclass(slots=True)
class _Line:
    """One line: its words, and what it was found to be."""

    text: str
    kind: str = "text"  # text | bullet | number | step | callout | heading | within | item | lead | code | row | head
    depth: int = 0
    number: int = 0
    gap: bool = False  # an empty line stands before it
    level: int = 2  # of a heading
    cells: tuple[str, ...] = ()


def read_text(raw: str, *, source: str, name: str, copied: date | None = None) -> Page:
    """The article in a copied page. `copied` is the day or the moment of the copy: "6 days ago" counts from it."""
    notes = (f"cut at {LONGEST:,} characters",) if len(raw) > LONGEST else ()
    lines = _lines(without_controls(raw[:LONGEST]))
    title, summary, author, updated, lines = _head(lines, copied)
    lines = _mended(_last_apart(lines))
    _tables_tabbed(lines)
    _tables_below(lines)
    _tables_run_together(lines)
    _kinds(lines)
    _steps_within(lines)
    _levels(lines)
    return Page(
        title=title or name.replace("-", " ").replace("_", " ").strip().capitalize(),
        body=_markdown(lines), source=source, name=name, summary=summary, author=author, updated=updated, notes=notes,
    )  # fmt: skip


def _lines(text: str) -> list[_Line]:
    found: list[_Line] = []
    gap = False
    for raw in text.split("\n"):
        if not raw.strip():
            gap = True
            continue
        line = _Line(text=" ".join(raw.split()), gap=gap)
        gap = False
        if "\t" in raw.strip():
            line.cells = tuple(" ".join(cell.split()) for cell in raw.strip(" \n").split("\t"))
        if bullet := _BULLET.match(raw.expandtabs(4)):
            line.kind, line.text, line.depth = "bullet", " ".join(bullet[2].split()), len(bullet[1])
        elif (number := _NUMBER.match(raw.expandtabs(4))) and int(number[2]) > 0:
            line.kind, line.text, line.number = "number", " ".join(number[3].split()), int(number[2])
        found.append(line)
    return found


def _head(lines: list[_Line], copied: date | None) -> tuple[str, str, str, str, list[_Line]]:
    """Title, summary, author and date from the first lines; and the lines that are left."""
    title = summary = author = updated = ""
    rest: list[_Line] = []
    seen_meta = False
    for place, line in enumerate(lines):
        if place < 12 and line.kind == "text":
            if named := author_in(line.text):
                author, seen_meta = named, True
                continue
            if (day := updated_in(line.text, copied)) is not None:
                updated, seen_meta = day, True
                continue
            if not title:
                title = line.text
                continue
            if line.text == title:
                continue  # the page shows its title twice: as the page's and as the article's
            if not summary and not seen_meta and place <= 2 and _ENDS.search(line.text) and len(line.text) < 300:
                summary = line.text
                continue
        rest.append(line)
    if summary and not seen_meta:  # without author or date it was a first paragraph like any other
        rest.insert(0, _Line(text=summary, gap=True))
        summary = ""
    return title, summary, author, updated, rest


def day_in(words: str, copied: date | None) -> str | None:
    """An ISO date from "6 days ago" or "March 1, 2025"; empty if the day cannot be told, None if it is no date."""
    if found := _AGO.search(words):
        count = 1 if found[1].lower() in {"a", "an"} else int(found[1])
        days = count * _DAYS[found[2].lower()]
        return _iso(copied - timedelta(days=days)) if copied and days < 36_000 else ""
    if re.search(r"\b(?:today|just now|yesterday|this week|last week)\b", words, re.IGNORECASE):
        return _iso(copied - timedelta(days="yesterday" in words.lower())) if copied else ""
    if found := re.search(r"\b(\d{4})-(\d{2})-(\d{2})\b", words):
        return _checked(int(found[1]), int(found[2]), int(found[3]))
    if (found := _MONTH_FIRST.search(words)) and found[1].lower() in _MONTHS:
        return _checked(int(found[3]), _MONTHS.index(found[1].lower()) + 1, int(found[2]))
    if (found := _DAY_FIRST.search(words)) and found[2].lower() in _MONTHS:
        return _checked(int(found[3]), _MONTHS.index(found[2].lower()) + 1, int(found[1]))
    return None


def author_in(line: str) -> str:
    """The author that a line of its own names: `Written by Ada Winter`; empty if it names none."""
    found = _AUTHOR.match(line)
    return (found[1] or found[2]).strip() if found else ""


def updated_in(line: str, copied: date | None) -> str | None:
    """The day of the last change that a line of its own tells, as `day_in` gives it; None if it tells none."""
    found = _UPDATED.match(line)
    return day_in(found[1], copied) if found else None


def _iso(day: date) -> str:
    return (day.date() if isinstance(day, datetime) else day).isoformat()


def _checked(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _mended(lines: list[_Line]) -> list[_Line]:
    """Lines that inline code broke are whole again, and sentences that ran into each other are apart."""
    words = {word for line in lines for word in re.findall(r"[A-Za-z]+", line.text)}
    joined: list[_Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if (
            before
            and line.kind == "text"
            and not line.gap
            and not line.cells
            and len(before.text) < _LONGEST_ROW
            and _OPEN_END.search(before.text[-12:])
            and not _LEADS.search(before.text)
        ):
            before.text = f"{before.text} {_unglued(line.text, words)}"
            continue
        joined.append(line)
    found: list[_Line] = []
    for line in joined:
        parts = _GLUED_SENTENCE.split(line.text)
        for number, part in enumerate(parts):
            found.append(_Line(text=part.strip(), kind=line.kind if not number else "text", depth=line.depth,
                               number=line.number, gap=line.gap and not number,
                               cells=line.cells if len(parts) == 1 else ()))  # fmt: skip
    return found


def _last_apart(lines: list[_Line]) -> list[_Line]:
    """`See alsoBilling Guide`: the heading at the end of a page, apart from the links that ran into it."""
    found: list[_Line] = []
    for place, line in enumerate(lines):
        glued = _LAST_GLUED.match(line.text) if line.kind == "text" and place >= len(lines) - 10 else None
        # "See also Billing." is a sentence; a glued heading has no blank behind it.
        if glued is None or glued[0][-1:] == " ":
            found.append(line)
            continue
        rest = line.text[glued.end() :]
        edges = [0, *_joints(rest, _names(lines)), len(rest)] if len(rest) <= _LONGEST_ROW else [0, len(rest)]
        found.append(_Line(text=glued[1].capitalize(), gap=True))
        found += [_Line(text=rest[begin:end].strip(), kind="bullet") for begin, end in pairwise(edges)]
    return found


def _unglued(text: str, words: set[str]) -> str:
    """Words that lost the blanks around inline code: `MemberorSubcontractorlicense`."""
    text = _GLUED_OR.sub(r" \1 ", text)
    mended = []
    for word in text.split(" "):
        if re.fullmatch(r"[A-Z][a-z]{8,40}", word):
            cut = next((at for at in range(4, len(word) - 3) if word[at:] in words and len(word) - at >= 5), None)
            mended.append(f"{word[:cut]} {word[cut:]}" if cut else word)
        else:
            mended.append(word)
    return " ".join(mended)


# ---- tables ---------------------------------------------------------------------------------------------------------


def _is_head(cell: str) -> bool:
    words = cell.lower().rstrip(":").split()
    return (
        1 <= len(words) <= 3 and cell[:1].isupper() and any(word in _HEADS for word in words) and not _ENDS.search(cell)
    )


def _tables_tabbed(lines: list[_Line]) -> None:
    """Rows that browsers copy with a tab between two cells; the first of them is the head."""
    place = 0
    while place < len(lines):
        width = len(lines[place].cells)
        end = place
        while width >= 2 and end < len(lines) and len(lines[end].cells) == width and lines[end].kind == "text":
            end += 1
        if width < 2 or end - place < 2:
            place += 1
            continue
        for number in range(place, end):
            lines[number].kind = "row" if number > place else "head"
            lines[number].text = ""
        place = end


def _tables_below(lines: list[_Line]) -> None:
    """Cells that stand below each other: two to five heads in a row, then whole rows for as long as they are alike."""
    place = 0
    while place < len(lines):
        width = 0
        while (
            width < 5
            and place + width < len(lines)
            and lines[place + width].kind == "text"
            and _is_head(lines[place + width].text)
        ):
            width += 1
        if width < 2:
            place += 1
            continue
        rows = _rows_below(lines, place + width, width)
        if not rows:
            place += width
            continue
        heads = tuple(line.text for line in lines[place : place + width])
        table = [_Line(text="", kind="head", cells=heads, gap=True)]
        table += [_Line(text="", kind="row", cells=row) for row in rows]
        lines[place : place + width * (len(rows) + 1)] = table
        place += len(table)


def _rows_below(lines: list[_Line], start: int, width: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    place = start
    while place + width <= len(lines):
        cells = lines[place : place + width]
        if any(cell.kind != "text" or len(cell.text) > 400 for cell in cells):
            break
        row = tuple(cell.text for cell in cells)
        if rows and not _alike(rows[0], row):
            break
        if not rows and all(_is_head(cell) for cell in row):
            break
        rows.append(row)
        place += width
    return rows


def _alike(first: tuple[str, ...], row: tuple[str, ...]) -> bool:
    """Whether a row goes on with a table: its first cell looks like the others of its column, the rest are said."""
    quoted = first[0][:1] in "\"“'`"
    if quoted or row[0][:1] in "\"“'`":
        return quoted == (row[0][:1] in "\"“'`")
    return len(row[0]) <= max(40, 2 * len(first[0])) and not _ENDS.search(row[0]) and bool(row[-1])


def _tables_run_together(lines: list[_Line]) -> None:
    """Rows whose cells ran together: `StatusMeaningAction`, then `PendingIt is waitingWait`."""
    known = _names(lines)
    place = 0
    while place < len(lines):
        heads = _heads(lines[place])
        if not heads:
            place += 1
            continue
        rows: list[tuple[str, ...]] = []
        for line in lines[place + 1 : place + 200]:
            cells = (
                _cells(line.text, len(heads), known) if line.kind == "text" and not _LEADS.search(line.text) else None
            )
            if cells is None or (rows and line.gap and not lines[place + 1].gap):
                break
            rows.append(cells)
        if len(rows) > 1 or (rows and all(_is_head(head) for head in heads)):
            table = [_Line(text="", kind="head", cells=heads, gap=True)]
            table += [_Line(text="", kind="row", cells=row) for row in rows]
            lines[place : place + 1 + len(rows)] = table
            place += len(table)
        else:
            place += 1


def _heads(line: _Line) -> tuple[str, ...]:
    """The heads of a table in a line that ran together: two to five, of which most are what columns are called by."""
    if line.kind != "text" or len(line.text) > 120 or _ENDS.search(line.text):
        return ()
    heads = tuple(part for part in _JOINT.split(line.text) if part)
    named = sum(_is_head(head) for head in heads)
    short = all(len(head.split()) <= 4 and head[0].isupper() for head in heads)
    return heads if 2 <= len(heads) <= 5 and short and named * 2 >= len(heads) else ()


def _cells(text: str, width: int, known: Set[str]) -> tuple[str, ...] | None:
    """The cells of a row that ran together; None if it does not come apart into `width`."""
    if len(text) > _LONGEST_ROW:
        return None
    cuts = _joints(text, known)
    if len(cuts) < width - 1:
        return None
    # Too many: a name that is not known. The first cells are the short ones, so the first cuts are the likely ones.
    edges = [0, *cuts[: width - 1], len(text)]
    return tuple(text[begin:end].strip() for begin, end in pairwise(edges))


def _joints(text: str, known: Set[str]) -> list[int]:
    """Where a small letter meets a capital, unless a name such as OAuth or one that the page knows does it."""
    found: list[int] = []
    for word in _JOINED.finditer(text):
        cuts = [word.start() + joint.start() for joint in _JOINT.finditer(word[0])][:20]
        edges = [word.start(), *cuts, word.end()]
        inside: set[int] = set()
        for first in range(len(edges)):
            for last in range(first + 2, len(edges)):
                if text[edges[first] : edges[last]].strip('"“”.,:;()') in known:
                    inside.update(edges[first + 1 : last])
        found += [cut for cut in cuts if cut not in inside and not _LOWER_NAME.search(text[:cut][-12:])]
    return found


def _names(lines: list[_Line]) -> Set[str]:
    """Names that are written with capitals inside: those that many know, and those that the page uses by themselves."""
    counted = Counter(word for line in lines for word in set(_CAMEL.findall(line.text)))
    return _CAMELS | {word for word, holding in counted.items() if holding > 1}


# ---- what each line is ----------------------------------------------------------------------------------------------


def _kinds(lines: list[_Line]) -> None:
    spaced = sum(line.gap for line in lines) > len(lines) / 2  # every paragraph after an empty line
    listing = False  # a line that leads in, or a heading such as Resolution, has opened a list
    last = False
    for place, line in enumerate(lines):
        if line.kind != "text":
            listing = listing and line.kind not in {"head", "row"}
            continue
        after = lines[place + 1] if place + 1 < len(lines) else None
        before = lines[place - 1] if place else None
        line.kind = _kind(line, before, after, listing=listing, spaced=spaced, last=last)
        if line.kind in {"heading", "within", "step"}:
            last = bool(_LAST.match(line.text))
            listing = last or (bool(_WITHIN.match(line.text)) and not spaced and _short(after))
        elif line.kind in {"lead", "label"}:
            listing = not spaced and after is not None
        elif line.kind == "text":
            listing = False


def _kind(line: _Line, before: _Line | None, after: _Line | None, *, listing: bool, spaced: bool, last: bool) -> str:
    text = line.text
    if _CALLOUT.match(text) or _ICON.match(text):
        return "callout"
    if _LAST.match(text):
        return "heading" if after is not None else "text"
    if last and not _ENDS.search(text):
        return "item"
    if found := _STEP.match(text):
        line.text = found[1]
        return "step"
    if _LEADS.search(text):
        return "label" if len(text) <= 40 and not _ENDS.search(text[:-1]) else "lead"
    if before is not None and before.kind in {"lead", "label"} and _SHOWN.search(before.text) and line.gap and spaced:
        return "code"
    short = (
        len(text) <= 110
        and len(text.split()) <= 14
        and not _ENDS.search(text)
        and (text[:1].isupper() or text[:1] in "\"“'[`")
    )
    if not short or after is None:
        said = not _ENDS.search(text) or (
            before is not None and before.kind == "item" and " — " in before.text and " — " in text
        )
        return "item" if listing and not spaced and said else "text"
    if _WITHIN.match(text):
        return "within"
    if spaced:
        return "heading" if line.gap and after.gap else "text"
    if not listing:
        return "heading"
    return "heading" if _begins_section(text, before, after) else "item"


def _begins_section(text: str, before: _Line | None, after: _Line) -> bool:
    """Whether a short line within a list is the next heading rather than one more thing to do or to know."""
    if begins_with_doing(text) or text.split(maxsplit=1)[0] in {"If", "When", "Only"} or " — " in text or " – " in text:
        return False
    if text.startswith(tuple(f"{word} " for word in _CONDITIONS)) and ", " in text:
        return False
    if before is not None and before.kind == "item" and before.text.split()[0] == text.split(maxsplit=1)[0]:
        return False  # it begins as the line above it does: both are of one list
    if after.kind in {"head", "number", "bullet"}:
        return True
    if _WITHIN.match(after.text) or (_LEADS.search(after.text) and len(after.text) <= 40):
        return False
    if _LEADS.search(after.text):
        return len(text.split()) <= 9
    return bool(_ENDS.search(after.text)) and len(after.text) > 60


def _steps_within(lines: list[_Line]) -> None:
    """A step that ends in a colon and holds for some only is followed by steps of its own, up to the next condition."""
    mending = inside = False
    for place, line in enumerate(lines):
        before = lines[place - 1] if place else None
        if line.kind in {"heading", "within"}:
            mending, inside = bool(_MENDING.match(line.text)), False
        elif line.kind == "lead" and mending and before is not None and before.kind == "item" and _conditional(line):
            line.kind, inside = "item", True
        elif line.kind != "item":
            mending = inside = False
        elif inside and not _conditional(line):
            line.depth = 2
        else:
            inside = False


def _conditional(line: _Line) -> bool:
    return line.text.startswith(tuple(f"{word} " for word in _CONDITIONS))


def _levels(lines: list[_Line]) -> None:
    """How deep each heading stands: most are the page's sections, and some are parts of the one before them."""
    places = [place for place, line in enumerate(lines) if line.kind in {"heading", "within"}]
    series = ""  # the first word of the headings that a section lists below a line such as "one of these:"
    section: _Line | None = None  # that is open
    parted = False  # it has a part such as Resolution
    for number, place in enumerate(places):
        line = lines[place]
        if line.kind == "within":
            line.level, parted = (4 if series else 3), True
            continue
        first = line.text.split(maxsplit=1)[0]
        before = lines[place - 1] if place else None
        follows = lines[places[number + 1]] if number + 1 < len(places) else None
        if before is not None and before.kind == "lead" and place >= 2 and lines[place - 2] is section:
            series = first
        if series and first == series:
            line.level = 3
        elif (
            section is not None and not parted and _alike_named(section.text, line.text)
            and follows is not None and follows.kind == "within" and _MENDING.match(follows.text)
        ):  # fmt: skip
            line.level = (
                3  # "Ticket charge statuses" within "Ticket charges are cancelled", whose Resolution comes after
            )
        else:
            series, section, parted = "", line, False


def _alike_named(one: str, other: str) -> bool:
    """Whether two headings begin with the same two words, whatever their endings are."""
    first, second = ([word.lower().rstrip("s") for word in text.split()[:2]] for text in (one, other))
    return len(first) == 2 and first == second


def _short(line: _Line | None) -> bool:
    """Whether a list begins here: its first line is no whole sentence."""
    return (
        line is not None
        and line.kind in {"text", "bullet", "number"}
        and not (_ENDS.search(line.text) and ". " in line.text)
    )


# ---- writing --------------------------------------------------------------------------------------------------------


def _markdown(lines: list[_Line]) -> str:
    out: list[str] = []
    while lines and _LAST.match(lines[-1].text):
        lines = lines[:-1]  # the links under it were pictures or cards, which a copy leaves out
    place = steps = 0
    while place < len(lines):
        line = lines[place]
        if line.kind in {"item", "bullet", "number"}:
            end = place
            while end < len(lines) and lines[end].kind == line.kind:
                end += 1
            out += ["", *_list(lines[place:end]), ""]
            place = end
            continue
        if line.kind == "step":
            end = place + 1
            while end < len(lines) and lines[end].kind in {"text", "lead", "callout"}:
                end += 1
            steps += 1
            said = [_inline(more.text) for more in lines[place + 1 : end] if more.kind != "callout"]
            notes = [
                f"   {note}" for more in lines[place + 1 : end] if more.kind == "callout" for note in _one(more) if note
            ]
            out += [f"{steps}. **{line.text.rstrip('.')}.** {' '.join(said)}", *notes]
            place = end
            continue
        steps = 0
        out += _one(line)
        place += 1
    return "\n".join(out)


def _one(line: _Line) -> list[str]:
    if line.kind in {"heading", "within"}:
        return ["", f"{'#' * line.level} {_heading(line.text)}", ""]
    if line.kind == "head":
        return ["", _row(line.cells), _row(tuple("---" for _ in line.cells))]
    if line.kind == "row":
        return [_row(tuple(_inline(cell) for cell in line.cells))]
    if line.kind == "code":
        return ["", "```", line.text, "```", ""]
    if line.kind == "callout":
        found = _CALLOUT.match(line.text)
        icon = None if found else _ICON.match(line.text)
        said = f"**{found[1].capitalize()}:** {_inline(found[2])}" if found else _inline(icon[1] if icon else line.text)
        return ["", f"> {said}", ""]
    return ["", escaped(_inline(line.text)), ""]


def _list(lines: list[_Line]) -> list[str]:
    """A list; things to do are numbered, things to know are not. A list within it is judged by itself."""
    shallow = min(line.depth for line in lines)
    numbered = _is_numbered([line for line in lines if line.depth == shallow])
    out: list[str] = []
    counted = 0
    for inner, together in groupby(lines, key=lambda line: min(3, (line.depth - shallow) // 2)):
        group = list(together)
        marked = _is_numbered(group) if inner else numbered
        for number, line in enumerate(group, 1 if inner else counted + 1):
            text = line.text
            if line.kind == "number" and (glued := _GLUED_TITLE.match(text)):
                text = f"**{glued[1]}.** {_inline(text[glued.end() :])}"
            else:
                text = _inline(text)
            out.append(f"{'    ' * inner}{f'{line.number or number}.' if marked else '-'} {text}")
        counted += 0 if inner else len(group)
    return out


def _is_numbered(lines: list[_Line]) -> bool:
    """Whether lines are steps: numbered already, or most of them tell to do something, whatever the condition."""
    if lines[0].kind != "item":
        return lines[0].kind == "number"
    doing = [begins_with_doing(line.text) for line in lines]
    steps = all(done or _conditional(line) for done, line in zip(doing, lines, strict=True))
    return len(lines) > 1 and (sum(doing) * 2 >= len(lines) or (doing[0] and steps))


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _heading(text: str) -> str:
    return text.rstrip(":").rstrip("#").strip()


def _inline(text: str) -> str:
    """Menu paths in bold, with one kind of arrow."""

    def bold(found: re.Match[str]) -> str:
        path = re.sub(r" [→›] ", " > ", found[1])
        first, _, rest = path.partition(" ")
        before = ""
        if begins_with_doing(first) and not rest.startswith(
            ">"
        ):  # "Check Admin > Tools": the path begins after the verb
            before, path = f"{first} ", rest
        return f"{before}**{path}**"

    return _MENU.sub(bold, text)
