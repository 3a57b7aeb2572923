"""Weigh what speaks for each resolution, and whether any of them is meant at all.

Two steps, each a plain linear rule whose weights were learnt on questions that the parts before had not seen:

- *signals* say how well one resolution fits (its example questions, an error of it, its sections, the system named);
  their weighted sum is the candidate's score, and each part of the sum is the evidence that `helpbot why` prints;
- *signs* say whether the best candidate can be trusted: what of the question it does not have, how near the authors'
  examples of what is not covered are, how clear the lead is. Two logistic rules turn them into `known` and confidence.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpbot.later import dataclass

if TYPE_CHECKING:
    from helpbot.understanding.calibration import Logistic

__all__ = [
    "OTHERS",
    "PRIOR",
    "SIGNALS",
    "SIGNS",
    "Found",
    "Judgement",
    "fit_signals",
    "judge",
    "judge_passage",
    "shares",
]

Floats: TypeAlias = NDArray[np.float64]

# The classes beside the resolutions: what questions.jsonl says is not answered, is handed on, or is asked back.
OTHERS: Final = ("~near", "~near_error", "~far", "~handover", "~broad")
REFUSED: Final = slice(0, 3)  # of OTHERS: these are not covered
HANDOVER, BROAD = 3, 4

SIGNALS: Final = ("question", "signature", "exact", "chunk", "passage", "facet", "conflict", "words", "meaning")
# For a knowledge that has too few questions to learn from: about what the shipped one teaches.
PRIOR: Final = np.array([9.0, 3.0, 2.0, 0.5, 1.0, 0.5, -1.5, 1.0, 2.0])

# Each with the side its weight must be on: 1 speaks for trusting the best candidate, -1 against, 0 may do either.
SIGNS: Final = {
    "score": 1, "lead": 1, "over refused": 1, "missing": -1, "unheard": -1, "odd entities": -1, "signature": 1,
    "error without signature": -1, "conflict": -1, "length": 0, "share": 1, "section": 1, "broad": 0, "words": 1,
    "words over refused": 1, "meaning": 1, "meaning over refused": 1, "handover": -1, "total": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """The learnt weights of both steps."""

    signals: Floats  # (len(SIGNALS),)
    right: Logistic  # over signs: the best candidate is the one that is meant
    known: Logistic  # over signs: the knowledge covers it at all


def fit_signals(signals: NDArray[np.floating], meant: NDArray[np.intp], *, ridge: float = 2.0) -> Floats:
    """Weights under which the meant candidate stands out: conditional logistic regression, drawn towards PRIOR.

    `signals` is (questions, candidates, len(SIGNALS)), `meant` (questions,) the right candidate's place.
    """
    weights = PRIOR.copy()
    rows = np.arange(len(signals))
    x = signals.astype(np.float64)
    for _ in range(30):
        z = x @ weights
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = np.einsum("qc,qcf->qf", p, x)
        slope = (x[rows, meant] - mean).sum(axis=0) - ridge * (weights - PRIOR)
        apart = (x - mean[:, None, :]).reshape(-1, x.shape[2])
        bend = (apart * p.reshape(-1, 1)).T @ apart + ridge * np.eye(len(weights))
        move = np.linalg.solve(bend, slope)
        weights += np.clip(move, -2, 2)
        if np.abs(move).max() < 1e-6:
            break
    # A sign that points the wrong way is chance, and could not be explained to an author.
    conflict = np.array(SIGNALS) == "conflict"
    return np.asarray(np.where(conflict, np.minimum(weights, 0), np.maximum(weights, 0)), np.float64)


def shares(scores: Floats) -> Floats:
    """Scores as shares that add up to 1 (softmax)."""
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum(), np.float64)


# The weights are learnt on examples that are judged unseen, and authors write examples far apart from each other: what
# users ask lies nearer to them, so that the same log odds mean more. Slope and shift were fitted on the independent
# questions of tests/quality/exam/*-a.jsonl, for words alone and with meaning alike, and are checked on the *-b files.
_RIGHT: Final = (1.7, 0.3)
_KNOWN: Final = (1.8, -0.3)


def judge(signs: Floats, judgement: Judgement) -> tuple[float, float]:
    """(confidence in the best candidate, likelihood that the knowledge covers it)."""
    known = _likely(_KNOWN[0] * float(judgement.known.logit(signs)) + _KNOWN[1])
    return min(_likely(_RIGHT[0] * float(judgement.right.logit(signs)) + _RIGHT[1]), known), known


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found for a text in articles alone, best first."""

    coverage: float  # share of what the text says that stands in the best article, weighed by rarity
    titled: float  # and in the title and heading of its best section
    lead: float  # over the best section of any other article, as a share of the score
    runs: float  # share of the text's runs of two words that stand in the section as they are
    score: float  # of the best section
    cosine: float | None  # of the nearest chunk; None where meaning was not compared
    tokens: int
    chunks: int
    error: float  # how much the text looks like a pasted error, 0 to 1


# For articles alone there is nothing to learn from: log odds over what was found, fitted on public support threads and
# error pages (docs/quality.md) with the article in the index and with it taken out, and on off-topic questions; of ten
# texts five or six are covered and one or two are on the topic but not covered. An error and a question want different
# weights, as in the search. Rows: the section is right; the articles cover it.
# Columns: coverage, titled, lead, runs, score, length, cosine, start.
_QUESTION: Final = (
    (1.72, 4.18, 3.71, 1.01, 0.98, 1.03, 0.0, -7.10),
    (2.24, 3.69, 0.59, 0.91, 1.34, 0.97, 0.0, -6.35),
)
_MEANT: Final = (
    (-1.21, 2.55, 7.03, 0.64, 0.03, 0.59, 12.67, -9.82),
    (-0.65, 3.17, 4.68, 0.82, -0.07, 0.87, 14.26, -10.40),
)
_PASTED: Final = (
    (3.23, 2.23, 4.45, 4.31, 0.19, -0.93, 0.0, -5.11),
    (3.11, 3.82, 2.82, 3.88, 0.18, -1.02, 0.0, -3.87),
)
_MOST_LEAD: Final = 0.5  # where there is hardly another article, being far ahead of it says nothing


def judge_passage(found: Found) -> tuple[float, float]:
    """(confidence in the best section, likelihood that the articles cover it)."""
    signs = (
        found.coverage,
        found.titled,
        min(found.lead, _MOST_LEAD),
        found.runs,
        found.score / (4 * log(found.chunks + 2)),  # grows with the logarithm of their number
        log(1 + found.tokens),
        found.cosine or 0.0,
        1.0,
    )
    asked = _QUESTION if found.cosine is None else _MEANT
    right, known = (
        _likely((1 - found.error) * _odds(signs, asking) + found.error * _odds(signs, pasted))
        for asking, pasted in zip(asked, _PASTED, strict=True)
    )
    return min(right, known), known


def _odds(signs: tuple[float, ...], weights: tuple[float, ...]) -> float:
    return sum(weight * sign for weight, sign in zip(weights, signs, strict=True))


def _likely(odds: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, odds))))
