"""Lighthouse on a plain page, with and without the widget: what having it costs the page's performance score.

    python bench/lighthouse.py [--runs 5] [--json]

Needs Lighthouse, which is no dependency of ours: `npm install lighthouse` in any folder, then HELPBOT_LIGHTHOUSE=that
folder. Without it, says so and ends. The two pages take turns, the median of each is compared. Exit 1 if the score
differs by more than one point of a hundred.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

MOST = 1.0  # points of a hundred
AUDITS = {
    "first-contentful-paint": "FCP ms",
    "largest-contentful-paint": "LCP ms",
    "total-blocking-time": "TBT ms",
    "cumulative-layout-shift": "CLS",
    "total-byte-weight": "bytes",
}


def found() -> str | None:
    """Lighthouse's command: in the folder that HELPBOT_LIGHTHOUSE names, or on the path."""
    folder = os.environ.get("HELPBOT_LIGHTHOUSE", "")
    place = Path(folder) / "node_modules" / ".bin" / "lighthouse"
    return str(place) if folder and place.exists() else shutil.which("lighthouse")


def look(command: str, url: str, chromium: str, folder: Path) -> dict[str, float]:
    """One run: the performance score of a hundred, and what it is made of."""
    report = folder / "report.json"
    done = subprocess.run(
        [
            command, url, "--quiet", "--no-enable-error-reporting", "--only-categories=performance", "--output=json",
            f"--output-path={report}", "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
        ],
        env={**os.environ, "CHROME_PATH": chromium}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"Lighthouse ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    told: dict[str, Any] = json.loads(report.read_text("utf-8"))
    values = {label: float(told["audits"][name].get("numericValue") or 0) for name, label in AUDITS.items()}
    return {"score": round(told["categories"]["performance"]["score"] * 100, 1), **values}


def main() -> int:
    """Compare; 1 if the widget costs more than a point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    command = found()
    if command is None:
        print("Lighthouse is not here: `npm install lighthouse` in a folder, and set HELPBOT_LIGHTHOUSE to it.")
        return 0
    os.environ.setdefault("HELPBOT_CACHE", str(ROOT / "var" / "test-cache"))
    from tests.browser.conftest import CHROMIUM
    from tests.browser.support import host_pages
    from tests.web.support import Bot, Running

    from helpbot.channels.web.sites import Site
    from helpbot.channels.web.widget import integrity

    if not CHROMIUM:
        print("There is no Chromium. Install it, or set HELPBOT_CHROMIUM to it.")
        return 0
    rows: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as place, host_pages() as hosts:
        folder = Path(place)
        bot = Bot(folder, sites={"default": Site(allowed=(hosts.origin,))})
        with Running(bot) as running:
            pages = {
                "without": f"{hosts.origin}/",
                "with": f"{hosts.origin}/?{urlencode({'bot': running.url, 'integrity': integrity()})}",
            }
            look(command, pages["with"], CHROMIUM, folder)  # warm
            for _ in range(options.runs):
                for name, url in pages.items():
                    rows[name].append(look(command, url, CHROMIUM, folder))
        bot.close()
    middle = {
        name: {key: round(statistics.median(each[key] for each in seen), 3) for key in seen[0]}
        for name, seen in rows.items()
    }
    difference = round(middle["without"]["score"] - middle["with"]["score"], 1)
    if options.json:
        print(json.dumps({**middle, "difference": difference, "runs": options.runs}))
    else:
        for name, values in middle.items():
            print(f"{name:8}" + "  ".join(f"{key} {value:g}" for key, value in values.items()))
        print(f"difference of the score: {difference:g} points (median of {options.runs}; at most {MOST:g})")
    return int(abs(difference) > MOST)


if __name__ == "__main__":
    sys.exit(main())
