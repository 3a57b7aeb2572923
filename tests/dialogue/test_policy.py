"""The cheapest choice: prices decide, and the thresholds follow from them."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpbot.dialogue.policy import Answer, Clarify, Policy, Unknown, decide
from helpbot.errors import Origin
from helpbot.knowledge.base import KnowledgeBase
from helpbot.knowledge.resolution import Kind, Resolution, Source
from helpbot.knowledge.vocabulary import Vocabulary
from helpbot.understanding.diagnosis import Candidate, Passage, Problem

PSAS = {"autotask": ("Autotask",), "connectwise": ("ConnectWise",), "halopsa": ("HaloPSA",)}


def _resolution(name: str, **applies_to: tuple[str, ...]) -> Resolution:
    return Resolution(
        id=name, title=name, label=name, kind=Kind.FIX, topic="t", source=Source("a", "b"), cause="",
        applies_to=MappingProxyType(applies_to), origin=Origin(""),
    )  # fmt: skip


KNOWLEDGE = KnowledgeBase(
    articles={},
    resolutions={
        "at": _resolution("at", psa=("autotask",)),
        "cw": _resolution("cw", psa=("connectwise",)),
        "both": _resolution("both", psa=("autotask", "connectwise")),
        "any": _resolution("any"),
    },
    vocabulary=Vocabulary(facets={"psa": PSAS}),
)


def _problem(known: float, unknown_error: str = "", **confidences: float) -> Problem:
    candidates = tuple(
        Candidate(resolution=name, confidence=value, score=value)
        for name, value in sorted(confidences.items(), key=lambda pair: -pair[1])
    )
    return Problem(text="", candidates=candidates, known=known, unknown_error=unknown_error)


DECIDED = [
    (_problem(0.99, at=0.97, any=0.01), Answer),
    (_problem(0.99, at=0.5, cw=0.45), Clarify),
    (_problem(0.99, at=0.4, cw=0.3, any=0.25), Clarify),
    (_problem(0.3, at=0.29), Unknown),
    (_problem(0.6, at=0.58), Unknown),
    (_problem(0.05, at=0.03, cw=0.02), Unknown),
    (Problem(text="", candidates=(), known=0.0), Unknown),
]


@pytest.mark.parametrize(("problem", "wanted"), DECIDED)
def test_the_cheapest_is_chosen(problem: Problem, wanted: type) -> None:
    assert isinstance(decide(problem, Policy(), KNOWLEDGE), wanted)


def test_the_facet_that_tells_them_apart_is_asked() -> None:
    asked = decide(_problem(0.99, at=0.5, cw=0.45), Policy(), KNOWLEDGE)
    assert isinstance(asked, Clarify)
    assert asked.facet == "psa"


def test_without_such_a_facet_labels_are_asked() -> None:
    for other in ("any", "both"):
        asked = decide(_problem(0.99, at=0.5, **{other: 0.45}), Policy(), KNOWLEDGE)
        assert isinstance(asked, Clarify)
        assert asked.facet is None


def test_why_nothing_is_known_is_told() -> None:
    assert decide(_problem(0.1, "E1", at=0.05), Policy(), KNOWLEDGE) == Unknown(reason="unknown_error")
    assert decide(_problem(0.1, at=0.05), Policy(), KNOWLEDGE) == Unknown(reason="not_covered")
    assert decide(_problem(0.85, at=0.8), Policy(wrong_price=100), KNOWLEDGE) == Unknown(reason="unsure")


def test_a_dearer_mistake_asks_for_more_confidence() -> None:
    assert Policy(wrong_price=1).answer_at == 0.5
    assert Policy().answer_at == pytest.approx(10 / 11)
    problem = _problem(0.95, at=0.94)
    assert isinstance(decide(problem, Policy(wrong_price=5), KNOWLEDGE), Answer)
    assert isinstance(decide(problem, Policy(wrong_price=50), KNOWLEDGE), Unknown)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 100))
def test_more_confidence_never_takes_an_answer_away(known: float, share: float, price: float) -> None:
    policy = Policy(wrong_price=price)
    if isinstance(decide(_problem(known, at=known * share), policy, KNOWLEDGE), Answer):
        better = min(1.0, known + 0.1)
        surer = _problem(better, at=better * min(1.0, share + 0.1))
        assert isinstance(decide(surer, policy, KNOWLEDGE), Answer)


def test_of_articles_alone_headings_are_asked_instead_of_a_refusal_and_never_instead_of_an_answer() -> None:
    def problem(confidence: float, known: float, anchor: str = "b") -> Problem:
        return Problem(
            text="?", known=known,
            candidates=tuple(
                Candidate(
                    resolution=None, confidence=each, score=1.0,
                    passage=Passage(article="a", title="A", section="B", anchor=anchor, text="", score=1.0),
                )
                for each in (confidence, 0.02)
            ),
        )  # fmt: skip

    assert isinstance(decide(problem(0.9, 0.93), Policy(), KNOWLEDGE), Answer)
    asked = decide(problem(0.6, 0.7), Policy(), KNOWLEDGE)
    assert isinstance(asked, Clarify)
    assert len(asked.candidates) == 2  # however far behind the second is
    assert isinstance(decide(problem(0.4, 0.7), Policy(), KNOWLEDGE), Unknown)
    assert isinstance(decide(problem(0.6, 0.7, "b" * 200), Policy(), KNOWLEDGE), Unknown)  # no button could send it
