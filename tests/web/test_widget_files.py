"""The built widget: light enough, pinned, complete in five languages, and the same as its source."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import brotli
import httpx
import pytest

from helpbot.channels.web.sites import LANGUAGES, Site, contrast, palette, read_sites, read_texts
from helpbot.channels.web.widget import FOLDER, app_page, embed_snippet, integrity, language_of
from helpbot.dialogue.machine import greeting
from tests.web.support import ROOT, world

LANG = ROOT / "bot" / "widget" / "lang"


def packed(data: bytes) -> int:
    return len(brotli.compress(data, quality=11))


def test_the_loader_weighs_at_most_2_kb() -> None:
    assert packed((FOLDER / "loader.js").read_bytes()) <= 2000


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_app_weighs_at_most_15_kb_with_all_it_needs(language: str) -> None:
    texts, _ = read_texts(LANG)
    page = app_page(
        Site(), language, "", texts, greeting(world()), public_url="https://bot.example.com", attachments=True
    )
    assert (
        sum(
            packed(data)
            for data in ((FOLDER / "app.js").read_bytes(), (FOLDER / "app.css").read_bytes(), page.encode())
        )
        <= 15_000
    )


def test_the_files_are_those_that_were_built() -> None:
    for name, value in json.loads((FOLDER / "manifest.json").read_text()).items():
        data = (FOLDER / name).read_bytes()
        assert value == "sha384-" + base64.b64encode(hashlib.sha384(data).digest()).decode(), (
            f"{name} was changed by hand: run npm run build in widget/"
        )
        assert gzip.decompress((FOLDER / f"{name}.gz").read_bytes()) == data
        assert brotli.decompress((FOLDER / f"{name}.br").read_bytes()) == data


def test_the_built_files_come_from_the_source(tmp_path: Path) -> None:
    widget = ROOT / "widget"
    if shutil.which("node") is None or not (widget / "node_modules" / "esbuild").exists():
        pytest.skip("no esbuild: npm install in widget/ to build the widget again")
    subprocess.run(
        ["node", "build.mjs"],
        cwd=widget,
        check=True,
        capture_output=True,
        env={**os.environ, "HELPBOT_WIDGET_OUT": str(tmp_path)},
    )
    for name in ("loader.js", "app.js", "app.css"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), "run npm run build in widget/"


def test_the_source_is_sound_by_type() -> None:
    widget = ROOT / "widget"
    if shutil.which("node") is None or not (widget / "node_modules" / "typescript").exists():
        pytest.skip("no TypeScript: npm install in widget/ to check the widget's types")
    done = subprocess.run(
        ["node_modules/.bin/tsc", "--noEmit"], cwd=widget, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "word",
    [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "srcdoc",
        "DOMParser",
        "createContextualFragment",
        "document.cookie",
        "javascript:",
    ],
)
def test_nothing_in_it_turns_text_into_markup_or_code(word: str) -> None:
    for path in [*FOLDER.glob("*.js"), *(ROOT / "widget" / "src").glob("*.ts"), FOLDER.parents[1] / "site.js"]:
        assert word not in path.read_text(), path.name


def test_it_names_no_other_server() -> None:
    for path in (*FOLDER.glob("*.js"), *FOLDER.glob("*.css")):
        assert set(re.findall(r"https?://[\w.]+", path.read_text())) <= {"http://www.w3.org"}


def test_texts_are_complete_in_every_language() -> None:
    texts, faults = read_texts(LANG)
    assert faults == []
    assert set(texts) == set(LANGUAGES)
    source = "".join(path.read_text() for path in (ROOT / "widget" / "src").glob("*.ts"))
    for name in re.findall(r'\bt\("(\w+)"', source):
        assert name in texts["en"], name


def test_a_missing_and_a_broken_text_are_named(tmp_path: Path) -> None:
    for language in LANGUAGES:
        (tmp_path / f"{language}.json").write_text((LANG / f"{language}.json").read_text())
    broken = json.loads((LANG / "nl.json").read_text())
    del broken["send"]
    broken["extra"] = "x"
    broken["stepDone"] = "Stap {m}"
    (tmp_path / "nl.json").write_text(json.dumps(broken))
    (tmp_path / "de.json").write_text("{")
    (tmp_path / "fr.json").unlink()
    _, faults = read_texts(tmp_path)
    told = "\n".join(map(str, faults))
    for wanted in (
        "nl.json: the text `send` is missing",
        "`extra` is not known",
        "`stepDone` has other",
        "de.json:1: this is not a JSON object",
        "fr.json: the file is missing",
    ):
        assert wanted in told


@pytest.mark.parametrize(
    "colour", ["#2553d8", "#ffffff", "#000000", "#ffdd00", "#00ff88", "#7f7f7f", "#ff0000", "#0b6e4f"]
)
def test_any_colour_gives_text_that_can_be_read(colour: str) -> None:
    made = palette(colour)
    assert contrast(made.brand, made.on) >= 4.5
    assert contrast(made.ink, "#eef1f8") >= 4.5
    assert contrast(made.ink_dark, "#262d3f") >= 4.5


def test_faults_in_the_sites_are_all_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "sites.toml"
    path.write_text(
        '[sites.a]\ncolour = "blue"\nallowed = ["www.example.com", "https://ok.example.com"]\nlanguage = "xx"\nodd = 1\n[sites."B C"]\nname = "x"\n'
    )
    _, faults = read_sites(path)
    told = "\n".join(map(str, sorted(faults)))
    for wanted in (
        ":2: `colour` of site a",
        ":3: `allowed` of site a names 'www.example.com'",
        ":4: `language`",
        ":5: `odd`",
        "`B C` cannot be",
    ):
        assert wanted in told
    path.write_text("[sites.a\n")
    assert ":1: this is not TOML" in str(read_sites(path)[1][0])


def test_the_snippet_is_pinned_and_knows_its_site() -> None:
    plain = embed_snippet("https://bot.example.com/", Site())
    assert f'integrity="{integrity()}" crossorigin="anonymous"' in plain
    assert "data-site" not in plain
    assert 'data-site="acme"' in embed_snippet("https://bot.example.com", Site(key="acme"))


@pytest.mark.parametrize(
    ("asked", "accepted", "site", "wanted"),
    [
        ("nl-BE", "fr", "auto", "nl"),
        ("", "pt, de;q=0.9", "auto", "de"),
        ("xx", "", "auto", "en"),
        ("nl", "nl", "fr", "fr"),
    ],
)
def test_the_language_is_the_sites_then_the_pages_then_the_browsers(
    asked: str, accepted: str, site: str, wanted: str
) -> None:
    assert language_of(asked, accepted, Site(language=site)) == wanted


def test_files_are_served_packed_pinned_and_for_ever(web: httpx.Client) -> None:
    loader = web.get("/widget/v1/loader.js", headers={"Accept-Encoding": "br"})
    assert loader.headers["content-encoding"] == "br"
    assert loader.headers["access-control-allow-origin"] == "*"
    assert loader.content == (FOLDER / "loader.js").read_bytes()
    app = web.get("/widget/v1/app.js?1234", headers={"Accept-Encoding": "identity"})
    assert "immutable" in app.headers["cache-control"]
    assert "content-encoding" not in app.headers
    assert web.get("/widget/v1/app.js", headers={"If-None-Match": app.headers["etag"]}).status_code == 304


def test_the_frames_policy_is_strict(web: httpx.Client) -> None:
    policy = web.get("/widget/v1/app.html").headers["content-security-policy"]
    for rule in (
        "default-src 'none'",
        "script-src 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
