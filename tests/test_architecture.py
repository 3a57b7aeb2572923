"""Imports run downward only, and the core does no input or output: shown to hold, and shown to be noticed."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "helpbot"
PURE = ("knowledge", "retrieval", "understanding", "dialogue", "escalation")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "static", "templates")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--config", str(root / ".importlinter"), "--no-cache"],
        capture_output=True, text=True, cwd=root / "src", check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root / "src")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        SOURCE, root / "src" / "helpbot", ignore=shutil.ignore_patterns("__pycache__", "static", "templates")
    )
    shutil.copy(ROOT / ".importlinter", root)
    return root


def test_the_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout[-3000:]


PLANTED = [
    ("understanding/facets.py", "from helpbot.dialogue import machine", "Imports run downward only"),
    ("desk/ports.py", "from helpbot.store import sql", "Imports run downward only"),
    ("channels/terminal.py", "from helpbot.channels.web import app", "Channels never import each other"),
    ("dialogue/policy.py", "import time", "The core has no clock, disk, network, log or chance"),
    ("knowledge/chunk.py", "import pathlib", "The core has no clock, disk, network, log or chance"),
    ("retrieval/tokens.py", "import random", "The core has no clock, disk, network, log or chance"),
    ("escalation/brief.py", "import logging", "The core has no clock, disk, network, log or chance"),
    ("understanding/weigh.py", "import httpx", "The core has no clock, disk, network, log or chance"),
    ("desk/records.py", "import sqlalchemy", "The desk knows no database, web server or Slack"),
    ("knowledge/article.py", "from helpbot.knowledge import parse", "No package imports in circles"),
    ("newcomer.py", "VALUE = 1", "Imports run downward only"),
]


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED, ids=[f"{file}: {line}" for file, line, _ in PLANTED])
def test_a_planted_violation_is_found(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / "src" / "helpbot" / file
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text((before or "") + f"\n{line}\n", encoding="utf-8")
    try:
        done = lint(copy)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, encoding="utf-8")
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout or contract in done.stdout.partition("Broken contracts")[2]


FORBIDDEN = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}


def impurities(text: str) -> list[str]:
    """Calls of clocks, files and the terminal."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input", "eval", "exec", "__import__"}:
            found.append(f"line {node.lineno}: {node.func.id}()")
        if (
            isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and (node.func.value.id, node.func.attr) in FORBIDDEN
        ):
            found.append(f"line {node.lineno}: {node.func.value.id}.{node.func.attr}()")
    return found


@pytest.mark.parametrize("path", [path for layer in PURE for path in (SOURCE / layer).rglob("*.py")], ids=str)
def test_the_core_reads_no_clock_and_no_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8").partition('\nif __name__ == "__main__":')[0]
    assert impurities(text) == []


def test_an_impurity_would_be_noticed() -> None:
    assert impurities("x = datetime.now()\ny = open('z')\nprint(1)") == [
        "line 1: datetime.now()",
        "line 2: open()",
        "line 3: print()",
    ]


def test_no_statement_is_put_together_from_text() -> None:
    """SQL with values in its text: f-strings, `%` and `+` around SELECT, INSERT, UPDATE or DELETE.

    Constants are let through, and a line that says why its value is none of a caller's (`noqa: S608 - …`).
    """
    word = re.compile(r"(?i)^\s*(?:select|insert into|update|delete from)\s")
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if not hasattr(node, "lineno") or "noqa: S608 - " in lines[node.lineno - 1]:
                continue
            if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
                holes = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
                if all(isinstance(hole, ast.Name) and hole.id.isupper() for hole in holes):
                    continue  # constants of our own
                assert not word.match(str(node.values[0].value)), f"{path}:{node.lineno}"
            if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
                assert not word.match(node.left.value), f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    "name",
    sorted(set(re.findall(r"`((?:src|bot|knowledge|tests|deploy|docs|scripts|bench|widget)/[\w./-]*)`", ARCHITECTURE))),
)
def test_architecture_names_only_files_that_exist(name: str) -> None:
    assert (ROOT / name).exists()


def test_architecture_names_every_module() -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCE.rglob("*.py")
        if path.name not in {"__init__.py", "env.py"} and "versions" not in path.parts
    }
    named = set(re.findall(r"`(src/helpbot/[\w/]+\.py)`", ARCHITECTURE))
    assert modules - named == set(), "run scripts/generate.py"


def test_the_drawn_state_machine_is_the_one_that_runs() -> None:
    from helpbot.dialogue.draw import drawn

    assert drawn().strip() in ARCHITECTURE, "run scripts/generate.py"
