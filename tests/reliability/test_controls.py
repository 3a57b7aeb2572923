"""The controls: the same tests as elsewhere, against a build broken on purpose, fail. Else they would prove nothing."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from desk import test_delivery as desk_delivery
from desk.support import Clock, Codec, Talk, make_desk
from helpbot.desk import delivery
from helpbot.desk import desk as desk_module
from helpbot.desk.desk import Desk
from helpbot.desk.records import SendResult
from helpbot.errors import OutsideError
from helpbot.senders.mail import MailSender
from helpbot.senders.webhook import WebhookSender
from helpbot.store import backup, engines, migrate
from helpbot.store.sql import SqlStore
from store import test_keeping, test_migrations

from . import test_delivery, test_storage
from .harness import Node, lost
from .test_storage import faulty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from store.postgres import Postgres

__all__ = ["faulty"]  # a fixture

Patch = pytest.MonkeyPatch


@contextmanager
def fails() -> Iterator[None]:
    """What stands in here finds the fault: by an assertion of its own, or because there is nothing to measure."""
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        yield


def open_sqlite(url: str) -> SqlStore:
    return SqlStore(url, codec=Codec())


def test_r3_deliveries_written_after_the_commit_leave_a_case_that_nobody_hears_of(
    faulty: SqlStore, monkeypatch: Patch
) -> None:
    turn, later = desk_module._Turn, list[Any]()
    write, announce = turn.write, Desk._announce

    def without_deliveries(self: Any, tx: Any) -> None:
        later.extend(self.deliveries)
        self.deliveries = []
        write(self, tx)

    def afterwards(self: Desk, done: Any) -> None:
        waiting, later[:] = list(later), []
        self._store.transact(lambda tx: tx.enqueue(waiting))
        announce(self, done)

    monkeypatch.setattr(turn, "write", without_deliveries)
    monkeypatch.setattr(Desk, "_announce", afterwards)
    with fails():
        test_storage.each_call_may_fail(faulty, "escalate", False)


def test_r6_a_sender_that_takes_every_answer_for_success_is_found(sqlite_url: str, monkeypatch: Patch) -> None:
    send = WebhookSender.send

    def careless(self: WebhookSender, parcel: Any) -> SendResult:
        try:
            return send(self, parcel)
        except OutsideError:
            return SendResult()

    monkeypatch.setattr(WebhookSender, "send", careless)
    store = open_sqlite(sqlite_url)
    with fails():
        test_delivery.test_r6_a_receiver_that_fails_half_the_time_gets_everything(store, 60)
    store.close()


def test_r7_one_worker_for_all_routes_lets_a_slow_one_delay_the_others(sqlite_url: str, monkeypatch: Patch) -> None:
    def alone(self: delivery.Courier, stop: Any) -> None:
        while not stop.wait(0.02):
            self.run_once()

    monkeypatch.setattr(delivery.Courier, "run", alone)
    monkeypatch.setattr(test_delivery, "PATIENCE", 4.0)
    store = open_sqlite(sqlite_url)
    with fails():
        test_delivery.test_r7_a_receiver_that_hangs_or_drips_delays_nobody_else(store)
    store.close()


@pytest.mark.parametrize("heed", ["nothing", "everything"])
def test_r8_a_courier_that_heeds_nothing_or_everything_is_found(sqlite_url: str, monkeypatch: Patch, heed: str) -> None:
    store, clock = open_sqlite(sqlite_url), Clock()
    talk = Talk(make_desk(store, desk_delivery.SETTINGS, clock), clock).start()
    if heed == "nothing":
        monkeypatch.setattr(delivery, "_sensible", lambda seconds: None)
        with fails():
            desk_delivery.test_a_sensible_retry_after_is_obeyed(talk, store, clock, 90.0, 90.0)
    else:
        monkeypatch.setattr(delivery, "_sensible", lambda seconds: timedelta(seconds=seconds))
        with fails():
            desk_delivery.test_a_senseless_retry_after_gives_our_own_pause(talk, store, clock, 86_401.0)
    store.close()


def test_r9_a_route_that_is_tried_too_seldom_comes_back_too_late(sqlite_url: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(delivery, "PROBE_EVERY", timedelta(minutes=40))
    store = open_sqlite(sqlite_url)
    with fails():
        test_delivery.test_r9_after_an_outage_the_backlog_goes_out_soon_and_in_order(store, 200, 1)
    store.close()


def test_r11_an_id_of_its_own_for_every_try_is_found(sqlite_url: str, monkeypatch: Patch) -> None:
    number, made = itertools.count(), MailSender._id
    monkeypatch.setattr(MailSender, "_id", lambda self, id_: made(self, f"{id_}.{next(number)}"))
    store = open_sqlite(sqlite_url)
    with fails():
        test_delivery.test_r11_no_mail_is_lost_and_repeats_have_one_id(store, 40)
    store.close()


def test_r12_a_writer_that_waits_without_end_is_found(sqlite_url: str, monkeypatch: Patch) -> None:
    opened = SqlStore.__init__

    def patient(self: SqlStore, url: str, **more: Any) -> None:
        opened(self, url, **{**more, "patience": 60.0})

    monkeypatch.setattr(SqlStore, "__init__", patient)
    monkeypatch.setattr(test_storage, "LONGEST", 3.0)
    with fails():
        test_storage.test_r12_a_locked_database_is_said_in_time_and_nothing_is_lost(sqlite_url, 0.5, 0.8)


def test_r13_a_full_disk_that_is_overlooked_loses_what_was_acknowledged(sqlite_url: str) -> None:
    node = Node("fill", sqlite_url, limit=1_500_000, careless=True)
    acknowledged = [line for line in node.read() if line[0] == "ack"]
    assert acknowledged, node.error
    assert lost(sqlite_url, acknowledged)


def test_r14_a_fault_told_without_its_cause_is_found(sqlite_url: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(engines, "_sqlite_fault", lambda error: engines.unavailable("it cannot be written"))
    store = open_sqlite(sqlite_url)
    with fails():
        test_storage.test_r14_a_database_that_turns_read_only_says_so_and_still_reads(store)
    store.close()


@pytest.mark.postgres
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_r15_a_transaction_that_is_not_run_again_is_found(postgres_url: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(engines, "RETRIES", 0)
    with fails():
        test_storage.test_r15_two_that_wait_for_each_other_are_both_done(postgres_url)


def test_r18_a_reminder_counted_from_the_later_clock_is_found(sqlite_url: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(desk_module._Turn, "_due", lambda self, now, *, idle: self.at - timedelta(hours=2))
    store = open_sqlite(sqlite_url)
    with fails():
        test_storage.test_r18_a_clock_that_goes_back_an_hour_hurts_nobody(store)
    store.close()


def test_r21_a_form_kept_in_memory_alone_is_found(sqlite_url: str, shipped_world: Any, monkeypatch: Patch) -> None:
    from helpbot.dialogue.conversation import Conversation

    encode = Desk._encode

    def forgetful(self: Desk, now: Conversation) -> str:
        return encode(self, Conversation(id=now.id, channel=now.channel, person=now.person, cases=now.cases))

    monkeypatch.setattr(Desk, "_encode", forgetful)
    with fails():
        test_storage.test_r21_a_restart_between_any_two_messages_changes_nothing(sqlite_url, shipped_world, 1)


@pytest.mark.postgres
def test_r23_a_node_that_answers_before_the_commit_is_found(postgres: Postgres, postgres_url: str) -> None:
    acknowledged: list[list[str]] = []
    for run in range(30):
        node = Node("chat", postgres_url, run=f"control{run}", early=True)
        node.wait_ready()
        while len(node.lines()) < 20:
            time.sleep(0.01)
        acknowledged += [line for line in node.kill() if line[0] == "ack"]
        if lost(postgres_url, acknowledged):
            return
    raise AssertionError("nothing was lost, though it was acknowledged before the commit")


def test_r27_a_restore_that_sends_at_once_what_had_waited_is_found(
    sqlite_url: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(backup, "_hold", lambda run, erased: 4)
    with fails():
        test_keeping.test_a_restore_holds_the_outbox_until_it_is_released(sqlite_url, tmp_path)


def test_r28_a_migration_that_drops_a_message_is_found(tmp_path: Path, monkeypatch: Patch) -> None:
    upgrade = migrate._alembic

    def careless(connection: Any, target: str) -> None:
        from sqlalchemy import text

        upgrade(connection, target)
        connection.execute(text("DELETE FROM messages WHERE seq = 2"))

    monkeypatch.setattr(migrate, "_alembic", careless)
    with fails():
        test_migrations.test_every_earlier_schema_is_upgraded_with_its_data(tmp_path)
