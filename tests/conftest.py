"""What all tests share: the shipped knowledge with its engine, compiled once a session."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from helpbot.dialogue.policy import Policy
from helpbot.dialogue.replies import Replies
from helpbot.dialogue.world import World
from helpbot.hearing import open_hearing, open_marking
from helpbot.loading import read_replies
from helpbot.understanding.encoder import Encoder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
    """Compiled knowledge goes beside the checkout, so that a second run of the tests starts fast."""
    del request, tmp_path_factory
    os.environ.setdefault("HELPBOT_CACHE", str(ROOT / "var" / "cache"))


@pytest.fixture(scope="session")
def real_encoder() -> Encoder:
    """The encoder with its own weights; on a laptop without them the test is left out, on a build server it fails."""
    from helpbot import model

    encoder = model.load()
    if encoder is None:
        missing = "the encoder's weights are not installed (helpbot model install)"
        assert os.environ.get("CI") != "true", missing
        pytest.skip(missing)
    return encoder


@pytest.fixture(scope="session")
def shipped_world(_own_cache: None) -> World:
    """The shipped bot on words alone: the same on every machine."""
    from helpbot.compiled import open_engine

    compiled = open_engine(ROOT / "knowledge", encoder=None)
    return World(
        knowledge=compiled.knowledge,
        diagnose=compiled.engine.diagnose,
        replies=Replies(read_replies(ROOT / "bot")),
        policy=Policy(),
        hear=open_hearing(ROOT / "bot", compiled.knowledge, None),
        mark=open_marking(ROOT / "bot"),
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On a build server nothing that needs a browser or PostgreSQL is skipped without a word: it fails."""
    report = yield
    needed = any(item.get_closest_marker(name) for name in ("browser", "postgres"))
    if report.skipped and needed and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report
