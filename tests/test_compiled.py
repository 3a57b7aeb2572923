"""The cache of engines is kept small by its bytes: small engines never drive out a large one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpbot import compiled


def test_the_oldest_engines_go_when_all_together_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, (name, size) in enumerate([("new", 60), ("small", 1), ("tiny", 1), ("large", 70), ("old", 5)]):
        file = tmp_path / f"engine-{name}.bin"
        file.write_bytes(b"x" * size)
        os.utime(file, (1_000 - age, 1_000 - age))
    monkeypatch.setattr(compiled, "_KEPT", 132)
    compiled._tidy(tmp_path / "engine-new.bin")
    assert {file.stem for file in tmp_path.iterdir()} == {"engine-new", "engine-small", "engine-tiny", "engine-large"}
    monkeypatch.setattr(compiled, "_KEPT", 10)
    compiled._tidy(tmp_path / "engine-new.bin")
    assert {file.stem for file in tmp_path.iterdir()} == {"engine-new"}
