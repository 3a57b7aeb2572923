"""Chromium for the tests of what people see. Without one they are skipped, except where CI says that it has one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.support import ARGUMENTS, Talk, host_pages, leave
from tests.web.support import Bot, Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = (
    os.environ.get("HELPBOT_CHROMIUM")
    or next(
        (
            path
            for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
            if Path(path).exists()
        ),
        None,
    )
    or shutil.which("chromium")
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no Chromium: install it, or set HELPBOT_CHROMIUM to it")
        pytest.skip("no Chromium: apt-get install chromium, or set HELPBOT_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def hosts() -> Iterator[Any]:
    """A web server of another origin, for pages that embed the widget."""
    with host_pages() as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, hosts: Any) -> Iterator[Running]:
    """A real bot that the other origin may embed."""
    from helpbot.channels.web.sites import Site

    folder = tmp_path_factory.mktemp("bot")
    sites = {
        "default": Site(name="Salesbuildr help", allowed=(hosts.origin,)),
        "dark": Site(key="dark", name="Salesbuildr help", allowed=(hosts.origin,), theme="dark"),
    }
    bot = Bot(folder, sites=sites)
    with Running(bot) as server:
        object.__setattr__(bot.settings, "public_url", server.url)
        yield server
    bot.close()


@pytest.fixture(autouse=True)
def _nothing_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test opened is closed when it ends, also when it fails: no page lives on into the next test."""
    yield
    if "browser" in request.fixturenames:
        running: Browser = request.getfixturevalue("browser")
        for context in running.contexts:
            leave(context)


@pytest.fixture
def talk(browser: Browser, running: Running, hosts: Any) -> Callable[..., Talk]:
    """Opens a host page with the widget, in a browser profile of its own."""

    def make(context: Any = None, **options: Any) -> Talk:
        return Talk.on_host(browser, running, hosts, context=context, **options)

    return make
