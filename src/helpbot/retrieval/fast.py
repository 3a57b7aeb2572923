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
        columns, out = np.array([[0.0, 1.0, 1.0]]), np.empty(1)
        top(columns, places, codes, np.zeros(1), 0.0, 1, places[:0], 1, 0, 0, np.empty(1, np.int64), out)
    return cast("Callable[..., int]", top)


_WINDOW: Final = 4_096  # passages scored at a time: 32 KB, the nearest cache
_STRIP: Final = 64  # passages compared with the bound at once
# Of the k-th best score, what the columns left aside may give together: more, and too many passages must be looked up.
_ASIDE: Final = 0.4


def _top(  # noqa: C901  # compiled as one piece; calls would cost what it saves
    columns: Any,
    docs: Any,
    codes: Any,
    table: Any,
    most: float,
    size: int,
    dead: Any,
    k: int,
    base: int,
    found: int,
    best_docs: Any,
    best_scores: Any,
) -> int:
    """The k best passages of a segment into `best_docs` and `best_scores`, best first; returns how many.

    `columns` are begin, end and weight of the words asked for, (n, 3) float64; `most` is the largest number in
    `table`. `dead` ascends. `found` passages of the segments before, which began below `base`, are there already.

    Once k passages are known, the columns of the commonest words, which cannot lift a passage above the k-th best
    by themselves, are left aside: only passages that the other words bring near it are looked up in them. What is
    kept is always added up in the order of the columns, as NumPy does it.
    """
    # Places are unsigned: for a signed one numba asks at every access whether it counts from the end.
    count = len(columns)
    at = np.empty(count, np.uintp)
    ends = np.empty(count, np.uintp)
    weights = np.empty(count)
    order = np.empty(count, np.int64)  # by weight, the least first
    sums = np.zeros(count + 1)  # of what so many of them can give
    prunable = True
    for column in range(count):
        at[column], ends[column] = np.uintp(columns[column, 0]), np.uintp(columns[column, 1])
        weight = columns[column, 2]
        weights[column] = weight
        prunable = prunable and weight >= 0.0
        place = column
        while place > 0 and weights[order[place - 1]] > weight:
            order[place] = order[place - 1]
            place -= 1
        order[place] = column
    for n in range(count):
        sums[n + 1] = sums[n] + weights[order[n]] * most * 1.000001  # no rounding lets one slip through
    aside = 0
    kept = np.ones(count, np.bool_)
    acc = np.zeros(_WINDOW)
    bound = best_scores[k - 1] if found == k else 0.0
    gone = 0
    for low in range(0, size, _WINDOW):
        high = min(low + _WINDOW, size)
        first = np.uintp(low)
        while prunable and found == k and aside < count and sums[aside + 1] <= _ASIDE * bound:
            kept[order[aside]] = False
            aside += 1
        for column in range(count):
            if not kept[column]:
                continue
            start, end, weight = at[column], ends[column], weights[column]
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
        lift = sums[aside]
        least = bound - lift
        for strip in range(0, _WINDOW, _STRIP):
            above = 0
            for i in range(strip, strip + _STRIP):
                above += acc[np.uintp(i)] > least
            if above == 0:
                continue
            for i in range(strip, strip + _STRIP):
                score = acc[np.uintp(i)]
                if score <= least:  # an equal score found earlier stays before it
                    continue
                if aside:
                    doc, left = low + i, lift
                    for n in range(aside - 1, -1, -1):  # the weightiest first: most are out after one or two
                        left = sums[n]
                        one, end = at[order[n]], ends[order[n]]
                        beyond = end
                        while one < beyond:
                            middle = (one + beyond) >> np.uintp(1)
                            if docs[middle] < doc:
                                one = middle + np.uintp(1)
                            else:
                                beyond = middle
                        if one < end and docs[one] == doc:
                            score += table[codes[one]] * weights[order[n]]
                        if (score + left) * 1.000001 <= bound:
                            break
                    if (score + left) * 1.000001 <= bound:
                        continue
                    score = 0.0
                    for column in range(count):
                        one, end = np.uintp(columns[column, 0]), ends[column]
                        beyond = end
                        while one < beyond:
                            middle = (one + beyond) >> np.uintp(1)
                            if docs[middle] < doc:
                                one = middle + np.uintp(1)
                            else:
                                beyond = middle
                        if one < end and docs[one] == doc:
                            score += table[codes[one]] * weights[column]
                    if score <= bound:
                        continue
                place = found if found < k else k - 1
                while place > 0 and best_scores[place - 1] < score:
                    best_scores[place] = best_scores[place - 1]
                    best_docs[place] = best_docs[place - 1]
                    place -= 1
                best_scores[place] = score
                best_docs[place] = base + low + i
                if found < k:
                    found += 1
                if found == k:
                    bound = best_scores[k - 1]
                    least = bound - lift
        acc[:] = 0.0
    return found
