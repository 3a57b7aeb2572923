"""What a turn wants done. The desk performs it, in the turn's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from helpbot.later import dataclass
from helpbot.messages import NOTHING, Reply

__all__ = ["Action", "ChangeCase", "OpenCase", "Relay", "Say", "TellAgents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Tell the user; `speaker` is empty for the bot, else the agent's name."""

    reply: Reply
    speaker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """Open a case with these fields, then feed `CaseOpened` to the conversation within the same transaction.

    `product_name` and `error_message` are exactly what the user typed; where the user said there is none, the
    `_given` flag is false and the field says so in words. Neither is ever empty.
    """

    product_name: str
    error_message: str
    product_name_given: bool
    error_message_given: bool
    reason: str
    question: str
    problem: str = ""  # a fingerprint: the store keeps at most one open case for each in a conversation
    tried: tuple[str, ...] = ()
    psa: str = ""
    email: str = ""
    note: str = ""
    urgency: str = ""
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCase:
    """Change a case that is there: its state, its owner, a corrected field, or what `changes` names."""

    case_id: str
    changes: Mapping[str, str]  # state, owner, product_name, error_message, their _given flags, email, psa
    what: str  # for the history: who did what, in words
    by: str = "user"  # user, bot, or the agent's name


@dataclass(frozen=True, slots=True, kw_only=True)
class TellAgents:
    """Say something to the agents about an open case: the user asked for news, resolved it, sent the details again."""

    case_id: str
    text: str
    kind: str = "news"  # news | user_message | resolved | corrected


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Pass the user's own words on to the agents of an open case, verbatim."""

    case_id: str
    text: str
    attachments: tuple[str, ...] = ()


Action = Say | OpenCase | ChangeCase | TellAgents | Relay
