"""Condense what ts-json-schema-generator made of Slack's typings into the three files beside this one.

Usage: python condense.py FOLDER, after the commands in README.md were run in FOLDER. Only needed for newer typings.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def strip(node: Any) -> Any:
    """The schema without prose, and without the catch-all `Block` that would let any made-up block pass."""
    if isinstance(node, dict):
        clean = {
            key: strip(value)
            for key, value in node.items()
            if not (key in {"description", "$comment", "deprecated"} and isinstance(value, str | bool))
        }
        if "anyOf" in clean:
            clean["anyOf"] = [part for part in clean["anyOf"] if part != {"$ref": "#/definitions/Block"}]
        return clean
    if isinstance(node, list):
        return [strip(part) for part in node]
    return node


def variants(schema: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """The shapes that a method's arguments may have: names allowed, names required."""
    if "$ref" in schema:
        return variants(
            definitions[schema["$ref"].rsplit("/", 1)[1].replace("%3C", "<").replace("%3E", ">")], definitions
        )
    if "anyOf" in schema:
        return [shape for part in schema["anyOf"] for shape in variants(part, definitions)]
    if "properties" in schema:
        return [{"allowed": sorted(schema["properties"]), "required": sorted(schema.get("required", []))}]
    return [{"allowed": [], "required": []}]


def main(folder: Path) -> None:
    """Write blocks.json, methods.json and manifest.json."""
    kit = strip(json.loads((folder / "kit.json").read_text()))
    (HERE / "blocks.json").write_text(json.dumps(kit, sort_keys=True, separators=(",", ":")) + "\n")
    manifest = strip(json.loads((folder / "manifest.json").read_text()))
    (HERE / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n")
    names = json.loads((HERE / "methods-wanted.json").read_text())
    found = {}
    for method, type_name in sorted(names.items()):
        schema = json.loads((folder / "m" / f"{type_name}.json").read_text())
        shapes: list[dict[str, Any]] = []
        for shape in variants(schema, schema.get("definitions", {})):
            if shape not in shapes:
                shapes.append(shape)
        found[method] = shapes
    (HERE / "methods.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
