"""Every score is the sum of its evidence, and the evidence says what an author can act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpbot.compiled import open_engine
from helpbot.understanding.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"signature", "question", "words", "meaning", "chunk", "facet", "missing"}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(ROOT / "knowledge").engine


def test_the_evidence_of_every_candidate_adds_up_to_its_score(engine: Engine) -> None:
    for resolution in engine.knowledge.resolutions.values():
        for question in resolution.questions[::30]:
            for problem in engine.diagnose(question).problems:
                for candidate in problem.candidates[:3]:
                    total = sum(part.weight for part in candidate.evidence)
                    assert total == pytest.approx(candidate.score, abs=1e-4), question
                    assert {part.kind for part in candidate.evidence} <= KINDS


def test_what_the_candidate_never_says_is_named(engine: Engine) -> None:
    candidate = engine.diagnose("rate limit of ConnectWise and my zebra").problems[0].candidates[0]
    missing = [part.label for part in candidate.evidence if part.kind == "missing"]
    assert missing
    assert "zebra" in missing[0]


def test_the_nearest_example_question_is_quoted(engine: Engine) -> None:
    resolution = engine.knowledge.resolutions["order-stuck-processing"]
    candidate = engine.diagnose(resolution.questions[3]).problems[0].candidates[0]
    assert candidate.resolution == resolution.id
    assert resolution.questions[3] in [part.label for part in candidate.evidence if part.kind == "question"]
