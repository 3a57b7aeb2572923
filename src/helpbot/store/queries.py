"""Every statement the store runs, by name, with a word on what it is for.

Each function is called once for each engine; its compiled text is then run on the driver itself, because building
and compiling a statement costs more than running it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Executable,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    text,
    true,
    update,
)

from helpbot.store import schema as s

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql import ColumnElement

__all__ = ["Bulk", "Query", "Row", "Sql", "Values"]

# A few inserts leave columns to the database: they come with the names of those they give.
Query = Callable[["Sql"], Executable | tuple[Executable, list[str]]]
Row = tuple[Any, ...]
b = bindparam
ONE: Any = literal_column("1")
ZERO: Any = literal_column("0")  # left out, SQLite's dialect would add a parameter for it


def lit(word: str) -> Any:
    """A constant written into the statement itself, so that a partial index can be seen to apply."""
    assert word.replace("_", "").replace(".", "").isalnum() or not word
    return literal_column(f"'{word}'", Text)


class Sql:
    """The statements in one engine's own words, compiled on first use."""

    def __init__(self, dialect: Dialect, upsert: Callable[..., Any], *, row_locks: bool) -> None:
        self._dialect, self.upsert, self.row_locks = dialect, upsert, row_locks
        # two values of a reply's JSON, as text
        self.reply_json = (
            {"outcome": "CAST(m.reply AS json) ->> 'outcome'", "resolutions": "CAST(m.reply AS json) ->> 'resolutions'"}
            if row_locks
            else {
                "outcome": "json_extract(m.reply, '$.outcome')",
                "resolutions": "json_extract(m.reply, '$.resolutions')",
            }
        )
        self._texts: dict[Query, str] = {}

    def __call__(self, query: Query) -> str:
        """The text of a query, with named parameters in the driver's style."""
        text = self._texts.get(query)
        if text is None:
            built: Any = query(self)
            statement, keys = built if isinstance(built, tuple) else (built, None)
            compiled = statement.compile(dialect=self._dialect, column_keys=keys)
            constants = [name for name, value in compiled.params.items() if value is not None and not keys]
            assert not constants, f"{query.__name__} hides the values {constants}"
            text = self._texts[query] = str(compiled)
        return text


def _locked(sql: Sql, statement: Any, *, skip: bool = False) -> Any:
    """Lock the rows where the engine has row locks; SQLite's one writer needs none."""
    return statement.with_for_update(skip_locked=skip) if sql.row_locks else statement


# ── conversations ────────────────────────────────────────────────────────────

CONVERSATION = tuple(
    s.conversations.c[name]
    for name in (
        [
            "id",
            "channel",
            "thread",
            "person",
            "phase",
            "owner",
            "agent",
            "email",
            "state",
            "version",
            "last_seq",
            "created_at",
            "touched_at",
            "due_at",
        ]
    )
)


def conversation(sql: Sql) -> Executable:
    """One conversation, to read."""
    return select(*CONVERSATION).where(s.conversations.c.id == b("id"))


def lock_conversation(sql: Sql) -> Executable:
    """One conversation, held until the end of the transaction."""
    locked: Executable = _locked(sql, select(*CONVERSATION).where(s.conversations.c.id == b("id")))
    return locked


def conversation_by_thread(sql: Sql) -> Executable:
    """The conversation of a channel's thread."""
    c = s.conversations.c
    return select(*CONVERSATION).where(c.channel == b("channel"), c.thread == b("thread"))


def lock_thread(sql: Sql) -> Executable:
    """The same, held until the end of the transaction."""
    c = s.conversations.c
    locked: Executable = _locked(sql, select(*CONVERSATION).where(c.channel == b("channel"), c.thread == b("thread")))
    return locked


def create_conversation(sql: Sql) -> Executable:
    """A new conversation, unless its thread has one."""
    found: Executable = sql.upsert(s.conversations).on_conflict_do_nothing()
    return found


