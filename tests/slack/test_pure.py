"""The translations by themselves: settings, text, lengths, places, the manifest."""

from __future__ import annotations

import json
from datetime import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.channels.slack import limits, manifest, payloads
from helpbot.channels.slack.calls import Pace, retry_after
from helpbot.channels.slack.mrkdwn import escape, link, typed
from helpbot.channels.slack.places import Place
from helpbot.channels.slack.settings import Agents, Direction, Mode, SlackSettings, slack_settings
from helpbot.errors import SettingError

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "bot/slack/manifest.yaml"

TYPED = [
    ("plain words", "plain words"),
    ("&lt;b&gt; &amp;amp; &amp;lt;", "<b> &amp; &lt;"),
    ("<http://example.com|example.com>", "example.com"),
    ("<https://example.com/a?b=1&amp;c=2>", "https://example.com/a?b=1&c=2"),
    ("<https://evil.example|your bank>", "your bank (https://evil.example)"),
    ("<mailto:a@b.example|a@b.example>", "a@b.example"),
    ("<mailto:a@b.example|write us>", "write us (a@b.example)"),
    ("<tel:+3110|+3110>", "+3110"),
    ("<@U0BOT> alpha", "alpha"),
    ("hey <@U0BOT|helpbot>, alpha", "hey , alpha"),
    ("<@U1> and <@U2|bea>", "@U1 and @bea"),
    ("<#C1|general> <#C2>", "#general #C2"),
    ("<!here> <!channel|channel> <!subteam^S1|@team> <!subteam^S2>", "@here @channel @team @subteam"),
    ("<!date^1392734382^{date}|Feb 18, 2014>", "Feb 18, 2014"),
    ("a < b and c > d", "a < b and c > d"),
    ("x &lt;@U0BOT&gt; y", "x <@U0BOT> y"),
    ("<>", "<>"),
]


@pytest.mark.parametrize(("sent", "meant"), TYPED)
def test_what_slack_made_of_a_text_is_undone(sent: str, meant: str) -> None:
    assert typed(sent, "U0BOT") == meant


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])))
def test_a_typed_text_comes_back_as_it_was(text: str) -> None:
    assert typed(escape(text)) == text


@given(st.text())
def test_nothing_in_an_escaped_text_comes_alive(text: str) -> None:
    assert "<" not in escape(text)
    assert ">" not in escape(text)


def test_a_link_is_a_link_and_a_label_cannot_break_out() -> None:
    assert link("https://x.example/a|b?c=1&d", "A > B | C\nD") == "<https://x.example/a%7Cb?c=1&amp;d|A &gt; B ¦ C D>"
    assert link("", "<A>") == "&lt;A&gt;"


@given(st.text(max_size=500), st.integers(1, 60))
def test_pieces_are_the_whole_text_and_none_is_too_long(text: str, limit: int) -> None:
    parts = limits.pieces(text, limit)
    assert "".join(parts) == text
    assert all(len(part) <= limit for part in parts)


@given(st.lists(st.integers(0, limits.TOTAL), max_size=120))
def test_a_message_split_holds_every_block_in_order_within_the_limits(lengths: list[int]) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "markdown", "text": "x" * length, "n": n} for n, length in enumerate(lengths)
    ]
    groups = limits.messages(blocks)
    assert [block["n"] for group in groups for block in group] == list(range(len(blocks)))
    assert all(len(group) <= limits.BLOCKS and limits.characters(group) <= limits.TOTAL for group in groups)


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}]},
        {
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x"}, "value": "x" * 2001}],
        },
        {"type": "actions", "elements": [{"type": "divider"}] * 26},
        {"type": "actions", "elements": [{"type": "divider", "action_id": "a"}] * 2},
        {"type": "context", "elements": []},
        {"type": "divider", "block_id": "x" * 256},
    ],
)
def test_what_slack_refuses_is_found_before_it_is_sent(broken: dict[str, Any]) -> None:
    assert limits.faults([broken])


