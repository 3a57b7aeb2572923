"""The desk: every act of a user or an agent becomes one transaction, and the same act again is answered from it.

A turn is prepared outside the transaction from the conversation as it was read, and committed only if nobody moved
the conversation meanwhile; otherwise it is prepared again inside, with the row locked. So understanding a message
never holds the writer up, and a turn always runs on the state it is written over.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from helpbot.desk.defaults import new_id, utc_now
from helpbot.desk.failpoints import reach
from helpbot.desk.ports import OUTBOX, Clock, Codec, Ids, Post, Store, Transaction
from helpbot.desk.records import (
    Act,
    AgentCommand,
    AgentReceipt,
    ConversationRecord,
    ConversationView,
    Delivery,
    DeliveryState,
    DeskSettings,
    Message,
    PlainTurn,
    Receipt,
    Sight,
    Started,
    Visibility,
)
from helpbot.dialogue.actions import Action, ChangeCase, OpenCase, Relay, Say, TellAgents
from helpbot.dialogue.conversation import CaseState, Conversation, Phase
from helpbot.dialogue.events import (
    AgentAskedFor,
    AgentClaimed,
    AgentHandedBack,
    AgentReopened,
    AgentReplied,
    AgentResolved,
    AgentSuggested,
    CaseOpened,
    Event,
    TimePassed,
    UserChose,
    UserSaid,
    UserSubmitted,
)
from helpbot.errors import CallError, Code
from helpbot.escalation.case import Case, HistoryEntry, case_to_json, changed, opened
from helpbot.escalation.routing import Kind, Route
from helpbot.messages import NOTHING, Channel, Inbound, Person, Reply

__all__ = ["Desk", "new_id", "utc_now", "view_of"]

T = TypeVar("T")
StepFunction = Callable[[Conversation, Event, Any], Any]

# A key must outlive a night: a widget on a closed laptop sends its last message when the lid opens.
MAX_KEY: Final = 255
# Whoever holds a start's key is handed the conversation again, so it must not be guessable.
MIN_START_KEY: Final = 16
QUIET: Final = frozenset({Phase.LISTENING, Phase.RESOLVED, Phase.CLOSED})  # nothing becomes due in these
MAIL_SPAN: Final = timedelta(days=1)
LOOK_AGAIN: Final = timedelta(hours=1)
TICK: Final = 200  # conversations one tick looks at
REMEMBERED: Final = 4096  # conversations whose last state is at hand without reading it again


class Desk:
    """Receives what users and agents do. Every method returns after its commit, or changes nothing."""

    def __init__(
        self,
        store: Store,
        world: Callable[[], Any],
        settings: DeskSettings | None = None,
        clock: Clock = utc_now,
        ids: Ids = new_id,
        *,
        step: StepFunction | None = None,
        codec: Codec | None = None,
        greeting: Callable[[Any], Reply] | None = None,
    ) -> None:
        """`world` gives the knowledge of the moment; `step` is the dialogue's own unless a test brings another."""
        if step is None or greeting is None:
            from helpbot.dialogue import machine

            step, greeting = step or machine.step, greeting or machine.greeting
        if codec is None:
            from helpbot.dialogue import codec as dialogue_codec

            codec = dialogue_codec
        self._store, self._world, self._settings = store, world, settings or DeskSettings()
        self._clock, self._ids, self._step, self._codec, self._greeting = clock, ids, step, codec, greeting
        self._programs = self._settings.routing.taking(Kind.MESSAGE_CREATED, "webhook")  # told of every message
        self._overheard = any(route.takes(Kind.MESSAGE_BESIDE) for route in self._settings.routing.routes.values())
        # The last state of conversations as this node wrote them: a guess that saves a read. A turn prepared from
        # it is written only if the stored version is still the same, so another node's turn is never overlooked.
        self._recent: dict[str, tuple[ConversationRecord, Conversation]] = {}
        self._opened: dict[str, str] = {}  # which conversation a token opened: the token's hash to the conversation

    # ── users ────────────────────────────────────────────────────────────

    def start(
        self,
        channel: Channel,
        person: Person,
        *,
        thread: str = "",
        key: str = "",
        context: Mapping[str, str] = NOTHING,
    ) -> Started:
        """Begin a conversation: its greeting, and the token that opens it. The same `key` again gives the same one.

        A replay hands out a further token, since of the first only its hash is known.
        """
        _check_text("thread", thread, 500)
        _check_person(person)
        _check_map("context", context)
        if key:
            _check_key(key, shortest=MIN_START_KEY)
        at, id_, token = self._clock(), self._ids(), secrets.token_urlsafe(32)
        scope = f"start:{channel.value}:{person.id}"
        sight = Sight(scope=scope, key=key or id_, digest=_digest(thread), conversation=id_, first_seq=1, last_seq=1)
        now = Conversation(id=id_, channel=channel, person=person, context=dict(context))
        turn = _Turn(self, now, self._new_record(now, thread or id_, at), at)
        turn.say(self._greeting(self._world()), author="bot")
        turn.close(now)

        def work(tx: Transaction) -> tuple[str, bool]:
            earlier = tx.first_sight(sight, at)
            if earlier is not None:
                _same_body(earlier, sight)
                tx.add_token(earlier.conversation, _token_digest(token), at)
                return earlier.conversation, True
            if not tx.create(turn.record):
                raise CallError(
                    Code.CONFLICT,
                    f"thread {thread} has a conversation already",
                    "Send the message to that one",
                )
            tx.add_token(id_, _token_digest(token), at)
            turn.write(tx)
            return id_, False

        conversation_id, replayed = self._store.transact(work)
        self._announce(turn if not replayed else None)
        if not replayed:
            return Started(conversation=_view(turn.record, now), token=token, messages=turn.public())
        return Started(
            conversation=self.conversation(conversation_id),
            token=token,
            messages=tuple(self.messages(conversation_id, limit=1)),
            replayed=True,
        )

    def receive(self, inbound: Inbound) -> Receipt:
        """Take one act of a user and return it with all that it was answered, after the commit.

        A conversation of a Slack thread begins with its first message. CallError(NOT_FOUND) for a conversation
        that does not exist, KEY_REUSED for a key that came with another body before; neither changes anything.
        """
        self._check(inbound)
        at = self._clock()
        event = _event(inbound, at)
        record = self._record_of(inbound, at)
        scope = f"{inbound.channel.value}:{inbound.thread}"
        digest = _digest(
            inbound.text,
            inbound.choice or "",
            json.dumps(sorted(inbound.form.items())) if inbound.form is not None else "",
            *inbound.attachments,
        )

        def prepare(record: ConversationRecord, tx: Transaction | None) -> _Turn:
            now = self._decode(record)
            turn = _Turn(self, now, record, at)
            turn.heard(inbound, self._shown(inbound, now))
            turn.advance(event, tx)
            turn.overheard(now, tx)
            return turn

        turn, replayed = self._commit(scope, inbound.key, digest, record, prepare, at)
        if replayed is not None:
            return Receipt(
                conversation_id=replayed.conversation,
                messages=self._replay(replayed, internal=False),
                replayed=True,
            )
        view = _view(turn.record, turn.now)
        return Receipt(conversation_id=turn.record.id, messages=turn.public(), conversation=view)

    def rate(
        self,
        conversation_id: str,
        key: str,
        stars: int | None = None,
        solved: bool | None = None,
        comment: str = "",
    ) -> None:
        """Keep what a user thinks of the conversation: 1 to 5 stars, whether it was solved, a comment."""
        if stars is not None and not 1 <= stars <= 5:
            raise CallError(Code.INVALID, f"stars is {stars}", "Give a number from 1 to 5")
        _check_key(key)
        _check_text("comment", comment, self._settings.max_text)
        at = self._clock()
        sight = Sight(
            scope=f"rate:{conversation_id}",
            key=key,
            digest=_digest(str(stars), str(solved), comment),
            conversation=conversation_id,
            first_seq=0,
            last_seq=0,
        )

        def work(tx: Transaction) -> None:
            if tx.lock(conversation_id) is None:
                raise _unknown_conversation()
            earlier = tx.first_sight(sight, at)
            if earlier is not None:
                _same_body(earlier, sight)
                return
            tx.rate(conversation_id, stars, solved, comment, at)

        self._store.transact(work)

    @property
    def mails(self) -> bool:
        """Whether users can be mailed at all."""
        return self._settings.user_mail_route in self._settings.routing.routes

    def mail_transcript(self, conversation_id: str, key: str, person: Person) -> None:
        """Mail what was said to the user's own address, once a `key`.

        CallError(FORBIDDEN) without an address that was verified: what a visitor wrote never goes to an address that a
        visitor only named. CONFLICT where no mail is sent, TOO_MANY when the address was mailed often enough today.
        """
        _check_key(key)
        settings, at = self._settings, self._clock()
        if not (person.verified and person.email):
            raise CallError(
                Code.FORBIDDEN,
                "there is no verified address to mail to",
                "Sign in on the site that shows this chat, or save the conversation as a file",
            )
        if not self.mails:
            raise CallError(Code.CONFLICT, "no mail is sent from here", "Save the conversation as a file")
        sight = Sight(
            scope=f"transcript:{conversation_id}",
            key=key,
            digest=_digest(person.email),
            conversation=conversation_id,
            first_seq=0,
            last_seq=0,
        )
        payload = {
            "type": Kind.TRANSCRIPT,
            "timestamp": at.isoformat(),
            "conversation": conversation_id,
            "to": person.email,
        }
        order = Delivery(
            id=self._ids(),
            kind=Kind.TRANSCRIPT,
            route=settings.user_mail_route,
            conversation=conversation_id,
            case_id=None,
            seq=None,
            payload=payload,
            created_at=at,
            next_at=at,
            expires_at=at + settings.give_up_after,
        )

        def work(tx: Transaction) -> bool:
            if tx.lock(conversation_id) is None:
                raise _unknown_conversation()
            earlier = tx.first_sight(sight, at)
            if earlier is not None:
                _same_body(earlier, sight)
                return False
            if tx.mails_since(person.email, at - MAIL_SPAN) >= settings.max_mails_a_day:
                raise CallError(
                    Code.TOO_MANY,
                    "this address was mailed often enough today",
                    "Save the conversation as a file, or try again tomorrow",
                    retry_after=3600,
                )
            tx.count_mail(person.email, at)
            tx.enqueue([order])
            return True

        if self._store.transact(work):
            self._store.notices.publish(OUTBOX, 0)

    def feedback(self, message_id: str, up: bool) -> None:
        """Keep whether one message helped."""
        conversation_id, seq = _message_id(message_id)
        at = self._clock()
        if self._store.message(conversation_id, seq) is None:
            raise CallError(Code.NOT_FOUND, "there is no such message", "Use the id of a message you were shown")
        self._store.transact(lambda tx: tx.feedback(conversation_id, seq, up, at))

    def conversation(self, conversation_id: str) -> ConversationView:
        """A conversation as it is now; CallError(NOT_FOUND) if there is none."""
        record = self._store.conversation(conversation_id)
        if record is None:
            raise _unknown_conversation()
        return _view(record, self._decode(record))

    def messages(
        self, conversation_id: str, *, after: int = 0, limit: int = 200, internal: bool = False
    ) -> tuple[Message, ...]:
        """The messages numbered above `after`, oldest first; internal notes only where they are asked for."""
        return tuple(
            self._store.messages(conversation_id, after=max(0, after), limit=min(limit, 1000), internal=internal)
        )

    def authorise(self, conversation_id: str, token: str) -> ConversationView:
        """The conversation, for who holds its token; else CallError(NOT_FOUND), whether it exists or not."""
        if not token or not conversation_id or not self._store.authorised(conversation_id, _token_digest(token)):
            raise _unknown_conversation()
        return self.conversation(conversation_id)

    def admit(self, conversation_id: str, token: str) -> ConversationView:
        """The conversation for who holds its token, to take a turn in: as this node knew it last, often without a read.

        A token opens its conversation for as long as that is there, and a turn prepared from what is remembered is
        written only if it still stands so: in an erased conversation `receive` says what `authorise` would have said.
        """
        digest = _token_digest(token)
        known = self._recent.get(conversation_id)
        if known is not None and self._opened.get(digest) == conversation_id:
            return _view(*known)
        view = self.authorise(conversation_id, token)
        _hold(self._opened, digest, conversation_id)
        return view

    # ── agents ────────────────────────────────────────────────────────────

    def agent(self, command: AgentCommand) -> AgentReceipt:
        """Do what an agent asks for, once. CallError(CONFLICT) for what the case's state does not allow."""
        self._check_command(command)
        at = self._clock()
        case = self.case(command.case)
        record = self._store.conversation(case.conversation)
        if record is None:
            raise _unknown_conversation()
        digest = _digest(
            case.id, command.act.value, command.text, command.field or "", command.resolution, command.reason
        )

        def prepare(record: ConversationRecord, tx: Transaction | None) -> _Turn:
            if tx is None:
                raise _InsideOnly
            current = tx.case(case.id)
            assert current is not None, "cases are never deleted on their own"
            now = self._decode(record)
            self._allow(command, current, now)
            turn = _Turn(self, now, record, at)
            turn.commanded(command, current, tx)
            return turn

        turn, replayed = self._commit("agent", command.key, digest, record, prepare, at)
        if replayed is not None:
            return AgentReceipt(case=self.case(case.id), messages=self._replay(replayed, internal=True), replayed=True)
        return AgentReceipt(case=self.case(case.id), messages=tuple(turn.messages))

    def case(self, number_or_id: str) -> Case:
        """A case by the number people say (HB-1042, in any case) or by its id."""
        case = self._store.case(number_or_id) or self._store.case(number_or_id.strip().upper())
        if case is None:
            raise CallError(Code.NOT_FOUND, f"there is no case {number_or_id!r}", "List them with `helpbot cases list`")
        return case

    def cases(
        self,
        state: CaseState | None = None,
        *,
        psa: str | None = None,
        conversation: str | None = None,
        open_only: bool = False,
        limit: int = 100,
    ) -> tuple[Case, ...]:
        """Cases, the newest first."""
        return tuple(
            self._store.cases(state=state, psa=psa, conversation=conversation, open_only=open_only, limit=limit)
        )

    # ── deliveries ────────────────────────────────────────────────────────────

    def deliveries(
        self,
        state: DeliveryState | None = None,
        *,
        route: str | None = None,
        case_id: str | None = None,
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """Deliveries, the newest first."""
        return tuple(self._store.deliveries(state=state, route=route, case_id=case_id, limit=limit))

    def delivery(self, delivery_id: str) -> Delivery:
        """One delivery; CallError(NOT_FOUND) if there is none."""
        from helpbot.desk.outbox import find_delivery

        return find_delivery(self._store, delivery_id)

    def retry_delivery(self, delivery_id: str) -> Delivery:
        """Make a dead, held or waiting delivery due now, with the same id; a delivered one is not sent again."""
        from helpbot.desk.outbox import send_again

        return send_again(self._store, self._settings, delivery_id, self._clock)

    def release_route(self, route: str = "") -> int:
        """Send what was held back after a restore, on one route or all; a route that was switched off is used again."""
        from helpbot.desk.outbox import release_route

        return release_route(self._store, self._settings, route, self._clock)

    # ── time ────────────────────────────────────────────────────────────

    def tick(self) -> int:
        """Let time pass in the conversations that are due for a reminder or an end; says in how many it did."""
        at, moved = self._clock(), 0
        for conversation_id in self._store.due_conversations(at, TICK):
            moved += self._tick_one(conversation_id, at)
        return moved

    def _tick_one(self, conversation_id: str, at: datetime) -> bool:
        turn: _Turn | None = None

        def work(tx: Transaction) -> bool:
            nonlocal turn
            record = tx.lock(conversation_id)
            if record is None or record.due_at is None or record.due_at > at:
                return False  # the user came back, or another node was here first
            now = self._decode(record)
            turn = _Turn(self, now, record, at)
            turn.advance(TimePassed(at=at), tx, idle=True)
            tx.save(turn.record, record.version)
            turn.write(tx)
            return bool(turn.messages)

        spoke = self._store.transact(work)
        self._announce(turn if spoke else None)
        return spoke

    # ── one turn, one transaction ────────────────────────────────────────────────────────────

    def _commit(
        self,
        scope: str,
        key: str,
        digest: str,
        record: ConversationRecord,
        prepare: Callable[[ConversationRecord, Transaction | None], _Turn],
        at: datetime,
    ) -> tuple[_Turn, Sight | None]:
        """Run one turn. The second value is the record of an earlier turn with the same key, if there was one."""
        guess: _Turn | None
        try:
            guess = prepare(record, None)
        except (_InsideOnly, CallError):
            guess = None  # a case needs its number; an illegal move may be the replay of a legal one
        if guess is not None and guess.is_plain and record.version:
            plain = guess.plain(scope, key, digest)
            if self._store.write_turn(plain):
                self._announce(guess)
                return guess, None
            guess = None  # the key was seen, or somebody moved the conversation
            self._recent.pop(record.id, None)

        def work(tx: Transaction) -> tuple[_Turn | None, Sight | None]:
            # The conversation is locked before the key is entered, always: who takes two locks takes them in one
            # order, or two nodes wait for each other.
            if record.version == 0:
                tx.create(record)
                current = tx.by_thread(record.channel, record.thread)
            else:
                current = tx.lock(record.id)
            if current is None:
                raise _unknown_conversation()
            sight = Sight(scope=scope, key=key, digest=digest, conversation=current.id, first_seq=0, last_seq=0)
            earlier = tx.first_sight(sight, at)
            if earlier is not None:
                _same_body(earlier, sight)
                return None, earlier
            turn = guess
            if turn is None or current.version != record.version or current.id != record.id:
                turn = prepare(current, tx)
            if not tx.save(turn.record, current.version):
                raise AssertionError("a locked conversation was moved")
            first, last = turn.span()
            tx.amend_sight(replace(sight, first_seq=first, last_seq=last))
            turn.write(tx)
            reach("in-form")
            return turn, None

        turn, earlier = self._store.transact(work)
        if turn is None:
            assert guess is None or earlier is not None
            return guess or _Turn(self, self._decode(record), record, at), earlier
        self._announce(turn)
        return turn, None

    def _announce(self, turn: _Turn | None) -> None:
        """Tell who listens, after the commit."""
        if turn is None:
            return
        self._remember(turn)
        self._store.notices.publish(turn.record.id, turn.record.last_seq)
        if turn.deliveries:
            self._store.notices.publish(OUTBOX, 0)

    def _remember(self, turn: _Turn) -> None:
        _hold(self._recent, turn.record.id, (turn.record, turn.now))

    def _replay(self, sight: Sight, *, internal: bool) -> tuple[Message, ...]:
        if not sight.first_seq:
            return ()
        count = sight.last_seq - sight.first_seq + 1
        found = self._store.messages(
            sight.conversation, after=sight.first_seq - 1, limit=max(count, 1), internal=internal
        )
        return tuple(message for message in found if message.seq <= sight.last_seq)

    def _record_of(self, inbound: Inbound, at: datetime) -> ConversationRecord:
        if inbound.channel is Channel.SLACK:
            record = self._store.by_thread(inbound.channel, inbound.thread)
            if record is None:  # version 0: to be created in the turn itself
                now = Conversation(
                    id=self._ids(),
                    channel=inbound.channel,
                    person=inbound.person,
                    context=dict(inbound.context),
                )
                record = replace(self._new_record(now, inbound.thread, at), version=0)
            return record
        known = self._recent.get(inbound.thread)
        record = known[0] if known else self._store.conversation(inbound.thread)
        if record is None or record.channel is not inbound.channel:
            raise _unknown_conversation()
        return record

    def _new_record(self, now: Conversation, thread: str, at: datetime) -> ConversationRecord:
        return ConversationRecord(
            id=now.id,
            channel=now.channel,
            thread=thread,
            person=now.person,
            phase=now.phase,
            owner=now.owner,
            agent=now.agent,
            state=self._encode(now),
            version=0,
            last_seq=0,
            created_at=at,
            touched_at=at,
        )

    def _encode(self, now: Conversation) -> str:
        return self._codec.conversation_to_json(now)

    def _decode(self, record: ConversationRecord) -> Conversation:
        known = self._recent.get(record.id)
        if known is not None and known[0].version == record.version:  # each write has a version of its own
            return known[1]
        return self._codec.conversation_from_json(json.loads(record.state))

    def _shown(self, inbound: Inbound, now: Conversation) -> str:
        """What the user did as it reads in the conversation: their words, a button's label, a form's lines."""
        if inbound.choice is None and inbound.form is None:
            return inbound.text
        from helpbot.dialogue import labels

        world = self._world()
        replies, knowledge = getattr(world, "replies", None), getattr(world, "knowledge", None)
        if inbound.form is not None:
            return labels.filled(inbound.form, replies)
        choice = inbound.choice or ""
        shown = labels.pressed(choice, now.choices, replies, knowledge)
        if not shown:  # a button of an earlier reply, that neither the replies nor the knowledge have any more
            earlier = self._store.messages(now.id, after=0, limit=1000, internal=False)
            offered = [option for message in reversed(earlier) if message.reply for option in message.reply.choices]
            shown = labels.pressed(choice, offered)
        return shown or choice

    # ── what is allowed ────────────────────────────────────────────────────────────

    def _allow(self, command: AgentCommand, case: Case, now: Conversation) -> None:
        """Refuse what the case's own state forbids; the rest is the conversation's to say."""
        act, who = command.act, command.agent.name or command.agent.id

        def refuse(problem: str, remedy: str) -> CallError:
            return CallError(Code.CONFLICT, f"{case.number} {problem}", remedy)

        if act is Act.NOTE:
            return
        if act is Act.REOPEN:
            if case.is_open:
                raise refuse("is not resolved", "There is nothing to reopen")
            other = now.open_case
            if other is not None:
                raise refuse(f"cannot be reopened while {other.number} is open", f"Work on {other.number} instead")
            if now.cases and now.cases[-1].id != case.id:
                raise refuse(f"was followed by {now.cases[-1].number}", f"Reopen {now.cases[-1].number} instead")
            return
        if not case.is_open:
            remedy = "Reopen it first" if act is not Act.RESOLVE else "There is nothing left to do"
            raise refuse("is resolved", remedy)
        if act is Act.CLAIM and case.owner:
            if case.owner == who:
                raise refuse("is yours already", "Reply to the user")
            raise refuse(f"is held by {case.owner}", f"Ask {case.owner} to release it")
        if act in {Act.RELEASE, Act.HAND_BACK} and case.owner and case.owner != who:
            raise refuse(f"is held by {case.owner}", f"Only {case.owner} can give it back")
        if act in {Act.RELEASE, Act.HAND_BACK} and not case.owner:
            raise refuse("is held by nobody", "Claim it first")

    def _check(self, inbound: Inbound) -> None:
        _check_key(inbound.key)
        _check_person(inbound.person)
        _check_text("thread", inbound.thread, 500)
        given = (
            bool(inbound.text) or (bool(inbound.attachments) and inbound.form is None),  # a form may take files along
            inbound.choice is not None,
            inbound.form is not None,
        )
        if sum(given) > 1:
            raise CallError(Code.INVALID, "a message has more than one of text, choice and form", "Send one of them")
        _check_text("text", inbound.text, self._settings.max_text)
        _check_text("choice", inbound.choice or "", 500)
        _check_map("form", inbound.form or NOTHING, self._settings.max_text)
        _check_map("context", inbound.context)
        for name in inbound.attachments:
            _check_text("attachment", name, 500)

    def _check_command(self, command: AgentCommand) -> None:
        _check_key(command.key)
        _check_person(command.agent)
        for name in ("case", "resolution", "reason"):
            _check_text(name, getattr(command, name), 2000)
        _check_text("text", command.text, self._settings.max_text)
        for name in command.attachments:
            _check_text("attachment", name, 500)
        if command.act in {Act.REPLY, Act.NOTE} and not command.text.strip():
            raise CallError(Code.INVALID, f"a {command.act.value} has no text", "Write what is to be said")
        if command.act is Act.SUGGEST and not command.resolution:
            raise CallError(Code.INVALID, "no resolution is named", "Name the one to suggest")
        if command.act is Act.ASK and not command.field and not command.text.strip():
            raise CallError(Code.INVALID, "nothing is asked for", "Name a field, or write what you need")


class _InsideOnly(Exception):
    """This turn needs the transaction: a case gets its number there."""


@dataclass(slots=True)
class _Turn:
    """One turn while it is put together: what is said, what is written, what is sent."""

    desk: Desk
    now: Conversation
    before: ConversationRecord
    at: datetime
    messages: list[Message] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    new_cases: dict[str, Case] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)  # those that were there and changed
    mails: list[str] = field(default_factory=list)
    enclosed: tuple[str, ...] = ()  # files that go along with an agent's words
    record: ConversationRecord = field(init=False)

    def __post_init__(self) -> None:
        self.record = self.before

    # what was done

    def heard(self, inbound: Inbound, text: str) -> None:
        """Enter the user's own message."""
        self._message(
            author="user",
            name=inbound.person.name,
            text=text,
            attachments=inbound.attachments,
            key=inbound.key,
        )

    def advance(self, event: Event, tx: Transaction | None, *, idle: bool = False) -> None:
        """Take the step and perform its actions."""
        self._take(event, tx)
        self.close(self.now, idle=idle)

    def overheard(self, earlier: Conversation, tx: Transaction | None) -> None:
        """Let agents who watch a case see what its user and the bot say meanwhile, where nothing else passes it on."""
        case = earlier.open_case
        passed_on = any(delivery.kind == Kind.MESSAGE_TO_AGENTS for delivery in self.deliveries)
        if case is None or passed_on or not self.desk._overheard:
            return
        heard, *answers = self.messages
        self._tell(
            Kind.MESSAGE_BESIDE,
            self._case(case.id, _inside(tx)),
            message=heard,
            extra={
                "tell": "beside",
                "text": heard.text,
                "attachments": list(heard.attachments),
                "answered": "\n".join(answer.text for answer in answers if answer.author == "bot"),
            },
        )

    def commanded(self, command: AgentCommand, case: Case, tx: Transaction) -> None:
        """Do what an agent asked for."""
        who = command.agent.name or command.agent.id
        if command.act is Act.NOTE:
            self._message(
                author="agent", name=who, text=command.text, visibility=Visibility.INTERNAL, key=command.key,
                attachments=command.attachments,
            )  # fmt: skip
            noted = HistoryEntry(at=self.at, by=who, what="wrote an internal note")
            self.cases[case.id] = replace(case, updated_at=self.at, history=(*case.history, noted))
            self.close(self.now, idle=True)
            return
        event = _agent_event(command, who, self.at)
        said = len(self.messages)
        self.enclosed = command.attachments if command.act is Act.REPLY else ()
        self._take(event, tx)
        after = self.cases.get(case.id, case)
        if command.act in {Act.REPLY, Act.SUGGEST, Act.ASK}:
            # Agents elsewhere see what the user was told, wherever it was written.
            for message in self.messages[said:]:
                self._tell(
                    Kind.CASE_UPDATED,
                    after,
                    message=message,
                    extra={"source": command.source, "tell": "agent_reply"},
                )
        self.close(self.now, idle=True)

    def say(self, reply: Reply, *, author: str, name: str = "", attachments: tuple[str, ...] = ()) -> None:
        """Tell the user something."""
        message = self._message(author=author, name=name, text=reply.text, reply=reply, attachments=attachments)
        settings = self.desk._settings
        route = settings.reply_routes.get(self.now.channel)
        if route is not None and route in settings.routing.routes:
            self._deliver(Kind.MESSAGE_TO_USER, settings.routing.routes[route], message=message)
        mail = settings.routing.routes.get(settings.user_mail_route)
        if mail is not None and author == "agent" and self.now.email:
            self._deliver(
                Kind.MESSAGE_TO_USER,
                mail,
                message=message,
                case=self.now.open_case.id if self.now.open_case else None,
                extra={"to": self.now.email, "case_number": self._number()},
            )
            self.mails.append(self.now.email)

    def close(self, now: Conversation, *, idle: bool = False) -> None:
        """Fix the conversation's row: its next version, and when to look at it again."""
        if now.phase is Phase.RESOLVED and self.before.phase is not Phase.RESOLVED:
            for route in self.desk._settings.routing.taking(Kind.CONVERSATION_RESOLVED, "webhook"):
                self._deliver(Kind.CONVERSATION_RESOLVED, route, extra={"conversation": now.id})
        before = self.before
        self.record = ConversationRecord(  # spelt out: `replace` costs as much as writing the row
            id=before.id,
            channel=before.channel,
            thread=before.thread,
            person=before.person,
            created_at=before.created_at,
            phase=now.phase,
            owner=now.owner,
            agent=now.agent,
            email=now.email,
            state=self.desk._encode(now),
            version=before.version + 1,
            last_seq=before.last_seq + len(self.messages),
            touched_at=before.touched_at if idle else self.at,
            due_at=self._due(now, idle=idle),
        )

    def write(self, tx: Transaction) -> None:
        """Write everything but the conversation's own row."""
        if self.posts:
            tx.post(self.posts)
        for case in self.new_cases.values():
            tx.add_case(case)
        for case in self.cases.values():
            tx.save_case(case)
        settings = self.desk._settings
        for address in self.mails:
            # Nobody is mailed more often than this because a visitor named their address.
            if tx.mails_since(address, self.at - MAIL_SPAN) >= settings.max_mails_a_day:
                self.deliveries = [d for d in self.deliveries if d.payload.get("to") != address]
            else:
                tx.count_mail(address, self.at)
        if self.deliveries:
            tx.enqueue(self.deliveries)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but messages, deliveries and the conversation is written."""
        return not (self.cases or self.new_cases or self.mails)

    def plain(self, scope: str, key: str, digest: str) -> PlainTurn:
        """The turn as the store writes it together with those of others."""
        first, last = self.span()
        return PlainTurn(
            sight=Sight(
                scope=scope, key=key, digest=digest, conversation=self.record.id, first_seq=first, last_seq=last
            ),
            record=self.record,
            expected=self.before.version,
            posts=tuple(self.posts),
            deliveries=tuple(self.deliveries),
            at=self.at,
        )

    def span(self) -> tuple[int, int]:
        """The numbers of the first and last message of this turn; (0, 0) if it made none."""
        if not self.messages:
            return 0, 0
        return self.messages[0].seq, self.messages[-1].seq

    def public(self) -> tuple[Message, ...]:
        """What the user may read of it."""
        return tuple(message for message in self.messages if message.visibility is Visibility.PUBLIC)

    # how it is done

    def _take(self, event: Event, tx: Transaction | None) -> None:
        desk = self.desk
        result = desk._step(self.now, event, desk._world())
        self.now = result.conversation
        for action in result.actions:
            self._perform(action, tx)

    def _perform(self, action: Action, tx: Transaction | None) -> None:
        match action:
            case Say(reply=reply, speaker=speaker):
                enclosed, self.enclosed = (self.enclosed, ()) if speaker else ((), self.enclosed)
                self.say(reply, author="agent" if speaker else "bot", name=speaker, attachments=enclosed)
            case OpenCase():
                self._open(action, _inside(tx))
            case ChangeCase(case_id=case_id):
                case = self._case(case_id, _inside(tx))
                after = changed(case, action.changes, at=self.at, by=action.by, what=action.what)
                self._keep(after)
                resolved = case.is_open and not after.is_open
                self._tell(
                    Kind.CASE_RESOLVED if resolved else Kind.CASE_UPDATED,
                    after,
                    extra={"what": action.what, "by": action.by},
                )
            case TellAgents(case_id=case_id):
                self._tell(
                    Kind.MESSAGE_TO_AGENTS,
                    self._case(case_id, _inside(tx)),
                    extra={"tell": action.kind, "text": action.text},
                )
            case Relay(case_id=case_id):
                self._tell(
                    Kind.MESSAGE_TO_AGENTS,
                    self._case(case_id, _inside(tx)),
                    message=self.messages[0] if self.messages else None,
                    extra={
                        "tell": "user_message",
                        "text": action.text or (self.messages[0].text if self.messages else ""),
                        # A form's files are in the message alone: the conversation does not speak of them.
                        "attachments": list(
                            action.attachments or (self.messages[0].attachments if self.messages else ())
                        ),
                    },
                )

    def _open(self, order: OpenCase, tx: Transaction) -> None:
        settings = self.desk._settings
        case = opened(
            order,
            self.now,
            at=self.at,
            id=self.desk._ids(),
            number=f"{settings.case_prefix}{tx.next_number()}",
            knowledge_version=str(getattr(getattr(self.desk._world(), "knowledge", None), "version", "")),
        )
        routes = settings.routing.of(case)
        case = replace(case, routes=tuple(route.name for route in routes))
        self.new_cases[case.id] = case
        self._tell(Kind.CASE_OPENED, case)
        health = tx.health(case.routes) if case.routes else {}
        reachable = not routes or any(
            name not in health or (health[name].failing_since is None and not health[name].disabled)
            for name in case.routes
        )
        self._take(CaseOpened(at=self.at, id=case.id, number=case.number, delivered=reachable), tx)

    def _case(self, case_id: str, tx: Transaction) -> Case:
        found = self.new_cases.get(case_id) or self.cases.get(case_id) or tx.case(case_id)
        assert found is not None, f"the conversation speaks of a case {case_id} that is not there"
        return found

    def _keep(self, case: Case) -> None:
        (self.new_cases if case.id in self.new_cases else self.cases)[case.id] = case

    def _tell(
        self, kind: str, case: Case, *, message: Message | None = None, extra: Mapping[str, Any] = NOTHING
    ) -> None:
        routing = self.desk._settings.routing
        data = {"case": case_to_json(case), **extra}
        if message is not None:
            data["message"] = _message_json(message)
        for name in case.routes:
            route = routing.routes.get(name)
            if route is not None and route.takes(kind):
                self._deliver(kind, route, case=case.id, message=message, extra=data)

    def _deliver(
        self,
        kind: str,
        route: Route,
        *,
        message: Message | None = None,
        case: str | None = None,
        extra: Mapping[str, Any] = NOTHING,
    ) -> None:
        payload: dict[str, Any] = {
            "type": kind,
            "timestamp": self.at.isoformat(),
            "conversation": self.now.id,
            **extra,
        }
        if message is not None and "message" not in payload:
            payload["message"] = _message_json(message)
        self.deliveries.append(
            Delivery(
                id=self.desk._ids(),
                kind=kind,
                route=route.name,
                conversation=self.now.id,
                case_id=case,
                seq=message.seq if message else None,
                payload=payload,
                created_at=self.at,
                next_at=self.at,
                expires_at=self.at + self.desk._settings.give_up_after,
            )
        )

    def _message(
        self,
        *,
        author: str,
        text: str,
        name: str = "",
        reply: Reply | None = None,
        visibility: Visibility = Visibility.PUBLIC,
        attachments: tuple[str, ...] = (),
        key: str = "",
    ) -> Message:
        message = Message(
            conversation=self.now.id,
            seq=self.before.last_seq + len(self.messages) + 1,
            author=author,
            name=name,
            text=text,
            reply=reply,
            at=self.at,
            visibility=visibility,
            attachments=attachments,
            key=key,
        )
        self.messages.append(message)
        encoded = None
        if reply is not None:
            encoded = self.desk._codec.reply_to_json(reply)
        self.posts.append((message, encoded))
        if visibility is Visibility.PUBLIC:
            for route in self.desk._programs:
                self._deliver(Kind.MESSAGE_CREATED, route, message=message)
        return message

    def _number(self) -> str:
        return self.now.cases[-1].number if self.now.cases else ""

    def _due(self, now: Conversation, *, idle: bool) -> datetime | None:
        if now.phase in QUIET:
            return None
        settings = self.desk._settings
        touched = now.touched or (self.before.touched_at if idle else self.at)
        due = touched + (settings.close_after if now.reminded else settings.remind_after)
        # Where nothing came of looking, look again later and not at once.
        return due if due > self.at else self.at + LOOK_AGAIN


def _inside(tx: Transaction | None) -> Transaction:
    if tx is None:
        raise _InsideOnly
    return tx


def _event(inbound: Inbound, at: datetime) -> Event:
    """What the user did."""
    if inbound.choice is not None:
        return UserChose(at=at, choice=inbound.choice)
    if inbound.form is not None:
        return UserSubmitted(at=at, values=dict(inbound.form))
    return UserSaid(at=at, text=inbound.text, attachments=inbound.attachments, context=inbound.context)


def _agent_event(command: AgentCommand, who: str, at: datetime) -> Event:
    match command.act:
        case Act.CLAIM:
            return AgentClaimed(at=at, agent=who)
        case Act.REPLY:
            return AgentReplied(at=at, agent=who, text=command.text)
        case Act.ASK:
            return AgentAskedFor(at=at, agent=who, field=command.field, what=command.text)
        case Act.SUGGEST:
            return AgentSuggested(at=at, agent=who, resolution=command.resolution)
        case Act.RESOLVE:
            return AgentResolved(at=at, agent=who, reason=command.reason or command.text)
        case Act.REOPEN:
            return AgentReopened(at=at, agent=who)
        case _:
            return AgentHandedBack(at=at, agent=who)


def view_of(record: ConversationRecord, codec: Codec | None = None) -> ConversationView:
    """A stored conversation as channels see it."""
    if codec is None:
        from helpbot.dialogue import codec as dialogue_codec

        codec = dialogue_codec
    return _view(record, codec.conversation_from_json(json.loads(record.state)))


def _view(record: ConversationRecord, now: Conversation) -> ConversationView:
    return ConversationView(
        id=record.id,
        channel=record.channel,
        thread=record.thread,
        person=record.person,
        phase=record.phase,
        owner=record.owner,
        agent=record.agent,
        cases=now.cases,
        last_seq=record.last_seq,
        created_at=record.created_at,
        touched_at=record.touched_at,
        now=now,
    )


def _message_json(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "seq": message.seq,
        "author": message.author,
        "name": message.name,
        "text": message.text,
        "attachments": list(message.attachments),
        "at": message.at.isoformat(),
    }


def _message_id(text: str) -> tuple[str, int]:
    conversation_id, _, seq = text.rpartition(".")
    if not conversation_id or not (seq.isascii() and seq.isdecimal()) or len(seq) > 9:
        raise CallError(Code.NOT_FOUND, "there is no such message", "Use the id of a message you were shown")
    return conversation_id, int(seq)


def _digest(*parts: str) -> str:
    """What two bodies are compared by; each part carries its length, so that no two lists of parts run together."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:32]