def save_conversation(sql: Sql) -> Executable:
    """The next state of a conversation, if nobody moved it since it was read."""
    c = s.conversations.c
    names = ["phase", "owner", "agent", "email", "state", "last_seq", "touched_at", "due_at"]
    return (
        update(s.conversations)
        .where(c.id == b("conversation_id"), c.version == b("expected"))
        .values(version=b("new_version"), **{name: b(f"new_{name}") for name in names})
    )


def due_conversations(sql: Sql) -> Executable:
    """Where a reminder or an end may be due."""
    c = s.conversations.c
    return (
        select(c.id)
        .where(c.due_at.is_not(None), c.due_at <= b("now"))
        .order_by(c.due_at)
        .limit(b("limit"))
        .offset(ZERO)
    )


# ── messages ────────────────────────────────────────────────────────────

MESSAGE = tuple(
    s.messages.c[name]
    for name in [
        "conversation",
        "seq",
        "author",
        "name",
        "text",
        "reply",
        "at",
        "visibility",
        "attachments",
        "key",
    ]
)


def post(sql: Sql) -> Executable:
    """A message."""
    return insert(s.messages)


def messages(sql: Sql) -> Executable:
    """The public messages above a number."""
    c = s.messages.c
    return (
        select(*MESSAGE)
        .where(c.conversation == b("id"), c.seq > b("after"), c.visibility == lit("public"))
        .order_by(c.seq)
        .limit(b("limit"))
        .offset(ZERO)
    )


def all_messages(sql: Sql) -> Executable:
    """The messages above a number, internal notes too."""
    c = s.messages.c
    return (
        select(*MESSAGE)
        .where(c.conversation == b("id"), c.seq > b("after"))
        .order_by(c.seq)
        .limit(b("limit"))
        .offset(ZERO)
    )


def message(sql: Sql) -> Executable:
    """One message."""
    c = s.messages.c
    return select(*MESSAGE).where(c.conversation == b("id"), c.seq == b("seq"))


# ── keys and tokens ────────────────────────────────────────────────────────────


def first_sight(sql: Sql) -> Executable:
    """Enter a key, unless it was seen. The primary key decides, never a look beforehand."""
    found: Executable = sql.upsert(s.seen).on_conflict_do_nothing()
    return found


def sight(sql: Sql) -> Executable:
    """What was seen with a key."""
    c = s.seen.c
    return select(c.scope, c.key, c.digest, c.conversation, c.first_seq, c.last_seq).where(
        c.scope == b("scope"), c.key == b("key")
    )


def amend_sight(sql: Sql) -> Executable:
    """Which messages answer a key."""
    c = s.seen.c
    return (
        update(s.seen)
        .where(c.scope == b("of_scope"), c.key == b("of_key"))
        .values(conversation=b("new_conversation"), first_seq=b("new_first"), last_seq=b("new_last"))
    )


def forget_keys(sql: Sql) -> Executable:
    """Keys too old to come again."""
    return delete(s.seen).where(s.seen.c.at < b("before"))


def add_token(sql: Sql) -> Executable:
    """One more token of a conversation."""
    return insert(s.tokens)


def token(sql: Sql) -> Executable:
    """Whether a token opens a conversation."""
    return select(s.tokens.c.digest).where(
        s.tokens.c.digest == b("digest"), s.tokens.c.conversation == b("conversation")
    )


# ── cases ────────────────────────────────────────────────────────────


def next_number(sql: Sql) -> Executable:
    """The next case number; the row is held until the end, so that no number is lost or given twice."""
    c = s.counters.c
    return update(s.counters).where(c.name == b("counter")).values(value=c.value + ONE).returning(c.value)


def case(sql: Sql) -> Executable:
    """A case by id or number."""
    return select(s.cases.c.data).where(or_(s.cases.c.id == b("case"), s.cases.c.number == b("case")))


def add_case(sql: Sql) -> Executable:
    """A new case; the schema refuses a second open one."""
    return insert(s.cases)


def save_case(sql: Sql) -> Executable:
    """What became of a case."""
    names = ["state", "owner", "psa", "product_name", "error_message", "data", "updated_at", "resolved_at"]
    return update(s.cases).where(s.cases.c.id == b("case")).values({name: b(f"new_{name}") for name in names})


