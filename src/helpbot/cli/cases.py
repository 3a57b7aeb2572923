"""`helpbot cases …`: see and work cases in the terminal, with no other tool at all."""

from __future__ import annotations

import csv
import getpass
import io
import secrets
import sys
from typing import TYPE_CHECKING, Final

import typer

from helpbot.cli.common import console, said, settings, write_json, wrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpbot.desk.records import AgentReceipt, Message
    from helpbot.escalation.brief import Line
    from helpbot.escalation.case import Case

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="See and work cases.")

NUMBER = typer.Argument(metavar="CASE", help="Its number, such as HB-1001.")
AGENT = typer.Option("", "--as", metavar="NAME", help="Who you are, as the user will read it.")
KEY = typer.Option("", help="Repeat a command with the same key and it is done once.")
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
    text: str = typer.Argument(help="What the user reads."),
    agent: str = AGENT,
    key: str = KEY,
) -> None:
    """Answer the user, where the user is."""
    _act("reply", case, agent, key, text=text)


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


def _act(act: str, case: str, agent: str, key: str, *, text: str = "", resolution: str = "", reason: str = "") -> None:
    from helpbot.bootstrap import open_desk
    from helpbot.desk.records import Act, AgentCommand
    from helpbot.messages import Field, Person

    who = agent or _me()
    field = Field(text) if act == "ask" and text in set(Field) else None
    command = AgentCommand(
        key=key or secrets.token_urlsafe(16),
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
    from helpbot.escalation.brief import Line

    lines = []
    for message in messages:
        who = message.name or message.author
        if message.visibility != "public":
            who += " (internal)"
        lines.append(Line(at=message.at, who=who, text=message.text))
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
