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
    "asked_both": (1.28, -0.61, -0.40, -0.41, -0.42, -0.58, 1.13),
    "asked_error": (1.66, 0.19, -0.59, -0.56, -0.58, -1.01, 0.88),
    "asked_product": (1.61, 0.32, -0.47, -0.37, -1.16, -0.73, 0.80),
    "asks": (-0.40, -0.62, -1.47, -1.41, 1.63, 3.01, -0.74),
    "asks_within": (0.80, -2.33, -1.32, -1.37, 2.39, 4.48, -2.67),
    "bare": (0.83, -0.58, -0.71, -0.74, 0.67, -0.00, 0.53),
    "cuts": (2.46, 0.02, -0.34, -0.39, -0.44, -1.14, -0.17),
    "digits": (1.86, -0.13, -1.22, 0.19, -0.39, -1.31, 1.00),
    "ends_asking": (-1.38, -2.04, -1.51, -1.20, 1.76, 5.24, -0.87),
    "fails": (0.94, -0.15, 0.93, 0.08, -0.26, -0.46, -1.08),
    "heard_cancel": (-0.30, -5.80, 9.90, 0.63, -0.02, -1.66, -2.75),
    "heard_greeting": (0.99, -4.28, 0.27, -1.87, 2.60, 1.06, 1.23),
    "heard_news": (1.77, 2.44, 2.83, -1.74, -5.34, -0.86, 0.90),
    "heard_none": (2.00, 5.95, -2.17, -3.01, -1.21, 0.28, -1.83),
    "heard_not_solved": (1.50, 1.24, -1.04, -0.17, -1.37, -1.55, 1.39),
    "heard_other": (2.87, 0.18, -0.59, -1.58, -1.34, 1.24, -0.78),
    "heard_person": (-0.13, -1.92, 0.36, -1.85, 6.27, -0.96, -1.77),
    "heard_solved": (0.49, -1.47, -1.89, 6.28, -1.43, -0.53, -1.45),
    "heard_thanks": (3.13, -3.30, -0.58, 0.78, -2.41, 2.78, -0.41),
    "heard_why": (-0.34, -1.86, -1.57, -0.05, 0.71, 4.19, -1.09),
    "heard_will_try": (1.82, -0.04, -1.03, -2.92, 2.53, -2.59, 2.23),
    "hears": (-0.28, -0.08, -0.41, -0.73, -0.52, 0.35, 1.66),
    "is_cancel": (-3.05, -1.43, 4.62, 4.01, -0.82, -0.87, -2.47),
    "is_name": (0.36, -0.31, -0.16, -0.17, -0.18, -0.27, 0.74),
    "is_news": (-2.01, -0.32, -0.42, -0.22, -1.07, -0.21, 4.25),
    "is_no": (-0.16, 0.58, 0.64, 0.21, 0.26, -1.80, 0.28),
    "is_none": (1.37, 1.17, -0.84, -0.47, -0.51, -2.67, 1.94),
    "is_person": (0.13, 0.92, -0.71, -0.90, 4.69, -1.13, -3.01),
    "is_solved": (-2.25, -0.68, -0.47, 5.57, -0.27, -0.38, -1.52),
    "is_thanks": (-2.82, -0.26, -0.26, -0.27, -0.17, -0.67, 4.44),
    "is_waiting": (-0.04, -0.88, -0.49, -0.48, -0.55, -0.77, 3.20),
    "is_why": (-0.86, -0.23, -0.15, -0.14, -0.57, 2.71, -0.77),
    "is_yes": (-2.48, -0.30, -0.30, -0.67, -0.26, -0.33, 4.34),
    "keyboard": (-2.22, -0.20, -0.15, -0.14, -0.16, -0.26, 3.14),
    "lines": (0.86, 1.84, -0.52, -0.62, -1.04, -0.49, -0.02),
    "long": (-0.62, 0.38, 0.83, 0.99, 0.32, -0.75, -1.15),
    "no_error": (0.05, 0.26, -0.26, -0.19, 0.29, -0.27, 0.13),
    "no_product": (-0.43, 0.27, 0.51, -0.04, 0.15, 0.07, -0.53),
    "no_value": (-4.59, 0.54, 0.46, 0.69, 0.04, 1.45, 1.40),
    "no_wanted": (0.67, -0.84, -0.04, 0.37, -0.08, 0.17, -0.25),
    "of_product": (1.90, -0.30, -0.22, -0.21, -0.16, -0.16, -0.85),
    "one": (1.00, 0.02, -0.32, -0.29, -0.48, -0.51, 0.59),
    "part_cancel": (-0.73, -1.47, 6.98, -0.52, -2.39, -0.30, -1.57),
    "part_person": (0.14, 1.85, -0.26, -0.73, 1.77, -0.61, -2.16),
    "part_solved": (2.17, -1.51, -0.97, 4.06, -0.72, -0.68, -2.34),
    "person_alone": (1.92, -1.76, -0.40, -0.24, 1.54, -0.20, -0.86),
    "piece_none": (1.58, 3.96, -0.95, -0.83, -0.56, -0.48, -2.73),
    "quotes": (1.33, 0.43, -0.84, -0.80, -0.84, 0.30, 0.42),
    "short": (0.93, -0.90, -0.76, -1.04, -0.82, 0.76, 1.83),
    "told": (3.00, -0.36, -0.37, -0.35, -0.34, -1.06, -0.53),
}


def likely(signs: Mapping[str, float]) -> dict[str, float]:
    """How likely each of the MEANINGS is, 0 to 1; `signs` by the names of WEIGHTS, those left out being 0."""
    return softmax(WEIGHTS, MEANINGS, signs)
