"""Fit the weights of `helpbot.dialogue.reacting` on the bot's own phrases, and say how well they tell reactions apart.

    python bench/reactions.py [--words]

Each line of bot/phrases.yaml is heard as it would be had its tenth not been learnt from; with and without the sentence
encoder together, as the weights serve both. A fifth of the lines is kept aside for the figures; the table is fitted on
all. Then the shipped table is tried on tests/quality/phrases/reactions.jsonl, which nothing learnt from. `--words`
leaves the encoder out, for a quick look.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpbot import model
from helpbot.dialogue.reacting import REACTIONS, WEIGHTS, likely
from helpbot.dialogue.reading import pattern_signs
from helpbot.hearing import others_of, read_phrases
from helpbot.loading import cache_folder, load_knowledge
from helpbot.understanding.speech import ACTS, OTHER, SpeechActs
from helpbot.vectors import Remembered, encoder_id

ROOT = Path(__file__).parents[1]
UNSEEN = ROOT / "tests/quality/phrases/reactions.jsonl"
MEANT = {"solved": 0, "thanks": 0, "not_solved": 1, "person": 2, "will_try": 3, OTHER: 4, "cancel": 5}
CLASSES = (*ACTS, OTHER)
Matrix = NDArray[np.float64]


def rows(phrases: dict[str, list[str]], others: list[str], *, meaning: bool) -> tuple[Matrix, NDArray[np.intp]]:
    """(lines, signs) and the number of each line's reaction."""
    encoder = model.load() if meaning else None
    memory = Remembered(encoder, cache_folder() / f"vectors-{encoder_id(encoder)}.npz") if encoder else None
    acts = SpeechActs.learn(phrases, others, memory.encode if memory else None)
    assert acts.unseen is not None
    assert acts.labels is not None
    texts = [text for act in CLASSES for text in phrases.get(act, ())] + others
    signs, meant = [], []
    for text, scores, label in zip(texts, acts.unseen, acts.labels, strict=True):
        act = CLASSES[label]
        if act in MEANT:
            found = {**dict(zip(CLASSES, scores.tolist(), strict=True)), **pattern_signs(text)}
            signs.append([found[name] for name in WEIGHTS])
            meant.append(MEANT[act])
    return np.array(signs), np.array(meant)


def fitted(
    signs: Matrix, meant: NDArray[np.intp], names: list[str], classes: int, shrink: float = 8.0, rounds: int = 1500
) -> Matrix:
    """(signs, classes) by gradient descent on the likelihood, less a share of the weights' squares."""
    spread = signs.std(0) + 1e-6
    spread[names.index("one")] = 1.0
    scaled, wanted = signs / spread, np.eye(classes)[meant]
    weights = np.zeros((signs.shape[1], classes))
    for _ in range(rounds):
        shares = np.exp(scaled @ weights - (scaled @ weights).max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        weights -= 0.5 * (scaled.T @ (shares - wanted) + shrink * weights) / len(signs)
    weights /= spread[:, None]
    return np.asarray(weights - weights.mean(1, keepdims=True))


def told_of_unseen(phrases: dict[str, list[str]], others: list[str], *, meaning: bool) -> tuple[float, int]:
    """The share of the set that nothing learnt from which the shipped weights tell rightly, and its size."""
    encoder = model.load() if meaning else None
    acts = SpeechActs.learn(phrases, others, encoder.encode if encoder else None)
    lines = [json.loads(line) for line in UNSEEN.read_text("utf-8").splitlines()]
    right = 0
    for line in lines:
        heard = acts.hear(line["text"])
        shares = likely({**{act: heard.scores[act] for act in CLASSES}, **pattern_signs(line["text"])})
        right += REACTIONS.index(max(shares, key=lambda name: shares[name])) == MEANT[line["act"]]
    return right / len(lines), len(lines)


def main() -> None:
    """Print the share told rightly, what is taken for what, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", action="store_true")
    words_only = parser.parse_args().words
    phrases, faults = read_phrases(ROOT / "bot")
    if faults:
        raise SystemExit("\n".join(map(str, faults)))
    others = others_of(load_knowledge(ROOT / "knowledge"))
    parts = [rows(phrases, others, meaning=meaning) for meaning in ((False,) if words_only else (False, True))]
    for name, (signs, meant) in zip(("words", "hybrid"), parts, strict=False):
        aside = np.arange(len(meant)) % 5 == 0
        told = (signs[aside] @ fitted(signs[~aside], meant[~aside], list(WEIGHTS), len(REACTIONS))).argmax(1)
        print(f"{name}: {np.mean(told == meant[aside]):.1%} of {aside.sum()} lines kept aside; meant (down), told:")
        print("            " + " ".join(f"{reaction:>9}" for reaction in REACTIONS))
        for number, reaction in enumerate(REACTIONS):
            counts = np.bincount(told[meant[aside] == number], minlength=len(REACTIONS))
            print(f"  {reaction:>9} " + " ".join(f"{count:9}" for count in counts))
    every, wanted = np.concatenate([signs for signs, _ in parts]), np.concatenate([meant for _, meant in parts])
    weights = fitted(every, wanted, list(WEIGHTS), len(REACTIONS))
    for name, row in zip(WEIGHTS, weights, strict=True):
        print(f'    "{name}": ({", ".join(f"{value:.2f}" for value in row)}),')
    for meaning in (False,) if words_only else (False, True):
        share, count = told_of_unseen(phrases, others, meaning=meaning)
        print(f"{'hybrid' if meaning else 'words'}, as shipped: {share:.1%} of {count} lines that nothing learnt from")


if __name__ == "__main__":
    main()
