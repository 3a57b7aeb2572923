"""Backup, restore, export, erase and age: on both engines."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.support import START, Clock, Codec, Talk, make_desk
from helpbot.channels.slack.state import Mood, SlackState
from helpbot.desk.records import Act, DeliveryState, DeskSettings
from helpbot.errors import CallError, Code, SettingError
from helpbot.escalation.routing import Route, Routing
from helpbot.messages import Channel, Person
from helpbot.store.backup import backup, restore
from helpbot.store.keeping import Beside, erase, export, find_conversations, sweep
from helpbot.store.sql import SqlStore
from reliability.figures import figure

SETTINGS = DeskSettings(
    routing=Routing(routes={"hook": Route(name="hook", sender="webhook", target="x")}, default=("hook",))
)
ANN = Person(id="ann-canary-1", name="Ann canary-2", email="canary-3@example.com", verified=True)
BEN = Person(id="ben", name="Ben", email="ben@example.com")


def open_store(url: str) -> SqlStore:
    return SqlStore(url, codec=Codec())


def talks(store: SqlStore) -> tuple[Talk, Talk]:
    desk = make_desk(store, SETTINGS)
    ann, ben = Talk(desk, Clock(), person=ANN).start(), Talk(desk, Clock(), person=BEN).start()
    ann.say("my canary-4 fails", context={"page": "canary-5"}, attachments=("canary-6.png",))
    ann.say("escalate canary-7 | canary-8")
    ann.command(Act.CLAIM, "HB-1001")
    ann.command(Act.REPLY, "HB-1001", text="dear canary-9")
    ann.command(Act.NOTE, "HB-1001", text="note canary-10")
    desk.rate(ann.conversation, "rate", 1, False, "canary-11")
    store.transact(lambda tx: tx.keep("slack", ann.conversation, "canary-12", START))
    ben.say("hello from ben")
    return ann, ben


def everything(url: str) -> bytes:
    """Every byte that the database has on the disk, or every row where the disk is the server's own."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))
    import psycopg

    found = b""
    with psycopg.connect(url) as connection:
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            for row in connection.execute(f"SELECT {table}::text FROM {table}").fetchall():
                found += row[0].encode()
    return found


def test_an_erased_person_is_in_no_byte_any_more(url: str) -> None:
    store = open_store(url)
    ann, ben = talks(store)
    assert b"canary" in everything(url)
    found = find_conversations(store, "canary-3@example.com")
    assert found == [ann.conversation]
    erased = erase(store, found, START)
    assert erased.cases == ("HB-1001",)
    assert erased.messages > 5
    left = everything(url)
    assert left.count(b"canary") == 0
    figure(f"R29, {url.partition(':')[0]}: 0 of 12 canaries left in any byte")
    assert ann.conversation.encode() in left  # the tombstone
    assert len(ben.desk.messages(ben.conversation)) == 3
    with pytest.raises(CallError):
        ann.desk.authorise(ann.conversation, ann.token)
    with pytest.raises(CallError, match="no such conversation"):
        ann.say("still there?")
    store.close()
    assert everything(url).count(b"canary") == 0


def beside_too(store: SqlStore, files: Path, talk: Talk) -> tuple[SlackState, Beside]:
    """A picture and rows of Slack's for a conversation, and what deletes them."""
    from helpbot.bootstrap import beside_of
    from helpbot.config import read_settings, shipped_places

    (files / "files" / talk.conversation).mkdir(parents=True)
    (files / "files" / talk.conversation / "a.png").write_bytes(b"canary-13")
    slack = SlackState(store.engine, Clock())
    key = next(m.key for m in talk.desk.messages(talk.conversation) if m.key)
    slack.open_place(key="T:C:1", kind="case", thread="", conversation=talk.conversation, who="canary-14")
    slack.keep("files", key, ["canary-15"])
    slack.accept(key, "T:C:1", "said", {"text": "canary-16"})
    slack.went(f"{talk.conversation}.3", Mood.FAILED, reason="canary-17")
    places = shipped_places()
    settings = replace(read_settings(places), database_url=f"sqlite:///{files}/x.db")
    return slack, beside_of(settings, store)


