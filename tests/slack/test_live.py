"""Everything at once, as `helpbot serve` runs it: threads, the shipped knowledge, Slack's own pace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpbot.channels.slack.calls import Pace
from helpbot.dialogue.world import World
from tests.slack.bot import Bot, labels, words
from tests.slack.standin import StandIn


@pytest.fixture
def live(slack: StandIn, tmp_path: Path, shipped_world: World) -> Iterator[Bot]:
    slack.rate = (3, 1.0)
    bot = Bot(slack, tmp_path, world=shipped_world, pace=Pace())
    stop = threading.Event()
    courier = threading.Thread(target=bot.courier.run, args=(stop,))
    courier.start()
    bot.service.start()
    yield bot
    stop.set()
    courier.join(timeout=20)
    bot.close()


def until(look: Any, seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


def test_a_question_its_case_and_the_agents_answer_go_the_whole_way(live: Bot, slack: StandIn) -> None:
    error = "catalogItem object is invalid. 80 is an inactive"
    started = time.monotonic()
    ts = live.mention(f"my quote does not sync: {error}")
    answer = until(lambda: slack.thread("C0HELP", ts))[0]
    print(f"\nanswered after {(time.monotonic() - started) * 1000:.0f} ms")
    assert "inactive" in words(answer["blocks"])
    assert "https://bot.example.com/articles/" in json.dumps(answer["blocks"])
    assert "not_solved" in json.dumps(answer["blocks"])
    no = next(label for label in labels(answer) if "not yet" in label.lower() or "no" in label.lower())
    live.press(no, answer)
    view = until(lambda: slack.views)[0]
    live.submit(view, {"product_name": "FortiGate 60F", "error_message": error})
    root = until(lambda: [m for m in slack.messages["C0CASES"] if not m.get("thread_ts")])[0]
    assert error in words(root["blocks"])
    live.press("Claim", root, user="U0SAM", channel="C0CASES")
    until(lambda: "Claimed" in words(root["blocks"]))
    mine = live.say("! Please map the category again.", user="U0SAM", channel="C0CASES", thread=root["ts"])
    until(lambda: any("Please map" in words(m["blocks"]) for m in slack.thread("C0HELP", ts)))
    until(lambda: slack.reactions[f"C0CASES:{mine}"] == ["white_check_mark"])
    live.say("that did it, thanks!", thread=ts)
    until(lambda: any("that did it" in words(m["blocks"]) for m in slack.thread("C0CASES", root["ts"])))
    until(lambda: slack.reactions[f"C0CASES:{mine}"] == ["eyes"])
    assert live.alerts == []


def test_the_home_pages_suggestions_are_questions_the_bot_can_answer(live: Bot, slack: StandIn) -> None:
    live.event({"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "home"})
    home = until(lambda: slack.homes.get("U0ANN"))
    assert labels(home)
