"""Weigh what speaks for each resolution, and whether any of them is meant at all.

Two steps, each a plain linear rule whose weights were learnt on questions that the parts before had not seen:

- *signals* say how well one resolution fits (its example questions, an error of it, its sections, the system named);
  their weighted sum is the candidate's score, and each part of the sum is the evidence that `helpbot why` prints;
- *signs* say whether the best candidate can be trusted: what of the question it does not have, how near the authors'
  examples of what is not covered are, how clear the lead is. Two logistic rules turn them into `known` and confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from helpbot.understanding.calibration import Logistic

__all__ = ["OTHERS", "PRIOR", "SIGNALS", "SIGNS", "Judgement", "fit_signals", "judge", "judge_passage", "shares"]

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


# For articles alone there is nothing to learn from: log odds over what was found, fitted on public support threads
# (docs/quality.md), with the thread in the index, another one, or none of the kind. Rows: the section is right; the
# articles cover it. Columns: share of the text found, lead over the next section, score, best cosine, length, start.
_FOUND_BY_WORDS: Final = ((1.74, 1.58, 2.40, 0.0, -1.08, -4.18), (1.75, 0.77, 2.15, 0.0, -0.66, -3.95))
_FOUND_BY_MEANING: Final = ((0.0, 2.59, 0.15, 18.2, 0.20, -12.9), (0.0, 1.81, 0.13, 18.7, 0.11, -12.5))


def judge_passage(
    *, coverage: float, lead: float, score: float, cosine: float | None, tokens: int, chunks: int
) -> tuple[float, float]:
    """(confidence in the best section, likelihood that the articles cover it).

    `score` is the best section's, whose height grows with the logarithm of the number of `chunks`; `cosine` is None
    where meaning was not compared.
    """
    found = (coverage, lead, score / (4 * log(chunks + 2)), cosine or 0.0, log(1 + tokens), 1.0)
    right, known = (
        _likely(sum(weight * sign for weight, sign in zip(weights, found, strict=True)))
        for weights in (_FOUND_BY_WORDS if cosine is None else _FOUND_BY_MEANING)
    )
    return min(right, known), known


def _likely(odds: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, odds))))
