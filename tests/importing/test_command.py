"""The commands as they are typed: what they say, where they write, how they end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def run(*words: str | Path) -> tuple[int, str, str]:
    environ = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        [Path(sys.executable).with_name("helpbot"), *map(str, words)],
        capture_output=True, text=True, check=False, env=environ, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_import_then_draft_then_check(tmp_path: Path) -> None:
    code, out, err = run("import", GOLDEN, "--to", tmp_path / "k", "--dry-run")
    assert code == 0, err
    assert "new" in out
    assert not (tmp_path / "k").exists()
    assert run("import", GOLDEN / "spaced.txt", "--to", tmp_path / "k")[1].startswith("1 new, 0 changed")
    assert run("import", GOLDEN / "spaced.txt", "--to", tmp_path / "k")[1].startswith("0 new, 0 changed, 1 as before")
    code, out, err = run("draft", "spaced", "--knowledge", tmp_path / "k")
    assert code == 0, err
    assert "steps:" in out
    code, out, err = run("draft", "spaced", "--knowledge", tmp_path / "k", "--to", tmp_path / "k" / "resolutions")
    assert (code, len(out.split())) == (0, len(list((tmp_path / "k" / "resolutions").iterdir())))
    code, out, err = run("draft", "spaced", "--knowledge", tmp_path / "k", "--to", tmp_path / "k" / "resolutions")
    assert (code, out) == (0, "")
    assert "there already" in err
    assert run("check", "--knowledge", tmp_path / "k")[0] == 0


def test_wrong_calls_end_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    run("import", GOLDEN / "spaced.txt", "--to", tmp_path / "k")
    calls: list[tuple[tuple[str | Path, ...], int]] = [
        (("import", tmp_path / "gone", "--to", tmp_path / "k"), 2),
        (("import", tmp_path / "a.png", "--to", tmp_path / "k"), 1),
        (("draft", "gone", "--knowledge", tmp_path / "k"), 2),
        (("draft", "spaced", "--knowledge", tmp_path / "k", "--to", tmp_path / "a.png"), 2),
    ]
    for words, wanted in calls:
        code, _, err = run(*words)
        assert (code, err.count("\n")) == (wanted, 1), err
