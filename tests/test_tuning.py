"""Ratings set the confidence right: only from enough of them, and only where it holds for the rest."""

from __future__ import annotations

import random
from dataclasses import replace
from types import MappingProxyType

import pytest

from helpbot.dialogue.policy import Answer, Policy, Unknown, decide
from helpbot.knowledge.base import KnowledgeBase
from helpbot.tuning import Judged, Rated, count, judged, tuned
from helpbot.understanding.diagnosis import Candidate, Diagnosis, InputKind, Passage, Problem

KNOWLEDGE = KnowledgeBase(
    articles=MappingProxyType({}), resolutions=MappingProxyType({}), chunks=(), examples=(), version="1"
)


def problem(confidence: float, name: str = "vpn", *, exact: bool = False) -> Problem:
    candidate = Candidate(resolution=name, confidence=confidence, score=1.0, exact=exact)
    return Problem(text="?", candidates=(candidate,), known=confidence)


def row(confidence: float, *, right: bool) -> Judged:
    return Judged(
        problem=problem(confidence), right=right, covered=right or None,
        wanted=frozenset({"vpn"}) if right else frozenset(),
    )  # fmt: skip


def rated(seed: int, claimed: float, true: float, number: int = 200) -> list[Judged]:
    chance = random.Random(seed)
    return [row(claimed + chance.uniform(-0.02, 0.02), right=chance.random() < true) for _ in range(number)]


def test_a_bot_that_is_too_sure_of_itself_refuses_more() -> None:
    done = tuned(rated(1, 0.95, 0.6), Policy(), KNOWLEDGE)
    assert done.helps
    assert done.before.wrong > 50
    assert done.after.wrong == 0
    assert done.after.cost < done.before.cost
    assert isinstance(decide(problem(0.95), Policy(), KNOWLEDGE), Answer)
    assert isinstance(decide(problem(0.95), done.policy, KNOWLEDGE), Unknown)


def test_a_bot_that_is_too_shy_answers_more() -> None:
    done = tuned(rated(2, 0.8, 0.99), Policy(), KNOWLEDGE)
    assert done.helps
    assert done.before.right == 0
    assert done.after.right > 150


def test_what_is_right_already_is_left_alone() -> None:
    rows = rated(3, 0.97, 0.97) + rated(4, 0.3, 0.3)
    done = tuned(rows, Policy(), KNOWLEDGE)
    assert not done.helps
    assert done.policy.slope == pytest.approx(1.0, abs=0.25)
    assert done.policy.shift == pytest.approx(0.0, abs=0.4)


def test_the_same_ratings_give_the_same_numbers_whatever_was_set_before() -> None:
    rows = rated(5, 0.9, 0.7)
    assert tuned(rows, Policy(), KNOWLEDGE).policy == tuned(rows, Policy(slope=2.0, shift=1.0), KNOWLEDGE).policy


def test_an_error_that_stands_there_word_for_word_stays_sure() -> None:
    shy = Policy(slope=1.0, shift=-6.0)
    assert isinstance(decide(problem(0.99), shy, KNOWLEDGE), Unknown)
    told = decide(problem(0.99, exact=True), shy, KNOWLEDGE)
    assert isinstance(told, Answer)
    assert told.candidate.confidence == 0.99


def test_the_confidence_that_is_told_is_the_one_that_was_decided_on() -> None:
    told = decide(problem(0.9), Policy(shift=3.0), KNOWLEDGE)
    assert isinstance(told, Answer)
    assert told.candidate.confidence > 0.98


@pytest.mark.parametrize("confidence", [0.0, 1e-9, 0.5, 1.0])
def test_any_confidence_stays_one(confidence: float) -> None:
    assert 0 <= Policy(slope=4.0, shift=8.0).set_right(confidence) <= 1
    assert Policy().set_right(confidence) == confidence


def test_what_a_rating_tells() -> None:
    def diagnose(text: str) -> Diagnosis:
        found = replace(problem(0.9, text), text=text)
        return Diagnosis(text=text, kind=InputKind.QUESTION, problems=(found,))

    rows = [
        Rated(text="a", given=("a",), helped=True),  # right then, right now
        Rated(text="b", given=("a",), helped=True),  # another is given now: wrong
        Rated(text="a", given=("a",), helped=False),  # wrong then, and the same now
        Rated(text="b", given=("a",), helped=False),  # says nothing of what is given now
        Rated(text="a", meant=("a",)),
        Rated(text="a", meant=()),  # nothing covers it
        Rated(text="a", given=("a",)),  # nobody said
    ]
    found = judged(rows, diagnose)
    assert [(row.right, row.covered) for row in found] == [
        (True, True), (False, True), (False, None), (True, True), (False, False),
    ]  # fmt: skip
    total = count(found, Policy(wrong_price=5.0, mixed_price=2.0), KNOWLEDGE)
    assert (total.right, total.wrong, total.cost) == (2, 3, 2.0 + 5.0 + 5.0)


def test_a_passage_is_known_by_its_section_or_its_article() -> None:
    passage = Passage(article="vpn", title="VPN", section="Drops", anchor="drops", text="…", score=1.0)
    found = Problem(
        text="?", candidates=(Candidate(resolution=None, confidence=0.9, score=1.0, passage=passage),), known=0.9
    )
    diagnosis = Diagnosis(text="?", kind=InputKind.QUESTION, problems=(found,))
    for name in ("vpn#drops", "vpn"):
        assert judged([Rated(text="?", given=(name,), helped=True)], lambda _: diagnosis)[0].right
