"""What Slack does beside the plain path: rich text, snippets, shared channels, organisations, answers one person sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpbot.channels.slack import richtext
from helpbot.channels.slack.settings import Agents
from helpbot.dialogue.values import error_of
from tests.slack.bot import Bot, labels, settings_for, words
from tests.slack.standin import StandIn
from tests.slack.test_agents import case_press, open_case
from tests.slack.test_files import LOG, agent_sends, in_slack, shared_with
from tests.slack.test_sender import wait_and_settle

# ── rich text ──


def _text(text: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def _rich(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": list(elements)}]


def _section(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(parts)}


def _listed(style: str, *items: str, **more: Any) -> dict[str, Any]:
    return {"type": "rich_text_list", "style": style, "elements": [_section(_text(item)) for item in items], **more}


ME = {"type": "user", "user_id": "U0BOT"}
TYPED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "markup is taken off": (_rich(_section(_text("it "), _text("fails", bold=True), _text(" now", italic=True))), "it fails now"),
    "stars of an error's own stay": (_rich(_section(_text("select * from *x*"))), "select * from *x*"),
    "a code block keeps its lines": (
        _rich(_section(_text("I get\n")), {"type": "rich_text_preformatted", "elements": [_text("Unable to sync\n  at X")]}),
        "I get\n```\nUnable to sync\n  at X\n```",
    ),
    "a pasted line in code is a code block": (
        _rich(_section(_text("I see "), _text("Unable to sync the quote", code=True), _text(" since monday"))),
        "I see\n```\nUnable to sync the quote\n```\n since monday",
    ),
    "a name in code stays in its line": (_rich(_section(_text("the field "), _text("sku", code=True))), "the field `sku`"),
    "lists": (_rich(_listed("ordered", "one", "two", offset=2), _listed("bullet", "x", indent=1)), "3. one\n4. two\n    • x"),
    "a quote": (_rich({"type": "rich_text_quote", "elements": [_text("it says\nno")]}), "it says\nno"),
    "our name is dropped": (_rich(_section(ME, _text(" alpha failed"))), "alpha failed"),
    "in the middle too": (_rich(_section(_text("hi "), ME, _text(" alpha failed"))), "hi alpha failed"),
    "others' names are not": (_rich(_section({"type": "user", "user_id": "U0BEA"}, _text(" alpha"))), "@U0BEA alpha"),
    "links": (
        _rich(
            _section(
                {"type": "link", "url": "http://example.com", "text": "example.com"},
                _text(" "),
                {"type": "link", "url": "https://a.example/x", "text": "here"},
                _text(" "),
                {"type": "link", "url": "mailto:a@b.c", "text": "a@b.c"},
            )
        ),
        "example.com here (https://a.example/x) a@b.c",
    ),
    "emoji": (
        _rich(_section({"type": "emoji", "name": "+1", "unicode": "1f44d"}, {"type": "emoji", "name": "our-own"})),
        "\N{THUMBS UP SIGN}:our-own:",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPED)
def test_what_was_typed_is_read_from_the_blocks(kind: str) -> None:
    blocks, meant = TYPED[kind]
    assert richtext.said(blocks, "U0BOT") == meant


@pytest.mark.parametrize(
    "blocks",
    [
        None, [], {}, [1], [{"type": "rich_text"}], [{"type": "section"}], [{"type": "rich_text", "elements": 3}],
        [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [None, {"type": "new"}]}]}],
        _rich(_section(_text(" "))), [*_rich(_section(_text("a"))), {"type": "image"}],
    ],
)  # fmt: skip
def test_blocks_that_nobody_typed_are_left_to_the_text(blocks: Any) -> None:
    assert richtext.said(blocks) is None


def test_a_mention_is_dropped_where_the_event_does_not_name_us() -> None:
    assert richtext.said(_rich(_section(ME, _text(": alpha failed"))), drop_lead=True) == "alpha failed"
    assert richtext.said(_rich(_section(_text("alpha "), ME)), drop_lead=True) == "alpha @U0BOT"


def test_lists_within_lists_without_end_are_cut() -> None:
    node: dict[str, Any] = _section(_text("x"))
    for _ in range(5_000):
        node = {"type": "rich_text_list", "elements": [node]}
    assert richtext.said(_rich(node)) is not None


def test_a_code_blocks_first_word_is_the_errors_own(bot: Bot, slack: StandIn) -> None:
    """Slack's `text` puts it right behind the fence, where others write a language."""
    bot.mention("I get\n```Unable to zeta &lt;Foo&gt;: 12345\n  at *Bar*.Baz()```\nsince monday")
    bot.settle()
    (view,) = bot.store.engine.read(lambda c: c.execute("SELECT id FROM conversations").fetchall())
    said = bot.desk.messages(view[0])[0].text
    assert said == "I get\n```\nUnable to zeta <Foo>: 12345\n  at *Bar*.Baz()\n```\nsince monday"
    assert error_of("```Unable to zeta: 12345\nat Bar```") == "Unable to zeta: 12345\nat Bar"
    assert error_of("```json\nUnable to zeta: 12345\n```") == "Unable to zeta: 12345"


