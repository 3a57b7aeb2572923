"""Worlds to converse in: the shipped one with its real engine, and a small one whose understanding is scripted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from helpbot.dialogue.policy import Policy
from helpbot.dialogue.replies import Replies
from helpbot.dialogue.world import Manners, World
from helpbot.knowledge.article import Article, Section
from helpbot.knowledge.base import KnowledgeBase
from helpbot.knowledge.resolution import Kind, Point, Resolution, Source, Step
from helpbot.knowledge.vocabulary import Vocabulary
from helpbot.loading import read_replies
from helpbot.understanding.diagnosis import Candidate, Diagnosis, InputKind, Problem

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

_SOURCE = Source("guide", "sync")


def _resolution(name: str, title: str, psa: str = "", *points: tuple[str, str]) -> Resolution:
    return Resolution(
        id=name, title=title, label=title, kind=Kind.FIX, topic="sync", source=_SOURCE, cause=f"Because of {title}.",
        applies_to={"psa": (psa,)} if psa else {}, errors=(f"{name} failed",),
        steps=(Step(text="Do it.", source=_SOURCE, go="Admin > Tools"),),
        points=tuple(Point(term=term, text=text, source=_SOURCE) for term, text in points), check="Look again.",
    )  # fmt: skip


SMALL = KnowledgeBase(
    articles={
        "guide": Article(
            id="guide", title="Guide", updated="2026-01-01",
            sections=(Section(article="guide", anchor="sync", title="Sync", level=2, body="Go to **Admin > Tools**."),),
        )
    },
    resolutions={
        each.id: each
        for each in (
            _resolution("alpha", "Alpha", "autotask", ("New", "just made")),
            _resolution("beta", "Beta", "connectwise"),
            _resolution("gamma", "Gamma"),
        )
    },
    vocabulary=Vocabulary(facets={"psa": {"autotask": ("Autotask", "AT"), "connectwise": ("ConnectWise", "CW")}}),
    version="small",
)  # fmt: skip


def scripted(text: str, facets: Mapping[str, str]) -> Diagnosis:
    """Understanding by keyword: `alpha`, `beta` and `gamma` are known, `either` is two of them, `x failed` is an error."""
    del facets
    names = [name for name in SMALL.resolutions if name in text.lower()]
    if "either" in text.lower():
        candidates = (
            Candidate(resolution="alpha", confidence=0.5, score=1),
            Candidate(resolution="beta", confidence=0.45, score=1),
        )
        problems: tuple[Problem, ...] = (Problem(text=text, candidates=candidates, known=0.98),)
    else:
        problems = tuple(
            Problem(
                text=text,
                known=1.0,
                candidates=(Candidate(resolution=name, confidence=0.99, score=1, exact="failed" in text),),
            )
            for name in names
        ) or (Problem(text=text, candidates=(), known=0.0),)
    error = next((line for line in text.split("\n") if "failed" in line or "0x" in line), "")
    kind = InputKind.ERROR if error else InputKind.QUESTION
    return Diagnosis(text=text, kind=kind, problems=problems, error_text=error)


def small_world(manners: Manners | None = None) -> World:
    """Three resolutions and scripted understanding: fast enough for thousands of conversations."""
    return World(
        knowledge=SMALL, diagnose=scripted, replies=Replies(read_replies(ROOT / "bot")), policy=Policy(),
        manners=manners or Manners(),
    )  # fmt: skip
