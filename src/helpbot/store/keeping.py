"""What an operator does with the data: back it up, restore it, hand a person theirs, erase it, let it age out."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from helpbot.desk.failpoints import reach
from helpbot.errors import CallError, Code
from helpbot.escalation.case import case_from_json, case_to_json
from helpbot.store import queries as q
from helpbot.store import schema as s
from helpbot.store.engines import Cursor, PostgresEngine, SqliteEngine
from helpbot.store.migrate import migrate_postgres, sqlite_revision
from helpbot.store.sql import SqlStore, SqlTransaction, fingerprint, micros, moment, sqlite_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "Beside",
    "Copy",
    "Erased",
    "Restored",
    "backup",
    "erase",
    "export",
    "find_conversations",
    "restore",
    "sweep",
]

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
TABLES: Final = tuple(s.metadata.sorted_tables)  # parents first


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore brought back."""

    revision: str
    conversations: int
    held: int  # deliveries held back until `deliveries release`
    erased_again: int


# ── backup and restore ──


def backup(store: SqlStore, target: Path) -> Path:
    """Write a backup while everything goes on; it holds all that was committed before it began.

    SQLite: a database file that is checked before it takes its name. PostgreSQL: JSON lines, compressed.
    """
    if target.exists():
        raise CallError(Code.CONFLICT, f"{target} exists", "Name a file that does not")
    with _new_file(target) as draft:
        if isinstance(store.engine, SqliteEngine):
            _copy_sqlite(store.engine, draft)
        else:
            _dump_postgres(store.engine, draft)
    return target


def restore(
    url: str, source: Path, *, codec: Any = None, beside: Callable[[SqlStore], Beside] | None = None
) -> Restored:
    """Bring a backup back. What had still to be sent is held, and who was erased since stays erased.

    `beside` makes what erases them outside the desk's tables. The database must not be in use. CallError for a backup
    that is damaged, newer than this program or not one.
    """
    if not source.is_file():
        raise CallError(Code.NOT_FOUND, f"{source} is not a file", "Name a backup made by `helpbot backup`")
    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            erased = _tombstones_of(path)
            _place_sqlite(source, path)
        store = SqlStore(url, codec=codec)
    else:
        store = SqlStore(url, codec=codec)
        erased = set(_tombstones(store))
        assert isinstance(store.engine, PostgresEngine)
        _load_postgres(store.engine, source)
    try:
        again = [c for c in erased if store.conversation(c) is not None]
        if again:
            _erase(store, again, datetime.now(UTC), beside(store) if beside else None)
        held = store.transact(lambda tx: _hold(tx, erased))
        count = store.engine.read(lambda cursor: _count(cursor, "conversations"))
        return Restored(revision=s.REVISION, conversations=count, held=held, erased_again=len(again))
    finally:
        store.close()