def _token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _same_body(earlier: Sight, now: Sight) -> None:
    if not hmac.compare_digest(earlier.digest, now.digest):
        raise CallError(
            Code.KEY_REUSED,
            f"the key {now.key!r} came with another body before",
            "Use a new key for each new act, and the same key only to repeat one",
        )


def _hold(held: dict[str, T], name: str, value: T) -> None:
    """Remember a value, and forget what was remembered longest ago beyond as many as are kept."""
    held.pop(name, None)
    held[name] = value
    if len(held) > REMEMBERED:
        with contextlib.suppress(KeyError, RuntimeError, StopIteration):  # another thread may be as quick
            del held[next(iter(held))]


def _unknown_conversation() -> CallError:
    return CallError(Code.NOT_FOUND, "there is no such conversation", "Start a new one")


def _check_key(key: str, *, shortest: int = 1) -> None:
    _check_text("key", key, MAX_KEY)
    if len(key) < shortest:
        raise CallError(
            Code.INVALID,
            f"the key has {len(key)} characters",
            f"Give each act a random key of {max(shortest, 1)} to {MAX_KEY} characters",
        )


def _check_person(person: Person) -> None:
    if not person.id:
        raise CallError(Code.INVALID, "the person has no id", "Name who is talking")
    for name, limit in (("id", 500), ("name", 500), ("email", 320)):
        value = getattr(person, name)
        _check_text(f"person.{name}", value, limit)
        if not value.isprintable() and any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
            raise CallError(Code.INVALID, f"person.{name} holds a control character", "Remove it")


def _check_map(name: str, values: Mapping[str, str], limit: int = 10_000) -> None:
    if len(values) > 50:
        raise CallError(Code.TOO_LARGE, f"{name} has {len(values)} entries", "Send at most 50")
    for key, value in values.items():
        _check_text(f"{name}.{key[:50]}", key, 200)
        _check_text(f"{name}.{key[:50]}", value, limit)


def _check_text(name: str, text: str, limit: int) -> None:
    """Refuse what no database keeps: NUL and lone surrogates; and what is longer than it may be."""
    if not text:
        return
    if not isinstance(text, str):
        raise CallError(Code.INVALID, f"{name} is not text", "Send a string")
    if len(text) > limit:
        raise CallError(Code.TOO_LARGE, f"{name} has {len(text)} characters", f"Send at most {limit}")
    bad = "\x00" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text))
    if bad:
        raise CallError(Code.INVALID, f"{name} holds a NUL or half a character", "Send well-formed Unicode")
