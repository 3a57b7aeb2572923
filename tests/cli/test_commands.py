"""The commands as a shell sees them: what goes in, what comes out, the exit code."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import HELPBOT, ROOT, Run

ERROR = "catalogItem object is invalid. 80 is an inactive"


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_ask_answers_with_steps_and_sources(helpbot: Run) -> None:
    done = helpbot("ask", "--words", ERROR)
    assert done.returncode == 0
    assert "Admin > Integrations > ConnectWise > Categories" in done.stdout
    assert "[1] PSA Sync Issues" in done.stdout


def test_ask_json_has_the_fields_that_are_promised(helpbot: Run) -> None:
    done = helpbot("ask", "--words", "--json", ERROR)
    (answer,) = lines(done.stdout)
    assert list(answer) == [
        "id", "outcome", "reply", "resolutions", "confidence", "citations", "choices", "awaiting", "captured",
    ]  # fmt: skip
    assert answer["outcome"] == "answer"
    assert answer["resolutions"] == ["connectwise-catalogitem-inactive"]
    assert answer["captured"] == {"category_id": "80"}
    assert set(answer["citations"][0]) == {"article", "title", "section", "anchor"}


def test_the_fast_way_and_typer_say_the_same(helpbot: Run) -> None:
    from helpbot.cli.asking import read

    assert read(["ask", "--json", "x"]) is not None
    assert read(["ask", "--unknown", "x"]) is None  # left to Typer, which knows the words for it
    assert read(["ask", "--help"]) is None
    assert read(["search", "x"]) is None
    wanted = read(["ask", "--words", "--", "--json"])
    assert wanted is not None
    assert wanted.text == ("--json",)
    assert not wanted.as_json


def test_a_batch_goes_on_after_lines_that_cannot_be_read(helpbot: Run) -> None:
    stdin = "\n".join(
        ['{"id": "a", "text": "access forbidden"}', "nope", "[1]", '{"id": 7}', '{"id": "b", "text": 3}', "",
         '{"id": [1], "text": "x"}', '{"id": "z", "text": "access forbidden"}']
    )  # fmt: skip
    done = helpbot("ask", "--words", "--batch", "-", stdin=stdin)
    assert done.returncode == 0
    found = lines(done.stdout)
    assert [line["id"] for line in found] == ["a", None, None, 7, "b", None, "z"]
    assert [("error" in line) for line in found] == [False, True, True, True, True, False, False]
    assert found[0]["reply"] == found[-1]["reply"]  # the same question, the same answer


@pytest.mark.parametrize(
    "text",
    ["", "   ", "x" * 20_000, "\x00\x01\x02", "{{ 7*7 }}", "{% for x in y %}", "<script>alert(1)</script>",
     "'; DROP TABLE cases; --", "\\ud800", "e" + "\u0301" * 5000, "[" * 100_000, "\u202eabc"],
)  # fmt: skip
def test_any_text_gets_a_polite_outcome(here: Run, text: str) -> None:
    line = json.dumps({"id": 1, "text": text}) if text != "\\ud800" else '{"id": 1, "text": "\\ud800"}'
    done = here("ask", "--words", "--batch", "-", stdin=line)
    (answer,) = lines(done.stdout)
    assert answer["outcome"] in {"answer", "clarify", "no_answer", "escalate"}
    assert answer["reply"].strip()
    assert "49" not in answer["reply"]


def test_replay_plays_a_talk_to_a_case_and_keeps_nothing(helpbot: Run, tmp_path: Path) -> None:
    talk = {"id": "t", "turns": ["access forbidden", "no", "FortiGate 60F", "Error 0x80004005: the door is\nshut"]}
    done = helpbot("replay", "--words", "-", stdin=json.dumps(talk))
    assert done.returncode == 0
    (played,) = lines(done.stdout)
    assert [turn["outcome"] for turn in played["turns"]][:2] == ["answer", "escalate"]
    cases = played["turns"][-1]["cases"]
    assert cases[0]["id"] == "HB-1001"
    assert cases[0]["product_name"] == "FortiGate 60F"
    assert cases[0]["product_name_given"] is True
    assert set(cases[0]) == {"id", "product_name", "error_message", "product_name_given", "error_message_given"}
    assert list(tmp_path.iterdir()) == []


def test_search_names_each_article_once_best_first(helpbot: Run) -> None:
    done = helpbot("search", "--words", "--top", "2", "--batch", "-", stdin='{"id": 1, "text": "billing code"}')
    (found,) = lines(done.stdout)
    articles = [hit["article"] for hit in found["hits"]]
    assert len(articles) == len(set(articles)) == 2
    assert [hit["score"] for hit in found["hits"]] == sorted((hit["score"] for hit in found["hits"]), reverse=True)
    assert set(found["hits"][0]) == {"article", "section", "anchor", "score"}


def test_why_adds_up(helpbot: Run) -> None:
    done = helpbot("why", "--words", "--json", ERROR)
    (told,) = lines(done.stdout)
    best = told["problems"][0]["candidates"][0]
    assert best["resolution"] == "connectwise-catalogitem-inactive"
    assert best["score"] == pytest.approx(sum(reason["weight"] for reason in best["evidence"]), abs=0.02)
    assert told["problems"][0]["decision"].startswith("answer ")


WHY = {
    "by an error pattern": (
        f"it says {ERROR}",
        ["by its error patterns", "the error stands there that resolutions/connectwise-catalogitem-inactive.yaml"],
        ["write a longer pattern, with more of this text, under `errors`"],
    ),
    "by an example": (
        "order stuck in processing since monday",
        ["answer order-stuck-processing", "its example", "(resolutions/order-stuck-processing.yaml)"],
        ["write this text under its `questions`", 'add it to questions.jsonl with "outcome": "no_answer"'],
    ),
    "not covered": (
        "single sign-on with Okta for all our users?",
        ["an answer takes 0.91 or more", "says of a question alike that it is not answered: ", "Okta"],
        [".yaml answers it, write this text under its `questions`", "if none does, this is right"],
    ),
    "an unknown error": (
        "504 Gateway Time-out nginx",
        ["no pattern under `errors` is in it: 504 Gateway Time-out nginx"],
        ["write it under `errors` of the resolution that it belongs to"],
    ),
    "nothing like it": ("zxqv wpltr", ["decided: not known"], ["if none does, this is right"]),
}


@pytest.mark.parametrize("kind", WHY)
def test_why_says_what_decided_and_what_to_write_to_change_it(helpbot: Run, kind: str) -> None:
    text, because, change = WHY[kind]
    said = helpbot("why", "--words", text).stdout
    for part in because:
        assert part in said
    changes = [line for line in said.splitlines() if line.startswith("  to change it: ")]
    for part in change:
        assert any(part in line for line in changes), said
    (told,) = lines(helpbot("why", "--words", "--json", text).stdout)
    assert all(problem["because"] and problem["to_change_it"] for problem in told["problems"])
    numbers = [line for line in said.splitlines() if line.endswith("together")]
    assert len(numbers) <= 3  # who has no reasons told has no sum either


def test_check_is_clean_and_says_what_is_off(helpbot: Run) -> None:
    done = helpbot("check")
    assert done.returncode == 0, done.stdout
    assert "off: E-mail is off" in done.stdout
    assert "nothing to mend" in done.stdout or "0 to mend" in done.stdout


def test_check_tells_every_fault_with_file_and_line(helpbot: Run, small: Path, tmp_path: Path) -> None:
    broken = small / "resolutions" / "vpn-drops.yaml"
    broken.write_text(broken.read_text("utf-8").replace("vpn#drops\ncause", "vpn#gone\ncause"), encoding="utf-8")
    (small / "articles" / "empty.md").write_text("no front matter", encoding="utf-8")
    bot = tmp_path / "bot"
    bot.mkdir()
    (bot / "helpbot.toml").write_text('[bot]\nnaem = "x"\n', encoding="utf-8")
    done = helpbot("check", "--knowledge", str(small), "--bot", str(bot), HELPBOT_PORT="99999")
    assert done.returncode == 1
    assert "articles/empty.md:1:" in done.stdout
    assert "helpbot.toml:2:" in done.stdout
    assert "HELPBOT_PORT" in done.stdout
    (small / "articles" / "empty.md").unlink()
    done = helpbot("check", "--knowledge", str(small))
    assert "resolutions/vpn-drops.yaml" in done.stdout
    assert done.returncode == 1


def test_test_exits_1_on_a_regression_and_0_once_it_is_noted(helpbot: Run, small: Path, bot: Path) -> None:
    (small / "questions.jsonl").write_text(
        '{"text": "vpn keeps dropping", "outcome": "answer", "resolutions": ["vpn-drops"]}\n'
        '{"text": "vpn keeps dropping, error 691", "outcome": "cancelled"}\n',
        encoding="utf-8",
    )
    places = ("--words", "--knowledge", str(small), "--bot", str(bot))
    done = helpbot("test", *places, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["regressions"][0]["line"] == 2
    assert helpbot("test", *places, "--accept").returncode == 0
    assert helpbot("test", *places).returncode == 0


def test_init_copies_what_ships_and_overwrites_nothing(helpbot: Run, tmp_path: Path) -> None:
    assert helpbot("init", "mine").returncode == 0
    assert (tmp_path / "mine" / "bot" / "helpbot.toml").is_file()
    again = helpbot("init", "mine")
    assert again.returncode == 2
    assert "there already" in again.stderr
    assert helpbot("init", "bare", "--empty").returncode == 0
    assert list((tmp_path / "bare" / "knowledge" / "articles").iterdir()) == []


def test_embed_pins_the_loader(helpbot: Run) -> None:
    done = helpbot("embed", "--url", "https://bot.example.com", "--site", 'a"b')
    assert 'src="https://bot.example.com/widget/v1/loader.js" integrity="sha384-' in done.stdout
    assert 'data-site="a&quot;b"' in done.stdout


def test_the_manifest_holds_the_real_addresses(helpbot: Run) -> None:
    assert (
        "https://bot.example.com/slack/events"
        in helpbot("slack", "manifest", "--url", "https://bot.example.com").stdout
    )
    assert "socket_mode_enabled: true" in helpbot("slack", "manifest", "--socket-mode").stdout
    assert helpbot("slack", "manifest").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [("nope",), ("ask", "--foo", "x"), ("ask", "--batch", "missing.jsonl"), ("ask", "--batch", "."), ("ask",),
     ("ask", "--batch", "-", "text"), ("search", "--top", "0", "x"), ("replay",), ("replay", "missing"),
     ("ask", "--knowledge", "missing", "x"), ("ask", "--bot", "missing", "x"), ("serve", "--port", "99999"),
     ("serve", "--host", "not a host", "--port", "0"), ("draft", "missing"), ("import", "missing"),
     ("chat", "--resume", "x"),
     ("chat", "--trial", "--resume", "x"), ("init", "/dev/null/x"), ("slack",), ("test", "missing.jsonl")],
)  # fmt: skip
def test_a_wrong_call_is_told_in_one_line(helpbot: Run, here: Run, arguments: tuple[str, ...]) -> None:
    done = (helpbot if arguments[0] in {"serve", "nope"} else here)(*arguments)  # a server may not start in here
    assert done.returncode == 2, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout == ""


def test_no_command_at_all_shows_the_commands(helpbot: Run) -> None:
    done = helpbot()
    assert done.returncode == 2
    assert "serve" in done.stdout + done.stderr


def test_a_closed_input_is_told(tmp_path: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{HELPBOT}" ask --words --batch - <&-'],
        capture_output=True, cwd=tmp_path, env=environ, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == "standard input is closed. Give a file, or pipe lines in."


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "many.jsonl").write_text('{"id": 1, "text": "access forbidden"}\n' * 300, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{HELPBOT}" ask --words --batch many.jsonl | head -1'],
        capture_output=True, cwd=tmp_path, env=environ, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_ctrl_c_ends_quietly(tmp_path: Path, environ: dict[str, str]) -> None:
    with subprocess.Popen(
        [str(HELPBOT), "ask", "--words", "--batch", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environ,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"id": 1, "text": "access forbidden"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == b""


def test_serve_prints_its_address_and_stops_cleanly(tmp_path: Path, environ: dict[str, str]) -> None:
    with subprocess.Popen(
        [str(HELPBOT), "serve", "--port", "0", "--words"],
        stderr=subprocess.PIPE, cwd=tmp_path, env=environ, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("helpbot is at "))
        address = line.split()[3]
        import httpx

        assert httpx.get(f"{address}/healthz").status_code == 200
        ready = httpx.get(f"{address}/readyz").json()
        assert ready["status"] == "ready"
        assert ready["meaning"].startswith("off")
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(timeout=20) == 0
    assert (tmp_path / "var" / "helpbot.db").is_file()


def test_a_second_serve_on_one_port_is_told_in_one_line(helpbot: Run) -> None:
    """Bad input 46, running twice: what runs goes on, and the second says what is wrong and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = helpbot("serve", "--words", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "stop what uses it" in done.stderr


def test_chat_opens_a_case_that_cases_shows(helpbot: Run, tmp_path: Path) -> None:
    talked = helpbot("chat", "--words", "--name", "Jo", stdin="access forbidden\nno\nFortiGate 60F\n")
    assert "HB-1001" in talked.stdout
    assert "Go on with: helpbot chat --resume" in talked.stderr
    cases = lines(helpbot("cases", "list", "--json").stdout)[0]
    assert cases[0]["number"] == "HB-1001"
    assert cases[0]["product_name"] == "FortiGate 60F"


def test_chat_on_trial_keeps_nothing(helpbot: Run, tmp_path: Path) -> None:
    talked = helpbot("chat", "--trial", "--words", stdin="access forbidden\n")
    assert "Access Forbidden" in talked.stdout
    assert not (tmp_path / "var").exists()


def test_ask_loads_no_web_database_or_slack_code(environ: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv=['helpbot','ask','--words','--json','access forbidden']\n"
        "from helpbot.cli.main import run\nrun(sys.argv[1:])\n"
        "bad={'fastapi','starlette','uvicorn','sqlalchemy','alembic','slack_bolt','slack_sdk','httpx','sqlite3',"
        "'typer','rich','pydantic','tokenizers','safetensors','ruamel'}\n"
        "print(sorted(bad & set(sys.modules)), file=sys.stderr)"
    )
    for _ in range(2):  # the first run compiles the knowledge
        done = subprocess.run(
            [str(HELPBOT.parent / "python"), "-c", code],
            capture_output=True, env=environ, cwd=tmp_path, text=True, check=True,
        )  # fmt: skip
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_the_greeting_offers_what_was_asked_most_of_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpbot.bootstrap import open_desk, read_checked_settings
    from helpbot.config import find_places
    from helpbot.dialogue.machine import greeting
    from helpbot.messages import Channel, Inbound, Person

    monkeypatch.setenv("HELPBOT_DATABASE_URL", f"sqlite:///{tmp_path / 'helpbot.db'}")
    settings = read_checked_settings(find_places(ROOT / "knowledge", ROOT / "bot"))
    with open_desk(settings, words_only=True) as house:

        def offered() -> list[str]:
            return [choice.id.removeprefix("pick:") for choice in greeting(house.knowing.world()).choices]

        chosen = offered()
        assert chosen == settings.bot.table("bot")["frequent"]
        house.count_asked()
        world = house.knowing.world()
        assert offered() == chosen  # nothing was asked yet
        asked = "catalogItem object is invalid. 80 is an inactive"
        for n in range(3):
            begun = house.desk.start(Channel.WIDGET, Person(id=f"p{n}")).conversation
            for text in ("Company has no external identifier", asked if n else "hello"):
                house.desk.receive(
                    Inbound(
                        key=f"{n}{text[:4]}", channel=Channel.WIDGET, thread=begun.id, person=begun.person, text=text
                    )
                )
        house.count_asked()
        assert house.knowing.world() is not world
        assert offered() == ["company-no-external-identifier", *chosen[:3]]  # the other was asked twice: too seldom
        house.knowing._take(house.knowing.mind)  # new knowledge, the same questions
        assert offered()[0] == "company-no-external-identifier"


def test_changed_knowledge_is_taken_over_and_broken_is_not(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helpbot.bootstrap import Knowing, read_checked_settings
    from helpbot.config import Places

    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    settings = read_checked_settings(Places(knowledge=small, bot=ROOT / "bot"))
    knowing = Knowing(settings, words_only=True, report=told.append)
    before = knowing.mind.knowledge.version
    assert not knowing.refresh()
    article = small / "articles" / "vpn.md"
    whole = article.read_text("utf-8")
    article.write_text("half", encoding="utf-8")
    assert not knowing.refresh()
    assert "articles/vpn.md:1" in knowing.broken
    assert knowing.mind.knowledge.version == before
    article.write_text(whole + "\nMore.\n", encoding="utf-8")
    time.sleep(0.01)
    assert knowing.refresh()
    assert knowing.broken == ""
    assert knowing.mind.knowledge.version != before
