"""SQLite in memory: the same store, and what is different about it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from desk.support import Clock, Codec, Talk, make_desk
from helpbot.errors import CallError
from helpbot.store.backup import backup, restore
from helpbot.store.sql import MEMORY, SqlStore


@pytest.fixture
def memory() -> SqlStore:
    return SqlStore(MEMORY, codec=Codec())


def test_it_leaves_nothing_on_the_disk(memory: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Talk(make_desk(memory), Clock()).start().say("escalate P | E")
    memory.close()
    assert list(tmp_path.iterdir()) == []


def test_two_of_them_share_nothing_and_a_closed_one_is_gone(memory: SqlStore) -> None:
    talk = Talk(make_desk(memory), Clock()).start()
    other = SqlStore(MEMORY, codec=Codec())
    assert other.conversation(talk.conversation) is None
    memory.close()
    assert SqlStore(MEMORY, codec=Codec()).conversation(talk.conversation) is None
    with pytest.raises(CallError, match="closed"):
        talk.say("still there?")
    other.close()


def test_a_transaction_reads_what_it_wrote_and_others_what_was_committed(memory: SqlStore) -> None:
    at = Clock().now
    inside, outside = list[str | None](), list[str | None]()
    begun, looked = threading.Event(), threading.Event()

    def work(tx: Any) -> None:
        tx.keep("space", "key", "value", at)
        begun.set()
        inside.append(memory.kept("space", "key"))
        looked.wait(0.2)  # the other waits for this transaction rather than to see half of it

    def look() -> None:
        begun.wait(5)
        outside.append(memory.kept("space", "key"))
        looked.set()

    reader = threading.Thread(target=look)
    reader.start()
    memory.transact(work)
    reader.join()
    assert (inside, outside) == (["value"], ["value"])
    memory.close()


def test_a_crowd_is_answered(memory: SqlStore) -> None:
    desk = make_desk(memory)
    talks = [Talk(desk, Clock()).start() for _ in range(16)]

    def chat(talk: Talk) -> None:
        for n in range(20):
            talk.say(f"message {n}", key=f"k{n}")
            assert len(desk.messages(talk.conversation)) == 3 + 2 * n

    threads = [threading.Thread(target=chat, args=(talk,)) for talk in talks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {store.last_seq for store in (memory.conversation(t.conversation) for t in talks) if store} == {41}
    memory.close()


def test_it_is_backed_up_and_comes_back_as_a_file(memory: SqlStore, tmp_path: Path) -> None:
    talk = Talk(make_desk(memory), Clock()).start()
    copy = backup(memory, tmp_path / "copy.db")
    memory.close()
    assert restore(f"sqlite:///{tmp_path}/helpbot.db", copy, codec=Codec()).conversations == 1
    with pytest.raises(CallError, match="in memory"):
        restore(MEMORY, copy, codec=Codec())
    again = SqlStore(f"sqlite:///{tmp_path}/helpbot.db", codec=Codec())
    assert again.conversation(talk.conversation) is not None
    again.close()
