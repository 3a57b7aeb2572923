"""Conversations and replies as JSON, for the store and the wire: written with a format number, read leniently.

A field that an older version did not know takes its default; one that a newer version added is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from pydantic_core import CoreSchema, SchemaSerializer, core_schema

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
_HEAD: Final = b'{"format":%d,' % FORMAT


def conversation_to_json(now: Conversation) -> str:
    """The whole state; what is at its default is left out."""
    return (_HEAD + _writer(Conversation).to_json(now, exclude_defaults=True)[1:]).decode()


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


def reply_to_json(reply: Reply) -> str:
    """A reply with its parts; each part carries its `type`."""
    parts = b",".join([_part_to_json(part) for part in reply.parts])
    return (b'%b,"parts":[%b]}' % (_writer(Reply).to_json(reply)[:-1], parts)).decode()


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


_TYPES: Final[Mapping[Any, bytes]] = {
    Steps: b'{"type":"steps",',
    Points: b'{"type":"points",',
    Form: b'{"type":"form",',
    Text: b'{"type":"text",',
    Code: b'{"type":"code",',
    CaseCard: b'{"type":"case",',
}


@cache
def _writer(kind: Any) -> SchemaSerializer:
    """What writes a value of ours as JSON, from the types of its fields: every turn writes the whole state."""
    return SchemaSerializer(_schema(kind))


def _schema(hint: Any) -> CoreSchema:
    origin, given = get_origin(hint), get_args(hint)
    if origin is tuple:
        return core_schema.tuple_variable_schema(_schema(given[0]))
    if origin is UnionType:
        return core_schema.nullable_schema(_schema(next(each for each in given if each is not type(None))))
    if origin is Mapping:  # what is kept may be a view of a mapping: that is written by way of a copy
        text = core_schema.str_schema()
        copied = core_schema.plain_serializer_function_ser_schema(
            dict, return_schema=core_schema.dict_schema(text, text)
        )
        return core_schema.any_schema(serialization=copied)
    if is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        own = [field for field in fields(hint) if field.name != "parts"]  # which `reply_to_json` writes itself
        listed = [core_schema.dataclass_field(field.name, _default(field, hints[field.name])) for field in own]
        arguments = core_schema.dataclass_args_schema(hint.__name__, listed)
        return core_schema.dataclass_schema(hint, arguments, [field.name for field in own], slots=True)
    return _SCALARS[hint]() if hint in _SCALARS else _SCALARS[str]()  # an enum of ours is its text


_SCALARS: Final[Mapping[type, Callable[[], CoreSchema]]] = {
    str: core_schema.str_schema,
    bool: core_schema.bool_schema,
    int: core_schema.int_schema,
    float: core_schema.float_schema,
    datetime: core_schema.datetime_schema,
}


def _default(field: Any, hint: Any) -> CoreSchema:
    if field.default is not MISSING:
        return core_schema.with_default_schema(_schema(hint), default=field.default)
    if field.default_factory is not MISSING:
        return core_schema.with_default_schema(_schema(hint), default_factory=field.default_factory)
    return _schema(hint)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = _names(kind)
    return {name: value for name, value in data.items() if name in names}


def _part_to_json(part: Part) -> bytes:
    kind: Any = type(part)
    return _TYPES[kind] + _writer(kind).to_json(part)[1:]


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
