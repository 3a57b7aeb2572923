"""Backup and restore: the database, what channels keep in it, and the pictures, all in one file.

SQLite: a database file like the one that is used, with the pictures in a table of their own. PostgreSQL: JSON lines,
compressed. Either is checked before it takes its name, and checked whole before a restore changes anything.
"""

from __future__ import annotations

import base64
import fcntl
import gzip
import json
import os
import re
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from helpbot.errors import CallError, Code
from helpbot.store import queries as q
from helpbot.store import schema as s
from helpbot.store.engines import Cursor, PostgresEngine, SqliteEngine
from helpbot.store.keeping import Beside, erase
from helpbot.store.migrate import migrate_postgres, sqlite_revision
from helpbot.store.queries import Sql
from helpbot.store.sql import MEMORY, SqlStore, micros, sqlite_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Table

__all__ = ["Restored", "backup", "restore"]

FORMAT: Final = 2  # 1 had neither the channels' tables nor the pictures
TABLES: Final = tuple(s.metadata.sorted_tables)  # parents first
PICTURES: Final = "backup_pictures"
PORTION: Final = 1000  # rows fetched at once
GRACE: Final = 3.0  # seconds in which a program that was just stopped may still be letting go
_FOLDER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a conversation's id: the name of its folder of pictures
_FILE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.[a-z]{1,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore brought back."""

    revision: str
    conversations: int
    pictures: int
    held: int  # deliveries held back until `deliveries release`
    erased_again: int


def backup(store: SqlStore, target: Path, *, pictures: Path | None = None, further: Sequence[Table] = ()) -> Path:
    """Write a backup while everything goes on; it holds all that was committed before it began.

    `pictures` is the folder they are kept in, one folder in it for a conversation. `further` are the tables that
    channels keep in a PostgreSQL database beside the desk's own; an SQLite file is copied with all that is in it.
    """
    if target.exists():
        raise CallError(Code.CONFLICT, f"{target} exists", "Name a file that does not")
    with _new_file(target) as draft:
        if isinstance(store.engine, SqliteEngine):
            _copy_sqlite(store.engine, draft, pictures)
        else:
            _dump_postgres(store.engine, draft, pictures, further)
    return target


def restore(
    url: str,
    source: Path,
    *,
    codec: Any = None,
    beside: Callable[[SqlStore], Beside] | None = None,
    pictures: Path | None = None,
    further: Sequence[Table] = (),
) -> Restored:
    """Bring a backup back. What had still to be sent is held, and who was erased since stays erased.

    `beside` makes what erases them outside the desk's tables; `pictures` and `further` as for `backup`. The database
    must not be in use. CallError for a backup that is damaged, newer than this program or not one.
    """
    if not source.is_file():
        raise CallError(Code.NOT_FOUND, f"{source} is not a file", "Name a backup made by `helpbot backup`")
    if url == MEMORY:
        raise CallError(
            Code.INVALID, "a database in memory is gone when the restore ends", "Name a file in HELPBOT_DATABASE_URL"
        )
    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            erased = _tombstones_of(path)
            held = _place_sqlite(source, path, erased)
        store = SqlStore(url, codec=codec)
        found = _pictures_in_sqlite(source)
    else:
        _check_dump(source, {table.name for table in further})
        store = SqlStore(url, codec=codec)
        try:
            assert isinstance(store.engine, PostgresEngine)
            _not_in_use(store.engine)
            erased = set(_ids(store, q.tombstones))
            held = _load_postgres(store.engine, source, erased, further)
        except BaseException:
            store.close()
            raise
        found = _pictures_in_dump(source)
    try:
        again = [c for c in erased if store.conversation(c) is not None]
        if again:
            erase(store, again, datetime.now(UTC), beside=beside(store) if beside else None)
        there = set(_ids(store, q.conversation_ids))
        count = _place_pictures(pictures, found, there) if pictures is not None else 0
        return Restored(
            revision=s.REVISION, conversations=len(there), pictures=count, held=held, erased_again=len(again)
        )
    finally:
        store.close()


def _hold(run: Callable[[q.Query, Mapping[str, Any]], int], erased: Iterable[str]) -> int:
    """In the transaction that brings the rows back: note who stays erased, and hold what was still to be sent."""
    now = micros(datetime.now(UTC))
    for conversation in sorted(erased):
        run(q.add_tombstone, {"conversation": conversation, "at": now})
    return run(q.hold_outbox, {})


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


def _ids(store: SqlStore, query: q.Query) -> list[str]:
    text = store.engine.sql(query)
    return [row[0] for row in store.engine.read(lambda cursor: (cursor.execute(text, {}), cursor.fetchall())[1])]


# ── pictures ──


def _pictures_of(folder: Path | None, conversations: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
    """The pictures of these conversations: conversation, name, bytes. One that is erased meanwhile is left out."""
    if folder is None:
        return
    for conversation in conversations:
        if not _FOLDER.fullmatch(conversation):
            continue
        try:
            files = sorted((folder / conversation).iterdir())
        except OSError:
            continue  # it has none
        for file in files:
            if _FILE.fullmatch(file.name):  # not one that is still being written
                with suppress(FileNotFoundError):
                    yield conversation, file.name, file.read_bytes()


def _place_pictures(folder: Path, found: Iterable[tuple[str, str, bytes]], there: set[str]) -> int:
    """Put pictures back beside those that are still there; those of conversations that are gone are deleted."""
    count = 0
    try:
        for conversation, name, data in found:
            if conversation not in there or not _FOLDER.fullmatch(conversation) or not _FILE.fullmatch(name):
                continue
            (folder / conversation).mkdir(parents=True, exist_ok=True)
            half = folder / conversation / f".{name}"
            half.write_bytes(data)
            half.replace(folder / conversation / name)
            count += name.endswith(".png")
        if folder.is_dir():
            for left in folder.iterdir():
                # Nothing leads to them any more, not even an erasure.
                if left.is_dir() and _FOLDER.fullmatch(left.name) and left.name not in there:
                    shutil.rmtree(left)
    except OSError as error:
        raise CallError(
            Code.UNAVAILABLE,
            f"the database is back, but the pictures in {folder} are not ({error.strerror})",
            "Make the folder writable and run the same command again",
        ) from error
    return count


# ── SQLite ──


def _copy_sqlite(engine: SqliteEngine, draft: Path, pictures: Path | None) -> None:
    with engine.alone() as source, closing(sqlite3.connect(draft, isolation_level=None)) as target:
        try:
            source.backup(target)  # in one step: one moment of the database, whatever is written meanwhile
            target.execute("PRAGMA journal_mode=DELETE").fetchall()
            # After the rows, so that every picture that a message names is there already.
            target.execute("BEGIN IMMEDIATE")
            target.execute(
                f"CREATE TABLE {PICTURES} (conversation TEXT, name TEXT, data BLOB, PRIMARY KEY (conversation, name))"
            )
            ids = [row[0] for row in target.execute("SELECT id FROM conversations").fetchall()]
            target.executemany(f"INSERT INTO {PICTURES} VALUES (?, ?, ?)", _pictures_of(pictures, ids))  # noqa: S608 - our own name
            target.execute("COMMIT")
            (verdict,) = target.execute("PRAGMA integrity_check").fetchone()
        except sqlite3.Error as error:
            raise CallError(Code.UNAVAILABLE, f"the backup failed ({error})", "Free the disk and try again") from error
    if verdict != "ok":
        raise CallError(Code.UNAVAILABLE, f"the copy is damaged ({verdict})", "Check the disk")


def _place_sqlite(source: Path, path: Path, erased: set[str]) -> int:
    """Put the backup in the database's place, its outbox held already; says how many deliveries are held."""
    for beside in (source.with_name(source.name + "-wal"), source.with_name(source.name + "-journal")):
        if beside.exists():
            raise CallError(
                Code.CONFLICT,
                f"{beside} lies beside the backup and would change what it says",
                "Take the backup as `helpbot backup` wrote it, alone in its place",
            )
    if not sqlite_revision(source):
        raise CallError(Code.INVALID, f"{source} holds nothing", "Name a backup made by `helpbot backup`")
    with closing(_readable(source)) as opened:
        try:
            (verdict,) = opened.execute("PRAGMA integrity_check").fetchone()
        except sqlite3.Error as error:
            verdict = str(error)
    if verdict != "ok":
        raise CallError(Code.INVALID, f"{source} is damaged ({verdict})", "Take another backup")
    with _new_file(path) as draft:
        shutil.copyfile(source, draft)
        held = _prepare_sqlite(draft, erased)
        for ending in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    return held


def _prepare_sqlite(draft: Path, erased: set[str]) -> int:
    from sqlalchemy.dialects import sqlite

    sql = Sql(sqlite.dialect(paramstyle="named"), sqlite.insert, row_locks=False)
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as opened:
            opened.execute("PRAGMA journal_mode=DELETE").fetchall()
            opened.execute("BEGIN IMMEDIATE")
            held = _hold(lambda query, parameters: opened.execute(sql(query), parameters).rowcount, erased)
            opened.execute(f"DROP TABLE IF EXISTS {PICTURES}")
            opened.execute("COMMIT")
            opened.execute("VACUUM")  # the pictures go back to their folder; their bytes do not stay in this file
    except sqlite3.Error as error:
        raise CallError(Code.UNAVAILABLE, f"the restore failed ({error})", "Free the disk and try again") from error
    return held


def _readable(source: Path) -> sqlite3.Connection:
    quoted = str(source.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(f"file:{quoted}?mode=ro&immutable=1", uri=True)


def _pictures_in_sqlite(source: Path) -> Iterator[tuple[str, str, bytes]]:
    with closing(_readable(source)) as opened:
        if opened.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (PICTURES,)).fetchone():
            yield from opened.execute(f"SELECT conversation, name, data FROM {PICTURES}")  # noqa: S608 - our own name


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else has the database open, here or in another process."""
    with path.with_name(path.name + ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CallError(Code.CONFLICT, f"{path} is in use", "Stop helpbot first") from error
        yield


def _tombstones_of(path: Path) -> set[str]:
    """Who was erased from the database that is being replaced; nothing if it cannot be read any more."""
    found: set[str] = set()
    with suppress(Exception):
        if sqlite_revision(path):
            with closing(sqlite3.connect(path)) as old:
                found = {row[0] for row in old.execute("SELECT conversation FROM tombstones")}
    return found


# ── PostgreSQL ──


def _dump_postgres(engine: PostgresEngine, draft: Path, pictures: Path | None, further: Sequence[Table]) -> None:
    ids: list[str] = []

    def work(cursor: Cursor) -> None:
        ids.clear()
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with gzip.open(draft, "wt", encoding="utf-8") as file:
            file.write(_line({"helpbot_backup": FORMAT, "revision": s.REVISION}))
            total = 0
            for table in (*TABLES, *_present(cursor, further)):
                for row in _rows_of(cursor, engine, table):
                    if table is s.conversations:
                        ids.append(row["id"])
                    file.write(_line({"table": table.name, "row": row}))
                    total += 1
            file.write(_line({"rows": total}))

    engine.write(work)
    with gzip.open(draft, "at", encoding="utf-8") as file:
        count = 0
        for conversation, name, data in _pictures_of(pictures, ids):
            file.write(_line({"picture": [conversation, name], "data": base64.b64encode(data).decode()}))
            count += 1
        file.write(_line({"pictures": count}))


def _rows_of(cursor: Cursor, engine: PostgresEngine, table: Table) -> Iterator[dict[str, Any]]:
    """Every row of a table, a portion at a time: a large one is never whole in memory."""
    names = [column.name for column in table.columns]
    statement = table.select().compile(dialect=engine.alchemy.dialect)
    cursor.execute(f"DECLARE helpbot_backup NO SCROLL CURSOR FOR {statement}")
    while True:
        cursor.execute(f"FETCH {PORTION} FROM helpbot_backup")
        rows = cursor.fetchall()
        if not rows:
            break
        for row in rows:
            yield dict(zip(names, row, strict=True))
    cursor.execute("CLOSE helpbot_backup")


def _present(cursor: Cursor, tables: Sequence[Table]) -> list[Table]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    names = {row[0] for row in cursor.fetchall()}
    return [table for table in tables if table.name in names]


def _check_dump(source: Path, further: set[str]) -> None:
    """Read the backup to its end before anything is touched. CallError for one that cannot be restored."""
    lines = _read_dump(source)
    head = next(lines, {})
    if head.get("helpbot_backup") not in {1, FORMAT}:
        raise CallError(Code.INVALID, f"{source} is not a backup of a PostgreSQL database", "Name another file")
    if head.get("revision") not in s.REVISIONS:
        raise CallError(Code.INVALID, f"{source} was made by a newer helpbot", "Upgrade helpbot first")
    known = {table.name for table in TABLES} | further
    counts, told = {"rows": 0, "pictures": 0}, {"rows": -1, "pictures": 0 if head["helpbot_backup"] == 1 else -1}
    for line in lines:
        if "row" in line:
            counts["rows"] += 1
            if line.get("table") not in known:
                raise CallError(Code.INVALID, f"{source} holds a table {line.get('table')!r}", "Upgrade helpbot first")
        elif "picture" in line:
            counts["pictures"] += 1
        else:
            told |= {name: line[name] for name in told if name in line}
    if counts != told:
        raise CallError(Code.INVALID, f"{source} is cut short", "Take another backup")


def _load_postgres(engine: PostgresEngine, source: Path, erased: set[str], further: Sequence[Table]) -> int:
    """Replace every row, in one transaction; says how many deliveries are held."""
    dialect = engine.alchemy.dialect
    tables = {table.name: table for table in (*TABLES, *further)}

    def work(cursor: Cursor) -> int:
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET LOCAL {setting} = 0")
        lines = _read_dump(source)
        # A backup of format 1 says nothing of the channels' tables: then what is in them stays.
        own = further if next(lines)["helpbot_backup"] != 1 else ()
        for table in own:
            cursor.execute(str(CreateTable(table, if_not_exists=True).compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]  # untyped there
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                cursor.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]  # untyped there
        for table in reversed((*TABLES, *own)):
            cursor.execute(str(table.delete().compile(dialect=dialect)))
        for line in lines:
            if "row" not in line:
                break
            statement = tables[line["table"]].insert().compile(dialect=dialect, column_keys=list(line["row"]))
            cursor.execute(str(statement), line["row"])
        for table in (*TABLES, *own):
            for column in table.columns:
                if column.primary_key and column.autoincrement is True:
                    cursor.execute(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "  # noqa: S608 - our own names
                        f"COALESCE((SELECT max({column.name}) FROM {table.name}), 0) + 1, false)"
                    )

        def run(query: q.Query, parameters: Mapping[str, Any]) -> int:
            cursor.execute(engine.sql(query), parameters)
            return cursor.rowcount

        return _hold(run, erased)

    held = engine.write(work)
    migrate_postgres(engine.alchemy, where="HELPBOT_DATABASE_URL")
    return held


def _not_in_use(engine: PostgresEngine) -> None:
    """Nobody else of ours is connected. What was just stopped gets a moment to let go."""
    others = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = 'helpbot' AND pid <> pg_backend_pid()"""
    deadline = time.monotonic() + GRACE
    while engine.read(lambda cursor: (cursor.execute(others), cursor.fetchone())[1])[0]:
        if time.monotonic() > deadline:
            raise CallError(Code.CONFLICT, "the database is in use", "Stop every helpbot that works on it first")
        time.sleep(0.1)


def _pictures_in_dump(source: Path) -> Iterator[tuple[str, str, bytes]]:
    for line in _read_dump(source):
        if "picture" in line:
            yield line["picture"][0], line["picture"][1], base64.b64decode(line["data"])


def _read_dump(source: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(source, "rt", encoding="utf-8") as file:
            for text in file:
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise ValueError("a line is no object")
                yield line
    except (OSError, EOFError, ValueError) as error:
        raise CallError(Code.INVALID, f"{source} cannot be read ({error})", "Take another backup") from error


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
