"""Places where a test may kill the process: HELPBOT_FAILPOINT=name:n dies at the nth passing of that place.

Without the variable a failpoint is one look at an empty table.
"""

from __future__ import annotations

import os
import signal
from threading import Lock
from typing import Final

__all__ = ["NAMES", "arm", "reach"]

NAMES: Final = frozenset(
    {
        "before-commit",
        "after-commit",  # committed, the caller not yet answered
        "after-send",  # the receiver has it, the delivery is not marked
        "in-checkpoint",
        "in-migration",
        "in-swap",  # of the knowledge index
        "in-form",
        "in-erasure",
    }
)

_lock = Lock()
_armed: dict[str, int] = {}


def arm(setting: str) -> None:
    """Arm what the variable says; a name that does not exist is ignored, since no operator sets it."""
    name, _, count = setting.partition(":")
    if name in NAMES and count.isdecimal():
        _armed[name] = int(count)


def reach(name: str) -> None:
    """Pass a failpoint: the process dies here, with no chance to tidy up, when its count is used up."""
    if not _armed or name not in _armed:
        return
    with _lock:
        _armed[name] -= 1
        if _armed[name] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


if os.environ.get("HELPBOT_FAILPOINT"):
    arm(os.environ["HELPBOT_FAILPOINT"])
