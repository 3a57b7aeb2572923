"""The wire: what Slack may send, what anybody else may, and that nothing is done twice or lost."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from helpbot.channels.slack.state import SlackState
from helpbot.desk.records import DeliveryState
from helpbot.errors import CallError, Code, OutsideError, SettingError
from tests.reliability.figures import figure, within
from tests.slack.bot import SECRET, Bot, labels, settings_for, words
from tests.slack.standin import StandIn

EVENT = json.dumps({"type": "event_callback", "team_id": "T01", "event_id": "E1", "event": {"type": "message"}})


def headers(body: bytes, stamp: str, *, signature: str | None = None) -> dict[str, str]:
    mac = hmac.new(SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={mac}" if signature is None else signature,
    }


def post(bot: Bot, body: bytes | str, sent: dict[str, Any]) -> httpx.Response:
    raw = body.encode() if isinstance(body, str) else body
    return httpx.post(f"{bot.url}/events", content=raw, headers=sent, timeout=20)


# ── the gate: bad inputs 26 to 36, T11 ──

UNSIGNED: dict[str, dict[str, Any]] = {
    "no headers": {},
    "timestamp abc": {"x-slack-request-timestamp": "abc", "x-slack-signature": "v0=" + "0" * 64},
    "timestamp empty": {"x-slack-request-timestamp": "", "x-slack-signature": "v0=" + "0" * 64},
    "timestamp 1e9": {"x-slack-request-timestamp": "1e9", "x-slack-signature": "v0=" + "0" * 64},
    "timestamp 5,000 digits": {"x-slack-request-timestamp": "1" * 5000, "x-slack-signature": "v0=" + "0" * 64},
    "timestamp 1_0": {"x-slack-request-timestamp": "1_770_000_000", "x-slack-signature": "v0=" + "0" * 64},
    "timestamp arabic": {"x-slack-request-timestamp": "١٧".encode(), "x-slack-signature": "v0=" + "0" * 64},
    "signature non-ASCII": {
        "x-slack-request-timestamp": "1770000000",
        "x-slack-signature": ("v0=" + "é" * 64).encode(),
    },
    "signature upper case": {"x-slack-request-timestamp": "1770000000", "x-slack-signature": "V0=" + "A" * 64},
    "signature wrong": {"x-slack-request-timestamp": "1770000000", "x-slack-signature": "v0=" + "0" * 64},
}
BODIES = {
    "event": EVENT,
    "bad json": "{",
    "bad payload": urlencode({"payload": "{"}),
    "array": "[1]",
    "bad utf-8": b"\xff\xfe",
    "deep": "[" * 100_000,
    "empty": "",
}


@pytest.mark.parametrize("kind", UNSIGNED)
def test_what_is_not_signed_is_refused_before_it_is_read(bot: Bot, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for body in BODIES.values():
            caplog.clear()
            answer = post(bot, body, {"content-type": "application/json", **UNSIGNED[kind]})
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert set(answer.json()) == {"type", "title", "status", "detail"}
            ours = [r.getMessage() for r in caplog.records if r.name.startswith(("helpbot", "slack"))]
            assert sum(map(len, ours)) <= 200
    assert bot.service.waiting == 0


def test_a_signature_of_another_case_or_secret_is_refused(bot: Bot) -> None:
    stamp = str(int(time.time()))
    good = headers(EVENT.encode(), stamp)
    assert post(bot, EVENT, good).status_code == 200
    assert post(bot, EVENT + " ", good).status_code == 401
    assert post(bot, EVENT, {**good, "x-slack-signature": good["x-slack-signature"].upper()}).status_code == 401
    twice = [*good.items(), ("x-slack-signature", good["x-slack-signature"])]
    assert httpx.post(f"{bot.url}/events", content=EVENT, headers=twice).status_code == 401


def test_twenty_megabytes_are_refused_unread(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    big = b"x" * (20 * 1024 * 1024)
    started = time.monotonic()
    with caplog.at_level(logging.INFO):
        try:
            status = post(bot, big, {"content-type": "application/json"}).status_code
        except httpx.TransportError:  # the connection may close under a sender who goes on writing
            status = 413
    assert status == 413
    assert time.monotonic() - started < 2
    assert sum(len(r.getMessage()) for r in caplog.records if r.name.startswith(("helpbot", "slack"))) <= 200

    def stream() -> Any:
        for _ in range(30):
            yield b"x" * 65_536

    stamp = str(int(time.time()))
    answer = httpx.post(f"{bot.url}/events", content=stream(), headers=headers(b"x", stamp), timeout=20)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ('{"type":"event_callback","event":null}', "application/json", 200),
        ('{"type":"event_callback","event":{"type":5}}', "application/json", 200),
        ('{"type":"event_callback","event":"x"}', "application/json", 200),
        ("{", "application/json", 400),
        ("[1]", "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        ("payload={", "application/x-www-form-urlencoded", 400),
        ("a=b", "application/x-www-form-urlencoded", 200),
        ("ssl_check=1&token=x", "application/x-www-form-urlencoded", 200),
    ],
)
def test_signed_oddities_are_ignored_or_refused_and_nothing_breaks(bot: Bot, body: Any, kind: str, status: int) -> None:
    assert bot.signed(body, kind).status_code == status
    assert bot.service.waiting == 0
    bot.mention("alpha failed")
    bot.settle()
    assert bot.slack.messages["C0HELP"]


def test_slacks_own_checks_are_answered(bot: Bot) -> None:
    answer = httpx.post(
        f"{bot.url}/events",
        content="ssl_check=1&token=x",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert (answer.status_code, answer.text) == (200, "")
    challenge = bot.signed(json.dumps({"type": "url_verification", "token": "x", "challenge": "c-1"}))
    assert challenge.status_code == 200
    assert "c-1" in challenge.text
    unsigned = httpx.post(f"{bot.url}/events", json={"type": "url_verification", "challenge": "c-1"})
    assert unsigned.status_code == 401


def test_events_that_are_nothing_to_us_are_acknowledged(bot: Bot) -> None:
    for kind in ("team_join", "reaction_added", "a_new_thing", "assistant_thread_context_changed", "app_rate_limited"):
        assert bot.event({"type": kind}).status_code == 200
    limited = {"type": "app_rate_limited", "team_id": "T01", "minute_rate_limited": 1, "api_app_id": "A01"}
    assert bot.signed(json.dumps(limited)).status_code == 200
    assert "30,000" in bot.alerts[0]
    assert bot.signed(json.dumps({"type": "a_new_kind"})).status_code == 200
    who = {"team": {"id": "T01"}, "user": {"id": "U0ANN"}, "api_app_id": "A01"}
    for strange in (
        {"type": "shortcut", "callback_id": "older", "trigger_id": "t", **who},
        {
            "type": "message_action",
            "callback_id": "older",
            "trigger_id": "t",
            "message": {},
            "channel": {"id": "C"},
            **who,
        },
        {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "older", "id": "V", "state": {"values": {}}},
            **who,
        },
        {"type": "view_closed", "view": {"type": "modal", "callback_id": "older", "id": "V"}, **who},
        {"type": "block_suggestion", "action_id": "older", "block_id": "b", "value": "x", **who},
    ):
        assert bot.form(strange).status_code == 200, strange
    unknown = {"type": "block_actions", "team": {"id": "T01"}, "user": {"id": "U0ANN"}, "api_app_id": "A01", "actions": [{"type": "button", "action_id": "of-another-time", "block_id": "b"}]}  # fmt: skip
    assert bot.form(unknown).status_code == 200


# ── R18 ──


@pytest.mark.parametrize(("off", "status"), [(299, 200), (-299, 200), (302, 401), (-302, 401)])
def test_a_clock_may_be_five_minutes_off_and_no_more(bot: Bot, off: int, status: int) -> None:
    assert bot.signed(EVENT, at=int(bot.clock().timestamp()) + off).status_code == status


def test_a_clock_that_is_off_is_told_of_once_with_how_much(bot: Bot) -> None:
    for _ in range(10):
        bot.signed(EVENT, at=int(bot.clock().timestamp()) - 3600)
    (alert,) = bot.alerts
    assert re.search(r"\+360[0-5] s", alert)
    bot.signed(EVENT)
    for _ in range(10):
        bot.signed(EVENT, at=int(bot.clock().timestamp()) + 3600)
    assert len(bot.alerts) == 2
    post(bot, EVENT, headers(EVENT.encode(), str(int(time.time()) - 3600), signature="v0=" + "0" * 64))
    assert len(bot.alerts) == 2


# ── once each ──


def test_the_same_event_four_times_with_retry_headers_is_one_effect(bot: Bot, slack: StandIn) -> None:
    event = {
        "type": "app_mention",
        "channel": "C0HELP",
        "user": "U0ANN",
        "text": "<@U0BOT> alpha failed",
        "ts": "17.5",
        "team": "T01",
    }
    for n in range(4):
        bot.event(
            event,
            event_id="Ev1",
            **({"x_slack_retry_num": str(n), "x_slack_retry_reason": "http_timeout"} if n else {}),
        )
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 1


def test_a_retry_may_be_the_only_copy_that_arrives(bot: Bot, slack: StandIn) -> None:
    event = {
        "type": "app_mention",
        "channel": "C0HELP",
        "user": "U0ANN",
        "text": "<@U0BOT> alpha failed",
        "ts": "17.5",
        "team": "T01",
    }
    bot.event(event, x_slack_retry_num="2", x_slack_retry_reason="http_timeout")
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 1


def test_a_mention_is_not_lost_when_its_plain_message_comes_first_without_saying_who_we_are(
    bot: Bot, slack: StandIn
) -> None:
    words_ = "<@U0BOT> alpha failed"
    plain = {
        "type": "message",
        "channel": "C0HELP",
        "user": "U0ANN",
        "text": words_,
        "ts": "17.5",
        "channel_type": "channel",
        "team": "T01",
    }
    bot.event(plain, own=False)
    bot.settle()
    assert slack.messages["C0HELP"] == []
    bot.event({**plain, "type": "app_mention"}, own=False)
    bot.settle()
    assert "Alpha" in words(slack.messages["C0HELP"][0]["blocks"])


def through_a_bad_network(
    chance: random.Random, nodes: list[Bot], mentions: int, direct: int
) -> tuple[int, int, list[int]]:
    """Slack's part of it: (events, messages, how often each event arrived); asserts that each message got through.

    A mention is two events, a direct message is one. Every try of an event may get lost on its way; or it arrives and
    our answer gets lost; either way Slack tries again, up to four times in all. Some are sent once more for nothing. Of
    one event of a mention in ten no copy arrives at all. Then everything is shuffled, and goes to any of the nodes.
    """
    events = []
    for n in range(mentions + direct):
        mention = n < mentions
        said = {
            "channel": "C0HELP" if mention else f"D0{n:04d}", "user": "U0ANN", "ts": f"18{n:05d}.000100", "team": "T01",
            "text": f"<@U0BOT> alpha failed {n}" if mention else f"alpha failed {n}",
            "channel_type": "channel" if mention else "im",
        }  # fmt: skip
        events.append([{"type": kind, **said} for kind in (("app_mention", "message") if mention else ("message",))])
    copies: list[tuple[dict[str, Any], str, int]] = []
    arrived = []
    for n, told in enumerate(events):
        gone = chance.randrange(2) if len(told) == 2 and chance.random() < 0.1 else None
        for which, event in enumerate(told):
            tries = [] if which == gone else [number for number in range(4) if number == 3 or chance.random() > 0.35]
            for so_far, number in enumerate(tries):
                copies.append((event, f"Ev-{which}-{n}", number))
                if chance.random() > 0.4:  # our answer arrives, and Slack is content
                    tries = tries[: so_far + 1]
                    break
            if tries and chance.random() < 0.1:
                copies.append((event, f"Ev-{which}-{n}", 0))
            arrived.append(len(tries))
    chance.shuffle(copies)

    def send(copy: tuple[dict[str, Any], str, int]) -> int:
        event, name, number = copy
        again = {"x_slack_retry_num": str(number), "x_slack_retry_reason": "http_timeout"} if number else {}
        return chance.choice(nodes).event(event, event_id=name, **again).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(send, copies)) == {200}
    return sum(map(len, events)), len(events), arrived


def effects(bot: Bot) -> tuple[list[int], list[int]]:
    """How many messages of a user, and how many answers to be sent, each conversation has."""

    def counts(query: str) -> list[int]:
        return [row[0] for row in bot.store.engine.read(lambda c: c.execute(query).fetchall())]

    return (
        counts("SELECT count(*) FROM messages WHERE author = 'user' GROUP BY conversation"),
        counts("SELECT count(*) FROM deliveries WHERE kind = 'message.to_user' GROUP BY conversation"),
    )


@pytest.mark.parametrize(
    ("mentions", "direct"), [(70, 60), pytest.param(350, 300, marks=pytest.mark.full, id="a-thousand")]
)
def test_many_events_with_repeats_reordering_and_losses_have_one_effect_each(
    bot: Bot, slack: StandIn, mentions: int, direct: int
) -> None:
    """To two nodes; and of our own calls to Slack, too, one answer in twenty gets lost."""
    second = Bot(slack, bot.folder, url=bot.store.url, clock=bot.clock)
    try:
        nodes = [bot, second]
        events, messages, arrived = through_a_bad_network(random.Random(7), nodes, mentions, direct)
        assert (events, messages) == (2 * mentions + direct, mentions + direct)
        assert {0, 1, 2, 3, 4} == set(arrived)  # some never, most once, some four times
        for node in nodes:
            node.service.start()
        _until(lambda: bot.service.waiting == 0, 120)
        assert effects(bot) == ([1] * messages, [1] * messages)
        slack.lossy = (random.Random(8), 0.05)
        for _ in range(400):
            if not bot.desk.deliveries(DeliveryState.PENDING, limit=1):
                break
            bot.courier.run_once()
            bot.clock.pass_(minutes=1)
        posts = [message["thread_ts"] for channel in slack.messages.values() for message in channel]
        assert len(posts) == len(set(posts)) == messages
        assert len(slack.of("conversations.replies")) > messages // 65  # answers did get lost
    finally:
        second.close()


def test_nothing_is_acknowledged_that_could_not_be_kept(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, slack: StandIn
) -> None:
    def away(*_: Any, **__: Any) -> bool:
        raise CallError(Code.UNAVAILABLE, "the database is locked", "Try again", retry_after=5)

    event = {
        "type": "app_mention",
        "channel": "C0HELP",
        "user": "U0ANN",
        "text": "<@U0BOT> alpha failed",
        "ts": "17.5",
        "team": "T01",
    }
    with monkeypatch.context() as patch:
        patch.setattr(SlackState, "accept", away)
        assert bot.event(event).status_code == 503
        assert bot.command("alpha failed").status_code == 503
    assert bot.event(event).status_code == 200
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 1


def test_what_was_kept_is_done_by_the_next_process(bot: Bot, slack: StandIn) -> None:
    bot.mention("alpha failed")
    assert bot.service.waiting == 1
    second = Bot(slack, bot.folder, url=bot.store.url)
    try:
        second.settle()
    finally:
        second.close()
    assert len(slack.messages["C0HELP"]) == 1


def test_a_deed_that_is_interrupted_is_done_again_without_a_second_effect(bot: Bot, slack: StandIn) -> None:
    bot.mention("alpha failed")
    deed = bot.service.state.claim()
    assert deed is not None
    bot.service._deeds.do(deed)  # and the process dies before it is marked done
    assert bot.service.state.claim() is None
    bot.clock.pass_(minutes=3)
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 1


def test_users_words_do_not_stay_in_the_inbox(bot: Bot, slack: StandIn) -> None:
    bot.mention("alpha failed secret-word")
    bot.settle()
    rows = bot.store.engine.read(lambda c: c.execute("SELECT payload, state FROM slack_inbox").fetchall())
    assert rows == [("{}", "done")]


# ── R17 ──


@pytest.mark.parametrize("events", [40, pytest.param(160, marks=pytest.mark.full)])
def test_slack_is_answered_while_its_own_api_takes_ten_seconds(bot: Bot, slack: StandIn, events: int) -> None:
    """20 events a second, with the workers running and every call to Slack hanging."""
    slack.delay = 10.0
    bot.service.start()
    took: list[float] = []
    lock = threading.Lock()

    def one(n: int) -> None:
        event = {
            "type": "app_mention",
            "channel": "C0HELP",
            "user": "U0ANN",
            "text": f"<@U0BOT> alpha failed {n}",
            "ts": f"19{n:05d}.000100",
            "team": "T01",
        }
        started = time.monotonic()
        assert bot.event(event).status_code == 200
        with lock:
            took.append(time.monotonic() - started)

    with ThreadPoolExecutor(20) as pool:
        started = time.monotonic()
        for n in range(events):
            time.sleep(max(0.0, started + n * 0.05 - time.monotonic()))
            pool.submit(one, n)
    slack.delay = 0.0
    took.sort()
    assert len(took) == events
    kept = bot.store.engine.read(lambda c: c.execute("SELECT count(*) FROM slack_inbox").fetchone())[0]
    assert kept == events
    figure(
        f"R17: {events} events, answered p50 {took[events // 2] * 1000:.0f} ms, p99 {took[-2] * 1000:.0f} ms, "
        f"max {took[-1] * 1000:.0f} ms"
    )
    assert took[-1] < 10.0  # none waited for a call
    within(took[-1], 3.0)  # Slack's own patience; docs/slack.md has the figures


# ── Socket Mode, OAuth, uninstalling ──


def _until(done: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_socket_mode_serves_the_very_same_listeners(bot: Bot, slack: StandIn) -> None:
    bot.service.connect()
    bot.service.start()
    assert slack.connected.wait(5)
    event = {
        "type": "app_mention",
        "channel": "C0HELP",
        "user": "U0ANN",
        "text": "<@U0BOT> alpha failed",
        "ts": "17.5",
        "team": "T01",
    }
    payload = {"type": "event_callback", "team_id": "T01", "api_app_id": "A01", "event_id": "Ev1", "event": event, "authorizations": [{"user_id": "U0BOT", "is_bot": True, "team_id": "T01"}]}  # fmt: skip
    for n in range(3):
        slack.push({"envelope_id": f"e{n}", "type": "events_api", "accepts_response_payload": False, "retry_attempt": n, "retry_reason": "timeout" if n else "", "payload": payload})  # fmt: skip
    _until(lambda: len(slack.envelopes) == 3)
    slack.push(
        {
            "envelope_id": "c1", "type": "slash_commands", "accepts_response_payload": True,
            "payload": {
                "command": "/helpbot", "text": "beta failed", "team_id": "T01", "channel_id": "C0HELP", "user_id": "U0ANN",
                "trigger_id": slack.trigger(), "response_url": slack.response_url("sock"),
            },
        }
    )  # fmt: skip
    _until(lambda: "c1" in slack.envelopes)
    stop = threading.Event()
    courier = threading.Thread(target=bot.courier.run, args=(stop,))
    courier.start()
    try:
        _until(lambda: slack.messages["C0HELP"] and slack.responses)
        time.sleep(0.2)
    finally:
        stop.set()
        courier.join()
    assert len(slack.messages["C0HELP"]) == 1
    assert "Beta" in words(slack.responses[0]["blocks"])
    slack.connected.clear()
    slack.push({"type": "disconnect", "reason": "refresh_requested"})
    assert slack.connected.wait(15)


def test_socket_mode_without_a_token_or_with_a_wrong_one_says_so(slack: StandIn, tmp_path: Any) -> None:
    for token, error in (("", SettingError), ("xapp-wrong", OutsideError)):
        folder = tmp_path / (token or "none")
        folder.mkdir()
        bot = Bot(slack, folder, settings=settings_for(slack, app_token=token))
        try:
            with pytest.raises(error) as caught:
                bot.service.connect()
            assert "\n" not in str(caught.value)
        finally:
            bot.close()


def oauth_bot(slack: StandIn, folder: Any) -> Bot:
    return Bot(
        slack,
        folder,
        settings=settings_for(slack, bot_token="", client_id="1.2", client_secret="s" * 32, case_team="T02"),
    )


def install(bot: Bot, slack: StandIn) -> None:
    start = bot.http.get("/install")
    assert start.status_code == 302
    where = httpx.URL(start.headers["location"])
    assert where.params["redirect_uri"] == "https://bot.example.com/slack/oauth_redirect"
    state = where.params["state"]
    cookie = start.headers["set-cookie"].split(";")[0]
    done = bot.http.get("/oauth_redirect", params={"code": "good", "state": state}, headers={"cookie": cookie})
    assert done.status_code == 200, done.text
    again = bot.http.get("/oauth_redirect", params={"code": "good", "state": state}, headers={"cookie": cookie})
    assert again.status_code != 200


def test_another_workspace_installs_the_bot_and_is_answered_with_its_own_token(slack: StandIn, tmp_path: Any) -> None:
    bot = oauth_bot(slack, tmp_path)
    try:
        install(bot, slack)
        event = {
            "type": "app_mention",
            "channel": "C0HELP",
            "user": "U0ANN",
            "text": "<@U0BOT2> alpha failed",
            "ts": "17.5",
            "team": "T02",
        }
        bot.event(event, team="T02")
        bot.settle()
        assert len(slack.messages["C0HELP"]) == 1
        assert {call.token for call in slack.of("chat.postMessage")} == {"xoxb-second"}
        assert "xoxb-second" not in str(bot.service._settings)
    finally:
        bot.close()


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["U0BOT2"]}}]
)
def test_a_workspace_that_removed_the_bot_is_not_called_any_more(
    slack: StandIn, tmp_path: Any, event: dict[str, Any]
) -> None:
    bot = oauth_bot(slack, tmp_path)
    try:
        install(bot, slack)
        ask = {
            "type": "app_mention",
            "channel": "C0HELP",
            "user": "U0ANN",
            "text": "<@U0BOT2> alpha failed",
            "ts": "17.5",
            "team": "T02",
        }
        bot.event(ask, team="T02")
        bot.settle()
        bot.event(event, team="T02")
        bot.settle()
        count = len(slack.calls)
        bot.event({**ask, "ts": "17.6"}, team="T02")
        bot.settle()
        assert len(slack.calls) == count
        second = Bot(slack, tmp_path, settings=bot.settings, url=bot.store.url)
        second.settle()
        second.close()
        assert len(slack.calls) == count
        install(bot, slack)
        bot.event({**ask, "ts": "17.7"}, team="T02")
        bot.settle()
        assert slack.messages["C0HELP"][-1]["thread_ts"] == "17.7"
    finally:
        bot.close()


# ── T10 ──


def test_a_file_is_fetched_from_slacks_hosts_only_and_never_through_a_redirect(bot: Bot, slack: StandIn) -> None:
    import socket

    trap = socket.create_server(("127.0.0.1", 0))
    trap.settimeout(0.2)
    port = trap.getsockname()[1]
    ts = bot.mention("zeta failed")
    bot.settle()
    bot.press("Ask a person", slack.messages["C0HELP"][-1])
    bot.settle()
    bot.submit(slack.views[-1], {"product_name": "Q", "error_message": "zeta failed"})
    bot.settle()
    bad = [
        f"http://127.0.0.1:{port}/a", f"https://files.slack.com@127.0.0.1:{port}/a", f"http://localhost:{port}/files.slack.com",
        f"https://files.slack.com.evil.example:{port}/", "http://files.slack.com/plain", "https://evilslack.com/x", "file:///etc/passwd",
        f"{slack.url}@127.0.0.1:{port}/", "https://files.slack.com:8443/x", "",
    ]  # fmt: skip
    files = [{"id": f"F{n}", "name": f"{n}.txt", "url_private": url} for n, url in enumerate(bad)]
    bot.say("see these", thread=ts, subtype="file_share", files=files)
    bot.settle()
    with pytest.raises(TimeoutError):
        trap.accept()
    trap.close()
    assert slack.shared == []
    thread = " ".join(words(m["blocks"]) for m in bot.case_thread())
    assert "see these" in thread
    assert bot.service.slack.fetch("T99", f"{slack.url}/files/x") == b""
    del slack.tokens["xoxb-home"]
    assert bot.service.slack.fetch("T01", f"{slack.url}/files/x") is None


def test_a_response_address_that_is_not_slacks_is_not_called(bot: Bot) -> None:
    assert bot.service.slack.respond("http://127.0.0.1:9/x", text="x") is False
    assert bot.service.slack.respond("https://hooks.evil.example/x", text="x") is False


def test_the_labels_of_a_choice_survive_an_event_loop(bot: Bot, slack: StandIn) -> None:
    """The gate never blocks its loop: while a dispatch hangs, another request is answered."""
    hang, hanging = threading.Event(), threading.Event()
    original = bot.service.state.accept

    def slow(*args: Any, **kw: Any) -> bool:
        hanging.set()
        hang.wait(60)
        return original(*args, **kw)

    bot.service.state.accept = slow  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bot.mention, "alpha failed", both=False)
        _until(hanging.is_set)
        assert bot.signed(json.dumps({"type": "url_verification", "challenge": "c"})).status_code == 200
        assert not waiting.done()
        hang.set()
        waiting.result(timeout=60)
    assert labels({}) == []
    assert asyncio.iscoroutinefunction(bot.service.gate.__call__)
