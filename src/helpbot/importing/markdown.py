"""Markdown and MDX into articles: front matter of any generator, components and imports taken out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from helpbot.importing.page import LONGEST, Page, without_controls

__all__ = ["read_markdown"]

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r"^(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_ANCHOR: Final = re.compile(r"\s*\{#([A-Za-z0-9_.:-]+)\}\s*$")
_MODULE: Final = re.compile(r"^(?:import|export)\s+(?:[\w{*]|default\b)")
_DIRECTIVE: Final = re.compile(r"^\s*:::+\s*\{?\.?(\w+)?")
_ADMONITION: Final = re.compile(r"^(?:!!!|\?\?\?\+?)\s+(\w+)(?:\s+\"([^\"]*)\")?")
_LINK: Final = re.compile(r"(!?)\[([^\[\]]{0,500})\]\(<?([^()\s<>]{0,2000})>?(?:\s+[\"'][^\"']{0,300}[\"'])?\)")
_FIELD: Final = re.compile(r"^([A-Za-z][\w-]{0,40}):[ \t]*(.*)$")
_TAG_START: Final = re.compile(r"</?[A-Za-z!>{]")
_DATES: Final = (
    "updated",
    "lastmod",
    "last_updated",
    "lastupdated",
    "last_modified",
    "date_modified",
    "ms.date",
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


def _front_matter(lines: list[str]) -> tuple[Mapping[str, str], list[str]]:
    """The simple fields of YAML (---) or TOML (+++) front matter, read line by line, and what follows it."""
    if not lines or lines[0].strip() not in {"---", "+++"}:
        return {}, lines
    mark = lines[0].strip()
    end = next((place for place, line in enumerate(lines[1:400], 1) if line.strip() == mark), None)
    if end is None:
        return {}, lines
    head: dict[str, str] = {}
    for line in lines[1:end]:
        field = _FIELD.match(line if mark == "---" else line.replace(" = ", ": ", 1).replace("=", ": ", 1))
        if field is not None:
            value = field[2].strip()
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1].replace('\\"', '"').replace("''", "'")
            head.setdefault(field[1].lower(), "" if value in {"|", ">", ">-", "|-"} else value)
    return head, lines[end + 1 :]


def _body(lines: list[str]) -> list[str]:
    """Lines without modules, comments and tags; a line of code is kept as it is, marked by a leading NUL."""
    out: list[str] = []
    fence = ""
    comment = ""
    for written in lines:
        line = written
        mark = _FENCE.match(line)
        if mark and not comment:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
            out.append("\x00" + line)
            continue
        if fence:
            out.append("\x00" + line)
            continue
        line, comment = _uncommented(line, comment)
        if _MODULE.match(line):
            continue
        if directive := _DIRECTIVE.match(line):
            if directive[1]:
                out += ["", f"> **{directive[1].capitalize()}:**"]
            continue
        if admonition := _ADMONITION.match(line):
            out += ["", f"> **{(admonition[2] or admonition[1]).capitalize()}:**"]
            continue
        out.append(_untagged(line))
    return out


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
        end = text.find(">", start)
        if end < 0:
            break
        out.append(text[place:start])
        inner = text[start + 1 : end]
        if inner.startswith(("http://", "https://", "mailto:")) and " " not in inner:
            out.append(inner)
        elif not _TAG_START.match(text, start):
            out.append(text[start : end + 1])
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
        if resolve is not None and not re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE):
            target = resolve(address.partition("#")[0])
            if target:
                return f"[{words}]({target}.md)"
        return words

    return _LINK.sub(kept, line)


def _plain(text: str) -> str:
    return re.sub(r"[*_`]+", "", _LINK.sub(lambda found: found[2], text)).strip()


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
    return ""
