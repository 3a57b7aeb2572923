"""What Slack refuses, written down a second time, apart from the code under test: shapes from Slack's own typings,
bounds from its reference. `problems` gives every reason."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

SCHEMAS = Path(__file__).parent / "schemas"
TOTAL = 13_200  # undocumented; from reports of msg_blocks_too_long

LENGTHS = {  # (type of the object, field): longest
    ("button", "text"): 75, ("button", "value"): 2000, ("button", "url"): 3000, ("button", "accessibility_label"): 75,
    ("header", "text"): 150, ("section", "text"): 3000, ("markdown", "text"): 12000, ("plain_text_input", "initial_value"): 3000,
    ("modal", "title"): 24, ("modal", "submit"): 24, ("modal", "close"): 24, ("modal", "private_metadata"): 3000,
    ("modal", "callback_id"): 255, ("home", "private_metadata"): 3000, ("input", "label"): 2000, ("input", "hint"): 2000,
}  # fmt: skip
COUNTS = {
    ("section", "fields"): 10, ("actions", "elements"): 25, ("context", "elements"): 10, ("context_actions", "elements"): 5,
    ("static_select", "options"): 100, ("radio_buttons", "options"): 10, ("checkboxes", "options"): 10,
}  # fmt: skip


@cache
def _validator(name: str) -> Any:
    whole = json.loads((SCHEMAS / "blocks.json").read_text())
    definitions = whole["definitions"]
    properties = whole.get("properties") or definitions[whole["$ref"].rsplit("/", 1)[1]]["properties"]
    return jsonschema_rs.validator_for({"definitions": definitions, **properties[name]})


@cache
def methods() -> dict[str, list[dict[str, list[str]]]]:
    return json.loads((SCHEMAS / "methods.json").read_text())


def argument_problems(method: str, arguments: dict[str, Any]) -> list[str]:
    shapes = methods().get(method)
    if shapes is None:
        return [f"{method} is not a method that the manifest's scopes were checked for"]
    names = set(arguments) - {"token", "team_id"}
    if any(names <= set(shape["allowed"]) and set(shape["required"]) <= names for shape in shapes):
        return []
    allowed = set().union(*(shape["allowed"] for shape in shapes))
    unknown = sorted(names - allowed)
    return [f"{method}: unknown {unknown}" if unknown else f"{method}: {sorted(names)} is not enough or too much"]


def block_problems(blocks: list[dict[str, Any]], *, most: int = 50, total: bool = True) -> list[str]:
    found = []
    for n, block in enumerate(blocks):
        error = next(iter(_validator("blocks").iter_errors([block])), None)
        if error is not None:
            found.append(f"block {n} ({block.get('type')}): {_deepest(error)}")
    if len(blocks) > most:
        found.append(f"{len(blocks)} blocks")
    if total and _characters(blocks) > TOTAL:
        found.append("msg_blocks_too_long")
    return found + list(_bounds(blocks)) + list(_twice(blocks))


def view_problems(view: dict[str, Any]) -> list[str]:
    kind = view.get("type")
    if kind not in {"modal", "home"}:
        return [f"a view of type {kind}"]
    shape = {**view, "blocks": []}
    found = [f"{kind}: {_deepest(error)}" for error in list(_validator(kind).iter_errors(shape))[:1]]
    blocks = view.get("blocks") or []
    if any(block.get("type") == "input" for block in blocks) and kind == "modal" and not view.get("submit"):
        found.append("a modal with inputs needs submit")
    return (
        found
        + block_problems(blocks, most=100, total=False)
        + list(_bounds({k: v for k, v in view.items() if k != "blocks"}))
    )


def _deepest(error: Any) -> str:
    return f"{error.message[:300]} at {list(error.instance_path)}"


def _characters(node: Any) -> int:
    if isinstance(node, dict):
        return sum(len(v) if k == "text" and isinstance(v, str) else _characters(v) for k, v in node.items())
    return sum(map(_characters, node)) if isinstance(node, list) else 0


def _length(value: Any) -> int:
    return len(value.get("text", "")) if isinstance(value, dict) else len(value)


def _bounds(node: Any) -> Any:  # noqa: C901 - one bound after the other
    if isinstance(node, list):
        for part in node:
            yield from _bounds(part)
        return
    if not isinstance(node, dict):
        return
    kind = node.get("type", "")
    for (owner, name), most in LENGTHS.items():
        if owner == kind and name in node and _length(node[name]) > most:
            yield f"{kind}.{name} is {_length(node[name])} long"
    for (owner, name), most in COUNTS.items():
        if owner == kind and name in node and not 1 <= len(node[name]) <= most:
            yield f"{kind}.{name} has {len(node[name])}"
    for field in node.get("fields", []) if kind == "section" else []:
        if not 1 <= _length(field) <= 2000:
            yield f"a field is {_length(field)} long"
    if kind == "file_input" and not 1 <= node.get("max_files", 10) <= 10:
        yield f"file_input.max_files is {node['max_files']}"
    if kind == "file_input" and not all(ending.isalnum() for ending in node.get("filetypes", [])):
        yield f"file_input.filetypes are no endings: {node['filetypes']}"
    if kind == "file_input" and node.get("filetypes") == []:
        yield "file_input.filetypes is empty"
    if kind in {"plain_text", "mrkdwn", "text"} and not node.get("text"):
        yield f"an empty {kind}"
    if kind == "section" and not ("text" in node or node.get("fields")):
        yield "a section with neither text nor fields"
    for name in ("action_id", "block_id"):
        if len(str(node.get(name, ""))) > 255:
            yield f"{name} is too long"
    if "value" in node and "text" in node and isinstance(node["text"], dict) and not kind:
        most = 2000 if "accessibility_label" in node else 150
        if len(node["value"]) > most or _length(node["text"]) > 75:
            yield f"an option's text or value is too long: {_length(node['text'])}, {len(node['value'])}"
    for value in node.values():
        yield from _bounds(value)


def _twice(node: Any, seen: dict[str, int] | None = None) -> Any:
    ids: dict[str, int] = {}

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            for name in ("action_id", "block_id"):
                if name in part:
                    ids[f"{name}={part[name]}"] = ids.get(f"{name}={part[name]}", 0) + 1
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(node)
    return [f"{name} stands {count} times" for name, count in ids.items() if count > 1]