def list_cases(sql: Sql) -> Executable:
    """Cases, the newest first; an empty parameter means any."""
    c = s.cases.c
    return (
        select(c.data)
        .where(
            or_(b("state", type_=Text) == lit(""), c.state == b("state")),
            or_(b("psa", type_=Text) == lit(""), c.psa == b("psa")),
            or_(b("conversation", type_=Text) == lit(""), c.conversation == b("conversation")),
            or_(b("any_state") == ONE, c.state != lit("resolved")),
        )
        .order_by(c.opened_at.desc(), c.number.desc())
        .limit(b("limit"))
        .offset(ZERO)
    )


# ── deliveries ────────────────────────────────────────────────────────────

DELIVERY_NAMES = [
    "id",
    "kind",
    "route",
    "conversation",
    "case_id",
    "seq",
    "payload",
    "state",
    "attempts",
    "next_at",
    "last_error",
    "created_at",
    "expires_at",
    "delivered_at",
    "receipt",
    "position",
    "lease",
    "lease_until",
]
DELIVERY = tuple(s.deliveries.c[name] for name in DELIVERY_NAMES)


def enqueue(sql: Sql) -> tuple[Executable, list[str]]:
    """A delivery."""
    return insert(s.deliveries), [c.name for c in s.deliveries.columns if c.name not in {"position", "fell_back"}]


def _head() -> ColumnElement[bool]:
    """Nothing older of the same conversation waits on the same route: order is kept."""
    older = s.deliveries.alias("older")
    c = s.deliveries.c
    return ~exists(
        select(ONE).where(
            older.c.route == c.route,
            older.c.conversation == c.conversation,
            older.c.position < c.position,
            older.c.state.in_([lit("pending"), lit("leased")]),
        )
    )


def _free() -> ColumnElement[bool]:
    """Waiting, or held by a worker whose lease is over."""
    c = s.deliveries.c
    return and_(
        c.state.in_([lit("pending"), lit("leased")]),  # so that the partial indexes apply
        or_(c.state == lit("pending"), c.lease_until <= b("now")),
    )


def claimable(sql: Sql) -> Executable:
    """What may be sent on a route now, the oldest of each conversation."""
    c = s.deliveries.c
    found = select(*DELIVERY).where(c.route == b("route"), _free(), c.next_at <= b("now"), _head())
    locked: Executable = _locked(sql, found.order_by(c.position).limit(b("limit")).offset(ZERO), skip=True)
    return locked


def probe(sql: Sql) -> Executable:
    """One to try a failing route with, due or not: the least tried, so that a poison row is not tried for ever."""
    c = s.deliveries.c
    found = select(*DELIVERY).where(c.route == b("route"), _free(), _head())
    locked: Executable = _locked(sql, found.order_by(c.attempts, c.position).limit(b("limit")).offset(ZERO), skip=True)
    return locked


def lease(sql: Sql) -> Executable:
    """Take a delivery for a while."""
    c = s.deliveries.c
    return (
        update(s.deliveries)
        .where(c.position == b("at_position"))
        .values(
            state=lit("leased"),
            lease=b("new_lease"),
            lease_until=b("new_until"),
            attempts=c.attempts + ONE,
        )
    )


def hold(sql: Sql) -> Executable:
    """Keep a delivery that is still being sent, if it is still ours."""
    c = s.deliveries.c
    return (
        update(s.deliveries)
        .where(c.id == b("of_id"), c.lease == b("of_lease"), c.state == lit("leased"))
        .values(lease_until=b("new_until"))
    )


def finish(sql: Sql) -> Executable:
    """What became of a delivery, if it is still ours."""
    c = s.deliveries.c
    names = ["state", "attempts", "next_at", "last_error", "expires_at", "delivered_at", "receipt"]
    return (
        update(s.deliveries)
        .where(c.id == b("of_id"), c.lease == b("of_lease"))
        .values({**{name: b(f"new_{name}") for name in names}, "lease": lit(""), "lease_until": null()})
    )