# ── texts that Slack makes files of ──

TRACE = "zeta failed\n" + "\n".join(f"   at Quote.Step{n}()" for n in range(400))


def _snippet(slack: StandIn, **more: Any) -> dict[str, Any]:
    return in_slack(slack, "Untitled", TRACE.encode(), mode="snippet", filetype="text", **more)


@pytest.mark.parametrize("away", [0, 2])
def test_a_paste_that_slack_made_a_snippet_of_is_read_whole(bot: Bot, slack: StandIn, away: int) -> None:
    slack.fail("file", status=503, times=away) if away else None
    bot.mention("I get this")
    bot.settle()
    ts = bot.say("this is it", channel="D0ANN", subtype="file_share", files=[_snippet(slack)])
    bot.settle()
    for _ in range(away):
        wait_and_settle(bot, minutes=1)
    thread = bot.service.state.thread(f"T01:D0ANN:{ts}")
    assert thread is not None
    assert bot.desk.messages(thread.conversation)[0].text == f"this is it\n```\n{TRACE}\n```"
    bot.press("Ask a person", slack.messages["D0ANN"][-1], channel="D0ANN")
    bot.settle()
    shown = next(b for b in slack.views[-1]["blocks"] if b["block_id"] == "error_message")["element"]
    assert shown["initial_value"].startswith("zeta failed")


def test_find_a_fix_reads_a_colleagues_snippet(bot: Bot, slack: StandIn) -> None:
    file = in_slack(slack, "Untitled", b"alpha failed", mode="snippet")
    bot.shortcut({"ts": slack.next_ts(), "text": "", "user": "U0BEA", "files": [file]})
    bot.settle()
    assert "Because of Alpha." in words(slack.responses[0]["blocks"])


@pytest.mark.parametrize(
    ("more", "content"), [({"size": 70_000}, None), ({}, b"\x00\x01 no text"), ({"mode": "hosted"}, None)]
)
def test_a_file_that_is_no_short_text_is_not_read(
    bot: Bot, slack: StandIn, more: dict[str, Any], content: bytes | None
) -> None:
    file = {**_snippet(slack), **more}
    if content is not None:
        slack.files["Untitled"] = content
    ts = bot.say("zeta failed", channel="D0ANN", subtype="file_share", files=[file])
    bot.settle()
    thread = bot.service.state.thread(f"T01:D0ANN:{ts}")
    assert thread is not None
    assert bot.desk.messages(thread.conversation)[0].text == "zeta failed"


