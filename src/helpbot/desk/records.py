"""What the desk keeps and hands out: messages, deliveries, views, receipts. Frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from helpbot.escalation.routing import Route, Routing
from helpbot.messages import NOTHING, Channel, Field, Person, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpbot.dialogue.conversation import CaseRef, Conversation, Owner, Phase
    from helpbot.escalation.case import Case

__all__ = [
    "Act",
    "AgentCommand",
    "AgentReceipt",
    "ConversationRecord",
    "ConversationView",
    "Delivery",
    "DeliveryState",
    "DeskSettings",
    "Message",
    "Parcel",
    "PlainTurn",
    "Receipt",
    "RouteHealth",
    "SendResult",
    "Sight",
    "Started",
    "Visibility",
    "file_name",
]


_STORED = re.compile(r"[a-z0-9]{26}/(?=.)", re.DOTALL)


def file_name(attachment: str) -> str:
    """What people call an attachment: a stored file is named `id/name` in a message, any other by its name alone."""
    return _STORED.sub("", attachment, count=1) if _STORED.match(attachment) else attachment


class Visibility(StrEnum):
    """Who may read a message."""

    PUBLIC = "public"
    INTERNAL = "internal"  # agents only; it never leaves through anything a user can read


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  # to be sent when `next_at` has come
    LEASED = "leased"  # one worker has it until its lease ends
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; only a person can send it again
    HELD = "held"  # after a restore: nothing is sent until the operator releases it


class Act(StrEnum):
    """What an agent does with a case."""

    CLAIM = "claim"
    REPLY = "reply"
    NOTE = "note"
    ASK = "ask"
    SUGGEST = "suggest"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    HAND_BACK = "hand_back"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation. `seq` counts from 1 without gaps, and is the stream's id."""

    conversation: str
    seq: int
    author: str  # user | bot | agent | system
    text: str
    at: datetime
    name: str = ""
    reply: Reply | None = None
    visibility: Visibility = Visibility.INTERNAL
    attachments: tuple[str, ...] = ()
    key: str = ""

    @property
    def id(self) -> str:
        """What feedback names a message by."""
        return f"{self.conversation}.{self.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One outgoing notice. Its `id` never changes: receivers drop what they had already by it."""

    id: str
    kind: str
    route: str
    conversation: str
    case_id: str | None
    seq: int | None  # the message it speaks of
    payload: Mapping[str, Any]
    created_at: datetime
    next_at: datetime
    expires_at: datetime  # given up then
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    last_error: str = ""
    delivered_at: datetime | None = None
    receipt: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    position: int = 0  # counts over all deliveries; within a conversation they are sent in this order
    lease: str = ""  # fences off a worker whose lease has ended
    lease_until: datetime | None = None
    corrupt: bool = False  # its payload cannot be read; it is given up at once and blocks nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHealth:
    """What is known of a route: since when it fails, when to try again, whether it is switched off."""

    name: str
    failing_since: datetime | None = None
    failures: int = 0  # in a row
    next_probe: datetime | None = None
    disabled: str = ""  # the reason; empty while it is in use
    last_success: datetime | None = None
    last_failed: str = ""  # the delivery that failed last: one poison row is not a dead receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What a receiver answered that is worth keeping, such as a Slack timestamp."""

    receipt: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A delivery with all that its sender may want to show. `opened` is the receipt of the case's first notice."""

    delivery: Delivery
    route: Route
    case: Case | None = None
    message: Message | None = None
    conversation: ConversationView | None = None
    transcript: tuple[Message, ...] = ()  # public messages, oldest first; for case.opened and transcript
    opened: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    opened_id: str = ""  # the id of the case's first notice on this route


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRecord:
    """A conversation as the store keeps it: `state` is what `dialogue.codec` wrote."""

    id: str
    channel: Channel
    thread: str
    person: Person
    phase: Phase
    owner: Owner
    agent: str
    state: str
    version: int
    last_seq: int
    created_at: datetime
    touched_at: datetime
    due_at: datetime | None = None
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """A conversation as channels see it."""

    id: str
    channel: Channel
    thread: str
    person: Person
    phase: Phase
    owner: Owner
    agent: str
    cases: tuple[CaseRef, ...]
    last_seq: int
    created_at: datetime
    touched_at: datetime
    now: Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The record of a key that was seen: what came with it, and which messages answered it."""

    scope: str
    key: str
    digest: str
    conversation: str
    first_seq: int
    last_seq: int
    case_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTurn:
    """A turn that opens and changes no case: nothing but its key, its messages and the conversation's next state."""

    sight: Sight
    record: ConversationRecord
    expected: int  # the version that the conversation must still have
    posts: tuple[tuple[Message, str | None], ...]  # with their replies as the codec wrote them
    deliveries: tuple[Delivery, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A new conversation. `token` is shown this once; the store keeps only its hash."""

    conversation: ConversationView
    token: str
    messages: tuple[Message, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a turn came to: the user's message and every public one that followed, all committed."""

    conversation_id: str
    messages: tuple[Message, ...]
    conversation: ConversationView | None = None  # how it stood after this turn; None for one from the record
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCommand:
    """One thing an agent does. `case` is its number or id; the same `key` is never done twice."""

    key: str
    case: str
    agent: Person
    act: Act
    text: str = ""
    field: Field | None = None
    resolution: str = ""
    reason: str = ""
    attachments: tuple[str, ...] = ()
    source: str = ""  # where it was done (slack, web, cli), so that no channel echoes its own


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReceipt:
    """What an agent's command came to: the case as it is now, and the messages it made."""

    case: Case
    messages: tuple[Message, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """What an operator decides about the desk."""

    routing: Routing = field(default_factory=Routing)
    # Channels whose replies are sent rather than fetched, by the route that sends them.
    reply_routes: Mapping[Channel, str] = field(default_factory=dict)
    user_mail_route: str = ""  # mails agents' words to users who left an address; empty: off
    case_prefix: str = "HB-"
    remind_after: timedelta = timedelta(minutes=10)
    close_after: timedelta = timedelta(hours=24)
    max_text: int = 100_000  # characters of one message; the edges set lower limits of their own
    max_mails_a_day: int = 3  # to one unverified address
    give_up_after: timedelta = timedelta(hours=72)
    fallback_after: timedelta = timedelta(minutes=5)
    lease: timedelta = timedelta(seconds=30)
