"""Run the real command: in a process of its own, in an empty folder, with nothing set."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
