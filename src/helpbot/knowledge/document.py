"""YAML as authors may write it: version 1.2, every value kept as the text it was written as, every line known.

What a schema wants as a number or a date it converts itself, so `012`, `on` and `2024-13-45` stay what they say.
Aliases, explicit tags and keys given twice are refused: the first can blow a small file up without end
(RELIABILITY 61-65), the second can name code, and of the third one would be lost without a word.
"""

from __future__ import annotations

from typing import Any, Final

from helpbot.errors import Fault
from helpbot.later import dataclass

__all__ = ["Document", "Tree", "read_yaml"]

Tree = str | None | list["Tree"] | dict[str, "Tree"]

_LONGEST: Final = 2_000_000  # characters; a thousand times what an author writes into one file
_DEEPEST: Final = 20  # levels of nesting
_NULLS: Final = frozenset({"", "~", "null"})


@dataclass(frozen=True, slots=True)
class Document:
    """A tree of text, lists and mappings, and the line of every place in it (counted from 1)."""

    tree: Tree
    lines: dict[tuple[str | int, ...], int]

    def line(self, *place: str | int) -> int:
        """The line of a place, or of the nearest one above it that is there."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


class _Refused(Exception):
    def __init__(self, line: int, problem: str, remedy: str) -> None:
        self.line, self.problem, self.remedy = line, problem, remedy


def read_yaml(text: str, path: str) -> Document | Fault:
    """The document, or the one fault that makes it unreadable."""
    from ruamel.yaml import YAML  # a fifth of a second to import, and wanted only when files changed
    from ruamel.yaml.error import YAMLError

    if len(text) > _LONGEST:
        return Fault(path, 0, f"the file has {len(text):,} characters", f"Split it: at most {_LONGEST:,} are read")
    deep = _too_deep(text)
    if deep:
        return Fault(path, deep, "brackets are nested too deep", f"Nest at most {_DEEPEST} levels")
    try:
        node = YAML(typ="rt", pure=True).compose(text)
        if node is None:
            return Fault(path, 0, "the file is empty", "Write the fields that docs/authors.md lists, or delete it")
        lines: dict[tuple[str | int, ...], int] = {}
        return Document(_value(node, (), lines), lines)
    except _Refused as refused:
        return Fault(path, refused.line, refused.problem, refused.remedy)
    except YAMLError as broken:
        mark = getattr(broken, "problem_mark", None)
        line = mark.line + 1 if mark is not None else _line_of_odd_character(text)
        what = str(getattr(broken, "problem", "") or "it holds a character that YAML does not allow").strip()
        return Fault(path, line, f"this is not YAML: {what}", "Quote the value, or mend the indentation")


def _too_deep(text: str) -> int:
    """The line where flow brackets nest deeper than the composer, which recurses, may follow; 0 if nowhere."""
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        for character in line:
            if character in "[{":
                depth += 1
                if depth > _DEEPEST * 3:
                    return number
            elif character in "]}":
                depth = max(0, depth - 1)
    return 0


def _line_of_odd_character(text: str) -> int:
    for number, line in enumerate(text.split("\n"), 1):
        if any(ord(character) < 32 and character not in "\t\r" for character in line):
            return number
    return 0


def _value(node: Any, place: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> Tree:
    line = node.start_mark.line + 1
    lines[place] = line
    if len(place) > _DEEPEST:
        raise _Refused(line, "values are nested too deep", f"Nest at most {_DEEPEST} levels")
    if node.anchor:
        raise _Refused(line, f"the anchor &{node.anchor} is not allowed here", "Write the value out where it is used")
    kind = type(node).__name__
    if node.tag and not node.tag.startswith("tag:yaml.org,2002:"):
        raise _Refused(line, f"the tag {node.tag} is not allowed here", "Remove it: values are plain text")
    if "python" in node.tag:
        raise _Refused(line, "a tag that names code is not allowed here", "Remove it: values are plain text")
    if kind == "ScalarNode":
        return None if node.style is None and node.value in _NULLS else str(node.value)
    if kind == "SequenceNode":
        return [_value(item, (*place, index), lines) for index, item in enumerate(node.value)]
    mapping: dict[str, Tree] = {}
    for key_node, value_node in node.value:
        key_line = key_node.start_mark.line + 1
        if type(key_node).__name__ != "ScalarNode":
            raise _Refused(key_line, "a key must be a word", "Write `word: value`")
        key = str(key_node.value)
        if key in mapping:
            raise _Refused(key_line, f"`{key}` is given twice", "Keep one of the two")
        mapping[key] = _value(value_node, (*place, key), lines)
        lines[(*place, key)] = key_line
    return mapping
