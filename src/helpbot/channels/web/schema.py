"""The wire: what the API takes and gives. The widget's types.ts is its other end."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from helpbot.desk.records import ConversationView, Message
from helpbot.messages import CaseCard, Citation, Code, Form, Points, Reply, Steps, Text

__all__ = [
    "Answer",
    "AttachmentOut",
    "ConversationOut",
    "Found",
    "MessageIn",
    "MessageOut",
    "RatingIn",
    "ReplyOut",
    "SearchOut",
    "StartIn",
    "StartedOut",
    "conversation_out",
    "message_out",
    "reply_out",
]

LONGEST_TEXT: Final = 10_000  # characters of one message
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)

Word = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z_]{1,20}$")]
Value = Annotated[str, StringConstraints(strict=True, max_length=2000)]
Context = Annotated[
    dict[Word, Value], Field(max_length=10, description="What the page knows: product, error, page, psa.")
]


class Strict(BaseModel):
    """Nothing that was not asked for is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)


class StartIn(Strict):
    """A new conversation."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"site": "default", "context": {"page": "https://www.example.com/quotes"}}}
    )
    site: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9-]{1,40}$")] = "default"
    context: Context = Field(default_factory=dict)


class MessageIn(Strict):
    """One thing the user did: exactly one of `text` (or attachments), `choice` and `form`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"text": "Company has no external identifier", "context": {"product": "Quotes"}},
            "examples": [
                {"text": "Company has no external identifier", "context": {"product": "Quotes"}},
                {"choice": "not_solved"},
                {"form": {"product_name": "Quotes", "no_error_message": "There is none"}},
            ],
        }
    )
    text: Annotated[str, StringConstraints(strict=True, max_length=LONGEST_TEXT)] | None = None
    choice: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)] | None = None
    form: (
        dict[
            Literal[
                "product_name",
                "error_message",
                "no_product_name",
                "no_error_message",
                "psa",
                "note",
                "email",
                "urgency",
            ],
            Annotated[str, StringConstraints(strict=True, max_length=LONGEST_TEXT)],
        ]
        | None
    ) = Field(
        default=None,
        description=(
            "product_name and error_message, or no_product_name and no_error_message with the user's words where "
            "there is none; and freely psa, note, email, urgency."
        ),
    )
    attachments: Annotated[
        list[Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9]{20,40}$")]], Field(max_length=5)
    ] = Field(default_factory=list)
    context: Context = Field(default_factory=dict)

    @field_validator("form")
    @classmethod
    def _email(cls, form: dict[str, str] | None) -> dict[str, str] | None:
        email = (form or {}).get("email", "")
        if email and (len(email) > 254 or not _EMAIL.fullmatch(email)):
            raise ValueError("email is not an address. Write it like name@example.com")
        return form

    @model_validator(mode="after")
    def _one(self) -> MessageIn:
        said = self.text is not None and not _blank(self.text)
        given = (said or bool(self.attachments), self.choice is not None, self.form is not None)
        if sum(given) == 0:
            raise ValueError("the message is empty. Send text, a choice or a form")
        if sum(given) > 1 or (self.text is not None and (self.choice is not None or self.form is not None)):
            raise ValueError("the message holds more than one of text, choice and form. Send one of them")
        return self


def _blank(text: str) -> bool:
    """Whether there is nothing to read in a text: spaces, controls and characters of no width."""
    return all(letter.isspace() or unicodedata.category(letter) in {"Cf", "Cc", "Zs", "Mn"} for letter in text)


class RatingIn(Strict):
    """What the user thinks of the conversation."""

    model_config = ConfigDict(json_schema_extra={"example": {"stars": 5, "solved": True, "comment": "Quick."}})
    stars: Annotated[int, Field(ge=1, le=5)] | None = None
    solved: bool | None = None
    comment: Annotated[str, StringConstraints(strict=True, max_length=2000)] = ""

    @model_validator(mode="after")
    def _something(self) -> RatingIn:
        if self.stars is None and self.solved is None and not self.comment.strip():
            raise ValueError("the rating is empty. Send stars, solved or a comment")
        return self


