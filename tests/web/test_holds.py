"""Where files are kept: a folder and the database that nodes share do the same, and an erasure finds all of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpbot.channels.web import rows
from helpbot.channels.web.holds import Folder, Hold
from helpbot.channels.web.images import Shelf
from helpbot.channels.web.rows import PIECE, Rows
from helpbot.store.backup import backup, restore
from helpbot.store.sql import SqlStore
from store.fixtures import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

A, B = "a" * 26, "b" * 26


@pytest.fixture(params=["folder", "postgres"])
def hold(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "folder":
        yield Folder(tmp_path)
        return
    store = SqlStore(request.getfixturevalue("postgres_url"))
    yield Rows(store.engine)
    store.close()


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_a_file_comes_back_as_it_was(hold: Hold, size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    hold.keep("c1", A, "the log.txt", "bin", data)
    found = hold.read("c1", A)
    assert found is not None
    assert (found.name, found.ending, found.data) == ("the log.txt", "bin", data)
    assert (hold.name("c1", A), hold.size("c1", A)) == ("the log.txt", size)
    assert (hold.name("c2", A), hold.read("c2", A), hold.size("c1", B)) == (None, None, 0)


def test_the_same_id_again_is_the_new_file(hold: Hold) -> None:
    hold.keep("c1", A, "a", "bin", b"x" * (2 * PIECE))
    hold.keep("c1", A, "b", "bin", b"short")
    found = hold.read("c1", A)
    assert found is not None
    assert (found.name, found.data) == ("b", b"short")


def test_erasing_a_conversation_takes_its_files_and_no_others(hold: Hold) -> None:
    hold.keep("c1", A, "a.png", "png", b"1")
    hold.keep("c1", B, "b.txt", "bin", b"2")
    hold.keep("c2", A, "a.png", "png", b"3")
    assert hold.erase("c1") == 1
    assert (hold.read("c1", A), hold.read("c1", B)) == (None, None)
    assert hold.read("c2", A) is not None
    assert hold.erase("c1") == 0


def test_what_one_node_keeps_another_shows_and_what_was_in_the_folder_is_found_and_erased(
    postgres_url: str, tmp_path: Path
) -> None:
    nodes = [SqlStore(postgres_url) for _ in range(2)]
    older = Folder(tmp_path / "files")
    older.keep("c1", B, "old.png", "png", b"old")
    one, two = (Rows(store.engine, older) for store in nodes)
    one.keep("c1", A, "new.txt", "bin", b"new")
    shelf = Shelf(two)
    assert [shelf.find("c1", id_) and shelf.find("c1", id_).data for id_ in (A, B)] == [b"new", b"old"]  # type: ignore[union-attr]  # both are there, or the test fails
    assert shelf.names("c1", [B]) == (f"{B}/old.png",)
    assert two.erase("c1") == 1
    assert (one.read("c1", A), one.read("c1", B)) == (None, None)
    for store in nodes:
        store.close()


def test_nodes_that_start_together_make_the_tables_once(postgres_url: str) -> None:
    stores = [SqlStore(postgres_url) for _ in range(4)]
    faults: list[BaseException] = []
    ready = threading.Barrier(len(stores))

    def start(store: SqlStore) -> None:
        ready.wait()
        try:
            Rows(store.engine)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=start, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    for store in stores:
        store.close()


def test_a_backup_holds_the_rows_and_erasure_and_commands_know_them(
    postgres: Any, postgres_url: str, tmp_path: Path
) -> None:
    from helpbot.bootstrap import beside_of, beside_the_desk, files_of
    from helpbot.config import read_settings, shipped_places

    settings = replace(read_settings(shipped_places()), database_url=postgres_url)
    store = SqlStore(postgres_url)
    kept = files_of(settings, store)
    assert isinstance(kept, Rows)
    kept.keep("c1", A, "log.txt", "bin", b"x" * (PIECE + 1))
    further = beside_the_desk(settings)
    assert set(rows.metadata.sorted_tables) <= set(further["further"])
    copy = backup(store, tmp_path / "copy", **{**further, "pictures": tmp_path / "none"})
    beside_of(settings, store)("c1", "", ())
    assert kept.read("c1", A) is None
    store.close()
    other = postgres.database()
    restore(other, copy, **{**further, "pictures": tmp_path / "none"})
    back = SqlStore(other)
    found = Rows(back.engine).read("c1", A)
    assert found is not None
    assert found.data == b"x" * (PIECE + 1)
    back.close()
