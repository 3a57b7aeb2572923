"""How well whole conversations go: the scripted ones of tests/quality/exam, played with the shipped bot.

    python tests/quality/replay_exam.py [--mode words|hybrid|both] [--show] [PART ...]

Prints for each part how many conversations went wholly as expected, and what went wrong; of b, e, h, k, p, r and s,
which are for the figures, nothing but the totals is ever printed. `--show` prints every reply of the others.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpbot.dialogue.world import World
    from helpbot.messages import Reply
    from helpbot.understanding.encoder import Encoder

ROOT: Final = Path(__file__).resolve().parents[2]
EXAM: Final = ROOT / "tests/quality/exam"
BLIND: Final = ("b", "e", "h", "k", "p", "r", "s")
NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)


def world_of(encoder: Encoder | None) -> World:
    """The shipped bot, with meaning where there is an encoder."""
    from helpbot.compiled import open_engine
    from helpbot.dialogue.policy import Policy
    from helpbot.dialogue.replies import Replies
    from helpbot.dialogue.world import World
    from helpbot.hearing import open_hearing, open_marking
    from helpbot.loading import read_replies

    compiled = open_engine(ROOT / "knowledge", encoder=encoder)
    return World(
        knowledge=compiled.knowledge,
        diagnose=compiled.engine.diagnose,
        replies=Replies(read_replies(ROOT / "bot")),
        policy=Policy(),
        hear=open_hearing(ROOT / "bot", compiled.knowledge, encoder),
        mark=open_marking(ROOT / "bot", encoder),
    )


def played(line: dict[str, Any], world: World) -> tuple[list[Reply], list[str]]:
    """One conversation: its replies, and everything in which it differs from what is expected."""
    from helpbot.dialogue.rehearse import Rehearsal

    talk = Rehearsal(world, at=NOON)
    replies = [talk.say(turn) for turn in line["turns"]]
    wrong = [
        f"turn {wanted['turn']}: {problem}"
        for wanted in line.get("expect", ())
        for problem in _reply_differs(wanted, replies[wanted["turn"]])
    ]
    cases = [
        {
            "product_name": case.product_name,
            "error_message": case.error_message,
            "product_name_given": case.product_name_given,
            "error_message_given": case.error_message_given,
        }
        for case in talk.cases
    ]
    if "cases" in line:
        if len(cases) != len(line["cases"]):
            wrong.append(f"{len(cases)} cases, wanted {len(line['cases'])}: {cases}")
        for number, (wanted, case) in enumerate(zip(line["cases"], cases, strict=False), 1):
            wrong += [f"case {number}: {problem}" for problem in _case_differs(wanted, case)]
    return replies, wrong


def _reply_differs(wanted: dict[str, Any], reply: Reply) -> Iterator[str]:
    got = reply.as_json()
    if "outcome" in wanted and got["outcome"] not in wanted["outcome"]:
        yield f"outcome {got['outcome']} {got['resolutions']}, wanted {wanted['outcome']}"
    allowed = wanted.get("resolutions", ())
    if allowed and got["outcome"] == "answer" and not any(name in allowed for name in reply.resolutions):
        yield f"answered {got['resolutions']}, wanted {wanted['resolutions']}"
    if "awaiting" in wanted and {name.value for name in reply.awaiting} != set(wanted["awaiting"]):
        yield f"awaiting {got['awaiting']}, wanted {wanted['awaiting']}"
    text = reply.text.lower()
    yield from (f"does not say {each!r}" for each in wanted.get("says", ()) if each.lower() not in text)
    yield from (f"says {each!r}" for each in wanted.get("says_not", ()) if each.lower() in text)


def _case_differs(wanted: dict[str, Any], case: dict[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        if name.endswith("_holds"):
            field = name.removesuffix("_holds")
            if value not in case[field]:
                yield f"{field} {case[field]!r} does not hold {value!r}"
        elif case[name] != value:
            yield f"{name} {case[name]!r}, wanted {value!r}"


def main() -> None:
    """Play the parts asked for in the modes asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("parts", nargs="*", default=list("abcdefgh"), help="which of a to h")
    parser.add_argument("--mode", choices=("words", "hybrid", "both"), default="both")
    parser.add_argument("--show", action="store_true", help="print what is said")
    parser.add_argument("--only", default="", help="only conversations whose id begins so")
    given = parser.parse_args()
    from helpbot import model

    encoder = model.load() if given.mode != "words" else None
    if given.mode != "words" and encoder is None:
        sys.exit("the encoder's weights are not installed: run `helpbot model install`, or give --mode words")
    modes: dict[str, Encoder | None] = {"words": None} if given.mode != "hybrid" else {}
    if encoder is not None:
        modes["hybrid"] = encoder
    for mode, meaning in modes.items():
        world = world_of(meaning)
        for part in given.parts:
            _part(part, mode, world, show=given.show, only=given.only)


def _part(part: str, mode: str, world: World, *, show: bool, only: str) -> None:
    text = (EXAM / f"replay-{part}.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if line["id"].startswith(only)]
    right = at_first = 0
    for line in lines:
        replies, wrong = played(line, world)
        right += not wrong
        at_first += any(problem.startswith("turn 0:") for problem in wrong)
        if part in BLIND:
            continue
        if show:
            print(f"\n--- {line['id']}")
            for turn, reply in zip(line["turns"], replies, strict=True):
                awaited = [name.value for name in reply.awaiting]
                print(f"  user: {turn[:300]!r}\n  bot ({reply.outcome.value} {awaited}): {reply.text[:600]}")
        for problem in wrong:
            print(f"  {mode} {line['id']}: {problem}\n      {line['turns']!r}"[:900])
    share = right / max(len(lines), 1)
    print(
        f"{mode}: part {part}: {right} of {len(lines)} conversations as expected ({share:.1%}), {at_first} fail at once"
    )


if __name__ == "__main__":
    main()
