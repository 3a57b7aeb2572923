"""Files, over the wire: a user's reach the agents, an agent's reach the user they were sent to, and nobody else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpbot.channels.slack import views
from helpbot.channels.slack.calls import SlackFault
from helpbot.channels.slack.settings import Direction
from helpbot.desk.records import DeliveryState, Visibility, file_name
from helpbot.dialogue.conversation import Conversation
from helpbot.messages import Channel, Inbound, Person
from tests.slack.bot import Bot, settings_for, words
from tests.slack.standin import StandIn, Trouble
from tests.slack.test_agents import CANARY, case_press, open_case, told, widget_case
from tests.slack.test_sender import wait_and_settle

LOG = b"<script>alert(1)</script>\x00\xff the whole log"


def png(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


def in_slack(slack: StandIn, name: str, content: bytes, **more: Any) -> dict[str, Any]:
    """A file somebody put into Slack, as events name it."""
    slack.files[name] = content
    link = f"https://home.slack.com/files/U1/F{name}"
    return {
        "id": f"F0{name.partition('.')[0].upper()}", "name": name, "size": len(content),
        "url_private_download": f"{slack.url}/files/{name}", "permalink": link, **more,
    }  # fmt: skip


def agent_sends(bot: Bot, text: str, *files: dict[str, Any], user: str = "U0SAM") -> str:
    root = bot.root()["ts"]
    ts = bot.say(text, user=user, channel="C0CASES", thread=root, subtype="file_share", files=list(files))
    bot.settle()
    return ts


def shared_with(slack: StandIn, channel: str, thread: str) -> list[tuple[str, bytes]]:
    return [
        (file["title"], file["content"])
        for file in slack.shared
        if (file["channel"], file["thread_ts"]) == (channel, thread)
    ]


def on_shelf(bot: Bot, conversation: str) -> list[tuple[str, bytes, str]]:
    """What the website's user finds with the public messages: name, bytes, kind."""
    found = []
    for message in bot.desk.messages(conversation):
        for name in message.attachments:
            stored = bot.shelf.find(conversation, name.partition("/")[0])
            assert stored is not None, name
            found.append((stored.name, stored.data, stored.media))
    return found


# ── an agent's, to the user ──


def test_an_agents_file_reaches_a_slack_user_in_their_thread_once(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    mine = agent_sends(bot, "! Please read this.", in_slack(slack, "guide.pdf", LOG))
    assert shared_with(slack, "C0HELP", ts) == [("guide.pdf", LOG)]
    said = next(m for m in slack.thread("C0HELP", ts) if "Please read this." in words(m["blocks"]))
    assert "guide.pdf" in words(said["blocks"])
    assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]
    bot.settle()
    assert len(slack.shared) == 1
    assert not list(bot.folder.glob("files/*/*"))  # it takes no room here


def test_an_agents_file_reaches_a_visitor_of_the_website_as_an_attachment(bot: Bot, slack: StandIn) -> None:
    conversation = widget_case(bot)
    before = bot.desk.conversation(conversation).last_seq
    mine = agent_sends(bot, "! Please read these.", in_slack(slack, "trace.html", LOG), in_slack(slack, "a.png", png()))
    said = [m for m in bot.desk.messages(conversation, after=before) if m.author == "agent"]
    assert [m.text for m in said] == ["Please read these."]
    assert [file_name(name) for name in said[0].attachments] == ["trace.html", "a.png"]
    log, picture = on_shelf(bot, conversation)
    assert log == ("trace.html", LOG, "application/octet-stream")
    assert (picture[0], picture[2]) == ("a.png", "image/png")
    assert Image.open(io.BytesIO(picture[1])).getpixel((1, 1)) == (255, 0, 0)
    assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]
    assert slack.shared == []