def test_what_channels_keep_elsewhere_goes_too(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    ann, ben = talks(store)
    files = tmp_path / "beside"
    _, beside = beside_too(store, files, ann)
    (files / "files" / ben.conversation).mkdir()
    erase(store, [ann.conversation], START, beside=beside)
    assert everything(url).count(b"canary") == 0
    assert [path.name for path in (files / "files").iterdir()] == [ben.conversation]
    store.close()


def test_r29_control_without_what_lies_beside_it_canaries_are_found(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    ann, _ = talks(store)
    beside_too(store, tmp_path / "beside", ann)
    erase(store, [ann.conversation], START)
    left = everything(url)
    for number in (14, 15, 16, 17):
        assert b"canary-%d" % number in left, number
    assert list((tmp_path / "beside" / "files").rglob("*.png"))
    store.close()


def test_age_takes_the_pictures_along(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    ann, _ = talks(store)
    files = tmp_path / "beside"
    _, beside = beside_too(store, files, ann)
    ann.command(Act.RESOLVE, "HB-1001")
    assert sweep(store, START + timedelta(days=40), conversations_days=30, beside=beside) >= 1
    assert not list((files / "files").iterdir())
    assert everything(url).count(b"canary") == 0
    store.close()


def test_an_erasure_that_fails_beside_the_tables_is_done_by_the_next(store: SqlStore) -> None:
    ann, _ = talks(store)

    def fails(*_: object) -> None:
        raise CallError(Code.UNAVAILABLE, "the pictures cannot be deleted", "Try again")

    with pytest.raises(CallError, match="pictures"):
        erase(store, [ann.conversation], START, beside=fails)
    assert find_conversations(store, "ann-canary-1") == [ann.conversation]
    seen: list[Any] = []
    erase(store, [ann.conversation], START, beside=lambda *of: seen.append(of))
    assert [of[0] for of in seen] == [ann.conversation]
    assert seen[0][2]  # the keys of its messages
    assert find_conversations(store, "ann-canary-1") == []


@pytest.mark.parametrize("who", ["ann-canary-1", "CANARY-3@example.com", "hb-1001"])
def test_a_person_is_found_by_id_address_or_case(store: SqlStore, who: str) -> None:
    ann, _ = talks(store)
    assert find_conversations(store, who) == [ann.conversation]


@pytest.mark.parametrize("who", ["", "%", "_", "name", "id", "canary", "nobody", "' OR 1=1 --", "example.com"])
def test_nobody_else_is_found(store: SqlStore, who: str) -> None:
    talks(store)
    assert find_conversations(store, who) == []


def test_copies_elsewhere_are_named(store: SqlStore) -> None:
    from helpbot.desk.delivery import Courier
    from senders.stubs import MemorySender

    ann, _ = talks(store)
    courier = Courier(store, [MemorySender()], SETTINGS, Clock(), codec=Codec())
    while courier.run_once():
        pass
    copies = erase(store, [ann.conversation], START).copies
    assert {copy.route for copy in copies} == {"hook"}
    assert all(copy.receipt for copy in copies)


def test_an_export_is_complete_and_holds_nobody_elses(store: SqlStore) -> None:
    _, ben = talks(store)
    text = json.dumps(export(store, find_conversations(store, "ann-canary-1")))
    for number in (1, 2, 3, 4, 6, 7, 8, 9, 11):
        assert f"canary-{number}" in text, number
    assert "canary-10" not in text  # an internal note is the agents' own
    assert "ben" not in text.lower()
    assert ben.conversation not in text


@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.full)])
def test_a_backup_while_everything_goes_on_holds_what_was_acknowledged(url: str, tmp_path: Path, count: int) -> None:
    store = open_store(url)
    desk = make_desk(store, SETTINGS)
    said: list[tuple[str, str]] = []
    stop = threading.Event()

    def chat() -> None:
        talk = Talk(desk, Clock()).start()
        n = 0
        while not stop.is_set():
            n += 1
            talk.say(f"message {n}")
            said.append((talk.conversation, f"message {n}"))
            stop.wait(0.05)

    threads = [threading.Thread(target=chat) for _ in range(3)]
    for thread in threads:
        thread.start()
    copies = []
    for n in range(count):
        stop.wait(0.2)
        before = list(said)
        copies.append((backup(store, tmp_path / f"copy{n}"), before))
    stop.set()
    for thread in threads:
        thread.join()
    store.close()
    for copy, before in copies:
        held = restore(url, copy, codec=Codec())
        assert held.conversations >= len({c for c, _ in before})
        again = open_store(url)
        kept = {
            (conversation, message.text)
            for conversation in {c for c, _ in before}
            for message in again.messages(conversation, after=0, limit=100_000, internal=True)
        }
        assert set(before) <= kept
        again.close()
    figure(f"R27, {url.partition(':')[0]}: {count} backups, each has all of the up to {len(said)} messages before it")