def test_a_file_that_slack_only_names_is_asked_for(bot: Bot, slack: StandIn) -> None:
    """In channels shared with another company a file comes as its id alone."""
    ts = open_case(bot, slack)
    slack.files["a.txt"] = LOG
    slack.stored["F0FAR"] = {"id": "F0FAR", "name": "a.txt", "url_private_download": f"{slack.url}/files/a.txt"}
    bot.say("see", thread=ts, subtype="file_share", files=[{"id": "F0FAR", "file_access": "check_file_info"}])
    bot.settle()
    assert shared_with(slack, "C0CASES", bot.root()["ts"]) == [("F0FAR", LOG)]
    bot.say("and", thread=ts, subtype="file_share", files=[{"id": "F0DEL", "file_access": "file_not_found"}])
    bot.settle()
    assert "could not be copied" in words(bot.case_thread()[-1]["blocks"])
    assert "F0DEL" in words(bot.case_thread()[-1]["blocks"])


# ── other companies, and organisations of several workspaces ──


def test_in_a_shared_channel_the_workspace_is_the_one_that_has_the_bot(bot: Bot, slack: StandIn) -> None:
    ts = slack.next_ts()
    said = {
        "type": "message", "channel": "C0HELP", "user": "U0FAR", "user_team": "T99", "source_team": "T99", "ts": ts,
        "text": "<@U0BOT> alpha failed", "channel_type": "channel",
    }  # fmt: skip
    bot.event(said, team="T99", authorized="T01")
    bot.settle()
    (answer,) = slack.messages["C0HELP"]
    assert answer["thread_ts"] == ts
    assert bot.service.state.thread(f"T01:C0HELP:{ts}") is not None
    assert bot.service.state.thread(f"T99:C0HELP:{ts}") is None


def test_a_window_is_submitted_to_the_workspace_that_has_the_bot(bot: Bot, slack: StandIn) -> None:
    bot.mention("zeta failed")
    bot.settle()
    bot.press("Ask a person", slack.messages["C0HELP"][-1])
    bot.settle()
    (view,) = slack.views
    bot.submit(view, {"product_name": "Quotes", "error_message": "zeta failed"}, team="T99", app_team="T01")
    bot.settle()
    assert len(bot.desk.cases()) == 1


ORGANISATION = {"enterprise_id": "E01", "teams": ["T01", "T02"]}
WHO: dict[str, tuple[dict[str, Any], str, bool]] = {
    "of this workspace": ({}, "T01", True),
    "of this organisation": ({"team_id": "T01", "enterprise_user": ORGANISATION}, "E01", True),
    "at home in another workspace of it": ({"team_id": "T02", "enterprise_user": ORGANISATION}, "T02", True),
    "of the organisation, but not of this workspace": (
        {"team_id": "T02", "enterprise_user": {"enterprise_id": "E01", "teams": ["T02"]}}, "E01", False,
    ),
    "of another organisation": ({"team_id": "T01", "enterprise_user": ORGANISATION}, "E99", False),
    "says it is of an organisation": ({}, "E01", False),
    "of another workspace": ({"team_id": "T99"}, "T99", False),
    "a stranger": ({"enterprise_user": ORGANISATION, "is_stranger": True}, "E01", False),
}  # fmt: skip


@pytest.mark.parametrize("who", WHO)
def test_who_is_of_the_agents_workspace(slack: StandIn, tmp_path: Path, who: str) -> None:
    profile, user_team, agent = WHO[who]
    slack.users["W0AGENT"] = {"real_name": "Will Agent", **profile}
    bot = Bot(slack, tmp_path, settings=settings_for(slack, agents=Agents(people=frozenset({"W0AGENT"}))))
    try:
        ts = open_case(bot, slack)
        bot.say("! on it", user="W0AGENT", channel="C0CASES", thread=bot.root()["ts"], user_team=user_team)
        bot.settle()
        assert any("on it" in words(m["blocks"]) for m in slack.thread("C0HELP", ts)) is agent
    finally:
        bot.close()


# ── what one person sees ──


def test_the_answer_to_a_command_stays_when_its_button_is_pressed(bot: Bot, slack: StandIn) -> None:
    """Slack does not say what stood in a message that only one person sees."""
    bot.command("alpha failed", trigger="t1")
    bot.settle()
    told = slack.responses[-1]
    bot.press("No, not yet", told, name="cmd-t1")
    bot.settle()
    replaced = next(r for r in slack.responses if r.get("replace_original"))
    shown = words(replaced["blocks"])
    assert "Because of Alpha." in shown
    assert "Do it." in shown
    assert "No, not yet" in shown
    assert "Yes, solved" not in labels(replaced)


