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
    "Near",
    "fit_signals",
    "judge",
    "judge_passage",
    "passage_signs",
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
    """What was found for a text in articles alone: of the best article, beside what the others have."""

    coverage: float  # share of what the text says that stands in the best article, weighed by rarity
    titled: float  # and in the title and heading of its best section
    elsewhere: float  # share of what the text says that only other articles have
    unheard: float  # and that no article has
    missing: float  # the rarest token that the best article does not have, as a share of the rarest there can be
    matched: int  # tokens of the text that the best article has
    lead: float  # over the best section of any other article, as a share of the score
    ahead: float  # coverage less the most that any other article covers
    runs: float  # share of the text's runs of two words that stand in the section as they are
    tokens: int
    chunks: int
    error: float  # how much the text looks like a pasted error, 0 to 1
    near: Near | None = None  # None where meaning was not compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """What was found by meaning."""

    cosine: float  # of the nearest chunk
    over_tenth: float  # less that of the eleventh: a text that is near to all is about none
    lead: float  # the best article's nearest chunk less that of any other article
    words_lead: float  # the lead that words alone would give, -1 to 0.5


# For articles alone there is nothing to learn from: log odds over what was found, fitted by `bench/answers.py` on
# public documentation and questions (docs/quality.md) with the article in the index and taken out, and on off-topic
# questions; of ten texts five or six are covered and one or two are on the topic but not covered. The signs are those
# that held on sites which the fit had not seen. Each with its weight for: the section is right; the articles cover it.
_BY_WORDS: Final = {
    "coverage": (0.71, 1.13), "titled": (1.84, 1.94), "lead": (4.54, 1.77), "length": (-0.45, -0.87),
    "error": (-0.23, -0.01), "size": (-0.41, -0.48), "elsewhere": (0.49, 0.13), "unheard": (-1.04, -1.22),
    "matched": (1.77, 2.30), "missing": (-0.90, -0.57), "ahead": (0.21, -0.72), "error length": (-0.32, -0.34),
    "error runs": (1.47, 1.65), "start": (-1.39, 0.43),
}  # fmt: skip
_BY_MEANING: Final = {
    "coverage": (2.60, 2.59), "titled": (0.30, 0.22), "lead": (1.88, -0.37), "size": (-0.43, -0.57),
    "length": (0.48, 0.10), "error": (-0.06, 0.00), "elsewhere": (0.65, 0.43), "cosine": (4.12, 6.16),
    "over tenth": (2.30, 2.36), "meaning lead": (3.86, 3.08), "words lead": (0.98, 0.48), "error runs": (1.70, 1.62),
    "error length": (-0.50, -0.36), "start": (-3.82, -1.66),
}  # fmt: skip
_MOST_LEAD: Final = 0.5  # where there is hardly another article, being far ahead of it says nothing


def judge_passage(found: Found) -> tuple[float, float]:
    """(confidence in the best section, likelihood that the articles cover it)."""
    weights = _BY_WORDS if found.near is None else _BY_MEANING
    signs = passage_signs(found)
    right, known = (_likely(sum(signs[name] * pair[side] for name, pair in weights.items())) for side in (0, 1))
    return min(right, known), known


def passage_signs(found: Found) -> dict[str, float]:
    """What is weighed of a finding, each sign by its name."""
    length = log(1 + found.tokens)
    signs = {
        "coverage": found.coverage, "titled": found.titled, "elsewhere": found.elsewhere, "unheard": found.unheard,
        "missing": found.missing, "matched": log(1 + found.matched), "lead": min(found.lead, _MOST_LEAD),
        "ahead": found.ahead, "runs": found.runs, "length": length, "error": found.error,
        "size": log(1 + found.chunks), "error length": found.error * length, "error runs": found.error * found.runs,
        "start": 1.0,
    }  # fmt: skip
    if found.near is not None:
        near = found.near
        signs |= {
            "cosine": near.cosine, "over tenth": near.over_tenth, "meaning lead": near.lead,
            "words lead": near.words_lead,
        }  # fmt: skip
    return signs


def _likely(odds: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, odds))))
