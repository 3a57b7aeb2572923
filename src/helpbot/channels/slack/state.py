"""What Slack needs kept, as named questions and answers. Every method is one short transaction of the database."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from helpbot.channels.slack import tables

__all__ = ["Database", "Deed", "Mark", "Mood", "Root", "SlackState", "Thread", "has_tables", "micros"]

T = TypeVar("T")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LEASE: Final = timedelta(minutes=2)  # longer than any deed: a few calls of ten seconds
KEEP: Final = timedelta(days=3)  # a repeated event is recognised for that long; Slack's last retry is after minutes
DEAD_AFTER: Final = 8


class Database(Protocol):
    """The database as the store hands it out: `work` gets a driver's cursor, inside a transaction for `write`."""

    @property
    def name(self) -> str:
        """sqlite or postgresql."""

    def write(self, work: Callable[[Any], T]) -> T:
        """Run `work` in a transaction; returns after the commit."""

    def read(self, work: Callable[[Any], T]) -> T:
        """Run `work` over what is committed."""


class Mood:
    """What became of an agent's message to a user."""

    SENT: Final = "sent"
    DELIVERED: Final = "delivered"
    READ: Final = "read"
    FAILED: Final = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing Slack told us, to be dealt with."""

    id: int
    key: str
    lane: str
    kind: str
    payload: Mapping[str, Any]
    attempts: int
    received_at: datetime
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A thread that means something to us."""

    key: str
    kind: str  # user | case
    thread: str
    who: str
    case_id: str
    conversation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A case's root message that is to be drawn anew."""

    key: str
    case_id: str
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What an agent's message has to say about its way to the user."""

    message: str
    team: str
    channel: str
    ts: str
    root: str
    who: str
    state: str
    shown: str
    reason: str
    delivery: str


