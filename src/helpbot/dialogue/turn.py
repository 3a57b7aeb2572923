"""What every turn is made of: its context, its result, and the small steps they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from helpbot.dialogue import phrases
from helpbot.dialogue.actions import Action, Say
from helpbot.dialogue.conversation import CaseRef, Conversation, FieldValue, Owner, Phase
from helpbot.dialogue.world import World
from helpbot.later import dataclass
from helpbot.messages import (
    Choice,
    Field,
    Outcome,
    Reply,
    Text,
)

__all__ = [
    "Rule",
    "Step",
    "Turn",
    "awaiting",
    "button",
    "did_it_help",
    "fresh",
    "hours_now",
    "problem_of",
    "resting",
    "state_of",
    "tell",
    "value_of",
    "with_case",
    "with_value",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn's end: where the conversation stands now, and what is to be done, in order."""

    conversation: Conversation
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a row is given besides the conversation and the act."""

    world: World
    at: datetime
    text: str = ""
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what is done, and every phase it may lead to."""

    turn: Callable[..., Step]
    leads_to: frozenset[Phase]


_FIELDS: Final = (Field.PRODUCT_NAME, Field.ERROR_MESSAGE)


def tell(now: Conversation, world: World, outcome: Outcome, name: str, **values: object) -> Say:
    """One templated paragraph as a reply."""
    text = world.replies.say(name, **values)
    return Say(reply=Reply(outcome=outcome, text=text, parts=(Text(text=text),), awaiting=awaiting(now)))


def awaiting(now: Conversation) -> tuple[Field, ...]:
    """What is still asked for, while the form is open."""
    if now.phase is not Phase.ASKING:
        return ()
    return tuple(name for name in _FIELDS if not value_of(now, name).settled)


def value_of(now: Conversation, name: Field) -> FieldValue:
    """One field of the form."""
    return now.product if name is Field.PRODUCT_NAME else now.error


def with_value(now: Conversation, name: Field, value: FieldValue) -> Conversation:
    """The conversation with one field of the form changed."""
    return replace(now, product=value) if name is Field.PRODUCT_NAME else replace(now, error=value)


def fresh(now: Conversation) -> Conversation:
    """The conversation without what belonged to the last problem."""
    return replace(
        now,
        question="",
        problem="",
        offered=(),
        citations=(),
        captured={},
        choices=(),
        tried=(),
        spare=(),
        product=FieldValue(),
        error=FieldValue(),
        asking=None,
        reason="",
    )


def resting(now: Conversation, otherwise: Phase) -> Phase:
    """Where a conversation stands when nothing is asked: beside its open case, or `otherwise`."""
    if now.open_case is None:
        return otherwise
    return Phase.WITH_AGENT if now.owner is Owner.AGENT else Phase.WAITING


def hours_now(turn: Turn) -> dict[str, object]:
    """Whether people are there, and when they are back, as the templates want it."""
    hours = turn.world.manners.hours
    if hours is None or hours.open_at(turn.at):
        return {"open_now": True, "opens": ""}
    opening = hours.next_opening(turn.at)
    return {"open_now": False, "opens": opening.strftime("%A %d %B, %H:%M (%Z)") if opening else ""}


def button(turn: Turn, id_: str) -> Choice:
    """A button whose label is the template `label_ID`."""
    return Choice(id=id_, label=turn.world.replies.say(f"label_{id_}"))


def did_it_help(turn: Turn) -> tuple[Choice, ...]:
    """The buttons below an answer."""
    return button(turn, "solved"), button(turn, "not_solved"), button(turn, "person")


def problem_of(now: Conversation, told: Iterable[str], text: str) -> str:
    """A fingerprint of what a question is about: what it was answered with, else its own words."""
    del now
    names = sorted(told)
    return "+".join(names) if names else phrases.fold(text)[:200]


def with_case(now: Conversation, case: CaseRef, **changes: object) -> Conversation:
    """The conversation with one of its cases changed."""
    cases = tuple(replace(each, **changes) if each.id == case.id else each for each in now.cases)  # type: ignore[arg-type]  # field names are literal at each call
    return replace(now, cases=cases)


def state_of(now: Conversation, case: CaseRef, name: str, turn: Turn) -> Say:
    """A reply that tells how a case stands, by the named template."""
    return tell(
        now,
        turn.world,
        Outcome.ESCALATE,
        name,
        number=case.number,
        state=case.state.value,
        owner=case.owner or now.agent,
        **hours_now(turn),
    )