def test_an_agents_words_for_a_file_that_is_elsewhere(bot: Bot, slack: StandIn) -> None:
    """A file of another service is a link: its bytes are not Slack's to hand out."""
    open_case(bot, slack)
    case_press(bot, "Claim")
    agent_sends(
        bot, "! see", {"id": "F0EXT", "name": "plan", "is_external": True, "url_private": "https://docs.example/x"}
    )
    assert slack.fetched == []


# ── direct messages, where people answer below and not in the thread ──


def _below(bot: Bot, text: str) -> str:
    """Write into the direct message itself, and let it be answered; the ts."""
    ts = bot.say(text, channel="D0ANN")
    bot.settle()
    return ts


def test_what_is_written_below_an_answer_goes_on_with_it_where_it_was_written(bot: Bot, slack: StandIn) -> None:
    _below(bot, "alpha failed")
    no = _below(bot, "no, it still fails")
    (asked,) = slack.thread("D0ANN", no)
    assert "Fill in the form" in labels(asked)
    product = _below(bot, "Quotes")
    for _ in range(3):
        if not bot.desk.cases():
            product = _below(bot, "alpha failed with code 7")
    (case,) = bot.desk.cases()
    assert case.product_name == "Quotes"
    assert "alpha failed" in case.error_message
    assert case.number in words(slack.thread("D0ANN", product)[-1]["blocks"])
    agent_sends(bot, "! Clear the cache.")
    assert "Clear the cache." in words(slack.thread("D0ANN", product)[-1]["blocks"])
    below = _below(bot, "done, what now?")
    assert "done, what now?" in words(bot.case_thread()[-1]["blocks"])
    agent_sends(bot, "! Restart it.")
    assert "Restart it." in words(slack.thread("D0ANN", below)[-1]["blocks"])
    bot.say("and back here", channel="D0ANN", thread=no)
    bot.settle()
    agent_sends(bot, "! Here too.")
    assert "Here too." in words(slack.thread("D0ANN", no)[-1]["blocks"])


def test_a_question_written_below_is_a_talk_of_its_own(bot: Bot, slack: StandIn) -> None:
    first = _below(bot, "alpha failed")
    second = _below(bot, "beta failed")
    assert "Because of Beta." in words(slack.thread("D0ANN", second)[0]["blocks"])
    places = [bot.service.state.thread(f"T01:D0ANN:{ts}") for ts in (first, second)]
    assert len({place.conversation for place in places if place}) == 2
    bot.say("no, it still fails", channel="D0ANN", thread=first)
    bot.settle()
    assert len(slack.thread("D0ANN", first)) == 2
    assert len(slack.thread("D0ANN", second)) == 1


@pytest.mark.parametrize("why", ["a day later", "erased"])
def test_words_below_an_old_or_erased_talk_begin_a_new_one(bot: Bot, slack: StandIn, why: str) -> None:
    first = _below(bot, "alpha failed")
    place = bot.service.state.thread(f"T01:D0ANN:{first}")
    assert place is not None
    if why == "erased":
        bot.service.state.erase(place.conversation, place.thread)
        assert bot.service.state.kept("last", "T01:D0ANN") is None
    else:
        bot.clock.pass_(hours=5)
    second = bot.service.state.thread(f"T01:D0ANN:{_below(bot, 'no, it still fails')}")
    assert second is not None
    assert second.conversation != place.conversation


def test_words_told_twice_below_an_answer_are_heard_once(bot: Bot, slack: StandIn) -> None:
    _below(bot, "alpha failed")
    ts = _below(bot, "no, it still fails")
    for _ in range(2):
        bot.say("no, it still fails", channel="D0ANN", ts=ts)
        bot.settle()
    assert len(slack.thread("D0ANN", ts)) == 1
