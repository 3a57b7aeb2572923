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
    "asked_both": (1.31, -0.64, -0.48, -0.38, -0.41, -0.56, 1.16),
    "asked_error": (1.62, 0.14, -0.60, -0.58, -0.58, -0.75, 0.75),
    "asked_product": (1.52, 0.26, -0.46, -0.31, -1.19, -0.54, 0.72),
    "asks": (-0.43, -0.69, -1.93, -1.70, 1.82, 3.53, -0.59),
    "bare": (0.82, -0.50, -0.77, -0.76, 0.59, 0.08, 0.53),
    "cuts": (2.55, 0.15, -0.32, -0.53, -0.46, -1.15, -0.25),
    "digits": (1.80, -0.14, -0.62, 0.09, -0.48, -1.63, 0.98),
    "ends_asking": (-1.27, -1.92, -1.57, -1.15, 1.83, 4.96, -0.88),
    "fails": (1.00, -0.07, 1.07, 0.08, -0.24, -0.84, -0.99),
    "heard_cancel": (-0.55, -5.30, 10.23, 0.74, -0.73, -1.56, -2.82),
    "heard_greeting": (1.40, -3.76, 0.01, -1.79, 2.21, 0.43, 1.50),
    "heard_news": (1.19, 2.13, 2.02, -0.85, -4.29, -1.01, 0.81),
    "heard_none": (1.90, 6.04, -2.10, -2.54, -1.54, -0.06, -1.71),
    "heard_not_solved": (1.56, 1.29, -0.92, -0.41, -1.07, -1.74, 1.30),
    "heard_other": (2.95, -0.09, -0.89, -1.59, -1.25, 2.00, -1.14),
    "heard_person": (-0.09, -2.10, 0.26, -2.15, 6.45, -0.51, -1.86),
    "heard_solved": (0.58, -1.15, -1.72, 6.38, -1.45, -1.14, -1.48),
    "heard_thanks": (3.35, -3.40, -0.97, 1.76, -2.55, 2.11, -0.29),
    "heard_why": (-0.59, -2.22, -1.20, -0.90, 1.39, 4.41, -0.89),
    "heard_will_try": (1.64, -0.22, -1.09, -2.71, 2.15, -1.96, 2.20),
    "hears": (-0.24, -0.11, -0.53, -0.78, -0.47, 0.39, 1.75),
    "is_cancel": (-3.03, -1.39, 4.64, 3.94, -0.83, -0.94, -2.39),
    "is_name": (0.35, -0.31, -0.17, -0.17, -0.16, -0.30, 0.78),
    "is_news": (-2.12, -0.27, -0.31, -0.22, -1.11, -0.19, 4.21),
    "is_no": (-0.22, 0.56, 0.44, 0.11, 0.24, -1.40, 0.27),
    "is_none": (1.29, 1.15, -0.73, -0.47, -0.54, -2.69, 1.99),
    "is_person": (-0.35, 1.43, 0.54, -1.56, 4.89, -1.70, -3.26),
    "is_solved": (-2.82, -0.87, -0.52, 6.48, -0.38, -0.49, -1.41),
    "is_thanks": (-2.93, -0.25, -0.26, -0.31, -0.16, -0.46, 4.37),
    "is_waiting": (0.08, -0.84, -0.47, -0.48, -0.53, -1.08, 3.33),
    "is_why": (-0.75, -0.16, -0.11, -0.11, -0.54, 2.26, -0.58),
    "is_yes": (-2.62, -0.28, -0.30, -0.66, -0.24, -0.32, 4.41),
    "keyboard": (-2.23, -0.20, -0.15, -0.14, -0.15, -0.29, 3.16),
    "lines": (0.83, 1.75, -0.67, -0.66, -0.87, -0.28, -0.11),
    "long": (-0.81, 0.11, 0.72, 0.74, 0.29, 0.38, -1.45),
    "no_error": (-0.10, 0.15, -0.27, -0.24, 0.23, -0.03, 0.26),
    "no_product": (-0.66, 0.13, 0.55, 0.11, 0.12, 0.03, -0.28),
    "no_value": (-4.34, 0.45, 0.37, 0.87, 0.22, 1.57, 0.87),
    "no_wanted": (0.86, -0.66, -0.06, 0.23, -0.15, -0.17, -0.05),
    "of_product": (1.93, -0.30, -0.24, -0.22, -0.16, -0.17, -0.85),
    "one": (0.97, -0.01, -0.33, -0.28, -0.49, -0.40, 0.55),
    "person_alone": (1.98, -1.46, -1.22, -0.33, 2.00, -0.26, -0.70),
    "piece_none": (1.73, 4.01, -0.94, -0.83, -0.59, -0.69, -2.69),
    "quotes": (1.34, 0.41, -0.95, -0.82, -0.88, 0.37, 0.54),
    "short": (1.02, -0.82, -0.76, -1.06, -1.03, 0.69, 1.95),
    "told": (3.12, -0.32, -0.37, -0.32, -0.34, -1.29, -0.48),
}


def likely(signs: Mapping[str, float]) -> dict[str, float]:
    """How likely each of the MEANINGS is, 0 to 1; `signs` by the names of WEIGHTS, those left out being 0."""
    return softmax(WEIGHTS, MEANINGS, signs)
