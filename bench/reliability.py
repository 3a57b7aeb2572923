"""The long proofs of docs/reliability.md, run and recorded: what each row measured, with the command that measured it.

    .venv/bin/python bench/reliability.py [PYTEST ARGS]    run (all, or what `-k` picks), record, write the table
    .venv/bin/python bench/reliability.py --table          write the table from what is recorded

A run replaces what was recorded of the same tests before, so the table may be made in pieces. Times are held against
their limits in these runs alone: they want a machine that does nothing else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "docs" / "reliability.jsonl"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- begin measured -->\n", "<!-- end measured -->\n"
SUITES = ("tests/reliability", "tests/store")


def main() -> None:
    """Run what is asked for, then write the table."""
    arguments = sys.argv[1:]
    code = 0
    if arguments != ["--table"]:
        code = run(arguments)
    text = table(read(RECORD))
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + text + END + after, "utf-8")
    sys.stdout.write(text)
    raise SystemExit(code)


def run(arguments: list[str]) -> int:
    """Run the proofs, short loops and full ones, and keep their figures; the code that pytest ended with."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.jsonl"
        code = subprocess.call(
            [sys.executable, "-m", "pytest", *SUITES, *arguments],
            cwd=ROOT,
            env={**os.environ, "HELPBOT_TEST_FIGURES": str(figures)},
        )
        fresh = read(figures)
    again = {line["test"] for line in fresh}
    kept = [line for line in read(RECORD) if line["test"] not in again] + fresh
    kept.sort(key=lambda line: (order(str(line["row"])), str(line["test"])))
    RECORD.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept), "utf-8")
    return code


def read(path: Path) -> list[dict[str, object]]:
    """What is recorded; nothing where there is no record."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def order(row: str) -> tuple[str, int, str]:
    """R2 before R10."""
    found = re.match(r"([A-Z]+)(\d+)", row)
    return (found[1], int(found[2]), row) if found else ("~", 0, row)


def function(line: dict[str, object]) -> str:
    """The test without its parameters: its short loop says nothing where the full one was run."""
    return str(line["test"]).partition("[")[0]


def table(lines: list[dict[str, object]]) -> str:
    """The record as a table of the page; a failure stands out."""
    whole = {(line["row"], function(line)) for line in lines if line["full"]}
    shown = [
        line
        for line in lines
        if "control" not in str(line["test"]) and (line["full"] or (line["row"], function(line)) not in whole)
    ]
    told: dict[tuple[str, bool, str], list[dict[str, object]]] = {}
    for line in shown:
        told.setdefault((str(line["row"]), bool(line["passed"]), str(line["day"])), []).append(line)
    rows = ["| row | measured | took | day |", "|---|---|---|---|"]
    for (row, passed, day), parts in told.items():
        what = "; ".join(str(part["what"]) for part in parts)
        seconds = sum(float(str(part["seconds"])) for part in parts)
        rows.append(f"| {row} | {'' if passed else '**failed**: '}{what} | {seconds:.0f} s | {day} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
