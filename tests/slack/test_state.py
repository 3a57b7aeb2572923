"""What is kept, on both engines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from helpbot.channels.slack.installations import Installations, OAuthStates
from helpbot.channels.slack.state import DEAD_AFTER, Mark, Mood, SlackState
from helpbot.messages import Channel, Inbound
from helpbot.store.sql import SqlStore
from tests.slack.bot import Bot, Clock, words
from tests.slack.standin import StandIn


@pytest.fixture
def clock() -> Clock:
    return Clock(now=datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.fixture
def state(url: str, clock: Clock) -> Iterator[SlackState]:
    store = SqlStore(url)
    yield SlackState(store.engine, clock)
    store.close()


def test_a_thing_is_kept_once_and_done_in_the_order_of_its_lane(state: SlackState, clock: Clock) -> None:
    place = {"key": "T:C:1", "kind": "user", "thread": "T:C:1", "who": "U"}
    assert state.accept("k1", "a", "said", {"n": 1}, place)
    assert not state.accept("k1", "a", "said", {"n": 2})
    assert state.accept("k2", "a", "said", {"n": 2})
    assert state.accept("k3", "b", "said", {"n": 3})
    first, other = state.claim(), state.claim()
    assert first is not None
    assert other is not None
    assert (first.payload, other.payload) == ({"n": 1}, {"n": 3})
    assert state.claim() is None
    assert state.failed(first, "not now", timedelta(seconds=10))
    assert state.claim() is None
    clock.pass_(seconds=11)
    again = state.claim()
    assert again is not None
    assert (again.payload, again.attempts) == ({"n": 1}, 2)
    state.done(again)
    second = state.claim()
    assert second is not None
    assert second.payload == {"n": 2}
    found = state.thread("T:C:1")
    assert found is not None
    assert found.who == "U"


def test_a_deed_of_a_worker_that_died_is_taken_over_and_the_dead_one_changes_nothing(
    state: SlackState, clock: Clock
) -> None:
    state.accept("k", "a", "said", {})
    first = state.claim()
    clock.pass_(minutes=5)
    second = state.claim()
    assert first is not None
    assert second is not None
    state.failed(first, "late", timedelta(0))
    assert state.claim() is None
    state.done(second)
    assert state.waiting() == 0


def test_what_never_works_is_given_up(state: SlackState, clock: Clock) -> None:
    state.accept("k", "a", "said", {"secret": "words"})
    for _ in range(DEAD_AFTER):
        deed = state.claim()
        assert deed is not None
        left = state.failed(deed, "no", timedelta(seconds=1))
        clock.pass_(seconds=2)
    assert not left
    assert state.waiting() == 0
    assert not state.accept("k", "a", "said", {})
    clock.pass_(days=4)
    state.forget_old()
    assert state.accept("k", "a", "said", {})


def test_workers_at_once_never_take_the_same(state: SlackState) -> None:
    for n in range(120):
        state.accept(f"k{n}", f"lane{n % 40}", "said", {})
    taken: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        while (deed := state.claim()) is not None or state.waiting():
            if deed is not None:
                with lock:
                    taken.append(deed.id)
                state.done(deed)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 120


def test_a_mark_is_right_whichever_word_of_it_comes_first(state: SlackState) -> None:
    def mark(message: str) -> Mark:
        return Mark(
            message=message, team="T", channel="C", ts="1.1", root="1.0", who="U", state=Mood.SENT, shown="", reason="", delivery=""
        )  # fmt: skip

    state.went("c.1", Mood.DELIVERED, delivery="d1")
    assert state.unshown(9) == []
    state.mark(mark("c.1"))
    state.mark(mark("c.2"))
    state.went("c.2", Mood.FAILED, reason="no", delivery="d2")
    shown = {m.message: (m.state, m.delivery) for m in state.unshown(9)}
    assert shown == {"c.1": (Mood.DELIVERED, "d1"), "c.2": (Mood.FAILED, "d2")}
    state.read_up_to("c", 1)
    state.went("c.1", Mood.DELIVERED)
    one = state.one_mark("c.1")
    assert one is not None
    assert one.state == Mood.READ
    state.shown(one)
    assert [m.message for m in state.unshown(9)] == ["c.2"]


def test_a_post_is_begun_once(state: SlackState) -> None:
    assert state.begin("d", "p", "C") is None
    assert state.begin("d", "p", "C") == ""
    state.withdraw("d", "p")
    assert state.begin("d", "p", "C") is None
    state.posted("d", "p", "C", "1.5")
    state.withdraw("d", "p")
    assert state.begin("d", "p", "C") == "1.5"


def test_roots_are_drawn_until_they_show_the_last_wish(state: SlackState, clock: Clock) -> None:
    state.open_place(key="T:C:1", kind="case", case_id="c1", conversation="x")
    assert state.undrawn(9) == []
    state.redraw("c1")
    (root,) = state.undrawn(9)
    state.redraw("c1")
    state.drawn(root)
    (root,) = state.undrawn(9)
    state.draw_later(root, timedelta(seconds=30))
    assert state.undrawn(9) == []
    clock.pass_(seconds=31)
    state.drawn(state.undrawn(9)[0])
    assert state.undrawn(9) == []


def test_oauth_states_are_used_once_and_not_for_long(state: SlackState, clock: Clock) -> None:
    states = OAuthStates(state, clock)
    one, two = states.issue(), states.issue()
    assert states.consume(one)
    assert not states.consume(one)
    assert not states.consume("guessed")
    clock.pass_(minutes=11)
    assert not states.consume(two)


def test_installations_are_found_by_workspace_and_forgotten_whole(state: SlackState) -> None:
    from slack_sdk.oauth.installation_store import Installation

    installations = Installations(state)
    for team in ("T1", "T2"):
        installations.save(
            Installation(
                user_id="U", team_id=team, enterprise_id="E1" if team == "T2" else None, bot_token=f"xoxb-{team}"
            )
        )
    assert sorted(installations.teams()) == ["T1", "T2"]
    bot = installations.find_bot(enterprise_id=None, team_id="T2")
    assert bot is not None
    assert bot.bot_token == "xoxb-T2"
    assert installations.find_bot(enterprise_id=None, team_id="T3") is None
    installations.delete_all(enterprise_id=None, team_id="T2")
    assert installations.find_bot(enterprise_id="E1", team_id="T2") is None


def test_an_erased_conversation_leaves_nothing_here(state: SlackState) -> None:
    state.accept(
        "T:C:1", "T:C:1", "said", {"text": "canary"}, {"key": "T:C:1", "kind": "user", "thread": "T:C:1", "who": "U"}
    )
    state.name_place("T:C:1", "conv")
    for space in ("noticed", "files", "moved"):
        state.keep(space, "T:C:1", "canary")
    state.accept("T:C:1:later", "T:C:1", "said", {"text": "canary"})
    state.went("conv.3", Mood.SENT, reason="canary")
    state.erase("conv", "T:C:1", ["T:C:1"])
    assert state.thread("T:C:1") is None
    assert state.one_mark("conv.3") is None
    assert state.kept("files", "T:C:1") is None
    assert state.claim() is None


def test_the_whole_way_on_either_engine(url: str, tmp_path: Path, slack: StandIn) -> None:
    bot = Bot(slack, tmp_path, url=url)
    try:
        ts = bot.mention("zeta failed")
        bot.settle()
        bot.press("Ask a person", slack.messages["C0HELP"][-1])
        bot.settle()
        bot.submit(slack.views[-1], {"product_name": "Quotes", "error_message": "zeta failed"})
        bot.settle()
        bot.press("Claim", bot.root(), user="U0SAM", channel="C0CASES")
        bot.settle()
        mine = bot.say("! Please clear the cache.", user="U0SAM", channel="C0CASES", thread=bot.root()["ts"])
        bot.settle()
        bot.settle()
        assert "Please clear the cache." in words(slack.thread("C0HELP", ts)[-1]["blocks"])
        assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]
    finally:
        bot.close()


def test_two_nodes_share_the_files_of_the_website(postgres_url: str, tmp_path: Path, slack: StandIn) -> None:
    """A visitor's picture that one node took in is copied by the other; an agent's file likewise the other way."""
    from tests.slack.test_files import ANN, agent_sends, in_slack, png, shared_with, visitor_sends

    one, two = (Bot(slack, tmp_path / name, url=postgres_url) for name in ("one", "two"))
    try:
        conversation = one.widget_talk(name="Ann Example")
        visitor_sends(one, conversation, "zeta failed, see", "shot.png", png(), "w-1")
        for n, text in enumerate(("I want to talk to a person", "Quotes", "zeta failed")):
            one.desk.receive(Inbound(key=f"w2-{n}", channel=Channel.WIDGET, thread=conversation, person=ANN, text=text))
        two.settle()
        assert [name for name, _ in shared_with(slack, "C0CASES", two.root()["ts"])] == ["shot.png"]
        agent_sends(two, "! See the file.", in_slack(slack, "a.txt", b"the log"))
        named = [name for m in one.desk.messages(conversation) if m.author == "agent" for name in m.attachments]
        found = one.shelf.find(conversation, named[0].partition("/")[0])
        assert found is not None
        assert (found.name, found.data) == ("a.txt", b"the log")
    finally:
        one.close()
        two.close()