def _hold(tx: SqlTransaction, erased: Iterable[str]) -> int:
    now = micros(datetime.now(UTC))
    for conversation in erased:
        tx.run(q.add_tombstone, {"conversation": conversation, "at": now})
    return tx.run(q.hold_outbox, {})


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """A file that takes its name only when it is whole and on the disk."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise CallError(Code.INVALID, f"{target} cannot be written ({error.strerror})", "Name another file") from error
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise CallError(Code.INVALID, f"{target} cannot be written ({error.strerror})", "Free the disk") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy_sqlite(engine: SqliteEngine, draft: Path) -> None:
    with engine.alone() as source, closing(sqlite3.connect(draft, isolation_level=None)) as target:
        try:
            source.backup(target)  # in one step: one moment of the database, whatever is written meanwhile
            target.execute("PRAGMA journal_mode=DELETE").fetchall()
            (verdict,) = target.execute("PRAGMA integrity_check").fetchone()
        except sqlite3.Error as error:
            raise CallError(Code.UNAVAILABLE, f"the backup failed ({error})", "Free the disk and try again") from error
    if verdict != "ok":
        raise CallError(Code.UNAVAILABLE, f"the copy is damaged ({verdict})", "Check the disk")


def _place_sqlite(source: Path, path: Path) -> None:
    for beside in (source.with_name(source.name + "-wal"), source.with_name(source.name + "-journal")):
        if beside.exists():
            raise CallError(
                Code.CONFLICT,
                f"{beside} lies beside the backup and would change what it says",
                "Take the backup as `helpbot backup` wrote it, alone in its place",
            )
    if not sqlite_revision(source):
        raise CallError(Code.INVALID, f"{source} holds nothing", "Name a backup made by `helpbot backup`")
    with closing(sqlite3.connect(f"file:{source.resolve()}?mode=ro&immutable=1", uri=True)) as opened:
        try:
            (verdict,) = opened.execute("PRAGMA integrity_check").fetchone()
        except sqlite3.Error as error:
            verdict = str(error)
    if verdict != "ok":
        raise CallError(Code.INVALID, f"{source} is damaged ({verdict})", "Take another backup")
    with _new_file(path) as draft:
        shutil.copyfile(source, draft)
        for ending in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + ending).unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else has the database open, here or in another process."""
    with path.with_name(path.name + ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CallError(Code.CONFLICT, f"{path} is in use", "Stop helpbot first") from error
        yield


def _dump_postgres(engine: PostgresEngine, draft: Path) -> None:
    def work(cursor: Cursor) -> None:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with gzip.open(draft, "wt", encoding="utf-8") as file:
            file.write(_line({"helpbot_backup": FORMAT, "revision": s.REVISION}))
            total = 0
            for table in TABLES:
                names = [column.name for column in table.columns]
                cursor.execute(str(table.select().compile(dialect=engine.alchemy.dialect)))
                for row in cursor.fetchall():
                    file.write(_line({"table": table.name, "row": dict(zip(names, row, strict=True))}))
                    total += 1
            file.write(_line({"rows": total}))

    engine.write(work)


def _load_postgres(engine: PostgresEngine, source: Path) -> None:
    lines = _read_dump(source)
    head = next(lines, {})
    if head.get("helpbot_backup") != FORMAT:
        raise CallError(Code.INVALID, f"{source} is not a backup of a PostgreSQL database", "Name another file")
    if head.get("revision") not in s.REVISIONS:
        raise CallError(Code.INVALID, f"{source} was made by a newer helpbot", "Upgrade helpbot first")
    tables = {table.name: table for table in TABLES}

    def work(cursor: Cursor) -> None:
        for table in reversed(TABLES):
            cursor.execute(str(table.delete().compile(dialect=engine.alchemy.dialect)))
        count, end = 0, None
        for line in lines:
            if "rows" in line:
                end = line["rows"]
                continue
            table, row = tables[line["table"]], line["row"]
            statement = table.insert().compile(dialect=engine.alchemy.dialect, column_keys=list(row))
            cursor.execute(str(statement), row)
            count += 1
        if end != count:
            raise CallError(Code.INVALID, f"{source} is cut short", "Take another backup")
        for table, column in (("deliveries", "position"), ("mails", "id")):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "  # noqa: S608 - our own two names
                f"COALESCE((SELECT max({column}) FROM {table}), 0) + 1, false)"
            )

    engine.write(work)
    migrate_postgres(engine.alchemy, where="HELPBOT_DATABASE_URL")


def _read_dump(source: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(source, "rt", encoding="utf-8") as file:
            for text in file:
                yield json.loads(text)
    except (OSError, EOFError, ValueError) as error:
        raise CallError(Code.INVALID, f"{source} cannot be read ({error})", "Take another backup") from error


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _tombstones_of(path: Path) -> set[str]:
    """Who was erased from the database that is being replaced; nothing if it cannot be read any more."""
    found: set[str] = set()
    with suppress(Exception):
        if sqlite_revision(path):
            with closing(sqlite3.connect(path)) as old:
                found = {row[0] for row in old.execute("SELECT conversation FROM tombstones")}
    return found


def _tombstones(store: SqlStore) -> list[str]:
    text = store.engine.sql(q.tombstones)
    return [row[0] for row in store.engine.read(lambda cursor: (cursor.execute(text, {}), cursor.fetchall())[1])]


def _count(cursor: Cursor, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of our own
    return int(cursor.fetchone()[0])


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
