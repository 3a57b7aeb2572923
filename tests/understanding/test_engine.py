"""What messages come to, on the shipped knowledge with words alone, and on knowledge that has nothing but articles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpbot.compiled import open_engine
from helpbot.dialogue.policy import Answer, Clarify, Policy, Unknown, decide
from helpbot.knowledge.article import Chunk
from helpbot.knowledge.base import KnowledgeBase
from helpbot.knowledge.chunk import chunks_of
from helpbot.knowledge.parse import parse_article
from helpbot.retrieval.search import Searcher
from helpbot.understanding.diagnosis import InputKind
from helpbot.understanding.engine import Engine
from helpbot.understanding.passages import found_in
from helpbot.understanding.training import train
from helpbot.understanding.weigh import Found, Near, judge_passage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(ROOT / "knowledge").engine


def _answers(engine: Engine, text: str) -> list[str | None]:
    decisions = [decide(problem, Policy(), engine.knowledge) for problem in engine.diagnose(text).problems]
    return [decision.candidate.resolution for decision in decisions if isinstance(decision, Answer)]


ANSWERED = [
    ("catalogItem object is invalid. 80 is an inactive", ["connectwise-catalogitem-inactive"]),
    ('{"err":{"detail":"catalogItem object is invalid. 1307 is an inactive"}}', ["connectwise-catalogitem-inactive"]),
    ("COMPANY HAS NO EXTERNAL IDENTIFIER", ["company-no-external-identifier"]),
    ("how long do you back off when ConnectWise limits our calls?", ["connectwise-rate-limit"]),
    ("which permission does a user need to import pricing books", ["permissions-list"]),
    (
        "- BillingCode does not exist or is invalid\n- Opportunity was not found in Autotask",
        ["billingcode-invalid", "autotask-opportunity-not-found"],
    ),
]
REFUSED = [
    "Ticket was not found in Autotask",
    "taxCode object is invalid. 80 is an inactive",
    "Agreement has no external identifier",
    "Contract was not found in HaloPSA",
    "sing me a song about routers",
    "Can two reps share one quote and split the deal?",
    "what is the capital of France",
]


@pytest.mark.parametrize(("text", "wanted"), ANSWERED)
def test_what_the_articles_cover_is_answered(engine: Engine, text: str, wanted: list[str]) -> None:
    assert _answers(engine, text) == wanted


@pytest.mark.parametrize("text", REFUSED)
def test_what_they_do_not_cover_gets_no_answer(engine: Engine, text: str) -> None:
    assert _answers(engine, text) == []


def test_the_placeholders_of_a_known_error_are_captured(engine: Engine) -> None:
    candidate = engine.diagnose("catalogItem object is invalid. 1145 is an inactive").problems[0].candidates[0]
    assert candidate.exact
    assert candidate.captured == {"category_id": "1145"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("company has no external id", "company-no-external-identifier"),
        ("no matching records, what are the typical causes", "autotask-no-matching-records"),
        ("it finds no matching results for the category, why", "autotask-no-matching-records"),
        ("the authentication error please verify your credentials", "autotask-authentication-error"),
        ("autotask sign in please verify your credentials", "autotask-authentication-error"),
    ],
)
def test_a_short_form_a_small_word_or_a_question_is_no_other_error(engine: Engine, text: str, wanted: str) -> None:
    assert _answers(engine, text) == [wanted]


def test_an_open_question_is_asked_back(engine: Engine) -> None:
    problem = engine.diagnose("external identifier missing").problems[0]
    decision = decide(problem, Policy(), engine.knowledge)
    assert isinstance(decision, Clarify)
    names = {candidate.resolution for candidate in decision.candidates}
    assert {"company-no-external-identifier", "contact-no-external-identifier"} <= names


def test_a_person_is_asked_for(engine: Engine) -> None:
    assert engine.diagnose("let me talk to a real person please").handover >= 0.5
    assert engine.diagnose("BillingCode does not exist or is invalid").handover < 0.5


def test_a_known_system_tells_neighbours_apart(engine: Engine) -> None:
    text = "how are users matched"
    for psa in ("autotask", "connectwise", "halopsa"):
        scores = {c.resolution: c.score for c in engine.diagnose(text, {"psa": psa}).problems[0].candidates}
        plain = {c.resolution: c.score for c in engine.diagnose(text).problems[0].candidates}
        assert scores[f"user-matching-{psa}"] >= plain[f"user-matching-{psa}"]


def test_an_unknown_error_is_kept_as_it_stands(engine: Engine) -> None:
    text = "our sync stopped:\nERROR Widget 77 could not be frobnicated: code 0x80070005"
    problem = engine.diagnose(text).problems[0]
    assert problem.unknown_error
    assert problem.unknown_error in text


def test_nothing_is_asked_of_an_empty_message(engine: Engine) -> None:
    for text in ("", "   \n", "\u200b\u200b"):
        diagnosis = engine.diagnose(text)
        assert diagnosis.kind is InputKind.EMPTY
        assert diagnosis.problems == ()


def test_the_same_message_means_the_same(engine: Engine) -> None:
    text = "our quotes do not arrive in halo, and what does Rejected mean?"
    assert engine.diagnose(text) == engine.diagnose(text)


def test_reasons_are_the_same_whenever_they_are_read(engine: Engine) -> None:
    asked = "how do I reset the rate limit of ConnectWise"
    first, second = (engine.diagnose(asked).problems[0].candidates[0].evidence for _ in range(2))
    for other in ANSWERED[:3]:  # nothing that comes between changes them
        engine.diagnose(other[0])
    assert first == second
    assert tuple(first) == second[:]
    assert hash(first) == hash(second)
    assert len(first) == len(list(first)) > 0


def test_noise_is_cut_for_the_encoder_where_language_is_not(engine: Engine) -> None:
    language = "the product is not synced to the distributor because the category was deleted in the catalog " * 6
    noise = " ".join(f"xq{number}zkvw" for number in range(80))
    assert engine._told(language) == language[:600]
    assert 150 < len(engine._told(noise)) < 400
    assert engine._told("zkvwq " * 20) == "zkvwq " * 20


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=400))
def test_any_text_comes_to_something(engine: Engine, text: str) -> None:
    for problem in engine.diagnose(text).problems:
        assert 0 <= problem.known <= 1
        confidences = [candidate.confidence for candidate in problem.candidates]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0 <= confidence <= 1 for confidence in confidences)


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "́" * 5_000, "\ud800" * 100, "a" * 20_000, "x " * 10_000, "\x00\x07" * 500]
)
def test_bad_input_comes_to_something(engine: Engine, text: str) -> None:
    engine.diagnose(text)


ARTICLE = """---
title: The door
updated: 2026-01-01
---
## The door does not open {#stuck}