def test_too_many_blocks_are_found() -> None:
    assert limits.faults([{"type": "divider"}] * 51) == ["51 blocks"]
    assert limits.faults([{"type": "divider"}] * 51, view=True) == []


def test_a_place_is_read_back_from_its_key() -> None:
    for place in (
        Place(team="T1", channel="C1", ts="17.5"),
        Place(team="T1", channel="D1", ts="17.5", private="abc"),
        Place(team="T1", channel="C1", private="abc"),
    ):
        assert Place.read(place.key) == place
    assert Place.read("a widget's id") is None


SETTINGS = SlackSettings()
PUBLIC = SlackSettings(replies=Direction.PUBLIC)
ADDRESSED = [
    (SETTINGS, "hello", ("hello", False, False)),
    (SETTINGS, "! hello", ("hello", True, True)),
    (SETTINGS, "Reply:hello", ("hello", True, True)),
    (SETTINGS, "  reply: a\nb", ("a\nb", True, True)),
    (SETTINGS, "note: ! hello", ("! hello", False, True)),
    (SETTINGS, "he said reply: no", ("he said reply: no", False, False)),
    (PUBLIC, "hello", ("hello", True, False)),
    (PUBLIC, "Note: hello", ("hello", False, True)),
    (PUBLIC, "private:hello", ("hello", False, True)),
]


@pytest.mark.parametrize(("settings", "text", "wanted"), ADDRESSED)
def test_where_an_agents_words_go(settings: SlackSettings, text: str, wanted: tuple[str, bool, bool]) -> None:
    assert payloads.addressed(text, settings) == wanted


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["event", "type", "message", "user", "ts", "channel", "subtype", "files", "edited", "authorizations"]),
            inner,
            max_size=6,
        ),
        max_leaves=12,
    ).filter(lambda v: isinstance(v, dict))
)  # fmt: skip
def test_no_shape_of_an_event_breaks_its_reading(body: dict[str, Any]) -> None:
    payloads.heard(body)
    payloads.edited(body)
    payloads.own_user(body)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5), ("0", 1), ("-3", 1), ("abc", 1), ("", 1), ("1e9", 1), ("99999999", 3600), ("٣", 1), ("999999999999", 1)],
)
def test_a_retry_after_that_makes_no_sense_is_not_believed(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_a_channel_takes_three_at_once_and_then_one_a_second() -> None:
    now = 0.0
    pace = Pace(1.0, lambda: now)
    assert [pace.turn("C") for _ in range(5)] == [0, 0, 0, 1, 2]
    assert pace.turn("D") == 0
    assert not pace.spare("C")
    now = 10.0
    assert pace.spare("C")
    assert pace.turn("C") == 0
    assert [pace.turn("E") for _ in range(9)][-1] > 4  # nobody sits longer: no turn was taken
    assert pace.turn("E") > 4


# ── settings ──


def test_settings_are_read_with_every_fault_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        slack_settings(
            {
                "case_chanel": "C1", "case_channel": "#cases", "agents": {"people": ["sam"], "groups": "S1", "teams": ["X1"]},
                "channels": {"general": "off", "C0HELP": "loud"}, "notice_confidence": 2, "replies": "both",
                "reply_prefixes": [], "summary": {"at": "25:00", "zone": "Mars/Base"}, "prompts": [{"title": "x"}],
            },
            bot_token="xoxp-1", app_token="xoxb-1", signing_secret="short", client_id="1",
        )  # fmt: skip
    lines = str(caught.value).splitlines()
    assert len(lines) == 17
    assert not any("xoxp" in line or "short\b" in line for line in lines)


def test_settings_become_plain_values() -> None:
    settings = slack_settings(
        {
            "case_channel": "C0CASES",
            "agents": {"people": ["U0SAM"], "groups": ["S0AG"], "teams": ["T01"]},
            "channels": {"C0HELP": "offer"},
            "replies": "public",
            "summary": {"at": "08:30", "zone": "Europe/Amsterdam"},
            "prompts": [{"title": "A", "message": "b"}],
        },
        bot_token="xoxb-1",
        signing_secret="s" * 32,
        api_url="http://127.0.0.1:1/api",
        public_url="https://x.example/",
    )
    assert settings.agents == Agents(people=frozenset({"U0SAM"}), groups=frozenset({"S0AG"}), teams=frozenset({"T01"}))
    assert settings.notices == {"C0HELP": Mode.OFFER}
    assert (settings.summary_at, settings.replies) == (time(8, 30), Direction.PUBLIC)
    assert (settings.api_url, settings.public_url) == ("http://127.0.0.1:1/api/", "https://x.example")
    assert settings.http
    assert not settings.oauth
    assert "xoxb-1" not in repr(settings)
    assert "s" * 32 not in repr(settings)
    assert not slack_settings({}).configured


# ── the manifest ──


def test_the_manifest_is_what_slack_takes() -> None:
    made = manifest.manifest(MANIFEST)
    schema = json.loads((Path(__file__).parent / "schemas/manifest.json").read_text())
    schema["definitions"]["Manifest"]["additionalProperties"] = False
    # The typings leave out one documented scope, docs.slack.dev/reference/scopes/assistant.write.
    made["oauth_config"]["scopes"]["bot"].remove("assistant:write")
    assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(made)] == []
    assert 175 <= len(made["display_information"]["long_description"]) <= 4000
    assert len(made["display_information"]["description"]) <= 140
    assert len(made["features"]["agent_view"]["agent_description"]) <= 300
    assert all(len(shortcut["name"]) <= 24 for shortcut in made["features"]["shortcuts"])


