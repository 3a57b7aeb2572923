"""Files as rows of a PostgreSQL database, which several nodes share.

What one machine took in, the others must be able to show, and an erasure on any must find all of it: so with
PostgreSQL the files of conversations are kept like everything else.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from helpbot.channels.web.holds import Folder, Found

__all__ = ["Rows", "metadata"]

T = TypeVar("T")
PIECE: Final = 48 * 1024  # bytes of a row: a backup reads a thousand rows at once
LOCK: Final = 5_270_411_902  # two nodes that start together make the tables one after the other

metadata = MetaData()
files = Table(
    "web_files",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("ending", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
# Base64: rows of a backup are lines of JSON.
pieces = Table(
    "web_file_pieces",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("data", Text, nullable=False),
)


class Database(Protocol):
    """PostgreSQL as the store hands it out: `work` gets a driver's cursor, inside a transaction for `write`."""

    def write(self, work: Callable[[Any], T]) -> T:
        """Run `work` in a transaction; returns after the commit."""

    def read(self, work: Callable[[Any], T]) -> T:
        """Run `work` over what is committed."""


class Rows:
    """Rows of a PostgreSQL database. Makes its tables when they are missing."""

    def __init__(self, database: Database, older: Folder | None = None) -> None:
        """`older` is where files were kept before they were rows: what is there is still found, and erased."""
        self._db, self._older = database, older
        dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped there
        made = [str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)) for table in (files, pieces)]

        def make(cursor: Any) -> None:
            cursor.execute(_ALONE, {"lock": LOCK})
            for statement in made:
                cursor.execute(statement)

        self._db.write(make)

    def keep(self, conversation: str, id_: str, name: str, ending: str, data: bytes) -> None:
        """Keep a file, whole or not at all."""
        own = {"conversation": conversation, "id": id_}
        row = {**own, "name": name, "ending": ending, "size": len(data), "at": time.time_ns() // 1000}
        parts = [
            {**own, "n": n, "data": base64.b64encode(data[start : start + PIECE]).decode()}
            for n, start in enumerate(range(0, len(data), PIECE))
        ]

        def work(cursor: Any) -> None:
            for statement in _FORGET_ONE:
                cursor.execute(statement, own)
            cursor.execute(_KEEP, row)
            if parts:
                cursor.executemany(_KEEP_PIECE, parts)

        self._db.write(work)

    def name(self, conversation: str, id_: str) -> str | None:
        """What a file is called."""
        row = self._one(_ABOUT, conversation, id_)
        return row[0] if row else self._older.name(conversation, id_) if self._older else None

    def read(self, conversation: str, id_: str) -> Found | None:
        """A file."""
        own = {"conversation": conversation, "id": id_}

        def work(cursor: Any) -> Found | None:
            cursor.execute(_ABOUT, own)
            row = cursor.fetchone()
            if row is None:
                return None
            cursor.execute(_PIECES, own)
            data = b"".join(base64.b64decode(piece) for (piece,) in cursor.fetchall())
            # A file that was erased or replaced in between is not half shown.
            return Found(name=row[0], ending=row[1], data=data) if len(data) == row[2] else None

        return self._db.read(work) or (self._older.read(conversation, id_) if self._older else None)

    def size(self, conversation: str, id_: str) -> int:
        """How many bytes it has; 0 for one that is not there."""
        row = self._one(_ABOUT, conversation, id_)
        return int(row[2]) if row else self._older.size(conversation, id_) if self._older else 0

    def erase(self, conversation: str) -> int:
        """Delete all files of a conversation; says how many pictures there were."""

        def work(cursor: Any) -> int:
            cursor.execute(_COUNT, {"conversation": conversation})
            (count,) = cursor.fetchone()
            for statement in _FORGET:
                cursor.execute(statement, {"conversation": conversation})
            return int(count)

        return self._db.write(work) + (self._older.erase(conversation) if self._older else 0)

    def _one(self, query: str, conversation: str, id_: str) -> Any:
        values = {"conversation": conversation, "id": id_}
        return self._db.read(lambda cursor: (cursor.execute(query, values), cursor.fetchone())[1])


_ALONE: Final = "SELECT pg_advisory_xact_lock(%(lock)s)"
_ABOUT: Final = "SELECT name, ending, size FROM web_files WHERE conversation = %(conversation)s AND id = %(id)s"
_PIECES: Final = "SELECT data FROM web_file_pieces WHERE conversation = %(conversation)s AND id = %(id)s ORDER BY n"
_KEEP: Final = """
    INSERT INTO web_files (conversation, id, name, ending, size, at)
    VALUES (%(conversation)s, %(id)s, %(name)s, %(ending)s, %(size)s, %(at)s)"""
_KEEP_PIECE: Final = """
    INSERT INTO web_file_pieces (conversation, id, n, data)
    VALUES (%(conversation)s, %(id)s, %(n)s, %(data)s)"""
_COUNT: Final = "SELECT count(*) FROM web_files WHERE conversation = %(conversation)s AND ending = 'png'"
_FORGET: Final = (
    "DELETE FROM web_file_pieces WHERE conversation = %(conversation)s",
    "DELETE FROM web_files WHERE conversation = %(conversation)s",
)
_FORGET_ONE: Final = tuple(f"{statement} AND id = %(id)s" for statement in _FORGET)
