"""Slack as the commands join it to everything else: the shipped folders, the environment, the website's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpbot import bootstrap
from helpbot.channels.web.images import Shelf
from helpbot.config import shipped_places
from helpbot.messages import Channel, Inbound, Person
from tests.slack.bot import words
from tests.slack.standin import StandIn
from tests.slack.test_files import png


def test_what_serve_joins_copies_a_visitors_screenshot_and_links_the_articles_tried(
    slack: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DATABASE_URL": f"sqlite:///{tmp_path}/helpbot.db",
        "PUBLIC_URL": "https://bot.example.com",
        "SLACK_BOT_TOKEN": "xoxb-home",
        "SLACK_CASE_CHANNEL": "C0CASES",
        "SLACK_API_URL": slack.api_url,
    }.items():
        monkeypatch.setenv(f"HELPBOT_{name}", value)
    settings = bootstrap.read_checked_settings(shipped_places())
    with bootstrap.open_desk(settings, words_only=True, slack_too=True) as house:
        person = Person(id="w1", name="Ann Example")
        id_ = house.desk.start(Channel.WIDGET, person).conversation.id
        kept = Shelf(bootstrap.web_of(settings)[0].files, ocr=False).put(id_, "shot.png", png(), "image/png")
        error = "catalogItem object is invalid. 80 is an inactive"
        for n, text in enumerate((f"my quote does not sync: {error}", "no, that did not help", "Quotes")):
            files = (kept.ref,) if n == 0 else ()
            house.desk.receive(
                Inbound(key=f"k{n}", channel=Channel.WIDGET, thread=id_, person=person, text=text, attachments=files)
            )
        (case,) = house.desk.cases()
        assert case.tried
        for _ in range(5):
            house.courier.run_once()
        root, *thread = slack.messages["C0CASES"]
        assert error in words(root["blocks"])
        assert '"https://bot.example.com/articles/' in json.dumps(root["blocks"])
        assert "shot.png" in words(thread[0]["blocks"])
        assert [(file["title"], file["thread_ts"]) for file in slack.shared] == [("shot.png", root["ts"])]