def release_route(sql: Sql) -> Executable:
    """Make what waits on a route due now."""
    c = s.deliveries.c
    return (
        update(s.deliveries)
        .where(c.route == b("of_route"), c.state == lit("pending"), c.next_at > b("now"))
        .values(next_at=b("now"))
    )


LEFT = text("deliveries.state <> 'delivered'")  # word for word as its partial index says, or that does not apply


def expired(sql: Sql) -> Executable:
    """What waited too long."""
    c = s.deliveries.c
    found = select(*DELIVERY).where(LEFT, c.state == lit("pending"), c.expires_at <= b("now"))
    locked: Executable = _locked(sql, found.order_by(c.position).limit(b("limit")).offset(ZERO), skip=True)
    return locked


def overdue(sql: Sql) -> Executable:
    """What of a kind waits so long that a fallback should take over."""
    c = s.deliveries.c
    return (
        select(*DELIVERY)
        .where(
            c.kind == b("kind"),
            LEFT,
            c.state.in_(
                [
                    lit("pending"),
                    lit("leased"),
                    lit("dead"),
                ]
            ),
            c.fell_back.is_(False),
            or_(c.created_at <= b("before"), c.state == lit("dead")),
        )
        .order_by(c.position)
        .limit(b("limit"))
        .offset(ZERO)
    )


def mark_fallback(sql: Sql) -> Executable:
    """A fallback has taken over, once."""
    c = s.deliveries.c
    return update(s.deliveries).where(c.id == b("of_id"), c.fell_back.is_(False)).values(fell_back=true())


def delivery(sql: Sql) -> Executable:
    """One delivery."""
    return select(*DELIVERY).where(s.deliveries.c.id == b("id"))


def list_deliveries(sql: Sql) -> Executable:
    """Deliveries, the newest first; an empty parameter means any."""
    c = s.deliveries.c
    return (
        select(*DELIVERY)
        .where(
            or_(b("state", type_=Text) == lit(""), c.state == b("state")),
            or_(b("route", type_=Text) == lit(""), c.route == b("route")),
            or_(b("case_id", type_=Text) == lit(""), c.case_id == b("case_id")),
        )
        .order_by(c.position.desc())
        .limit(b("limit"))
        .offset(ZERO)
    )


def opened_receipt(sql: Sql) -> Executable:
    """The first notice of a case on a route, which later ones follow in its thread."""
    c = s.deliveries.c
    return (
        select(*DELIVERY)
        .where(c.case_id == b("case_id"), c.route == b("route"), c.kind == lit("case.opened"))
        .order_by(c.position)
        .limit(ONE)
        .offset(ZERO)
    )


def waiting_routes(sql: Sql) -> Executable:
    """The routes that have something to send, and when the first of it is due."""
    c = s.deliveries.c
    return select(c.route, func.min(c.next_at)).where(c.state.in_([lit("pending"), lit("leased")])).group_by(c.route)


def backlog(sql: Sql) -> Executable:
    """How much waits, is dead or held on each route, and since when."""
    c = s.deliveries.c
    return select(c.route, c.state, func.count(), func.min(c.created_at)).where(LEFT).group_by(c.route, c.state)


def hold_outbox(sql: Sql) -> Executable:
    """Hold back everything not yet sent: after a restore nobody knows what was sent since the backup."""
    c = s.deliveries.c
    return (
        update(s.deliveries)
        .where(c.state.in_([lit("pending"), lit("leased")]))
        .values(state=lit("held"), lease=lit(""), lease_until=null())
    )


def release_held(sql: Sql) -> Executable:
    """Send what was held back; an empty route means all."""
    c = s.deliveries.c
    return (
        update(s.deliveries)
        .where(c.state == lit("held"), or_(b("of_route", type_=Text) == lit(""), c.route == b("of_route")))
        .values(state=lit("pending"), next_at=b("new_next_at"), expires_at=b("new_expires_at"))
    )


