"""R1, R2, R5, R23: nodes that are killed lose nothing that they acknowledged."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from desk.support import USER, Clock, Codec, Talk, make_desk
from helpbot.messages import Channel
from helpbot.store.migrate import sqlite_revision
from helpbot.store.sql import SqlStore

from .figures import figure
from .harness import Node, half_turns, integrity, lost
from .worker import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from store.postgres import Postgres

full = pytest.mark.full


def kills(url: str, count: int, **options: Any) -> tuple[int, list[str]]:
    """Kill a node so often in the middle of its work; acts acknowledged, and those lost."""
    acknowledged: list[list[str]] = []
    for run in range(count):
        acknowledged += kill_one(url, run, **options)
    return len(acknowledged), lost(url, acknowledged)


def kill_one(url: str, run: int, **options: Any) -> list[list[str]]:
    """Kill a node at a random moment once it has answered a few; what it acknowledged."""
    node = Node("chat", url, run=f"{run}-{random.getrandbits(32)}", **options)
    node.wait_ready()
    while len(node.lines()) < 10 and node.process.is_alive():
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.75))
    found = [line for line in node.kill() if line[0] == "ack"]
    assert integrity(url) == "ok"
    return found


@pytest.mark.parametrize("count", [3, pytest.param(300, marks=full)])
def test_r1_no_acknowledged_turn_is_lost_by_a_kill(url: str, count: int) -> None:
    acts, missing = kills(url, count)
    figure(f"R1 {url.partition(':')[0]}: {count} kills, {acts} acknowledged, {len(missing)} lost")
    assert missing == []
    assert acts >= count * 9


def test_r1_control_acknowledging_before_the_commit_is_found(sqlite_url: str) -> None:
    acknowledged: list[list[str]] = []
    for run in range(30):
        acknowledged += kill_one(sqlite_url, run, early=True)
        missing = lost(sqlite_url, acknowledged)
        if missing:
            figure(f"R1 control: {len(acknowledged)} acknowledged in {run + 1} kills, {len(missing)} lost")
            return
    raise AssertionError("nothing was lost, though it was acknowledged before the commit")


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_a_kill_in_a_checkpoint_loses_nothing(sqlite_url: str, count: int) -> None:
    """SQLite only: PostgreSQL checkpoints by itself."""
    killed_at("in-checkpoint", sqlite_url, count)


@pytest.mark.parametrize("point", ["before-commit", "after-commit", "in-form"])
@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_a_kill_at_a_named_point_of_a_turn(url: str, point: str, count: int) -> None:
    killed_at(point, url, count)


def killed_at(point: str, url: str, count: int) -> None:
    """Kill a node at a point, so many times, and find every act that it acknowledged."""
    acknowledged: list[list[str]] = []
    for _ in range(count):
        node = Node(
            "chat", url, failpoint=f"{point}:{random.randint(2, 25)}", run=random.getrandbits(32), wal_limit=65536
        )
        acknowledged += [line for line in node.read() if line[0] == "ack"]
        assert node.code == -9, node.error
        assert integrity(url) == "ok"
    missing = lost(url, acknowledged)
    figure(f"R2 {point}, {url.partition(':')[0]}: {count} kills, {len(acknowledged)} acknowledged, {len(missing)} lost")
    assert missing == []


def talks(url: str, count: int) -> list[str]:
    store = SqlStore(url, codec=Codec())
    desk = make_desk(store, SETTINGS)
    found = []
    for _ in range(count):
        talk = Talk(desk, Clock()).start()
        talk.say("escalate canary | E")
        found.append(talk.conversation)
    store.close()
    return found


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_a_kill_in_an_erasure_leaves_all_or_nothing_of_each_conversation(url: str, count: int) -> None:
    conversations = talks(url, count + 3)
    for run in range(count):
        node = Node("erase", url, failpoint=f"in-erasure:{run % 3 + 1}", conversations=conversations)
        node.read()
        assert node.code == -9, node.error
        store = SqlStore(url, codec=Codec())
        assert half_turns(store) == []
        store.close()
    node = Node("erase", url, conversations=conversations)
    assert ["erased"] in node.read()
    store = SqlStore(url, codec=Codec())
    assert all(store.conversation(c) is None for c in conversations)
    store.close()
    figure(f"R2 in-erasure, {url.partition(':')[0]}: {count} kills, all or nothing of each of {len(conversations)}")


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_r28_a_kill_in_a_migration_is_run_again(tmp_path: Path, count: int) -> None:
    for run in range(count):
        path = tmp_path / f"{run}.db"
        node = Node("migrate", f"sqlite:///{path}", failpoint="in-migration:1")
        node.read()
        assert node.code == -9, node.error
        assert sqlite_revision(path) == ""
        assert ["migrated"] in Node("migrate", f"sqlite:///{path}").read()
        assert integrity(f"sqlite:///{path}") == "ok"
    figure(f"R28 in-migration: {count} kills, each run again to its end")


def rows(url: str, count: int) -> list[str]:
    """Deliveries of many conversations."""
    store = SqlStore(url, codec=Codec())
    desk = make_desk(store, SETTINGS, Clock(datetime.now(UTC)))
    for _ in range(count):
        desk.start(Channel.WIDGET, USER)
    found = [delivery.id for delivery in store.deliveries(limit=count + 1)]
    store.close()
    return found


def deliver(url: str, tmp_path: Path, *, workers: int, count: int, deaths: int, **options: Any) -> Counter[str]:
    ids = rows(url, count)
    file, start = tmp_path / "sent", time.time()
    go = tmp_path / "go"
    # A lease of 30 s lasts 6 s here: less, and a busy machine alone would let one end.
    common = {"file": str(file), "start": start, "speed": 5.0, "go": str(go), **options}
    nodes = [Node("courier", url, **common) for _ in range(workers)]
    for node in nodes:
        node.wait_ready()
    go.touch()
    for _ in range(deaths):
        time.sleep(random.uniform(0.05, 0.3))
        victim = random.randrange(len(nodes))
        nodes[victim].kill()
        nodes[victim] = Node("courier", url, **common)
    for node in nodes:
        node.read()
        assert node.code == 0, node.error
    sent = Counter(file.read_text().split())
    assert set(sent) == set(ids)
    return sent


@pytest.mark.parametrize(("workers", "count", "deaths"), [(3, 200, 3), pytest.param(8, 5000, 40, marks=full)])
def test_r5_many_workers_send_each_delivery_once_but_for_kills(
    url: str, tmp_path: Path, workers: int, count: int, deaths: int
) -> None:
    sent = deliver(url, tmp_path, workers=workers, count=count, deaths=deaths)
    twice = sum(n - 1 for n in sent.values())
    figure(f"R5 {url.partition(':')[0]}: {len(sent)} delivered, {twice} twice, {deaths} kills")
    assert twice <= deaths


@pytest.mark.postgres
def test_r5_control_workers_without_leases_are_found(postgres_url: str, tmp_path: Path) -> None:
    sent = deliver(postgres_url, tmp_path, workers=4, count=150, deaths=0, broken=True)
    assert sum(n - 1 for n in sent.values()) > 0


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_a_kill_after_the_send_repeats_it_with_the_same_id(url: str, tmp_path: Path, count: int) -> None:
    ids = rows(url, count * 4)
    file, start = tmp_path / "sent", time.time()
    for _ in range(count):
        node = Node(
            "courier", url, failpoint=f"after-send:{random.randint(1, 3)}", file=str(file), start=start, speed=15.0
        )
        node.read()
        assert node.code == -9, node.error
    node = Node("courier", url, file=str(file), start=start, speed=15.0)
    node.read()
    assert node.code == 0, node.error
    sent = Counter(file.read_text().split())
    assert set(sent) == set(ids)
    twice = sum(n - 1 for n in sent.values())
    figure(
        f"R2 after-send, {url.partition(':')[0]}: {count} kills, {len(sent)} delivered, {twice} twice with the same id"
    )
    assert twice <= count


@pytest.mark.postgres
@pytest.mark.parametrize("count", [3, pytest.param(50, marks=full)])
def test_r23_two_nodes_and_one_is_killed(postgres: Postgres, postgres_url: str, count: int) -> None:
    acknowledged: list[list[str]] = []
    nodes = [Node("chat", postgres_url, run=f"{n}-{random.getrandbits(32)}") for n in range(2)]
    for node in nodes:
        node.wait_ready()
    for run in range(count):
        time.sleep(random.uniform(0.1, 0.6))
        victim = random.randrange(2)
        acknowledged += [line for line in nodes[victim].kill() if line[0] == "ack"]
        nodes[victim] = Node("chat", postgres_url, run=f"r{run}-{random.getrandbits(32)}")
        nodes[victim].wait_ready()
    for node in nodes:
        acknowledged += [line for line in node.kill() if line[0] == "ack"]
    missing = lost(postgres_url, acknowledged)
    figure(f"R23: {count} kills, {len(acknowledged)} acknowledged, {len(missing)} lost")
    assert missing == []
