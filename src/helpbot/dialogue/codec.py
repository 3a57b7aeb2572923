"""Conversations and replies as JSON, for the store and the wire: written with a format number, read leniently.

A field that an older version did not know takes its default; one that a newer version added is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final

from helpbot.dialogue.conversation import CaseRef, CaseState, Conversation, FieldValue, Owner, Phase
from helpbot.messages import (
    CaseCard,
    Channel,
    Choice,
    Citation,
    Code,
    Field,
    Form,
    FormField,
    Outcome,
    Part,
    Person,
    Point,
    Points,
    Reply,
    Step,
    Steps,
    Text,
)

__all__ = ["FORMAT", "conversation_from_json", "conversation_to_json", "reply_from_json", "reply_to_json"]

FORMAT: Final = 1

_TUPLES: Final = ("offered", "citations", "tried", "spare")
_PLAIN: Final = ("id", "psa", "question", "problem", "reason", "agent", "email", "email_asked", "reminded", "turns")


def conversation_to_json(now: Conversation) -> dict[str, Any]:
    """The whole state; what is at its default is left out."""
    out: dict[str, Any] = {
        "format": FORMAT,
        "id": now.id,
        "channel": now.channel.value,
        "person": _shallow(now.person),
        "phase": now.phase.value,
        "owner": now.owner.value,
    }
    for name in (*_PLAIN[1:], *_TUPLES):
        value = getattr(now, name)
        if value:
            out[name] = list(value) if isinstance(value, tuple) else value
    if now.captured:
        out["captured"] = dict(now.captured)
    if now.context:
        out["context"] = dict(now.context)
    if now.choices:
        out["choices"] = [_shallow(choice) for choice in now.choices]
    for name in ("product", "error"):
        value = getattr(now, name)
        if value != FieldValue():
            out[name] = _shallow(value)
    if now.asking:
        out["asking"] = now.asking.value
    if now.cases:
        out["cases"] = [{**_shallow(case), "state": case.state.value} for case in now.cases]
    if now.touched:
        out["touched"] = now.touched.isoformat()
    return out


def conversation_from_json(data: Mapping[str, Any]) -> Conversation:
    """The state written by this version or an older one."""
    made: dict[str, Any] = {name: data[name] for name in _PLAIN if name in data}
    made |= {name: tuple(data[name]) for name in _TUPLES if name in data}
    made["channel"] = Channel(data["channel"])
    made["person"] = Person(**_known(Person, data["person"]))
    made["phase"] = Phase(data.get("phase", Phase.LISTENING))
    made["owner"] = Owner(data.get("owner", Owner.BOT))
    for name in ("captured", "context"):
        if name in data:
            made[name] = dict(data[name])
    if "choices" in data:
        made["choices"] = tuple(Choice(**_known(Choice, choice)) for choice in data["choices"])
    for name in ("product", "error"):
        if name in data:
            made[name] = FieldValue(**_known(FieldValue, data[name]))
    if data.get("asking"):
        made["asking"] = Field(data["asking"])
    if "cases" in data:
        made["cases"] = tuple(
            CaseRef(**{**_known(CaseRef, case), "state": CaseState(case["state"])}) for case in data["cases"]
        )
    if data.get("touched"):
        made["touched"] = datetime.fromisoformat(data["touched"])
    return Conversation(**made)


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """A reply with its parts; each part carries its `type`."""
    out = dict(reply.as_json())
    out["text"] = out.pop("reply")
    out["confidence"] = reply.confidence
    out["understood"] = reply.understood
    out["parts"] = [_part_to_json(part) for part in reply.parts]
    return out


def reply_from_json(data: Mapping[str, Any]) -> Reply:
    """The reply that `reply_to_json` wrote."""
    return Reply(
        outcome=Outcome(data["outcome"]),
        text=data["text"],
        parts=tuple(_part_from_json(part) for part in data.get("parts", ())),
        resolutions=tuple(data.get("resolutions", ())),
        confidence=float(data.get("confidence", 0.0)),
        citations=tuple(Citation(**_known(Citation, citation)) for citation in data.get("citations", ())),
        choices=tuple(Choice(**_known(Choice, choice)) for choice in data.get("choices", ())),
        awaiting=tuple(Field(name) for name in data.get("awaiting", ())),
        captured=dict(data.get("captured", {})),
        understood=data.get("understood", ""),
    )


def _shallow(value: Any) -> dict[str, Any]:
    kind: Any = type(value)
    names, read = _reader(kind)
    return dict(zip(names, read(value), strict=True))


@cache
def _reader(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The fields of a value and what reads them all at once: every reply that is written has a dozen such values."""
    names = _names(kind)
    assert len(names) > 1, "one name alone would be read as itself, not as a tuple"
    return names, attrgetter(*names)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = _names(kind)
    return {name: value for name, value in data.items() if name in names}


def _part_to_json(part: Part) -> dict[str, Any]:
    match part:
        case Steps():
            return {"type": "steps", "steps": [_shallow(step) for step in part.steps]}
        case Points():
            return {"type": "points", "points": [_shallow(point) for point in part.points]}
        case Form():
            listed = [{**_shallow(field), "name": field.name.value} for field in part.fields]
            return {"type": "form", "fields": listed}
        case Text():
            return {"type": "text", **_shallow(part)}
        case Code():
            return {"type": "code", "text": part.text}
        case CaseCard():
            return {"type": "case", **_shallow(part)}


def _part_from_json(data: Mapping[str, Any]) -> Part:
    match data["type"]:
        case "steps":
            return Steps(steps=tuple(Step(**_known(Step, step)) for step in data["steps"]))
        case "points":
            return Points(points=tuple(Point(**_known(Point, point)) for point in data["points"]))
        case "form":
            return Form(
                fields=tuple(
                    FormField(**{**_known(FormField, field), "name": Field(field["name"])}) for field in data["fields"]
                )
            )
        case "code":
            return Code(text=data["text"])
        case "case":
            return CaseCard(**_known(CaseCard, data))
        case _:
            return Text(**_known(Text, data))
