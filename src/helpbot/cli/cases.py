"""`helpbot cases …`: see and work cases in the terminal, with no other tool at all."""

from __future__ import annotations

import csv
import getpass
import hashlib
import io
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from helpbot.cli.common import console, said, settings, write_json, wrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpbot.bootstrap import House
    from helpbot.desk.records import AgentReceipt, Message
    from helpbot.escalation.brief import Line
    from helpbot.escalation.case import Case

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="See and work cases.")

NUMBER = typer.Argument(metavar="CASE", help="Its number, such as HB-1001.")
AGENT = typer.Option("", "--as", metavar="NAME", help="Who you are, as the user will read it.")
KEY = typer.Option("", help="Repeat a command with the same key and it is done once.")
LARGEST: Final = 20 * 1024 * 1024  # bytes of a file, as in Slack
COLUMNS: Final = (
    "number", "state", "owner", "psa", "product_name", "error_message", "product_name_given", "error_message_given",
    "reason", "question", "tried", "person", "email", "channel", "opened_at", "updated_at", "resolved_at",
)  # fmt: skip


@app.command("list")
def list_(
    state: str = typer.Option("", help="open, claimed, waiting_for_user, resolved or reopened."),
    psa: str = typer.Option("", help="The PSA's id, such as autotask."),
    limit: int = typer.Option(50, min=1, max=10_000, help="How many at most."),
    every: bool = typer.Option(False, "--all", help="Resolved ones too."),
    as_json: bool = typer.Option(False, "--json", help="For programs."),
) -> None:
    """Cases, the newest first."""
    cases = _read(state, psa, limit, open_only=not every and not state)
    if as_json:
        from helpbot.escalation.case import case_to_json

        write_json([case_to_json(case) for case in cases])
        return
    if not cases:
        said("No case is open." if not (state or every) else "There is no such case.")
        return
    from rich.table import Table

    from helpbot.escalation.brief import one_line

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("case", "state", "owner", "since", "product", "error"):
        table.add_column(name, no_wrap=name != "error")
    for case in cases:
        table.add_row(
            case.number,
            case.state.value.replace("_", " "),
            case.owner or "-",
            f"{case.opened_at:%Y-%m-%d %H:%M}",
            _plain(one_line(case.product_name, 30)),
            _plain(one_line(case.error_message, 60)),
        )
    console().print(table)


@app.command()
def show(case: str = NUMBER, as_json: bool = typer.Option(False, "--json", help="For programs.")) -> None:
    """All of a case, with its conversation and the agents' notes."""
    from helpbot.bootstrap import open_store

    store = open_store(settings())
    try:
        found = _find(store.case(case) or store.case(case.upper()), case)
        messages = store.messages(found.conversation, after=0, limit=10_000, internal=True)
    finally:
        store.close()
    from helpbot.escalation.brief import brief
    from helpbot.escalation.case import case_to_json

    if as_json:
        write_json({**case_to_json(found), "messages": [_message(message) for message in messages]})
        return
    sys.stdout.write(_visible(brief(found, _lines(messages))))


@app.command()
def claim(case: str = NUMBER, agent: str = AGENT, key: str = KEY) -> None:
    """Take a case: the bot is silent until you hand it back or resolve it."""
    _act("claim", case, agent, key)


@app.command()
def reply(
    case: str = NUMBER,
    text: str = typer.Argument("", help="What the user reads; may be left out with --file."),
    file: list[Path] = typer.Option(
        [], "--file", metavar="PATH", help="Send a file along; may be given several times."
    ),
    agent: str = AGENT,
    key: str = KEY,
) -> None:
    """Answer the user, where the user is."""
    if not text.strip() and not file:
        wrong("the reply has no text", "Give the words, a --file, or both")
    _act("reply", case, agent, key, text=text, files=_read_files(file))


