"""The store: one class over two engines. Every statement it runs stands in `queries`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from pydantic_core import to_json

from helpbot.desk.notices import Hub
from helpbot.desk.records import (
    ConversationRecord,
    Delivery,
    DeliveryState,
    Message,
    PlainTurn,
    RouteHealth,
    Sight,
    Visibility,
)
from helpbot.dialogue.conversation import CaseState, Owner, Phase
from helpbot.errors import CallError, Code, Fault, SettingError
from helpbot.escalation.case import Case, case_from_json, case_to_json, person_from_json, person_to_json
from helpbot.messages import Channel
from helpbot.store import queries as q
from helpbot.store.engines import Cursor, PostgresEngine, Rows, SqliteEngine
from helpbot.store.migrate import migrate_memory, migrate_postgres, migrate_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from helpbot.desk.ports import Codec, Notices, Post
    from helpbot.store.queries import Sql

__all__ = ["MEMORY", "SqlStore", "SqlTransaction", "fingerprint", "micros", "moment", "sqlite_path"]

T = TypeVar("T")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MEMORY: Final = "sqlite:///:memory:"
READY_BYTES: Final = 16_384  # a disk that is all but full still takes a few bytes: that is not ready
_MICROSECOND: Final = timedelta(microseconds=1)


def _dump(value: Any) -> str:
    """JSON as it is kept: short, and with every letter as itself."""
    return to_json(value).decode()


def micros(at: datetime) -> int:
    """A moment as whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The moment that `micros` counted."""
    return _EPOCH + timedelta(microseconds=value)


def sqlite_path(url: str) -> Path:
    """The file of a `sqlite:///…` URL; three slashes for a relative path, four for an absolute one."""
    rest = url.removeprefix("sqlite:///")
    if rest == url or not rest:
        raise SettingError(
            [
                Fault(
                    "HELPBOT_DATABASE_URL",
                    0,
                    "it names no file",
                    "Write sqlite:///var/helpbot.db, or postgresql://…",
                )
            ]
        )
    return Path(rest)


class SqlStore:
    """Everything that is kept, on SQLite (`sqlite:///path`) or PostgreSQL (`postgresql://…`).

    `sqlite:///:memory:` is SQLite as well, and gone when it is closed: for trying things out, and for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        codec: Codec | None = None,
        migrate: bool = True,
        pool: int = 16,
        patience: float = 5.0,
    ) -> None:
        """Open the database, made or migrated first where that is needed. SettingError for one that cannot be used."""
        if codec is None:
            from helpbot.dialogue import codec as dialogue_codec

            codec = dialogue_codec
        self._codec = codec
        self.url = url
        self._hub: Hub = Hub()
        self._held: IO[str] | None = None
        self.engine: SqliteEngine | PostgresEngine
        if url.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
            address = "postgresql+psycopg://" + url.split("://", 1)[1]
            try:
                self.engine = PostgresEngine(address, pool=pool, patience=patience)
            except ImportError as error:
                raise SettingError(
                    [Fault("HELPBOT_DATABASE_URL", 0, "PostgreSQL needs psycopg", "Install helpbot[postgres]")]
                ) from error
            if migrate:
                self._migrate_postgres()
            from helpbot.store.listening import Listening

            self._hub = Listening(self.engine, address)
        elif url == MEMORY:
            self.engine = SqliteEngine(None, patience=patience)
            migrate_memory(self.engine.target)
        elif url.startswith("sqlite:"):
            path = sqlite_path(url)
            if migrate:
                migrate_sqlite(path)
            self._held = _hold_file(path)
            self.engine = SqliteEngine(path, patience=patience)
        else:
            raise SettingError(
                [
                    Fault(
                        "HELPBOT_DATABASE_URL",
                        0,
                        f"{url.split(':', 1)[0]!r} is not a database helpbot knows",
                        "Write sqlite:///var/helpbot.db, or postgresql://…",
                    )
                ]
            )

    def _migrate_postgres(self) -> None:
        from sqlalchemy.exc import DBAPIError

        assert isinstance(self.engine, PostgresEngine)
        where = "HELPBOT_DATABASE_URL"
        try:
            migrate_postgres(self.engine.alchemy, where=where)
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0] if error.orig else "no connection"
            raise SettingError(
                [
                    Fault(
                        where,
                        0,
                        f"the database does not answer ({reason})",
                        "Start it, or correct the address",
                    )
                ]
            ) from error

    @property
    def notices(self) -> Notices:
        """Where commits are announced."""
        return self._hub

    def close(self) -> None:
        """Finish what is being written and let go of the database."""
        closing = getattr(self._hub, "close", None)
        if closing is not None:
            closing()
        self.engine.close()
        if self._held is not None:
            self._held.close()

    def transact(self, work: Callable[[SqlTransaction], T]) -> T:
        """Run `work` in one transaction; see `desk.ports.Store`."""
        sql, codec = self.engine.sql, self._codec
        try:
            return self.engine.write(lambda cursor: work(SqlTransaction(cursor, sql, codec)))
        except CallError:
            raise
        except Exception as error:
            if type(error).__name__ in {"IntegrityError", "UniqueViolation"}:
                raise CallError(
                    Code.CONFLICT,
                    "this would be a second open case of one conversation",
                    "Work on the open one",
                ) from error
            raise

    def write_turn(self, turn: PlainTurn) -> bool:
        """Write a turn if its key is new and nobody moved its conversation; see `desk.ports.Store`."""
        record, sight = turn.record, turn.sight
        row = (
            record.id, turn.expected, record.version, record.phase.value, record.owner.value, record.agent,
            record.email, record.state, record.last_seq, micros(record.touched_at),
            micros(record.due_at) if record.due_at else None, sight.scope, sight.key, sight.digest,
            sight.first_seq, sight.last_seq, micros(turn.at),
        )  # fmt: skip
        posts = [_post_row(message, reply) for message, reply in turn.posts]
        deliveries = [tuple(_enqueue(delivery).values()) for delivery in turn.deliveries]
        return self.engine.write_turn(Rows(record.id, row, posts, deliveries))

    def ready(self) -> str:
        """Why the database cannot be written now; empty when it can. Writes one row, as long as a turn, to know."""
        start = time.time()
        row = f"{start:.0f} ".ljust(READY_BYTES, ".")
        try:
            self.transact(lambda tx: tx.keep("ready", "last", row, datetime.fromtimestamp(start, UTC)))
        except CallError as error:
            return error.problem
        return ""

    # ── reads ────────────────────────────────────────────────────────────

    def _one(self, query: q.Query, parameters: Mapping[str, Any]) -> Any:
        text = self.engine.sql(query)
        return self.engine.read(lambda cursor: (cursor.execute(text, parameters), cursor.fetchone())[1])

    def _all(self, query: q.Query, parameters: Mapping[str, Any]) -> list[Any]:
        text = self.engine.sql(query)
        return self.engine.read(lambda cursor: (cursor.execute(text, parameters), cursor.fetchall())[1])

    def conversation(self, conversation_id: str) -> ConversationRecord | None:
        """A conversation."""
        row = self._one(q.conversation, {"id": conversation_id})
        return _record(row) if row else None

    def by_thread(self, channel: Channel, thread: str) -> ConversationRecord | None:
        """The conversation of a channel's thread."""
        row = self._one(q.conversation_by_thread, {"channel": channel.value, "thread": thread})
        return _record(row) if row else None

    def messages(self, conversation_id: str, *, after: int, limit: int, internal: bool) -> list[Message]:
        """The messages above a number, oldest first."""
        rows = self._all(
            q.all_messages if internal else q.messages,
            {"id": conversation_id, "after": min(after, 2**62), "limit": limit},
        )
        return [self._message(row) for row in rows]

    def message(self, conversation_id: str, seq: int) -> Message | None:
        """One message."""
        row = self._one(q.message, {"id": conversation_id, "seq": seq})
        return self._message(row) if row else None

    def authorised(self, conversation_id: str, digest: str) -> bool:
        """Whether the token with this hash opens the conversation."""
        return self._one(q.token, {"digest": digest, "conversation": conversation_id}) is not None

    def case(self, case: str) -> Case | None:
        """A case by id or number."""
        row = self._one(q.case, {"case": case})
        return case_from_json(json.loads(row[0])) if row else None

    def cases(
        self,
        *,
        state: CaseState | None = None,
        psa: str | None = None,
        conversation: str | None = None,
        open_only: bool = False,
        limit: int = 100,
    ) -> list[Case]:
        """Cases, the newest first."""
        rows = self._all(
            q.list_cases,
            {
                "state": state.value if state else "",
                "psa": psa or "",
                "conversation": conversation or "",
                "any_state": 0 if open_only else 1,
                "limit": limit,
            },
        )
        return [case_from_json(json.loads(row[0])) for row in rows]

    def deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        route: str | None = None,
        case_id: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Deliveries, the newest first."""
        rows = self._all(
            q.list_deliveries,
            {
                "state": state.value if state else "",
                "route": route or "",
                "case_id": case_id or "",
                "limit": limit,
            },
        )
        return [_delivery(row) for row in rows]

    def delivery(self, delivery_id: str) -> Delivery | None:
        """One delivery."""
        row = self._one(q.delivery, {"id": delivery_id})
        return _delivery(row) if row else None

    def opened_receipt(self, case_id: str, route: str) -> Delivery | None:
        """The first notice of a case on a route."""
        row = self._one(q.opened_receipt, {"case_id": case_id, "route": route})
        return _delivery(row) if row else None

    def due_conversations(self, now: datetime, limit: int) -> list[str]:
        """Where a reminder or an end may be due."""
        return [row[0] for row in self._all(q.due_conversations, {"now": micros(now), "limit": limit})]

    def route_health(self) -> dict[str, RouteHealth]:
        """What is known of every route."""
        return {row[0]: _health(row) for row in self._all(q.route_health, {})}

    def waiting_routes(self) -> dict[str, datetime]:
        """The routes that have something to send, and when the first of it is due."""
        return {row[0]: moment(row[1]) for row in self._all(q.waiting_routes, {})}

    def backlog(self) -> list[tuple[str, DeliveryState, int, datetime]]:
        """What is not delivered: route, state, how many, since when the oldest."""
        return [(row[0], DeliveryState(row[1]), int(row[2]), moment(row[3])) for row in self._all(q.backlog, {})]

    def kept(self, space: str, key: str) -> str | None:
        """What a channel kept under this name."""
        row = self._one(q.kept, {"space": space, "key": key})
        return str(row[0]) if row else None

    def all_kept(self, space: str) -> dict[str, str]:
        """Everything a channel kept in a space."""
        return {row[0]: row[1] for row in self._all(q.all_kept, {"space": space})}

    def _message(self, row: Sequence[Any]) -> Message:
        reply = self._codec.reply_from_json(json.loads(row[5])) if row[5] else None
        return Message(
            conversation=row[0],
            seq=row[1],
            author=row[2],
            name=row[3],
            text=row[4],
            reply=reply,
            at=moment(row[6]),
            visibility=Visibility(row[7]),
            attachments=tuple(json.loads(row[8])) if row[8] != "[]" else (),
            key=row[9],
        )


class SqlTransaction:
    """What may be done within one transaction; see `desk.ports.Transaction`."""

    __slots__ = ("_codec", "_cursor", "_sql")

    def __init__(self, cursor: Cursor, sql: Sql, codec: Codec) -> None:
        self._cursor, self._sql, self._codec = cursor, sql, codec

    def run(self, query: q.Query, parameters: Mapping[str, Any]) -> int:
        """Run a statement; says how many rows it touched."""
        self._cursor.execute(self._sql(query), parameters)
        return self._cursor.rowcount

    def rows(self, query: q.Query, parameters: Mapping[str, Any]) -> list[Any]:
        """Run a query."""
        self._cursor.execute(self._sql(query), parameters)
        return self._cursor.fetchall()

    # conversations

    def first_sight(self, sight: Sight, at: datetime) -> Sight | None:
        """Enter a key, or say what was seen with it."""
        row = {
            "scope": sight.scope,
            "key": sight.key,
            "digest": sight.digest,
            "conversation": sight.conversation,
            "first_seq": sight.first_seq,
            "last_seq": sight.last_seq,
            "at": micros(at),
        }
        if self.run(q.first_sight, row) == 1:
            return None
        found = self.rows(q.sight, {"scope": sight.scope, "key": sight.key})[0]
        return Sight(
            scope=found[0],
            key=found[1],
            digest=found[2],
            conversation=found[3],
            first_seq=found[4],
            last_seq=found[5],
        )

    def amend_sight(self, sight: Sight) -> None:
        """Correct which messages answer a key."""
        self.run(
            q.amend_sight,
            {
                "of_scope": sight.scope,
                "of_key": sight.key,
                "new_conversation": sight.conversation,
                "new_first": sight.first_seq,
                "new_last": sight.last_seq,
            },
        )

    def create(self, record: ConversationRecord) -> bool:
        """Enter a conversation, unless its thread has one."""
        return (
            self.run(
                q.create_conversation,
                {
                    "id": record.id,
                    "channel": record.channel.value,
                    "thread": record.thread,
                    "person_id": record.person.id,
                    "person": _dump(person_to_json(record.person)),
                    "phase": record.phase.value,
                    "owner": record.owner.value,
                    "agent": record.agent,
                    "email": record.email,
                    "state": record.state,
                    "version": record.version,
                    "last_seq": record.last_seq,
                    "created_at": micros(record.created_at),
                    "touched_at": micros(record.touched_at),
                    "due_at": micros(record.due_at) if record.due_at else None,
                },
            )
            == 1
        )

    def save(self, record: ConversationRecord, expected: int) -> bool:
        """Write the conversation, if nobody moved it."""
        return (
            self.run(
                q.save_conversation,
                {
                    "conversation_id": record.id,
                    "expected": expected,
                    "new_version": record.version,
                    "new_phase": record.phase.value,
                    "new_owner": record.owner.value,
                    "new_agent": record.agent,
                    "new_email": record.email,
                    "new_state": record.state,
                    "new_last_seq": record.last_seq,
                    "new_touched_at": micros(record.touched_at),
                    "new_due_at": micros(record.due_at) if record.due_at else None,
                },
            )
            == 1
        )

    def lock(self, conversation_id: str) -> ConversationRecord | None:
        """The conversation as it is now, locked."""
        rows = self.rows(q.lock_conversation, {"id": conversation_id})
        return _record(rows[0]) if rows else None

    def by_thread(self, channel: Channel, thread: str) -> ConversationRecord | None:
        """The conversation of a thread, locked."""
        rows = self.rows(q.lock_thread, {"channel": channel.value, "thread": thread})
        return _record(rows[0]) if rows else None

    def post(self, posts: Sequence[Post]) -> None:
        """Write messages."""
        names = [column for column, _ in q.POSTED]
        rows = [dict(zip(names, _post_row(message, reply), strict=True)) for message, reply in posts]
        self._cursor.executemany(self._sql(q.post), rows)

    def add_token(self, conversation_id: str, digest: str, at: datetime) -> None:
        """One more token of a conversation."""
        self.run(q.add_token, {"digest": digest, "conversation": conversation_id, "at": micros(at)})

    # cases

    def next_number(self) -> int:
        """The next case number."""
        return int(self.rows(q.next_number, {"counter": "case"})[0][0])

    def case(self, case: str) -> Case | None:
        """A case by id or number."""
        rows = self.rows(q.case, {"case": case})
        return case_from_json(json.loads(rows[0][0])) if rows else None

    def add_case(self, case: Case) -> None:
        """Enter a new case."""
        self.run(
            q.add_case,
            {
                "id": case.id,
                "number": case.number,
                "conversation": case.conversation,
                "state": case.state.value,
                "owner": case.owner,
                "psa": case.psa,
                "person_id": case.person.id,
                "product_name": case.product_name,
                "error_message": case.error_message,
                "data": _dump(case_to_json(case)),
                "opened_at": micros(case.opened_at),
                "updated_at": micros(case.updated_at),
                "resolved_at": micros(case.resolved_at) if case.resolved_at else None,
            },
        )

    def save_case(self, case: Case) -> None:
        """Write a case that is there."""
        self.run(
            q.save_case,
            {
                "case": case.id,
                "new_state": case.state.value,
                "new_owner": case.owner,
                "new_psa": case.psa,
                "new_product_name": case.product_name,
                "new_error_message": case.error_message,
                "new_data": _dump(case_to_json(case)),
                "new_updated_at": micros(case.updated_at),
                "new_resolved_at": micros(case.resolved_at) if case.resolved_at else None,
            },
        )

    # ratings, mails, what channels keep

    def rate(self, conversation_id: str, stars: int | None, solved: bool | None, comment: str, at: datetime) -> None:
        """Keep a rating."""
        row = {
            "conversation": conversation_id,
            "stars": stars,
            "solved": solved,
            "comment": comment,
            "at": micros(at),
        }
        self.run(q.rate, row)

    def feedback(self, conversation_id: str, seq: int, up: bool, at: datetime) -> None:
        """Keep whether a message helped."""
        self.run(q.give_feedback, {"conversation": conversation_id, "seq": seq, "up": up, "at": micros(at)})

    def mails_since(self, address: str, since: datetime) -> int:
        """How many mails an address was written; nobody else counts or writes one to it until this commits."""
        if self._sql.row_locks:  # else there is one writer
            self.run(q.lock_address, {"address": fingerprint(address)})
        return int(self.rows(q.mails_since, {"address": fingerprint(address), "since": micros(since)})[0][0])

    def count_mail(self, address: str, at: datetime) -> None:
        """One more mail to an address."""
        self.run(q.count_mail, {"address": fingerprint(address), "at": micros(at)})

    def keep(self, space: str, key: str, value: str, at: datetime) -> None:
        """Keep a channel's value; an earlier one is replaced."""
        self.run(q.keep, {"space": space, "key": key, "value": value, "at": micros(at)})

    def keep_once(self, space: str, key: str, value: str, at: datetime) -> bool:
        """Keep a channel's value unless one is there; says whether it was kept."""
        return self.run(q.keep_once, {"space": space, "key": key, "value": value, "at": micros(at)}) == 1

    def kept(self, space: str, key: str) -> str | None:
        """What a channel kept under this name."""
        rows = self.rows(q.kept, {"space": space, "key": key})
        return str(rows[0][0]) if rows else None

    def drop_kept(self, space: str, key: str) -> None:
        """Forget a channel's value."""
        self.run(q.drop_kept, {"space": space, "key": key})

    # deliveries

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """Write deliveries, in this order."""
        self._cursor.executemany(self._sql(q.enqueue), [_enqueue(delivery) for delivery in deliveries])

    def health(self, names: Sequence[str]) -> dict[str, RouteHealth]:
        """What is known of these routes."""
        return {row[0]: _health(row) for row in self.rows(q.route_health, {}) if row[0] in names}

    def claim(
        self, route: str, *, now: datetime, lease: str, until: datetime, limit: int, probe: bool
    ) -> list[Delivery]:
        """Lease what is due on a route."""
        parameters = {"route": route, "now": micros(now), "limit": limit}
        found = [_delivery(row) for row in self.rows(q.probe if probe else q.claimable, parameters)]
        for delivery in found:
            self.run(q.lease, {"at_position": delivery.position, "new_lease": lease, "new_until": micros(until)})
        return found

    def hold(self, delivery_id: str, lease: str, until: datetime) -> bool:
        """Keep a delivery that is still being sent, if it is still ours."""
        return self.run(q.hold, {"of_id": delivery_id, "of_lease": lease, "new_until": micros(until)}) == 1

    def finish(self, delivery: Delivery, lease: str) -> bool:
        """Write what became of a delivery, if it is still ours."""
        return (
            self.run(
                q.finish,
                {
                    "of_id": delivery.id,
                    "of_lease": lease,
                    "new_state": delivery.state.value,
                    "new_attempts": delivery.attempts,
                    "new_next_at": micros(delivery.next_at),
                    "new_last_error": delivery.last_error,
                    "new_expires_at": micros(delivery.expires_at),
                    "new_delivered_at": micros(delivery.delivered_at) if delivery.delivered_at else None,
                    "new_receipt": _dump(dict(delivery.receipt)),
                },
            )
            == 1
        )

    def set_health(self, health: RouteHealth) -> None:
        """Write what is known of a route."""
        self.run(
            q.set_health,
            {
                "name": health.name,
                "failing_since": micros(health.failing_since) if health.failing_since else None,
                "failures": health.failures,
                "next_probe": micros(health.next_probe) if health.next_probe else None,
                "disabled": health.disabled,
                "last_success": micros(health.last_success) if health.last_success else None,
                "last_failed": health.last_failed,
            },
        )

    def release_route(self, route: str, now: datetime) -> int:
        """Make what waits on a route due now."""
        return self.run(q.release_route, {"of_route": route, "now": micros(now)})

    def release_held(self, route: str, now: datetime, expires: datetime) -> int:
        """Send what was held back, on one route or, if it is empty, on all."""
        return self.run(
            q.release_held, {"of_route": route, "new_next_at": micros(now), "new_expires_at": micros(expires)}
        )

    def overdue(self, kind: str, before: datetime, limit: int) -> list[Delivery]:
        """What of a kind should go to a fallback."""
        rows = self.rows(q.overdue, {"kind": kind, "before": micros(before), "limit": limit})
        return [_delivery(row) for row in rows]

    def mark_fallback(self, delivery_id: str) -> bool:
        """A fallback has taken over, once."""
        return self.run(q.mark_fallback, {"of_id": delivery_id}) == 1

    def expired(self, now: datetime, limit: int) -> list[Delivery]:
        """What waited too long."""
        return [_delivery(row) for row in self.rows(q.expired, {"now": micros(now), "limit": limit})]


