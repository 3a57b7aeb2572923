"""Markdown and MDX into articles: front matter of any generator, components and imports taken out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from helpbot.importing.html import html_to_markdown
from helpbot.importing.page import LONGEST, Page, without_controls
from helpbot.importing.text import day_in
from helpbot.knowledge.parse import plain

__all__ = ["looks_like_markdown", "read_markdown"]

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r"^(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_ANCHOR: Final = re.compile(r"\s*\{#([\w.:-]+)\}\s*$")
_MODULE: Final = re.compile(
    r"^import\s+(?:[\w*{][^\n]{0,300}\sfrom\s+)?[\"'][^\"'\n]{1,300}[\"'];?\s*$|^import\s+(?:\w+\s*,\s*)?\{[^}\n]{0,300}$"
    r"|^export\s+(?:default|const|let|var|function|async|class|type|interface|\*|\{)"
)
_OPEN_TAG: Final = re.compile(r"</?[A-Za-z][\w.-]*(?=[\s/]|$)[^<>`]*$")
_BLOCK: Final = re.compile(r"^\s*<(table|ul|ol|dl)\b", re.IGNORECASE)
# Components of documentation sites that say something by being there.
_COMPONENT: Final = re.compile(r"^\s*<(/?)([A-Za-z][\w.]*)((?:\s[^<>]*|\s*/)?)>(.*)$")
_TITLE: Final = re.compile(r"\b(?:title|label|header|heading|question|text)=\{?([\"'`])(.{1,200}?)\1")
_CALLOUTS: Final = frozenset(
    {"note", "tip", "warning", "info", "callout", "caution", "danger", "check", "important", "aside"}
)
_FOLDED: Final = frozenset({"accordion", "expandable", "collapsible", "faq", "question", "summary"})
_NAMED: Final = frozenset({"tab", "tabitem", "card", "linkcard", "panel"})
_LONGEST_TAG: Final = 40  # lines that one tag may take
_LONGEST_BLOCK: Final = 400  # lines of one HTML table or list
_DIRECTIVE: Final = re.compile(r"^\s*:::+\s*\{?\.?(\w+)?\}?(.*)$")
_ADMONITION: Final = re.compile(r"^(?:!!!|\?\?\?\+?)\s+(\w+)(?:\s+\"([^\"]*)\")?")
_LINK: Final = re.compile(r"(!?)\[([^\[\]]{0,500})\]\(<?([^()\s<>]{0,2000})>?(?:\s+[\"'][^\"']{0,300}[\"'])?\)")
_FIELD: Final = re.compile(r"^([A-Za-z][\w-]{0,40}):[ \t]*(.*)$")
_INNER: Final = re.compile(r"^[ \t]{1,8}([A-Za-z][\w-]{0,40}):[ \t]*(.*)$")  # a field below another
_FLOW: Final = re.compile(r"([A-Za-z][\w-]{0,40}):[ \t]*([^,{}]{0,200})")  # those of `{date: 2025-03-01, author: Ada}`
_TAG_START: Final = re.compile(r"</?[A-Za-z!>{]")
_DATES: Final = (
    "updated",
    "lastmod",
    "last_updated",
    "lastupdated",
    "last_modified",
    "date_modified",
    "ms.date",
    "last_update.date",  # Docusaurus
    "date",
)


def read_markdown(raw: str, *, source: str, name: str, resolve: Callable[[str], str | None] | None = None) -> Page:
    """The article of a Markdown or MDX file.

    `resolve` maps a relative link (`../billing.md`) to the id of the article that it leads to, None if to none that
    is imported: then the link's words stand alone.
    """
    notes = (f"cut at {LONGEST:,} characters",) if len(raw) > LONGEST else ()
    head, lines = _front_matter(without_controls(raw[:LONGEST]).split("\n"))
    lines = _body(lines)
    title = head.get("title") or head.get("sidebar_label") or ""
    first = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    heading = _HEADING.match(lines[first]) if first < len(lines) else None
    if heading is not None and len(heading[1]) == 1 and (not title or _same(heading[2], title)):
        title = title or _ANCHOR.sub("", heading[2])
        lines = lines[first + 1 :]
    lines = _levels(lines)
    return Page(
        title=_plain(title) or name.replace("-", " ").replace("_", " ").strip().capitalize(),
        body="\n".join(_links(line, resolve) if line and line[0] != "\x00" else line[1:] for line in lines),
        source=source,
        name=name,
        summary=head.get("description") or head.get("summary") or head.get("excerpt") or "",
        author=head.get("author") or "",
        updated=next((day for field in _DATES if (day := _day(head.get(field, "")))), ""),
        notes=notes,
    )


def looks_like_markdown(text: str) -> bool:
    """Whether plain text was written as Markdown: it has front matter, or several headings, fences or tables."""
    lines = text[:50_000].split("\n")
    marks = sum(bool(_HEADING.match(line) or _FENCE.match(line) or re.match(r"\|[\s:-]+\|", line)) for line in lines)
    return marks > 1 or (lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:60]))


def _front_matter(lines: list[str]) -> tuple[Mapping[str, str], list[str]]:
    """The simple fields of YAML (---) or TOML (+++) front matter, read line by line, and what follows it."""
    if not lines or lines[0].strip() not in {"---", "+++"}:
        return {}, lines
    mark = lines[0].strip()
    end = next((place for place, line in enumerate(lines[1:400], 1) if line.strip() == mark), None)
    if end is None:
        return {}, lines
    head: dict[str, str] = {}
    above = ""  # the field that the indented ones below it belong to
    for line in lines[1:end]:
        toml = line.replace(" = ", ": ", 1).replace("=", ": ", 1)
        field = _FIELD.match(line if mark == "---" else toml)
        if field is not None:
            name, value = field[1].lower(), _unquoted(field[2])
            above = "" if value else name
            head.setdefault(name, "" if value in {"|", ">", ">-", "|-"} else value)
            for inner, said in _FLOW.findall(value[1:-1]) if value[:1] == "{" and value[-1:] == "}" else ():
                head.setdefault(f"{name}.{inner.lower()}", _unquoted(said))
        elif above and (inner_field := _INNER.match(line)):
            head.setdefault(f"{above}.{inner_field[1].lower()}", _unquoted(inner_field[2]))
    return head, lines[end + 1 :]


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].replace('\\"', '"').replace("''", "'")
    return value


def _body(lines: list[str]) -> list[str]:
    """Lines without modules, comments and tags; a line of code is kept as it is, marked by a leading NUL."""
    out: list[str] = []
    fence = ""
    comment = ""
    level = 1  # of the heading that the lines stand under
    parts = _Parts()
    place = 0
    while place < len(lines):
        line = lines[place]
        place += 1
        mark = _FENCE.match(line if not parts.steps else line.lstrip())
        if mark and not comment:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
            out.append("\x00" + parts.within(line))
            continue
        if fence:
            out.append("\x00" + parts.within(line))
            continue
        line, comment = _uncommented(line, comment)
        if _MODULE.match(line):
            place = _after_module(lines, place, line)
            continue
        line, place = _whole_tag(line, lines, place)
        if block := _BLOCK.match(line):
            end = _end_of(block[1].lower(), lines, place - 1)
            if end:
                out += ["", *html_to_markdown("\n".join([line, *lines[place:end]])).split("\n"), ""]
                place = end
                continue
        if heading := _HEADING.match(line):
            level = len(heading[1])
        if directive := _DIRECTIVE.match(line):
            parts.quoted = bool(directive[1])
            out += _callout(directive[1], directive[2].strip(" []")) if directive[1] else [""]
            continue
        if admonition := _ADMONITION.match(line):
            parts.indented = True
            out += _callout(admonition[2] or admonition[1], "")
            continue
        if parts.indented and line.strip() and not line.startswith(("    ", "\t")):
            parts.indented = False
            out.append("")
        if component := _COMPONENT.match(line):
            said = parts.told(component, level)
            if said is not None:
                out += said
                continue
        out.append(parts.within(_untagged(line)))
    return out


@dataclass(slots=True)
class _Parts:
    """What the components that are open do to the lines in them."""

    steps: int = 0  # the number of the step that is open, or 0
    in_step: bool = False
    quoted: bool = False
    indented: bool = False  # a callout goes on for as long as its lines are indented

    def within(self, line: str) -> str:
        """A line as it stands in the components that are open."""
        if self.quoted or self.indented:
            return f"> {line.strip()}" if line.strip() else ">"
        if self.in_step:
            return f"   {line.strip()}" if line.strip() else ""
        return line

    def told(self, tag: re.Match[str], level: int) -> list[str] | None:
        """The lines that a component's tag becomes; None if it only falls away."""
        closing, name, rest = bool(tag[1]), tag[2].lower(), _untagged(tag[4]).strip()
        titled = _TITLE.search(tag[3])
        title = titled[2].strip() if titled else ""
        alone = tag[3].rstrip().endswith("/")
        if name == "steps":
            self.steps, self.in_step = 0, False
            return [""]
        if name == "step":
            self.in_step = not closing and not alone
            if closing:
                return ["", rest] if rest else []
            self.steps += 1
            said = f"**{title.rstrip('.')}.** {rest}" if title else rest
            return ["", f"{self.steps}. {said}".rstrip()]
        if name in _CALLOUTS:
            ended = f"</{name}>" in tag[4].lower()
            self.quoted = not closing and not alone and not ended
            if closing:
                return ["", rest] if rest else [""]
            said = title or (name if name not in {"callout", "aside"} else "note")
            return [*_callout(said, rest), *([""] if ended else [])]
        if name in _FOLDED and not closing and (title or (name == "summary" and rest)):
            return ["", f"{'#' * min(6, level + 1)} {title or rest}", "", *([rest] if title and rest else [])]
        if name in _NAMED and title and not closing:
            return ["", f"**{title}**", "", *([rest] if rest else [])]
        return None