def test_a_manifest_with_a_mistake_is_found_by_the_schema() -> None:
    made = manifest.manifest(MANIFEST)
    made["features"]["agentview"] = {}
    schema = json.loads((Path(__file__).parent / "schemas/manifest.json").read_text())
    assert list(jsonschema_rs.validator_for(schema).iter_errors(made))


def test_the_printed_manifest_has_the_real_addresses() -> None:
    from ruamel.yaml import YAML

    text = manifest.manifest_text(MANIFEST, public_url="https://help.acme.example/", command="/fix")
    made = YAML(typ="safe").load(text)
    assert "bot.example.com" not in text
    assert made["settings"]["event_subscriptions"]["request_url"] == "https://help.acme.example/slack/events"
    assert made["features"]["slash_commands"][0]["command"] == "/fix"
    assert made["oauth_config"]["redirect_urls"] == ["https://help.acme.example/slack/oauth_redirect"]
    socket = YAML(typ="safe").load(manifest.manifest_text(MANIFEST, socket_mode=True))
    assert socket["settings"]["socket_mode_enabled"] is True
    assert "http" not in json.dumps(socket)
    for url in ("", "http://plain.example"):
        with pytest.raises(SettingError, match="HELPBOT_PUBLIC_URL"):
            manifest.manifest_text(MANIFEST, public_url=url)


def test_a_manifest_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yaml"
    with pytest.raises(SettingError, match="missing"):
        manifest.manifest(path)
    path.write_text("a: [1\nb: 2\n")
    with pytest.raises(SettingError, match=r"manifest\.yaml:2"):
        manifest.manifest(path)
    path.write_text("a: 1\n")
    with pytest.raises(SettingError, match="no Slack manifest"):
        manifest.manifest(path)


def test_every_scope_and_event_is_explained() -> None:
    text = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    made = manifest.manifest(MANIFEST)
    for name in (*manifest.scopes(made), *made["settings"]["event_subscriptions"]["bot_events"]):
        assert f"`{name}`" in text, name


def test_every_setting_is_described_and_every_picture_exists() -> None:
    from helpbot.channels.slack.settings import _KNOWN

    text = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    assert [name for name in sorted(_KNOWN) if name not in text] == []
    import re

    for name in re.findall(r"\]\((screenshots/[\w.-]+)\)", text):
        assert (ROOT / "docs" / name).exists(), name
