"""Resolutions that an article seems to hold, as YAML for the author to finish."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from helpbot.importing.page import article_id
from helpbot.knowledge.article import Article, Section
from helpbot.knowledge.parse import plain
from helpbot.knowledge.shape import shape

__all__ = ["Draft", "drafts_of"]

_QUOTED: Final = re.compile(r"`([^`\n]{12,200})`|[\"“]([^\"”\n]{12,200})[\"”]")
_ERROR_WORDS: Final = re.compile(
    r"\b(?:not|no|invalid|error|failed|failure|denied|forbidden|cannot|can't|could not|unable|missing|exceeded|expired"
    r"|unknown|inactive|refused|timeout|timed out|deleted|already|does not|must)\b",
    re.IGNORECASE,
)
_ROW: Final = re.compile(r"^\s*\|(.+)\|\s*$")
_RULE: Final = re.compile(r"^[\s|:-]+$")
_FIX: Final = re.compile(r"^(?:fix|solution|resolution|action|what to do|workaround)$", re.IGNORECASE)
_CAUSE: Final = re.compile(r"^(?:cause|reason|why|meaning)$", re.IGNORECASE)
_PART: Final = re.compile(
    r"(?i)(?:resolution|solution|fix|how to (?:fix|resolve|solve) (?:it|this)|steps|what to do|see also"
    r"|common causes|why this happens)"
)
_PLACEHOLDER: Final = re.compile(r"[{][^}]*[}]")
_NUMBER: Final = re.compile(r"\b\d{2,}\b|\[ID\]|<id>|\{id\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One resolution as it was seen: its id and its file."""

    id: str
    yaml: str


def drafts_of(article: Article, claimed_already: Iterable[str] = ()) -> Iterator[Draft]:
    """A draft for each section that says what to do, and for each row of a table of errors; each id once.

    `claimed_already` are the errors of resolutions that are there: a draft claims none of them.
    """
    seen: set[str] = set()
    claimed = {_PLACEHOLDER.sub("", error).lower() for error in claimed_already}
    for section in article.sections:
        rows = list(_from_table(article, section))
        for found in rows or _from_section(article, section):
            if found.id in seen:
                continue
            seen.add(found.id)
            errors = [error for error in found.errors if _PLACEHOLDER.sub("", error).lower() not in claimed]
            claimed.update(_PLACEHOLDER.sub("", error).lower() for error in errors)
            yield Draft(id=found.id, yaml=_yaml(found, errors, article.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a section or a row of a table tells."""

    id: str
    title: str
    source: str
    cause: str
    errors: list[str]
    steps: list[tuple[str | None, str, str]]  # menu path, text, source


def _from_section(article: Article, section: Section) -> Iterator[_Seen]:
    within = article.within(section.anchor)
    if section.anchor == "top" and len(article.sections) > 1:
        return  # the article as a whole is no problem of its own
    if any(shape((inner,)).steps and _subject(inner) for inner in within[1:]):
        return  # its subsections are the problems
    shaped = shape(within)
    shown = [f"`{line}`" for code in shaped.code for line in code.split("\n")]
    errors = _errors(" ".join([*shown, section.title, *(inner.body for inner in within)]))
    if not shaped.steps and not errors:
        return
    if not _subject(section):
        return  # "Resolution": told with the section it stands in
    source = f"{article.id}#{section.anchor}"
    steps = [(go, text, f"{article.id}#{anchor}") for anchor, go, text in shaped.steps]
    yield _Seen(
        id=article_id(section.title), title=section.title, source=source, cause=shaped.cause or section.title,
        errors=errors, steps=steps,
    )  # fmt: skip


def _subject(section: Section) -> bool:
    """Whether a heading names a problem rather than a part of an answer."""
    return not _PART.fullmatch(section.title.strip(" ?:"))


def _from_table(article: Article, section: Section) -> Iterator[_Seen]:
    """Rows under heads such as Error, Cause, Fix."""
    heads: list[str] = []
    for line in section.body.split("\n"):
        row = _ROW.match(line)
        if row is None:
            heads = []
            continue
        cells = [plain(cell.strip()) for cell in row[1].split("|")]
        if not heads:
            heads = cells
            continue
        if _RULE.match(line):
            continue
        told = dict(zip(heads, cells, strict=False))
        fix = next((text for head, text in told.items() if _FIX.match(head)), "")
        cause = next((text for head, text in told.items() if _CAUSE.match(head)), "")
        if fix and cells[0]:
            source = f"{article.id}#{section.anchor}"
            title = cells[0].strip('"“”')
            yield _Seen(
                id=article_id(title), title=title, source=source, cause=cause or title, errors=_errors(f'"{title}"'),
                steps=[(None, fix, source)],
            )  # fmt: skip


def _errors(text: str) -> list[str]:
    """Quoted strings that read like error messages, once each, with placeholders for what changes."""
    found: dict[str, None] = {}
    for code, quoted in _QUOTED.findall(text):
        words = (code or quoted).strip(" .")
        if " " in words and " > " not in words and _ERROR_WORDS.search(words):
            found.setdefault(_with_placeholders(words))
    return list(found)[:5]


def _with_placeholders(error: str) -> str:
    """Numbers and marks such as [ID] become placeholders: they are another in every user's message."""
    parts = _NUMBER.split(error)
    return parts[0] + "".join(f"{{value_{number}:id}}{part}" for number, part in enumerate(parts[1:], 1))


def _yaml(seen: _Seen, errors: list[str], topic: str) -> str:
    questions = dict.fromkeys(text.lower() for text in (seen.title, *(_PLACEHOLDER.sub("80", e) for e in errors)))
    lines = [
        f"id: {seen.id}",
        f"title: {_quoted(seen.title)}",
        f"label: {_quoted(seen.title[:60])}",
        f"kind: {'fix' if seen.steps else 'explanation'}",
        f"topic: {topic}",
        "applies_to: {}",
        "errors:" + ("" if errors else " []"),
        *(f"  - {_quoted(error)}" for error in errors),
        "questions:  # 25 or more, in users' own words",
        *(f"  - {_quoted(question)}" for question in questions),
        f"source: {_quoted(seen.source)}",
        f"cause: {_quoted(seen.cause)}",
    ]
    if seen.steps:
        lines.append("steps:")
        for go, text, where in seen.steps:
            lines += [
                f"  - text: {_quoted(text)}",
                *([f"    go: {_quoted(go)}"] if go else []),
                f"    source: {_quoted(where)}",
            ]
        lines.append('check: "Try it again: the problem no longer appears."')
    lines.append("escalate: {when: the steps do not help, needs: [product_name, error_message]}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.replace("{{", "{ {").replace("{%", "{ %").split())[:1_900], ensure_ascii=False)
