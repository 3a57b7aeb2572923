"""The proofs prove something: with the safeguard taken out, the same harness sees the damage."""

from __future__ import annotations

import itertools
import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from helpbot.channels.slack import deeds
from helpbot.channels.slack.calls import Slack, SlackFault
from helpbot.channels.slack.gate import SlackGate
from helpbot.channels.slack.people import People
from helpbot.channels.slack.sender import SlackSender
from helpbot.channels.slack.state import SlackState
from tests.slack.bot import Bot, words
from tests.slack.standin import SCOPES, StandIn, Trouble
from tests.slack.test_agents import open_case
from tests.slack.test_files import agent_sends, in_slack, shared_with
from tests.slack.test_sender import case, roots, wait_and_settle
from tests.slack.test_wire import effects, through_a_bad_network


def test_without_the_look_for_a_lost_post_it_is_made_twice(
    bot: Bot, slack: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlackSender, "_find", lambda *_: "")
    slack.troubles["chat.postMessage"].append(Trouble(lose=True))
    case(bot)
    bot.settle()
    wait_and_settle(bot, minutes=2)
    assert len(roots(slack)) == 2


def test_without_the_inbox_slack_waits_for_its_own_api(
    bot: Bot, slack: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SlackState.accept

    def work_first(self: SlackState, *args: Any, **kw: Any) -> bool:
        fresh = original(self, *args, **kw)
        bot.service.work()
        return fresh

    monkeypatch.setattr(SlackState, "accept", work_first)
    slack.delay = 0.6
    started = time.monotonic()
    bot.mention("alpha failed", both=False)
    assert time.monotonic() - started > 0.5
    slack.delay = 0.0


def test_without_the_signature_anybody_is_heard(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlackGate, "_verify", lambda *_: None)
    body = json.dumps({"type": "url_verification", "challenge": "c"})
    sent = {"content-type": "application/json", "x-slack-request-timestamp": "1", "x-slack-signature": "v0=" + "0" * 64}
    assert httpx.post(f"{bot.url}/events", content=body, headers=sent).status_code == 200


def test_without_the_agents_list_anybody_speaks_to_the_user(
    bot: Bot, slack: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(People, "is_agent", lambda *_: True)
    ts = open_case(bot, slack)
    bot.say("! I am no agent", user="U0BEA", channel="C0CASES", thread=bot.root()["ts"])
    bot.settle()
    assert "I am no agent" in str([words(m["blocks"]) for m in slack.thread("C0HELP", ts)])


def test_with_either_key_taken_out_the_other_still_holds_and_without_both_it_is_done_twice(
    bot: Bot, slack: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SlackState.accept
    count = iter(range(100))
    monkeypatch.setattr(
        SlackState, "accept", lambda self, key, *a, **k: original(self, f"{key}-{next(count)}", *a, **k)
    )
    event = {
        "type": "app_mention",
        "channel": "C0HELP",
        "user": "U0ANN",
        "text": "<@U0BOT> alpha failed",
        "ts": "17.5",
        "team": "T01",
    }
    for _ in range(3):
        bot.event(event)
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 1
    receive = bot.desk.receive

    def keyless(inbound: Any) -> Any:
        return receive(replace(inbound, key=f"{inbound.key}-{next(count)}"))

    monkeypatch.setattr(bot.desk, "receive", keyless)
    for _ in range(3):
        bot.event(event)
    bot.settle()
    assert len(slack.messages["C0HELP"]) > 1


def test_without_both_keys_a_bad_network_doubles_effects(
    bot: Bot, slack: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness of the many events, on a bot that knows nothing again."""
    count = itertools.count()
    accept, receive = SlackState.accept, bot.desk.receive
    monkeypatch.setattr(SlackState, "accept", lambda self, key, *a, **k: accept(self, f"{key}-{next(count)}", *a, **k))
    monkeypatch.setattr(
        bot.desk, "receive", lambda inbound: receive(replace(inbound, key=f"{inbound.key}-{next(count)}"))
    )
    through_a_bad_network(random.Random(7), [bot], mentions=10, direct=10)
    bot.service.work()
    heard, answered = effects(bot)
    assert len(heard) == 20
    assert sum(heard) > 25
    assert sum(answered) > 25


def test_without_asking_slack_for_it_a_file_is_shown_twice(
    bot: Bot, slack: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slack, "is_shared", lambda *_: False)
    ts = open_case(bot, slack)
    slack.troubles["files.completeUploadExternal"].append(Trouble(lose=True))
    agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", b"log"))
    wait_and_settle(bot, minutes=1)
    assert len(shared_with(slack, "C0HELP", ts)) == 2
    assert slack.faults == ["a file is shared twice"]
    slack.faults.clear()


def test_where_every_word_counts_as_a_reply_an_internal_file_is_found_with_the_user(
    bot: Bot, slack: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "addressed", lambda text, _: (text, True, False))
    ts = open_case(bot, slack)
    agent_sends(bot, "look at this", in_slack(slack, "secret.txt", b"secret"))
    assert shared_with(slack, "C0HELP", ts) == [("secret.txt", b"secret")]


@pytest.mark.parametrize("method", sorted(name for name, scope in SCOPES.items() if scope and scope != "history"))
def test_a_scope_that_was_not_granted_stops_its_own_method_alone(
    bot: Bot, slack: StandIn, method: str, tmp_path: Path
) -> None:
    needed = SCOPES[method]
    slack.scopes = {scope for scope in SCOPES.values() if scope} - {needed} | {"channels:history", "im:history"}
    arguments: dict[str, dict[str, Any]] = {
        "assistant.threads.setStatus": {"channel_id": "C0HELP", "thread_ts": "1.1", "status": "x"},
        "assistant.threads.setSuggestedPrompts": {"channel_id": "D0ANN", "prompts": [{"title": "a", "message": "b"}]},
        "chat.delete": {"channel": "C0HELP", "ts": "1.1"},
        "chat.postEphemeral": {"channel": "C0HELP", "user": "U0ANN", "text": "x"},
        "chat.postMessage": {"channel": "C0HELP", "text": "x"},
        "chat.update": {"channel": "C0HELP", "ts": "1.1", "text": "x"},
        "conversations.open": {"users": "U0ANN"},
        "files.completeUploadExternal": {"files": '[{"id": "F1"}]'},
        "files.getUploadURLExternal": {"filename": "a", "length": 1},
        "files.info": {"file": "F1"},
        "reactions.add": {"channel": "C0HELP", "timestamp": "1.1", "name": "eyes"},
        "reactions.remove": {"channel": "C0HELP", "timestamp": "1.1", "name": "eyes"},
        "usergroups.users.list": {"usergroup": "S0AGENTS"},
        "users.info": {"user": "U0ANN"},
    }
    with pytest.raises(SlackFault, match="missing_scope"):
        bot.service.slack.call("T01", method, **arguments[method])
    assert bot.service.slack.call("T01", "auth.test")["ok"]
    assert len(bot.alerts) == 1
    slack.faults.clear()  # files.* take no JSON; it is refused for its scope before that
