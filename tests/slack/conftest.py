from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.fixtures import postgres, postgres_url, sqlite_template, sqlite_url, url
from tests.reliability.figures import pytest_runtest_makereport
from tests.slack.bot import Bot
from tests.slack.standin import StandIn

__all__ = ["postgres", "postgres_url", "pytest_runtest_makereport", "sqlite_template", "sqlite_url", "url"]


@pytest.fixture(scope="session")
def _standin() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.close()


@pytest.fixture
def slack(_standin: StandIn) -> Iterator[StandIn]:
    _standin.reset()
    yield _standin
    assert _standin.faults == []


@pytest.fixture
def bot(slack: StandIn, tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(slack, tmp_path)
    yield bot
    bot.close()
