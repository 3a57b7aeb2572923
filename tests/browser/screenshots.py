"""Photographs the widget in its states and the help pages, for docs/screenshots.

    .venv/bin/python -m tests.browser.screenshots [folder]

Each state at 390 and 1280 pixels, light; a few of them dark, right-to-left and in another language.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from helpbot.channels.web.sites import Site
from tests.browser.conftest import CHROMIUM
from tests.browser.states import STATES
from tests.browser.support import ARGUMENTS, SCREENSHOTS, Talk
from tests.web.support import Bot, Running

SIZES = {"390": {"width": 390, "height": 844}, "1280": {"width": 1280, "height": 800}}


def main(folder: Path) -> None:
    """Take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    sites = {"default": Site(name="Salesbuildr help")}
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        bot = Bot(Path(place), sites=sites, ocr=True)
        with Running(bot) as running:
            object.__setattr__(bot.settings, "public_url", running.url)
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*ARGUMENTS, "--font-render-hinting=none"]
            )
            for width, size in SIZES.items():
                for name in STATES:
                    _one(browser, running, folder / f"{name}-{width}.png", name, viewport=size)
                for name in ("answer", "form", "agent"):
                    _one(
                        browser, running, folder / f"{name}-dark-{width}.png", name, viewport=size, color_scheme="dark"
                    )
                _pages(browser, running, folder, width, size)
            _one(browser, running, folder / "form-de-390.png", "form", viewport=SIZES["390"], locale="de-DE")
            browser.close()
        bot.close()


def _one(browser: Any, running: Running, path: Path, state: str, **options: Any) -> None:
    context = browser.new_context(reduced_motion="reduce", **options)
    page = context.new_page()
    talk = Talk(page, running)
    if "locale" in options:
        page.add_init_script(
            "addEventListener('DOMContentLoaded', () => document.documentElement.removeAttribute('lang'))"
        )
    page.goto(running.url)
    talk.open()
    STATES[state](talk)
    page.wait_for_timeout(250)
    page.mouse.move(0, 0)
    page.screenshot(path=path)
    context.close()
    print(path.name, flush=True)


def _pages(browser: Any, running: Running, folder: Path, width: str, size: Any) -> None:
    for scheme, ending in (("light", ""), ("dark", "-dark")):
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        for name, path in (
            ("home", "/"),
            ("article", "/articles/psa-sync-issues#autotask-billingcode"),
            ("search", "/articles?q=billing code"),
        ):
            page.goto(running.url + path)
            page.wait_for_timeout(200)
            page.screenshot(path=folder / f"{name}{ending}-{width}.png")
        context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SCREENSHOTS)
