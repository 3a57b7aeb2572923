"""Knowledge that has nothing but articles: which section is meant is asked back, and a choice is answered from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from helpbot.dialogue.events import UserChose
from helpbot.dialogue.rehearse import Rehearsal
from helpbot.dialogue.world import World
from helpbot.knowledge.article import Article
from helpbot.knowledge.base import KnowledgeBase
from helpbot.knowledge.parse import parse_article
from helpbot.messages import Outcome
from helpbot.understanding.diagnosis import Candidate, Diagnosis, InputKind, Passage, Problem
from tests.dialogue.worlds import NOON, small_world

OVEN = """---
title: The oven
---

## Clean {#clean}

1. Wipe it.

## Heat {#heat}

1. Wait.
"""
STOVE = "---\ntitle: The stove\n---\n\n## Clean {#clean}\n\n1. Scrub it.\n"


def _passage(article: str, anchor: str, section: str) -> Passage:
    title = {"oven": "The oven", "stove": "The stove"}[article]
    return Passage(article=article, title=title, section=section, anchor=anchor, text="", score=1.0)


PASSAGES = (_passage("oven", "clean", "Clean"), _passage("stove", "clean", "Clean"), _passage("oven", "heat", "Heat"))


def _diagnosed(text: str, facets: Mapping[str, str]) -> Diagnosis:
    del facets
    candidates = tuple(
        Candidate(resolution=None, confidence=confidence, score=1.0, passage=passage)
        for confidence, passage in zip((0.66, 0.04, 0.02), PASSAGES, strict=True)
    )
    known = 0.75 if "clean" in text else 0.4
    if known < 0.5:
        candidates = tuple(replace(candidate, confidence=candidate.confidence / 2) for candidate in candidates)
    return Diagnosis(
        text=text, kind=InputKind.QUESTION, problems=(Problem(text=text, candidates=candidates, known=known),)
    )


@pytest.fixture
def talk() -> Rehearsal:
    articles = {}
    for name, text in (("oven", OVEN), ("stove", STOVE)):
        article = parse_article(text, f"{name}.md", name)
        assert isinstance(article, Article)
        articles[name] = article
    world: World = replace(
        small_world(), knowledge=KnowledgeBase(articles=articles, resolutions={}), diagnose=_diagnosed
    )
    return Rehearsal(world, at=NOON)


def test_headings_are_offered_where_the_best_section_is_likely_but_not_sure(talk: Rehearsal) -> None:
    reply = talk.say("how is it kept clean")
    assert reply.outcome is Outcome.CLARIFY
    assert [choice.label for choice in reply.choices[:3]] == ["The oven: Clean", "The stove: Clean", "Heat"]


def test_what_is_hardly_covered_is_refused_and_not_asked(talk: Rehearsal) -> None:
    assert talk.say("how does it fly").outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize("pressed", [True, False], ids=["pressed", "typed"])
def test_the_section_that_was_chosen_is_answered_and_cited(talk: Rehearsal, *, pressed: bool) -> None:
    reply = talk.say("how is it kept clean")
    chosen = talk.happen(UserChose(at=NOON, choice=reply.choices[1].id)) if pressed else talk.say("2")
    assert chosen is not None
    assert chosen.outcome is Outcome.ANSWER
    assert "Scrub it." in chosen.text
    assert [(citation.article, citation.anchor) for citation in chosen.citations] == [("stove", "clean")]


@pytest.mark.parametrize("choice", ["none", "pick:oven#gone", "pick:gone#clean", "pick:#"])
def test_a_choice_of_nothing_that_is_there_is_no_answer(talk: Rehearsal, choice: str) -> None:
    talk.say("how is it kept clean")
    reply = talk.happen(UserChose(at=NOON, choice=choice))
    assert reply is not None
    assert reply.outcome is Outcome.NO_ANSWER
