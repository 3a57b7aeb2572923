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
    "solved": (6.74, 0.45, -3.07, -1.49, -1.31, -1.31),
    "thanks": (6.12, -0.49, -2.30, -1.10, -1.79, -0.43),
    "not_solved": (0.02, 5.45, -2.08, -1.21, -0.40, -1.78),
    "person": (-3.19, -2.72, 8.10, -1.00, -0.46, -0.74),
    "cancel": (-2.18, -2.18, -0.84, -0.68, -2.50, 8.38),
    "none": (0.24, 2.56, -1.53, -1.86, 0.94, -0.36),
    "why": (-0.91, 0.53, -0.42, -2.74, 2.64, 0.90),
    "news": (-0.28, 0.41, 1.12, -0.87, 0.37, -0.75),
    "will_try": (-2.28, -2.62, -1.03, 8.23, -2.86, 0.55),
    "other": (-1.39, 0.32, -0.56, -0.92, 5.52, -2.97),
    "asks": (-1.02, -0.73, 0.99, -0.22, 1.08, -0.11),
    "no": (-0.39, 1.39, 0.64, -2.16, 0.33, 0.20),
    "flat_no": (0.70, 0.89, -1.78, -0.64, 0.43, 0.40),
    "yes": (0.80, -0.38, -0.09, -0.02, -0.38, 0.07),
    "thanks_said": (1.64, -1.08, -0.51, 0.46, 0.22, -0.73),
    "will": (-1.12, -1.24, -0.25, 1.27, 0.61, 0.74),
    "person_said": (-1.06, -1.40, 2.07, -0.51, 0.36, 0.53),
    "short": (0.26, -0.32, -0.54, -0.03, 0.29, 0.34),
    "long": (0.51, 0.72, 0.75, -0.99, 0.06, -1.03),
    "one": (0.18, 0.39, -0.44, -0.26, 0.52, -0.39),
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
