"""Answer, ask back or admit not to know: the choice that is expected to cost the user least.

Three prices, each in the measure of one unneeded "I don't know": answering what the articles do not cover, answering
with a neighbour of what was meant, and asking back. The operator sets them; the thresholds follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from helpbot.understanding.diagnosis import Candidate, Problem

if TYPE_CHECKING:
    from helpbot.knowledge.base import KnowledgeBase

__all__ = ["Answer", "Clarify", "Decision", "Policy", "Unknown", "decide"]

_MOST_CHOICES: Final = 3
_NEAR: Final = 0.2  # of the best candidate's confidence: nobody is asked to choose what is hardly meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What mistakes cost, an unneeded "I don't know" being 1."""

    wrong_price: float = 10.0  # a confident answer to what the articles do not cover
    mixed_price: float = (
        2.0  # the answer to a neighbouring problem: it is near, and it says what it took the question for
    )
    ask_price: float = 0.5  # one question back, even though it leads to the right answer

    @property
    def answer_at(self) -> float:
        """The least confidence for an answer when it is either right or not covered."""
        return self.wrong_price / (1 + self.wrong_price)

    @property
    def known_at(self) -> float:
        """The least likelihood that the knowledge covers it at all, for any answer to be given."""
        return 1 - 1 / (1 + self.wrong_price)

    @property
    def clarify_at(self) -> float:
        """The least likelihood that one of the choices is meant, for asking back."""
        return min(0.95, self.ask_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Give this candidate."""

    candidate: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarify:
    """Ask which of two or three is meant.

    `facet` names what tells them apart ("psa": every candidate is for another system); None: ask by their labels.
    """

    candidates: tuple[Candidate, ...]
    facet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Say so and offer a person. `reason` is one of: nothing, unknown_error, not_covered, unsure."""

    reason: str


Decision = Answer | Clarify | Unknown


def decide(problem: Problem, policy: Policy, knowledge: KnowledgeBase) -> Decision:
    """What to do about one problem: whatever is expected to cost least."""
    candidates = problem.candidates
    if not candidates:
        return Unknown(reason="unknown_error" if problem.unknown_error else "nothing")
    best = candidates[0]
    known = min(1.0, max(problem.known, best.confidence))
    choices = _choices(candidates)
    meant = sum(choice.confidence for choice in choices)
    cost_answer = (1 - known) * policy.wrong_price + (known - best.confidence) * policy.mixed_price
    cost_ask = policy.ask_price + (1 - meant) if len(choices) > 1 else float("inf")
    cost_unknown = known
    least = min(cost_answer, cost_ask, cost_unknown)
    if cost_answer == least:
        return Answer(candidate=best)
    if cost_ask == least:
        return Clarify(candidates=choices, facet=_telling_facet(choices, knowledge))
    if problem.unknown_error:
        return Unknown(reason="unknown_error")
    return Unknown(reason="not_covered" if known < policy.clarify_at else "unsure")


def _choices(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The two or three that may be meant; only the best where no other comes near it."""
    chosen = [candidate for candidate in candidates[:_MOST_CHOICES] if candidate.resolution is not None]
    while len(chosen) > 1 and chosen[-1].confidence < chosen[0].confidence * _NEAR:
        chosen.pop()
    return tuple(chosen)


def _telling_facet(candidates: Sequence[Candidate], knowledge: KnowledgeBase) -> str | None:
    """The facet in which no two candidates share a value, if there is one."""
    names = [c.resolution for c in candidates if c.resolution is not None]
    resolutions = [knowledge.resolutions[name] for name in names if name in knowledge.resolutions]
    if len(resolutions) != len(candidates) or len(candidates) < 2:
        return None
    for facet in knowledge.vocabulary.facets:
        values = [resolution.applies_to.get(facet, ()) for resolution in resolutions]
        flat = [value for own in values for value in own]
        if all(values) and len(flat) == len(set(flat)):
            return facet
    return None
