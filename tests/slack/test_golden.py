"""Each message as it was looked at and found good. To accept a change: HELPBOT_GOLDEN=write pytest tests/slack/test_golden.py"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from helpbot.channels.slack import limits
from tests.slack import render, rules
from tests.slack.samples import samples

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = samples()
FILES = {"type": "plain_text", "text": "Files"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_is_drawn_as_it_was_found_good(name: str) -> None:
    drawn = json.dumps(SAMPLES[name], indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("HELPBOT_GOLDEN") == "write":
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SAMPLES)
def test_slack_would_take_it(name: str) -> None:
    sample = SAMPLES[name]
    if sample.get("type") in {"modal", "home"}:
        assert rules.view_problems(sample) == []
        assert limits.faults(sample["blocks"], view=True) == []
    else:
        assert rules.block_problems(sample["blocks"]) == []
        assert limits.faults(sample["blocks"]) == []
        assert sample["text"].strip()


def test_there_is_no_golden_file_without_a_message() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(SAMPLES)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"type": "section"}, "section"),
        ({"type": "carousell", "elements": []}, "carousell"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "colour": "red"}, "section"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}, "3001"),
        ({"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}, "2001"),
        ({"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}, "151"),
        ({"type": "input", "label": FILES, "element": {"type": "file_input", "max_files": 11}}, "max_files is 11"),
        ({"type": "input", "label": FILES, "element": {"type": "file_input", "filetypes": [".png"]}}, "no endings"),
        ({"type": "actions", "elements": [{"type": "file_input"}]}, "actions"),
        ({"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}, "11"),
        (
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text"}]}]},
            "rich_text",
        ),
    ],
)
def test_the_stand_in_refuses_what_slack_refuses(broken: dict[str, object], why: str) -> None:
    assert any(why in problem for problem in rules.block_problems([broken]))


def test_the_stand_in_refuses_too_many_blocks_too_much_text_and_ids_that_stand_twice() -> None:
    divider = {"type": "divider"}
    assert rules.block_problems([divider] * 51) == ["51 blocks"]
    assert "msg_blocks_too_long" in rules.block_problems(
        [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}] * 5
    )
    assert rules.block_problems([{**divider, "block_id": "a"}] * 2) == ["block_id=a stands 2 times"]
    assert rules.argument_problems("chat.postMessage", {"channel": "C", "text": "x", "colour": "red"})
    assert rules.argument_problems("chat.postMessage", {"text": "x"})
    assert not rules.argument_problems("chat.postMessage", {"channel": "C", "text": "x"})


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_can_draw_it_and_no_ping_comes_alive(name: str) -> None:
    page = render.page(SAMPLES[name])
    assert "PING" not in page
    assert "id='it'" in page
