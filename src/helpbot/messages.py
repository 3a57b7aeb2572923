"""The words that cross every edge: what comes in from a channel, what goes out to a user.

Plain frozen values without behaviour, so that each channel is two pure translations: payload to `Inbound`,
`Reply` to payload. `Reply.text` alone tells the whole; `Reply.parts` is the same, structured for those who can draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from helpbot.later import dataclass

__all__ = [
    "NOTHING",
    "CaseCard",
    "Channel",
    "Choice",
    "Citation",
    "Code",
    "Field",
    "Form",
    "FormField",
    "Inbound",
    "Outcome",
    "Part",
    "Person",
    "Point",
    "Points",
    "Reply",
    "Step",
    "Steps",
    "Text",
]

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Outcome(StrEnum):
    """What a turn came to (DESIGN, section 3)."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    NO_ANSWER = "no_answer"
    ESCALATE = "escalate"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


class Field(StrEnum):
    """What a case cannot be opened without."""

    PRODUCT_NAME = "product_name"
    ERROR_MESSAGE = "error_message"


class Channel(StrEnum):
    """Where a user talks to the bot."""

    TERMINAL = "terminal"
    WIDGET = "widget"
    SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The article section that something is taken from."""

    article: str
    title: str
    section: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One button: `id` comes back when it is pressed, `label` is what the user reads."""

    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A paragraph. `role` lets a channel set it apart: lead, cause, check, note, question, plain."""

    text: str
    role: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do; `go` is a menu path, `source` an index into the reply's citations."""

    text: str
    go: str | None = None
    source: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Numbered steps."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One fact of a list; `source` is an index into the reply's citations."""

    text: str
    term: str | None = None
    source: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Unnumbered facts."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Text to be shown exactly as it is."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of the escalation form; `value` is what is known already."""

    name: Field
    label: str
    value: str = ""
    help: str = ""
    asked_now: bool = False  # in chat one question is asked at a time: this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is still needed for a case, with what is known filled in."""

    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCard:
    """A case as its user sees it."""

    number: str
    state: str
    product_name: str
    error_message: str


Part = Text | Steps | Points | Code | Form | CaseCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """All that one turn tells the user."""

    outcome: Outcome
    text: str
    parts: tuple[Part, ...] = ()
    resolutions: tuple[str, ...] = ()
    confidence: float = 0.0
    citations: tuple[Citation, ...] = ()
    choices: tuple[Choice, ...] = ()
    awaiting: tuple[Field, ...] = ()
    captured: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    understood: str = ""  # what the bot took the question to be; the title of the answer

    def as_json(self) -> dict[str, object]:
        """The JSON of one answer (DESIGN, section 3), without `id`."""
        return {
            "outcome": self.outcome.value,
            "reply": self.text,
            "resolutions": list(self.resolutions),
            "confidence": round(self.confidence, 4),
            "citations": [
                {"article": c.article, "title": c.title, "section": c.section, "anchor": c.anchor}
                for c in self.citations
            ],
            "choices": [{"id": choice.id, "label": choice.label} for choice in self.choices],
            "awaiting": [name.value for name in self.awaiting],
            "captured": dict(self.captured),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is talking: `id` is unique within a channel. `email` counts as theirs only when `verified`."""

    id: str
    name: str = ""
    email: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One thing a user did, as a channel hands it in.

    `key` is the channel's own id of this act: the same key again is answered from the record, never done twice.
    Exactly one of `text`, `choice` and `form` says what was done; `attachments` are files that came with words or with
    a form; `context` is what the host page knows (product, error, page, psa).
    """

    key: str
    channel: Channel
    thread: str
    person: Person
    text: str = ""
    choice: str | None = None
    form: Mapping[str, str] | None = None
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    attachments: tuple[str, ...] = ()
