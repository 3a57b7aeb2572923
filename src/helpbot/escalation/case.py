"""A case: what was escalated, complete and exactly as the user gave it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from helpbot.dialogue.conversation import CaseState, Conversation
from helpbot.messages import NOTHING, Channel, Person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpbot.dialogue.actions import OpenCase

__all__ = [
    "CHANGEABLE",
    "Case",
    "HistoryEntry",
    "case_from_json",
    "case_to_json",
    "changed",
    "opened",
    "person_from_json",
    "person_to_json",
]

FORMAT: Final = 1

# What `ChangeCase.changes` may name. Everything else about a case is settled when it is opened.
CHANGEABLE: Final = frozenset(
    {
        "state",
        "owner",
        "product_name",
        "error_message",
        "product_name_given",
        "error_message_given",
        "email",
        "psa",
        "note",
        "urgency",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One thing that happened to a case: who did what, in words."""

    at: datetime
    by: str  # user, bot, system, or the agent's name
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What was escalated. `product_name` and `error_message` are never empty and never rewritten."""

    id: str
    number: str  # what people say aloud: HB-1042
    conversation: str
    channel: Channel
    person: Person
    product_name: str
    error_message: str
    product_name_given: bool  # False: the user said there is none, and the field says so in words
    error_message_given: bool
    opened_at: datetime
    updated_at: datetime
    state: CaseState = CaseState.OPEN
    owner: str = ""  # the agent who holds it
    psa: str = ""
    reason: str = ""
    question: str = ""
    tried: tuple[str, ...] = ()  # resolutions that were given and did not help
    diagnosis: str = ""
    knowledge_version: str = ""
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    email: str = ""
    urgency: str = ""
    note: str = ""
    resolved_at: datetime | None = None
    history: tuple[HistoryEntry, ...] = ()
    routes: tuple[str, ...] = ()  # where its agents are told; later notices take the same ways

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.state is not CaseState.RESOLVED


def opened(
    order: OpenCase,
    conversation: Conversation,
    *,
    at: datetime,
    id: str,  # noqa: A002 - the word of the field it fills
    number: str,
    knowledge_version: str = "",
) -> Case:
    """The case that an `OpenCase` asks for, with its id and number."""
    return Case(
        id=id,
        number=number,
        conversation=conversation.id,
        channel=conversation.channel,
        person=conversation.person,
        product_name=order.product_name,
        error_message=order.error_message,
        product_name_given=order.product_name_given,
        error_message_given=order.error_message_given,
        opened_at=at,
        updated_at=at,
        psa=order.psa or conversation.psa,
        reason=order.reason,
        question=order.question,
        tried=order.tried,
        diagnosis=_diagnosis(conversation),
        knowledge_version=knowledge_version,
        context=dict(order.context or conversation.context),
        email=order.email or conversation.email or (conversation.person.email if conversation.person.verified else ""),
        urgency=order.urgency,
        note=order.note,
        history=(HistoryEntry(at=at, by="bot", what=f"opened: {order.reason or 'asked for a person'}"),),
    )


def changed(case: Case, changes: Mapping[str, str], *, at: datetime, by: str, what: str) -> Case:
    """The case after these changes, which are entered in its history. An unknown field is an error of ours."""
    unknown = set(changes) - CHANGEABLE
    if unknown:
        raise ValueError(f"a case has no changeable field {', '.join(sorted(unknown))}")
    values: dict[str, Any] = dict(changes)
    for flag in ("product_name_given", "error_message_given"):
        if flag in values:
            values[flag] = str(values[flag]).lower() in {"true", "1", "yes"}
    for text in ("product_name", "error_message"):
        if text in values and not str(values[text]).strip():
            raise ValueError(f"{text} of a case cannot become empty")
    if "state" in values:
        values["state"] = CaseState(values["state"])
        values["resolved_at"] = at if values["state"] is CaseState.RESOLVED else None
    entry = HistoryEntry(at=at, by=by, what=what)
    return replace(case, **values, updated_at=at, history=(*case.history, entry))


def case_to_json(case: Case) -> dict[str, Any]:
    """The case as plain JSON values, for the store, for programs and for webhooks."""
    return {
        "format": FORMAT,
        "id": case.id,
        "number": case.number,
        "state": case.state.value,
        "owner": case.owner,
        "conversation": case.conversation,
        "channel": case.channel.value,
        "person": person_to_json(case.person),
        "product_name": case.product_name,
        "error_message": case.error_message,
        "product_name_given": case.product_name_given,
        "error_message_given": case.error_message_given,
        "psa": case.psa,
        "reason": case.reason,
        "question": case.question,
        "tried": list(case.tried),
        "diagnosis": case.diagnosis,
        "knowledge_version": case.knowledge_version,
        "context": dict(case.context),
        "email": case.email,
        "urgency": case.urgency,
        "note": case.note,
        "opened_at": _stamp(case.opened_at),
        "updated_at": _stamp(case.updated_at),
        "resolved_at": _stamp(case.resolved_at) if case.resolved_at else None,
        "history": [{"at": _stamp(entry.at), "by": entry.by, "what": entry.what} for entry in case.history],
        "routes": list(case.routes),
    }


def case_from_json(data: Mapping[str, Any]) -> Case:
    """The case that `case_to_json` wrote; fields that an older format lacks take their defaults."""
    resolved = data.get("resolved_at")
    return Case(
        id=data["id"],
        number=data["number"],
        state=CaseState(data["state"]),
        owner=data.get("owner", ""),
        conversation=data["conversation"],
        channel=Channel(data["channel"]),
        person=person_from_json(data["person"]),
        product_name=data["product_name"],
        error_message=data["error_message"],
        product_name_given=bool(data["product_name_given"]),
        error_message_given=bool(data["error_message_given"]),
        psa=data.get("psa", ""),
        reason=data.get("reason", ""),
        question=data.get("question", ""),
        tried=tuple(data.get("tried", ())),
        diagnosis=data.get("diagnosis", ""),
        knowledge_version=data.get("knowledge_version", ""),
        context=dict(data.get("context", {})),
        email=data.get("email", ""),
        urgency=data.get("urgency", ""),
        note=data.get("note", ""),
        opened_at=_moment(data["opened_at"]),
        updated_at=_moment(data["updated_at"]),
        resolved_at=_moment(resolved) if resolved else None,
        history=tuple(
            HistoryEntry(at=_moment(entry["at"]), by=entry["by"], what=entry["what"])
            for entry in data.get("history", ())
        ),
        routes=tuple(data.get("routes", ())),
    )


def person_to_json(person: Person) -> dict[str, Any]:
    """A person as plain JSON values."""
    return {"id": person.id, "name": person.name, "email": person.email, "verified": person.verified}


def person_from_json(data: Mapping[str, Any]) -> Person:
    """The person that `person_to_json` wrote."""
    return Person(
        id=data["id"],
        name=data.get("name", ""),
        email=data.get("email", ""),
        verified=bool(data.get("verified", False)),
    )


def _diagnosis(conversation: Conversation) -> str:
    parts = []
    if conversation.offered:
        parts.append("understood as " + ", ".join(conversation.offered))
    if conversation.captured:
        parts.append("with " + ", ".join(f"{name} {value}" for name, value in conversation.captured.items()))
    if conversation.citations:
        parts.append("answered from " + ", ".join(conversation.citations))
    return "; ".join(parts) or "nothing in the articles matched"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