def micros(at: datetime) -> int:
    """A moment as whole microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def has_tables(database: Database) -> bool:
    """Whether Slack was ever used with this database."""
    if database.name == "postgresql":
        query = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'slack_inbox'"
    else:
        query = "SELECT 1 FROM sqlite_master WHERE name = 'slack_inbox'"
    return bool(database.read(lambda cursor: (cursor.execute(query), cursor.fetchone())[1]))


class SlackState:
    """The tables of Slack. Makes them when they are missing."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = database, clock
        self._texts: dict[str, str] = {}
        if database.name == "postgresql":
            self._lock = " FOR UPDATE OF slack_inbox SKIP LOCKED"
            self._style = r"%(\1)s"
        else:
            self._lock = ""  # SQLite has one writer
            self._style = ""
        statements = tables.schema(postgres=bool(self._style))
        if self._style:  # two nodes that start together make the tables one after the other
            statements = [_ALONE, *statements]
        self._db.write(lambda cursor: [cursor.execute(statement) for statement in statements] and None)

    def _text(self, query: str) -> str:
        """A statement in the driver's own style of parameters."""
        text = self._texts.get(query)
        if text is None:
            text = re.sub(r":([a-z_]+)", self._style, query) if self._style else query
            self._texts[query] = text
        return text

    # ── the inbox ────────────────────────────────────────────────────────────────────────────────────────────

    def accept(
        self, key: str, lane: str, kind: str, payload: Mapping[str, Any], place: Mapping[str, str] | None = None
    ) -> bool:
        """Keep what Slack told us, and the place it opens; False if it was kept before. Returns after the commit."""
        now = micros(self._clock())
        row = {
            "key": key,
            "lane": lane,
            "kind": kind,
            "payload": json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
            "state": "new",
            "attempts": 0,
            "received_at": now,
            "next_at": now,
            "lease": "",
            "lease_until": 0,
            "error": "",
        }

        def work(cursor: Any) -> bool:
            cursor.execute(self._text(_ACCEPT), row)
            fresh = bool(cursor.rowcount == 1)
            if fresh and place is not None:
                self._place(cursor, place, now)
            return fresh

        return self._db.write(work)

    def claim(self) -> Deed | None:
        """The oldest thing that is due and not behind another of its lane, leased to the caller."""
        now, lease = self._clock(), secrets.token_hex(8)

        def work(cursor: Any) -> Deed | None:
            cursor.execute(self._text(_CLAIMABLE + self._lock), {"now": micros(now)})
            row = cursor.fetchone()
            if row is None:
                return None
            cursor.execute(self._text(_LEASE), {"row": row[0], "new_lease": lease, "new_until": micros(now + LEASE)})
            return Deed(
                id=row[0],
                key=row[1],
                lane=row[2],
                kind=row[3],
                payload=json.loads(row[4]),
                attempts=row[5] + 1,
                received_at=_EPOCH + timedelta(microseconds=row[6]),
                lease=lease,
            )

        # Looked at before it is written: an idle worker must not keep the writer busy.
        looked = self._db.read(
            lambda cursor: (cursor.execute(self._text(_CLAIMABLE), {"now": micros(now)}), cursor.fetchone())[1]
        )
        return self._db.write(work) if looked is not None else None

    def done(self, deed: Deed) -> None:
        """Forget what a deed said; its key stays."""
        self._finish(deed, state="done", payload="{}", next_at=0, error="")

    def failed(self, deed: Deed, problem: str, again_in: timedelta) -> bool:
        """Try a deed again later; False if it was given up."""
        dead = deed.attempts >= DEAD_AFTER
        payload = json.dumps(deed.payload, ensure_ascii=False, separators=(",", ":"))
        self._finish(
            deed,
            state="dead" if dead else "new",
            payload="{}" if dead else payload,
            next_at=micros(self._clock() + again_in),
            error=problem[:500],
        )
        return not dead

    def _finish(self, deed: Deed, *, state: str, payload: str, next_at: int, error: str) -> None:
        values = {
            "row": deed.id,
            "held": deed.lease,
            "new_state": state,
            "new_payload": payload,
            "new_next": next_at,
            "new_error": error,
        }
        self._db.write(lambda cursor: cursor.execute(self._text(_FINISH), values) and None)

    def waiting(self) -> int:
        """How many things are still to be dealt with."""
        return int(self._one(_WAITING, {})[0])

    def forget_old(self) -> None:
        """Drop keys and records that no repeat can refer to any more."""
        limit = micros(self._clock() - KEEP)

        def work(cursor: Any) -> None:
            cursor.execute(self._text(_FORGET_INBOX), {"limit": limit})
            cursor.execute(self._text(_FORGET_KEPT), {"limit": limit})
            cursor.execute(self._text(_FORGET_SENT), {"limit": limit - micros(_EPOCH + timedelta(days=4))})

        self._db.write(work)

    # ── places ───────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, cursor: Any, place: Mapping[str, str], now: int) -> None:
        row = {"thread": "", "who": "", "case_id": "", "conversation": "", **place}
        cursor.execute(self._text(_NEW_PLACE), {**row, "wanted": 0, "drawn": 0, "next_at": 0, "at": now})

    def open_place(self, **place: str) -> None:
        """Remember a thread, unless it is known."""
        self._db.write(lambda cursor: self._place(cursor, place, micros(self._clock())))

    def name_place(self, key: str, conversation: str) -> None:
        """The conversation that a thread came to hold."""
        values = {"key": key, "conversation": conversation}
        self._db.write(lambda cursor: cursor.execute(self._text(_NAME_PLACE), values) and None)

    def join_place(self, key: str, thread: str, conversation: str) -> None:
        """Let a thread go on with a conversation that was begun elsewhere, unless it holds one."""
        values = {"key": key, "thread": thread, "conversation": conversation}
        self._db.write(lambda cursor: cursor.execute(self._text(_JOIN_PLACE), values) and None)

    def thread(self, key: str) -> Thread | None:
        """What a thread means to us."""
        row = self._one(_THREAD_OF, {"key": key})
        return Thread(**dict(zip(_THREAD, row, strict=True))) if row else None

    def roots(self, case_id: str) -> Sequence[Thread]:
        """Where a case is shown to agents."""
        rows = self._all(_ROOTS, {"case": case_id})
        return [Thread(**dict(zip(_THREAD, row, strict=True))) for row in rows]

    def redraw(self, case_id: str) -> None:
        """Have every root message of a case drawn anew."""
        self._db.write(lambda cursor: cursor.execute(self._text(_REDRAW), {"case": case_id}) and None)

    def undrawn(self, limit: int) -> Sequence[Root]:
        """Root messages that do not show the case as it is, and are due."""
        rows = self._all(_UNDRAWN, {"now": micros(self._clock()), "limit": limit})
        return [Root(key=row[0], case_id=row[1], wanted=row[2]) for row in rows]

    def drawn(self, root: Root) -> None:
        """A root message shows what it was to show."""
        values = {"place": root.key, "shown": root.wanted}
        self._db.write(lambda cursor: cursor.execute(self._text(_DRAWN), values) and None)

    def draw_later(self, root: Root, after: timedelta) -> None:
        """A root message could not be drawn now."""
        values = {"place": root.key, "due": micros(self._clock() + after)}
        self._db.write(lambda cursor: cursor.execute(self._text(_DRAW_LATER), values) and None)

    # ── marks ────────────────────────────────────────────────────────────────────────────────────────────────

    def mark(self, mark: Mark) -> None:
        """Remember where an agent wrote what a user is to read; what is known of its way already stays."""

        def work(cursor: Any) -> None:
            cursor.execute(self._text(_NEW_MARK), {**_fields(mark), "at": micros(self._clock())})
            if cursor.rowcount != 1:
                cursor.execute(
                    self._text(_LOCATE),
                    {
                        "name": mark.message,
                        "new_team": mark.team,
                        "new_channel": mark.channel,
                        "new_ts": mark.ts,
                        "new_root": mark.root,
                        "new_who": mark.who,
                    },
                )

        self._db.write(work)

    def went(self, message: str, state: str, *, reason: str = "", delivery: str = "") -> None:
        """What became of a message to a user: kept even when nobody has said yet where it was written."""

        def work(cursor: Any) -> None:
            cursor.execute(
                self._text(_NEW_MARK),
                {
                    **dict.fromkeys(_MARK, ""),
                    "message": message,
                    "state": state,
                    "reason": reason[:500],
                    "delivery": delivery,
                    "at": micros(self._clock()),
                },
            )
            if cursor.rowcount != 1:
                cursor.execute(
                    self._text(_WENT),
                    {"name": message, "new_state": state, "new_reason": reason[:500], "new_delivery": delivery},
                )

        self._db.write(work)

    def read_up_to(self, conversation: str, seq: int) -> None:
        """The user has seen everything of a conversation up to a message."""
        rows = self._all(_DELIVERED, {"prefix": f"{conversation}.%"})
        for (message,) in rows:
            if int(message.rpartition(".")[2]) <= seq:
                self.went(message, Mood.READ)

    def unshown(self, limit: int) -> Sequence[Mark]:
        """Marks that Slack does not show as they are."""
        return [Mark(**dict(zip(_MARK, row, strict=True))) for row in self._all(_UNSHOWN, {"limit": limit})]

    def one_mark(self, message: str) -> Mark | None:
        """The mark of one message."""
        row = self._one(_ONE_MARK, {"name": message})
        return Mark(**dict(zip(_MARK, row, strict=True))) if row else None

    def sent_from(self, channel: str, ts: str) -> bool:
        """Whether a message of an agent's went to a user."""
        return self._one(_SENT_FROM, {"place": channel, "stamp": ts}) is not None

    def shown(self, mark: Mark) -> None:
        """Slack shows a mark as it is."""
        values = {"name": mark.message, "now_shown": mark.state}
        self._db.write(lambda cursor: cursor.execute(self._text(_SHOWN), values) and None)

    # ── posts ────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, delivery: str, part: str, channel: str) -> str | None:
        """Note that a post is about to be made. None if it was never begun, else its ts ('' if that is not known)."""

        def work(cursor: Any) -> str | None:
            row = {"delivery": delivery, "part": part, "channel": channel, "ts": "", "at": micros(self._clock())}
            cursor.execute(self._text(_BEGIN), row)
            if cursor.rowcount == 1:
                return None
            cursor.execute(self._text(_BEGUN), {"id": delivery, "piece": part})
            return str(cursor.fetchone()[0])

        return self._db.write(work)

    def posted(self, delivery: str, part: str, channel: str, ts: str) -> None:
        """A post was made."""
        values = {"id": delivery, "piece": part, "new_channel": channel, "new_ts": ts}
        self._db.write(lambda cursor: cursor.execute(self._text(_POSTED), values) and None)

    def withdraw(self, delivery: str, part: str) -> None:
        """Slack refused a post outright: it was not made."""
        values = {"id": delivery, "piece": part}
        self._db.write(lambda cursor: cursor.execute(self._text(_WITHDRAW), values) and None)

    # ── small things ─────────────────────────────────────────────────────────────────────────────────────────

    def keep(self, space: str, key: str, value: Any) -> None:
        """Keep a value by name; a later one replaces it."""
        row = {"space": space, "key": key, "value": json.dumps(value), "at": micros(self._clock())}
        self._db.write(lambda cursor: cursor.execute(self._text(_KEEP), row) and None)

    def keep_first(self, space: str, key: str, value: Any) -> bool:
        """Keep a value unless the name is taken; whether it was free."""
        row = {"space": space, "key": key, "value": json.dumps(value), "at": micros(self._clock())}
        return bool(
            self._db.write(lambda cursor: (cursor.execute(self._text(_KEEP_FIRST), row), cursor.rowcount)[1] == 1)
        )

    def kept(self, space: str, key: str) -> Any:
        """The value of a name, or None."""
        row = self._one(_KEPT, {"room": space, "name": key})
        return json.loads(row[0]) if row else None

    def all_kept(self, space: str) -> dict[str, Any]:
        """Every name of a space with its value."""
        return {row[0]: json.loads(row[1]) for row in self._all(_ALL_KEPT, {"room": space})}

    def drop(self, space: str, key: str) -> bool:
        """Forget a name; whether it was there."""
        values = {"room": space, "name": key}
        return bool(self._db.write(lambda cursor: (cursor.execute(self._text(_DROP), values), cursor.rowcount)[1] == 1))

    def erase(self, conversation: str, thread: str, keys: Sequence[str] = ()) -> None:
        """Forget everything of a conversation: its places, marks and whatever was kept for its messages (`keys`)."""

        def work(cursor: Any) -> None:
            cursor.execute(self._text(_ERASE_PLACES), {"conversation": conversation, "thread": thread})
            cursor.execute(self._text(_ERASE_MARKS), {"prefix": f"{conversation}.%"})
            cursor.execute(self._text(_ERASE_FILES), {"prefix": f"{conversation}.%"})
            cursor.execute(self._text(_ERASE_LAST), {"value": json.dumps([thread, conversation])})
            for name in (thread, conversation, *keys):
                cursor.execute(self._text(_ERASE_KEPT), {"name": name})
                cursor.execute(self._text(_ERASE_INBOX), {"name": name})

        self._db.write(work)

    # ── how it is done ───────────────────────────────────────────────────────────────────────────────────────

    def _one(self, query: str, values: Mapping[str, Any]) -> Any:
        return self._db.read(lambda cursor: (cursor.execute(self._text(query), values), cursor.fetchone())[1])

    def _all(self, query: str, values: Mapping[str, Any]) -> list[Any]:
        return self._db.read(lambda cursor: (cursor.execute(self._text(query), values), list(cursor.fetchall()))[1])


