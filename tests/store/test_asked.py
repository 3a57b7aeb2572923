"""What is asked most is counted from the answers in the record, in both engines."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpbot.desk.records import Message, Visibility
from helpbot.messages import Channel, Outcome, Person, Reply, Text
from helpbot.store import traffic
from helpbot.store.sql import SqlStore
from helpbot.store.traffic import most_asked

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def store(url: str) -> Any:
    opened = SqlStore(url)
    yield opened
    opened.close()


def answered(
    store: SqlStore, name: str, *resolutions: str, days: int = 1, channel: Channel = Channel.WIDGET, outcome: Outcome = Outcome.ANSWER
) -> None:  # fmt: skip
    """A conversation in which one thing was asked and answered."""
    from helpbot.desk.desk import Desk
    from helpbot.dialogue import codec

    at = NOW - timedelta(days=days)
    desk = Desk(store, lambda: None, clock=lambda: at, greeting=lambda _: Reply(outcome=Outcome.CLARIFY, text="hi"))
    began = desk.start(channel, Person(id="p"), thread=name)
    reply = Reply(outcome=outcome, text="so", parts=(Text(text="so"),), resolutions=resolutions)
    said = Message(
        conversation=began.conversation.id, seq=2, author="bot", name="", text="so", reply=reply, at=at,
        visibility=Visibility.PUBLIC, attachments=(), key="",
    )  # fmt: skip
    store.transact(lambda tx: tx.post([(said, codec.reply_to_json(reply))]))


def test_answers_are_counted_by_resolution_span_and_channel(store: SqlStore) -> None:
    answered(store, "a", "vpn")
    answered(store, "b", "vpn", "mail")
    answered(store, "c", "mail", channel=Channel.SLACK)
    answered(store, "d", "old", days=31)
    answered(store, "e", "unsure", outcome=Outcome.CLARIFY)
    answered(store, "f")
    since = NOW - timedelta(days=30)
    assert most_asked(store, since) == Counter(vpn=2, mail=2)
    assert most_asked(store, since, "widget") == Counter(vpn=2, mail=1)
    assert most_asked(store, since, "slack") == Counter(mail=1)
    assert most_asked(store, since - timedelta(days=5))["old"] == 1


def test_only_a_sample_of_a_long_record_is_looked_through(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(8):
        answered(store, str(n), "vpn")
    monkeypatch.setattr(traffic, "_SAMPLE", 8)  # a greeting and an answer each
    assert most_asked(store, NOW - timedelta(days=30)) == Counter(vpn=4)
