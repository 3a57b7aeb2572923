"""Migrations end at the declared tables, keep what is there, and touch nothing that is not ours."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from desk.support import Codec, Talk, make_desk
from helpbot.errors import SettingError
from helpbot.store import schema
from helpbot.store.migrate import migrate_sqlite, sqlite_revision
from helpbot.store.sql import SqlStore

if TYPE_CHECKING:
    from .postgres import Postgres


def differences(url: str) -> list[Any]:
    from alembic.autogenerate import compare_metadata

    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = compare_metadata(context, schema.metadata)
    engine.dispose()
    return found


def test_the_migrations_end_at_the_declared_tables(url: str, store: SqlStore) -> None:
    assert differences(url) == []


def test_the_migrations_and_the_declaration_make_the_same_sqlite_text(sqlite_url: str) -> None:
    """Comparing by reflection overlooks partial indexes and table options; the stored text does not."""
    declared = sqlalchemy.create_engine("sqlite://")
    schema.metadata.create_all(declared)

    def text(connection: Any) -> dict[str, list[str]]:
        found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return {
            # the constraints of a table stand in any order
            name: sorted("".join(c for c in sql if c not in '"() \t\n').split(","))
            for name, sql in found
            if name not in {"alembic_version", "sqlite_sequence"}
        }

    with declared.connect() as one, sqlalchemy.create_engine(sqlite_url).connect() as two:
        assert text(two) == text(one)


def test_the_revisions_are_those_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", "helpbot.store:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.REVISIONS)
    assert scripts.get_heads() == [schema.REVISION]


def test_every_earlier_schema_is_upgraded_with_its_data(tmp_path: Path) -> None:
    for revision in schema.REVISIONS[:-1]:
        path = tmp_path / f"{revision}.db"
        migrate_sqlite(path, target=revision)
        before = filled(path)
        assert migrate_sqlite(path) == (revision, schema.REVISION)
        assert fingerprints(path, before) == before
        assert sqlite_revision(path) == schema.REVISION


def filled(path: Path, conversations: int = 1000) -> dict[str, tuple[int, str]]:
    """Conversations, half of them in the middle of something, in a database of whatever schema it has."""
    store = SqlStore(f"sqlite:///{path}", codec=Codec(), migrate=False)
    desk = make_desk(store)
    for n in range(12):
        talk = Talk(desk, desk._clock).start()  # type: ignore[arg-type]
        talk.say("it is broken")
        if n % 3 == 0:
            talk.say("escalate P | E")
    store.close()
    connection = sqlite3.connect(path)
    names = [row[1] for row in connection.execute("PRAGMA table_info(conversations)")]
    (first,) = connection.execute("SELECT id FROM conversations LIMIT 1").fetchone()
    copied = ", ".join({"id": "'copy' || n", "thread": "'copy' || n"}.get(name, name) for name in names)
    connection.execute(
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {conversations}) "
        f"INSERT INTO conversations SELECT {copied} FROM numbers, conversations WHERE id = '{first}'"
    )
    connection.commit()
    tables = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    ]
    connection.close()
    return fingerprints(path, {name: (0, "") for name in tables if name != "alembic_version"})


def fingerprints(path: Path, tables: dict[str, Any]) -> dict[str, tuple[int, str]]:
    connection = sqlite3.connect(path)
    found = {}
    for table in tables:
        rows = sorted(map(repr, connection.execute(f"SELECT * FROM {table}")))
        found[table] = (len(rows), hashlib.sha256("".join(rows).encode()).hexdigest())
    connection.close()
    return found


def test_two_that_start_together_migrate_once(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    barrier, results, errors = threading.Barrier(4), [], []

    def start() -> None:
        barrier.wait()
        try:
            results.append(migrate_sqlite(path))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(results) == [("", schema.REVISION), *[(schema.REVISION, schema.REVISION)] * 3]


@pytest.mark.postgres
def test_two_that_start_together_migrate_postgresql_once(postgres: Postgres) -> None:
    url = postgres.database()
    barrier, errors = threading.Barrier(4), []

    def start() -> None:
        barrier.wait()
        try:
            SqlStore(url, codec=Codec()).close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert differences(url) == []


class TestRefused:
    """One line that names the file, and not a byte of it changed."""

    def refused(self, path: Path, says: str) -> None:
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(SettingError, match=says) as caught:
            SqlStore(f"sqlite:///{path}", codec=Codec())
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        if before is not None:
            assert path.read_bytes() == before

    def test_the_database_of_another_program(self, tmp_path: Path) -> None:
        path = tmp_path / "other.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE conversations (id TEXT)")
        connection.commit()
        connection.close()
        self.refused(path, "another program")

    def test_a_newer_schema(self, tmp_path: Path, sqlite_template: Path) -> None:
        path = tmp_path / "newer.db"
        shutil.copy(sqlite_template, path)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
        self.refused(path, "newer than this program")

    @pytest.mark.parametrize("content", [b"hello", b"SQLite format 3\x00", b"\x00" * 4096, b"PK\x03\x04" * 50])
    def test_what_is_no_database(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "file.txt"
        path.write_bytes(content)
        self.refused(path, "not a database")

    def test_a_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path, "folder")

    @pytest.mark.parametrize("place", ["/dev/full/x.db", "/proc/x.db"])
    def test_a_place_that_cannot_be_written(self, place: str) -> None:
        self.refused(Path(place), "cannot be")

    def test_a_damaged_file(self, tmp_path: Path, sqlite_template: Path) -> None:
        path = tmp_path / "damaged.db"
        shutil.copy(sqlite_template, path)
        with path.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 4000)
        self.refused(path, "damaged")

    @pytest.mark.postgres
    def test_the_postgresql_database_of_another_program(self, postgres: Postgres) -> None:
        import psycopg

        url = postgres.database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE conversations (id text)")
        with pytest.raises(SettingError, match="another program"):
            SqlStore(url, codec=Codec())

    @pytest.mark.postgres
    def test_a_newer_postgresql_schema(self, postgres: Postgres) -> None:
        import psycopg

        url = postgres.database("helpbot_template")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SettingError, match="newer"):
            SqlStore(url, codec=Codec())

    def test_a_postgresql_that_does_not_answer(self) -> None:
        with pytest.raises(SettingError, match="does not answer") as caught:
            SqlStore("postgresql://user:secret@127.0.0.1:1/x", codec=Codec(), patience=1)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("url", ["mysql://x", "sqlite://", "", "nonsense"])
    def test_an_address_of_no_known_kind(self, url: str) -> None:
        with pytest.raises(SettingError, match="HELPBOT_DATABASE_URL"):
            SqlStore(url, codec=Codec())


def test_a_start_without_migrations_loads_no_alembic(sqlite_url: str) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from helpbot.store.sql import SqlStore; "
        f"SqlStore({sqlite_url!r}, codec=object()).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
