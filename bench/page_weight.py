"""What the widget costs a page: bytes raw, gzip and brotli, and requests before and after it is first opened.

    python bench/page_weight.py [--json] [--browser]

`--browser` also counts requests in Chromium. Exit 1 if the loader is over 2,000 bytes or the app over 15,000 (brotli).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

import brotli

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.web.support import ROOT, Bot, Running, world

from helpbot.channels.web.sites import LANGUAGES, Site, read_texts
from helpbot.channels.web.widget import FOLDER, app_page
from helpbot.dialogue.machine import greeting

BUDGET = {"before first open": 2_000, "after first open": 15_000}


def weights() -> dict[str, dict[str, int]]:
    """Bytes of each file, and of what is fetched before and after the first opening, by encoding."""
    texts, _ = read_texts(ROOT / "bot" / "widget" / "lang")
    pages = {
        language: app_page(
            Site(), language, "", texts, greeting(world()), public_url="https://bot.example.com", attachments=True
        )
        for language in LANGUAGES
    }
    heaviest = max(pages.values(), key=lambda page: len(brotli.compress(page.encode(), quality=11)))
    files = {name: (FOLDER / name).read_bytes() for name in ("loader.js", "app.js", "app.css")} | {
        "app.html": heaviest.encode()
    }
    found = {
        name: {"raw": len(data), "gzip": len(gzip.compress(data, 9)), "brotli": len(brotli.compress(data, quality=11))}
        for name, data in files.items()
    }
    found["before first open"] = found["loader.js"]
    found["after first open"] = {
        kind: sum(found[name][kind] for name in ("app.html", "app.css", "app.js")) for kind in ("raw", "gzip", "brotli")
    }
    return found


def requests() -> dict[str, list[str]]:
    """What a browser asks the bot for, before and after the first opening."""
    from playwright.sync_api import sync_playwright
    from tests.browser.conftest import CHROMIUM
    from tests.browser.support import ARGUMENTS, Talk, host_pages

    with tempfile.TemporaryDirectory() as folder, host_pages() as hosts, sync_playwright() as playwright:
        bot = Bot(Path(folder), sites={"default": Site(allowed=(hosts.origin,))})
        with Running(bot) as running:
            object.__setattr__(bot.settings, "public_url", running.url)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            talk = Talk.on_host(browser, running, hosts, open=False)
            talk.page.wait_for_timeout(500)
            before = [url.removeprefix(running.url) for url in talk.requests if url.startswith(running.url)]
            talk.open()
            talk.page.wait_for_timeout(300)
            after = [url.removeprefix(running.url) for url in talk.requests if url.startswith(running.url)][
                len(before) :
            ]
            browser.close()
        bot.close()
    return {"before first open": before, "after first open": after}


def main() -> int:
    """Print the table; 1 if a budget is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--browser", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("HELPBOT_CACHE", str(ROOT / "var" / "test-cache"))
    found = weights()
    asked = requests() if options.browser else {}
    over = [name for name, most in BUDGET.items() if found[name]["brotli"] > most]
    if options.json:
        print(json.dumps({"bytes": found, "requests": {name: len(urls) for name, urls in asked.items()}, "over": over}))
    else:
        print(f"{'':20}{'raw':>9}{'gzip':>9}{'brotli':>9}   budget")
        for name, sizes in found.items():
            budget = f"{BUDGET[name]:,}" if name in BUDGET else ""
            print(f"{name:20}{sizes['raw']:>9,}{sizes['gzip']:>9,}{sizes['brotli']:>9,}   {budget}")
        for name, urls in asked.items():
            print(f"{name}: {len(urls)} requests: {', '.join(urls)}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
