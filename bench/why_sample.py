"""Fifty answers as an author would read them: `helpbot why` of texts drawn from two exams, always the same ones.

    .venv/bin/python bench/why_sample.py [--words] [--most 50] [--seed 65]

Read them and ask of each: does it say what decided, and what to write where to change that? Nothing is judged here.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from helpbot.bootstrap import open_mind
from helpbot.cli.why import told
from helpbot.config import Places

ROOT = Path(__file__).resolve().parents[1]
EXAM = ROOT / "tests" / "quality" / "exam"
KINDS = ("questions", "errors", "oos")


def main() -> None:
    """Print the sample, each text with its exam's row above what `why` says of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", action="store_true", help="compare words alone, not meaning")
    parser.add_argument("--most", type=int, default=50, help="how many texts")
    parser.add_argument("--seed", type=int, default=65, help="which texts")
    given = parser.parse_args()
    mind = open_mind(Places(knowledge=ROOT / "knowledge", bot=ROOT / "bot"), words_only=given.words)
    for row in sample(given.most, given.seed):
        wanted = ", ".join(row.get("resolutions") or ()) or "/".join(row["outcome"])
        sys.stdout.write(f"\n=== {row['id']} wants {wanted}\n{row['text']}\n---\n")
        for _, line in told(mind, mind.engine.diagnose(row["text"])):
            sys.stdout.write(f"{line}\n")


def sample(most: int, seed: int) -> list[dict[str, object]]:
    """Texts of both exams, the same for one seed."""
    rows = [
        json.loads(line)
        for kind in KINDS
        for exam in "ad"
        for line in (EXAM / f"{kind}-{exam}.jsonl").read_text("utf-8").splitlines()
    ]
    return random.Random(seed).sample(rows, most)  # noqa: S311 - not a secret


if __name__ == "__main__":
    main()
