"""How well the bot hears what a message does besides asking, and how often it hears that in a question.

    python bench/phrases.py [--words] [--place answered]... [--show 0.2] [--json FILE]

The acts are learnt from bot/phrases.yaml and the knowledge, as `helpbot serve` learns them, and measured on
tests/quality/phrases and, for false acts, on questions and errors that are none. `--words` leaves the sentence
encoder out, `--show` lists the mistakes on `dev` and the knowledge at that lead; no other set is tuned on line by line.
An act is heard where it leads all others by the threshold; thanks and `solved` count as one where an answer stands.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpbot import model
from helpbot.hearing import others_of, read_phrases
from helpbot.loading import load_knowledge
from helpbot.understanding.speech import ACTS, OTHER, SpeechActs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpbot.understanding.speech import Encode, Heard

ROOT = Path(__file__).parents[1]
EXAM = ROOT / "tests" / "quality" / "exam"
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.45)
ALIKE = (frozenset({"solved", "thanks"}),)
# What can be meant at each place of a conversation.
PLACES = {
    "anywhere": ACTS,
    "new": ("person", "greeting", "thanks"),
    "answered": ("solved", "thanks", "not_solved", "person", "cancel", "will_try"),
    "asking": ("solved", "person", "cancel", "none", "why", "will_try"),
    "waiting": ("solved", "thanks", "person", "news", "cancel"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A message, its act (`other` for none) and the set that it belongs to."""

    text: str
    act: str
    set: str


def sets(taught: Sequence[str], asked: Sequence[str]) -> list[Line]:
    """All messages; of the knowledge's questions those that did not teach."""
    lines = [
        Line(text=row["text"], act=row["act"], set=name)
        for name in ("dev", "final")
        for row in read(ROOT / "tests" / "quality" / "phrases" / f"{name}.jsonl")
    ]
    lines += [Line(text=text, act=OTHER, set="knowledge") for text in asked if text not in set(taught)]
    for name in ("questions", "oos", "errors", "ambiguous"):
        lines += [Line(text=row["text"], act=OTHER, set=name) for row in read(EXAM / f"{name}-a.jsonl")]
    return lines + [Line(text=row["text"], act="person", set="handover") for row in read(EXAM / "handover-a.jsonl")]


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def same(heard: str, meant: str) -> bool:
    """Whether the one comes to the other."""
    return heard == meant or any({heard, meant} <= group for group in ALIKE)


def measure(
    lines: Sequence[Line], heard: Sequence[Heard], place: str
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """By set and act, for each threshold: the share heard as that act, and as a wrong one."""
    expected = PLACES[place]
    led: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for line, scores in zip(lines, heard, strict=True):
        led[line.set, line.act].append(scores.leading(expected, ALIKE))
    return {
        (name, act): [
            (
                sum(lead >= wanted and same(got, act) for got, lead in found) / len(found),
                sum(lead >= wanted and not same(got, act) for got, lead in found) / len(found),
            )
            for wanted in THRESHOLDS
        ]
        for (name, act), found in led.items()
    }


def table(engine: str, place: str, found: dict[tuple[str, str], list[tuple[float, float]]]) -> list[dict[str, object]]:
    """Print right and wrong in per cent for each threshold."""
    print(f"\n{engine}, {place}: right/wrong in % at a lead of")
    print(f"{'':<24}" + "".join(f"{wanted:>10.2f}" for wanted in THRESHOLDS))
    rows: list[dict[str, object]] = []
    shown = dict(found)
    for name in ("dev", "final"):
        acts = [found[name, act] for act in PLACES[place]]
        shown[name, "(mean of acts)"] = [
            (sum(act[at][0] for act in acts) / len(acts), sum(act[at][1] for act in acts) / len(acts))
            for at in range(len(THRESHOLDS))
        ]
    for (name, act), shares in shown.items():
        if act not in (*PLACES[place], OTHER, "(mean of acts)"):
            continue
        print(
            f"{name:<10} {act:<13}"
            + "".join(f"{f'{100 * right:.0f}/{100 * wrong:.1f}':>10}" for right, wrong in shares)
        )
        rows += [
            {"engine": engine, "place": place, "set": name, "act": act, "lead": wanted, "right": right, "wrong": wrong}
            for wanted, (right, wrong) in zip(THRESHOLDS, shares, strict=True)
        ]
    return rows


def mistakes(lines: Sequence[Line], heard: Sequence[Heard], wanted: float) -> None:
    """Print what is not heard, or heard wrongly, among the lines that may be tuned on."""
    for line, scores in zip(lines, heard, strict=True):
        act, lead = scores.leading(ACTS, ALIKE)
        got = act if lead >= wanted else OTHER
        if line.set in ("dev", "knowledge") and not same(got, line.act):
            print(f"  {line.set:<10} {line.act:<11} heard {got:<11} ({act} {lead:+.2f})  {line.text[:90]!r}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", action="store_true", help="without the sentence encoder")
    parser.add_argument("--place", choices=tuple(PLACES), action="append", help="where (default: anywhere)")
    parser.add_argument("--show", type=float, metavar="LEAD")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    knowledge = load_knowledge(ROOT / "knowledge")
    phrases, faults = read_phrases(ROOT / "bot")
    if faults:
        parser.error("; ".join(str(fault) for fault in faults))
    others = others_of(knowledge)
    asked = [text for each in knowledge.resolutions.values() for text in each.questions]
    lines = sets(others, asked)
    encoder = None if options.words else model.load()
    engines: dict[str, Encode | None] = {"words": None}
    if encoder is not None:
        engines["hybrid"] = lambda texts: encoder.encode(list(texts))
    rows = []
    for engine, encode in engines.items():
        learnt = SpeechActs.learn(phrases, others, encode)
        heard = [learnt.hear(line.text) for line in lines]
        for place in options.place or ("anywhere",):
            rows += table(engine, place, measure(lines, heard, place))
        if options.show is not None:
            mistakes(lines, heard, options.show)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
