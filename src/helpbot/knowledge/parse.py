"""From the text of a knowledge file to values, or to faults that name file, line and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from helpbot import later
from helpbot.errors import Fault, Origin
from helpbot.knowledge.article import Article, Section
from helpbot.knowledge.base import Example, ScriptTurn
from helpbot.knowledge.document import Document, Tree, read_yaml
from helpbot.knowledge.resolution import Escalate, Kind, Older, Point, Resolution, Source, Step
from helpbot.knowledge.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = ["parse_article", "parse_examples", "parse_resolution", "parse_vocabulary", "slug"]

_LONGEST_ARTICLE: Final = 5_000_000  # characters
_HEADING = later.pattern(r"^(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_ANCHOR = later.pattern(r"\{#([\w.:-]+)\}\s*$")
_FENCE = later.pattern(r"^ {0,3}(`{3,}|~{3,})")
# Code keeps its characters, a name its underscores: `category_id` and E_ACCESS are read as they are written.
_INLINE = later.pattern(
    r"`([^`\n]+)`|!?\[([^\]\[]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s+\"[^\"\n]{0,300}\")?\)"
    r"|\\([\\`*_{}\[\]()#+.!|>~-])|[*`]+|(?<!\w)_+|_+(?!\w)"
)
_MARKS = later.pattern(r"[*`]+|(?<!\w)_+|_+(?!\w)")  # within a link's words

M = TypeVar("M", bound="BaseModel")


def slug(title: str) -> str:
    """A heading's stable anchor where the author gave none: `Sync errors (HaloPSA)` -> `sync-errors-halopsa`."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-_") or "section"


def parse_article(text: str, path: str, article_id: str) -> Article | list[Fault]:
    """An article with its sections, or everything that is wrong with the file."""
    if len(text) > _LONGEST_ARTICLE:
        return [
            Fault(
                path,
                0,
                f"the article has {len(text):,} characters",
                f"Split it: at most {_LONGEST_ARTICLE:,}",
            )
        ]
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if "\x00" in text:
        number = next((n for n, line in enumerate(lines, 1) if "\x00" in line), 0)
        return [Fault(path, number, "the article holds a NUL character", "Save it as UTF-8 text")]
    if not lines or lines[0].strip() != "---":
        return [Fault(path, 1, "the article has no front matter", "Begin it with ---, `title: …` and ---")]
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if end is None:
        return [Fault(path, 1, "the front matter is not closed", "Put --- on a line of its own below it")]
    document = read_yaml("\n".join(["", *lines[1:end]]), path)
    if isinstance(document, Fault):
        return [document]
    from helpbot.knowledge.schema import ArticleHead

    head = _model(ArticleHead, document, path)
    if isinstance(head, list):
        return head
    sections, faults = _sections(lines[end + 1 :], end + 2, path, article_id, head.title)
    if faults:
        return faults
    return Article(
        id=article_id, title=head.title, summary=head.summary, author=head.author, source=head.source,
        updated=head.updated.isoformat() if head.updated else "", sections=tuple(sections), origin=Origin(path, 1),
    )  # fmt: skip


def _sections(lines: list[str], first: int, path: str, article: str, title: str) -> tuple[list[Section], list[Fault]]:
    """Cut the lines at their headings; what stands before the first belongs to the article's own title."""
    found: list[Section] = []
    faults: list[Fault] = []
    anchors: dict[str, int] = {}
    trail: list[tuple[int, str]] = []
    open_at = ("top", title, 1, first)
    body: list[str] = []

    def close() -> None:
        anchor, heading, level, line = open_at
        above = tuple(name for depth, name in trail if depth < level)
        text = "\n".join(body).strip("\n")
        if text or anchor != "top":
            found.append(
                Section(
                    article=article,
                    anchor=anchor,
                    title=heading,
                    level=level,
                    body=text,
                    trail=above,
                    line=line,
                )
            )

    fence = ""
    for number, line in enumerate(lines, first):
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1][:3]
        heading = None if fence or mark else _HEADING.match(line)
        if heading is None:
            body.append(line)
            continue
        close()
        body = []
        level, words = len(heading[1]), heading[2]
        given = _ANCHOR.search(words)
        words = plain(_ANCHOR.sub("", words)).strip()
        if not words:
            faults.append(Fault(path, number, "a heading has no words", "Give it a title, or remove it"))
        anchor = given[1] if given else _unused(slug(words), anchors)
        if anchor in anchors:
            faults.append(
                Fault(
                    path,
                    number,
                    f"the anchor #{anchor} stands on line {anchors[anchor]} already",
                    "Choose another",
                )
            )
        anchors[anchor] = number
        trail = [entry for entry in trail if entry[0] < level] + [(level, words)]
        open_at = (anchor, words, level, number)
    close()
    return found, faults


def _unused(anchor: str, taken: dict[str, int]) -> str:
    if anchor not in taken:
        return anchor
    return next(f"{anchor}-{n}" for n in range(2, len(taken) + 3) if f"{anchor}-{n}" not in taken)


def plain(markdown: str) -> str:
    """Inline Markdown without its marks: emphasis, code and links become their words."""
    return _INLINE.sub(lambda found: found[1] or found[3] or _MARKS.sub("", found[2] or ""), markdown)


