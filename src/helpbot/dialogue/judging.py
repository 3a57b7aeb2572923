"""What several readers ask of a diagnosis: is the error known, would it be answered, is it about something else."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from helpbot import later
from helpbot.dialogue import phrases
from helpbot.dialogue.conversation import Conversation
from helpbot.dialogue.policy import Answer, decide
from helpbot.dialogue.world import World
from helpbot.knowledge.base import KnowledgeBase
from helpbot.knowledge.vocabulary import Vocabulary
from helpbot.understanding.diagnosis import Diagnosis

__all__ = ["FAILS", "best_confidence", "common_words", "diagnosed", "exact_ones", "is_confident", "is_of_another"]


def diagnosed(now: Conversation, text: str, world: World) -> Diagnosis:
    """What a text means, given what is known of the user."""
    return world.diagnose(text, {"psa": now.psa} if now.psa else {})


def exact_ones(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The resolutions whose error stands in the text."""
    return tuple(
        problem.candidates[0].resolution
        for problem in diagnosis.problems
        if problem.candidates and problem.candidates[0].exact and problem.candidates[0].resolution
    )


def is_confident(diagnosis: Diagnosis, world: World) -> bool:
    """Whether the text by itself would be answered."""
    return any(isinstance(decide(problem, world.policy, world.knowledge), Answer) for problem in diagnosis.problems)


def best_confidence(diagnosis: Diagnosis) -> float:
    """How sure the likeliest candidate of any of its problems is, 0 to 1."""
    return max(
        (problem.candidates[0].confidence for problem in diagnosis.problems if problem.candidates),
        default=0.0,
    )


def is_of_another(now: Conversation, diagnosis: Diagnosis, world: World) -> bool:
    """Whether the text by itself is confidently about something else than the last answer."""
    for problem in diagnosis.problems:
        decision = decide(problem, world.policy, world.knowledge)
        if isinstance(decision, Answer) and decision.candidate.resolution not in now.offered:
            return True
    return False


FAILS: Final = later.pattern(
    r"\b(?:fail(?:ed|ure|s)?|invalid|denied|refused|forbidden|missing|rejected|timeout|exception|crash(?:ed)?|not|cannot|unable|expired|exceeded|please)\b|\berrors?$|[!?:]$",
    re.IGNORECASE,
)


class _Of:
    """A vocabulary as a key: the very same one, as comparing two costs as much as reading them."""

    __slots__ = ("vocabulary",)

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def __hash__(self) -> int:
        return id(self.vocabulary)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Of) and other.vocabulary is self.vocabulary


def common_words(knowledge: KnowledgeBase) -> frozenset[str]:
    """What is no product of the user's own: PSAs, distributors, the company's product and what the knowledge is about."""
    return _common(_Of(knowledge.vocabulary))


@lru_cache(maxsize=8)  # every turn asks; folding hundreds of names each time took longer than the answer
def _common(of: _Of) -> frozenset[str]:
    vocabulary = of.vocabulary
    listed = [*vocabulary.products]
    for ways in (
        *vocabulary.entities.values(),
        *(w for facet in vocabulary.facets.values() for w in facet.values()),
    ):
        listed += ways
    return frozenset(phrases.fold(word) for word in listed)