def _callout(kind: str, said: str) -> list[str]:
    return ["", f"> **{kind[:1].upper()}{kind[1:]}:** {said}".rstrip()]


def _after_module(lines: list[str], place: int, line: str) -> int:
    """Where the text goes on after an import or export: where its brackets are closed, at the latest 100 lines on."""
    depth = _depth(line)
    for number, more in enumerate(lines[place : place + 100], place + 1):
        if depth <= 0:
            return number - 1
        depth += _depth(more)
    if depth <= 0:
        return min(len(lines), place + 100)
    return next((number for number, more in enumerate(lines[place:], place) if not more.strip()), len(lines))


def _depth(line: str) -> int:
    return sum(map(line.count, "{([")) - sum(map(line.count, "})]"))


def _whole_tag(line: str, lines: list[str], place: int) -> tuple[str, int]:
    """The line with the rest of a tag that goes on below it; as it is if none does or it never ends."""
    if "<" not in line or not _OPEN_TAG.search(line[-500:]):
        return line, place
    joined = [line.rstrip()]
    for number, more in enumerate(lines[place : place + _LONGEST_TAG], place + 1):
        if not more.strip() or ("<" in more and ">" not in more):
            break
        joined.append(more.strip())
        # An arrow function's > ends no tag; one at the end of a line does.
        if (
            ">" in more
            and re.search(r"(?<![=-])>", more)
            and (more.rstrip().endswith(">") or not re.search(r"[{=]", more))
        ):
            return " ".join(joined).replace("=>", ""), number
    return line, place


