"""People who ask, over the wire: whatever way they ask, they get the answer where they asked."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpbot.channels.slack.settings import Agents, Mode
from tests.dialogue.worlds import small_world
from tests.slack.bot import BOT, Bot, labels, settings_for, words
from tests.slack.standin import StandIn, Trouble


def test_a_mention_is_answered_once_in_its_thread_though_slack_tells_it_twice(bot: Bot, slack: StandIn) -> None:
    ts = bot.mention("alpha failed")
    bot.settle()
    (answer,) = slack.messages["C0HELP"]
    assert answer["thread_ts"] == ts
    told = words(answer["blocks"])
    for part in ("Alpha", "Because of Alpha.", "Admin > Tools", "Do it.", "How to check", "I am sure of this one"):
        assert part in told
    assert "<https://bot.example.com/articles/guide#sync|Guide › Sync>" in told
    assert labels(answer) == ["Yes, solved", "No, not yet", "Ask a person"]
    assert answer["blocks"][-1]["elements"][0]["type"] == "feedback_buttons"
    assert "Alpha" in answer["text"]


def test_follow_ups_of_the_asker_need_no_mention_and_other_peoples_words_are_theirs(bot: Bot, slack: StandIn) -> None:
    ts = bot.mention("alpha failed")
    bot.settle()
    bot.say("have you tried turning it off?", user="U0BEA", thread=ts)
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 1
    bot.say("that did it, thanks", thread=ts)
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 2
    assert slack.messages["C0HELP"][1]["thread_ts"] == ts


def test_the_buttons_of_an_answer_stay_below_what_is_said_after_it(bot: Bot, slack: StandIn) -> None:
    ts = bot.mention("alpha failed")
    bot.settle()
    bot.say("one moment", thread=ts)
    bot.settle()
    _, later = slack.messages["C0HELP"]
    assert "Take your time" in words(later["blocks"])
    assert labels(later) == ["Yes, solved", "No, not yet", "Ask a person"]


def test_a_direct_message_is_answered_in_its_thread_with_a_status_meanwhile(bot: Bot, slack: StandIn) -> None:
    ts = bot.say("gamma failed", channel="D0ANN")
    bot.settle()
    assert slack.messages["D0ANN"][0]["thread_ts"] == ts
    (status,) = slack.of("assistant.threads.setStatus")
    assert status.args["channel_id"] == "D0ANN"
    assert status.args["thread_ts"] == ts
    assert 1 <= len(status.args["loading_messages"]) <= 10


def test_no_status_says_that_the_bot_is_looking_while_an_agent_has_the_conversation(bot: Bot, slack: StandIn) -> None:
    ts = _open_case(bot, slack)
    bot.press("Claim", bot.root(), user="U0SAM", channel="C0CASES")
    bot.settle()
    before = len(slack.of("assistant.threads.setStatus"))
    bot.say("are you there?", thread=ts)
    bot.settle()
    assert len(slack.of("assistant.threads.setStatus")) == before


def test_a_status_that_came_too_late_is_taken_away_again(bot: Bot, slack: StandIn) -> None:
    slack.troubles["assistant.threads.setStatus"].append(Trouble(lose=False, delay=1.5, error="internal_error"))
    bot.say("gamma failed", channel="D0ANN")
    bot.settle()
    end = time.monotonic() + 10
    while len(slack.of("assistant.threads.setStatus")) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    shown = [call.args["status"] for call in slack.of("assistant.threads.setStatus")]
    assert shown == ["is looking for the fix …", ""]


def test_what_slack_did_to_the_text_is_undone_before_it_is_understood(bot: Bot, slack: StandIn) -> None:
    bot.mention("alpha failed at &lt;b&gt; see <http://example.com|example.com> &amp; <mailto:a@b.c|a@b.c> <@U0BEA>")
    bot.settle()
    said = bot.desk.messages(_conversation(bot))[0].text
    assert said == "alpha failed at <b> see example.com & a@b.c @U0BEA"


def test_pings_and_links_in_a_users_words_never_come_alive(bot: Bot, slack: StandIn) -> None:
    bot.mention("zzz <!channel> <@U0BEA> <https://evil.example|bank> *bold* failed")
    bot.settle()
    ask = slack.messages["C0HELP"][-1]
    bot.press("Ask a person", ask)
    bot.settle()
    (view,) = slack.views
    bot.submit(view, {"product_name": "<!channel> <@U0BEA>", "error_message": "<!here> x failed <https://evil|bank>"})
    bot.settle()
    for message in [*slack.messages["C0CASES"], *slack.messages["C0HELP"]]:
        raw = json.dumps({"t": message["text"], "b": _mrkdwn(message["blocks"])})
        assert "<!channel>" not in raw
        assert "<!here>" not in raw
        assert "<@U0BEA>" not in raw
        assert "<https://evil" not in raw


def _mrkdwn(node: object) -> list[str]:
    """The texts that Slack would interpret."""
    if isinstance(node, dict):
        own = [node["text"]] if node.get("type") == "mrkdwn" else []
        return own + [text for value in node.values() for text in _mrkdwn(value)]
    return [text for part in node for text in _mrkdwn(part)] if isinstance(node, list) else []


def test_a_command_is_answered_for_its_writer_and_can_be_shared(bot: Bot, slack: StandIn) -> None:
    answer = bot.command("alpha failed", trigger="t1")
    assert (answer.status_code, answer.text) == (200, "")
    bot.settle()
    assert slack.messages["C0HELP"] == []
    (told,) = slack.responses
    assert told["response_type"] == "ephemeral"
    assert "Share with channel" in labels(told)
    bot.press("Share with channel", told, name="cmd-t1")
    bot.settle()
    (shared,) = slack.messages["C0HELP"]
    assert "Shared by <@U0ANN>" in words(shared["blocks"])
    assert "alpha failed" in words(shared["blocks"])
    bot.say("no, it still fails", thread=shared["ts"])
    bot.settle()
    assert slack.messages["C0HELP"][-1]["thread_ts"] == shared["ts"]
    bot.press("Share with channel", told, name="cmd-t1")
    bot.settle()
    assert len(slack.thread("C0HELP", shared["ts"])) == len(slack.messages["C0HELP"])


def test_an_empty_command_opens_a_form_whose_answer_comes_as_a_direct_message(bot: Bot, slack: StandIn) -> None:
    bot.command("  ")
    bot.settle()
    (view,) = slack.views
    assert bot.submit(view, {"text": "  "}).json()["response_action"] == "errors"
    assert bot.submit(view, {"text": "gamma failed"}).status_code == 200
    bot.submit(view, {"text": "gamma failed"})
    bot.settle()
    root, answer = slack.messages["D0ANN"]
    assert "gamma failed" in words(root["blocks"])
    assert answer["thread_ts"] == root["ts"]


def test_find_a_fix_on_somebodys_message_answers_who_pressed_it(bot: Bot, slack: StandIn) -> None:
    ts = slack.next_ts()
    bot.shortcut({"ts": ts, "text": "beta failed &amp; so on", "user": "U0BEA"})
    bot.settle()
    assert "Beta" in words(slack.responses[0]["blocks"])
    assert slack.messages["C0HELP"] == []


ALERTS = {
    "text": {"text": "beta failed"},
    "an attachment": {"text": "", "attachments": [{"title": "Alert", "text": "beta failed", "fallback": "x"}]},
    "a fallback": {"attachments": [{"fallback": "beta failed"}]},
    "a section": {"text": "", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "beta failed"}}]},
    "fields": {"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "beta failed"}]}]},
    "rich text": {
        "blocks": [
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "beta failed"}]}],
            }
        ]
    },
}


@pytest.mark.parametrize("kind", ALERTS)
def test_find_a_fix_reads_what_programs_post(bot: Bot, slack: StandIn, kind: str) -> None:
    bot.shortcut({"ts": slack.next_ts(), "bot_id": "B7", **ALERTS[kind]})
    bot.settle()
    assert "Beta" in words(slack.responses[0]["blocks"])


def test_a_private_answer_that_came_too_late_for_its_address_comes_as_a_direct_message(
    bot: Bot, slack: StandIn
) -> None:
    slack.fail("respond", "expired_url", status=404, times=9)
    bot.command("alpha failed")
    bot.settle()
    assert "Alpha" in words(slack.messages["D0ANN"][-1]["blocks"])


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("why does alpha not work any more?", True),
        ("we see: alpha failed with error 500", True),
        ("is there cake in the kitchen today?", False),
        ("alpha is a nice word today", False),
        ("alpha?", False),
    ],
)
def test_a_question_put_to_nobody_is_answered_only_when_it_is_one_and_the_answer_is_sure(
    bot: Bot, slack: StandIn, text: str, answered: bool
) -> None:
    ts = bot.say(text)
    bot.settle()
    assert bool(slack.thread("C0HELP", ts)) is answered


def test_a_thread_is_spoken_up_in_once(bot: Bot, slack: StandIn) -> None:
    ts = bot.say("why does alpha not work any more?", user="U0ANN")
    bot.settle()
    bot.say("and why does beta not work any more?", user="U0BEA", thread=ts)
    bot.settle()
    assert len(slack.thread("C0HELP", ts)) == 1


def test_a_channel_may_be_offered_answers_quietly(bot: Bot, slack: StandIn) -> None:
    ts = bot.say("why does alpha not work any more?", channel="C0ELSE")
    bot.settle()
    assert slack.messages["C0ELSE"] == []
    (offer,) = slack.ephemeral
    assert (offer["user"], offer["channel"]) == ("U0ANN", "C0ELSE")
    bot.press("No, thanks", offer, channel="C0ELSE", user="U0BEA")
    bot.press("Answer in the thread", offer, channel="C0ELSE")
    bot.press("Answer in the thread", offer, channel="C0ELSE")
    bot.settle()
    (answer,) = slack.messages["C0ELSE"]
    assert answer["thread_ts"] == ts
    assert any(r.get("delete_original") for r in slack.responses)


def test_a_channel_that_is_off_is_left_alone(bot: Bot, slack: StandIn) -> None:
    slack.channels["C0QUIET"] = {}
    bot.say("why does alpha not work any more?", channel="C0QUIET")
    bot.settle()
    assert slack.messages["C0QUIET"] == []
    assert slack.ephemeral == []


def test_pressing_a_choice_many_times_is_one_choice_and_the_buttons_give_way(bot: Bot, slack: StandIn) -> None:
    bot.mention("either of them")
    bot.settle()
    (ask,) = slack.messages["C0HELP"]
    before = {**ask, "blocks": list(ask["blocks"])}
    choice = labels(ask)[0]
    for _ in range(3):
        bot.press(choice, before)
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 2
    assert labels(slack.messages["C0HELP"][0]) == []
    assert choice in words(slack.messages["C0HELP"][0]["blocks"])


def test_somebody_elses_buttons_are_not_mine(bot: Bot, slack: StandIn) -> None:
    bot.mention("alpha failed")
    bot.settle()
    bot.press("Yes, solved", slack.messages["C0HELP"][0], user="U0BEA")
    bot.settle()
    assert len(slack.messages["C0HELP"]) == 1
    assert "Only the person who asked" in slack.responses[0]["text"]


def test_feedback_is_kept(bot: Bot, slack: StandIn) -> None:
    bot.mention("alpha failed")
    bot.settle()
    bot.press("Bad answer", slack.messages["C0HELP"][0], user="U0BEA")
    bot.settle()
    rows = bot.store.engine.read(lambda c: c.execute("SELECT up FROM feedback").fetchall())
    assert [bool(row[0]) for row in rows] == [False]


def test_asking_for_a_person_opens_the_form_filled_with_what_is_known(bot: Bot, slack: StandIn) -> None:
    bot.mention("zeta failed")
    bot.settle()
    bot.press("Ask a person", slack.messages["C0HELP"][0])
    bot.settle()
    (view,) = slack.views
    inputs = {block["block_id"]: block for block in view["blocks"]}
    assert not inputs["product_name"]["optional"]
    assert not inputs["error_message"]["optional"]
    assert "zeta failed" in inputs["error_message"]["element"]["initial_value"]
    empty = bot.submit(view, {"product_name": "  ", "error_message": "\n"})
    assert set(empty.json()["errors"]) == {"product_name", "error_message"}
    for _ in range(5):
        assert bot.submit(view, {"product_name": "Quotes", "note": "since monday"}).text == ""
    bot.settle()
    cases = bot.desk.cases()
    assert len(cases) == 1
    assert (cases[0].product_name, cases[0].note) == ("Quotes", "since monday")
    assert "zeta failed" in cases[0].error_message
    assert len([m for m in slack.messages["C0CASES"] if not m.get("thread_ts")]) == 1
    assert cases[0].number in words(slack.messages["C0HELP"][-1]["blocks"])


def test_the_form_is_opened_before_anything_else_and_a_late_press_leaves_its_button(bot: Bot, slack: StandIn) -> None:
    for user, trigger in (("U0ANN", None), ("U0BEA", "an old one")):
        bot.mention("zeta failed", user=user)
        bot.settle()
        ask = slack.messages["C0HELP"][-1]
        slack.calls.clear()
        bot.press("Ask a person", ask, user=user, trigger=trigger)
        bot.settle()
        order = [
            call.method for call in slack.calls if call.method in {"views.open", "chat.update", "chat.postMessage"}
        ]
        assert order == ["views.open", "chat.update", "chat.postMessage"]
        assert "Fill in the form" in labels(slack.messages["C0HELP"][-1])
    assert len(slack.views) == 1
    assert not [r for r in slack.responses if "press the button again" in r.get("text", "")]  # that button is gone


def test_the_same_is_asked_in_words_for_who_prefers_to_type(bot: Bot, slack: StandIn) -> None:
    ts = bot.mention("zeta failed")
    bot.settle()
    bot.say("I want to talk to a person", thread=ts)
    bot.settle()
    assert "Fill in the form" in labels(slack.messages["C0HELP"][-1])
    bot.say("Quotes", thread=ts)
    bot.settle()
    for _ in range(3):
        if bot.desk.cases():
            break
        bot.say("zeta failed with code 7", thread=ts)
        bot.settle()
    (case,) = bot.desk.cases()
    assert case.product_name == "Quotes"
    assert "zeta failed" in case.error_message


@pytest.mark.parametrize("added", ["", "since monday:\n"])
def test_a_long_error_reaches_the_case_whole_and_the_agents_as_a_file(
    slack: StandIn, tmp_path: Path, added: str
) -> None:
    world = small_world()

    def diagnose(text: str, facets: Any) -> Any:
        return replace(world.diagnose(text, facets), error_text=text)  # as the engine reads a trace: all of it

    bot = Bot(slack, tmp_path, world=replace(world, diagnose=diagnose))
    try:
        frames = (f"  at Quote.Sync<T>.Step{n}(Object a & b) in sync.cs:{n}" for n in range(300))
        error = "Exception: zeta failed\n" + "\n".join(frames)
        bot.mention(error.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
        bot.settle()
        bot.press("Ask a person", slack.messages["C0HELP"][0])
        bot.settle()
        (view,) = slack.views
        shown = next(b for b in view["blocks"] if b["block_id"] == "error_message")["element"]["initial_value"]
        assert len(shown) <= 3000 < len(error)
        bot.submit(view, {"product_name": "Quotes", "error_message": added + shown})
        bot.settle()
        (case,) = bot.desk.cases()
        assert case.error_message == added + error
        (file,) = slack.shared
        assert file["content"].decode() == added + error
        assert file["thread_ts"] == bot.root()["ts"]
        assert all(len(words(m["blocks"])) < 13_200 for m in slack.messages["C0CASES"])
    finally:
        bot.close()


def test_a_long_error_is_whole_though_the_form_shows_its_beginning_and_is_edited(bot: Bot, slack: StandIn) -> None:
    from helpbot.channels.slack import views

    error = "zeta failed\n" + "\n".join(f"  at line {n}" for n in range(600))
    shown = views.shown_error(error)
    assert views.whole_error(shown, error) == error
    assert views.whole_error(f"since monday: {shown}\nand then zeta again", error) == (
        f"since monday: {error}\nand then zeta again"
    )
    assert views.whole_error(shown.replace("\n…", "\r\n…"), error) == error
    assert views.whole_error("another error", error) == "another error"
    assert views.whole_error("short", "short") == "short"


def _conversation(bot: Bot) -> str:
    return bot.store.engine.read(lambda c: c.execute("SELECT id FROM conversations").fetchone())[0]


def test_the_home_page_has_problems_own_cases_and_for_agents_the_channels(bot: Bot, slack: StandIn) -> None:
    _open_case(bot, slack)
    for user in ("U0ANN", "U0SAM"):
        assert bot.event({"type": "app_home_opened", "user": user, "channel": "D0X", "tab": "home"}).status_code == 200
    bot.settle()
    mine, agents = slack.homes["U0ANN"], slack.homes["U0SAM"]
    assert "HB-1001" in words(mine["blocks"])
    assert "Alpha fails" in labels(mine)
    assert "HB-1001" not in words(agents["blocks"])
    assert any(block.get("block_id") == "notice.C0HELP" for block in agents["blocks"])
    assert not any(str(block.get("block_id", "")).startswith("notice") for block in mine["blocks"])
    bot.press("Alpha fails", {"blocks": mine["blocks"]}, channel="")
    bot.settle()
    assert "Because of Alpha." in words(slack.messages["D0ANN"][-1]["blocks"])


def test_an_agent_sets_a_channels_notices_on_the_home_page_and_nobody_else_can(bot: Bot, slack: StandIn) -> None:
    bot.event({"type": "app_home_opened", "user": "U0SAM", "channel": "D0X", "tab": "home"})
    bot.settle()
    home = {"blocks": slack.homes["U0SAM"]["blocks"]}
    for user, mode in (("U0SAM", "off"), ("U0ANN", "answer")):
        bot.press("notice.C0HELP", home, user=user, channel="", selected_option={"value": mode})
    bot.settle()
    bot.say("why does alpha not work any more?")
    bot.settle()
    assert slack.messages["C0HELP"] == []
    bot.press("notice_channel", home, user="U0SAM", channel="", selected_conversation="C0QUIET")
    bot.settle()
    assert any(block.get("block_id") == "notice.C0QUIET" for block in slack.homes["U0SAM"]["blocks"])


def test_prompts_are_offered_where_a_talk_begins_in_the_present_and_the_legacy_view(bot: Bot, slack: StandIn) -> None:
    bot.event({"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "messages"})
    bot.event(
        {
            "type": "assistant_thread_started",
            "assistant_thread": {"user_id": "U0ANN", "channel_id": "D0ANN", "thread_ts": "17.1", "context": {}},
        }
    )
    bot.settle()
    now, legacy = slack.of("assistant.threads.setSuggestedPrompts")
    assert "thread_ts" not in now.args
    assert legacy.args["thread_ts"] == "17.1"
    assert now.args["prompts"][0] == {"title": "Alpha fails", "message": "alpha failed"}


def test_a_message_in_the_legacy_assistant_thread_is_answered_there(bot: Bot, slack: StandIn) -> None:
    bot.say("alpha failed", channel="D0ANN", thread="17.1")
    bot.settle()
    assert slack.messages["D0ANN"][0]["thread_ts"] == "17.1"


def _open_case(bot: Bot, slack: StandIn, text: str = "zeta failed") -> str:
    ts = bot.mention(text)
    bot.settle()
    bot.press("Ask a person", slack.messages["C0HELP"][-1])
    bot.settle()
    bot.submit(slack.views[-1], {"product_name": "Quotes", "error_message": "zeta failed"})
    bot.settle()
    return ts


def test_nobody_is_an_agent_unless_named(slack: StandIn) -> None:
    settings = settings_for(slack, agents=Agents(), notices={"C0HELP": Mode.OFF})
    assert not settings.agents.named


def test_the_bots_own_words_and_other_bots_are_ignored(bot: Bot, slack: StandIn) -> None:
    for extra in (
        {"user": BOT},
        {"bot_id": "B77"},
        {"subtype": "bot_message", "bot_id": "B77"},
        {"subtype": "channel_join"},
        {"subtype": "message_deleted", "hidden": True},
        {"user": "USLACKBOT"},
    ):
        bot.say("why does alpha not work any more?", **{"user": "U0ANN", **extra})
    bot.settle()
    assert slack.messages["C0HELP"] == []
    assert bot.service.waiting == 0
