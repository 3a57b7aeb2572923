"""Answer, ask back or admit not to know: the choice that is expected to cost the user least.

Three prices, each in the measure of one unneeded "I don't know": answering what the articles do not cover, answering
with a neighbour of what was meant, and asking back. The operator sets them; the thresholds follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log
from typing import TYPE_CHECKING, Final

from helpbot.later import dataclass
from helpbot.understanding.diagnosis import Candidate, Problem

if TYPE_CHECKING:
    from helpbot.knowledge.base import KnowledgeBase

__all__ = ["Answer", "Clarify", "Decision", "Policy", "Unknown", "decide"]

_MOST_CHOICES: Final = 3
_LONGEST_PLACE: Final = 180  # characters of a section's id: a button sends it back, and channels bound what it may send
_LEAST: Final = 1e-6  # a confidence has odds only inside of 0 and 1
_NEAR: Final = 0.2  # of the best candidate's confidence: nobody is asked to choose what is hardly meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What mistakes cost, an unneeded "I don't know" being 1."""

    wrong_price: float = 10.0  # a confident answer to what the articles do not cover
    mixed_price: float = (
        1.5  # the answer to a neighbouring problem: it is near, and it says what it took the question for
    )
    ask_price: float = 0.5  # one question back, even though it leads to the right answer
    slope: float = 1.0  # of the log odds of a confidence: what rated traffic says of it (`helpbot tune`)
    shift: float = 0.0

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

    def set_right(self, confidence: float) -> float:
        """A confidence as rated traffic says it should be read."""
        if (self.slope, self.shift) == (1.0, 0.0):
            return confidence
        inside = min(max(confidence, _LEAST), 1 - _LEAST)
        return 1 / (1 + exp(-(self.slope * log(inside / (1 - inside)) + self.shift)))


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
    candidates = tuple(_set_right(candidate, policy) for candidate in problem.candidates)
    if not candidates:
        return Unknown(reason="unknown_error" if problem.unknown_error else "nothing")
    best = candidates[0]
    known = problem.known if best.exact else policy.set_right(problem.known)
    known = min(1.0, max(known, best.confidence))
    choices = _choices(candidates)
    meant = sum(choice.confidence for choice in choices)
    cost_answer = (1 - known) * policy.wrong_price + (known - best.confidence) * policy.mixed_price
    # Whoever is shown the headings of passages that are not covered is told "I don't know" next, and that was right.
    missed = max(known - meant, 0.0) if best.passage is not None else 1 - meant
    cost_ask = policy.ask_price + missed if len(choices) > 1 else float("inf")
    if best.passage is not None and cost_answer <= known:
        cost_ask = float("inf")  # with articles alone asking takes the place of a refusal, never of an answer
    cost_unknown = known
    least = min(cost_answer, cost_ask, cost_unknown)
    if cost_answer == least:
        return Answer(candidate=best)
    if cost_ask == least:
        return Clarify(candidates=choices, facet=_telling_facet(choices, knowledge))
    if problem.unknown_error:
        return Unknown(reason="unknown_error")
    return Unknown(reason="not_covered" if known < policy.clarify_at else "unsure")


def _set_right(candidate: Candidate, policy: Policy) -> Candidate:
    """A candidate as rated traffic weighs it; an error that stands in the text word for word is sure anyway."""
    confidence = candidate.confidence if candidate.exact else policy.set_right(candidate.confidence)
    return candidate if confidence == candidate.confidence else replace(candidate, confidence=confidence)


def _choices(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The two or three that may be meant; only the best where no other comes near it.

    Of passages the first ones are offered however far behind they are: a person who sees their headings knows at once
    whether the best is meant, which nothing that was measured of it tells as well.
    """
    if candidates[0].passage is not None:
        return tuple(
            candidate
            for candidate in candidates[:_MOST_CHOICES]
            if candidate.passage is not None
            and len(candidate.passage.article) + len(candidate.passage.anchor) <= _LONGEST_PLACE
        )
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