def _end_of(name: str, lines: list[str], place: int) -> int:
    """The place after the line that closes the HTML block which begins at `place`; 0 if none does."""
    depth = 0
    for number, line in enumerate(lines[place : place + _LONGEST_BLOCK], place + 1):
        small = line.lower()
        depth += small.count(f"<{name}") - small.count(f"</{name}>")
        if depth <= 0:
            return number
    return 0


def _uncommented(line: str, ending: str) -> tuple[str, str]:
    """The line without `<!-- … -->` and `{/* … */}`, and what ends a comment that goes on."""
    out: list[str] = []
    while line:
        if ending:
            end = line.find(ending)
            if end < 0:
                return "".join(out), ending
            line, ending = line[end + len(ending) :], ""
            continue
        starts = [
            (place, closing)
            for opening, closing in (("<!--", "-->"), ("{/*", "*/}"))
            if (place := line.find(opening)) >= 0
        ]
        if not starts:
            break
        place, ending = min(starts)
        out.append(line[:place])
        line = line[place + 3 :]
    return "".join(out) + line, ending


def _untagged(line: str) -> str:
    """The line without HTML and JSX tags; their words stay. Code spans are not looked into."""
    if "<" not in line:
        return line
    parts = line.split("`")
    for number in range(0, len(parts), 2):
        parts[number] = _without_tags(parts[number])
    return "`".join(parts)


