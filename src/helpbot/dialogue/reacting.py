"""Weigh what a message says to an answer: that it helped, that it did not, or something else.

Multinomial logistic regression over what was heard (`understanding.speech`) and what the patterns of
`dialogue.phrases` say. The weights are printed by `bench/reactions.py`, which fits them on lines that were not learnt
from; a bot whose phrases are other ones keeps them, for they say nothing of words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Final

__all__ = ["REACTIONS", "WEIGHTS", "likely", "softmax"]

REACTIONS: Final = ("helped", "did_not", "person", "will_try", "other", "cancel")

# By sign, the weight for each of the REACTIONS; the first ten signs are the scores heard for acts.
WEIGHTS: Final[Mapping[str, tuple[float, ...]]] = {
    "solved": (6.73, 0.46, -3.10, -1.54, -1.25, -1.30),
    "thanks": (6.13, -0.43, -2.54, -1.06, -1.65, -0.44),
    "not_solved": (-0.02, 5.44, -1.98, -1.29, -0.36, -1.78),
    "person": (-3.16, -2.73, 8.04, -0.93, -0.50, -0.71),
    "cancel": (-2.15, -2.09, -0.86, -0.70, -2.56, 8.36),
    "none": (0.23, 2.54, -1.51, -1.90, 1.02, -0.38),
    "why": (-0.89, 0.42, -0.48, -2.62, 2.64, 0.94),
    "news": (-0.38, 0.37, 1.24, -0.82, 0.30, -0.71),
    "will_try": (-2.34, -2.69, -0.93, 8.22, -2.80, 0.54),
    "other": (-1.39, 0.33, -0.65, -0.81, 5.50, -2.96),
    "asks": (-1.00, -0.69, 0.97, -0.23, 1.09, -0.15),
    "no": (-0.39, 1.40, 0.60, -2.13, 0.34, 0.19),
    "flat_no": (0.70, 0.86, -1.77, -0.64, 0.43, 0.43),
    "yes": (0.76, -0.40, 0.06, -0.04, -0.44, 0.07),
    "thanks_said": (1.67, -1.07, -0.49, 0.46, 0.15, -0.71),
    "will": (-1.12, -1.23, -0.24, 1.28, 0.55, 0.76),
    "person_said": (-1.02, -1.33, 2.25, -1.04, 0.47, 0.67),
    "short": (0.26, -0.32, -0.52, -0.03, 0.27, 0.35),
    "long": (0.48, 0.68, 0.77, -0.93, 0.03, -1.04),
    "one": (0.19, 0.39, -0.44, -0.27, 0.51, -0.39),
}


def likely(signs: Mapping[str, float]) -> dict[str, float]:
    """How likely each of the REACTIONS is, 0 to 1; `signs` by the names of WEIGHTS, those left out being 0."""
    return softmax(WEIGHTS, REACTIONS, signs)


def softmax(
    weights: Mapping[str, tuple[float, ...]], names: Sequence[str], signs: Mapping[str, float]
) -> dict[str, float]:
    """The share of each name, by its weighted signs; a sign without weights says nothing."""
    scores = [
        sum(weights[sign][place] * value for sign, value in signs.items() if value and sign in weights)
        for place in range(len(names))
    ]
    top = max(scores)
    shares = [exp(score - top) for score in scores]
    total = sum(shares)
    return {name: share / total for name, share in zip(names, shares, strict=True)}
