"""What a person typed, out of the rich text that Slack made of it: pasted errors keep their lines, markup is taken off.

A message comes twice, as `text` and as blocks. In `text` a code block's fences touch its first and last word, and
stars, tildes and underscores may be formatting or may be the error's own; in the blocks nothing is in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["said"]

DEEPEST: Final = 6
A_PASTE: Final = 4  # words in a span of code that make it a pasted message rather than a name


def said(blocks: Any, own: str = "", *, drop_lead: bool = False) -> str | None:
    """The words of a message typed in Slack; None where its blocks are not (only) what somebody typed.

    The bot's own mention (`own`) is dropped; with `drop_lead` the first mention, for an event that does not name us.
    """
    if not isinstance(blocks, list) or not blocks:
        return None
    pieces: list[str] = []
    for block in blocks:
        if not isinstance(block, Mapping) or block.get("type") != "rich_text":
            return None
        elements = _tables(block.get("elements"))
        if drop_lead and not pieces and elements:
            elements = [_without_lead(elements[0]), *elements[1:]]
        pieces += [piece for element in elements for piece in _piece(element, own, 0)]
    text = "\n".join(piece.strip("\n") for piece in pieces if piece.strip())
    return text.strip() or None


def _piece(element: Mapping[str, Any], own: str, depth: int) -> Iterator[str]:
    kind = element.get("type")
    if depth > DEEPEST:
        return
    if kind == "rich_text_preformatted":
        inside = _spans(element, own, paste=False)
        if inside.strip():
            yield f"```\n{inside.strip(chr(10))}\n```"
    elif kind == "rich_text_list":
        ordered, first = element.get("style") == "ordered", element.get("offset")
        start = first + 1 if isinstance(first, int) else 1
        indent = element.get("indent")
        margin = "    " * min(indent, 8) if isinstance(indent, int) else ""
        for n, item in enumerate(_tables(element.get("elements")), start=start):
            lines = "\n".join(_piece(item, own, depth + 1))
            yield f"{margin}{f'{n}.' if ordered else '•'} {lines}"
    else:
        yield _spans(element, own, paste=True)


def _spans(element: Mapping[str, Any], own: str, *, paste: bool) -> str:
    out = ""
    skip = False  # a blank behind a dropped mention
    for part in _tables(element.get("elements")):
        text = _span(part, own)
        if skip:
            text, skip = text.lstrip(" "), False
        if not text and part.get("type") == "user":
            skip = not out or out.endswith((" ", "\n"))
            continue
        style = part.get("style")
        if paste and isinstance(style, Mapping) and style.get("code") and text.strip():
            text = f"\n```\n{text}\n```\n" if len(text.split()) >= A_PASTE else f"`{text}`"
            out = out.rstrip(" ") if text.startswith("\n") else out
        out += text
    return out


def _span(part: Mapping[str, Any], own: str) -> str:
    kind = part.get("type")
    if kind == "text":
        return str(part.get("text") or "")
    if kind == "link":
        url, label = str(part.get("url") or ""), str(part.get("text") or "")
        address = url.removeprefix("mailto:").removeprefix("tel:")
        if not label or label == address:
            return address
        return label if label in url else f"{label} ({address})"
    if kind == "emoji":
        return _letter(part) or f":{part.get('name') or ''}:"
    if kind == "user":
        user = str(part.get("user_id") or "")
        return "" if own and user == own else f"@{user}"
    if kind == "channel":
        return f"#{part.get('channel_id') or ''}"
    if kind == "usergroup":
        return f"@{part.get('usergroup_id') or ''}"
    if kind == "broadcast":
        return f"@{part.get('range') or ''}"
    if kind == "date":
        return str(part.get("fallback") or "")
    if kind == "color":
        return str(part.get("value") or "")
    return ""


def _letter(part: Mapping[str, Any]) -> str:
    """The sign itself, of an emoji that is one: `1f44d` or `1f44d-1f3fb`."""
    try:
        return "".join(chr(int(code, 16)) for code in str(part.get("unicode") or "").split("-") if code)
    except (ValueError, OverflowError):
        return ""


def _without_lead(element: Mapping[str, Any]) -> Mapping[str, Any]:
    parts = _tables(element.get("elements"))
    at = next((n for n, part in enumerate(parts) if str(part.get("text") or "x").strip()), 0)
    if at >= len(parts) or parts[at].get("type") != "user":
        return element
    rest = [dict(part) for part in parts[at + 1 :]]
    if rest and rest[0].get("type") == "text":
        rest[0]["text"] = str(rest[0].get("text") or "").lstrip(" \t,:")
    return {**element, "elements": rest}


def _tables(values: Any) -> Sequence[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
