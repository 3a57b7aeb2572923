"""Agents, over the wire: they take and work cases in their channel, and only they."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpbot.channels.slack.settings import Agents, Direction
from helpbot.desk.records import Act, AgentCommand, Visibility
from helpbot.dialogue.conversation import CaseState
from helpbot.messages import Channel, Inbound, Person
from tests.slack.bot import Bot, labels, settings_for, words
from tests.slack.standin import StandIn

CANARY = "canary-7f3a"


def open_case(bot: Bot, slack: StandIn, text: str = "zeta failed") -> str:
    """A Slack user's case; the ts of their thread."""
    ts = bot.mention(text)
    bot.settle()
    bot.press("Ask a person", slack.messages["C0HELP"][-1])
    bot.settle()
    bot.submit(slack.views[-1], {"product_name": "Quotes <&>", "error_message": "zeta failed"})
    bot.settle()
    return ts


def widget_case(bot: Bot) -> str:
    """A website visitor's case; the conversation's id."""
    id_ = bot.widget_talk("zeta failed", "I want to talk to a person", "Quotes")
    assert bot.desk.cases(conversation=id_)
    bot.settle()
    return id_


def case_press(bot: Bot, label: str, *, user: str = "U0SAM", **more: object) -> None:
    assert bot.press(label, bot.root(), user=user, channel="C0CASES", **more).status_code == 200
    bot.settle()


def told(slack: StandIn) -> list[str]:
    return [r["text"] for r in slack.responses if "text" in r] + [e["text"] for e in slack.ephemeral]


def test_a_case_is_one_root_message_with_all_that_is_needed_and_the_talk_in_its_thread(
    bot: Bot, slack: StandIn
) -> None:
    open_case(bot, slack)
    root, *thread = bot.case_thread()
    shown = words(root["blocks"])
    for part in (
        "HB-1001",
        "Open",
        "Quotes &lt;&amp;&gt;",
        "zeta failed",
        "Ann Example",
        "nobody yet",
        "The user's thread",
    ):
        assert part in shown
    assert "Words in this thread stay among agents" in shown
    assert labels(root) == ["Claim", "Reply", "Ask for …", "Suggest a fix", "Resolve"]
    assert "The conversation so far" in words(thread[0]["blocks"])
    assert "zeta failed" in words(thread[0]["blocks"])
    assert root["metadata"]["event_type"] == "helpbot_delivery"


