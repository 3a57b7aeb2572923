"""`helpbot tune`: from ratings to two lines of helpbot.toml, or to a plain word on why not."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpbot.cli.tune import rated_line, with_settings
from tests.cli.conftest import ROOT, Run

SHIPPED = (ROOT / "bot" / "helpbot.toml").read_text(encoding="utf-8")


def ratings(helped: int, not_helped: int) -> str:
    """Questions whose answers helped, and answers to questions that nothing covers."""
    lines = [
        {"text": "my vpn keeps dropping", "outcome": "answer", "resolutions": ["vpn-drops"], "rating": "up"}
    ] * helped
    lines += [{"text": "vpn keeps dropping the printer", "resolution": None}] * not_helped
    return "\n".join(map(json.dumps, lines))


def test_too_few_ratings_change_nothing(here: Run, small: Path, bot: Path) -> None:
    done = here("tune", "-", "--words", "--knowledge", str(small), "--bot", str(bot), stdin=ratings(59, 0))
    assert done.returncode == 1
    assert "it needs 60, with 10 right and 10 wrong" in done.stderr
    assert (bot / "helpbot.toml").read_text(encoding="utf-8") == SHIPPED


def test_ratings_become_settings_that_ask_then_goes_by(here: Run, small: Path, bot: Path) -> None:
    places = ("--words", "--knowledge", str(small), "--bot", str(bot))
    asked = "vpn keeps dropping the printer"
    dry = here("tune", "-", "--dry-run", *places, stdin=ratings(100, 40))
    assert dry.returncode == 0, dry.stderr
    assert (bot / "helpbot.toml").read_text(encoding="utf-8") == SHIPPED
    before = json.loads(here("ask", "--json", *places, asked).stdout)
    done = here("tune", "-", *places, stdin=ratings(100, 40))
    assert f"Written to {bot / 'helpbot.toml'}" in done.stdout
    text = (bot / "helpbot.toml").read_text(encoding="utf-8")
    answers = tomllib.loads(text)["answers"]
    assert f"slope = {answers['slope']}" in dry.stdout
    assert answers["wrong_price"] == 10.0
    assert [line for line in text.split("\n") if not line.startswith(("slope", "shift"))] == SHIPPED.split("\n")
    after = json.loads(here("ask", "--json", *places, asked).stdout)
    assert (before["outcome"], after["outcome"]) == ("answer", "no_answer")


def test_ratings_are_read_from_the_database(helpbot: Run, small: Path, bot: Path, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'helpbot.db'}"
    assert helpbot("migrate", "--knowledge", str(small), HELPBOT_DATABASE_URL=database).returncode == 0
    done = helpbot(
        "tune", "--words", "--knowledge", str(small), "--bot", str(bot), HELPBOT_DATABASE_URL=database
    )  # fmt: skip
    assert done.returncode == 1
    assert "0 rated questions" in done.stdout


def test_a_line_that_cannot_be_read_is_named(here: Run, small: Path) -> None:
    done = here("tune", "-", "--words", "--knowledge", str(small), stdin='{"text": "a"}\nnope\n')
    assert done.returncode == 2
    assert "-:2: it is no JSON object" in done.stderr


@pytest.mark.parametrize(
    ("line", "given", "helped", "meant"),
    [
        ({"outcome": "answer", "resolutions": ["a"], "rating": "up"}, ("a",), True, None),
        ({"outcome": "answer", "resolution": "a", "rating": 1}, ("a",), False, None),
        ({"resolutions": ["a"], "rating": 5}, ("a",), True, None),
        ({"citations": [{"article": "x", "anchor": "y"}], "rating": False}, ("x#y",), False, None),
        ({"outcome": "no_answer", "resolution": "a"}, (), None, ("a",)),
        ({"resolution": None}, (), None, ()),
    ],
)
def test_what_a_line_says(
    line: dict[str, object], given: tuple[str, ...], helped: bool | None, meant: tuple[str, ...] | None
) -> None:
    found = rated_line({"text": "t", **line})
    assert found is not None
    assert (found.given, found.helped, found.meant) == (given, helped, meant)


@pytest.mark.parametrize(
    "line", [{}, {"rating": 3, "resolutions": ["a"]}, {"outcome": "no_answer", "rating": "down"}, {"rating": "up"}]
)
def test_what_tells_nothing_is_left_out(line: dict[str, object]) -> None:
    assert rated_line({"text": "t", **line}) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[answers]\nslope = 1.5\nshift = -0.5\n"),
        ("[bot]\nname = 'x'\n", "[bot]\nname = 'x'\n\n[answers]\nslope = 1.5\nshift = -0.5\n"),
        (
            "[answers] # prices\nshift = 2 # ours\n\n[web]\ndemo = true\n",
            "[answers] # prices\nshift = -0.5 # ours\nslope = 1.5\n\n[web]\ndemo = true\n",
        ),
        ("[answers]\n", "[answers]\nslope = 1.5\nshift = -0.5\n"),
        ("answers = {ask_price = 1.0}\n", None),
        ("answers.ask_price = 1.0\n", None),
        ("[answers", None),
    ],
)
def test_only_two_lines_of_the_file_change(before: str, after: str | None) -> None:
    assert with_settings(before, 1.5, -0.5) == after


def test_what_users_said_of_their_answers_is_read_from_their_conversations(tmp_path: Path) -> None:
    from helpbot.store.traffic import _answers

    def bot(outcome: str, *names: str) -> str:
        return json.dumps({"outcome": outcome, "resolutions": names, "citations": []})

    def told(*turns: tuple[str, str] | tuple[str, str, bool], solved: bool | None = None, stars: int | None = None):
        rows = []
        for turn in turns:
            author = "user" if turn[0] == "user" else "bot"
            reply = None if author == "user" else bot(*turn[0].split())
            rows.append(("c", author, turn[1], reply, turn[2] if len(turn) > 2 else None, solved, stars))
        return [(row.text, row.given, row.helped) for row in _answers(rows)]

    asked, answer = ("user", "vpn drops"), ("answer vpn", "…")
    assert told(asked, answer) == []
    assert told(asked, answer, ("user", "Yes, solved"), ("resolved", "…")) == [("vpn drops", ("vpn",), True)]
    assert told(asked, answer, ("user", "no"), ("escalate", "…")) == [("vpn drops", ("vpn",), False)]
    assert told(asked, ("answer vpn", "…", True), ("user", "no"), ("escalate", "…")) == [("vpn drops", ("vpn",), True)]
    assert told(asked, answer, solved=False) == [("vpn drops", ("vpn",), False)]
    assert told(asked, answer, stars=5) == [("vpn drops", ("vpn",), True)]
    assert told(asked, answer, stars=3) == []
    # A choice is about what was asked before it; what follows an answer leans on it.
    assert told(asked, ("clarify a", "?"), ("user", "Autotask"), answer, solved=True) == [("vpn drops", ("vpn",), True)]
    assert told(asked, answer, ("user", "and for Halo?"), ("answer halo", "…"), solved=True) == []


def test_traffic_is_read_from_a_real_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpbot.bootstrap import open_store
    from helpbot.config import find_places, read_settings
    from helpbot.store.traffic import rated_traffic

    url = f"sqlite:///{tmp_path / 'helpbot.db'}"
    monkeypatch.setenv("HELPBOT_DATABASE_URL", url)
    store = open_store(read_settings(find_places(ROOT / "knowledge", ROOT / "bot")))
    try:
        now = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1_000_000)
        with sqlite3.connect(tmp_path / "helpbot.db") as db:
            db.execute(
                "insert into conversations values ('c','widget','t','p','{}','proposing','bot','','','{}',1,2,?,?,null)",
                (now, now),
            )
            reply = json.dumps({"outcome": "answer", "resolutions": ["vpn"], "citations": []})
            for seq, author, text, said in ((1, "user", "vpn drops", None), (2, "bot", "…", reply)):
                db.execute(
                    "insert into messages (conversation, seq, author, name, text, reply, at, key)"
                    " values ('c', ?, ?, '', ?, ?, ?, '')",
                    (seq, author, text, said, now),
                )
            db.execute("insert into feedback values ('c', 2, 1, ?)", (now,))
        found = rated_traffic(store)
        assert [(row.text, row.given, row.helped) for row in found] == [("vpn drops", ("vpn",), True)]
    finally:
        store.close()
