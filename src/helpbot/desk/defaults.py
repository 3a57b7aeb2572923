"""The clock and the ids that the desk uses where nobody brings others."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Final

__all__ = ["new_id", "utc_now"]


_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # 32 of them, so that the low bits of a byte choose evenly


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """An id nobody can guess: 26 letters and digits, 130 bits."""
    # One call for them all: each one lets other threads in, and then waits for its turn again.
    return "".join(_LETTERS[byte & 31] for byte in secrets.token_bytes(26))