@pytest.mark.parametrize("where", ["slack", "widget"])
def test_the_reply_window_takes_files_along(bot: Bot, slack: StandIn, where: str) -> None:
    ts = open_case(bot, slack) if where == "slack" else widget_case(bot)
    case_press(bot, "Reply")
    view = slack.views[-1]
    for _ in range(3):
        bot.submit(view, {"text": "See the file.", "files": ("files", [in_slack(slack, "a.txt", LOG)])}, user="U0SAM")
    bot.settle()
    if where == "slack":
        assert shared_with(slack, "C0HELP", ts) == [("a.txt", LOG)]
    else:
        assert on_shelf(bot, ts) == [("a.txt", LOG, "application/octet-stream")]
    echo = next(m for m in bot.case_thread() if "See the file." in words(m["blocks"]))
    assert "a.txt" in words(echo["blocks"])
    assert shared_with(slack, "C0CASES", bot.root()["ts"]) == [("a.txt", LOG)]  # the other agents see what was sent


@pytest.mark.parametrize(
    ("direction", "text"), [(Direction.INTERNAL, "!"), (Direction.INTERNAL, "reply:"), (Direction.PUBLIC, "")]
)
def test_a_file_alone_is_sent_where_the_thread_says_that_words_go_to_the_user(
    slack: StandIn, tmp_path: Path, direction: Direction, text: str
) -> None:
    bot = Bot(slack, tmp_path, settings=settings_for(slack, replies=direction))
    try:
        ts = open_case(bot, slack)
        agent_sends(bot, text, in_slack(slack, "a.txt", LOG))
        assert shared_with(slack, "C0HELP", ts) == [("a.txt", LOG)]
    finally:
        bot.close()


def test_who_asked_by_the_command_gets_the_file_in_the_direct_message_that_the_talk_moved_to(
    bot: Bot, slack: StandIn
) -> None:
    bot.command("zeta failed", trigger="t1")
    bot.settle()
    bot.press("Ask a person", slack.responses[-1], name="cmd-t1")
    bot.settle()
    bot.submit(slack.views[-1], {"product_name": "Quotes", "error_message": "zeta failed"})
    bot.settle()
    agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", LOG))
    root, said = slack.messages["D0ANN"]
    assert "See the file." in words(said["blocks"])
    assert said["thread_ts"] == root["ts"]
    assert shared_with(slack, "D0ANN", root["ts"]) == [("a.txt", LOG)]


