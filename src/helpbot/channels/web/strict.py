"""JSON without its traps: what two readers would read differently is refused, and the field at fault is named."""

from __future__ import annotations

import json
from typing import Any, Final

from helpbot.channels.web.problems import ProblemError

__all__ = ["read_json"]

_DEEPEST: Final = 32
_LONGEST_NUMBER: Final = 18  # digits: fits 64 bits


def read_json(body: bytes) -> Any:
    """The value of a body. ProblemError 400 for what is not JSON or is ambiguous, 422 for text no store can keep."""
    if not body.strip():
        raise ProblemError(400, "The body is empty. Send a JSON object.", kind="bad-json")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"Byte {error.start} is not UTF-8. Send UTF-8.", kind="bad-json") from None
    _check_depth(text)
    try:
        value = _DECODER.decode(text)
    except ProblemError:
        raise
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ProblemError(400, f"The body is not JSON{where}. Send a JSON object.", kind="bad-json") from None
    if "\\u" in text or "\x00" in text:
        _check_text(value, "body")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    inside = escaped = False
    if text.count("[") + text.count("{") <= _DEEPEST:
        return
    for letter in text:
        if inside:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                inside = False
        elif letter == '"':
            inside = True
        elif letter in "[{":
            depth += 1
            if depth > _DEEPEST:
                raise ProblemError(
                    400, f"The body is nested deeper than {_DEEPEST} levels. Flatten it.", kind="bad-json"
                )
        elif letter in "]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _field_fault(name, "it is given twice. Send it once")
        if isinstance(value, _Refused):
            raise _field_fault(name, value.problem)
        found[name] = value
    return found


class _Refused:
    """A number that is no number; kept until the field that holds it is known."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


def _field_fault(name: str, problem: str) -> ProblemError:
    shown = name[:40].encode("ascii", "replace").decode()
    return ProblemError(
        400, f"The field {shown!r} cannot be read: {problem}.", kind="bad-json",
        errors=[{"field": shown, "problem": problem}],
    )  # fmt: skip


def _no_constant(name: str) -> Any:
    return _Refused(f"{name} is not JSON. Send a number")


def _small(digits: str) -> Any:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else _Refused("the integer is too large. Send a smaller one")


def _finite(digits: str) -> Any:
    value = float(digits) if len(digits) <= 40 else float("inf")
    return value if abs(value) != float("inf") else _Refused("the number is too large. Send a smaller one")


def _check_text(value: Any, field: str) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ProblemError(
                422, f"The field {field!r} holds a NUL or half a character. Send well-formed Unicode.",
                kind="invalid", errors=[{"field": field, "problem": "it holds a NUL or half a character"}],
            )  # fmt: skip
    elif isinstance(value, dict):
        for name, each in value.items():
            _check_text(name, "a field's name")
            _check_text(each, name)
    elif isinstance(value, list):
        for each in value:
            _check_text(each, field)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_small, parse_float=_finite
)
