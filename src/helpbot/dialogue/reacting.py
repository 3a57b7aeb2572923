"""Weigh what a message says to an answer: that it helped, that it did not, or something else.

Multinomial logistic regression over what was heard (`understanding.speech`) and what the patterns of
`dialogue.phrases` say. The weights are printed by `bench/reactions.py`, which fits them on lines that were not learnt
from; a bot whose phrases are other ones keeps them, for they say nothing of words.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Final

__all__ = ["REACTIONS", "WEIGHTS", "likely"]

REACTIONS: Final = ("helped", "did_not", "person", "will_try", "other", "cancel")

# By sign, the weight for each of the REACTIONS; the first ten signs are the scores heard for acts.
WEIGHTS: Final[Mapping[str, tuple[float, ...]]] = {
    "solved": (5.69, 0.36, -2.70, -0.86, -1.06, -1.43),
    "thanks": (5.15, -0.54, -1.34, -1.03, -1.93, -0.31),
    "not_solved": (-0.09, 4.42, -1.72, -1.29, -0.08, -1.24),
    "person": (-2.85, -2.37, 7.04, -1.16, -0.15, -0.50),
    "cancel": (-1.99, -1.76, -0.47, -0.46, -1.95, 6.62),
    "none": (-0.18, 2.83, -1.59, -2.01, 0.91, 0.05),
    "why": (-0.64, 0.05, -0.36, -2.31, 1.84, 1.42),
    "news": (-1.20, 0.12, 1.55, -0.15, -0.02, -0.29),
    "will_try": (-2.01, -2.29, -0.88, 7.05, -2.34, 0.49),
    "other": (-1.09, 0.38, -0.41, -1.09, 4.68, -2.47),
    "asks": (-1.05, -0.90, 1.05, -0.12, 1.26, -0.24),
    "no": (-0.54, 1.49, 0.44, -1.52, 0.13, 0.00),
    "flat_no": (0.90, 0.70, -1.37, -0.52, 0.15, 0.15),
    "yes": (0.99, -0.28, 0.01, -0.30, -0.40, -0.02),
    "thanks_said": (1.70, -1.10, -0.63, 0.68, 0.04, -0.71),
    "will": (-1.14, -0.99, -0.21, 1.40, 0.18, 0.75),
    "person_said": (-0.97, -1.31, 2.04, -0.40, 0.20, 0.44),
    "short": (0.37, -0.38, -0.66, -0.08, 0.42, 0.32),
    "long": (0.22, 0.80, 0.47, -0.63, 0.14, -1.00),
    "one": (0.28, 0.46, -0.46, -0.29, 0.42, -0.40),
}


def likely(signs: Mapping[str, float]) -> dict[str, float]:
    """How likely each of the REACTIONS is, 0 to 1; `signs` by the names of WEIGHTS, those left out being 0."""
    scores = [
        sum(WEIGHTS[name][place] * value for name, value in signs.items() if value) for place in range(len(REACTIONS))
    ]
    top = max(scores)
    shares = [exp(score - top) for score in scores]
    total = sum(shares)
    return {name: share / total for name, share in zip(REACTIONS, shares, strict=True)}
