from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.web.support import PATIENCE, Bot, Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real bot on a free port."""
    bot = Bot(tmp_path_factory.mktemp("bot"))
    with Running(bot) as server:
        yield server
    bot.close()


@pytest.fixture(scope="module")
def web(running: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=PATIENCE) as client:
        yield client
