"""Logs as JSON lines: one event a line, controls escaped, never a user's words."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

__all__ = ["JsonLines", "log"]

log: Final = logging.getLogger("helpbot.web")
_LONGEST: Final = 8 * 1024  # bytes of a line
_LONGEST_VALUE: Final = 500


class JsonLines(logging.Formatter):
    """Formats a record, its `fields` and, for an exception, its type and where it was raised (not what it says)."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII JSON: a forged line break or terminal code stays an escape within a string."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage()[:_LONGEST_VALUE],
        }
        for name, value in getattr(record, "fields", {}).items():
            line[name] = value[:_LONGEST_VALUE] if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            # The message of an exception may quote what a user wrote; the places it went through cannot.
            frames = traceback.extract_tb(record.exc_info[2])[-8:]
            line["where"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        text = json.dumps(line, ensure_ascii=True, default=str)
        return (
            text
            if len(text) <= _LONGEST
            else json.dumps({k: line[k] for k in ("at", "level", "logger", "event")}, ensure_ascii=True)
        )
