"""How well questions are understood, with words alone and with meaning.

    python bench/quality.py [--knowledge DIR] [--mode words|hybrid|both] [--exam DIR] [--plot] [FOLDER...]

The shipped knowledge: its own held-aside fifth, then the independent questions of tests/quality/exam. A FOLDER with
`train.jsonl` and `test.jsonl` (`{"text", "label"}`, `oos` for what has none) is taken as labels to tell apart; one with
`corpus.jsonl.gz` and `queries.jsonl` as articles to find (bench/retrieval_quality.py).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from helpbot import model
from helpbot.compiled import open_engine
from helpbot.evaluation import chart, held_aside, measure, measure_intents, read_asked
from helpbot.loading import load_knowledge

if TYPE_CHECKING:
    from helpbot.evaluation import Quality
    from helpbot.understanding.encoder import Encoder

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print every figure that docs/quality.md records."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="*", type=Path, help="sets to measure besides")
    parser.add_argument("--knowledge", type=Path, default=ROOT / "knowledge")
    parser.add_argument("--exam", type=Path, default=ROOT / "tests/quality/exam")
    parser.add_argument("--mode", choices=("words", "hybrid", "both"), default="both")
    parser.add_argument("--plot", action="store_true", help="draw the reliability diagrams")
    given = parser.parse_args()
    encoder = model.load() if given.mode != "words" else None
    if given.mode != "words" and encoder is None:
        sys.exit("the encoder's weights are not installed: run `helpbot model install`, or give --mode words")
    modes: list[tuple[str, Encoder | None]] = []
    if given.mode != "hybrid":
        modes.append(("words only", None))
    if encoder is not None:
        modes.append(("hybrid", encoder))
    for name, meaning in modes:
        print(f"\n== {name}")
        _shipped(given.knowledge, given.exam, meaning, plot=given.plot)
        for folder in given.folders:
            if (folder / "train.jsonl").is_file():
                _intents(folder, meaning)
    retrieval = [str(folder) for folder in given.folders if (folder / "queries.jsonl").is_file()]
    if retrieval:
        options = ["--meaning"] if encoder is not None else []
        command = [sys.executable, str(ROOT / "bench/retrieval_quality.py"), *retrieval, *options]
        subprocess.run(command, check=True)


def _line(name: str, quality: Quality) -> None:
    print(
        f"{name:22} {len(quality.questions):5} questions: right {quality.right:6.1%}  asked back "
        f"{quality.asked_back:6.1%}  wrong {quality.wrong:6.1%}  (best candidate right {quality.best_right:6.1%})"
    )
    if quality.refused:
        print(
            f"{'':22} {len(quality.refused):5} outside:   answered {quality.wrongly_answered:6.1%}  "
            f"AUROC of known {quality.known_auroc:.3f}  accepted at 95 % of right {quality.accepted_at():6.1%}"
        )


def _shipped(knowledge_dir: Path, exam: Path, encoder: Encoder | None, *, plot: bool) -> None:
    knowledge = load_knowledge(knowledge_dir)
    quality = held_aside(knowledge, encoder)
    _line("held aside", quality)
    print("  threshold  coverage  precision")
    for threshold, coverage, precision in quality.curve():
        print(f"  {threshold:9.2f} {coverage:9.1%} {precision:10.1%}")
    if plot:
        print(chart(quality.bins()))
    engine = open_engine(knowledge_dir, encoder=encoder).engine
    for part in ("a", "b", "d", "e", "i", "l"):
        if not (exam / f"questions-{part}.jsonl").is_file():
            continue
        sets = {
            name: read_asked(path) if (path := exam / f"{name}-{part}.jsonl").is_file() else []
            for name in ("questions", "errors", "oos", "ambiguous", "handover")
        }
        _line(f"exam {part}: questions", measure(engine, sets["questions"], sets["oos"]))
        _line(f"exam {part}: errors", measure(engine, sets["errors"]))
        for kind in ("near", "near_error", "far"):
            outside = [one for one in sets["oos"] if one.kind == kind]
            share = measure(engine, [], outside).wrongly_answered
            print(f"{'':22} {len(outside):5} {kind}: answered {share:6.1%}")
        for other in filter(sets.get, ("ambiguous", "handover")):
            print(
                f"exam {part}: {other:14} {len(sets[other]):5} texts: right {measure(engine, sets[other]).right:6.1%}"
            )
        if plot:
            print(chart(measure(engine, [*sets["questions"], *sets["errors"]], sets["oos"]).bins()))
        for kind, asked in (("question", sets["questions"]), ("error", sets["errors"])):
            times = []
            for one in asked:
                begun = time.perf_counter()
                engine.diagnose(one.text)
                times.append(time.perf_counter() - begun)
            print(f"{'':22} {kind}: p50 {np.median(times) * 1e3:.2f} ms, p95 {np.quantile(times, 0.95) * 1e3:.2f} ms")


def _intents(folder: Path, encoder: Encoder | None) -> None:
    rows = {
        part: [
            (row["text"], row["label"])
            for row in map(json.loads, (folder / f"{part}.jsonl").read_text("utf-8").splitlines())
        ]
        for part in ("train", "test")
    }
    found = measure_intents(rows["train"], rows["test"], encoder)
    print(
        f"{folder.name:22} {len(rows['test']):5} texts:     accuracy {found.accuracy:.3f}  AUROC of known "
        f"{found.known_auroc:.3f}  outside accepted at 95 % of right {found.accepted:.3f}"
    )


if __name__ == "__main__":
    main()