ROUTE = tuple(
    s.routes.c[name]
    for name in ["name", "failing_since", "failures", "next_probe", "disabled", "last_success", "last_failed"]
)


def route_health(sql: Sql) -> Executable:
    """What is known of every route."""
    return select(*ROUTE)


def set_health(sql: Sql) -> Executable:
    """What is known of a route."""
    statement = sql.upsert(s.routes)
    names = [column.name for column in ROUTE[1:]]
    found: Executable = statement.on_conflict_do_update(
        index_elements=["name"], set_={name: statement.excluded[name] for name in names}
    )
    return found


# ── ratings, mails, what channels keep ────────────────────────────────────────────────────────────


def rate(sql: Sql) -> Executable:
    """A user's rating; a later one replaces it."""
    statement = sql.upsert(s.ratings)
    found: Executable = statement.on_conflict_do_update(
        index_elements=["conversation"],
        set_={name: statement.excluded[name] for name in ("stars", "solved", "comment", "at")},
    )
    return found


def give_feedback(sql: Sql) -> Executable:
    """Whether a message helped; a later word replaces it."""
    statement = sql.upsert(s.feedback)
    found: Executable = statement.on_conflict_do_update(
        index_elements=["conversation", "seq"], set_={name: statement.excluded[name] for name in ("up", "at")}
    )
    return found


def mails_since(sql: Sql) -> Executable:
    """How many mails went to an address."""
    c = s.mails.c
    return select(func.count()).where(c.address == b("address"), c.at > b("since"))


def lock_address(sql: Sql) -> Executable:
    """Let nobody else write to an address until the transaction ends (PostgreSQL)."""
    return select(func.pg_advisory_xact_lock(func.hashtext(b("address"))))


def count_mail(sql: Sql) -> tuple[Executable, list[str]]:
    """One more mail to an address."""
    return insert(s.mails), ["address", "at"]


def forget_mails(sql: Sql) -> Executable:
    """Counts that no limit looks at any more."""
    return delete(s.mails).where(s.mails.c.at < b("before"))


def keep(sql: Sql) -> Executable:
    """A value that a channel keeps under its own name."""
    statement = sql.upsert(s.kept)
    found: Executable = statement.on_conflict_do_update(
        index_elements=["space", "key"], set_={name: statement.excluded[name] for name in ("value", "at")}
    )
    return found


def keep_once(sql: Sql) -> Executable:
    """The same, unless it is there."""
    found: Executable = sql.upsert(s.kept).on_conflict_do_nothing()
    return found


def kept(sql: Sql) -> Executable:
    """A value that was kept."""
    return select(s.kept.c.value).where(s.kept.c.space == b("space"), s.kept.c.key == b("key"))


def all_kept(sql: Sql) -> Executable:
    """Everything kept in a space."""
    return select(s.kept.c.key, s.kept.c.value).where(s.kept.c.space == b("space")).order_by(s.kept.c.key)


def drop_kept(sql: Sql) -> Executable:
    """Forget a value."""
    return delete(s.kept).where(s.kept.c.space == b("space"), s.kept.c.key == b("key"))


# ── many turns in one statement ────────────────────────────────────────────────────────────
#
# The turns that wait for one commit are written by three statements, whatever their number: the driver is called three
# times and not four times a turn. Each call lets other threads of the program run, and waits for them to get back.

TURN = (
    ("id", "text"),
    ("expected", "bigint"),
    ("version", "bigint"),
    ("phase", "text"),
    ("owner", "text"),
    ("agent", "text"),
    ("email", "text"),
    ("state", "text"),
    ("last_seq", "bigint"),
    ("touched_at", "bigint"),
    ("due_at", "bigint"),
    ("scope", "text"),
    ("key", "text"),
    ("digest", "text"),
    ("first_seq", "bigint"),
    ("last_seq_seen", "bigint"),
    ("at", "bigint"),
)
# Where a turn's row has the columns of its key.
SEEN = (
    ("scope", "text", 11),
    ("key", "text", 12),
    ("digest", "text", 13),
    ("conversation", "text", 0),
    ("first_seq", "bigint", 14),
    ("last_seq", "bigint", 15),
    ("at", "bigint", 16),
)
POSTED = tuple((c.name, "text" if isinstance(c.type, Text) else "bigint") for c in s.messages.columns)
ENQUEUED = tuple(
    (c.name, "text" if isinstance(c.type, Text) else "bigint")
    for c in s.deliveries.columns
    if c.name not in {"position", "fell_back"}
)