_THREAD: Final = ("key", "kind", "thread", "who", "case_id", "conversation")
_MARK: Final = ("message", "team", "channel", "ts", "root", "who", "state", "shown", "reason", "delivery")


def _fields(mark: Mark) -> dict[str, Any]:
    return {name: getattr(mark, name) for name in _MARK}


# ── every statement, by name ─────────────────────────────────────────────────────────────────────────────────────────
# The same words run on both engines; `:name` is a parameter.

_ALONE: Final = "SELECT pg_advisory_xact_lock(5270411901)"
_ACCEPT: Final = """
    INSERT INTO slack_inbox
        (key, lane, kind, payload, state, attempts, received_at, next_at, lease, lease_until, error)
    VALUES (:key, :lane, :kind, :payload, :state, :attempts, :received_at, :next_at, :lease, :lease_until, :error)
    ON CONFLICT DO NOTHING"""

# What is due, and not behind another of its lane.
_CLAIMABLE: Final = """
    SELECT id, key, lane, kind, payload, attempts, received_at FROM slack_inbox
    WHERE state IN ('new', 'leased')
      AND ((state = 'new' AND next_at <= :now) OR (state = 'leased' AND lease_until <= :now))
      AND NOT EXISTS (SELECT 1 FROM slack_inbox AS older
                      WHERE older.state IN ('new', 'leased') AND older.lane = slack_inbox.lane
                        AND older.id < slack_inbox.id)
    ORDER BY id LIMIT 1"""

