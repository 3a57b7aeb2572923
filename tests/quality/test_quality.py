"""The figures of docs/quality.md may rise; below these floors nothing is shipped. Words alone: the same everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpbot.compiled import Compiled, open_engine
from helpbot.evaluation import Asked, chart, held_aside, is_held_aside, measure, read_asked, regress, svg
from helpbot.understanding.encoder import Encoder

ROOT = Path(__file__).resolve().parents[2]
EXAM = ROOT / "tests/quality/exam"


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return open_engine(ROOT / "knowledge")


def test_unseen_questions_are_answered_and_what_is_outside_is_not(compiled: Compiled) -> None:
    quality = measure(compiled.engine, read_asked(EXAM / "questions-a.jsonl"), read_asked(EXAM / "oos-a.jsonl"))
    assert quality.right >= 0.87
    assert quality.wrong <= 0.03
    assert quality.wrongly_answered <= 0.02
    assert quality.known_auroc >= 0.98


def test_pasted_errors_are_recognised(compiled: Compiled) -> None:
    quality = measure(compiled.engine, read_asked(EXAM / "errors-a.jsonl"))
    assert quality.right >= 0.97
    assert quality.wrong == 0


LOOK_ALIKES = (
    "Opportunity was not found in Salesforce", "taxCode 80 is an inactive", "Ticket was not found in Autotask",
    "Agreement has no external identifier", "Contract was not found in HaloPSA", "Opportunity was not found in HubSpot",
    "QuickBooks authentication error: please verify your credentials", "Xero API rate limit exceeded",
    "Contact has no internal identifier", "Company has no internal identifier",
)  # fmt: skip


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_a_look_alike_is_not_answered_as_the_known_error(compiled: Compiled, text: str) -> None:
    asked = Asked(text=text, outcomes=frozenset({"no_answer"}))
    assert not measure(compiled.engine, [], [asked]).wrongly_answered


@pytest.fixture(scope="module")
def with_meaning(real_encoder: Encoder) -> Compiled:
    return open_engine(ROOT / "knowledge", encoder=real_encoder)


@pytest.mark.full  # learns with the encoder
@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_a_look_alike_is_not_answered_as_the_known_error_where_meaning_counts(
    with_meaning: Compiled, text: str
) -> None:
    """What differs by one word means nearly the same: words alone refuse these without a rule, meaning does not."""
    test_a_look_alike_is_not_answered_as_the_known_error(with_meaning, text)


@pytest.mark.parametrize(("name", "least"), [("ambiguous-a", 0.8), ("handover-a", 0.85)])
def test_open_questions_are_asked_back_and_people_are_called(compiled: Compiled, name: str, least: float) -> None:
    assert measure(compiled.engine, read_asked(EXAM / f"{name}.jsonl")).right >= least


def test_the_knowledge_answers_its_own_labelled_lines(compiled: Compiled) -> None:
    lines = [example for example in compiled.knowledge.examples if example.text]
    assert len(regress(compiled.knowledge, compiled.engine)) <= 0.06 * len(lines)


@pytest.mark.full
def test_the_held_aside_fifth_is_understood(compiled: Compiled) -> None:
    quality = held_aside(compiled.knowledge)
    assert quality.best_right >= 0.78
    assert quality.wrongly_answered <= 0.17  # the authors write what is not covered as near to it as they can
    for bar in quality.bins():
        if bar.count >= 60:
            assert abs(bar.claimed - bar.right) <= 0.25  # set for what users ask, which is nearer than these


def test_about_a_fifth_is_held_aside(compiled: Compiled) -> None:
    questions = [q for resolution in compiled.knowledge.resolutions.values() for q in resolution.questions]
    assert 0.15 < sum(map(is_held_aside, questions)) / len(questions) < 0.25


def test_charts_show_every_bar(compiled: Compiled) -> None:
    bins = measure(compiled.engine, read_asked(EXAM / "errors-a.jsonl")).bins()
    assert chart(bins).count("\n") == len(bins)
    assert svg(bins).count("<circle") == len(bins)
