"""Token buckets: a burst at once, then so many a second. Held in memory, one set a node."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Buckets", "Rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, refilled by `a_second`."""

    a_second: float
    burst: float


class Buckets:
    """One bucket a name. Names that were not seen for longest are forgotten beyond `most`: they would be full again."""

    def __init__(self, rate: Rate, *, most: int = 50_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = rate, most, clock
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, cost: float = 1.0) -> float:
        """Take from a bucket: 0 if it was granted, else the seconds until it will be."""
        with self._lock:
            now = self._clock()
            left, then = self._held.pop(name, (self._rate.burst, now))
            left = min(self._rate.burst, left + (now - then) * self._rate.a_second)
            wait = 0.0 if left >= cost else (cost - left) / self._rate.a_second
            self._held[name] = (left if wait else left - cost, now)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
            return wait
