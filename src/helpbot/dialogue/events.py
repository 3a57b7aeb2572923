"""Everything that can happen to a conversation. Times come in with the event; nothing here reads a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from helpbot.later import dataclass
from helpbot.messages import NOTHING, Field

__all__ = [
    "AgentAskedFor",
    "AgentClaimed",
    "AgentHandedBack",
    "AgentReopened",
    "AgentReplied",
    "AgentResolved",
    "AgentSuggested",
    "CaseOpened",
    "Event",
    "TimePassed",
    "UserChose",
    "UserSaid",
    "UserSubmitted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSaid:
    """The user typed something, or sent files (their names)."""

    at: datetime
    text: str
    attachments: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChose:
    """The user pressed a button; `choice` is its id."""

    at: datetime
    choice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSubmitted:
    """The user sent the form: values by name (`product_name`, `error_message`, and free ones: psa, note, email)."""

    at: datetime
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened:
    """The store gave the case its id and number, within the same turn."""

    at: datetime
    id: str
    number: str
    delivered: bool = True  # False: no way to reach agents works now; the user is told that it is queued


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentClaimed:
    """An agent took the case and the conversation."""

    at: datetime
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReplied:
    """An agent wrote words for the user."""

    at: datetime
    agent: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAskedFor:
    """An agent wants a field again, or something else by name, from the user."""

    at: datetime
    agent: str
    field: Field | None = None
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSuggested:
    """An agent picked a resolution; it is sent with its steps."""

    at: datetime
    agent: str
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResolved:
    """An agent says that it is solved."""

    at: datetime
    agent: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReopened:
    """An agent opened a resolved case again."""

    at: datetime
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentHandedBack:
    """An agent gave the conversation back to the bot; the case stays open."""

    at: datetime
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed:
    """Nobody did anything; the desk asks what is due at this time (a reminder, an end)."""

    at: datetime


Event = (
    UserSaid
    | UserChose
    | UserSubmitted
    | CaseOpened
    | AgentClaimed
    | AgentReplied
    | AgentAskedFor
    | AgentSuggested
    | AgentResolved
    | AgentReopened
    | AgentHandedBack
    | TimePassed
)