_ID: Final = "70se20ha5ae0v0eex1qrck97a8"
_CITED: Final[dict[str, Any]] = {
    "article": "psa-sync-issues",
    "title": "PSA Sync Issues",
    "section": "Autotask: BillingCode errors",
    "anchor": "autotask-billingcode",
    "url": "/articles/psa-sync-issues#autotask-billingcode",
}
_STANDS: Final[dict[str, Any]] = {
    "id": _ID, "phase": "proposing", "owner": "bot", "agent": "", "verified": False, "cases": [], "last_seq": 3,
}  # fmt: skip
_SAID: Final[dict[str, Any]] = {
    "seq": 2, "id": f"{_ID}.2", "author": "user", "name": "", "text": "BillingCode does not exist or is invalid",
    "at": "2026-03-02T09:30:00.120Z", "reply": None, "attachments": [], "key": "3b9e51b0f1d04c5a",
}  # fmt: skip
_TOLD: Final[dict[str, Any]] = _SAID | {
    "seq": 3, "id": f"{_ID}.3", "author": "bot", "text": "The product's category is not mapped …", "key": "",
    "reply": {
        "outcome": "answer", "reply": "The product's category is not mapped …", "understood": "", "confidence": 0.99,
        "resolutions": ["billingcode-invalid"], "captured": {}, "awaiting": [], "citations": [_CITED],
        "parts": [
            {"type": "text", "role": "cause", "text": "The category's billing code mapping is missing."},
            {"type": "steps", "steps": [{"go": "Admin > Integrations", "text": "Correct the mapping.", "source": 0}]},
            {"type": "text", "role": "question", "text": "Did this solve it?"},
        ],
        "choices": [{"id": "solved", "label": "Yes, solved"}, {"id": "not_solved", "label": "No, not yet"}],
    },
}  # fmt: skip


class CitationOut(BaseModel):
    """The article section that something is taken from; `url` opens it."""

    article: str
    title: str
    section: str
    anchor: str
    url: str


class ChoiceOut(BaseModel):
    """A button: send `id` back as `choice`."""

    id: str
    label: str


class TextPart(BaseModel):
    """A paragraph, and what it is for; in it, `code`, **bold** and menu paths (Admin > Tools) may be set apart."""

    type: Literal["text"]
    text: str
    role: str = Field(description="lead, cause, check, older, note, question or plain; take others for plain.")


class StepOut(BaseModel):
    """One step: where to go, what to do there, which citation (counted from 0) it is taken from."""

    text: str
    go: str | None
    source: int | None


class StepsPart(BaseModel):
    """What to do, in order."""

    type: Literal["steps"]
    steps: list[StepOut]


class PointOut(BaseModel):
    """One point of a list; `term` is what it is about."""

    text: str
    term: str | None
    source: int | None


class PointsPart(BaseModel):
    """Things without an order."""

    type: Literal["points"]
    points: list[PointOut]


class CodePart(BaseModel):
    """Something to copy letter by letter."""

    type: Literal["code"]
    text: str


class FieldOut(BaseModel):
    """One field of the form, with what is known already."""

    name: Literal["product_name", "error_message"]
    label: str
    value: str
    help: str
    asked_now: bool


class FormPart(BaseModel):
    """What a case still needs: send it back as `form`."""

    type: Literal["form"]
    fields: list[FieldOut]


class CasePart(BaseModel):
    """The case as it was opened."""

    type: Literal["case"]
    number: str
    state: str
    product_name: str
    error_message: str


PartOut = Annotated[TextPart | StepsPart | PointsPart | CodePart | FormPart | CasePart, Field(discriminator="type")]


class ReplyOut(BaseModel):
    """All that one turn tells the user: `reply` in plain text, `parts` the same for who can draw."""

    outcome: Literal["answer", "clarify", "no_answer", "escalate", "resolved", "cancelled"]
    reply: str
    parts: list[PartOut]
    resolutions: list[str]
    confidence: float
    citations: list[CitationOut]
    choices: list[ChoiceOut]
    awaiting: list[Literal["product_name", "error_message"]]
    captured: dict[str, str]
    understood: str


class AttachmentOut(BaseModel):
    """A stored image. `text` is what was read in it, for the user to confirm; empty if nothing was."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "fw8jge3p4f8se9jkkjxggwx4pj",
                "name": "sync error.png",
                "text": "Sync failed",
                "size": 48_213,
            }
        }
    )
    id: str
    name: str
    text: str = ""
    size: int = Field(default=0, description="In bytes, as it is handed out; 0 where it is no longer there.")


class MessageOut(BaseModel):
    """One message; `seq` counts within the conversation and never changes."""

    seq: int
    id: str
    author: Literal["user", "bot", "agent", "system"]
    name: str
    text: str
    at: str
    reply: ReplyOut | None
    attachments: list[AttachmentOut]
    key: str = Field(description="The Idempotency-Key it came with; only on the user's own messages.")


class CaseOut(BaseModel):
    """A case as its user sees it."""

    number: str
    state: str
    owner: str
    product_name: str
    error_message: str


class ConversationOut(BaseModel):
    """How a conversation stands."""

    id: str
    phase: str
    owner: Literal["bot", "agent", "nobody"]
    agent: str
    verified: bool
    cases: list[CaseOut]
    last_seq: int


class StartedOut(BaseModel):
    """A conversation that was started. The token is shown this once: it opens this conversation and no other."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": _ID,
                "token": "wK2…43 characters…",
                "conversation": _STANDS | {"phase": "listening", "last_seq": 1},
                "messages": [_SAID | {"seq": 1, "id": f"{_ID}.1", "author": "bot", "text": "Hello! …", "key": ""}],
            }
        }
    )
    id: str
    token: str
    conversation: ConversationOut
    messages: list[MessageOut]


