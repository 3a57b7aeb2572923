"""The clock and the ids that the desk uses where nobody brings others."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

__all__ = ["new_id", "utc_now"]


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """An id nobody can guess: 26 letters and digits, 130 bits."""
    return "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(26))