def _without_tags(text: str) -> str:
    out: list[str] = []
    place = 0
    while (start := text.find("<", place)) >= 0:
        out.append(text[place:start])
        place = start
        if not _TAG_START.match(text, start):
            out.append("<")
            place += 1
            continue
        end = text.find(">", start)
        if end < 0:
            break
        inner = text[start + 1 : end]
        if inner.startswith(("http://", "https://", "mailto:")) and " " not in inner:
            out.append(inner)
        elif inner[:1].isupper() and inner.endswith("/") and (titled := _TITLE.search(inner[:2_000])):
            out.append(titled[2])  # <Xref title="the guide" value="guide" /> within a sentence
        place = end + 1
    out.append(text[place:])
    return "".join(out)


def _levels(lines: list[str]) -> list[str]:
    """Underlined headings as `#` ones, and none above the second level: the first is the article's own."""
    out: list[str] = []
    for line in lines:
        under = _UNDERLINE.match(line)
        if under and out and out[-1].strip() and out[-1][0] not in "\x00#>|-*" and len(out) > 1 and not out[-2].strip():
            out[-1] = f"## {out[-1].strip()}"
            continue
        heading = _HEADING.match(line) if not line.startswith("\x00") else None
        if heading is not None:
            anchor = _ANCHOR.search(heading[2])
            words = _plain(_ANCHOR.sub("", heading[2]))
            if words:
                out.append(f"{'#' * max(2, len(heading[1]))} {words}{f' {{#{anchor[1]}}}' if anchor else ''}")
            continue
        out.append(line)
    return out


def _links(line: str, resolve: Callable[[str], str | None] | None) -> str:
    """Links that an article may hold: to the web, by mail, or to an article that is imported too."""

    def kept(found: re.Match[str]) -> str:
        picture, words, address = found[1], found[2], found[3]
        if picture:
            return words
        if address.lower().startswith(("http://", "https://", "mailto:")):
            return f"[{words}]({address})"
        if (
            resolve is not None
            and not address.startswith("#")
            and not re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE)
        ):
            target = resolve(address.partition("#")[0])
            if target:
                return f"[{words}]({target}.md)"
        return words

    return _LINK.sub(kept, line)


def _plain(text: str) -> str:
    return plain(text).strip()


def _same(one: str, other: str) -> bool:
    return re.sub(r"\W+", "", _ANCHOR.sub("", one)).lower() == re.sub(r"\W+", "", other).lower()


def _day(text: str) -> str:
    for found in (text[:10], "-".join(reversed(text[:10].split("/")))):
        try:
            return date.fromisoformat(found).isoformat()
        except ValueError:
            continue
    month_first = re.fullmatch(r"(\d{2})/(\d{2})/(\d{4})", text[:10])
    if month_first:
        try:
            return date(int(month_first[3]), int(month_first[1]), int(month_first[2])).isoformat()
        except ValueError:
            return ""
    return day_in(text[:60], None) or ""