def test_the_root_is_always_current(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    steps = [
        ("Claim", "Claimed", ["Reply", "Ask for …", "Suggest a fix", "Resolve", "Hand back to the bot"]),
        ("Hand back to the bot", "Open", ["Claim", "Reply", "Ask for …", "Suggest a fix", "Resolve"]),
    ]
    for label, state, left in steps:
        case_press(bot, label)
        assert state in words(bot.root()["blocks"])
        assert labels(bot.root()) == left
    case_press(bot, "Resolve")
    bot.submit(slack.views[-1], {"reason": ("option", "fixed"), "text": "The mapping was blank."}, user="U0SAM")
    bot.settle()
    assert "Resolved" in words(bot.root()["blocks"])
    assert "Fixed: The mapping was blank." in words(bot.root()["blocks"])
    assert labels(bot.root()) == ["Reopen"]
    case_press(bot, "Reopen")
    assert bot.desk.case("HB-1001").state is CaseState.REOPENED
    assert "Reopened" in words(bot.root()["blocks"])


def test_the_reply_button_reaches_the_user_and_says_that_it_did(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    case_press(bot, "Reply")
    for _ in range(3):
        bot.submit(slack.views[-1], {"text": "Please open the mapping page. <!here> *x*"}, user="U0SAM")
    bot.settle()
    said = [m for m in slack.thread("C0HELP", ts) if "Please open" in words(m["blocks"])]
    assert len(said) == 1
    assert "Sam Agent" in words(said[0]["blocks"])
    echo = [m for m in bot.case_thread() if "Please open" in words(m["blocks"])]
    assert len(echo) == 1
    assert "to the user" in words(echo[0]["blocks"])
    bot.settle()
    assert slack.reactions[f"C0CASES:{echo[0]['ts']}"] == ["white_check_mark"]
    bot.say("thanks, looking", thread=ts)
    bot.settle()
    assert slack.reactions[f"C0CASES:{echo[0]['ts']}"] == ["eyes"]


@pytest.mark.parametrize("prefix", ["reply: ", "! ", "!", "REPLY:"])
def test_words_with_the_prefix_go_to_the_user_and_words_without_stay(bot: Bot, slack: StandIn, prefix: str) -> None:
    ts = open_case(bot, slack)
    root = bot.root()["ts"]
    note = bot.say(f"I think it is the cache {CANARY}", user="U0SAM", channel="C0CASES", thread=root)
    mine = bot.say(f"{prefix}Please clear the cache.", user="U0SAM", channel="C0CASES", thread=root)
    bot.settle()
    user_sees = [words(m["blocks"]) for m in slack.thread("C0HELP", ts)]
    assert any("Please clear the cache." in text for text in user_sees)
    assert not any(CANARY in text for text in user_sees)
    bot.settle()
    assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]
    assert slack.reactions[f"C0CASES:{note}"] == []
    conversation = bot.desk.case("HB-1001").conversation
    notes = [m for m in bot.desk.messages(conversation, internal=True) if CANARY in m.text]
    assert [m.visibility for m in notes] == [Visibility.INTERNAL]
    assert not any(CANARY in m.text for m in bot.desk.messages(conversation))


def test_the_direction_can_be_turned_round_and_then_each_case_says_so(slack: StandIn, tmp_path: object) -> None:
    bot = Bot(slack, tmp_path, settings=settings_for(slack, replies=Direction.PUBLIC))  # type: ignore[arg-type]
    try:
        ts = open_case(bot, slack)
        assert "Words in this thread go to the user" in words(bot.root()["blocks"])
        root = bot.root()["ts"]
        bot.say(f"note: {CANARY}", user="U0SAM", channel="C0CASES", thread=root)
        bot.say("Please clear the cache.", user="U0SAM", channel="C0CASES", thread=root)
        bot.settle()
        seen = " ".join(words(m["blocks"]) for m in slack.thread("C0HELP", ts))
        assert "Please clear the cache." in seen
        assert CANARY not in seen
    finally:
        bot.close()


def test_a_visitor_of_the_website_looks_the_same_and_reads_the_agent_there(bot: Bot, slack: StandIn) -> None:
    conversation = widget_case(bot)
    assert "the website" in words(bot.root()["blocks"])
    root = bot.root()["ts"]
    mine = bot.say("! Please clear the cache.", user="U0SAM", channel="C0CASES", thread=root)
    bot.settle()
    assert any(m.text == "Please clear the cache." and m.author == "agent" for m in bot.desk.messages(conversation))
    assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]
    person = Person(id="w1", name="Wanda Widget")
    bot.desk.receive(
        Inbound(key="w-more", channel=Channel.WIDGET, thread=conversation, person=person, text="I cleared it, no luck")
    )
    bot.settle()
    last = bot.case_thread()[-1]
    assert "Wanda Widget" in words(last["blocks"])
    assert "I cleared it, no luck" in words(last["blocks"])
    newest = bot.desk.conversation(conversation).last_seq
    bot.service.read(conversation, newest)
    bot.service.keep_up()
    assert slack.reactions[f"C0CASES:{mine}"] == ["eyes"]


