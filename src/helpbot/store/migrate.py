"""Bring a database to the present schema, and refuse one that is not ours or newer than this program."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

from helpbot.desk.failpoints import reach
from helpbot.errors import Fault, SettingError
from helpbot.store.schema import APPLICATION_ID, REVISION, REVISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

__all__ = ["migrate_memory", "migrate_postgres", "migrate_sqlite", "sqlite_revision"]

HEADER: Final = b"SQLite format 3\x00"
ADVISORY_LOCK: Final = 0x48424F54  # one number that every node of ours asks PostgreSQL to lock


def refuse(where: str, problem: str, remedy: str) -> SettingError:
    """A database that cannot be used, as an operator's fault."""
    return SettingError([Fault(where, 0, problem, remedy)])


def migrate_sqlite(path: Path, *, target: str = REVISION) -> tuple[str, str]:
    """Make or upgrade the file; returns the revision it had and the one it has. Nothing is touched if it is refused."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(
            str(path), f"its folder cannot be made ({error.strerror})", "Give a path that can be written"
        ) from error
    before = sqlite_revision(path)
    _must_be_writable(path)
    if before == target:
        return before, before
    with _file_lock(path):
        before = sqlite_revision(path)  # another node may have been here while we waited
        if before != target:
            _upgrade_sqlite(path, target)
    return before, target


def sqlite_revision(path: Path) -> str:
    """The schema of a file: empty for one to be made. SettingError, and the file untouched, for anything not ours."""
    if path.is_dir():
        raise refuse(str(path), "it is a folder", "Name a file in HELPBOT_DATABASE_URL")
    try:
        if not path.exists() or (path.is_file() and path.stat().st_size == 0):
            return ""
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise refuse(str(path), f"it cannot be read ({error.strerror})", "Name a file that can be read") from error
    if not header.startswith(HEADER) or len(header) < 100:
        raise refuse(str(path), "it is not a database", "Name another file in HELPBOT_DATABASE_URL")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise refuse(str(path), "it is the database of another program", "Name another file in HELPBOT_DATABASE_URL")
    connection = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=5)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return ""  # cut off before the first migration was committed
        raise refuse(str(path), f"it cannot be read ({error})", "Check the file and its folder") from error
    except sqlite3.DatabaseError as error:
        raise refuse(str(path), f"it is damaged ({error})", "Restore a backup with `helpbot restore`") from error
    finally:
        connection.close()
    return _known(str(row[0]) if row else "", str(path))


def migrate_postgres(engine: Engine, *, where: str, target: str = REVISION) -> tuple[str, str]:
    """The same for PostgreSQL, under an advisory lock, so that of several nodes one migrates and the others wait."""
    from sqlalchemy import text

    with engine.connect() as connection:
        before = _postgres_revision(connection, where)
        if before == target:
            return before, before
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
        try:
            before = _postgres_revision(connection, where)
            if before != target:
                connection.execute(text("BEGIN"))
                try:
                    _alembic(connection, target)
                    reach("in-migration")
                    connection.execute(text("COMMIT"))
                except BaseException:
                    connection.execute(text("ROLLBACK"))
                    raise
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
            connection.invalidate()  # its settings are not for others
    return before, target


def migrate_memory(target: str) -> None:
    """Make the tables of a new database in memory; the caller has it open, or it would be gone afterwards."""
    with contextlib.closing(sqlite3.connect(target, uri=True, isolation_level=None)) as raw:
        raw.execute(f"PRAGMA application_id={APPLICATION_ID}")  # a backup of it is one of ours
        _upgrade(raw, REVISION)


def _postgres_revision(connection: Connection, where: str) -> str:
    from sqlalchemy import text

    tables = {
        row[0]
        for row in connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"))
    }
    if "alembic_version" not in tables:
        if tables:
            raise refuse(where, "it is the database of another program", "Give helpbot an empty database of its own")
        return ""
    if tables != {"alembic_version"} and not {"conversations", "deliveries"} <= tables:
        raise refuse(where, "it is the database of another program", "Give helpbot an empty database of its own")
    row = connection.execute(text("SELECT version_num FROM alembic_version")).fetchone()
    return _known(str(row[0]) if row else "", where)


def _known(revision: str, where: str) -> str:
    if revision and revision not in REVISIONS:
        raise refuse(
            where,
            f"its schema {revision} is newer than this program, which knows up to {REVISION}",
            "Upgrade helpbot, or restore a backup made before the upgrade",
        )
    return revision


def _upgrade_sqlite(path: Path, target: str) -> None:
    raw = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
        raw.execute("PRAGMA journal_mode=WAL").fetchall()
        raw.execute("PRAGMA synchronous=FULL")
        _upgrade(raw, target)
    except sqlite3.Error as error:
        raise refuse(
            str(path), f"it cannot be migrated ({error})", "Free the disk or the file and start again"
        ) from error
    finally:
        raw.close()


def _upgrade(raw: sqlite3.Connection, target: str) -> None:
    import sqlalchemy
    from sqlalchemy import text
    from sqlalchemy.pool import StaticPool

    # No transaction but ours: the driver would commit before each change of the schema.
    engine = sqlalchemy.create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    with engine.connect() as connection:
        connection.execute(text("BEGIN IMMEDIATE"))
        try:
            _alembic(connection, target)
            reach("in-migration")
            connection.execute(text("COMMIT"))
        except BaseException:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            raise
    engine.dispose()


def _alembic(connection: Any, target: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "helpbot.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _must_be_writable(path: Path) -> None:
    """Say at start that nothing can be kept here. Asking the system is not enough: root may write anywhere."""
    probe = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.try")
    try:
        with probe.open("wb"):
            pass
        probe.unlink()
        if path.exists():
            with path.open("r+b"):
                pass
    except OSError as error:
        raise refuse(
            str(path),
            f"it cannot be written ({error.strerror})",
            "Name a place that can be written in HELPBOT_DATABASE_URL",
        ) from error


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """One migration at a time; the lock ends with its process, however that ends."""
    with path.with_name(path.name + ".migrating").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
