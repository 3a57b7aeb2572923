"""What an operator does with a person's data: hand it out, erase it, let it age out. Backups stand in `backup`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from helpbot.desk.failpoints import reach
from helpbot.errors import CallError, Code
from helpbot.escalation.case import case_from_json, case_to_json
from helpbot.store import queries as q
from helpbot.store import schema as s
from helpbot.store.engines import Cursor, SqliteEngine
from helpbot.store.sql import SqlStore, SqlTransaction, fingerprint, micros, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Beside", "Copy", "Erased", "erase", "export", "find_conversations", "sweep"]

# Deletes what channels keep of a conversation elsewhere (its pictures, its rows in tables of their own), given its id,
# its thread and the keys of its messages. It is called before the conversation itself goes, so that an erasure that was
# cut short still finds what is left when it is run again.
Beside = Callable[[str, str, Sequence[str]], None]

FORMAT: Final = 1
# A widget on a closed laptop sends its last message when the lid opens: a key outlives a long weekend.
KEYS_FOR: Final = timedelta(days=7)
COUNTS_FOR: Final = timedelta(days=2)
DELIVERED_FOR: Final = timedelta(days=90)
PORTION: Final = 200  # conversations deleted in one transaction, so that no turn waits long


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Something that left this database: what the operator has to see to elsewhere."""

    route: str
    kind: str
    at: datetime
    receipt: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure removed, and which copies are elsewhere."""

    conversations: tuple[str, ...]
    cases: tuple[str, ...]
    messages: int
    copies: tuple[Copy, ...]


# ── a person's data ──


def find_conversations(store: SqlStore, who: str) -> list[str]:
    """The conversations of a person: by their id in a channel, an e-mail address, a conversation or a case number."""
    if not who.strip():
        return []
    text = store.engine.sql(q.conversations_of)
    parameters = {"who": who, "number": who.upper(), "address": f'%"email":{_pattern(json.dumps(who.casefold()))}%'}
    rows = store.engine.read(lambda cursor: (cursor.execute(text, parameters), cursor.fetchall())[1])
    return sorted({row[0] for row in rows})


def _pattern(text: str) -> str:
    """The text as LIKE finds it and nothing else."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def export(store: SqlStore, conversations: Iterable[str]) -> dict[str, Any]:
    """All that is kept of these conversations and belongs to their user: no internal note, and nobody else's."""
    exported = []
    for conversation_id in conversations:
        record = store.conversation(conversation_id)
        if record is None:
            continue
        messages = []
        after = 0
        while found := store.messages(conversation_id, after=after, limit=500, internal=False):
            after = found[-1].seq
            messages += found
        exported.append(
            {
                "conversation": record.id,
                "channel": record.channel.value,
                "person": {
                    "id": record.person.id,
                    "name": record.person.name,
                    "email": record.person.email or record.email,
                },
                "started_at": record.created_at.isoformat(),
                "touched_at": record.touched_at.isoformat(),
                "messages": [
                    {
                        "seq": message.seq,
                        "at": message.at.isoformat(),
                        "author": message.author,
                        "name": message.name,
                        "text": message.text,
                        "attachments": list(message.attachments),
                    }
                    for message in messages
                ],
                "cases": [case_to_json(case) for case in store.cases(conversation=conversation_id, limit=1000)],
                "ratings": _rows_of(store, "ratings", conversation_id),
                "feedback": _rows_of(store, "feedback", conversation_id),
            }
        )
    return {"format": FORMAT, "conversations": exported}


def _rows_of(store: SqlStore, table: str, conversation_id: str) -> list[dict[str, Any]]:
    found = s.metadata.tables[table]
    names = [column.name for column in found.columns]
    text = store.engine.sql(q.ratings_of if table == "ratings" else q.feedback_of)
    rows = store.engine.read(
        lambda cursor: (cursor.execute(text, {"conversation": conversation_id}), cursor.fetchall())[1]
    )
    return [{**dict(zip(names, row, strict=True)), "at": moment(row[-1]).isoformat()} for row in rows]


def erase(store: SqlStore, conversations: Iterable[str], at: datetime, *, beside: Beside | None = None) -> Erased:
    """Delete conversations with all that hangs on them, from the file too; they stay erased after a restore."""
    return _erase(store, list(conversations), at, beside)