@app.command()
def files(
    case: str = NUMBER,
    into: Path = typer.Option(None, metavar="DIR", help="Save them there."),
) -> None:
    """The files that came with a case's conversation, the user's and the agents'."""
    from helpbot.bootstrap import open_store, shelf_of
    from helpbot.desk.records import file_name

    asked = settings()
    store = open_store(asked)
    try:
        found = _find(store.case(case) or store.case(case.upper()), case)
        shelf = shelf_of(asked, store)
        named = [
            (message, attachment)
            for message in store.messages(found.conversation, after=0, limit=10_000, internal=True)
            for attachment in message.attachments
        ]
        if not named:
            said(f"No files came with {found.number}.")
        for message, attachment in named:
            id_, name = attachment.partition("/")[0], file_name(attachment)
            kept = shelf.find(found.conversation, id_) if shelf is not None else None
            who = message.name or message.author
            if kept is None:
                said(f"{_visible(name)}  by {_visible(who)}: it is in Slack, not here")
            elif into is None:
                said(f"{_visible(name)}  by {_visible(who)}, {len(kept.data):,} bytes")
            else:
                said(f"{_visible(str(_save(into, name, kept.data, picture=kept.media == 'image/png')))}")
    finally:
        store.close()


@app.command()
def note(
    case: str = NUMBER, text: str = typer.Argument(help="What only agents read."), agent: str = AGENT, key: str = KEY
) -> None:
    """Write an internal note."""
    _act("note", case, agent, key, text=text)


@app.command()
def ask(
    case: str = NUMBER,
    what: str = typer.Argument(help="product_name, error_message, or a question in words."),
    agent: str = AGENT,
    key: str = KEY,
) -> None:
    """Ask the user for a field again, or for something else."""
    _act("ask", case, agent, key, text=what)


@app.command()
def suggest(
    case: str = NUMBER, resolution: str = typer.Argument(help="Its id."), agent: str = AGENT, key: str = KEY
) -> None:
    """Send the steps of a resolution."""
    _act("suggest", case, agent, key, resolution=resolution)


@app.command()
def resolve(
    case: str = NUMBER, reason: str = typer.Argument("", help="What solved it."), agent: str = AGENT, key: str = KEY
) -> None:
    """Close a case as solved."""
    _act("resolve", case, agent, key, reason=reason)


@app.command()
def reopen(case: str = NUMBER, agent: str = AGENT, key: str = KEY) -> None:
    """Open a resolved case again."""
    _act("reopen", case, agent, key)


@app.command("hand-back")
def hand_back(case: str = NUMBER, agent: str = AGENT, key: str = KEY) -> None:
    """Give the conversation back to the bot; the case stays open."""
    _act("hand_back", case, agent, key)


@app.command()
def export(
    state: str = typer.Option("", help="open, claimed, waiting_for_user, resolved or reopened."),
    psa: str = typer.Option("", help="The PSA's id, such as autotask."),
    as_csv: bool = typer.Option(False, "--csv", help="A table for a spreadsheet instead of JSON lines."),
) -> None:
    """Every case, whole, as JSON lines."""
    cases = _read(state, psa, 1_000_000, open_only=False)
    from helpbot.escalation.case import case_to_json

    if not as_csv:
        for case in cases:
            write_json(case_to_json(case))
        return
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for case in cases:
        data = {**case_to_json(case), "person": case.person.name or case.person.id, "tried": " ".join(case.tried)}
        writer.writerow([_cell(data[name]) for name in COLUMNS])
    sys.stdout.write(out.getvalue())


def _read_files(paths: Sequence[Path]) -> list[tuple[str, bytes]]:
    """(name, bytes) of each; all that cannot be sent are told at once."""
    found, faults = [], []
    for path in paths:
        try:
            if path.stat().st_size > LARGEST:
                faults.append(f"{path} is larger than {LARGEST // 1_048_576} MB")
                continue
            found.append((path.name, path.read_bytes()))
        except OSError as error:
            faults.append(f"{path} cannot be read ({error.strerror})")
    if faults:
        wrong("; ".join(faults), "Name files that can be sent")
    return found


