"""Resolutions that an article seems to hold, as YAML for the author to finish."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from helpbot.importing.page import article_id
from helpbot.knowledge.article import Article, Section
from helpbot.knowledge.parse import plain
from helpbot.knowledge.shape import begins_with_doing, shape
from helpbot.knowledge.signature import BadPattern, compile_signature, generalise, mine_messages

__all__ = ["Draft", "drafts_of"]

_ROW: Final = re.compile(r"^\s*\|(.+)\|\s*$")
_RULE: Final = re.compile(r"^[\s|:-]+$")
_FIX: Final = re.compile(r"^(?:fix|solution|resolution|action|what to do|workaround)$", re.IGNORECASE)
_CAUSE: Final = re.compile(r"^(?:cause|reason|why|meaning|what it means)$", re.IGNORECASE)
_SYMPTOM: Final = re.compile(r"^(?:symptoms?|error|message|what you see)$", re.IGNORECASE)
_PROBLEM: Final = re.compile(r"^(?:problem|issue|symptom|error|message|what you see)\b", re.IGNORECASE)
_KIND: Final = re.compile(r"\b(?:errors|issues|problems|failures|statuses|messages)\W*(?:\([^()]*\))?$", re.IGNORECASE)
_BULLET: Final = re.compile(r"^[-*+] +(\S.*)$")
_QUOTED: Final = re.compile(r"[\"“]([^\"“”]{4,300})[\"”]|`([^`]{4,300})`")
# A term, and what is told of it; a colon within the quoted term is the message's own.
_TOLD: Final = re.compile(r"^([\"“][^\"“”]{2,300}[\"”]|.{2,200}?)(?: [—–] |(?<=[\w*\"”`)]): )(\S.*)$")
_PART: Final = re.compile(
    r"(?i)(?:resolution|solution|fix|how to (?:fix|resolve|solve) (?:it|this)|steps|what to do|see also|next steps"
    r"|common causes|why this happens|prerequisites|overview|introduction|still seeing the error)"
)
_PLACEHOLDER: Final = re.compile(r"\{[a-z][a-z0-9_]*:([a-z]+)\}")
_SENTENCE: Final = re.compile(r"(?<=[.!?]) (?=[A-Z])")
# What an author may write, for what is found in articles besides.
_TYPES: Final = {
    "ip": "id",
    "email": "word",
    "uuid": "id",
    "hex": "id",
    "number": "int",
    "time": "text",
    "duration": "text",
}
_MARKS: Final = re.compile(r"[*_`]+|\s+")
_MOST_ERRORS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One resolution as it was seen: its id and its file."""

    id: str
    yaml: str


