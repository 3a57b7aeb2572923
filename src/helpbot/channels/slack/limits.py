"""What Slack refuses, checked before it is sent: each bound where it stands, and how a message is cut to fit.

slack_sdk checks some of these and lets others pass (a 51st block, a field of 2,001 characters, a doubled action_id);
Slack then refuses the whole message. So `calls` sends nothing that has a fault here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = [
    "BLOCKS",
    "INPUT",
    "TEXT",
    "TOTAL",
    "characters",
    "clip",
    "faults",
    "messages",
    "pieces",
    "view_faults",
]

Block = dict[str, Any]

BLOCKS: Final = 50  # of a message; 100 of a modal or Home
VIEW_BLOCKS: Final = 100
TEXT: Final = 40_000  # of `text`; Slack cuts it silently, we never let it
TOTAL: Final = 12_000  # of all blocks together: Slack refuses near 13,200 without having said so anywhere
INPUT: Final = 3_000  # of an input's initial value
SECTION: Final = 3_000
FIELD: Final = 2_000
FIELDS: Final = 10
HEADER: Final = 150
BUTTON: Final = 75
VALUE: Final = 2_000
URL: Final = 3_000
ID: Final = 255
ACTIONS: Final = 25
CONTEXT: Final = 10
CONTEXT_ACTIONS: Final = 5
OPTIONS: Final = 100
OPTION: Final = 75
TITLE: Final = 24
METADATA: Final = 3_000
MB: Final = 1_048_576
FILES: Final = 10  # of one file_input
FILE: Final = 10 * MB  # bytes of each

# path within a block, and the longest text there
_TEXTS: Final = {
    ("section", "text"): SECTION,
    ("header", "text"): HEADER,
    ("markdown", "text"): TOTAL,
    ("button", "text"): BUTTON,
    ("option", "text"): OPTION,
    ("option", "description"): OPTION,
    ("input", "label"): 2_000,
    ("input", "hint"): 2_000,
    ("feedback", "text"): BUTTON,
    ("confirm", "title"): 100,
    ("confirm", "text"): 300,
    ("confirm", "confirm"): 30,
    ("confirm", "deny"): 30,
}
_COUNTS: Final = {
    ("section", "fields"): FIELDS,
    ("actions", "elements"): ACTIONS,
    ("context", "elements"): CONTEXT,
    ("context_actions", "elements"): CONTEXT_ACTIONS,
    ("select", "options"): OPTIONS,
}


def clip(text: str, limit: int) -> str:
    """The text, cut with an ellipsis if it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def pieces(text: str, limit: int) -> list[str]:
    """The whole text in pieces of at most `limit` characters, cut at line ends where there are some."""
    found, start = [], 0
    while len(text) - start > limit:
        end = text.rfind("\n", start, start + limit) + 1
        if end <= start:
            end = start + limit
        found.append(text[start:end])
        start = end
    found.append(text[start:])
    return found


def characters(node: Any) -> int:
    """How many characters of text a block holds, as Slack counts them for its total."""
    if isinstance(node, dict):
        return sum(
            len(value) if key in {"text", "alt_text"} and isinstance(value, str) else characters(value)
            for key, value in node.items()
        )
    if isinstance(node, list | tuple):
        return sum(characters(part) for part in node)
    return 0


def messages(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks as one message, or as several where one would be refused. Each block fits by itself."""
    groups: list[list[Block]] = [[]]
    size = 0
    for block in blocks:
        length = characters(block)
        if groups[-1] and (len(groups[-1]) == BLOCKS or size + length > TOTAL):
            groups.append([])
            size = 0
        groups[-1].append(block)
        size += length
    return groups


def faults(blocks: Sequence[Block], *, view: bool = False) -> list[str]:
    """Why Slack would refuse these blocks; empty if it would not."""
    found = []
    if len(blocks) > (VIEW_BLOCKS if view else BLOCKS):
        found.append(f"{len(blocks)} blocks")
    if not view and characters(list(blocks)) > TOTAL:
        found.append(f"{characters(list(blocks))} characters in all blocks")
    ids: set[str] = set()
    for n, block in enumerate(blocks):
        found.extend(f"block {n}: {problem}" for problem in _walk(block, ids))
    return found


def view_faults(view: Mapping[str, Any]) -> list[str]:
    """Why Slack would refuse a window or a home page; empty if it would not."""
    found = faults(view.get("blocks") or (), view=True)
    for name, limit in (("title", TITLE), ("submit", TITLE), ("close", TITLE), ("callback_id", ID)):
        if name in view and not 1 <= len(_text(view[name])) <= limit:
            found.append(f"{name} has {len(_text(view[name]))} characters")
    if len(str(view.get("private_metadata", ""))) > METADATA:
        found.append(f"private_metadata has {len(str(view['private_metadata']))} characters")
    return found


def _walk(node: Any, ids: set[str]) -> Iterator[str]:
    """Everything wrong with a block and what is in it; `ids` are those seen so far in the message."""
    if isinstance(node, list):
        for part in node:
            yield from _walk(part, ids)
    elif isinstance(node, dict):
        yield from _lengths(node)
        for name in ("action_id", "block_id"):
            if name in node:
                if f"{name}:{node[name]}" in ids:
                    yield f"{name} {node[name]} stands twice"
                ids.add(f"{name}:{node[name]}")
        for value in node.values():
            yield from _walk(value, ids)


def _lengths(node: dict[str, Any]) -> Iterator[str]:
    kind = _kind(node)
    for (owner, name), limit in _TEXTS.items():
        if owner == kind and name in node:
            length = len(_text(node[name]))
            if length > limit or (length == 0 and name == "text"):
                yield f"{kind}.{name} has {length} characters"
    for (owner, name), limit in _COUNTS.items():
        if owner == kind and name in node and not 1 <= len(node[name]) <= limit:
            yield f"{kind}.{name} has {len(node[name])} entries"
    for field in node.get("fields", ()) if kind == "section" else ():
        if not 1 <= len(_text(field)) <= FIELD:
            yield f"a field has {len(_text(field))} characters"
    if kind == "file_input" and not 1 <= node.get("max_files", FILES) <= FILES:
        yield f"file_input.max_files is {node['max_files']}"
    for name, limit in (("value", VALUE), ("url", URL), ("action_id", ID), ("block_id", ID)):
        value = node.get(name)
        if isinstance(value, str) and len(value) > limit:
            yield f"{name} has {len(value)} characters"


def _kind(node: dict[str, Any]) -> str:
    kind = str(node.get("type", ""))
    if not kind and "text" in node and "value" in node:
        return "feedback" if "accessibility_label" in node else "option"
    if not kind and {"title", "confirm", "deny"} <= set(node):
        return "confirm"
    return "select" if kind.endswith("_select") or kind in {"radio_buttons", "checkboxes"} else kind


def _text(value: Any) -> str:
    return str(value.get("text", "")) if isinstance(value, dict) else str(value)