def _enclose(house: House, case: Case, key: str, files: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
    """Keep an agent's files where the user's channel finds them; what a message names them by."""
    from helpbot.bootstrap import shelf_of
    from helpbot.messages import Channel

    shelf = shelf_of(house.settings, house.store) if case.channel is not Channel.TERMINAL else None
    names = []
    for n, (name, data) in enumerate(files):
        id_ = hashlib.sha256(f"{key} {n} {name}".encode()).hexdigest()[:26]
        kept = shelf.take(case.conversation, id_, name, data) if shelf is not None else None
        if kept is None:
            why = "a terminal shows no files" if case.channel is Channel.TERMINAL else "web.screenshots is off"
            wrong(f"{name} cannot be sent: {why}", "Reply without it")
        names.append(kept)
    return tuple(names)


def _save(folder: Path, name: str, data: bytes, *, picture: bool) -> Path:
    """Save a file under its own name, or beside one that has it. No path within a name counts: users give them."""
    plain = "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable()).lstrip(".") or "file"
    if picture and not plain.lower().endswith(".png"):
        plain += ".png"
    target, number = folder / plain, 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                with target.open("xb") as file:
                    file.write(data)
                return target
            except FileExistsError:
                number += 1
                target = folder / f"{Path(plain).stem}-{number}{Path(plain).suffix}"
    except OSError as error:
        wrong(f"{target} cannot be written ({error.strerror})", "Name another folder")


def _act(
    act: str,
    case: str,
    agent: str,
    key: str,
    *,
    text: str = "",
    resolution: str = "",
    reason: str = "",
    files: Sequence[tuple[str, bytes]] = (),
) -> None:
    from helpbot.bootstrap import open_desk
    from helpbot.desk.records import Act, AgentCommand
    from helpbot.messages import Field, Person

    who = agent or _me()
    field = Field(text) if act == "ask" and text in set(Field) else None
    named = key or secrets.token_urlsafe(16)
    text = text if text.strip() or not files else f"sent {', '.join(name for name, _ in files)}"
    command = AgentCommand(
        key=named,
        case=case,
        agent=Person(id=who, name=who),
        act=Act(act),
        text="" if field else text,
        field=field,
        resolution=resolution,
        reason=reason,
        source="cli",
    )
    with open_desk(settings(), words_only=True) as house:
        if files:
            command = replace(command, attachments=_enclose(house, house.desk.case(case), named, files))
        receipt = house.desk.agent(command)
    _tell(receipt)


def _tell(receipt: AgentReceipt) -> None:
    case = receipt.case
    done = "was done before" if receipt.replayed else "done"
    held = f", held by {case.owner}" if case.owner else ""
    said(f"{case.number}: {done}; it is {case.state.value.replace('_', ' ')}{held}.")
    for message in receipt.messages:
        if message.visibility == "public":
            said(f"  to the user: {_visible(message.text)}")


def _read(state: str, psa: str, limit: int, *, open_only: bool) -> Sequence[Case]:
    from helpbot.bootstrap import open_store
    from helpbot.dialogue.conversation import CaseState

    if state and state not in set(CaseState):
        wrong(f"{state!r} is no state of a case", f"Use one of: {', '.join(CaseState)}")
    store = open_store(settings())
    try:
        return store.cases(state=CaseState(state) if state else None, psa=psa or None, open_only=open_only, limit=limit)
    finally:
        store.close()


def _find(found: Case | None, asked: str) -> Case:
    if found is None:
        wrong(f"there is no case {asked!r}", "List them with `helpbot cases list --all`")
    return found


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "agent"


def _lines(messages: Sequence[Message]) -> list[Line]:
    from helpbot.desk.records import file_name
    from helpbot.escalation.brief import Line

    lines = []
    for message in messages:
        who = message.name or message.author
        if message.visibility != "public":
            who += " (internal)"
        names = ", ".join(file_name(each) for each in message.attachments)
        text = "\n".join(part for part in (message.text, f"[{names}]" if names else "") if part)
        lines.append(Line(at=message.at, who=who, text=text))
    return lines


def _message(message: Message) -> dict[str, object]:
    return {
        "seq": message.seq,
        "at": message.at.isoformat(),
        "author": message.author,
        "name": message.name,
        "text": message.text,
        "visibility": message.visibility.value,
        "attachments": list(message.attachments),
    }


def _visible(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(c if c in "\n\t" or c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _plain(text: str) -> str:
    """The text as Rich prints it and does not read it."""
    from rich.markup import escape

    return escape(_visible(text))


def _cell(value: object) -> object:
    """A spreadsheet takes what begins with these for a formula: a user's words are never one."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + value
    return value
