"""Weigh what a message means to the open form: a value, that there is none, a question, something else.

Multinomial logistic regression over what was heard (`understanding.speech`), what was cut out (`understanding.marks`)
and what the patterns say. The weights are printed by `bench/form.py`, which fits them on marked messages that none of
these had learnt from; a bot with other messages keeps them, for they say nothing of words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from helpbot.dialogue.reacting import softmax

__all__ = ["MEANINGS", "WEIGHTS", "likely"]

MEANINGS: Final = ("value", "none", "cancel", "solved", "person", "question", "nothing")

# By sign, the weight for each of the MEANINGS.
WEIGHTS: Final[Mapping[str, tuple[float, ...]]] = {
    "asked_both": (1.28, -0.61, -0.40, -0.39, -0.42, -0.59, 1.13),
    "asked_error": (1.67, 0.19, -0.59, -0.56, -0.58, -1.01, 0.88),
    "asked_product": (1.59, 0.30, -0.48, -0.30, -1.17, -0.74, 0.79),
    "asks": (-0.39, -0.62, -1.46, -1.44, 1.64, 3.01, -0.74),
    "asks_within": (0.81, -2.33, -1.32, -1.38, 2.40, 4.49, -2.67),
    "bare": (0.84, -0.57, -0.71, -0.75, 0.68, 0.01, 0.52),
    "cuts": (2.49, 0.03, -0.34, -0.39, -0.44, -1.14, -0.21),
    "digits": (1.86, -0.12, -1.22, 0.16, -0.39, -1.30, 1.01),
    "ends_asking": (-1.37, -2.04, -1.50, -1.21, 1.76, 5.24, -0.87),
    "fails": (0.94, -0.15, 0.93, 0.07, -0.26, -0.46, -1.08),
    "heard_cancel": (-0.37, -5.85, 9.91, 0.90, -0.04, -1.70, -2.85),
    "heard_greeting": (0.96, -4.31, 0.23, -1.73, 2.59, 1.05, 1.20),
    "heard_news": (1.70, 2.39, 2.66, -1.26, -5.38, -0.92, 0.82),
    "heard_none": (1.98, 5.93, -2.17, -2.96, -1.21, 0.27, -1.84),
    "heard_not_solved": (1.54, 1.27, -1.04, -0.31, -1.36, -1.53, 1.43),
    "heard_other": (2.86, 0.18, -0.60, -1.57, -1.34, 1.24, -0.78),
    "heard_person": (-0.14, -1.93, 0.37, -1.86, 6.27, -0.96, -1.76),
    "heard_solved": (0.48, -1.48, -1.85, 6.25, -1.43, -0.53, -1.44),
    "heard_thanks": (2.97, -3.42, -0.70, 1.57, -2.46, 2.64, -0.59),
    "heard_why": (-0.22, -1.77, -1.51, -0.63, 0.78, 4.29, -0.94),
    "heard_will_try": (1.78, -0.08, -1.10, -2.66, 2.50, -2.62, 2.19),
    "hears": (-0.28, -0.08, -0.41, -0.71, -0.52, 0.35, 1.65),
    "is_cancel": (-3.04, -1.42, 4.64, 3.96, -0.81, -0.86, -2.46),
    "is_name": (0.35, -0.31, -0.16, -0.18, -0.18, -0.27, 0.75),
    "is_news": (-2.00, -0.32, -0.41, -0.23, -1.07, -0.22, 4.25),
    "is_no": (-0.17, 0.58, 0.64, 0.21, 0.26, -1.80, 0.28),
    "is_none": (1.37, 1.18, -0.85, -0.47, -0.51, -2.67, 1.95),
    "is_person": (0.14, 0.93, -0.71, -0.91, 4.69, -1.13, -3.01),
    "is_solved": (-2.98, -0.23, -0.17, 4.11, -0.15, -0.18, -0.39),
    "is_thanks": (-2.80, -0.25, -0.26, -0.33, -0.16, -0.67, 4.48),
    "is_waiting": (-0.04, -0.87, -0.48, -0.49, -0.56, -0.77, 3.22),
    "is_why": (-0.86, -0.23, -0.15, -0.14, -0.57, 2.71, -0.77),
    "is_yes": (-2.48, -0.30, -0.30, -0.67, -0.26, -0.33, 4.34),
    "keyboard": (-2.23, -0.20, -0.15, -0.14, -0.16, -0.26, 3.14),
    "lines": (0.86, 1.83, -0.52, -0.61, -1.04, -0.49, -0.02),
    "long": (-0.61, 0.38, 0.84, 0.96, 0.33, -0.75, -1.15),
    "no_error": (0.03, 0.26, -0.26, -0.21, 0.29, -0.27, 0.15),
    "no_product": (-0.47, 0.26, 0.51, -0.05, 0.15, 0.07, -0.46),
    "no_value": (-4.56, 0.54, 0.47, 0.71, 0.04, 1.46, 1.34),
    "no_wanted": (0.68, -0.84, -0.04, 0.38, -0.08, 0.17, -0.27),
    "of_product": (1.91, -0.30, -0.22, -0.22, -0.16, -0.16, -0.85),
    "one": (0.99, 0.02, -0.32, -0.27, -0.49, -0.52, 0.59),
    "part_cancel": (-0.73, -1.47, 6.98, -0.52, -2.39, -0.30, -1.57),
    "part_person": (0.14, 1.86, -0.26, -0.74, 1.78, -0.61, -2.16),
    "part_solved": (2.19, -1.51, -0.98, 4.04, -0.72, -0.68, -2.34),
    "person_alone": (1.92, -1.75, -0.40, -0.24, 1.54, -0.20, -0.87),
    "piece_none": (1.59, 3.96, -0.95, -0.84, -0.56, -0.48, -2.73),
    "quotes": (1.33, 0.43, -0.84, -0.80, -0.84, 0.30, 0.42),
    "short": (0.94, -0.90, -0.76, -1.08, -0.81, 0.76, 1.85),
    "told": (3.00, -0.36, -0.37, -0.34, -0.34, -1.06, -0.53),
}


def likely(signs: Mapping[str, float]) -> dict[str, float]:
    """How likely each of the MEANINGS is, 0 to 1; `signs` by the names of WEIGHTS, those left out being 0."""
    return softmax(WEIGHTS, MEANINGS, signs)
