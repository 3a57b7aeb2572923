"""The writer of SQLite: whoever hands it work gets an answer, whatever happens to it."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from desk.support import Clock, Codec, Talk, make_desk
from helpbot.errors import CallError, Code
from helpbot.store import queries as q
from helpbot.store.sql import SqlStore


@pytest.fixture
def store(sqlite_url: str) -> Any:
    opened = SqlStore(sqlite_url, codec=Codec())
    yield opened
    opened.close()


def together(acts: list[Any]) -> list[Any]:
    """What each of these came to, run at once; a test that waits for ever fails."""
    came: list[Any] = [None] * len(acts)

    def run(n: int) -> None:
        try:
            came[n] = acts[n]()
        except CallError as error:
            came[n] = error

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "somebody was never answered"
    return came


def test_a_fault_of_our_own_is_told_and_the_writer_goes_on(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    talks = [Talk(make_desk(store), Clock()).start() for _ in range(8)]

    def fails(*_: object) -> None:
        raise RuntimeError("a mistake in the program")

    monkeypatch.setattr(store.engine, "_run_all", fails)
    came = together([lambda t=talk: t.say("hello", key="k") for talk in talks])
    assert {error.code for error in came} == {Code.UNAVAILABLE}
    assert all(error.retry_after for error in came)
    monkeypatch.undo()
    assert [len(talk.say("hello", key="k")) for talk in talks] == [1] * 8
    assert store.ready() == ""


def test_whoever_finds_nobody_writing_writes_in_a_thread_of_their_own(store: SqlStore) -> None:
    """And the main thread never: it may be interrupted while others' work is in its hands."""
    (own, written) = together([lambda: (threading.get_ident(), store.transact(lambda _: threading.get_ident()))])[0]
    assert own == written
    assert store.transact(lambda _: threading.get_ident()) not in {own, threading.get_ident()}


def test_who_comes_while_another_writes_is_written_after_them(store: SqlStore) -> None:
    inside, go_on, order = threading.Event(), threading.Event(), list[str]()

    def slow(_: Any) -> int:
        inside.set()
        assert go_on.wait(60)
        order.append("slow")
        return threading.get_ident()

    def late() -> int:
        assert inside.wait(60)
        threading.Timer(0.2, go_on.set).start()
        return store.transact(lambda _: (order.append("late"), threading.get_ident())[1])

    first, second, third = together([lambda: store.transact(slow), late, late])
    assert order == ["slow", "late", "late"]
    assert second == third != first  # the writer's, which was woken for them


