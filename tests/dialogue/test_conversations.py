"""Whole conversations as text: `tests/conversations/README.md` says how they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helpbot.dialogue.rehearse import Rehearsal
from helpbot.dialogue.world import World
from helpbot.messages import Reply
from tests.dialogue.worlds import NOON

FOLDER = Path(__file__).parents[1] / "conversations"
_NEEDS = {"product": "product_name", "error": "error_message"}


@dataclass
class Talk:
    title: str
    turns: list[tuple[int, str, list[str]]] = field(default_factory=list)


def talks(text: str) -> list[Talk]:
    found: list[Talk] = []
    title = "untitled"
    fresh = True
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# "):
            title, fresh = line[2:], True
        elif not line.strip():
            fresh = True
        elif line.startswith("user:"):
            if fresh:
                found.append(Talk(title))
                fresh = False
            said = (
                line[5:].strip().replace("\\s", " ").replace("\\n", "\n").replace("\\t", "\t").replace('\\\\"', '\\"')
            )
            found[-1].turns.append((number, said, []))
        elif line.startswith("bot:"):
            found[-1].turns[-1][2].extend(part.strip() for part in line[4:].split("; "))
    return found


ALL = [
    pytest.param(talk, id=f"{path.stem}: {talk.title}")
    for path in sorted(FOLDER.glob("*.txt"))
    for talk in talks(path.read_text("utf-8"))
]


@pytest.mark.parametrize("talk", ALL)
def test_the_conversation_goes_as_written(talk: Talk, shipped_world: World) -> None:
    rehearsal = Rehearsal(shipped_world, at=NOON)
    for line, said, wanted in talk.turns:
        reply = rehearsal.say(said)
        for want in wanted:
            problem = differs(want, reply, rehearsal)
            assert not problem, f"line {line}, {said!r}: {problem}\n{reply.text}"


def differs(want: str, reply: Reply, rehearsal: Rehearsal) -> str:
    """What is wrong, or nothing."""
    verb, _, rest = want.partition(" ")
    if verb == "answers":
        allowed = set(rest.split(" or "))
        ok = reply.outcome == "answer" and allowed & set(reply.resolutions)
        return "" if ok else f"wanted an answer of {allowed}, got {reply.outcome.value} {reply.resolutions}"
    if verb == "asks":
        offered = {choice.id.removeprefix("pick:") for choice in reply.choices}
        missing = set(rest.split()[1:]) - offered
        return "" if reply.outcome == "clarify" and not missing else f"{reply.outcome.value}, choices {offered}"
    if want == "does not know":
        person = any(choice.id == "person" for choice in reply.choices)
        return "" if reply.outcome == "no_answer" and person else f"{reply.outcome.value} {reply.resolutions}"
    if verb == "needs":
        awaited = {_NEEDS[name] for name in rest.split()}
        ok = reply.outcome in ("escalate", "answer") and {name.value for name in reply.awaiting} == awaited
        return "" if ok else f"{reply.outcome.value}, awaiting {reply.awaiting}"
    if verb in ("opens", "has"):
        return _case(rest, reply, rehearsal, opens=verb == "opens")
    if verb == "says":
        return "" if rest in reply.text else f"does not say {rest!r}"
    if verb == "cases":
        return "" if len(rehearsal.cases) == int(rest) else f"{len(rehearsal.cases)} cases"
    return "" if reply.outcome == verb else f"wanted {verb}, got {reply.outcome.value}"


def _case(rest: str, reply: Reply, rehearsal: Rehearsal, *, opens: bool) -> str:
    match = re.fullmatch(r"(\S+) product=(.*) error=(.*)", rest)
    assert match, rest
    number, product, error = (part.replace("\\n", "\n").replace("\\t", "\t") for part in match.groups())
    case = next((case for case in rehearsal.cases if case.number == number), None)
    if case is None:
        return f"there is no {number}: {reply.outcome.value}, awaiting {reply.awaiting}"
    if opens and (reply.outcome != "escalate" or reply.awaiting or number not in reply.text):
        return f"not told as opened: {reply.outcome.value} {reply.awaiting}"
    for wanted, value, given in (
        (product, case.product_name, case.product_name_given),
        (error, case.error_message, case.error_message_given),
    ):
        if wanted == "(none)":
            if given or not value.strip():
                return f"{value!r} counts as given"
        elif value != wanted or not given:
            return f"wanted {wanted!r}, the case has {value!r}"
    return ""