def test_a_restore_holds_the_outbox_until_it_is_released(url: str, tmp_path: Path) -> None:
    from helpbot.desk.delivery import Courier
    from senders.stubs import MemorySender

    store = open_store(url)
    talks(store)
    copy = backup(store, tmp_path / "copy")
    store.close()
    restored = restore(url, copy, codec=Codec())
    assert restored.held > 3
    store = open_store(url)
    desk = make_desk(store, SETTINGS)
    sender = MemorySender()
    courier = Courier(store, [sender], SETTINGS, Clock(), codec=Codec())
    assert courier.run_once() == 0
    assert {d.state for d in desk.deliveries()} == {DeliveryState.HELD}
    assert desk.release_route() == restored.held
    while courier.run_once():
        pass
    assert len(sender.sent) == restored.held
    talk = Talk(desk, Clock()).start()
    assert talk.say("escalate P | E") == ["Case HB-1002 is open"]
    store.close()


def test_who_was_erased_after_the_backup_stays_erased(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    ann, ben = talks(store)
    copy = backup(store, tmp_path / "copy")
    erase(store, [ann.conversation], START)
    store.close()
    assert restore(url, copy, codec=Codec()).erased_again == 1
    assert everything(url).count(b"canary") == 0
    store = open_store(url)
    assert store.conversation(ben.conversation) is not None
    store.close()


class TestBesideTheDesk:
    """Pictures, and what Slack keeps in the same database."""

    def settings(self, tmp_path: Path, url: str) -> dict[str, Any]:
        from helpbot.bootstrap import beside_the_desk
        from helpbot.config import read_settings, shipped_places

        found = beside_the_desk(
            replace(read_settings(shipped_places()), database_url=f"sqlite:///{tmp_path}/beside/x.db")
        )
        assert found["pictures"] == tmp_path / "beside" / "files"
        return found

    @pytest.fixture
    def kept(self, url: str, tmp_path: Path) -> tuple[str, Talk, Talk, Path, dict[str, Any]]:
        """A backup with a picture and Slack's rows of Ann; then all of it is lost."""
        store = open_store(url)
        ann, ben = talks(store)
        beside_too(store, tmp_path / "beside", ann)
        further = self.settings(tmp_path, url)
        copy = backup(store, tmp_path / "copy", **further)
        slack = SlackState(store.engine, Clock())
        slack.accept("later", "T:C:1", "said", {"text": "after the backup"})
        slack.open_place(key="T:C:2", kind="case", thread="", conversation="later", who="x")
        store.close()
        shutil.rmtree(tmp_path / "beside")
        return url, ann, ben, copy, further

    def test_comes_back(self, kept: Any, tmp_path: Path) -> None:
        url, ann, _, copy, further = kept
        stray = tmp_path / "beside" / "files" / "begun-after-the-backup"
        stray.mkdir(parents=True)
        held = restore(url, copy, codec=Codec(), **further)
        assert held.pictures == 1
        assert (tmp_path / "beside" / "files" / ann.conversation / "a.png").read_bytes() == b"canary-13"
        assert not stray.exists()  # its conversation is not there any more, so nothing would ever delete it
        left = everything(url)
        for number in (14, 15, 16, 17):
            assert b"canary-%d" % number in left, number
        assert b"after the backup" not in left
        assert b"canary-13" not in left  # the picture is in its folder, and not in the database beside it
        store = open_store(url)
        assert SlackState(store.engine, Clock()).accept("next", "T:C:1", "said", {})  # ids go on where they were
        store.close()

    def test_comes_back_into_an_empty_place(self, kept: Any, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        url, ann, _, copy, further = kept
        if url.startswith("sqlite"):
            empty = f"sqlite:///{tmp_path}/empty/helpbot.db"
        else:
            empty = request.getfixturevalue("postgres").database()
        assert restore(empty, copy, codec=Codec(), **further).pictures == 1
        assert b"canary-16" in everything(empty)
        assert (tmp_path / "beside" / "files" / ann.conversation / "a.png").exists()

    def test_stays_erased(self, kept: Any, tmp_path: Path) -> None:
        from helpbot.bootstrap import beside_of
        from helpbot.config import read_settings, shipped_places

        url, ann, ben, copy, further = kept
        settings = replace(read_settings(shipped_places()), database_url=f"sqlite:///{tmp_path}/beside/x.db")
        store = open_store(url)
        erase(store, [ann.conversation], START, beside=beside_of(settings, store))
        store.close()
        held = restore(url, copy, codec=Codec(), beside=lambda store: beside_of(settings, store), **further)
        assert (held.erased_again, held.pictures) == (1, 0)
        assert everything(url).count(b"canary") == 0
        assert not list((tmp_path / "beside").rglob("*.png"))
        store = open_store(url)
        assert store.conversation(ben.conversation) is not None
        store.close()

    def test_is_found_missing_where_it_was_left_out(self, kept: Any, tmp_path: Path) -> None:
        """The control: a backup of the desk's tables alone."""
        url, ann, _, _, further = kept
        store = open_store(url)
        bare = backup(store, tmp_path / "bare")
        store.close()
        assert restore(url, bare, codec=Codec(), **further).pictures == 0
        assert not (tmp_path / "beside" / "files" / ann.conversation).exists()
        if not url.startswith("sqlite"):
            assert b"canary-16" not in everything(url)

    def test_a_picture_that_is_still_being_written_or_is_none_is_left_out(self, url: str, tmp_path: Path) -> None:
        store = open_store(url)
        ann, _ = talks(store)
        folder = tmp_path / "beside" / "files" / ann.conversation
        folder.mkdir(parents=True)
        (folder / ".half").write_bytes(b"half")
        (folder / "whole.png").write_bytes(b"whole")
        (tmp_path / "beside" / "files" / "nobody").mkdir()
        (tmp_path / "beside" / "files" / "nobody" / "orphan.png").write_bytes(b"orphan")
        further = self.settings(tmp_path, url)
        copy = backup(store, tmp_path / "copy", **further)
        store.close()
        shutil.rmtree(tmp_path / "beside")
        assert restore(url, copy, codec=Codec(), **further).pictures == 1
        assert [path.name for path in (tmp_path / "beside" / "files").rglob("*.*")] == ["whole.png"]


@pytest.mark.parametrize("gone", ["hold", "load"])
def test_a_restore_that_is_cut_short_changes_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """Rows never come back without the outbox held and the erased noted: it is one step."""
    from helpbot.store import backup as module

    store = open_store(url)
    ann, _ = talks(store)
    copy = backup(store, tmp_path / "copy")
    Talk(make_desk(store), Clock()).start().say("after the backup")
    erase(store, [ann.conversation], START)
    store.close()

    def fails(*_: object) -> int:
        raise CallError(Code.UNAVAILABLE, "cut short", "Try again")

    if gone == "hold":
        monkeypatch.setattr(module, "_hold", fails)
    elif url.startswith("sqlite"):
        monkeypatch.setattr(module, "_prepare_sqlite", fails)
    else:
        monkeypatch.setattr(module.json, "loads", fails)
    with pytest.raises(CallError, match="cut short"):
        restore(url, copy, codec=Codec())
    monkeypatch.undo()
    left = everything(url)
    assert left.count(b"canary") == 0
    assert b"after the backup" in left


@pytest.mark.postgres
class TestRefusedDumps:
    @pytest.fixture
    def copy(self, postgres_url: str, tmp_path: Path) -> Path:
        store = open_store(postgres_url)
        talks(store)
        made = backup(store, tmp_path / "copy.jsonl.gz")
        store.close()
        return made

    def refused(self, url: str, source: Path, says: str) -> None:
        before = everything(url)
        with pytest.raises(CallError, match=says):
            restore(url, source, codec=Codec())
        assert everything(url) == before

    def lines(self, copy: Path, change: Any) -> None:
        with gzip.open(copy, "rt", encoding="utf-8") as file:
            found = change([json.loads(line) for line in file])
        with gzip.open(copy, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in found)

    def test_one_cut_short(self, postgres_url: str, copy: Path) -> None:
        copy.write_bytes(copy.read_bytes()[:900])
        self.refused(postgres_url, copy, "cannot be read")

    def test_one_with_a_row_less(self, postgres_url: str, copy: Path) -> None:
        self.lines(copy, lambda lines: [line for n, line in enumerate(lines) if n != 5])
        self.refused(postgres_url, copy, "cut short")

    def test_one_without_its_end(self, postgres_url: str, copy: Path) -> None:
        self.lines(copy, lambda lines: lines[:-1])
        self.refused(postgres_url, copy, "cut short")

    def test_a_newer_one(self, postgres_url: str, copy: Path) -> None:
        self.lines(copy, lambda lines: [{**lines[0], "revision": "9999"}, *lines[1:]])
        self.refused(postgres_url, copy, "newer helpbot")

    def test_one_with_a_table_that_nobody_knows(self, postgres_url: str, copy: Path) -> None:
        self.lines(copy, lambda lines: [lines[0], {"table": "telepathy", "row": {}}, *lines[1:]])
        self.refused(postgres_url, copy, "telepathy")

    def test_a_file_of_sqlite(self, postgres_url: str, sqlite_url: str, tmp_path: Path) -> None:
        self.refused(postgres_url, Path(sqlite_url.removeprefix("sqlite:///")), "cannot be read")

    def test_a_database_in_use(self, postgres_url: str, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from helpbot.store import backup as module

        monkeypatch.setattr(module, "GRACE", 0.3)
        store = open_store(postgres_url)
        store.ready()
        self.refused(postgres_url, copy, "in use")
        store.close()

    def test_one_of_the_first_format_leaves_what_it_does_not_speak_of(self, postgres_url: str, copy: Path) -> None:
        from helpbot.channels.slack import tables

        store = open_store(postgres_url)
        SlackState(store.engine, Clock()).accept("kept", "T:C:1", "said", {"text": "still here"})
        store.close()
        self.lines(copy, lambda lines: [{**lines[0], "helpbot_backup": 1}, *lines[1:-1]])
        restore(postgres_url, copy, codec=Codec(), further=tables.metadata.sorted_tables)
        assert b"still here" in everything(postgres_url)


class TestRefusedBackups:
    @pytest.fixture
    def copy(self, sqlite_url: str, tmp_path: Path) -> Path:
        store = open_store(sqlite_url)
        talks(store)
        made = backup(store, tmp_path / "copy.db")
        store.close()
        return made

    def refused(self, url: str, source: Path, says: str) -> None:
        path = Path(url.removeprefix("sqlite:///"))
        before = path.read_bytes()
        with pytest.raises((CallError, SettingError), match=says):
            restore(url, source, codec=Codec())
        assert path.read_bytes() == before

    def test_a_damaged_one(self, sqlite_url: str, copy: Path) -> None:
        with copy.open("r+b") as file:
            file.seek(8192)
            file.write(b"\xff" * 8192)
        self.refused(sqlite_url, copy, "damaged")

    def test_one_cut_short(self, sqlite_url: str, copy: Path) -> None:
        copy.write_bytes(copy.read_bytes()[:10_000])
        self.refused(sqlite_url, copy, "damaged")

    def test_one_with_a_stale_log_beside_it(self, sqlite_url: str, copy: Path) -> None:
        copy.with_name("copy.db-wal").write_bytes(b"old")
        self.refused(sqlite_url, copy, "lies beside")

    def test_another_file(self, sqlite_url: str, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.write_text("no")
        self.refused(sqlite_url, other, "not a database")

    def test_a_database_in_use(self, sqlite_url: str, copy: Path) -> None:
        store = open_store(sqlite_url)
        self.refused(sqlite_url, copy, "in use")
        store.close()

    def test_a_backup_is_never_written_over_a_file(self, sqlite_url: str, copy: Path) -> None:
        store = open_store(sqlite_url)
        with pytest.raises(CallError, match="exists"):
            backup(store, copy)
        with pytest.raises(CallError, match="cannot be written"):
            backup(store, Path("/dev/full/copy"))
        store.close()


def test_a_log_left_beside_the_database_does_not_come_back(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    talks(store)
    copy = backup(store, tmp_path / "copy.db")
    Talk(make_desk(store), Clock()).start().say("after the backup")
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    shutil.copy(path.with_name(path.name + "-wal"), tmp_path / "wal")
    store.close()
    shutil.copy(tmp_path / "wal", path.with_name(path.name + "-wal"))  # as a crash would leave it
    restore(sqlite_url, copy, codec=Codec())
    assert sqlite3.connect(path).execute(
        "SELECT count(*) FROM messages WHERE text = 'after the backup'"
    ).fetchone() == (0,)


def test_age_deletes_what_ended_and_nothing_that_waits(store: SqlStore) -> None:
    clock = Clock()
    desk = make_desk(store, SETTINGS, clock)
    ended, waiting, fresh = (Talk(desk, clock).start() for _ in range(3))
    ended.say("yes")
    waiting.say("escalate P | E")
    clock.pass_(days=31)
    fresh.say("yes")
    assert sweep(store, clock.now) == 0
    assert sweep(store, clock.now, conversations_days=30) == 1
    assert [store.conversation(t.conversation) is None for t in (ended, waiting, fresh)] == [True, False, False]


def test_keys_are_forgotten_after_a_week_and_not_before(store: SqlStore) -> None:
    clock = Clock()
    talk = Talk(make_desk(store, clock=clock), clock, channel=Channel.WIDGET).start()
    act = talk.inbound("once", key="k")
    talk.desk.receive(act)
    clock.pass_(days=6)
    sweep(store, clock.now)
    assert talk.desk.receive(act).replayed
    sweep(store, clock.now + timedelta(days=2))
    assert not talk.desk.receive(act).replayed


def test_what_is_given_up_or_held_is_a_gauge(store: SqlStore) -> None:
    from types import SimpleNamespace

    from helpbot.bootstrap import House
    from helpbot.desk.delivery import Courier
    from helpbot.errors import OutsideError
    from senders.stubs import MemorySender

    talks(store)
    house: Any = SimpleNamespace(store=store, knowing=SimpleNamespace(broken=""))
    waiting = House.gauges(house)["deliveries_pending"]
    assert waiting > 3
    clock = Clock()
    sender = MemorySender(fails=lambda parcel: OutsideError("no", permanent=True))
    Courier(store, [sender], SETTINGS, clock, codec=Codec()).run_once()
    after = House.gauges(house)
    assert after["deliveries_dead"] >= 1
    assert after["deliveries_dead"] + after["deliveries_pending"] + after["deliveries_leased"] == waiting
