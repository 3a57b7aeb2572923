"""Cases, deliveries and the data of people, worked in a terminal alone: no Slack, no mail, no page."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from helpbot.channels.web.images import Shelf
from helpbot.desk.records import DeskSettings
from helpbot.escalation.routing import Route, Routing
from helpbot.messages import Channel, Inbound, Person
from helpbot.store.sql import SqlStore
from tests.cli.conftest import Run

KIM = Person(id="kim-1", name="Kim", email="kim@example.com", verified=True)
ERROR = "BillingCode does not exist or is invalid"
FORM = {"product_name": "Quote editor", "error_message": ERROR}


def escalate(folder: Path, person: Person = KIM) -> str:
    """Another process, such as the web's: a user who wants a person, and one webhook that waits."""
    from helpbot.desk.desk import Desk
    from tests.web.support import world

    route = Route(name="webhook", sender="webhook", target="https://hooks.example.com/x")
    settings = DeskSettings(routing=Routing(routes={"webhook": route}, default=("webhook",)))
    (folder / "var").mkdir(exist_ok=True)
    store = SqlStore(f"sqlite:///{folder / 'var' / 'helpbot.db'}")
    try:
        desk = Desk(store, world, settings)
        conversation = desk.start(Channel.WIDGET, person).conversation.id
        for n, act in enumerate(({"text": ERROR}, {"choice": "not_solved"}, {"form": FORM})):
            desk.receive(Inbound(key=f"k{n}", channel=Channel.WIDGET, thread=conversation, person=person, **act))
        picture = folder / "var" / "files" / conversation
        picture.mkdir(parents=True)
        (picture / "a.png").write_bytes(b"canary")
        return conversation
    finally:
        store.close()


@pytest.fixture
def conversation(tmp_path: Path) -> str:
    return escalate(tmp_path)


def on_the_database(command: Run, folder: Path) -> Run:
    def run(*words: str, **more: Any) -> Any:
        return command(*words, HELPBOT_DATABASE_URL=f"sqlite:///{folder / 'var' / 'helpbot.db'}", **more)

    return run


@pytest.fixture
def work(here: Run, tmp_path: Path) -> Run:
    """A command on the database."""
    return on_the_database(here, tmp_path)


@pytest.fixture
def work_apart(helpbot: Run, tmp_path: Path) -> Run:
    """The same in a process of its own each time, as at a terminal."""
    return on_the_database(helpbot, tmp_path)


