"""How often the product and the error are cut out of a message exactly, learnt and by the patterns alone.

    python bench/details.py [--show N]

Learns from four fifths of bot/details.jsonl (by the sha256 of the text) and measures on the last: right is a message of
which both fields come out as they are marked, to the letter, and nothing where nothing is marked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from helpbot.dialogue.cutting import proposals
from helpbot.evaluation import is_held_aside
from helpbot.hearing import learn_marks, read_details, read_phrases
from helpbot.understanding.marks import Example, Mark

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


def main() -> None:
    """Print the shares, for messages with a value and without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", type=int, default=0, help="print so many of those that are cut otherwise")
    show = parser.parse_args().show
    examples, faults = read_details(ROOT / "bot")
    phrases, others = read_phrases(ROOT / "bot")
    if faults or others:
        raise SystemExit("\n".join(map(str, [*faults, *others])))
    aside = [each for each in examples if is_held_aside(each.text)]
    marker = learn_marks([each for each in examples if not is_held_aside(each.text)], phrases)

    def learnt(example: Example) -> Fields:
        marks = marker.mark(example.text, example.asked, proposals(example.text))

        def piece(mark: Mark | None) -> str | None:
            return example.text[mark.start : mark.end] if mark else None

        return piece(marks.product), piece(marks.error)

    for name, way in (("patterns", by_patterns), ("learnt", learnt)):
        given = [each for each in aside if each.product or each.error]
        silent = [each for each in aside if not (each.product or each.error)]
        right = [way(each) == (each.product, each.error) for each in given]
        taken = [way(each) != (None, None) for each in silent]
        print(
            f"{name:9} {len(given)} with a value: right {sum(right) / len(right):.1%}; "
            f"{len(silent)} without: taken for one {sum(taken) / len(taken):.1%}"
        )
    for each in aside:
        if show > 0 and learnt(each) != (each.product, each.error):
            show -= 1
            print(f"  {each.asked}: {each.text[:160]!r} marked {(each.product, each.error)}, cut {learnt(each)}")


if __name__ == "__main__":
    main()
