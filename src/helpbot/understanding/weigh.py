"""Weigh what speaks for each resolution, and whether any of them is meant at all.

Two steps, each a plain linear rule whose weights were learnt on questions that the parts before had not seen:

- *signals* say how well one resolution fits (its example questions, an error of it, its sections, the system named);
  their weighted sum is the candidate's score, and each part of the sum is the evidence that `helpbot why` prints;
- *signs* say whether the best candidate can be trusted: what of the question it does not have, how near the authors'
  examples of what is not covered are, how clear the lead is. Two logistic rules turn them into `known` and confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from helpbot.understanding.calibration import Logistic

__all__ = ["OTHERS", "PRIOR", "SIGNALS", "SIGNS", "Judgement", "fit_signals", "judge", "signs_of"]

Floats: TypeAlias = NDArray[np.float64]

# The classes beside the resolutions: what questions.jsonl says is not to be answered, to be asked back, to be handed on.
OTHERS: Final = ("~near", "~near_error", "~far", "~handover", "~broad")
_REFUSED: Final = slice(0, 3)  # of OTHERS: these are not covered

SIGNALS: Final = ("question", "signature", "exact", "chunk", "passage", "facet", "conflict", "nearest")
SIGNS: Final = (
    "score", "lead", "refused", "missing", "unheard", "entities", "signature", "error", "conflict", "length", "near",
    "share", "chunk", "broad", "negative",
)  # fmt: skip
# For a knowledge that has too few questions to learn from: what was learnt on the shipped one.
PRIOR: Final = np.array([9.0, 4.0, 3.0, 1.0, 1.0, 0.4, -1.5, 2.0])


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
        spread = x - mean[:, None, :]
        bend = np.einsum("qc,qcf,qcg->fg", p, spread, spread, optimize=True) + ridge * np.eye(len(weights))
        move = np.linalg.solve(bend, slope)
        weights += np.clip(move, -2, 2)
        if np.abs(move).max() < 1e-6:
            break
    # A sign that points the wrong way is chance, and could not be explained to an author.
    return np.asarray(np.where(np.array(SIGNALS) == "conflict", np.minimum(weights, 0), np.maximum(weights, 0)))


def shares(scores: Floats) -> Floats:
    """Scores as shares that add up to 1 (softmax)."""
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum())


def signs_of(
    *,
    classes: NDArray[np.floating],
    resolutions: int,
    signals: NDArray[np.floating],
    order: NDArray[np.intp],
    share: Floats,
    missing: float,
    unheard: float,
    entities: float,
    signature: float,
    error: float,
    tokens: int,
    near: float,
    negative: float,
) -> Floats:
    """The signs (len(SIGNS),) for the best candidate `order[0]`; `classes` are the classifier's scores of all classes."""
    best = order[0]
    own = float(classes[best])
    second = float(max(classes[:best].max(initial=0.0), classes[best + 1 : resolutions].max(initial=0.0)))
    refused = float(classes[resolutions:][_REFUSED].max(initial=0.0))
    return np.array(
        [
            own, own - second, own - refused, missing, unheard, min(entities, 3.0), signature, error * (1 - signature),
            float(signals[best, 6]), np.log1p(min(tokens, 60)), near, float(share[0]), float(signals[best, 3]),
            float(classes[resolutions + 4]), negative,
        ]
    )  # fmt: skip


def judge(signs: Floats, judgement: Judgement) -> tuple[float, float]:
    """(confidence in the best candidate, likelihood that the knowledge covers it)."""
    known = float(judgement.known(signs))
    return min(float(judgement.right(signs)), known), known
