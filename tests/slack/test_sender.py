"""Deliveries to Slack: once, in order, within its limits, and through its bad days."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from helpbot.channels.slack import blocks, calls, manifest
from helpbot.channels.slack.blocks import Drawn
from helpbot.channels.slack.calls import Pace
from helpbot.channels.slack.places import Place
from helpbot.desk.records import Act, AgentCommand, DeliveryState
from helpbot.messages import Channel, Inbound, Person
from tests.slack.bot import Bot, words
from tests.slack.standin import SCOPES, StandIn, Trouble

ROOT = Path(__file__).parents[2]
SAM = Person(id="T01:U0SAM", name="Sam Agent")


def case(bot: Bot, n: int = 0) -> str:
    """An open case of a website visitor, undelivered; its conversation."""
    return bot.widget_talk("zeta failed", "I want to talk to a person", f"Quotes {n}", name=f"Visitor {n}")


def roots(slack: StandIn) -> list[dict[str, Any]]:
    return [m for m in slack.messages["C0CASES"] if not m.get("thread_ts")]


def wait_and_settle(bot: Bot, **length: float) -> None:
    bot.clock.pass_(**length)
    bot.mono.pass_(**length)
    bot.settle()


# ── R16: Slack's bad days ──

PASSING = {
    "500": Trouble(status=500, body="oops"),
    "502 html": Trouble(status=502, body="<html>bad gateway</html>"),
    "200 html": Trouble(status=200, body="<html>maintenance</html>"),
    "200 nonsense": Trouble(status=200, body="not json"),
    "internal_error": Trouble(error="internal_error"),
    "fatal_error": Trouble(error="fatal_error"),
    "service_unavailable": Trouble(error="service_unavailable"),
    "ratelimited": Trouble(error="ratelimited", status=429, headers={"Retry-After": "30"}),
}
LASTING = [
    "invalid_auth",
    "account_inactive",
    "token_revoked",
    "missing_scope",
    "channel_not_found",
    "is_archived",
    "not_in_channel",
]


@pytest.mark.parametrize("name", PASSING)
def test_a_bad_moment_of_slack_delays_a_case_and_loses_nothing(bot: Bot, slack: StandIn, name: str) -> None:
    trouble = PASSING[name]
    slack.troubles["chat.postMessage"].append(Trouble(**{**trouble.__dict__, "times": 2}))
    case(bot)
    bot.settle()
    assert roots(slack) == []
    (waiting,) = bot.desk.deliveries(route="agents")
    assert waiting.state is DeliveryState.PENDING
    assert waiting.last_error
    for _ in range(6):
        wait_and_settle(bot, seconds=90)
    assert len(roots(slack)) == 1
    assert bot.alerts == []


@pytest.mark.parametrize("error", LASTING)
def test_what_a_person_must_mend_is_told_once_and_not_hammered(bot: Bot, slack: StandIn, error: str) -> None:
    """An hour of it, looked at every minute: one alert, a call in ten minutes at most, and then everything arrives."""
    slack.fail("chat.postMessage", error, times=10_000)
    for n in range(4):
        case(bot, n)
    for _ in range(60):
        wait_and_settle(bot, minutes=1)
    assert len(slack.of("chat.postMessage")) <= 7
    assert len(bot.alerts) == 1
    assert error in bot.alerts[0]
    assert {d.state for d in bot.desk.deliveries(route="agents")} == {DeliveryState.PENDING}
    slack.troubles.clear()
    for _ in range(25):
        wait_and_settle(bot, minutes=1)
    assert len(roots(slack)) == 4


def test_a_slack_that_is_down_for_an_hour_gets_everything_in_order(bot: Bot, slack: StandIn) -> None:
    conversation = case(bot)
    bot.settle()
    slack.fail("*", status=503, body="down", times=100_000)
    person = Person(id="w1", name="Visitor 0")
    for n in range(20):
        bot.desk.receive(
            Inbound(key=f"m{n}", channel=Channel.WIDGET, thread=conversation, person=person, text=f"word {n}.")
        )
        wait_and_settle(bot, minutes=3)
    slack.troubles.clear()
    started = bot.clock()
    while any(d.state is DeliveryState.PENDING for d in bot.desk.deliveries(route="agents", limit=500)):
        wait_and_settle(bot, seconds=20)
        assert (bot.clock() - started).total_seconds() < 900
    thread = "\n".join(words(m["blocks"]) for m in bot.case_thread())
    positions = [thread.index(f"word {n}.") for n in range(20)]
    assert positions == sorted(positions)


def test_a_retry_after_is_waited_for(bot: Bot, slack: StandIn) -> None:
    slack.fail("chat.postMessage", "ratelimited", status=429, headers={"Retry-After": "120"})
    case(bot)
    bot.settle()
    for _ in range(5):
        wait_and_settle(bot, seconds=20)
    assert len(slack.of("chat.postMessage")) == 1
    wait_and_settle(bot, seconds=30)
    assert len(roots(slack)) == 1


# ── after a crash ──


@pytest.mark.parametrize("lost", ["chat.postMessage"])
def test_an_answer_of_slack_that_gets_lost_makes_no_second_post(bot: Bot, slack: StandIn, lost: str) -> None:
    """As a crash between Slack's taking the post and our noting it: found again by the delivery's id."""
    slack.troubles[lost].append(Trouble(lose=True))
    case(bot)
    bot.settle()
    assert len(roots(slack)) == 1
    wait_and_settle(bot, minutes=2)
    assert len(roots(slack)) == 1
    assert len(slack.of("conversations.history")) == 1
    (opened,) = [d for d in bot.desk.deliveries(route="agents") if d.kind == "case.opened"]
    assert opened.state is DeliveryState.DELIVERED
    assert opened.receipt["ts"] == roots(slack)[0]["ts"]


def test_a_lost_answer_in_a_thread_is_found_in_the_thread(bot: Bot, slack: StandIn) -> None:
    ts = bot.mention("alpha failed")
    slack.troubles["chat.postMessage"].append(Trouble(lose=True))
    bot.settle()
    wait_and_settle(bot, minutes=2)
    assert len(slack.thread("C0HELP", ts)) == 1
    assert len(slack.of("conversations.replies")) == 1


def test_another_node_goes_on_where_one_died_after_sending(bot: Bot, slack: StandIn) -> None:
    case(bot)
    (delivery,) = bot.desk.deliveries(route="agents")
    slack.troubles["chat.postMessage"].append(Trouble(lose=True))
    bot.settle()
    second = Bot(slack, bot.folder, url=bot.store.url, clock=bot.clock)
    try:
        wait_and_settle(second, minutes=2)
    finally:
        second.close()
    assert len(roots(slack)) == 1
    assert bot.desk.delivery(delivery.id).state is DeliveryState.DELIVERED


# ── rates ──


def test_no_channel_gets_more_than_it_takes_and_replies_go_before_updates(slack: StandIn, tmp_path: Path) -> None:
    """Slack's own rate, enforced: bursts of three, one a second; not one call is refused."""
    slack.rate = (3, 1.0)
    bot = Bot(slack, tmp_path, pace=Pace())
    try:
        conversation = case(bot)
        bot.settle()
        person = Person(id="w1", name="Visitor 0")
        for n in range(4):
            bot.desk.receive(
                Inbound(key=f"m{n}", channel=Channel.WIDGET, thread=conversation, person=person, text=f"word {n}.")
            )
        started = time.monotonic()
        while bot.courier.run_once():
            bot.service.keep_up()
        took = time.monotonic() - started
        posts = slack.of("chat.postMessage", channel="C0CASES")
        updates = slack.of("chat.update", channel="C0CASES")
        assert len(posts) == 6  # root, the talk so far, four words
        assert took >= 1.5
        assert all(update.at > posts[-1].at or update.at < posts[2].at for update in updates)
        time.sleep(2.5)
        bot.service.keep_up()
        assert slack.of("chat.update", channel="C0CASES")[-1].at > posts[-1].at
    finally:
        bot.close()