def _post_row(message: Message, reply: str | None) -> q.Row:
    """A row of `messages`, in the order of its columns."""
    return (
        message.conversation,
        message.seq,
        message.author,
        message.name,
        message.text,
        reply,
        micros(message.at),
        message.visibility.value,
        _dump(message.attachments) if message.attachments else "[]",
        message.key,
    )


def _enqueue(delivery: Delivery) -> dict[str, Any]:
    """A row of `deliveries`, in the order of its columns."""
    return {
        "id": delivery.id,
        "kind": delivery.kind,
        "route": delivery.route,
        "conversation": delivery.conversation,
        "case_id": delivery.case_id,
        "seq": delivery.seq,
        "payload": _dump(delivery.payload),
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_at": micros(delivery.next_at),
        "last_error": delivery.last_error,
        "created_at": micros(delivery.created_at),
        "expires_at": micros(delivery.expires_at),
        "delivered_at": micros(delivery.delivered_at) if delivery.delivered_at else None,
        "receipt": _dump(dict(delivery.receipt)),
        "lease": delivery.lease,
        "lease_until": micros(delivery.lease_until) if delivery.lease_until else None,
    }


def fingerprint(address: str) -> str:
    """What an address is counted by: not the address."""
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()


def _hold_file(path: Path) -> IO[str]:
    """Say that the database is in use, to `restore`; the lock ends with the process, however that ends."""
    file = path.with_name(path.name + ".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise SettingError([Fault(str(path), 0, "a restore is going on", "Wait for its end")]) from error
    return file


def _record(row: Sequence[Any]) -> ConversationRecord:
    return ConversationRecord(
        id=row[0],
        channel=Channel(row[1]),
        thread=row[2],
        person=person_from_json(json.loads(row[3])),
        phase=Phase(row[4]),
        owner=Owner(row[5]),
        agent=row[6],
        email=row[7],
        state=row[8],
        version=row[9],
        last_seq=row[10],
        created_at=moment(row[11]),
        touched_at=moment(row[12]),
        due_at=moment(row[13]) if row[13] is not None else None,
    )


def _health(row: Sequence[Any]) -> RouteHealth:
    return RouteHealth(
        name=row[0],
        failing_since=moment(row[1]) if row[1] is not None else None,
        failures=row[2],
        next_probe=moment(row[3]) if row[3] is not None else None,
        disabled=row[4],
        last_success=moment(row[5]) if row[5] is not None else None,
        last_failed=row[6],
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    corrupt = False
    try:
        payload = json.loads(row[6])
        receipt = json.loads(row[14])
        corrupt = not isinstance(payload, dict) or not isinstance(receipt, dict)
    except ValueError:
        corrupt = True
    return Delivery(
        id=row[0],
        kind=row[1],
        route=row[2],
        conversation=row[3],
        case_id=row[4],
        seq=row[5],
        payload={} if corrupt else payload,
        state=DeliveryState(row[7]),
        attempts=row[8],
        next_at=moment(row[9]),
        last_error=row[10],
        created_at=moment(row[11]),
        expires_at=moment(row[12]),
        delivered_at=moment(row[13]) if row[13] is not None else None,
        receipt={} if corrupt else receipt,
        position=row[15],
        lease=row[16],
        lease_until=moment(row[17]) if row[17] is not None else None,
        corrupt=corrupt,
    )
