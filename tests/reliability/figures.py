"""What the proofs measured: printed, and kept where `bench/reliability.py` asks for it.

Nothing that is tested depends on how fast a machine is: times are held against their limits only in a run that records
them (HELPBOT_TEST_FIGURES names the file), which is made on a machine that does nothing else.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["figure", "pytest_runtest_makereport", "within"]

_told: list[str] = []


def figure(text: str) -> None:
    """Tell what was measured: the row's number, a colon, the figures."""
    print(text)
    _told.append(text)


def within(seconds: float, limit: float) -> None:
    """Hold a time against its limit, in a run that measures."""
    if os.environ.get("HELPBOT_TEST_FIGURES"):
        assert seconds <= limit, f"{seconds:.2f} s, and at most {limit:.2f} s were promised"


def pytest_runtest_makereport(item: Any, call: Any) -> None:
    """Keep the figures of a test with its name, how long it took and whether it passed."""
    if call.when != "call":
        return
    told = list(_told)
    _told.clear()
    file = os.environ.get("HELPBOT_TEST_FIGURES")
    if not file:
        return
    with Path(file).open("a", encoding="utf-8") as lines:
        for text in told:
            row, _, what = text.partition(":")
            kept = {
                "row": row,
                "what": what.strip(),
                "test": item.nodeid,
                "seconds": round(call.duration, 1),
                "full": item.get_closest_marker("full") is not None,
                "passed": call.excinfo is None,
                "day": f"{datetime.now(UTC):%Y-%m-%d}",
            }
            lines.write(json.dumps(kept, ensure_ascii=False) + "\n")