SAVED = ", ".join(f"{name} = turn.{name}" for name, _ in TURN[2:11])
NEW_KEY = "NOT EXISTS (SELECT 1 FROM seen WHERE seen.scope = turn.scope AND seen.key = turn.key)"
UNMOVED = "conversations.id = turn.id AND conversations.version = turn.expected AND"


def _names(columns: Sequence[tuple[Any, ...]]) -> str:
    return ", ".join(column[0] for column in columns)


COLUMNS = {"seen": SEEN, "messages": POSTED, "deliveries": ENQUEUED}


class Bulk:  # every name in these statements is one of ours; what users say comes in the one parameter
    """Many turns in PostgreSQL's words: each statement takes its rows as one JSON parameter."""

    def __init__(self) -> None:
        self.save = self._save()
        self.enter = self._insert("seen", SEEN)  # from the same rows as `save`
        self.post = self._insert("messages", POSTED)
        self.enqueue = self._insert("deliveries", ENQUEUED)

    def _rows(self, columns: tuple[tuple[str, str] | tuple[str, str, int], ...]) -> str:
        places = [(column[0], column[1], column[2] if len(column) == 3 else n) for n, column in enumerate(columns)]
        picks = [f"(value->>{n})::{kind} AS {name}" for name, kind, n in places]
        source = "jsonb_array_elements(%(rows)s::jsonb) WITH ORDINALITY AS r(value, n)"
        return " ".join(("SELECT", ", ".join(picks), "FROM", source))

    def _insert(self, table: str, columns: tuple[tuple[str, str] | tuple[str, str, int], ...]) -> str:
        """Rows of a table, in the order given: a delivery's position counts on it."""
        return " ".join(("INSERT INTO", table, "(", _names(columns), ")", self._rows(columns), "ORDER BY n"))

    def _save(self) -> str:
        """The next states of the conversations that nobody moved and whose keys are new; returns their ids."""
        # Whoever is locked by another is left to the way that waits: one slow turn must not hold up a crowd.
        free = (
            "SELECT conversations.id FROM conversations JOIN turn ON true WHERE",
            UNMOVED,
            NEW_KEY,
            "ORDER BY conversations.id FOR UPDATE OF conversations SKIP LOCKED",
        )
        return " ".join(
            (
                f"WITH turn AS MATERIALIZED ({self._rows(TURN[:13])}), free AS ({' '.join(free)})",
                "UPDATE conversations SET",
                SAVED,
                "FROM turn WHERE",
                UNMOVED,
                "conversations.id IN (SELECT id FROM free) RETURNING conversations.id",
            )
        )


