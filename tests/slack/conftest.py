from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store.fixtures import postgres, postgres_url, sqlite_template, sqlite_url, url

from tests.slack.bot import Bot
from tests.slack.standin import StandIn

__all__ = ["postgres", "postgres_url", "sqlite_template", "sqlite_url", "url"]


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
