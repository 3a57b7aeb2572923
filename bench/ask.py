"""How long a message takes to be understood, in process, on the shipped knowledge: medians of processor time.

    python bench/ask.py [--words] [FILE ...]

FILEs are exam files (tests/quality/exam/questions-a.jsonl and errors-a.jsonl without any). Exact errors are the
authors' own patterns, filled in. Noise is 20,000 characters of words that nobody knows. One core; each message is
asked once to warm up and then three times, of which the quickest counts.
"""

import argparse
import os
import random
import statistics
import string
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from helpbot import model
from helpbot.compiled import open_engine
from helpbot.evaluation import read_asked
from helpbot.understanding.engine import Engine

ROOT = Path(__file__).resolve().parents[1]
EXAMS = [ROOT / "tests" / "quality" / "exam" / f"{kind}-a.jsonl" for kind in ("questions", "errors")]
_VALUES = ("4711", "Anna", "Acme 22")


def noise(seed: int) -> str:
    """Words that nobody knows, 20,000 characters of them."""
    rng = random.Random(seed)  # noqa: S311 - the same each time
    words = ("".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 10))) for _ in range(4_000))
    return " ".join(words)[:20_000]


def exact(engine: Engine) -> list[str]:
    """Every signature as it would be shown."""
    told = []
    for signature in engine.signatures.signatures:
        gaps = (value for _, value in zip(signature.names, _VALUES * 9, strict=False))
        told.append("".join(part + next(gaps, "") for part in signature.parts))
    return told


def spent(engine: Engine, text: str) -> float:
    """Milliseconds of processor time, the quickest of three."""
    engine.diagnose(text)
    took = []
    for _ in range(3):
        began = time.process_time_ns()
        engine.diagnose(text)
        took.append(time.process_time_ns() - began)
    return min(took) / 1e6


def row(name: str, engine: Engine, texts: Sequence[str]) -> None:
    """One line of the table."""
    took = sorted(spent(engine, text) for text in texts)
    print(f"| {name} | {len(took)} | {statistics.median(took):.2f} | {took[int(len(took) * 0.95)]:.2f} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--words", action="store_true", help="without the encoder")
    options = parser.parse_args()
    engine = open_engine(ROOT / "knowledge", encoder=None if options.words else model.load()).engine
    print("| messages | how many | p50 ms | p95 ms |\n|---|---|---|---|")
    for file in options.files or EXAMS:
        row(file.stem, engine, [asked.text for asked in read_asked(file)])
    row("exact error", engine, exact(engine))
    row("noise", engine, [noise(seed) for seed in range(7)])


if __name__ == "__main__":
    main()