def test_a_fault_of_our_own_in_a_callers_thread_is_told_and_the_next_is_written(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(make_desk(store), Clock()).start()

    def fails(*_: object) -> None:
        raise RuntimeError("a mistake in the program")

    monkeypatch.setattr(store.engine, "_run_all", fails)
    (told,) = together([lambda: talk.say("hello", key="k")])
    assert told.code is Code.UNAVAILABLE
    monkeypatch.undo()
    assert [len(said) for said in together([lambda: talk.say("hello", key="k")])] == [1]


def test_closing_waits_for_who_is_writing_and_refuses_who_comes_after(sqlite_url: str) -> None:
    store = SqlStore(sqlite_url, codec=Codec())
    inside, closing = threading.Event(), threading.Event()

    def slow(tx: Any) -> str:
        inside.set()
        assert closing.wait(60)
        time.sleep(0.1)
        tx.keep("space", "key", "written", Clock().now)
        return "written"

    def close() -> str:
        assert inside.wait(60)
        threading.Timer(0.05, closing.set).start()
        store.close()
        return "closed"

    def late() -> Any:
        assert closing.wait(60)
        return store.transact(lambda _: "too late")

    written, closed, *refused = together([lambda: store.transact(slow), close, late, late])
    assert (written, closed) == ("written", "closed")
    assert {error.code for error in refused} == {Code.UNAVAILABLE}
    again = SqlStore(sqlite_url, codec=Codec())
    assert again.kept("space", "key") == "written"
    again.close()


def test_a_caller_leaves_the_log_to_the_writer(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copying a grown log takes long, and whoever wrote last is answered before it."""
    by = list[int]()
    do = store.engine._checkpoint_for
    monkeypatch.setattr(store.engine, "_checkpoint_for", lambda job: (by.append(threading.get_ident()), do(job)))
    monkeypatch.setattr("helpbot.store.engines.WAL_LIMIT", 0)
    monkeypatch.setattr("helpbot.store.engines.WAL_ROWS", 1)
    talk = Talk(make_desk(store), Clock()).start()
    together([lambda: [talk.say("hello", key=f"k{n}") for n in range(5)]])
    store.close()
    assert set(by) == {store.engine._thread.ident}


def test_a_log_that_once_grew_is_not_copied_after_every_commit(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file never shrinks, so its length alone would say after every commit that it is time."""
    copied = list[int]()
    do = store.engine._checkpoint_for
    monkeypatch.setattr(store.engine, "_checkpoint_for", lambda job: (copied.append(1), do(job)))
    monkeypatch.setattr("helpbot.store.engines.WAL_LIMIT", 256 * 1024)
    monkeypatch.setattr("helpbot.store.engines.WAL_ROWS", 100)
    talk = Talk(make_desk(store), Clock()).start()
    together([lambda: [talk.say("hello", key=f"k{n}") for n in range(200)]])
    log = Path(store.engine.target + "-wal").stat().st_size
    store.close()
    assert 200 * 4 // 100 // 2 <= len(copied) <= 24
    assert log < 8 * 256 * 1024


def test_one_whose_way_is_not_free_holds_up_none_of_the_others(store: SqlStore) -> None:
    """A batch in which one turn comes too late: the others are written, and that one goes the long way."""
    desks = [make_desk(store), make_desk(store)]  # each remembers the conversation as it last saw it
    talks = [Talk(desks[0], Clock()).start() for _ in range(12)]
    for talk in talks:
        desks[1].conversation(talk.conversation)
        talk.say("one", key="one")
    late = Talk(desks[1], Clock())
    late.conversation = talks[0].conversation
    came = together(
        [*[lambda t=talk: t.say("two", key="two") for talk in talks], lambda: late.say("three", key="three")]
    )
    assert not [error for error in came if isinstance(error, CallError)]
    records = [store.conversation(talk.conversation) for talk in talks]
    assert [record.last_seq for record in records if record] == [7] + [5] * 11


def test_turns_of_every_number_are_written_whole(store: SqlStore) -> None:
    """Batches are filled up to a power of two: nothing of the filling is kept."""
    for count in (1, 2, 3, 5, 9, 17, 33):
        talks = [Talk(make_desk(store), Clock()).start() for _ in range(count)]
        together([lambda t=talk: t.say("hello") for talk in talks])
        for talk in talks:
            record = store.conversation(talk.conversation)
            assert record is not None
            assert record.last_seq == len(store.messages(talk.conversation, after=0, limit=10, internal=True)) == 3
    empty = "SELECT count(*) FROM messages WHERE conversation IS NULL OR text IS NULL"
    assert store.engine.read(lambda cursor: (cursor.execute(empty), cursor.fetchone())[1]) == (0,)


@pytest.mark.parametrize(
    "query", [q.expired, q.overdue, q.backlog, q.waiting_routes, q.claimable, q.probe, q.hold_outbox]
)
def test_what_is_looked_for_every_second_reads_nothing_that_arrived(store: SqlStore, query: q.Query) -> None:
    """Deliveries that arrived are kept for months: none of these may walk through them."""
    text = store.engine.sql(query)
    parameters = dict.fromkeys(re.findall(r":(\w+)", text), 0)
    plan = store.engine.read(lambda c: (c.execute("EXPLAIN QUERY PLAN " + text, parameters), c.fetchall())[1])
    assert not [row[3] for row in plan if row[3].startswith("SCAN deliveries") and "INDEX" not in row[3]]


def test_two_programs_on_one_file_leave_nobody_waiting(sqlite_url: str) -> None:
    """A batch that has to begin again while the other program writes keeps hold of everyone who came meanwhile."""
    stores = [SqlStore(sqlite_url, codec=Codec()) for _ in range(2)]
    desks = [make_desk(store) for store in stores]
    talks = [Talk(desks[0], Clock()).start() for _ in range(6)]

    def chat(n: int) -> list[str]:
        talk = Talk(desks[n % 2], Clock())
        talk.conversation = talks[n % len(talks)].conversation
        return [said for k in range(15) for said in talk.say(f"message {k}", key=f"{n}-{k}")]

    came = together([lambda n=n: chat(n) for n in range(24)])
    assert [len(said) for said in came] == [15] * 24
    for store in stores:
        store.close()