def test_many_changes_of_a_case_are_one_update(bot: Bot, slack: StandIn) -> None:
    case(bot)
    bot.settle()
    before = len(slack.of("chat.update"))
    for n, act in enumerate((Act.CLAIM, Act.HAND_BACK, Act.CLAIM, Act.HAND_BACK, Act.CLAIM)):
        bot.desk.agent(AgentCommand(key=f"a{n}", case="HB-1001", agent=SAM, act=act))
    bot.settle()
    assert len(slack.of("chat.update")) - before == 1
    assert "Sam Agent" in words(bot.root()["blocks"])


def test_a_root_that_somebody_deleted_is_not_drawn_for_ever(bot: Bot, slack: StandIn) -> None:
    case(bot)
    bot.settle()
    slack.messages["C0CASES"].clear()
    bot.desk.agent(AgentCommand(key="a", case="HB-1001", agent=SAM, act=Act.CLAIM))
    for _ in range(3):
        wait_and_settle(bot, minutes=2)
    assert len(slack.of("chat.update")) <= 2


# ── lengths ──


@pytest.mark.parametrize("length", [2_900, 13_000, 40_001, 90_000])
def test_words_of_any_length_arrive_whole(bot: Bot, slack: StandIn, length: int) -> None:
    ts = bot.mention("zeta failed")
    bot.settle()
    bot.press("Ask a person", slack.messages["C0HELP"][-1])
    bot.settle()
    bot.submit(slack.views[-1], {"product_name": "Q" * 2_000, "error_message": "zeta failed"})
    bot.settle()
    text = "".join(f"{n:06d}<!&>" for n in range(length // 10))
    bot.desk.agent(AgentCommand(key="a", case="HB-1001", agent=SAM, act=Act.REPLY, text=text, source="web"))
    bot.settle()
    for thread in (slack.thread("C0HELP", ts), bot.case_thread()):
        shown = "".join(words(m["blocks"]).replace("\n", "") for m in thread)
        assert text in shown.replace("Sam Agent* from support", "")


def test_a_reply_with_the_most_of_everything_is_split_where_slack_would_refuse_it(bot: Bot, slack: StandIn) -> None:
    from dataclasses import replace

    from helpbot.channels.slack import blocks, limits
    from helpbot.messages import Choice, Citation, Code, Outcome, Reply, Step, Steps, Text

    reply = Reply(
        outcome=Outcome.ANSWER,
        text="x" * 50_000,
        confidence=0.95,
        parts=(
            Text(text="t" * 30_000),
            Steps(steps=tuple(Step(text="s" * 2_000, go="A > B", source=0) for _ in range(30))),
            *(Code(text="c" * 5_000) for _ in range(60)),
        ),
        citations=tuple(Citation(article="a", title="T" * 300, section="S" * 300, anchor="x") for _ in range(20)),
        choices=tuple(Choice(id=f"c{n}", label="L" * 200) for n in range(40)),
    )
    drawn = blocks.answer(reply, conversation="c" * 26, seq=1, links=blocks.Links(public_url="https://x.example"))
    for group in limits.messages(drawn.blocks):
        assert limits.faults(group) == []
    starts = [
        element["elements"][0].get("offset", 0)
        for element in drawn.blocks
        if element["type"] == "rich_text" and element["elements"][0]["type"] == "rich_text_list"
    ]
    assert starts == sorted(starts)
    assert len(starts) > 1
    small = replace(reply, parts=(Text(text="hello"),), choices=())
    assert len(limits.messages(blocks.answer(small, conversation="c", seq=1, links=blocks.Links()).blocks)) == 1


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "chat.postEphemeral"])
def test_blocks_that_slack_would_refuse_are_never_sent_by_any_call_and_the_words_are(
    bot: Bot, slack: StandIn, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    bot.mention("alpha failed")
    bot.settle()
    where = {"ts": slack.messages["C0HELP"][0]["ts"]} if method == "chat.update" else {}
    who = {"user": "U0ANN"} if method == "chat.postEphemeral" else {}
    bad = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]
    bot.service.slack.call("T01", method, channel="C0HELP", text="w" * 50_000, blocks=bad, **where, **who)
    sent = slack.of(method)[-1].args
    assert not sent["blocks"]
    assert len(sent["text"]) == 40_000
    assert "3001 characters" in caplog.text


