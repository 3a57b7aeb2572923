"""From scores to probabilities: logistic (Platt) and isotonic fits, and how well they hold.

All of it is deterministic and small: some thousand rows of a dozen features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from helpbot.later import dataclass

__all__ = ["Bin", "Isotonic", "Logistic", "auroc", "reliability"]

Floats: TypeAlias = NDArray[np.float64]

_STEPS = 50  # Newton's steps: ten are usual
_CLOSE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """P(yes) = 1 / (1 + exp(-(bias + weights · x))); `weights` (features,) are for features as they come."""

    weights: Floats
    bias: float

    @classmethod
    def fit(cls, x: Floats, yes: NDArray[np.bool_], *, ridge: float = 1.0, counts: Floats | None = None) -> Logistic:
        """The most likely fit of `x` (rows, features), drawn towards 0 by `ridge`; `counts` weighs rows.

        The targets are Platt's, a little inside 0 and 1, so that a clean separation does not claim certainty.
        """
        counts = np.ones(len(x)) if counts is None else counts
        mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
        design = np.column_stack(((x - mean) / spread, np.ones(len(x))))
        many, few = float(counts[yes].sum()), float(counts[~yes].sum())
        target = np.where(yes, (many + 1) / (many + 2), 1 / (few + 2))
        beta = np.zeros(design.shape[1])
        penalty = np.full(design.shape[1], ridge)
        penalty[-1] = 1e-6
        for _ in range(_STEPS):
            p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
            slope = design.T @ (counts * (target - p)) - penalty * beta
            bend = (design * (counts * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ design + np.diag(penalty)
            move = np.linalg.solve(bend, slope)
            beta += np.clip(move, -2, 2)
            if np.abs(move).max() < _CLOSE:
                break
        weights = beta[:-1] / spread
        return cls(weights, float(beta[-1] - weights @ mean))

    @classmethod
    def fit_directed(
        cls, x: Floats, yes: NDArray[np.bool_], direction: Sequence[int], *, ridge: float = 1.0
    ) -> Logistic:
        """Like `fit`, with each weight kept on its side: `direction` is 1, -1, or 0 for either.

        A feature that wants to the wrong side is left out, the worst first: it speaks for chance, or repeats others.
        """
        sides = np.array(direction)
        used = np.arange(x.shape[1])
        while True:
            found = cls.fit(x[:, used], yes, ridge=ridge)
            against = found.weights * sides[used] * x[:, used].std(axis=0)
            if not len(used) or against.min() >= 0:
                weights = np.zeros(x.shape[1])
                weights[used] = found.weights
                return cls(weights, found.bias)
            used = np.delete(used, int(np.argmin(against)))

    def logit(self, x: Floats) -> Floats:
        """The log odds of each row of `x` (rows, features)."""
        return np.asarray(x @ self.weights + self.bias)

    def __call__(self, x: Floats) -> Floats:
        """The probability of each row of `x` (rows, features)."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.logit(x), -30, 30))))


@dataclass(frozen=True, slots=True, eq=False)
class Isotonic:
    """A rising curve from score to probability: straight lines between `scores` (ascending) and `values`."""

    scores: Floats
    values: Floats

    @classmethod
    def fit(cls, scores: Floats, yes: NDArray[np.bool_], *, least: int = 20) -> Isotonic:
        """The best rising fit (pool adjacent violators), over groups of at least `least` rows.

        Each end is drawn inside by one row, so that nothing is called certain that was seen twenty times.
        """
        order = np.argsort(scores, kind="stable")
        groups = np.array_split(order, max(1, len(order) // least))
        pools: list[tuple[float, float, float]] = []  # sum of yes, rows, sum of scores
        for group in groups:
            pools.append((float(yes[group].sum()), float(len(group)), float(scores[group].sum())))
            while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
                last, before = pools.pop(), pools.pop()
                pools.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
        at = np.array([total / rows for _, rows, total in pools])
        values = np.array([(right + 0.5) / (rows + 1) for right, rows, _ in pools])
        return cls(at, np.maximum.accumulate(values))

    def __call__(self, scores: Floats) -> Floats:
        """The probability of each score; beyond both ends that of the end."""
        return np.asarray(np.interp(scores, self.scores, self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bar of a reliability diagram: of `count` answers given about `claimed`, `right` (0 to 1) were right."""

    claimed: float
    right: float
    count: int


def reliability(confidences: Floats, right: NDArray[np.bool_], bins: int = 10) -> list[Bin]:
    """Claimed confidence beside what came true, in equal steps from 0 to 1; empty bars are left out."""
    number = np.minimum((confidences * bins).astype(int), bins - 1)
    found = []
    for bar in range(bins):
        chosen = number == bar
        if chosen.any():
            found.append(
                Bin(
                    claimed=float(confidences[chosen].mean()),
                    right=float(right[chosen].mean()),
                    count=int(chosen.sum()),
                )
            )
    return found


def auroc(wanted: Floats, unwanted: Floats) -> float:
    """How often a wanted text scores above an unwanted one (ties count half); 0.5 if one side is empty."""
    if not len(wanted) or not len(unwanted):
        return 0.5
    ordered = np.sort(unwanted)
    below = np.searchsorted(ordered, wanted, "left")
    upto = np.searchsorted(ordered, wanted, "right")
    return float((below + upto).sum() / 2 / len(wanted) / len(unwanted))
