"""YAML traps (RELIABILITY 61-65): each is refused at its line, or read as the text it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.errors import Fault
from helpbot.knowledge.document import Document, read_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"

REFUSED = [
    ("a tag that runs code", "a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "tag"),
    ("a tag of one's own", "b: !secret x\n", 1, "tag"),
    ("an alias bomb", BOMB, 1, "anchor"),
    ("one alias", "a: &x 1\nb: *x\n", 1, "anchor"),
    ("five thousand brackets", "a: " + "[" * 5_000, 1, "deep"),
    ("five thousand mappings", "a:\n" + "{b: " * 5_000, 2, "deep"),
    ("a key given twice", "a: 1\nb: 2\na: 3\n", 3, "twice"),
    ("a key given twice, deeper", "a:\n  b: 1\n  b: 2\n", 3, "twice"),
    ("a tab for indentation", "a:\n\tb: 1\n", 2, "not YAML"),
    ("a NUL", "a: x\nb: y\x00z\n", 2, "not YAML"),
    ("a colon in a value", "a: b: c\n", 1, "not YAML"),
    ("an open quote", 'a: "b\n', 2, "not YAML"),
    ("nothing", "", 0, "empty"),
    ("a list as a key", "[a, b]: c\n", 1, "key"),
    ("two documents", "a: 1\n---\nb: 2\n", 2, "not YAML"),
]


@pytest.mark.parametrize(("name", "text", "line", "word"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_trap_is_refused_at_its_line(name: str, text: str, line: int, word: str) -> None:
    found = read_yaml(text, "knowledge/x.yaml")
    assert isinstance(found, Fault), name
    assert found.path == "knowledge/x.yaml"
    assert found.line == line
    assert word in found.problem
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "012", "0x1F", "1e999", "2024-13-45", "1_000", "true", ".inf", "12:30:45"]
)
def test_a_value_stays_the_text_it_was_written_as(word: str) -> None:
    found = read_yaml(f"a: {word}\n", "x.yaml")
    assert isinstance(found, Document)
    assert found.tree == {"a": word}


def test_every_place_knows_its_line() -> None:
    found = read_yaml("a: 1\nb:\n  - x\n  - c: 2\n    d: |\n      e\n", "x.yaml")
    assert isinstance(found, Document)
    assert (found.line("a"), found.line("b", 1, "c"), found.line("b", 1, "d"), found.line("b", 9)) == (1, 4, 5, 2)


@given(st.text(max_size=300))
def test_whatever_is_written_gives_a_document_or_one_fault(text: str) -> None:
    found = read_yaml(text, "x.yaml")
    assert isinstance(found, Document | Fault)
