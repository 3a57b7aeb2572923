"""What was learnt once is not learnt again: vectors, phrases and the first start with the encoder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpbot.dialogue.world import World
from helpbot.errors import KnowledgeError
from helpbot.hearing import open_hearing, open_marking, read_details, read_phrases, require_words
from helpbot.understanding.encoder import Reading
from helpbot.vectors import Remembered, encoder_id

ROOT = Path(__file__).parents[1]


class Counting:
    """Stands for an encoder: a vector from the letters of a text, and a count of what it was given."""

    width = 8

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str], *, workers: int = 1) -> NDArray[np.float32]:
        del workers
        self.texts += texts
        rows = [np.bincount([ord(letter) % 8 for letter in text or "x"], minlength=8) for text in texts]
        return np.asarray([row / np.linalg.norm(row) for row in rows], np.float32)


def test_only_new_texts_are_encoded(tmp_path: Path) -> None:
    first = Counting()
    memory = Remembered(first, tmp_path / "v.npz")  # type: ignore[arg-type]  # stands for the encoder
    vectors = memory.encode(["a", "b", "a"])
    memory.save()
    assert first.texts == ["a", "b"]
    second = Counting()
    again = Remembered(second, tmp_path / "v.npz")  # type: ignore[arg-type]
    assert np.array_equal(again.encode(["b", "c"])[0], vectors[1])
    assert second.texts == ["c"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04junk", b"\x93NUMPY"])
def test_a_file_that_is_not_ours_is_written_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.npz").write_bytes(content)
    memory = Remembered(Counting(), tmp_path / "v.npz")  # type: ignore[arg-type]
    assert memory.encode(["a"]).shape == (1, 8)
    memory.save()
    assert Remembered(Counting(), tmp_path / "v.npz")._read()  # type: ignore[arg-type]


def test_an_encoder_is_told_by_what_it_says() -> None:
    assert encoder_id(None) == "words"
    assert encoder_id(Counting()) == encoder_id(Counting())  # type: ignore[arg-type]


def test_phrases_are_heard_the_same_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped_world: World
) -> None:
    monkeypatch.setenv("HELPBOT_CACHE", str(tmp_path))
    phrases, _ = read_phrases(ROOT / "bot")  # some of each act: enough to tell them apart
    few = {act: lines[:60] for act, lines in phrases.items()}
    (tmp_path / "phrases.yaml").write_text(json.dumps(few, ensure_ascii=False), "utf-8")  # which is YAML
    fresh = open_hearing(tmp_path, shipped_world.knowledge, None)("please hand me to a colleague of yours")
    stored = open_hearing(tmp_path, shipped_world.knowledge, None)("please hand me to a colleague of yours")
    assert fresh is not None
    assert stored is not None
    assert fresh.leading(["person", "none", "why"])[0] == "person"
    assert stored.scores == pytest.approx(fresh.scores, abs=1e-5)


def test_a_bot_without_phrases_hears_nothing(tmp_path: Path, shipped_world: World) -> None:
    assert open_hearing(tmp_path, shipped_world.knowledge, None)("yes") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("solved: [yes]\nsolvd: [x]\n", "no act `solvd`"),
        ("solved: yes\n", "not a list"),
        ('solved: [yes, "\\ud83d\\udc4d"]\n', "half a character in '\\ud83d\\udc4d'"),
        ("- a\n", "not a mapping"),
        ("a: b: c", "YAML"),
    ],
)
def test_a_fault_in_the_phrases_names_its_line(tmp_path: Path, text: str, problem: str, shipped_world: World) -> None:
    (tmp_path / "phrases.yaml").write_text(text)
    _, faults = read_phrases(tmp_path)
    assert [problem in fault.problem for fault in faults] == [True]
    assert all(fault.line for fault in faults)
    with pytest.raises(KnowledgeError):
        open_hearing(tmp_path, shipped_world.knowledge, None, cache=False)("yes")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("product: X", "not JSON"),
        ('{"asked": "sku", "text": "X"}', "`asked` is none of"),
        ('{"asked": "product", "text": "the X1", "product": "X2"}', "not a piece of the text"),
        ('{"asked": "product", "text": "the X1", "act": "values"}', "`act` is none of"),
        ('{"asked": "product", "text": "the X1", "product": "X1", "act": "cancel"}', "has no `act`"),
        ('{"asked": "product", "text": "the X1 \\ud83d", "product": "X1"}', "half a character"),
    ],
)
def test_a_fault_in_the_marked_messages_names_its_line(tmp_path: Path, line: str, problem: str) -> None:
    right = '{"asked": "product", "text": "the X1, please", "product": "X1"}'
    (tmp_path / "details.jsonl").write_text(f"{right}\n\n{line}\n")
    examples, faults = read_details(tmp_path)
    assert [each.product for each in examples] == ["X1"]
    assert [(fault.line, problem in fault.problem) for fault in faults] == [(3, True)]
    with pytest.raises(KnowledgeError):
        require_words(tmp_path)
    with pytest.raises(KnowledgeError):
        open_marking(tmp_path, cache=False)("the X1", "product")


def test_a_bot_without_marked_messages_marks_nothing(tmp_path: Path) -> None:
    assert open_marking(tmp_path)("it is the Zebra ZD421", "product") is None
    require_words(tmp_path)


class _Sorts:
    """Reads words as names or not: an encoder that knows of nothing else."""

    def read(self, texts: list[str]) -> list[Reading]:
        found = []
        for text in texts:
            words = [(word.start(), word.end()) for word in re.finditer(r"\w+", text)]
            tokens = np.eye(3, dtype=np.float32)[[int(text[start].isupper()) for start, _ in words]]
            found.append(Reading(np.array(words, np.intp).reshape(-1, 2), tokens, tokens.sum(0)))
        return found


def test_both_ways_of_marking_are_learnt_and_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPBOT_CACHE", str(tmp_path / "cache"))
    names = ("Zebra", "Lancom", "Meraki", "Jabra", "Snom")
    lines = [f'{{"asked": "product", "text": "we have {name} here", "product": "{name}"}}\n' for name in names]
    (tmp_path / "details.jsonl").write_text("".join(lines))
    sorts: Any = _Sorts()
    fresh = [open_marking(tmp_path, encoder)("we have Ergotron here", "product") for encoder in (None, sorts)]
    kept = sorted(path.name.split("-")[2] for path in (tmp_path / "cache").glob("marks-*"))
    assert kept == ["meaning", "words"]
    monkeypatch.setattr("helpbot.hearing.learn_marks", None)  # neither is learnt again
    stored = [open_marking(tmp_path, encoder)("we have Ergotron here", "product") for encoder in (None, sorts)]
    for one, two in zip(fresh, stored, strict=True):
        assert one is not None
        assert two is not None
        assert one.product is not None
        assert one.no_product == pytest.approx(two.no_product, abs=1e-4)
    assert stored[0] != stored[1]