_LEASE: Final = """
    UPDATE slack_inbox SET state = 'leased', attempts = attempts + 1, lease = :new_lease, lease_until = :new_until
    WHERE id = :row"""

_FINISH: Final = """
    UPDATE slack_inbox SET state = :new_state, payload = :new_payload, next_at = :new_next, error = :new_error,
        lease = '', lease_until = 0
    WHERE id = :row AND lease = :held"""

_WAITING: Final = "SELECT count(*) FROM slack_inbox WHERE state IN ('new', 'leased')"

_FORGET_INBOX: Final = "DELETE FROM slack_inbox WHERE state IN ('done', 'dead') AND received_at < :limit"
_FORGET_KEPT: Final = (
    "DELETE FROM slack_kept WHERE space IN ('noticed', 'files', 'oauth', 'edit', 'unsent') AND at < :limit"
)
_FORGET_SENT: Final = "DELETE FROM slack_sent WHERE at < :limit"

_NEW_PLACE: Final = """
    INSERT INTO slack_places (key, kind, thread, who, case_id, conversation, wanted, drawn, next_at, at)
    VALUES (:key, :kind, :thread, :who, :case_id, :conversation, :wanted, :drawn, :next_at, :at)
    ON CONFLICT DO NOTHING"""
_THREAD_OF: Final = "SELECT key, kind, thread, who, case_id, conversation FROM slack_places WHERE key = :key"
_ROOTS: Final = """
    SELECT key, kind, thread, who, case_id, conversation FROM slack_places
    WHERE case_id = :case AND kind = 'case' ORDER BY key"""
