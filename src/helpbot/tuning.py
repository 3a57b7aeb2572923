"""Set the confidence right from what users said of the answers they got: two numbers, fitted and held against the rest.

A confidence `c` is read as `slope · log odds of c + shift`. Both are drawn towards leaving it as it is, and are only
worth having if they cost users less on ratings that they were not fitted on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from helpbot.dialogue.policy import Answer, Clarify, Policy, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.understanding.diagnosis import Candidate, Diagnosis, Problem

__all__ = ["LEAST", "LEAST_EACH", "Counts", "Judged", "Rated", "Tuned", "count", "judged", "tuned"]

LEAST: Final = 60  # ratings: with fewer, two numbers follow chance
LEAST_EACH: Final = 10  # of them right, and as many wrong
_FOLDS: Final = 5
_SURE: Final = 4.0  # how far the fit is drawn towards changing nothing: about as much as so many ratings say
_STEEPEST, _FLATTEST, _FURTHEST = 4.0, 0.25, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One question and what is known of its answer.

    `given` names what was answered: resolutions, or `article#anchor`. `helped` is what the user said of it. `meant` is
    what would have been right where a person looked: empty if nothing covers it, None if nobody knows.
    """

    text: str
    given: tuple[str, ...] = ()
    helped: bool | None = None
    meant: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One question as it is understood today. `covered` is None where the user only said that it did not help."""

    problem: Problem
    right: bool  # the best candidate
    covered: bool | None
    wanted: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What becomes of some questions, and what that costs in unneeded "I don't know"."""

    right: int = 0
    wrong: int = 0
    asked: int = 0
    refused: int = 0
    cost: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            right=self.right + other.right,
            wrong=self.wrong + other.wrong,
            asked=self.asked + other.asked,
            refused=self.refused + other.refused,
            cost=self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Slope and shift, with what they change: `before` and `after` on all ratings, `unseen` on each fifth in turn."""

    policy: Policy
    before: Counts
    after: Counts
    unseen: Counts

    @property
    def helps(self) -> bool:
        """Whether it costs users less on ratings that it was not fitted on."""
        return self.unseen.cost < self.before.cost


def judged(rows: Iterable[Rated], diagnose: Callable[[str], Diagnosis]) -> list[Judged]:
    """The questions that tell something of how they are understood today; the others are left out.

    An answer that did not help says nothing of the one that would be given now, if that is another.
    """
    found: list[Judged] = []
    for row in rows:
        problems = diagnose(row.text).problems
        if len(problems) != 1 or not problems[0].candidates:
            continue
        problem = problems[0]
        names = _names(problem.candidates[0])
        if row.meant is not None:
            wanted, covered = frozenset(row.meant), bool(row.meant)
        elif row.helped:
            wanted, covered = frozenset(row.given), True
        elif row.helped is False and names & set(row.given):
            wanted, covered = frozenset(), None
        else:
            continue
        found.append(Judged(problem=problem, right=bool(names & wanted), covered=covered, wanted=wanted))
    return found


def tuned(rows: Sequence[Judged], policy: Policy, knowledge: KnowledgeBase) -> Tuned:
    """Fit slope and shift to judged questions; a fifth of them at a time is held aside to see whether it holds."""
    plain = replace(policy, slope=1.0, shift=0.0)
    unseen = Counts()
    for fold in range(_FOLDS):
        kept = [row for at, row in enumerate(rows) if at % _FOLDS != fold]
        own = [row for at, row in enumerate(rows) if at % _FOLDS == fold]
        unseen += count(own, _fitted(kept, plain), knowledge)
    found = _fitted(rows, plain)
    return Tuned(
        policy=found, before=count(rows, policy, knowledge), after=count(rows, found, knowledge), unseen=unseen
    )


def count(rows: Iterable[Judged], policy: Policy, knowledge: KnowledgeBase) -> Counts:
    """What the policy does with some questions."""
    total = Counts()
    for row in rows:
        decision = decide(row.problem, policy, knowledge)
        if isinstance(decision, Answer):
            price = policy.mixed_price if row.covered else policy.wrong_price
            total += Counts(right=1) if row.right else Counts(wrong=1, cost=price)
        elif isinstance(decision, Clarify):
            offered = {name for candidate in decision.candidates for name in _names(candidate)}
            total += Counts(asked=1, cost=policy.ask_price + (0.0 if offered & row.wanted else 1.0))
        else:
            total += Counts(refused=1, cost=1.0 if row.covered else 0.0)
    return total


def _names(candidate: Candidate) -> set[str]:
    if candidate.resolution is not None:
        return {candidate.resolution}
    passage = candidate.passage
    return {f"{passage.article}#{passage.anchor}", passage.article} if passage is not None else set()


def _fitted(rows: Sequence[Judged], plain: Policy) -> Policy:
    """The likeliest slope and shift (Newton's steps), drawn towards 1 and 0.

    An error that stands in the text word for word is not weighed: its confidence is not read through them.
    """
    weighed = [row for row in rows if not row.problem.candidates[0].exact]
    if not weighed:
        return plain
    given = np.clip([row.problem.candidates[0].confidence for row in weighed], 1e-6, 1 - 1e-6)
    x = np.column_stack((np.log(given / (1 - given)), np.ones(len(weighed))))
    right = np.array([float(row.right) for row in weighed])
    start = np.array([1.0, 0.0])
    beta = start.copy()
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (right - p) - _SURE * (beta - start)
        bend = (x * np.maximum(p * (1 - p), 1e-6)[:, None]).T @ x + _SURE * np.eye(2)
        move = np.linalg.solve(bend, slope)
        beta += np.clip(move, -1, 1)
        if np.abs(move).max() < 1e-9:
            break
    steep = round(float(np.clip(beta[0], _FLATTEST, _STEEPEST)), 3)
    return replace(plain, slope=steep, shift=round(float(np.clip(beta[1], -_FURTHEST, _FURTHEST)), 3))