class Values:
    """Turns in SQLite's words: rows as plain parameters, filled up with empty ones to a power of two.

    So there are few different statements, and the driver keeps them all prepared.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[str, int, bool], str] = {}

    def save(self, rows: Sequence[Row], *, returning: bool = False) -> tuple[str, list[Any]]:
        """The next states of the conversations that nobody moved and whose keys are new."""
        rows = [row[:13] for row in rows]
        return self._statement("save returning" if returning else "save", rows, 13)

    def enter(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """The keys of the same rows."""
        places = [column[2] for column in SEEN]
        return self._statement("seen", [tuple(row[n] for n in places) for row in rows], len(SEEN))

    def post(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """Messages."""
        return self._statement("messages", rows, len(POSTED))

    def enqueue(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """Deliveries, in this order."""
        return self._statement("deliveries", rows, len(ENQUEUED))

    def _statement(self, what: str, rows: Sequence[Row], width: int) -> tuple[str, list[Any]]:
        count = 1 << (len(rows) - 1).bit_length()
        filled = len(rows) < count
        text = self._texts.get((what, count, filled))
        if text is None:
            text = self._texts[what, count, filled] = self._text(what, count, width, filled=filled)
        parameters = list(chain.from_iterable(rows))
        if filled:
            parameters += [None] * ((count - len(rows)) * width)
        return text, parameters

    def _text(self, what: str, count: int, width: int, *, filled: bool) -> str:
        given = ", ".join([f"({', '.join('?' * width)})"] * count)
        if what in COLUMNS:
            names = _names(COLUMNS[what])
            if not filled:
                return " ".join(("INSERT INTO", what, "(", names, ") VALUES", given))
            return " ".join(
                ("INSERT INTO", what, "(", names, ") SELECT * FROM (VALUES", given, ") WHERE column1 IS NOT NULL")
            )
        if count == 1:  # nothing is to be joined: a plain statement takes a third of the time
            return self._save_one(returning=what == "save returning")
        picks = ", ".join(f"column{n} AS {column[0]}" for n, column in enumerate(TURN[:13], 1))
        turns = " ".join(("(SELECT", picks, "FROM (VALUES", given, ")) AS turn"))
        # `UPDATE` stands first: the driver counts the rows of no other kind of statement.
        parts = ["UPDATE conversations SET", SAVED, "FROM", turns, "WHERE", UNMOVED, NEW_KEY]
        if what == "save returning":
            parts.append("RETURNING conversations.id")
        return " ".join(parts)

    @staticmethod
    def _save_one(*, returning: bool) -> str:
        places = {f"turn.{column[0]}": f"?{n}" for n, column in enumerate(TURN[:13], 1)}
        text = " ".join(("UPDATE conversations SET", SAVED, "WHERE", UNMOVED, NEW_KEY))
        text = re.sub(r"turn\.\w+", lambda found: places[found[0]], text)
        return text + " RETURNING conversations.id" if returning else text


# ── a person's data, and age ──


def conversations_of(sql: Sql) -> Executable:
    """Conversations of a person: by id, address, conversation or case number."""
    c, k = s.conversations.c, s.cases.c
    direct = select(c.id).where(
        or_(
            c.id == b("who"),
            c.person_id == b("who"),
            func.lower(c.email) == func.lower(b("who", type_=Text)),
            func.lower(c.person).like(b("address"), escape="\\"),
        )
    )
    by_case = select(k.conversation).where(
        or_(k.number == b("number"), func.lower(k.data).like(b("address"), escape="\\"))
    )
    return direct.union(by_case)


def cases_of(sql: Sql) -> Executable:
    """The cases of a conversation."""
    return select(s.cases.c.data).where(s.cases.c.conversation == b("conversation"))


def copies_of(sql: Sql) -> Executable:
    """What was delivered of a conversation, and so is elsewhere too."""
    c = s.deliveries.c
    return (
        select(c.route, c.kind, c.delivered_at, c.receipt)
        .where(c.conversation == b("conversation"), c.delivered_at.is_not(None))
        .order_by(c.position)
    )


def ratings_of(sql: Sql) -> Executable:
    """How a conversation was rated."""
    return select(s.ratings).where(s.ratings.c.conversation == b("conversation"))


def feedback_of(sql: Sql) -> Executable:
    """Which of its messages helped."""
    return select(s.feedback).where(s.feedback.c.conversation == b("conversation"))


def traffic(sql: Sql) -> Executable:
    """What users and the bot said, a conversation after the other, with what users said of it since."""
    m, r, f = s.messages.c, s.ratings.c, s.feedback.c
    joined = s.messages.outerjoin(s.ratings, r.conversation == m.conversation).outerjoin(
        s.feedback, and_(f.conversation == m.conversation, f.seq == m.seq)
    )
    return (
        select(m.conversation, m.author, m.text, m.reply, f.up, r.solved, r.stars)
        .select_from(joined)
        .where(or_(m.author == lit("user"), m.author == lit("bot")))
        .order_by(m.conversation, m.seq)
    )


def asked(sql: Sql) -> Executable:
    """Which resolutions were answered with since a moment, and how often, in the first so many messages by id.

    Conversations' ids are random, so these are a fair sample of all and the same one each time, and reading them
    costs the same however long the record has become. Only the ids in a reply leave the database.
    """
    m, c = s.messages.c, s.conversations.c
    first = select(m.conversation, m.author, m.reply, m.at).order_by(m.conversation, m.seq)
    some = first.limit(b("most")).offset(ZERO).subquery("m")

    outcome, resolutions = (literal_column(sql.reply_json[name], Text) for name in ("outcome", "resolutions"))
    return (
        select(resolutions, func.count())
        .select_from(some.join(s.conversations, c.id == some.c.conversation))
        .where(
            some.c.author == lit("bot"),
            some.c.at >= b("since"),
            some.c.reply.is_not(null()),
            outcome == lit("answer"),
            or_(b("channel") == lit(""), c.channel == b("channel")),
        )
        .group_by(resolutions)
    )


def delete_messages(sql: Sql) -> Executable:
    """All messages of a conversation."""
    return delete(s.messages).where(s.messages.c.conversation == b("conversation"))


def delete_seen(sql: Sql) -> Executable:
    """All keys of a conversation."""
    return delete(s.seen).where(s.seen.c.conversation == b("conversation"))


def delete_tokens(sql: Sql) -> Executable:
    """All tokens of a conversation."""
    return delete(s.tokens).where(s.tokens.c.conversation == b("conversation"))


def delete_ratings(sql: Sql) -> Executable:
    """Its rating."""
    return delete(s.ratings).where(s.ratings.c.conversation == b("conversation"))


def delete_feedback(sql: Sql) -> Executable:
    """The feedback on its messages."""
    return delete(s.feedback).where(s.feedback.c.conversation == b("conversation"))


def delete_deliveries(sql: Sql) -> Executable:
    """Its deliveries, sent or not."""
    return delete(s.deliveries).where(s.deliveries.c.conversation == b("conversation"))


def delete_cases(sql: Sql) -> Executable:
    """Its cases."""
    return delete(s.cases).where(s.cases.c.conversation == b("conversation"))


def delete_conversation(sql: Sql) -> Executable:
    """The conversation itself."""
    return delete(s.conversations).where(s.conversations.c.id == b("conversation"))


def delete_kept(sql: Sql) -> Executable:
    """What channels kept about it."""
    c = s.kept.c
    return delete(s.kept).where(or_(c.key.like(b("word"), escape="\\"), c.value.like(b("word"), escape="\\")))


def delete_mails(sql: Sql) -> Executable:
    """How often an address was mailed."""
    return delete(s.mails).where(s.mails.c.address == b("address"))


def add_tombstone(sql: Sql) -> Executable:
    """A conversation that was erased and must not come back with a backup."""
    found: Executable = sql.upsert(s.tombstones).on_conflict_do_nothing()
    return found


def tombstones(sql: Sql) -> Executable:
    """Every conversation that was erased."""
    return select(s.tombstones.c.conversation)


def conversation_ids(sql: Sql) -> Executable:
    """Every conversation that is there."""
    return select(s.conversations.c.id)


def ended_conversations(sql: Sql) -> Executable:
    """Conversations that ended before a moment and have no open case."""
    c = s.conversations.c
    waiting = exists(select(ONE).where(s.cases.c.conversation == c.id, s.cases.c.state != lit("resolved")))
    return (
        select(c.id)
        .where(c.touched_at < b("before"), c.due_at.is_(None), ~waiting)
        .order_by(c.touched_at)
        .limit(b("limit"))
        .offset(ZERO)
    )


def forget_delivered(sql: Sql) -> Executable:
    """Deliveries that arrived long ago; the first notice of a case stays, since later ones follow it."""
    c = s.deliveries.c
    return delete(s.deliveries).where(c.delivered_at < b("before"), c.kind != lit("case.opened"))