The message `Door handle is frozen solid` means that the lock has iced over.

1. Warm the handle with your hand.
2. Turn it twice to the left.

## Paint {#paint}

The door is painted green every spring, with two coats.
"""
HINGE = """
## The hinge squeaks {#hinge}

`Hinge 4 reports a squeak` means that it is dry. Oil it.
"""
RESOLUTION = """id: hinge
title: The hinge squeaks
label: Squeaking hinge
kind: fix
topic: doors
applies_to: {}
errors: ["Hinge {number:int} reports a squeak"]
questions:
  - the hinge squeaks
  - why does my door make a noise
  - squeaking whenever it moves
  - how is a hinge oiled
  - "a noise \u2013 every morning"
source: door#hinge
cause: The hinge is dry.
steps:
  - text: Oil it.
    source: door#hinge
check: Move the door.
"""
QUESTIONS = """{"text": "what does a new door cost", "outcome": "no_answer", "kind": "near"}
{"text": "noise", "outcome": "clarify", "resolutions": ["hinge"]}
"""


@pytest.fixture(scope="module")
def door() -> Engine:
    article = parse_article(ARTICLE, "articles/door.md", "door")
    assert not isinstance(article, list)
    knowledge = KnowledgeBase(articles={"door": article}, resolutions={}, chunks=chunks_of([article]))
    return Engine(knowledge, train(knowledge))


def test_articles_alone_answer_with_their_section(door: Engine) -> None:
    for text in ("Door handle is frozen solid", "when is the door painted"):
        candidate = door.diagnose(text).problems[0].candidates[0]
        assert candidate.passage is not None
        assert candidate.passage.anchor == ("stuck" if "frozen" in text else "paint")
    assert door.search("painted green")[0].anchor == "paint"


def test_articles_alone_refuse_what_shares_no_word_with_them(door: Engine) -> None:
    problem = door.diagnose("reset my password").problems[0]
    assert isinstance(decide(problem, Policy(), door.knowledge), Unknown)


def test_articles_alone_answer_what_stands_in_them_and_refuse_the_rest() -> None:
    texts = {
        "door": ARTICLE,
        "oven": "---\ntitle: The oven\n---\n## Clean the oven {#clean}\n\nHeat it to 80 degrees and wipe it with vinegar.\n"
        "\n## Oven error E-14: probe disconnected {#e-14}\n\n1. Switch the oven off.\n2. Plug the probe in again.\n",
        "lamp": "---\ntitle: The lamp\n---\n## Change the bulb of the lamp {#bulb}\n\nUnscrew the shade first.\n",
    }
    for names in (("oven",), ("door", "oven", "lamp")):  # no other article to be ahead of; few of them
        articles = [parse_article(texts[name], f"{name}.md", name) for name in names]
        found = {article.id: article for article in articles if not isinstance(article, list)}
        knowledge = KnowledgeBase(articles=found, resolutions={}, chunks=chunks_of(found.values()))
        engine = Engine(knowledge, train(knowledge))
        for text, anchor in (("how do I clean the oven?", "clean"), ("Oven error E-14: probe disconnected", "e-14")):
            decision = decide(engine.diagnose(text).problems[0], Policy(), knowledge)
            assert isinstance(decision, Answer), text
            assert decision.candidate.passage is not None
            assert decision.candidate.passage.anchor == anchor
        for text in (
            "what is the capital of France",
            "my invoice is wrong, who can I call?",
        ):
            assert isinstance(decide(engine.diagnose(text).problems[0], Policy(), knowledge), Unknown), text
        noisy = (
            "com.acme.kitchen.ovens.DoorWatch on node 17 told us this morning that: Oven error E-14: probe disconnected"
        )
        known = decide(engine.diagnose(noisy).problems[0], Policy(), knowledge)
        assert isinstance(known, Answer)
        assert known.candidate.passage is not None
        assert known.candidate.passage.anchor == "e-14"
        half = decide(engine.diagnose("how do I clean the carpet").problems[0], Policy(), knowledge)
        assert not isinstance(half, Answer)  # it may ask whether the oven is meant


def test_a_passage_is_trusted_the_more_of_the_text_it_holds() -> None:
    thin = Found(
        coverage=0.3, titled=0.0, elsewhere=0.3, unheard=0.4, missing=1.0, matched=2, lead=0.1, ahead=0.0, runs=0.0,
        tokens=6, chunks=100, error=0.0,
    )  # fmt: skip
    near = Near(cosine=0.4, over_tenth=0.1, lead=0.0, words_lead=0.0)
    for meaning in (None, near):
        for more in ({"coverage": 0.9}, {"titled": 0.6}, {"lead": 0.4}, {"runs": 0.8, "error": 1.0}):
            base = replace(thin, near=meaning, error=more.get("error", 0.0))
            assert judge_passage(replace(base, **more))[0] > judge_passage(base)[0], more
    assert judge_passage(replace(thin, unheard=0.0)) > judge_passage(thin)
    assert judge_passage(replace(thin, lead=1.0)) == judge_passage(replace(thin, lead=0.5))
    for sign in ("cosine", "over_tenth", "lead", "words_lead"):
        better = replace(near, **{sign: 0.5})
        assert judge_passage(replace(thin, near=better)) > judge_passage(replace(thin, near=near)), sign


def test_what_was_found_does_not_depend_on_articles_that_were_taken_out() -> None:
    def chunk(number: int, article: str, text: str) -> Chunk:
        return Chunk(id=number, article=article, anchor="a", title=article, text=text, section=article, kind="text")

    kept = [chunk(0, "oven", "clean the oven with vinegar"), chunk(1, "lamp", "switch the lamp on at the wall")]
    gone = chunk(2, "sink", "clean the sink and the oven")
    changed, anew = Searcher.build([*kept, gone]).changed(remove=["sink"]), Searcher.build(kept)
    for text in ("how do I clean the oven", "is the sink clean?"):
        cosines = np.array([0.6, 0.1, 0.9])
        cosines[2] = -1.0
        found = found_in(changed, text, changed.hits(text, 10, cosines=cosines), cosines)
        assert found == found_in(anew, text, anew.hits(text, 10, cosines=cosines[:2]), cosines[:2])


def test_a_stored_engine_answers_like_the_one_it_was_made_from(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELPBOT_CACHE", str(tmp_path))
    folder = tmp_path / "knowledge"
    (folder / "articles").mkdir(parents=True)
    (folder / "articles" / "door.md").write_text(ARTICLE + HINGE)
    (folder / "resolutions").mkdir()
    (folder / "resolutions" / "hinge.yaml").write_text(RESOLUTION)
    (folder / "questions.jsonl").write_text(QUESTIONS)
    told: list[str] = []
    first = open_engine(folder)
    assert len(first.engine.signatures) == 2  # the author's, and the one that stands in the article
    again = open_engine(folder, report=told.append)
    assert (first.warm, again.warm) == (False, True)
    assert first.knowledge == again.knowledge
    assert first.engine.signatures.signatures == again.engine.signatures.signatures
    for text in ("the door is stuck", "Door handle is frozen solid", "teh dor squeeks", "how is the hinge oild"):
        assert first.engine.diagnose(text) == again.engine.diagnose(text)
    stored = next(tmp_path.glob("engine-*.bin"))
    whole = stored.read_bytes()
    for broken in (whole[:-10], whole[:200], b"", whole[:300] + b"\xff" + whole[301:], b"not an engine"):
        stored.write_bytes(broken)
        told.clear()
        assert not open_engine(folder, report=told.append).warm
        assert "made again" in told[0]