def test_a_user_whose_channel_was_archived_gets_words_and_file_in_a_direct_message(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    slack.channels["C0HELP"]["archived"] = True
    slack.fail("upload", status=503)
    agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", LOG))
    for _ in range(3):
        wait_and_settle(bot, minutes=1)
    root, *said = slack.messages["D0ANN"]
    assert len([m for m in said if "See the file." in words(m["blocks"])]) == 1
    assert shared_with(slack, "D0ANN", root["ts"]) == [("a.txt", LOG)]


# ── T13: internal files ──

INTERNAL: dict[str, tuple[Direction, str]] = {
    "words and a file": (Direction.INTERNAL, f"look at this {CANARY}"),
    "a file alone": (Direction.INTERNAL, ""),
    "a note by its prefix": (Direction.PUBLIC, f"note: {CANARY}"),
    "a file alone by its prefix": (Direction.PUBLIC, "private:"),
}


@pytest.mark.parametrize("kind", INTERNAL)
@pytest.mark.parametrize("where", ["slack", "widget"])
def test_an_internal_file_never_reaches_a_user(slack: StandIn, tmp_path: Path, kind: str, where: str) -> None:
    direction, text = INTERNAL[kind]
    bot = Bot(slack, tmp_path, settings=settings_for(slack, replies=direction))
    try:
        ts = open_case(bot, slack) if where == "slack" else widget_case(bot)
        secret = in_slack(slack, f"{CANARY}.txt", CANARY.encode())
        agent_sends(bot, text, secret)
        (case,) = bot.desk.cases()
        bot.say("thanks", thread=ts) if where == "slack" else None
        bot.settle()
        notes = [m for m in bot.desk.messages(case.conversation, internal=True) if m.attachments]
        assert [(m.visibility, m.attachments) for m in notes] == [(Visibility.INTERNAL, (f"{CANARY}.txt",))]
        assert CANARY not in str(bot.desk.messages(case.conversation))
        assert CANARY not in str(slack.messages["C0HELP"])
        assert slack.fetched == []  # not even looked at
        assert slack.shared == []
        assert not list(tmp_path.glob("files/*/*"))
        assert CANARY not in str([r for r in slack.responses if r.get("response_type") != "ephemeral"])
    finally:
        bot.close()


def test_a_file_by_somebody_who_is_no_agent_goes_nowhere(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    agent_sends(bot, "! take this", in_slack(slack, "evil.exe", LOG), user="U0BEA")
    assert slack.fetched == []
    assert slack.shared == []


# ── what goes wrong ──


def _no_shelf(slack: StandIn, folder: Path) -> Bot:
    bot = Bot(slack, folder)
    bot.service._deeds._files._shelf = None
    return bot


LOST: dict[str, tuple[str, Callable[[StandIn], dict[str, Any]], str]] = {
    "too large": ("slack", lambda s: in_slack(s, "big.iso", LOG, size=21 * 1024 * 1024), "larger than 20 MB"),
    "too large, for the website": (
        "widget",
        lambda s: in_slack(s, "big.iso", LOG, size=21 * 1024 * 1024),
        "larger than",
    ),
    "on a foreign host": (
        "widget",
        lambda s: in_slack(s, "a.txt", LOG, url_private_download="https://evil.example/a"),
        "does not hand it out",
    ),
}


@pytest.mark.parametrize("kind", LOST)
def test_a_file_that_cannot_go_is_told_of_in_the_thread_and_the_words_go(bot: Bot, slack: StandIn, kind: str) -> None:
    where, file, why = LOST[kind]
    ts = open_case(bot, slack) if where == "slack" else widget_case(bot)
    agent_sends(bot, "! See the file.", file(slack), in_slack(slack, "good.txt", b"good"))
    assert "See the file." in str(bot.desk.messages(bot.desk.cases()[0].conversation))
    (line,) = [words(m["blocks"]) for m in bot.case_thread() if "Not sent to the user" in words(m["blocks"])]
    assert why in line
    if where == "slack":
        assert shared_with(slack, "C0HELP", ts) == [("good.txt", b"good")]
    else:
        assert on_shelf(bot, ts) == [("good.txt", b"good", "application/octet-stream")]


def test_where_the_website_takes_no_files_the_agent_is_told_and_nothing_empty_is_sent(
    slack: StandIn, tmp_path: Path
) -> None:
    bot = _no_shelf(slack, tmp_path)
    try:
        conversation = widget_case(bot)
        before = bot.desk.conversation(conversation).last_seq
        mine = agent_sends(bot, "!", in_slack(slack, "a.txt", LOG))
        assert bot.desk.conversation(conversation).last_seq == before
        assert slack.reactions[f"C0CASES:{mine}"] == ["warning"]
        assert "the website takes no files" in words(bot.case_thread()[-1]["blocks"])
    finally:
        bot.close()


def test_a_reply_waits_for_its_file_and_says_so_and_then_both_arrive_once(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    slack.fail("upload", status=503, times=2)
    mine = agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", LOG))
    assert slack.shared == []
    assert slack.reactions[f"C0CASES:{mine}"] == ["hourglass_flowing_sand"]
    for _ in range(4):
        wait_and_settle(bot, minutes=1)
    assert shared_with(slack, "C0HELP", ts) == [("a.txt", LOG)]
    assert len([m for m in slack.thread("C0HELP", ts) if "See the file." in words(m["blocks"])]) == 1
    assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]


@pytest.mark.parametrize("lost", ["files.completeUploadExternal", "files.getUploadURLExternal"])
def test_a_lost_answer_about_a_file_shows_it_once(bot: Bot, slack: StandIn, lost: str) -> None:
    ts = open_case(bot, slack)
    slack.troubles[lost].append(Trouble(lose=True))
    agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", LOG))
    for _ in range(4):
        wait_and_settle(bot, minutes=1)
    assert shared_with(slack, "C0HELP", ts) == [("a.txt", LOG)]
    assert {d.state for d in bot.desk.deliveries(route="users")} == {DeliveryState.DELIVERED}


def test_a_file_that_slack_refuses_fails_the_message_with_the_reason_and_can_be_sent_again(
    bot: Bot, slack: StandIn
) -> None:
    ts = open_case(bot, slack)
    slack.fail("files.completeUploadExternal", "file_type_not_allowed")
    mine = agent_sends(bot, "! See the file.", in_slack(slack, "a.exe", LOG))
    bot.settle()
    assert slack.reactions[f"C0CASES:{mine}"] == ["warning"]
    note = bot.case_thread()[-1]
    assert "file_type_not_allowed" in words(note["blocks"])
    bot.press("Try again", note, user="U0SAM", channel="C0CASES")
    bot.settle()
    bot.settle()
    assert shared_with(slack, "C0HELP", ts) == [("a.exe", LOG)]
    assert slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"]


def test_what_was_uploaded_and_dropped_by_slack_is_uploaded_anew(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    slack.fail("files.completeUploadExternal", "internal_error")
    agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", LOG))
    assert slack.shared == []
    slack.uploads.clear()
    wait_and_settle(bot, minutes=1)
    slack.faults.clear()  # that the first id is not known any more
    assert shared_with(slack, "C0HELP", ts) == [("a.txt", LOG)]


def test_slack_not_handing_out_a_file_for_a_moment_delays_the_reply_and_for_long_lets_the_words_go(
    bot: Bot, slack: StandIn
) -> None:
    conversation = widget_case(bot)
    for times, arrives in ((1, True), (100, False)):
        before = bot.desk.conversation(conversation).last_seq
        slack.fail("file", status=503, times=times)
        agent_sends(bot, f"! File {times}.", in_slack(slack, f"n{times}.txt", LOG))
        assert bot.desk.conversation(conversation).last_seq == before
        for _ in range(6):
            wait_and_settle(bot, minutes=1)
        slack.troubles.clear()
        (said,) = [m for m in bot.desk.messages(conversation, after=before) if m.author == "agent"]
        assert bool(said.attachments) is arrives
    assert "Not sent to the user: \nn100.txt: Slack does not hand it out" in words(bot.case_thread()[-1]["blocks"])


# ── a user's, to the agents ──


ANN = Person(id="w1", name="Ann Example")
NOW = Conversation(id="c", channel=Channel.SLACK, person=ANN)


def visitor_sends(bot: Bot, conversation: str, text: str, name: str, data: bytes, key: str) -> None:
    kept = bot.shelf.put(conversation, name, data, "image/png")
    bot.desk.receive(
        Inbound(key=key, channel=Channel.WIDGET, thread=conversation, person=ANN, text=text, attachments=(kept.ref,))
    )


def test_a_visitors_screenshots_are_copied_into_the_cases_thread_like_a_slack_users(bot: Bot, slack: StandIn) -> None:
    """Before the case is opened and afterwards; and an agent cannot tell from which of the two ways a message came."""
    shown: dict[str, list[Any]] = {}
    for where in ("widget", "slack"):
        slack.shared.clear()
        if where == "widget":
            conversation = bot.widget_talk(name="Ann Example")
            visitor_sends(bot, conversation, "zeta failed, see", "one.png", png(), "w-1")
            for n, text in enumerate(("I want to talk to a person", "Quotes", "zeta failed")):
                bot.desk.receive(
                    Inbound(key=f"w2-{n}", channel=Channel.WIDGET, thread=conversation, person=ANN, text=text)
                )
            bot.settle()
            case_press(bot, "Claim")
            visitor_sends(bot, conversation, "and this one", "two.png", png("blue"), "w-3")
        else:
            first, second = in_slack(slack, "one.png", png()), in_slack(slack, "two.png", png("blue"))
            ts = bot.say("zeta failed, see", channel="D0ANN", subtype="file_share", files=[first])
            bot.settle()
            for text in ("I want to talk to a person", "Quotes", "zeta failed"):
                bot.say(text, channel="D0ANN", thread=ts)
                bot.settle()
            case_press(bot, "Claim")
            bot.say("and this one", channel="D0ANN", thread=ts, subtype="file_share", files=[second])
        bot.settle()
        root, *thread = bot.case_thread()
        files = shared_with(slack, "C0CASES", root["ts"])
        assert [name for name, _ in files] == ["one.png", "two.png"]
        assert [Image.open(io.BytesIO(data)).getpixel((1, 1)) for _, data in files] == [(255, 0, 0), (0, 0, 255)]
        assert "one.png" in words(thread[0]["blocks"])
        assert "/one.png" not in str(thread)
        lines = [block["elements"][0]["elements"] for block in thread[0]["blocks"] if block["type"] == "rich_text"]
        said = [(who["text"], text["text"]) for who, *_, text in lines if "one.png" in text["text"]]
        assert said == [("Ann Example", "zeta failed, see\n[one.png]")]
        shown[where] = [thread[-1]["text"], thread[-1]["blocks"]]
    assert shown["widget"] == shown["slack"]


def form_of(bot: Bot, slack: StandIn, text: str = "zeta failed") -> tuple[str, dict[str, Any]]:
    """A user asked for a person: their thread, and the form that opened."""
    ts = bot.mention(text)
    bot.settle()
    bot.press("Ask a person", slack.messages["C0HELP"][-1])
    bot.settle()
    return ts, slack.views[-1]


def test_files_of_the_form_reach_the_case_once_like_those_of_messages(bot: Bot, slack: StandIn) -> None:
    _, view = form_of(bot, slack)
    given = [in_slack(slack, "shot.PNG", png()), in_slack(slack, "log.txt", LOG, mode="snippet")]
    for _ in range(3):
        assert bot.submit(view, {"product_name": "Quotes", "files": ("files", given)}).text == ""
    bot.settle()
    (case,) = bot.desk.cases()
    root, *thread = bot.case_thread()
    assert shared_with(slack, "C0CASES", root["ts"]) == [("shot.PNG", png()), ("log.txt", LOG)]
    assert "[shot.PNG, log.txt]" in words(thread[0]["blocks"])
    assert [m.attachments for m in bot.desk.messages(case.conversation) if m.attachments] == [("shot.PNG", "log.txt")]
    assert slack.fetched == ["shot.PNG", "log.txt"]
    keys = [m.key for m in bot.desk.messages(case.conversation) if m.key]
    bot.service.state.erase(case.conversation, bot.desk.conversation(case.conversation).thread, keys)
    assert bot.service.state.all_kept("files") == {}


@pytest.mark.parametrize("claimed", [False, True])
def test_files_of_a_form_that_finds_its_case_open_are_passed_on_by_name(
    bot: Bot, slack: StandIn, claimed: bool
) -> None:
    ts, view = form_of(bot, slack)
    bot.say("Quotes", thread=ts)
    bot.settle()
    (case,) = bot.desk.cases()
    if claimed:
        case_press(bot, "Claim")
    before = len(bot.case_thread())
    values = {"product_name": "Quotes", "error_message": "zeta failed", "note": "see the picture"}
    bot.submit(view, {**values, "files": ("files", [in_slack(slack, "shot.png", png())])})
    bot.settle()
    assert [c.id for c in bot.desk.cases()] == [case.id]
    assert shared_with(slack, "C0CASES", bot.root()["ts"]) == [("shot.png", png())]
    assert any("shot.png" in words(m["blocks"]) for m in bot.case_thread()[before:])


UNFIT: dict[str, tuple[Callable[[StandIn], list[dict[str, Any]]], str]] = {
    "a program": (
        lambda s: [in_slack(s, "a.png", png()), in_slack(s, "b.png.exe", LOG)],
        "b.png.exe is not taken here",
    ),
    "no ending": (lambda s: [in_slack(s, "screenshot", png())], "screenshot is not taken here"),
    "too large": (lambda s: [in_slack(s, "a.pdf", LOG, size=10 * 1024 * 1024 + 1)], "a.pdf is larger than 10 MB"),
    "too many": (lambda s: [in_slack(s, f"{n}.png", png()) for n in range(11)], "These are 11 files"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_file_that_the_form_does_not_take_is_said_at_its_field_and_opens_nothing(
    bot: Bot, slack: StandIn, kind: str
) -> None:
    files, complaint = UNFIT[kind]
    _, view = form_of(bot, slack)
    answer = bot.submit(view, {"product_name": "Quotes", "files": ("files", files(slack))}).json()
    assert answer["response_action"] == "errors"
    assert list(answer["errors"]) == ["files"]
    assert answer["errors"]["files"].startswith(complaint)
    bot.settle()
    assert not bot.desk.cases()
    assert bot.submit(view, {"product_name": "Quotes"}).text == ""  # without them it goes through
    bot.settle()
    assert len(bot.desk.cases()) == 1


def test_the_form_needs_the_scope_that_reads_files_and_shows_its_limits(bot: Bot, slack: StandIn) -> None:
    _, view = form_of(bot, slack)
    field = next(block for block in view["blocks"] if block["block_id"] == "files")
    assert field["optional"]
    assert field["element"]["filetypes"] == ["png", "jpg", "jpeg", "webp", "pdf", "txt"]
    assert field["element"]["max_files"] == 10
    assert "10 at most, 10 MB each" in field["hint"]["text"]
    slack.scopes = {"chat:write"}
    with pytest.raises(SlackFault, match="missing_scope"):
        bot.service.slack.call("T01", "views.open", trigger_id=slack.trigger(), view=views.escalation(NOW, "c"))


def test_a_users_file_that_cannot_be_copied_says_so_and_holds_nothing_up(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    slack.fail("file", status=503, times=100)
    bot.say("see", thread=ts, subtype="file_share", files=[in_slack(slack, "shot.png", png())])
    bot.say("still there?", thread=ts)
    bot.settle()
    for _ in range(5):
        wait_and_settle(bot, minutes=1)
    thread = [words(m["blocks"]) for m in bot.case_thread()]
    assert any("shot.png> could not be copied here." in text.replace("|shot.png", "shot.png") for text in thread)
    assert any("still there?" in text for text in thread)
    assert len([text for text in thread if "could not be copied" in text]) == 1


def test_a_users_file_that_is_refused_once_is_copied_after_all_and_once(bot: Bot, slack: StandIn) -> None:
    ts = open_case(bot, slack)
    slack.troubles["files.completeUploadExternal"].append(Trouble(lose=True))
    bot.say("see", thread=ts, subtype="file_share", files=[in_slack(slack, "shot.png", png())])
    bot.settle()
    for _ in range(3):
        wait_and_settle(bot, minutes=1)
    assert [name for name, _ in shared_with(slack, "C0CASES", bot.root()["ts"])] == ["shot.png"]
    assert "could not be copied" not in str(bot.case_thread())


def test_erasing_a_conversation_forgets_where_its_files_were(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", LOG))
    (case,) = bot.desk.cases()
    assert len(bot.service.state.all_kept("files")) == 1
    bot.service.state.erase(case.conversation, bot.desk.conversation(case.conversation).thread)
    assert bot.service.state.all_kept("files") == {}


def test_an_agent_is_not_told_of_files_any_more_that_they_cannot_be_passed_on(bot: Bot, slack: StandIn) -> None:
    open_case(bot, slack)
    agent_sends(bot, "! See the file.", in_slack(slack, "a.txt", LOG))
    assert not any("cannot be passed on" in text for text in told(slack))