def parse_resolution(text: str, path: str) -> Resolution | list[Fault]:
    """A resolution, or everything that is wrong with the file (templates are checked with the rest in `checks`)."""
    document = read_yaml(text, path)
    if isinstance(document, Fault):
        return [document]
    from helpbot.knowledge.schema import ResolutionFile

    model = _model(ResolutionFile, document, path)
    if isinstance(model, list):
        return model
    faults: list[Fault] = []
    stem = path.rsplit("/", 1)[-1].removesuffix(".yaml")
    if stem != model.id:
        faults.append(Fault(path, document.line("id"), f"the id is {model.id}", f"Name the file {model.id}.yaml"))
    if model.kind == "fix" and not model.steps:
        faults.append(
            Fault(path, document.line("kind"), "a fix has no steps", "Add `steps`, or make it an explanation")
        )
    if faults:
        return faults
    return Resolution(
        id=model.id, title=model.title, label=model.label or model.title[:60], kind=Kind(model.kind),
        topic=model.topic, source=_source(model.source), cause=model.cause,
        applies_to=MappingProxyType({name: tuple(ids) for name, ids in model.applies_to.items()}),
        errors=tuple(model.errors), questions=tuple(model.questions),
        points=tuple(Point(text=p.text, source=_source(p.source), term=p.term) for p in model.points),
        steps=tuple(Step(text=s.text, source=_source(s.source), go=s.go) for s in model.steps),
        check=model.check.strip(),
        older=Older(text=model.older.text, source=_source(model.older.source)) if model.older else None,
        see_also=tuple(model.see_also),
        escalate=Escalate(when=model.escalate.when, needs=tuple(model.escalate.needs)) if model.escalate else None,
        origin=Origin(path, 1),
        lines={".".join(map(str, place)): line for place, line in document.lines.items() if place},
    )  # fmt: skip


def parse_vocabulary(text: str, path: str) -> Vocabulary | list[Fault]:
    """The author's words, or everything that is wrong with the file."""
    document = read_yaml(text, path)
    if isinstance(document, Fault):
        return [document]
    from helpbot.knowledge.schema import VocabularyFile

    model = _model(VocabularyFile, document, path)
    if isinstance(model, list):
        return model

    def frozen(ways: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
        return {name: tuple(words) for name, words in ways.items()}

    return Vocabulary(
        products=tuple(model.products),
        facets={"psa": frozen(model.psas), "distributor": frozen(model.distributors)},
        entities=frozen(model.entities),
        synonyms=tuple(tuple(group) for group in model.synonyms),
    )


def parse_examples(text: str, path: str) -> tuple[list[Example], list[Fault]]:
    """The labelled lines that can be read, and a fault for each that cannot."""
    from pydantic import ValidationError

    from helpbot.knowledge.schema import QuestionLine

    examples: list[Example] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            model = QuestionLine.model_validate(json.loads(line))
        except ValidationError as wrong:
            first = wrong.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            faults.append(Fault(path, number, f"`{place}`: {_said(first['msg'])}", "Mend the line"))
            continue
        except (ValueError, RecursionError):
            faults.append(Fault(path, number, "the line is not JSON", 'Write {"text": "…", "outcome": "…"}'))
            continue
        if not model.turns and (model.text is None or model.outcome is None):
            faults.append(Fault(path, number, "the line has neither `text` and `outcome` nor `turns`", "Add them"))
            continue
        turns = tuple(
            ScriptTurn(
                user=turn.user, outcomes=_tuple(turn.outcome), resolutions=tuple(turn.resolutions),
                awaiting=tuple(turn.awaiting) if turn.awaiting is not None else None,
            )
            for turn in model.turns
        )  # fmt: skip
        examples.append(
            Example(
                text=model.text or "", outcomes=_tuple(model.outcome or ()), resolutions=tuple(model.resolutions),
                kind=model.kind, line=number, turns=turns,
            )
        )  # fmt: skip
    return examples, faults


def _tuple(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _source(text: str) -> Source:
    article, _, anchor = text.partition("#")
    return Source(article, anchor)


def _model(model: type[M], document: Document, path: str) -> M | list[Fault]:
    from pydantic import ValidationError

    if not isinstance(document.tree, dict):
        return [Fault(path, document.line(), "the file is not a mapping", "Write `field: value` lines")]
    try:
        return model.model_validate(_without_blanks(document.tree))
    except ValidationError as wrong:
        return list(_faults(wrong, document, path))


def _without_blanks(tree: dict[str, Tree]) -> dict[str, Tree]:
    return {key: value for key, value in tree.items() if value is not None}


def _faults(wrong: ValidationError, document: Document, path: str) -> Iterator[Fault]:
    for error in wrong.errors():
        place = tuple(error["loc"])
        name = ".".join(str(part + 1) if isinstance(part, int) else part for part in place) or "the file"
        line = document.line(*place)
        if error["type"] == "extra_forbidden":
            yield Fault(path, line, f"the field `{name}` is not known", "Mend its name, or remove it")
        elif error["type"] == "missing":
            yield Fault(path, line, f"the field `{name}` is missing", "Add it")
        else:
            yield Fault(path, line, f"`{name}` {_said(error['msg'])}", "Mend the value")


def _said(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