def drafts_of(
    article: Article, claimed_already: Iterable[str] = (), asked_already: Iterable[str] = ()
) -> Iterator[Draft]:
    """A draft for each section that says what to do, and for each row or bullet that tells an error; each id once.

    `claimed_already` and `asked_already` are the errors and questions of resolutions that are there: a draft claims
    none of them, so that it can be put beside them.
    """
    seen: set[str] = set()
    claimed = {_key(error) for error in claimed_already}
    asked = {_folded(question) for question in asked_already}
    for section in article.sections:
        told = [*_from_table(article, section), *_from_bullets(article, section)]
        for found in told or _from_section(article, section):
            if found.id in seen or not re.fullmatch(r"[\w.-]+#[\w.-]+", found.source):
                continue
            seen.add(found.id)
            errors = [error for error in found.errors if _key(error) not in claimed]
            claimed.update(map(_key, errors))
            questions = [question for question in _starters(found, errors) if _folded(question) not in asked]
            asked.update(map(_folded, questions))
            yield Draft(id=found.id, yaml=_yaml(found, errors, questions, article_id(article.id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a section, a row of a table or a bullet tells."""

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
    if not _subject(section):
        return  # "Resolution": told with the section it stands in
    if any(shape((inner,)).steps and _subject(inner) for inner in within[1:]):
        return  # its subsections are the problems
    shaped = shape(within)
    errors = _errors("\n\n".join([f"## {section.title}", *(inner.body for inner in within)]))
    if not shaped.steps and not errors:
        return
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
        # A row of statuses explains them; one that names what went wrong is a problem of its own.
        if fix and cells[0] and (_PROBLEM.match(heads[0]) or _errors(f'"{cells[0]}"')):
            yield _told(article, section, cells[0], cause, [fix])


def _from_bullets(article: Article, section: Section) -> Iterator[_Seen]:
    """Bullets of the form `"error" — cause. What to do.`, and those that name symptom, cause and fix."""
    named: dict[str, str] = {}
    found: list[_Seen] = []
    for line in section.body.split("\n"):
        bullet = _BULLET.match(line)
        told = _TOLD.match(plain(bullet[1])) if bullet else None
        if told is None:
            continue
        term, text = told[1].strip(), told[2].strip()
        for name, pattern in (("symptom", _SYMPTOM), ("cause", _CAUSE), ("fix", _FIX)):
            if pattern.match(term):
                named.setdefault(name, text)
                break
        else:
            if _errors(f'"{_unquoted(term)}"'):
                sentences = _SENTENCE.split(text)
                steps = [said for said in sentences if begins_with_doing(said) or said.startswith(("If ", "Go to "))]
                cause = " ".join(said for said in sentences if said not in steps)
                found.append(_told(article, section, term, cause, steps))
    if "fix" in named:
        seen = _told(article, section, section.title, named.get("cause", ""), [named["fix"]])
        yield replace(seen, errors=_shown(named.get("symptom", "")))
    yield from found


def _told(article: Article, section: Section, term: str, cause: str, steps: list[str]) -> _Seen:
    source = f"{article.id}#{section.anchor}"
    title = _unquoted(term)
    return _Seen(
        id=article_id(title), title=title, source=source, cause=cause or title, errors=_errors(f'"{title}"'),
        steps=[(None, step, source) for step in steps],
    )  # fmt: skip


def _unquoted(text: str) -> str:
    return text.strip("\"“”'` ")


def _shown(symptom: str) -> list[str]:
    """What is quoted as a symptom is a message, whatever its words are."""
    quoted = _QUOTED.search(symptom)
    pattern = _pattern(generalise(quoted[1] or quoted[2])) if quoted else None
    return [pattern] if pattern is not None else _errors(symptom)


def _pattern(mined: str) -> str | None:
    """A pattern as an author may write it; None if it cannot be one."""
    pattern = _PLACEHOLDER.sub(
        lambda mark: mark[0].replace(f":{mark[1]}}}", f":{_TYPES.get(mark[1], mark[1])}}}"), mined
    )
    if re.search(r"[{}]", _PLACEHOLDER.sub("", pattern)):
        return None
    try:
        compile_signature(pattern, target="")
    except BadPattern:
        return None
    return pattern


def _errors(markdown: str) -> list[str]:
    """The error messages that a text shows, as patterns that an author may write; once each."""
    found: dict[str, str] = {}
    for message in mine_messages(markdown):
        if (message.place == "heading" or message.text == markdown.strip('"')) and _KIND.search(message.text):
            continue  # "Connection errors": what such errors are called, and none of them
        if begins_with_doing(message.text):
            continue  # "**Look for missing mappings.**": the title of a step
        pattern = _pattern(message.pattern)
        if pattern is not None:
            found.setdefault(_key(pattern), pattern)
    return list(found.values())[:_MOST_ERRORS]


def _key(error: str) -> str:
    """What two patterns have in common that claim the same error."""
    return _folded(_PLACEHOLDER.sub("\0", error)).strip(" .!")


def _folded(text: str) -> str:
    return _MARKS.sub(lambda mark: " " if mark[0].isspace() else "", text).replace("’", "'").lower().strip()


def _starters(seen: _Seen, errors: list[str]) -> list[str]:
    """Questions to begin with, made from the title and the errors; never asked by anybody."""
    title = seen.title.strip(" ?.")
    ways = ["{}", "how do I fix {}", "what can I do about {}", "why does this happen: {}"] if seen.steps else [
        "{}", "what does {} mean", "why does this happen: {}", "tell me about {}"
    ]  # fmt: skip
    shown = [_PLACEHOLDER.sub("80", error) for error in errors[:2]]
    found = [way.format(title.replace("{", "(").replace("}", ")").lower()) for way in ways]
    found += [way.format(error) for error in shown for way in ("{}", "I get the error {}")]
    return list({_folded(question): question for question in found}.values())


def _yaml(seen: _Seen, errors: list[str], questions: list[str], topic: str) -> str:
    lines = [
        "# A draft made from the article: check every line, and put users' own questions in place of the starters.",
        f"id: {_quoted(seen.id)}",
        f"title: {_quoted(seen.title)}",
        f"label: {_quoted(seen.title, 60)}",
        f"kind: {'fix' if seen.steps else 'explanation'}",
        f"topic: {_quoted(topic)}",
        "applies_to: {}",
        "errors:" + ("" if errors else " []"),
        *(f"  - {_quoted(error)}" for error in errors),
        "questions:  # starters, made from the title and the errors; 25 in users' own words teach well" if questions
        else "questions: []",
        *(f"  - {_quoted(question)}" for question in questions),
        f"source: {_quoted(seen.source)}",
        f"cause: {_quoted(seen.cause)}",
    ]  # fmt: skip
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


def _quoted(text: str, longest: int = 1_900) -> str:
    """A YAML scalar in JSON's quotes: one line, nothing in it that a template would act on."""
    line = " ".join(re.sub(r"\{(?=[{%#])", "{ ", text).split())
    return json.dumps(line[:longest].strip() or "-", ensure_ascii=False)
