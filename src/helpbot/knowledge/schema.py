"""The shape of what authors write, as pydantic models: the edge where text becomes a value.

Unknown fields are refused, so that a typing mistake in a field's name is found instead of ignored.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from helpbot.messages import Field as CaseField

__all__ = ["ArticleHead", "QuestionLine", "ResolutionFile", "VocabularyFile"]

_SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def _no_controls(text: str) -> str:
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise ValueError("holds a control character")
    return text


def _source(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+#[\w.-]+", text):
        raise ValueError("is not written article#anchor")
    return text


def _many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _blank_is_none(value: Any) -> Any:
    return [] if value is None else value


Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    AfterValidator(_no_controls),
]
Id = Annotated[str, StringConstraints(pattern=_SLUG, max_length=100)]
SourceText = Annotated[str, AfterValidator(_source)]
OneOrMore = Annotated[list[Id], BeforeValidator(_many)]
Listed = Annotated[list[Words], BeforeValidator(_blank_is_none)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArticleHead(_Model):
    """The front matter of an article."""

    title: Words
    summary: str = ""
    author: str = ""
    updated: date | None = None
    source: str = ""
    errors: Listed = []


class StepModel(_Model):
    """One step."""

    text: Words
    source: SourceText
    go: Words | None = None


class PointModel(_Model):
    """One fact."""

    text: Words
    source: SourceText
    term: Words | None = None


class OlderModel(_Model):
    """What an older article tells."""

    text: Words
    source: SourceText


class EscalateModel(_Model):
    """When a person is needed."""

    when: Words
    needs: list[CaseField] = [CaseField.PRODUCT_NAME, CaseField.ERROR_MESSAGE]


class ResolutionFile(_Model):
    """One file of knowledge/resolutions/."""

    id: Id
    title: Words
    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)] | None = None
    kind: Literal["fix", "explanation", "limitation"] = "fix"
    topic: Id = "general"
    applies_to: dict[Id, OneOrMore] = {}
    errors: Listed = []
    questions: Listed = []
    source: SourceText
    cause: Words
    points: list[PointModel] = []
    steps: list[StepModel] = []
    check: str = ""
    older: OlderModel | None = None
    see_also: list[Id] = []
    escalate: EscalateModel | None = None


class VocabularyFile(_Model):
    """knowledge/vocabulary.yaml."""

    products: Listed = []
    psas: dict[Id, Listed] = {}
    distributors: dict[Id, Listed] = {}
    entities: dict[Id, Listed] = {}
    synonyms: list[list[Words]] = []


class TurnLine(_Model):
    """One turn of a scripted conversation in questions.jsonl."""

    user: str
    outcome: str | list[str]
    resolutions: list[Id] = []
    awaiting: list[CaseField] | None = None


class QuestionLine(_Model):
    """One line of knowledge/questions.jsonl."""

    text: str | None = None
    outcome: str | list[str] | None = None
    resolutions: list[Id] = []
    kind: str = ""
    turns: list[TurnLine] = Field(default_factory=list)