_NAME_PLACE: Final = "UPDATE slack_places SET conversation = :conversation WHERE key = :key AND conversation = ''"
_JOIN_PLACE: Final = """
    UPDATE slack_places SET thread = :thread, conversation = :conversation WHERE key = :key AND conversation = ''"""
_REDRAW: Final = "UPDATE slack_places SET wanted = wanted + 1 WHERE case_id = :case AND kind = 'case'"
_UNDRAWN: Final = """
    SELECT key, case_id, wanted FROM slack_places
    WHERE kind = 'case' AND wanted > drawn AND next_at <= :now ORDER BY at LIMIT :limit"""
_DRAWN: Final = "UPDATE slack_places SET drawn = :shown, next_at = 0 WHERE key = :place"
_DRAW_LATER: Final = "UPDATE slack_places SET next_at = :due WHERE key = :place"

_NEW_MARK: Final = """
    INSERT INTO slack_marks (message, team, channel, ts, root, who, state, shown, reason, delivery, at)
    VALUES (:message, :team, :channel, :ts, :root, :who, :state, :shown, :reason, :delivery, :at)
    ON CONFLICT DO NOTHING"""
_LOCATE: Final = """
    UPDATE slack_marks SET team = :new_team, channel = :new_channel, ts = :new_ts, root = :new_root, who = :new_who
    WHERE message = :name"""
