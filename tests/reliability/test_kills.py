"""R1, R2, R5, R23: nodes that are killed lose nothing that they acknowledged."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy

from desk.support import USER, Clock, Codec, Talk, make_desk
from helpbot.messages import Channel
from helpbot.store.migrate import migrate_postgres, migrate_sqlite, sqlite_revision
from helpbot.store.schema import REVISION, REVISIONS
from helpbot.store.sql import SqlStore
from store.test_migrations import filled, fingerprints
from tests.cli.conftest import small

from .figures import figure
from .harness import Node, half_turns, integrity, lost
from .worker import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from store.postgres import Postgres

__all__ = ["small"]  # a fixture
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


@pytest.mark.parametrize("since", ["", *REVISIONS[:-1]], ids=lambda since: since or "nothing")
@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_r28_a_kill_in_a_migration_is_run_again(tmp_path: Path, since: str, count: int) -> None:
    """From nothing, and from every earlier schema with its data: all of it is there when the migration ran again."""
    old, before = tmp_path / "old.db", {}
    if since:
        migrate_sqlite(old, target=since)
        before = filled(old)
    for run in range(count):
        path = tmp_path / f"{run}.db"
        if since:
            shutil.copy(old, path)
        node = Node("migrate", f"sqlite:///{path}", failpoint="in-migration:1")
        node.read()
        assert node.code == -9, node.error
        assert sqlite_revision(path) == since
        assert ["migrated"] in Node("migrate", f"sqlite:///{path}").read()
        assert integrity(f"sqlite:///{path}") == "ok"
        assert sqlite_revision(path) == REVISION
        assert fingerprints(path, before) == before
        path.unlink()
    kept = f" with {before['conversations'][0]} conversations" if since else ""
    figure(f"R28 in-migration, sqlite from {since or 'nothing'}{kept}: {count} kills, each run again to its end")


@pytest.mark.postgres
@pytest.mark.parametrize("since", ["", *REVISIONS[:-1]], ids=lambda since: since or "nothing")
@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_r28_a_kill_in_a_migration_of_postgresql_is_run_again(postgres: Postgres, since: str, count: int) -> None:
    old = postgres.database()
    if since:
        alchemy = sqlalchemy.create_engine("postgresql+psycopg" + old.removeprefix("postgresql"))
        migrate_postgres(alchemy, where="a test", target=since)
        alchemy.dispose()
        store = SqlStore(old, codec=Codec(), migrate=False)
        desk = make_desk(store)
        for n in range(30):
            Talk(desk, Clock()).start().say("escalate P | E" if n % 3 == 0 else "it is broken")
        store.close()
    before = postgres_rows(old)
    for _ in range(count):
        url = postgres.database(old.rpartition("/")[2])
        node = Node("migrate", url, failpoint="in-migration:1")
        node.read()
        assert node.code == -9, node.error
        assert postgres_rows(url) == before
        assert ["migrated"] in Node("migrate", url).read()
        after = postgres_rows(url)
        assert after.pop("alembic_version") == [repr((REVISION,))]
        assert {table: after[table] for table in before if table in after} == {
            table: held for table, held in before.items() if table != "alembic_version"
        }
        postgres.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
    kept = " with 30 conversations" if since else ""
    figure(f"R28 in-migration, postgresql from {since or 'nothing'}{kept}: {count} kills, each run again to its end")


def postgres_rows(url: str) -> dict[str, list[str]]:
    """Every row of every table, by its first columns: later ones may have been added."""
    import psycopg

    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}").fetchall())) for (name,) in names}


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=full)])
def test_r2_a_kill_in_a_swap_of_the_knowledge_leaves_one_whole_version(
    sqlite_url: str, small: Path, tmp_path: Path, count: int
) -> None:
    """The node dies with the new knowledge read and the old one in use; the next one serves the new one, whole."""
    article, acknowledged, versions = small / "articles" / "vpn.md", [], set()
    whole = article.read_text("utf-8")
    options = {"knowledge": str(small), "cache": str(tmp_path / "cache")}
    for run in range(count):
        node = Node("swap", sqlite_url, failpoint="in-swap:1", run=run, article=str(article), text=whole, **options)
        lines = node.read()
        assert node.code == -9, node.error
        acknowledged += [line for line in lines if line[0] == "ack"]
        (old,) = [line[1] for line in lines if line[0] == "version"]
        node = Node("swap", sqlite_url, run=f"{run}-again", **options)
        lines = node.read()
        assert node.code == 0, node.error
        acknowledged += [line for line in lines if line[0] == "ack"]
        (new,) = [line[1] for line in lines if line[0] == "version"]
        assert new != old
        assert ["serves", f"{run}"] in lines
        versions |= {old, new}
    missing = lost(sqlite_url, acknowledged)
    figure(
        f"R2 in-swap: {count} kills, {len(versions)} versions, each whole, "
        f"{len(acknowledged)} acknowledged, {len(missing)} lost"
    )
    assert missing == []
    assert len(acknowledged) == count * 6


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
