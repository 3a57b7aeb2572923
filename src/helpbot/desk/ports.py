"""What the desk needs from the outside, as small protocols: a store, senders, notices, a clock, ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from helpbot.desk.records import (
    ConversationRecord,
    Delivery,
    DeliveryState,
    Message,
    Parcel,
    PlainTurn,
    RouteHealth,
    SendResult,
    Sight,
)
from helpbot.errors import OutsideError

if TYPE_CHECKING:
    from helpbot.dialogue.conversation import CaseState, Conversation
    from helpbot.escalation.case import Case
    from helpbot.messages import Channel, Reply

__all__ = ["OUTBOX", "Clock", "Codec", "Ids", "Notices", "Post", "RouteGone", "Sender", "Store", "Transaction"]

T = TypeVar("T")
Clock = Callable[[], datetime]  # aware, UTC
Ids = Callable[[], str]
Post = tuple[Message, str | None]  # a message and its reply as the codec wrote it

OUTBOX = "@outbox"  # published when deliveries were written, so that the courier need not wait for its next look


class Codec(Protocol):
    """Conversations and replies to JSON and back (`helpbot.dialogue.codec`)."""

    def conversation_to_json(self, conversation: Conversation, /) -> str:
        """A conversation as JSON."""

    def conversation_from_json(self, data: Mapping[str, Any], /) -> Conversation:
        """The conversation that was written."""

    def reply_to_json(self, reply: Reply, /) -> str:
        """A reply as JSON."""

    def reply_from_json(self, data: Mapping[str, Any], /) -> Reply:
        """The reply that was written."""


class Notices(Protocol):
    """Says that a conversation has a new message. A hint only: who must not miss one looks in the store as well."""

    def publish(self, conversation_id: str, seq: int) -> None:
        """Tell everyone that listens to this conversation that `seq` is its newest message."""

    def subscribe(self, listener: Callable[[str, int], None], conversation_id: str | None = None) -> Callable[[], None]:
        """Call `listener` on each notice (of one conversation, or of all); returns how to stop."""


class Transaction(Protocol):
    """What may be done within one transaction. Everything happens or nothing does."""

    def first_sight(self, sight: Sight, at: datetime) -> Sight | None:
        """Enter a key; the earlier record of the same scope and key if there is one, and then nothing is entered."""

    def amend_sight(self, sight: Sight) -> None:
        """Correct which messages answer a key that was entered in this transaction."""

    def create(self, record: ConversationRecord) -> bool:
        """Enter a conversation; False if its channel and thread have one already."""

    def save(self, record: ConversationRecord, expected: int) -> bool:
        """Write the conversation if its version is still `expected`; the row stays locked until the end."""

    def lock(self, conversation_id: str) -> ConversationRecord | None:
        """The conversation as it is now, locked against others until the end of the transaction."""

    def by_thread(self, channel: Channel, thread: str) -> ConversationRecord | None:
        """The conversation of a channel's thread, locked like `lock` does."""

    def post(self, posts: Sequence[Post]) -> None:
        """Write messages."""

    def next_number(self) -> int:
        """The next case number, never given twice."""

    def case(self, case: str) -> Case | None:
        """A case by id or number."""

    def add_case(self, case: Case) -> None:
        """Enter a new case. A conversation has at most one that is open: the schema holds it."""

    def save_case(self, case: Case) -> None:
        """Write a case that is there."""

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """Write deliveries; they are sent after the commit, in this order within a conversation."""

    def health(self, names: Sequence[str]) -> Mapping[str, RouteHealth]:
        """What is known of these routes; those that never failed are left out."""

    def add_token(self, conversation_id: str, digest: str, at: datetime) -> None:
        """Let the holder of a token, known by its hash, read this conversation."""

    def rate(self, conversation_id: str, stars: int | None, solved: bool | None, comment: str, at: datetime) -> None:
        """Keep a user's rating; a later one replaces it."""

    def feedback(self, conversation_id: str, seq: int, up: bool, at: datetime) -> None:
        """Keep whether one message helped; a later word replaces it."""

    def mails_since(self, address: str, since: datetime) -> int:
        """How many mails to a user's address were written since then."""

    def count_mail(self, address: str, at: datetime) -> None:
        """Note that a mail to a user's address is written."""

    # what the courier does

    def claim(
        self, route: str, *, now: datetime, lease: str, until: datetime, limit: int, probe: bool
    ) -> Sequence[Delivery]:
        """Lease what is due on a route, the oldest of each conversation; a probe takes one, due or not."""

    def hold(self, delivery_id: str, lease: str, until: datetime) -> bool:
        """Make a lease last until then, while its delivery is being sent; False if it is no longer ours."""

    def finish(self, delivery: Delivery, lease: str) -> bool:
        """Write what became of a leased delivery; False if the lease is no longer ours."""

    def set_health(self, health: RouteHealth) -> None:
        """Write what is known of a route."""

    def release_route(self, route: str, now: datetime) -> int:
        """Make everything that waits on a route due now; says how many."""

    def release_held(self, route: str, now: datetime, expires: datetime) -> int:
        """Make what was held back due, on one route or, if it is empty, on all; says how many."""

    def overdue(self, kind: str, before: datetime, limit: int) -> Sequence[Delivery]:
        """Deliveries of a kind written before then that are still to be sent and were not handed to a fallback."""

    def mark_fallback(self, delivery_id: str) -> bool:
        """Note that a delivery was handed to a fallback; False if it was before."""

    def expired(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """Deliveries whose time to be given up has come."""


class Store(Protocol):
    """Where everything is kept. Reads see what was committed; writes go through `transact`."""

    @property
    def notices(self) -> Notices:
        """Where commits are announced."""

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction and return its value once it is durable.

        `work` may be run more than once, so it must do nothing outside the transaction. What it raises undoes
        it. CallError(UNAVAILABLE) when the database is locked, full or down.
        """

    def write_turn(self, turn: PlainTurn) -> bool:
        """Write a turn if its key is new and nobody moved its conversation; else nothing is written: False."""

    def conversation(self, conversation_id: str) -> ConversationRecord | None:
        """A conversation."""

    def by_thread(self, channel: Channel, thread: str) -> ConversationRecord | None:
        """The conversation of a channel's thread."""

    def messages(self, conversation_id: str, *, after: int, limit: int, internal: bool) -> Sequence[Message]:
        """The messages above a number, oldest first."""

    def message(self, conversation_id: str, seq: int) -> Message | None:
        """One message."""

    def authorised(self, conversation_id: str, digest: str) -> bool:
        """Whether the token with this hash opens the conversation."""

    def case(self, case: str) -> Case | None:
        """A case by id or number."""

    def cases(
        self,
        *,
        state: CaseState | None,
        psa: str | None,
        conversation: str | None,
        open_only: bool,
        limit: int,
    ) -> Sequence[Case]:
        """Cases, the newest first."""

    def deliveries(
        self, *, state: DeliveryState | None, route: str | None, case_id: str | None, limit: int
    ) -> Sequence[Delivery]:
        """Deliveries, the newest first."""

    def delivery(self, delivery_id: str) -> Delivery | None:
        """One delivery."""

    def opened_receipt(self, case_id: str, route: str) -> Delivery | None:
        """The first notice of a case on a route."""

    def due_conversations(self, now: datetime, limit: int) -> Sequence[str]:
        """Where a reminder or an end may be due."""

    def route_health(self) -> Mapping[str, RouteHealth]:
        """What is known of every route."""

    def waiting_routes(self) -> Mapping[str, datetime]:
        """The routes that have something to send, and since when."""


class RouteGone(OutsideError):
    """The receiver says for good that it wants nothing more: its route is switched off until an operator looks."""


class Sender(Protocol):
    """One way out. `name` is what a route's `sender` says."""

    name: str

    def send(self, parcel: Parcel) -> SendResult:
        """Send it and return when the receiver has it. OutsideError if it did not take it."""
