"""The inner loop in machine code, for large collections: the optional extra `helpbot[fast]`.

numba takes a quarter of a second to import and a second to compile, so neither happens before a large index
has answered a number of questions, and then beside them: until the kernel is ready, NumPy answers. Both add
the same parts in the same order and give the same numbers to the last bit.
"""

from __future__ import annotations

from importlib.util import find_spec
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FEWEST_PASSAGES", "kernel", "ready"]

FEWEST_PASSAGES: Final = 20_000  # below, calling numba costs what it saves
_FEWEST_CALLS: Final = 50  # a command that asks once and ends does not pay for the compiler

_lock = Lock()
_calls = 0
_kernel: Callable[..., int] | None = None


def kernel() -> Callable[..., int] | None:
    """The compiled kernel; None while it is not there, or for good where numba is not installed."""
    global _calls  # noqa: PLW0603  # one compiler for the process, as there is one numba
    if _kernel is None and _calls <= _FEWEST_CALLS:
        with _lock:
            _calls += 1
            start = _calls == _FEWEST_CALLS
        if start and find_spec("numba") is not None:
            Thread(target=ready, name="compile", daemon=True).start()
    return _kernel


def ready() -> bool:
    """Compile now and wait for it; False where numba is not installed or does not work here."""
    global _kernel  # noqa: PLW0603  # see above
    if _kernel is None:
        try:
            compiled = _compiled()
        except Exception:  # whatever ails an optional compiler, NumPy goes on answering
            return False
        _kernel = compiled
    return True


def _compiled() -> Callable[..., int]:
    from numba import njit

    top = njit(nogil=True)(_top)
    for code in (np.uint16, np.uint32):  # both shapes that come, so that no question waits
        places, codes = np.zeros(1, np.uint16), np.zeros(1, code)
        bounds = np.zeros(1, np.int64)
        out, table = np.empty(1), np.zeros(1)
        top(bounds, bounds + 1, table, places, codes, table, 1, places[:0], 1, bounds.copy(), out)
    return cast("Callable[..., int]", top)


_WINDOW: Final = 4_096  # passages scored at a time: 32 KB, the nearest cache
_STRIP: Final = 64  # passages compared with the bound at once


def _top(  # noqa: C901  # compiled as one piece; calls would cost what it saves
    begins: Any,
    ends: Any,
    weights: Any,
    docs: Any,
    codes: Any,
    table: Any,
    size: int,
    dead: Any,
    k: int,
    best_docs: Any,
    best_scores: Any,
) -> int:
    """The k best passages of a segment into `best_docs` and `best_scores`, best first; returns how many.

    `begins`, `ends` (int64) and `weights` (float64) are the columns of the words asked for. `dead` ascends.
    """
    # Places are unsigned: for a signed one numba asks at every access whether it counts from the end.
    at = begins.copy()
    acc = np.zeros(_WINDOW)
    found = 0
    bound = 0.0
    gone = 0
    for low in range(0, size, _WINDOW):
        high = min(low + _WINDOW, size)
        first = np.uintp(low)
        for column in range(len(at)):
            start, end, weight = np.uintp(at[column]), np.uintp(ends[column]), weights[column]
            stop = end
            if high < size:  # where the window's postings end: in strides, then one by one
                stride, stop = np.uintp(_STRIP), start
                while stop + stride < end and docs[stop + stride] < high:
                    stop += stride
                last = min(stop + stride, end)
                while stop < last and docs[stop] < high:
                    stop += np.uintp(1)
            for p in range(start, stop):
                acc[np.uintp(docs[p]) - first] += table[codes[p]] * weight
            at[column] = stop
        while gone < len(dead) and dead[gone] < high:
            acc[np.uintp(dead[gone]) - first] = 0.0
            gone += 1
        for strip in range(0, _WINDOW, _STRIP):
            above = 0
            for i in range(strip, strip + _STRIP):
                above += acc[np.uintp(i)] > bound
            if above == 0:
                continue
            for i in range(strip, strip + _STRIP):
                score = acc[np.uintp(i)]
                if score <= bound:  # an equal score found earlier stays before it
                    continue
                place = found if found < k else k - 1
                while place > 0 and best_scores[place - 1] < score:
                    best_scores[place] = best_scores[place - 1]
                    best_docs[place] = best_docs[place - 1]
                    place -= 1
                best_scores[place] = score
                best_docs[place] = low + i
                if found < k:
                    found += 1
                if found == k:
                    bound = best_scores[k - 1]
        acc[:] = 0.0
    return found