def _erase(store: SqlStore, conversations: list[str], at: datetime, beside: Beside | None) -> Erased:
    numbers: list[str] = []
    copies: list[Copy] = []
    count = 0
    for conversation_id in conversations:
        if beside is not None:
            _erase_beside(store, conversation_id, beside)
        cases, found, messages = store.transact(lambda tx, c=conversation_id: _erase_one(tx, c, at))  # type: ignore[misc]  # a default binds the loop's value
        numbers += cases
        copies += found
        count += messages
    _forget_on_disk(store)
    return Erased(conversations=tuple(conversations), cases=tuple(numbers), messages=count, copies=tuple(copies))


def _erase_beside(store: SqlStore, conversation_id: str, beside: Beside) -> None:
    record = store.conversation(conversation_id)
    if record is None:
        return
    keys: set[str] = set()
    after = 0
    while found := store.messages(conversation_id, after=after, limit=500, internal=True):
        after = found[-1].seq
        keys.update(message.key for message in found if message.key)
    beside(conversation_id, record.thread, sorted(keys))


def _erase_one(tx: SqlTransaction, conversation_id: str, at: datetime) -> tuple[list[str], list[Copy], int]:
    record = tx.lock(conversation_id)
    if record is None:
        return [], [], 0
    by = {"conversation": conversation_id}
    cases = [case_from_json(json.loads(row[0])) for row in tx.rows(q.cases_of, by)]
    copies = [
        Copy(route=row[0], kind=row[1], at=moment(row[2]), receipt=json.loads(row[3]))
        for row in tx.rows(q.copies_of, by)
    ]
    addresses = {record.email, record.person.email, *(case.email for case in cases)} - {""}
    count = tx.run(q.delete_messages, by)
    reach("in-erasure")
    for query in (
        q.delete_seen,
        q.delete_tokens,
        q.delete_ratings,
        q.delete_feedback,
        q.delete_deliveries,
        q.delete_cases,
        q.delete_conversation,
    ):
        tx.run(query, by)
    for word in {conversation_id, record.thread}:
        tx.run(q.delete_kept, {"word": f"%{_pattern(word)}%"})
    for address in addresses:
        tx.run(q.delete_mails, {"address": fingerprint(address)})
    tx.run(q.add_tombstone, {**by, "at": micros(at)})
    return [case.number for case in cases], copies, count


def _forget_on_disk(store: SqlStore) -> None:
    """What was deleted is gone from the table; now from the files below it."""
    if isinstance(store.engine, SqliteEngine):
        if not store.engine.truncate_log():
            raise CallError(
                Code.UNAVAILABLE,
                "it is deleted, but a reader keeps the old pages in the log",
                "Run the same command again",
                retry_after=5,
            )
    else:
        # All tables, for channels keep some of their own.
        names = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
        tables = store.engine.read(lambda cursor: (cursor.execute(names), cursor.fetchall())[1])
        store.engine.read(lambda cursor: cursor.execute("VACUUM " + ", ".join(row[0] for row in tables)))


# ── age ──


def sweep(store: SqlStore, now: datetime, *, conversations_days: int = 0, beside: Beside | None = None) -> int:
    """Delete what is too old: ended conversations where a number of days is given, and spent keys and counts.

    Says how many conversations went. Meant to be called every hour or so.
    """

    def small(tx: SqlTransaction) -> None:
        tx.run(q.forget_keys, {"before": micros(now - KEYS_FOR)})
        tx.run(q.forget_mails, {"before": micros(now - COUNTS_FOR)})
        tx.run(q.forget_delivered, {"before": micros(now - DELIVERED_FOR)})

    store.transact(small)
    gone = 0
    if conversations_days > 0:
        before = micros(now - timedelta(days=conversations_days))
        text = store.engine.sql(q.ended_conversations)

        def ended(cursor: Cursor) -> list[Any]:
            cursor.execute(text, {"before": before, "limit": PORTION})
            return cursor.fetchall()

        while rows := store.engine.read(ended):
            _erase(store, [row[0] for row in rows], now, beside)
            gone += len(rows)
    return gone
