"""Run the real command in an empty folder with nothing set: in a process of its own, or in this one where that will do."""

from __future__ import annotations

import contextvars
import gc
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from helpbot.cli import main
from helpbot.hearing import read_phrases

ROOT = Path(__file__).parents[2]
HELPBOT = Path(sys.executable).parent / "helpbot"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environ(_own_cache: None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HELPBOT_")}
    return {
        **kept,
        "HELPBOT_CACHE": os.environ["HELPBOT_CACHE"],
        "HELPBOT_KNOWLEDGE": str(ROOT / "knowledge"),
        "HELPBOT_BOT": str(ROOT / "bot"),
        "NO_COLOR": "1",
        "COLUMNS": "140",
    }


@pytest.fixture
def helpbot(tmp_path: Path, environ: dict[str, str]) -> Run:
    """`helpbot("ask", "…", stdin="…", HELPBOT_X="…")`; never a traceback, whatever is called."""

    def run(*arguments: str, stdin: str | bytes | None = "", **settings: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(HELPBOT), *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**environ, **settings},
            timeout=120,
            check=False,
        )
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


@pytest.fixture
def here(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `helpbot`, in this process: for what a command says and does, where how a process starts and ends is not tried."""

    def run(*arguments: str, stdin: str | bytes | None = "", **settings: str) -> subprocess.CompletedProcess[str]:
        given = tempfile.TemporaryFile()  # noqa: SIM115  # closed below; with a descriptor, as a pipe has one
        given.write(stdin.encode() if isinstance(stdin, str) else stdin or b"")
        given.seek(0)
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True) for _ in range(2))
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in {**environ, **settings}.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            patch.setattr(sys, "stdin", io.TextIOWrapper(given, "utf-8"))
            code = contextvars.copy_context().run(main.run, list(arguments))  # its options end with it
        given.close()
        gc.enable()  # `ask` does without
        said, told = (stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err))  # type: ignore[attr-defined]  # a BytesIO
        assert "Traceback" not in told, told
        return subprocess.CompletedProcess(list(arguments), code, said, told)

    return run


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """The shipped bot with a few of its phrases and marked messages: with another knowledge it is learnt from anew."""
    folder = Path(shutil.copytree(ROOT / "bot", tmp_path / "bot"))
    phrases, faults = read_phrases(folder)
    assert not faults
    marked = (folder / "details.jsonl").read_text("utf-8").splitlines(keepends=True)
    (folder / "details.jsonl").write_text("".join(marked[:40]), "utf-8")
    few = {act: lines[:60] for act, lines in phrases.items()}
    (folder / "phrases.yaml").write_text(json.dumps(few, ensure_ascii=False), "utf-8")  # which is YAML
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A knowledge of one article and one resolution."""
    folder = tmp_path / "small"
    (folder / "articles").mkdir(parents=True)
    (folder / "resolutions").mkdir()
    (folder / "articles" / "vpn.md").write_text(
        "---\ntitle: VPN\nupdated: 2026-01-02\n---\n\n## The connection drops {#drops}\n\n"
        "`Error 691` means that the password has expired.\n\n1. Open **Settings > Password**.\n2. Set a new one.\n",
        encoding="utf-8",
    )
    (folder / "resolutions" / "vpn-drops.yaml").write_text(
        "id: vpn-drops\ntitle: The VPN drops because the password has expired\nlabel: VPN drops\n"
        "kind: fix\ntopic: vpn\n"
        "applies_to: {}\nerrors: [Error 691]\nquestions:\n"
        "  - vpn keeps dropping\n  - why does my vpn disconnect\n  - error 691 again\n"
        "  - vpn lost\n  - cannot stay on vpn\n"
        "source: vpn#drops\ncause: The password has expired.\nsteps:\n  - text: Set a new password.\n"
        "    go: Settings > Password\n    source: vpn#drops\ncheck: Connect again.\n",
        encoding="utf-8",
    )
    return folder
