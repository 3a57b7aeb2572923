"""How often the product and the error are cut out of a message exactly, learnt and by the patterns alone.

    python bench/details.py [--mode words|hybrid|both] [--folds N] [--show N]

Learns from four fifths of bot/details.jsonl (by the sha256 of the text) and measures on the last: right is a message of
which both fields come out as they are marked, to the letter, and nothing where nothing is marked. With --folds each of
so many parts is measured once, learnt from all others. Hybrid is with the sentence encoder, where it is installed.
"""

from __future__ import annotations

import argparse
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from helpbot import model
from helpbot.dialogue.cutting import proposals
from helpbot.evaluation import is_held_aside
from helpbot.hearing import learn_marks, read_details, read_phrases
from helpbot.understanding.marks import Example, Mark, Marker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpbot.understanding.encoder import Encoder

ROOT = Path(__file__).parents[1]
Fields = tuple[str | None, str | None]


def by_patterns(example: Example) -> Fields:
    """What labels, sentences and corrections give; else all of the message but what is plainly around the value."""
    found = proposals(example.text)
    for way in ("label", "behind", "told", "change"):
        if f"product-{way}" in found or f"error-{way}" in found:
            return found.get(f"product-{way}"), found.get(f"error-{way}")
    if example.asked == "error":
        return None, found.get("error-said")
    return (None, None) if example.asked == "nothing" else (found.get("product-said"), None)


def parts_of(examples: list[Example], folds: int) -> Iterator[tuple[list[Example], list[Example]]]:
    """What is learnt from and what is measured, once or for each fold."""
    if folds < 2:
        tests = [[is_held_aside(each.text) for each in examples]]
    else:
        sums = [int(sha256(each.text.encode("utf-8", "replace")).hexdigest(), 16) for each in examples]
        tests = [[number % folds == fold for number in sums] for fold in range(folds)]
    for aside in tests:
        yield (
            [each for each, tested in zip(examples, aside, strict=True) if not tested],
            [each for each, tested in zip(examples, aside, strict=True) if tested],
        )


def learnt(marker: Marker, example: Example) -> Fields:
    """What the marker cuts out."""
    marks = marker.mark(example.text, example.asked, proposals(example.text))

    def piece(mark: Mark | None) -> str | None:
        return example.text[mark.start : mark.end] if mark else None

    return piece(marks.product), piece(marks.error)


def tell(name: str, cut: list[tuple[Example, Fields]]) -> None:
    """Print the shares, for messages with a value and without."""
    right = [fields == (each.product, each.error) for each, fields in cut if each.product or each.error]
    taken = [fields != (None, None) for each, fields in cut if not (each.product or each.error)]
    print(
        f"{name:9} {len(right)} with a value: right {sum(right) / max(len(right), 1):.1%}; "
        f"{len(taken)} without: taken for one {sum(taken) / max(len(taken), 1):.1%}"
    )


def main() -> None:
    """Measure and print, way by way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=("words", "hybrid", "both"), default="both")
    parser.add_argument("--folds", type=int, default=1, help="measure each of so many parts (default: one fifth)")
    parser.add_argument("--show", type=int, default=0, help="print so many of those that are cut otherwise")
    given = parser.parse_args()
    examples, faults = read_details(ROOT / "bot")
    phrases, others = read_phrases(ROOT / "bot")
    if faults or others:
        raise SystemExit("\n".join(map(str, [*faults, *others])))
    parts = list(parts_of(examples, given.folds))
    tell("patterns", [(each, by_patterns(each)) for _, aside in parts for each in aside])
    encoders: dict[str, Encoder | None] = {"words": None} if given.mode != "hybrid" else {}
    if given.mode != "words" and (encoder := model.load()):
        encoders["hybrid"] = encoder
    for name, encoder in encoders.items():
        cut = []
        for taught, aside in parts:
            marker = learn_marks(taught, phrases, encoder)
            cut += [(each, learnt(marker, each)) for each in aside]
        tell(name, cut)
        for each, fields in [pair for pair in cut if pair[1] != (pair[0].product, pair[0].error)][: given.show]:
            print(f"  {each.asked}: {each.text[:160]!r} marked {(each.product, each.error)}, cut {fields}")


if __name__ == "__main__":
    main()