@pytest.mark.parametrize(
    "broken",
    [
        {"title": {"type": "plain_text", "text": "t" * 25}},
        {"private_metadata": "p" * 3_001},
        {"callback_id": "c" * 256},
        {"blocks": [{"type": "divider"}] * 101},
        {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "h" * 151}}]},
    ],
)
def test_a_window_that_slack_would_refuse_is_not_sent(bot: Bot, slack: StandIn, broken: dict[str, Any]) -> None:
    from helpbot.channels.slack import views
    from helpbot.channels.slack.calls import SlackFault

    view = {**views.ask_bot("C0HELP"), **broken}
    with pytest.raises(SlackFault, match="not drawn as it should be"):
        bot.service.slack.call("T01", "views.open", trigger_id=slack.trigger(), view=view)
    assert slack.of("views.open") == []


# ── R34 ──


def test_every_scope_of_the_manifest_is_needed_and_no_other(slack: StandIn, tmp_path: Path) -> None:
    """With the manifest's scopes everything works; each call needs one of them; each is needed by a call or an event."""
    granted = set(manifest.scopes(manifest.manifest(ROOT / "bot/slack/manifest.yaml")))
    slack.scopes = granted
    by_call = {scope for scope in SCOPES.values() if scope and scope != "history"}
    by_event = {"app_mentions:read", "channels:history", "groups:history", "im:history", "commands", "files:read"}
    assert granted == by_call | by_event
    bot = Bot(slack, tmp_path)
    try:
        bot.mention("alpha failed")
        bot.event({"type": "app_home_opened", "user": "U0SAM", "channel": "D0X", "tab": "home"})
        bot.event({"type": "app_home_opened", "user": "U0SAM", "channel": "D0X", "tab": "messages"})
        case(bot)
        bot.settle()
        assert not [a for a in bot.alerts if "missing_scope" in a]
        assert roots(slack)
    finally:
        bot.close()