def one_line(done: Any, code: int, says: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert says in done.stderr


def well(done: Any) -> str:
    assert done.returncode == 0, done.stderr
    return str(done.stdout + done.stderr)


def test_a_whole_case_in_a_terminal(work: Run, conversation: str, tmp_path: Path) -> None:
    assert "HB-1001" in well(work("cases", "list"))
    shown = well(work("cases", "show", "hb-1001"))
    for words in ("Quote editor", ERROR, "Kim", "No, not yet", "Affected product: Quote editor"):
        assert words in shown
    assert "held by Bo" in well(work("cases", "claim", "HB-1001", "--as", "Bo"))
    one_line(work("cases", "claim", "HB-1001", "--as", "Cy"), 2, "is held by Bo")
    told = well(work("cases", "reply", "HB-1001", "Which browser?", "--as", "Bo", "--key", "r1"))
    assert "to the user: Which browser?" in told
    assert "was done before" in well(work("cases", "reply", "HB-1001", "Which browser?", "--as", "Bo", "--key", "r1"))
    one_line(work("cases", "reply", "HB-1001", "Other words", "--as", "Bo", "--key", "r1"), 2, "another body")
    assert "to the user" not in well(work("cases", "note", "HB-1001", "internal canary", "--as", "Bo"))
    assert "to the user" in well(work("cases", "ask", "HB-1001", "error_message", "--as", "Bo"))
    assert "to the user" in well(work("cases", "suggest", "HB-1001", "billingcode-invalid", "--as", "Bo"))
    well(work("cases", "hand-back", "HB-1001", "--as", "Bo"))
    assert "resolved" in well(work("cases", "resolve", "HB-1001", "a new code", "--as", "Bo"))
    one_line(work("cases", "resolve", "HB-1001", "--as", "Bo"), 2, "is resolved")
    assert "No case is open" in well(work("cases", "list"))
    assert "HB-1001" in well(work("cases", "list", "--all"))
    assert "reopened" in well(work("cases", "reopen", "HB-1001", "--as", "Bo"))
    shown = json.loads(work("cases", "show", "HB-1001", "--json").stdout)
    texts = [message["text"] for message in shown["messages"]]
    assert texts.count("Which browser?") == 1
    assert "internal canary" in texts
    (line,) = work("cases", "export", "--state", "reopened").stdout.splitlines()
    assert json.loads(line)["number"] == "HB-1001"
    (row,) = csv.DictReader(io.StringIO(work("cases", "export", "--csv").stdout))
    assert (row["product_name"], row["error_message"], row["state"]) == ("Quote editor", ERROR, "reopened")


def test_files_go_both_ways_in_a_terminal(work: Run, conversation: str, tmp_path: Path) -> None:
    log, note = tmp_path / "log.txt", tmp_path / "note.md"
    log.write_bytes(b"\x00the log")
    note.write_text("# read me")
    shelf = Shelf(tmp_path / "var" / "files", ocr=False)
    sent = ("cases", "reply", "HB-1001", "See the files.", "--file", str(log), "--file", str(note), "--key", "f1")
    for again in range(2):
        assert ("was done before" in well(work(*sent))) is bool(again)
    well(work("cases", "reply", "HB-1001", "--file", str(log)))
    store = SqlStore(f"sqlite:///{tmp_path / 'var' / 'helpbot.db'}")
    said = [m for m in store.messages(conversation, after=0, limit=100, internal=False) if m.attachments]
    store.close()
    assert [m.text for m in said] == ["See the files.", "sent log.txt"]
    for message in said:
        for name in message.attachments:
            found = shelf.find(conversation, name.partition("/")[0])
            assert found is not None
            assert (found.name, found.data) in {("log.txt", b"\x00the log"), ("note.md", b"# read me")}
    assert "[log.txt, note.md]" in well(work("cases", "show", "HB-1001"))
    assert "log.txt" in well(work("cases", "files", "HB-1001"))
    well(work("cases", "files", "HB-1001", "--into", str(tmp_path / "out")))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "log.txt": b"\x00the log",
        "log-2.txt": b"\x00the log",
        "note.md": b"# read me",
    }
    with log.open("wb") as file:
        file.truncate(21 * 1024 * 1024)
    both = ("--file", str(log), "--file", str(tmp_path / "none"))
    one_line(work("cases", "reply", "HB-1001", "x", *both), 2, "larger than 20 MB")
    one_line(work("cases", "reply", "HB-1001", "x", *both), 2, "none cannot be read (No such file or directory)")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("cases", "files", "HB-9"), "there is no case 'HB-9'"),
        (("cases", "show", "HB-9"), "there is no case 'HB-9'"),
        (("cases", "claim", "HB-9"), "there is no case 'HB-9'"),
        (("cases", "reply", "HB-1001", " "), "has no text"),
        (("cases", "suggest", "HB-1001", "nothing-such"), "nothing-such"),
        (("cases", "reopen", "HB-1001"), "is not resolved"),
        (("cases", "hand-back", "HB-1001"), "is held by nobody"),
        (("cases", "list", "--state", "lost"), "no state of a case"),
        (("cases", "list", "--limit", "0"), "--limit"),
        (("deliveries", "list", "--state", "lost"), "no state of a delivery"),
        (("deliveries", "show", "nothing"), "there is no delivery"),
        (("deliveries", "retry", "nothing"), "there is no delivery"),
        (("erase", "nobody"), "nothing is kept of 'nobody'"),
        (("erase", "kim-1"), "Add --yes"),
        (("export", "nobody"), "nothing is kept of 'nobody'"),
        (("restore", "missing.db"), "add --yes"),
        (("restore", "missing.db", "--yes"), "is not a file"),
        (("backup", "no/such/folder/x.db"), "cannot be written"),
    ],
)
def test_every_wrong_call_is_one_line(work: Run, conversation: str, words: tuple[str, ...], says: str) -> None:
    one_line(work(*words), 2, says)


def test_deliveries_are_seen_and_sent_again(work: Run, conversation: str) -> None:
    waiting = json.loads(work("deliveries", "list", "--json").stdout)
    opened = next(each for each in waiting if each["kind"] == "case.opened")
    assert opened["state"] == "pending"
    assert "webhook" in well(work("deliveries", "list", "--route", "webhook"))
    assert json.loads(work("deliveries", "show", opened["id"]).stdout)["payload"]["case"]["number"] == "HB-1001"
    assert "is due now" in well(work("deliveries", "retry", opened["id"]))
    assert "0 deliveries" in well(work("deliveries", "release"))


def test_backup_restore_export_and_erase(work_apart: Run, conversation: str, tmp_path: Path) -> None:
    work = work_apart
    well(work("backup", "copy.db"))
    one_line(work("backup", "copy.db"), 2, "exists")
    kept = json.loads(work("export", "KIM@example.com").stdout)
    assert [each["conversation"] for each in kept["conversations"]] == [conversation]
    assert "are held" in well(work("restore", "copy.db", "--yes"))
    states = {each["state"] for each in json.loads(work("deliveries", "list", "--json").stdout)}
    assert states == {"held"}
    assert "deliveries are due now" in well(work("deliveries", "release"))
    assert "HB-1001" in well(work("erase", "kim@example.com", "--yes"))
    assert not (tmp_path / "var" / "files" / conversation).exists()
    one_line(work("cases", "show", "HB-1001"), 2, "there is no case")
    assert "erased again" in well(work("restore", "copy.db", "--yes"))
    one_line(work("export", "kim-1"), 2, "nothing is kept")


def test_a_database_that_cannot_be_opened_is_one_line(work: Run, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "helpbot.db").write_bytes(b"not a database at all" * 100)
    for words in (("cases", "list"), ("deliveries", "list"), ("migrate",)):
        done = work(*words)
        assert done.returncode in {1, 2}
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "helpbot.db" in done.stderr