def test_the_users_words_arrive_live_with_edits_and_files(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    case_press(bot, "Claim")
    slack.files["shot"] = b"\x89PNG data"
    file = {"id": "F1", "name": "shot.png", "size": 9, "url_private_download": f"{slack.url}/files/shot"}
    said = bot.say("here is a picture", thread=ts, subtype="file_share", files=[file])
    bot.settle()
    thread = " ".join(words(m["blocks"]) for m in bot.case_thread())
    assert "here is a picture" in thread
    assert "shot.png" in thread
    assert [(f["content"], f["thread_ts"]) for f in slack.shared] == [(b"\x89PNG data", bot.root()["ts"])]
    edit = {
        "type": "message", "subtype": "message_changed", "channel": "C0HELP", "ts": slack.next_ts(), "hidden": True,
        "message": {
            "type": "message", "user": "U0ANN", "text": "here is another picture", "ts": said, "thread_ts": ts,
            "client_msg_id": "m", "edited": {"user": "U0ANN", "ts": "1.9"}, "files": [file],
        },
        "previous_message": {"user": "U0ANN", "text": "here is a picture", "ts": said, "thread_ts": ts},
    }  # fmt: skip
    for _ in range(3):
        bot.event(edit)
    bot.settle()
    edits = [m for m in bot.case_thread() if "another picture" in words(m["blocks"])]
    assert len(edits) == 1
    assert "edited what they wrote" in words(edits[0]["blocks"])
    assert len(slack.shared) == 1  # its picture is there already


def test_what_is_said_before_anybody_claims_the_case_is_seen_with_the_bots_answer(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    bot.say("any news?", thread=ts)
    bot.settle()
    last = bot.case_thread()[-1]
    assert "Ann Example* wrote" in words(last["blocks"])
    assert "any news?" in words(last["blocks"])
    answer = slack.thread("C0HELP", ts)[-1]
    assert "The bot answered: " in words(last["blocks"])
    assert answer["text"][:40] in last["blocks"][-1]["elements"][0]["text"]
    case_press(bot, "Claim")
    bot.say("are you there?", thread=ts)
    bot.settle()
    assert len([m for m in bot.case_thread() if "are you there?" in words(m["blocks"])]) == 1


def test_what_is_said_while_slack_is_away_is_told_once(bot: Bot, slack: StandIn) -> None:
    conversation = bot.widget_talk("zeta failed", "I want to talk to a person", "Quotes")
    person = Person(id="w1", name="Wanda Widget")
    bot.desk.receive(
        Inbound(key="w-more", channel=Channel.WIDGET, thread=conversation, person=person, text="any news by now?")
    )
    bot.settle()
    thread = [words(m["blocks"]) for m in bot.case_thread()]
    assert ["any news by now?" in text for text in thread[1:]] == [False, True]
    assert "zeta failed" in thread[1]


def test_ask_for_asks_the_user_and_suggest_sends_the_steps(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    case_press(bot, "Ask for …")
    view = slack.views[-1]
    assert "text" in bot.submit(view, {"field": ("option", "other")}, user="U0SAM").json()["errors"]
    bot.submit(view, {"field": ("option", "error_message")}, user="U0SAM")
    bot.settle()
    assert "Sam Agent" in words(slack.thread("C0HELP", ts)[-1]["blocks"])
    case_press(bot, "Suggest a fix")
    view = slack.views[-1]
    found = bot.form(
        {
            "type": "block_suggestion", "team": {"id": "T01"}, "user": {"id": "U0SAM", "team_id": "T01"}, "api_app_id": "A01",
            "action_id": "resolution", "block_id": "search", "value": "bet", "view": {"id": view["id"]},
        }
    )  # fmt: skip
    assert {"text": {"type": "plain_text", "text": "Beta"}, "value": "beta"} in found.json()["options"]
    assert bot.submit(view, {}, user="U0SAM").json()["response_action"] == "errors"
    bot.submit(view, {"search": ("option", "beta")}, user="U0SAM")
    bot.settle()
    assert "Because of Beta." in words(slack.thread("C0HELP", ts)[-1]["blocks"])
    assert "Do it." in words(slack.thread("C0HELP", ts)[-1]["blocks"])


def test_a_double_click_claims_once_and_a_second_agent_is_told_who_holds_it(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    root = bot.root()
    for _ in range(2):
        bot.press("Claim", root, user="U0SAM", channel="C0CASES", action_ts="5.5")
    bot.press("Claim", root, user="U0KIM", channel="C0CASES")
    bot.settle()
    case = bot.desk.case("HB-1001")
    assert case.owner == "Sam Agent"
    assert sum(entry.what == "Claimed" for entry in case.history) == 1
    assert any("held by Sam Agent" in text for text in told(slack))


def test_a_button_of_a_closed_or_a_foreign_case_says_so(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    before = {**bot.root(), "blocks": list(bot.root()["blocks"])}
    case_press(bot, "Resolve")
    bot.submit(slack.views[-1], {"reason": ("option", "fixed")}, user="U0SAM")
    bot.settle()
    bot.press("Claim", before, user="U0SAM", channel="C0CASES")
    bot.settle()
    assert any("closed already" in text for text in told(slack))
    foreign = {**before, "ts": slack.next_ts()}
    slack.responses.clear()
    bot.press("Claim", foreign, user="U0SAM", channel="C0CASES")
    bot.settle()
    assert any("closed already" in text for text in told(slack))
    assert not bot.desk.case("HB-1001").owner


# T12: fourteen kinds of messages and acts, by everybody who is no agent.

KINDS = {
    "plain": {}, "file": {"subtype": "file_share", "files": [{"id": "F1", "name": "x.txt"}]},
    "broadcast": {"subtype": "thread_broadcast"}, "bot_message": {"subtype": "bot_message", "bot_id": "B5"},
    "edited": {"subtype": "message_changed"}, "deleted": {"subtype": "message_deleted", "hidden": True},
    "joined": {"subtype": "channel_join"}, "topic": {"subtype": "channel_topic"}, "me": {"subtype": "me_message"},
    "replied": {"subtype": "message_replied", "hidden": True}, "pinned": {"subtype": "pinned_item"},
    "reminder": {"subtype": "reminder_add"}, "huddle": {"subtype": "huddle_thread"}, "app": {"app_id": "A99", "client_msg_id": None},
}  # fmt: skip
WHO = {
    "agent": {"user": "U0SAM"}, "member": {"user": "U0BEA"}, "guest": {"user": "U0GUEST"}, "single": {"user": "U0ONE"},
    "foreign": {"user": "U0FAR", "user_team": "T99", "source_team": "T99"}, "left": {"user": "U0GONE"},
    "bot": {"user": "U0SAM", "bot_id": "B5"}, "self": {"user": "U0BOT"},
}  # fmt: skip
SPOKEN = {"plain", "file", "broadcast"}


def test_only_agents_words_count_whatever_kind_of_message_they_come_in(slack: StandIn, tmp_path: object) -> None:
    """14 kinds x 8 people, each with the prefix that would send them to the user."""
    agents = Agents(
        people=frozenset({"U0SAM", "U0GUEST", "U0ONE", "U0FAR", "U0GONE", "U0BOT"}), groups=frozenset({"S0AGENTS"})
    )
    bot = Bot(slack, tmp_path, settings=settings_for(slack, agents=agents))  # type: ignore[arg-type]
    try:
        ts = open_case(bot, slack)
        root = bot.root()["ts"]
        allowed, refused = [], []
        for kind, shape in KINDS.items():
            for who, person in WHO.items():
                text = f"! {kind} by {who}."
                bot.say(text, channel="C0CASES", thread=root, **{**shape, **person})
                (allowed if who == "agent" and kind in SPOKEN else refused).append(text[2:])
        bot.settle()
        seen = "\n".join(words(m["blocks"]) for m in slack.thread("C0HELP", ts))
        assert [text for text in allowed if text not in seen] == []
        assert [text for text in refused if text in seen] == []
        assert len(refused) == 14 * 8 - 3
    finally:
        bot.close()


@pytest.mark.parametrize("who", ["U0BEA", "U0GUEST", "U0FAR", "U0ONE"])
def test_nobody_but_agents_presses_a_cases_buttons_or_submits_its_forms(bot: Bot, slack: StandIn, who: str) -> None:
    open_case(bot, slack)
    case_press(bot, "Reply")
    view = slack.views[-1]
    team = "T99" if who == "U0FAR" else "T01"
    count = len(slack.views)
    for label in labels(bot.root()):
        case_press(bot, label, user=who, user_team=team)
    bot.submit(view, {"text": "I am no agent"}, user=who, user_team=team)
    bot.settle()
    assert len(slack.views) == count
    assert not bot.desk.case("HB-1001").owner
    assert "I am no agent" not in str(slack.messages)
    assert any("Only the agents" in text for text in told(slack))


def test_members_of_a_user_group_and_of_a_whole_workspace_can_be_agents(slack: StandIn, tmp_path: object) -> None:
    base = settings_for(slack)
    for n, (agents, user, may) in enumerate(
        (
            (Agents(groups=frozenset({"S0AGENTS"})), "U0SAM", True),
            (Agents(groups=frozenset({"S0AGENTS"})), "U0GUEST", False),
            (Agents(groups=frozenset({"S0AGENTS", "S0NONE"})), "U0KIM", False),
            (Agents(teams=frozenset({"T01"})), "U0KIM", True),
            (Agents(teams=frozenset({"T99"})), "U0KIM", False),
            (Agents(), "U0SAM", False),
        )
    ):
        folder = tmp_path / str(n)  # type: ignore[operator]
        folder.mkdir()
        bot = Bot(slack, folder, settings=replace(base, agents=agents))
        try:
            assert bot.service.people.is_agent("T01", user) is may
        finally:
            bot.close()


def test_a_reply_that_cannot_be_delivered_says_why_and_can_be_sent_again(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    case_press(bot, "Claim")
    slack.fail("chat.postMessage", "metadata_too_large", times=1)
    mine = bot.say("! Please clear the cache.", user="U0SAM", channel="C0CASES", thread=bot.root()["ts"])
    bot.settle()
    bot.settle()
    assert slack.reactions[f"C0CASES:{mine}"] == ["warning"]
    note = bot.case_thread()[-1]
    assert "Not delivered to the user" in words(note["blocks"])
    assert "metadata_too_large" in words(note["blocks"])
    bot.press("Try again", note, user="U0BEA", channel="C0CASES")
    bot.settle()
    assert "Please clear" not in str(slack.messages["C0HELP"])
    bot.press("Try again", note, user="U0SAM", channel="C0CASES")
    bot.settle()
    bot.settle()
    assert "Please clear the cache." in words(slack.thread("C0HELP", ts)[-1]["blocks"])
    assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]


def test_why_a_reply_was_not_delivered_is_said_in_words_an_agent_can_use(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    case_press(bot, "Claim")
    slack.fail("chat.postMessage", "user_not_found")
    bot.say("! Please clear the cache.", user="U0SAM", channel="C0CASES", thread=bot.root()["ts"])
    bot.settle()
    bot.settle()
    assert "the user has left this workspace (user_not_found)" in words(bot.case_thread()[-1]["blocks"])


def test_a_reply_the_case_does_not_allow_is_marked_and_explained(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    case_press(bot, "Resolve")
    bot.submit(slack.views[-1], {"reason": ("option", "fixed")}, user="U0SAM")
    bot.settle()
    mine = bot.say("! one more thing", user="U0SAM", channel="C0CASES", thread=bot.root()["ts"])
    bot.settle()
    assert slack.reactions[f"C0CASES:{mine}"] == ["warning"]
    assert any("resolved" in text and "Reopen" in text for text in told(slack))


def test_what_is_done_elsewhere_is_seen_in_the_thread(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    agent = Person(id="web:kim", name="Kim Agent")
    bot.desk.agent(
        AgentCommand(key="web-1", case="HB-1001", agent=agent, act=Act.REPLY, text="From the desk.", source="web")
    )
    bot.settle()
    assert "From the desk." in words(bot.case_thread()[-1]["blocks"])
    assert "from web" in words(bot.case_thread()[-1]["blocks"])
    assert "Kim Agent" in words(bot.root()["blocks"])


def test_words_outside_of_a_cases_thread_are_nothing(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    bot.say("! hello", user="U0SAM", channel="C0CASES", thread=slack.next_ts())
    bot.say("! hello", user="U0SAM", channel="C0CASES")
    bot.settle()
    assert "hello" not in str(slack.messages)


def test_the_summary_tells_of_a_day_once(slack: StandIn, tmp_path: object) -> None:
    from datetime import UTC, datetime, time

    from tests.slack.bot import Clock

    clock = Clock(now=datetime(2026, 11, 19, 12, tzinfo=UTC))
    settings = settings_for(slack, summary_at=time(8, 30), summary_zone="Europe/Amsterdam")
    bot = Bot(slack, tmp_path, settings=settings, clock=clock)  # type: ignore[arg-type]
    try:
        open_case(bot, slack)
        widget_case(bot)
        for n in (7, 12):
            person = Person(id=f"w{n}", name="Visitor")
            id_ = bot.desk.start(Channel.WIDGET, person).conversation.id
            for text in (f"yota failed with {n}", "I want to talk to a person", "Quotes"):
                key = f"{n}-{text}"
                bot.desk.receive(Inbound(key=key, channel=Channel.WIDGET, thread=id_, person=person, text=text))
        bot.settle()
        clock.now = datetime(2026, 11, 20, 7, 31, tzinfo=UTC)
        for _ in range(3):
            bot.service.keep_up()
        (summary,) = [m for m in slack.messages["C0CASES"] if "Cases on" in m["text"]]
        shown = words(summary["blocks"])
        assert "4\n opened" in shown
        assert "0\n resolved" in shown
        assert "HB-1001" in shown
        assert "zeta failed" in shown
        assert "2× \nyota failed with" in shown  # the same error, whatever number it names
        assert f"https://home.slack.com/archives/C0CASES/p{bot.root(0)['ts'].replace('.', '')}" in str(
            summary["blocks"]
        )
        clock.now = datetime(2026, 11, 20, 15, 31, tzinfo=UTC)
        bot.service.keep_up()
        assert len([m for m in slack.messages["C0CASES"] if "Cases on" in m["text"]]) == 1
    finally:
        bot.close()


# ── what else people do in threads ──


def test_a_colleagues_words_in_the_askers_thread_reach_the_agents_under_their_own_name(
    bot: Bot, slack: StandIn
) -> None:
    ts = open_case(bot, slack)
    case_press(bot, "Claim")
    bot.mention("I have the same", user="U0BEA", thread=ts)
    bot.say("and I still have it", thread=ts)
    bot.settle()
    bea, ann = bot.case_thread()[-2:]
    assert "*Bea Other* wrote" in words(bea["blocks"])
    assert bea["text"] == "Bea Other: I have the same"
    assert "*Ann Example* wrote" in words(ann["blocks"])


def test_an_agent_who_asks_the_bot_beside_a_case_is_answered_alone(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    before = len(slack.thread("C0HELP", ts)), len(bot.case_thread())
    for user in ("U0SAM", "U0BEA"):
        bot.mention("alpha failed", user=user, channel="C0CASES", thread=bot.root()["ts"])
        bot.settle()
    (answer,) = slack.ephemeral
    assert (answer["user"], answer["thread_ts"]) == ("U0SAM", bot.root()["ts"])
    assert "Because of Alpha." in words(answer["blocks"])
    assert labels(answer) == []
    bot.mention("is there cake in the kitchen?", user="U0SAM", channel="C0CASES", thread=bot.root()["ts"])
    bot.settle()
    assert "I know no fix for that" in slack.ephemeral[-1]["text"]
    assert (len(slack.thread("C0HELP", ts)), len(bot.case_thread())) == before


@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_an_agent_who_takes_words_back_is_told_that_the_user_has_them(bot: Bot, slack: StandIn, how: str) -> None:
    ts = open_case(bot, slack)
    root = bot.root()["ts"]
    mine = bot.say("! Clear the cache.", user="U0SAM", channel="C0CASES", thread=root)
    note = bot.say("not so sure", user="U0SAM", channel="C0CASES", thread=root)
    bot.settle()
    before = len(slack.thread("C0HELP", ts))
    for at, text in ((mine, "! Restart it."), (note, "! Restart it."), (note, "quite sure")):
        was = {"type": "message", "user": "U0SAM", "text": "x", "ts": at, "thread_ts": root}
        event = {
            "type": "message",
            "channel": "C0CASES",
            "hidden": True,
            "ts": slack.next_ts(),
            "previous_message": was,
        }
        if how == "edited":
            now = {**was, "text": text, "edited": {"user": "U0SAM", "ts": slack.next_ts()}}
            event |= {"subtype": "message_changed", "message": now}
        else:
            event |= {"subtype": "message_deleted", "deleted_ts": at}
        for _ in range(2):
            bot.event(event)
        bot.settle()
    said = [text for text in told(slack) if "The user has this" in text or "An edit sends nothing" in text]
    assert [text.split(".")[0] for text in said] == (
        ["The user has this as you first sent it", "An edit sends nothing"]
        if how == "edited"
        else ["The user has this as you first sent it"]
    )
    assert len(slack.thread("C0HELP", ts)) == before


def test_a_greeting_is_not_offered_to_the_channel(bot: Bot, slack: StandIn) -> None:
    bot.command("hello")
    bot.settle()
    assert "Share with channel" not in labels(slack.responses[-1])


def test_agents_see_that_a_user_deleted_what_they_wrote(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    said = bot.say("my password is x", thread=ts)
    bot.settle()
    was = {"type": "message", "user": "U0ANN", "text": "my password is x", "ts": said, "thread_ts": ts}
    event = {
        "type": "message", "subtype": "message_deleted", "channel": "C0HELP", "hidden": True, "ts": slack.next_ts(),
        "deleted_ts": said, "previous_message": was,
    }  # fmt: skip
    for _ in range(3):
        bot.event(event)
    bot.event({**event, "previous_message": {**was, "user": "U0BEA"}})
    bot.settle()
    lines = [words(m["blocks"]) for m in bot.case_thread() if "deleted what they wrote" in words(m["blocks"])]
    assert len(lines) == 1
    assert "Ann Example" in lines[0]