# ── what Slack may refuse all the same ──


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long"])
def test_what_slack_will_not_draw_is_said_in_words_whole(
    bot: Bot, slack: StandIn, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its bounds are not all written down: better plain words than none, and not only the first of them."""
    ts = bot.mention("alpha failed <https://evil.example|x>")
    slack.fail("chat.postMessage", error)
    bot.settle()
    (answer,) = slack.thread("C0HELP", ts)
    assert answer["blocks"] == []
    for part in (
        "Because of Alpha.",
        "Admin &gt; Tools",
        "Do it.",
        "How to check: ",
        "<https://bot.example.com/articles/",
    ):
        assert part in answer["text"]
    assert error in caplog.text
    assert {d.state for d in bot.desk.deliveries(route="users")} == {DeliveryState.DELIVERED}
    said = "word " * 2_000
    bare = calls._bare({"text": "short", "blocks": list(blocks.user_words("Ann", said)[0].blocks)})
    assert said.strip() in bare["text"]


def test_nobody_asks_again_before_slacks_time_is_up(bot: Bot, slack: StandIn) -> None:
    slack.fail("chat.postMessage", "ratelimited", status=429, headers={"Retry-After": "30"})
    bot.mention("alpha failed")
    bot.mention("beta failed", user="U0BEA")
    for _ in range(3):
        bot.settle()
    assert len(slack.of("chat.postMessage", channel="C0HELP")) == 1
    assert bot.alerts == []
    wait_and_settle(bot, seconds=31)
    assert len(slack.messages["C0HELP"]) == 2


def test_a_channel_that_had_enough_for_now_holds_nobody_up_elsewhere(bot: Bot, slack: StandIn) -> None:
    slack.fail("chat.postMessage", "ratelimited", status=429, headers={"Retry-After": "30"})
    bot.mention("alpha failed")
    bot.settle()
    bot.say("beta failed", channel="D0ANN")
    bot.settle()
    assert slack.messages["C0HELP"] == []
    assert len(slack.messages["D0ANN"]) == 1


def test_an_answer_in_several_parts_counts_as_several_uses_of_its_address(bot: Bot, slack: StandIn) -> None:
    """Slack takes five within half an hour; what does not fit comes as a direct message, whole."""
    bot.command("alpha failed", trigger="t1")
    bot.settle()
    place = Place(team="T01", channel="C0HELP", private="p1")
    kept = {"url": slack.response_url("cmd-t2"), "left": 4, "at": bot.clock().isoformat()}
    bot.service.state.keep("respond", place.key, kept)
    three = Drawn(text="x", blocks=tuple({"type": "divider"} for _ in range(101)))
    before = len(slack.responses)
    assert bot.service.sender._respond(place, three)
    assert len(slack.responses) == before + 3
    assert not bot.service.sender._respond(place, three)
    assert len(slack.responses) == before + 3
