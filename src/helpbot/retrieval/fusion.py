"""Join what words found with what meaning found. Pure arithmetic over arrays of one score a chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["linear", "reciprocal_ranks"]

_RANK_OFFSET: Final = 60.0  # Cormack, Clarke and Büttcher 2009: the constant they measured


def linear(
    words: NDArray[np.float64], cosines: NDArray[np.floating], *, weight: float, ceiling: float
) -> NDArray[np.float64]:
    """Word scores plus meaning, in the measure of the word scores. All arrays are (chunks,).

    `ceiling` is what a passage with all the words of the text would score. A text whose best passage stays
    far below it shares only chance words with the knowledge: those are measured by the ceiling and so weigh
    little beside the cosines; words that hit are measured by the best passage.
    """
    top = float(words.max(initial=0.0))
    scale = max(top, ceiling / 2)
    if scale <= 0:
        return np.asarray(np.maximum(cosines, 0.0), np.float64)
    return np.asarray(words + (weight * scale) * np.maximum(cosines, 0.0), np.float64)


def reciprocal_ranks(
    scores: Sequence[NDArray[np.floating]], weights: Sequence[float], *, deep: int = 100
) -> NDArray[np.float64]:
    """Several rankings of the same chunks as one score: the weighted sum of 1 / (60 + rank), ranks from 1.

    Only the `deep` best of each ranking count, and only scores above 0. Arrays are (chunks,).
    """
    out = np.zeros(len(scores[0]))
    for own, weight in zip(scores, weights, strict=True):
        k = min(deep, len(own))
        best = np.argsort(-own, kind="stable")[:k]
        best = best[own[best] > 0]
        out[best] += weight / (_RANK_OFFSET + np.arange(1, len(best) + 1))
    return out
