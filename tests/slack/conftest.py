from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slack.bot import Bot
from tests.slack.standin import StandIn


@pytest.fixture(scope="session")
def _standin() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.close()


@pytest.fixture
def slack() -> Iterator[StandIn]:
    standin = StandIn()
    yield standin
    standin.close()
    assert standin.faults == []


@pytest.fixture
def bot(slack: StandIn, tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(slack, tmp_path)
    yield bot
    bot.close()
