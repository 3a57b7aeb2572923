"""Fit the weights of `helpbot.dialogue.filling` on the marked messages, and say how well they tell meanings apart.

    python bench/form.py [--words] [--show N]

Each message of bot/details.jsonl is cut by a marker that did not learn from its third, and heard by what was learnt
from bot/phrases.yaml; with and without the sentence encoder together, as the weights serve both, and with cutting or
hearing left out, as a bot may have neither. A fifth of the messages is kept aside for the figures; the table is fitted
on all. `--words` leaves the encoder out, for a quick look; `--show` prints so many of those that are told otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from reactions import Matrix, fitted

from helpbot import model
from helpbot.dialogue.cutting import Cut, cut, proposals
from helpbot.dialogue.filling import MEANINGS
from helpbot.dialogue.form_reading import form_signs
from helpbot.dialogue.values import without_greeting, without_sign_off
from helpbot.hearing import learn_marks, open_hearing, read_details, read_phrases
from helpbot.loading import load_knowledge
from helpbot.understanding.encoder import Encoder
from helpbot.understanding.marks import Example, Marker, Marks

ROOT = Path(__file__).parents[1]
MEANT = {"value": 0, "none": 1, "cancel": 2, "solved": 3, "person": 4, "question": 5, "noise": 6, "remark": 6}
FOLDS = 3


def fold_of(text: str) -> int:
    """Which third a message is in."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[1] % FOLDS


def marking(marker: Marker) -> Callable[[str, str], Marks]:
    """As the dialogue has a message marked."""
    return lambda text, asked: marker.mark(text, asked, proposals(text))


def cuts(examples: list[Example], phrases: dict[str, list[str]], encoder: Encoder | None) -> list[Cut]:
    """What is cut out of each message by a marker that has not seen it."""
    found: dict[int, Cut] = {}
    for fold in range(FOLDS):
        mark = marking(learn_marks([each for each in examples if fold_of(each.text) != fold], phrases, encoder))
        for number, each in enumerate(examples):
            if fold_of(each.text) == fold:
                found[number] = cut(each.text, each.asked, mark) or Cut()
    return [found[number] for number in range(len(examples))]


def table(rows: list[dict[str, float]], names: list[str]) -> Matrix:
    """(messages, signs)."""
    return np.array([[row.get(name, 0.0) for name in names] for row in rows])


def main() -> None:
    """Print the share told rightly, what is taken for what, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    examples, faults = read_details(ROOT / "bot")
    phrases, others = read_phrases(ROOT / "bot")
    if faults or others:
        raise SystemExit("\n".join(map(str, [*faults, *others])))
    known = {text for lines in phrases.values() for text in lines}
    examples = [each for each in examples if each.text not in known and each.asked != "nothing"]
    meant = np.array([MEANT[each.act] for each in examples], np.intp)
    own = [without_greeting(without_sign_off(each.text.strip())) for each in examples]
    knowledge = load_knowledge(ROOT / "knowledge")
    parts: dict[str, list[dict[str, float]]] = {}
    cut_out: dict[str, list[Cut]] = {}
    for name in ("words",) if options.words else ("words", "hybrid"):
        encoder = model.load() if name == "hybrid" else None
        cut_out[name] = cuts(examples, phrases, encoder)
        hear = open_hearing(ROOT / "bot", knowledge, encoder)
        parts[name] = [
            form_signs(text, each.asked, hear(text), found)
            for text, each, found in zip(own, examples, cut_out[name], strict=True)
        ]
    uncut = [form_signs(text, each.asked, None, Cut()) for text, each in zip(own, examples, strict=True)]
    deaf = [
        form_signs(text, each.asked, None, found)
        for text, each, found in zip(own, examples, cut_out["words"], strict=True)
    ]
    names = sorted({name for rows in (*parts.values(), uncut, deaf) for row in rows for name in row})
    aside = np.arange(len(meant)) % 5 == 0
    signs = {name: table(rows, names) for name, rows in {**parts, "patterns": uncut, "deaf": deaf}.items()}
    some: NDArray[np.bool_] = np.tile(~aside, len(signs))
    every, wanted = np.concatenate(list(signs.values())), np.tile(meant, len(signs))
    weights = fitted(every[some], wanted[some], names, len(MEANINGS))
    for name, matrix in signs.items():
        told = (matrix[aside] @ weights).argmax(1)
        print(f"{name}: {np.mean(told == meant[aside]):.1%} of {aside.sum()} messages kept aside; meant (down), told:")
        print("            " + " ".join(f"{each:>9}" for each in MEANINGS))
        for number, meaning in enumerate(MEANINGS):
            counts = np.bincount(told[meant[aside] == number], minlength=len(MEANINGS))
            print(f"  {meaning:>9} " + " ".join(f"{count:9}" for count in counts))
    told = (signs["words" if options.words else "hybrid"] @ weights).argmax(1)
    for number in [n for n in np.flatnonzero(aside).tolist() if told[n] != meant[n]][: options.show]:
        print(
            f"  {examples[number].asked}: {own[number][:150]!r} {MEANINGS[meant[number]]} told {MEANINGS[told[number]]}"
        )
    for name, row in zip(names, fitted(every, wanted, names, len(MEANINGS)), strict=True):
        print(f'    "{name}": ({", ".join(f"{value:.2f}" for value in row)}),')


if __name__ == "__main__":
    main()