class Answer(BaseModel):
    """Messages, oldest first, and how the conversation stands after them."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"conversation": _STANDS, "messages": [_SAID, _TOLD], "replayed": False}}
    )
    conversation: ConversationOut
    messages: list[MessageOut]
    replayed: bool = Field(default=False, description="The key was seen before: this is the recorded answer.")


class Found(BaseModel):
    """One article section found by search."""

    article: str
    title: str
    section: str
    anchor: str
    score: float
    excerpt: str
    url: str


class SearchOut(BaseModel):
    """Search results, best first, each article once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "query": "billing code",
                "hits": [_CITED | {"score": 16.6154, "excerpt": "This is the error seen most often with Autotask. …"}],
            }
        }
    )
    query: str
    hits: list[Found]


# ── from the inside to the wire ────────────────────────────────────────────────────────────────────────────────


def article_url(article: str, anchor: str = "") -> str:
    """Where an article's section is read, from the bot's own origin."""
    return f"/articles/{quote(article, safe='')}" + (f"#{quote(anchor, safe='')}" if anchor else "")


def _citation(cited: Citation) -> dict[str, str]:
    return {
        "article": cited.article,
        "title": cited.title,
        "section": cited.section,
        "anchor": cited.anchor,
        "url": article_url(cited.article, cited.anchor),
    }


def _part(part: object) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text, "role": part.role}
        case Steps():
            return {"type": "steps", "steps": [{"text": s.text, "go": s.go, "source": s.source} for s in part.steps]}
        case Points():
            return {
                "type": "points",
                "points": [{"text": p.text, "term": p.term, "source": p.source} for p in part.points],
            }
        case Code():
            return {"type": "code", "text": part.text}
        case Form():
            return {
                "type": "form",
                "fields": [
                    {"name": f.name.value, "label": f.label, "value": f.value, "help": f.help, "asked_now": f.asked_now}
                    for f in part.fields
                ],
            }
        case CaseCard():
            return {
                "type": "case",
                "number": part.number,
                "state": part.state,
                "product_name": part.product_name,
                "error_message": part.error_message,
            }
    raise TypeError(f"no way to draw {type(part).__name__}")


def reply_out(reply: Reply) -> dict[str, Any]:
    """A reply as JSON, with every field of one answer and its parts."""
    return {
        **reply.as_json(),
        "citations": [_citation(cited) for cited in reply.citations],
        "parts": [_part(part) for part in reply.parts],
        "understood": reply.understood,
    }


def attachment_out(name: str, size: Callable[[str], int]) -> dict[str, Any]:
    """An attachment as a message names it: `id/name`."""
    id_, _, shown = name.partition("/")
    return {"id": id_, "name": shown or id_, "text": "", "size": size(id_)}


def message_out(message: Message, size: Callable[[str, str], int] = lambda _, __: 0) -> dict[str, Any]:
    """A public message as JSON. `size` tells how large a conversation's file is, by its id."""
    return {
        "seq": message.seq,
        "id": message.id,
        "author": message.author,
        "name": message.name if message.author == "agent" else "",
        "text": message.text,
        "at": message.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "reply": reply_out(message.reply) if message.reply is not None else None,
        "attachments": [attachment_out(name, partial(size, message.conversation)) for name in message.attachments],
        "key": message.key if message.author == "user" else "",
    }


def conversation_out(view: ConversationView) -> dict[str, Any]:
    """How a conversation stands, as its user may know it."""
    return {
        "id": view.id,
        "phase": view.phase.value,
        "owner": view.owner.value,
        "agent": view.agent if view.owner.value == "agent" else "",
        "verified": view.person.verified,
        "cases": [
            {
                "number": case.number,
                "state": case.state.value,
                "owner": case.owner,
                "product_name": case.product_name,
                "error_message": case.error_message,
            }
            for case in view.cases
        ],
        "last_seq": view.last_seq,
    }


def rfc3339(at: datetime) -> str:
    """A time as every JSON of this API writes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