# A message that was read stays read, whatever a late word says.
_WENT: Final = """
    UPDATE slack_marks SET state = :new_state, reason = :new_reason,
        delivery = CASE WHEN :new_delivery = '' THEN delivery ELSE :new_delivery END
    WHERE message = :name AND state <> 'read'"""
_DELIVERED: Final = "SELECT message FROM slack_marks WHERE message LIKE :prefix AND state IN ('sent', 'delivered')"
_UNSHOWN: Final = """
    SELECT message, team, channel, ts, root, who, state, shown, reason, delivery FROM slack_marks
    WHERE ts <> '' AND state <> shown ORDER BY at LIMIT :limit"""
_ONE_MARK: Final = """
    SELECT message, team, channel, ts, root, who, state, shown, reason, delivery FROM slack_marks
    WHERE message = :name"""
_SENT_FROM: Final = "SELECT 1 FROM slack_marks WHERE ts = :stamp AND channel = :place AND who <> ''"
_SHOWN: Final = "UPDATE slack_marks SET shown = :now_shown WHERE message = :name"

_BEGIN: Final = """
    INSERT INTO slack_sent (delivery, part, channel, ts, at) VALUES (:delivery, :part, :channel, :ts, :at)
    ON CONFLICT DO NOTHING"""
_BEGUN: Final = "SELECT ts FROM slack_sent WHERE delivery = :id AND part = :piece"
_POSTED: Final = "UPDATE slack_sent SET channel = :new_channel, ts = :new_ts WHERE delivery = :id AND part = :piece"
_WITHDRAW: Final = "DELETE FROM slack_sent WHERE delivery = :id AND part = :piece AND ts = ''"

_KEEP: Final = """
    INSERT INTO slack_kept (space, key, value, at) VALUES (:space, :key, :value, :at)
    ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, at = excluded.at"""
_KEEP_FIRST: Final = """
    INSERT INTO slack_kept (space, key, value, at) VALUES (:space, :key, :value, :at) ON CONFLICT DO NOTHING"""
_KEPT: Final = "SELECT value FROM slack_kept WHERE space = :room AND key = :name"
_ALL_KEPT: Final = "SELECT key, value FROM slack_kept WHERE space = :room ORDER BY key"
_DROP: Final = "DELETE FROM slack_kept WHERE space = :room AND key = :name"

_ERASE_PLACES: Final = "DELETE FROM slack_places WHERE conversation = :conversation OR thread = :thread"
_ERASE_MARKS: Final = "DELETE FROM slack_marks WHERE message LIKE :prefix"
_ERASE_FILES: Final = "DELETE FROM slack_kept WHERE space = 'files' AND key LIKE :prefix"
_ERASE_LAST: Final = "DELETE FROM slack_kept WHERE space = 'last' AND value = :value"
_ERASE_KEPT: Final = """
    DELETE FROM slack_kept
    WHERE key = :name AND space IN ('noticed', 'files', 'edit', 'moved', 'respond', 'permalink', 'asked')"""
# The keys stay, so that what Slack sends once more is still known; what waits in the thread is not done any more.
_ERASE_INBOX: Final = """
    UPDATE slack_inbox SET payload = '{}', state = 'done', error = '' WHERE key = :name OR lane = :name"""
