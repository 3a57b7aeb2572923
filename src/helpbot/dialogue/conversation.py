"""The state of one conversation: all that a next turn depends on, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from helpbot.later import dataclass
from helpbot.messages import NOTHING, Channel, Choice, Field, Person

__all__ = ["CaseRef", "CaseState", "Conversation", "FieldValue", "Owner", "Phase"]


class Phase(StrEnum):
    """Where a conversation stands."""

    LISTENING = "listening"  # nothing is open: the next message is a new question
    CLARIFYING = "clarifying"  # the bot asked which of two or three things is meant
    PROPOSING = "proposing"  # an answer was given: did it solve it?
    REFUSING = "refusing"  # the bot said that it does not know, and offered a person
    ASKING = "asking"  # the case's fields are being asked for
    OPENING = "opening"  # the case is complete; the store is giving it its number (never outlives a turn)
    WAITING = "waiting"  # the case is open and no agent has taken the conversation
    WITH_AGENT = "with_agent"  # an agent holds it: the bot is silent
    RESOLVED = "resolved"  # solved; a next message opens a new turn
    CLOSED = "closed"  # ended by time or by the agent; a next message opens a new turn


class Owner(StrEnum):
    """Who speaks to the user."""

    BOT = "bot"
    AGENT = "agent"
    NOBODY = "nobody"


class CaseState(StrEnum):
    """What became of a case."""

    OPEN = "open"
    CLAIMED = "claimed"
    WAITING_FOR_USER = "waiting_for_user"
    RESOLVED = "resolved"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRef:
    """What a conversation knows of a case of its own. `number` is the one people say aloud: HB-1042."""

    id: str
    number: str
    state: CaseState
    product_name: str
    error_message: str
    product_name_given: bool
    error_message_given: bool
    problem: str = ""  # the fingerprint of what it is about
    owner: str = ""  # the agent's name


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValue:
    """One field of the form: exactly what the user typed, or that there is none."""

    value: str = ""
    given: bool = False
    declined: bool = False  # the user said there is none, or did not know, and is believed
    asked: int = 0  # how often it was asked for; at most twice
    labelled: bool = False  # it was told behind a label, as in "Product: X"; so then are others

    @property
    def settled(self) -> bool:
        """Whether it need not be asked for any more."""
        return self.given or self.declined


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One talk with one user in one place. Values only; `dialogue.step` makes the next one."""

    id: str
    channel: Channel
    person: Person
    phase: Phase = Phase.LISTENING
    owner: Owner = Owner.BOT
    psa: str = ""
    question: str = ""  # what the last answer, clarification or refusal was about, as typed
    problem: str = ""  # a fingerprint of it: one open case a problem
    offered: tuple[str, ...] = ()  # resolutions of the last answer
    citations: tuple[str, ...] = ()  # its sources, as article#anchor
    captured: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    choices: tuple[Choice, ...] = ()  # what the bot last asked to choose from
    tried: tuple[str, ...] = ()  # every resolution given since the conversation turned to this problem
    spare: tuple[str, ...] = ()  # close candidates not yet offered
    product: FieldValue = FieldValue()
    error: FieldValue = FieldValue()
    asking: Field | None = None
    reason: str = ""  # why it is escalated: asked_for_person, not_solved, no_answer, agent_needed
    cases: tuple[CaseRef, ...] = ()  # oldest first; at most one open one for each problem
    agent: str = ""  # who holds it
    email: str = ""
    email_asked: bool = False
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # what the host page said
    touched: datetime | None = None  # the user's last act
    reminded: bool = False
    turns: int = 0

    @property
    def open_case(self) -> CaseRef | None:
        """The case that is not resolved, if there is one."""
        return next((case for case in reversed(self.cases) if case.state is not CaseState.RESOLVED), None)
