"""The widget by keyboard and screen reader: axe finds nothing in any state, light and dark, in five languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from tests.browser.states import STATES
from tests.browser.support import Talk, leave
from tests.web.support import BILLING, Running
from tests.web.test_threats import png

Open = Callable[..., Talk]
AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text("utf-8")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def faults(frame: Any) -> list[str]:
    """What axe finds, in words."""
    if not frame.evaluate("!!window.axe"):
        frame.evaluate(AXE)
    found = frame.evaluate("(rules) => axe.run(document, {runOnly: rules.runOnly, resultTypes: ['violations']})", RULES)
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("state", list(STATES))
def test_axe_finds_nothing_light_and_dark(talk: Open, state: str) -> None:
    page = talk(color_scheme="light")
    STATES[state](page)
    looked_at = page.page if state == "closed" else page.inside
    assert faults(looked_at) == []
    page.page.emulate_media(color_scheme="dark")
    if state != "closed":
        page.inside.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert faults(looked_at) == []


OFTEN = {"form", "agent", "menu"}  # in other languages; the rest of them in the full tier


@pytest.mark.parametrize("language", ["nl", "de", "fr", "es"])
@pytest.mark.parametrize(
    "state", [state if state in OFTEN else pytest.param(state, marks=pytest.mark.full) for state in STATES]
)
def test_axe_finds_nothing_in_other_languages(talk: Open, state: str, language: str) -> None:
    page = talk(query={"data-lang": language}, color_scheme="light")
    STATES[state](page)
    assert page.inside.evaluate("document.documentElement.lang") == language
    looked_at = page.page if state == "closed" else page.inside
    assert faults(looked_at) == []
    page.page.emulate_media(color_scheme="dark")
    if state != "closed":
        page.inside.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert faults(looked_at) == []


@pytest.mark.parametrize("language", ["en", "nl", "de", "fr", "es"])
def test_every_language_fits_a_telephone(talk: Open, language: str) -> None:
    page = talk(query={"data-lang": language}, viewport={"width": 320, "height": 640})
    STATES["form"](page)
    assert page.inside.evaluate("document.documentElement.scrollWidth <= innerWidth")
    hidden = page.inside.evaluate(
        "[...document.querySelectorAll('button')].filter((b) => b.offsetWidth && b.scrollWidth > b.clientWidth + 1).length"
    )
    assert hidden == 0


@pytest.mark.parametrize("state", ["answer", "form", "rating"])
def test_at_200_percent_everything_can_be_reached(talk: Open, state: str) -> None:
    page = talk(viewport={"width": 640, "height": 400})  # 1280 by 800, twice as large
    STATES[state](page)
    expect(page.input).to_be_in_viewport()
    expect(page.frame.get_by_role("button", name="Menu")).to_be_in_viewport()
    assert page.inside.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.log.evaluate("(log) => log.clientHeight") >= 120
    for each in page.frame.locator(".log button:visible").all():
        each.scroll_into_view_if_needed()
        expect(each).to_be_in_viewport()
    assert faults(page.inside) == []


def test_at_200_percent_pictures_do_not_push_the_field_away(talk: Open) -> None:
    page = talk(viewport={"width": 640, "height": 400})
    page.frame.locator("input[type=file]").set_input_files(
        [{"name": f"{n}.png", "mimeType": "image/png", "buffer": png()} for n in range(5)]
    )
    expect(page.frame.locator(".chosen figure")).to_have_count(5)
    page.frame.locator("input[type=file]").set_input_files({"name": "6.png", "mimeType": "image/png", "buffer": png()})
    expect(page.frame.locator(".status")).to_have_text("One message takes at most 5 pictures.")
    for each in (page.input, page.frame.get_by_role("button", name="Send")):
        expect(each).to_be_in_viewport(ratio=0.95)
    last = page.frame.locator(".chosen figure button").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=0.95)


def test_an_article_is_printed_without_what_is_no_article(browser: Any, running: Running) -> None:
    page = browser.new_page()
    page.goto(running.url + "/articles/psa-sync-issues")
    expect(page.locator("helpbot-widget button.go")).to_be_visible()
    page.emulate_media(media="print")
    for selector in (".top", ".page aside", ".foot", "helpbot-widget"):
        expect(page.locator(selector).first).to_be_hidden()
    expect(page.locator("article h1, .text h1").first).to_be_visible()


def test_what_is_printed_from_a_dark_page_is_black_on_white(browser: Any, running: Running) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(running.url + "/articles/psa-sync-issues")
    page.emulate_media(media="print", color_scheme="dark")
    shades = page.evaluate("""() => ['body', '.text', '.path b', '.text code', '.text a'].map((selector) => {
      const style = getComputedStyle(document.querySelector(selector));
      const shade = (colour) => Math.min(...colour.match(/[\\d.]+/g).slice(0, 3).map(Number));
      const ground = style.backgroundColor.startsWith('rgba(0, 0, 0, 0') ? 255 : shade(style.backgroundColor);
      return [selector, shade(style.color), ground];
    })""")
    assert [each for each in shades if each[1] > 60 or each[2] < 230] == []


def test_targets_have_44_pixels(talk: Open) -> None:
    page = talk(viewport={"width": 390, "height": 844})
    STATES["form"](page)
    small = page.inside.evaluate("""[...document.querySelectorAll('button, a, input, textarea')].filter((e) => e.offsetWidth && e.type !== 'file')
      .filter((e) => !(e.closest('label') || e.matches('.mark, .text a'))).map((e) => [e, e.getBoundingClientRect()])
      .filter(([, box]) => box.height < 44 || box.width < 44).map(([e, box]) => e.outerHTML.slice(0, 90) + box.width + 'x' + box.height)""")
    assert small == []
    box = page.page.evaluate(
        "(() => { helpbot.close(); const b = document.querySelector('helpbot-widget').shadowRoot.querySelector('.go').getBoundingClientRect(); return [b.width, b.height]; })()"
    )
    assert min(box) >= 44


def test_all_of_it_by_keyboard_alone(talk: Open) -> None:
    page = talk(open=False)
    page.page.locator("#link").focus()
    page.page.keyboard.press("Tab")
    expect(page.launcher).to_be_focused()
    page.page.keyboard.press("Enter")
    expect(page.input).to_be_focused()
    page.page.keyboard.type(BILLING)
    page.page.keyboard.press("Enter")
    expect(page.frame.locator(".steps")).to_be_visible()
    box = page.frame.get_by_role("checkbox", name="Step 1 is done")
    for _ in range(30):
        if box.evaluate("(e) => e === document.activeElement"):
            break
        page.page.keyboard.press("Shift+Tab")
    page.page.keyboard.press("Space")
    expect(box).to_be_checked()
    page.page.keyboard.press("Escape")
    expect(page.launcher).to_be_focused()
    page.page.keyboard.press("Enter")
    expect(page.input).to_be_focused()


def test_the_menu_by_keyboard(talk: Open) -> None:
    page = talk()
    page.ask(BILLING)
    opener = page.frame.get_by_role("button", name="Menu")
    opener.focus()
    page.page.keyboard.press("Enter")
    expect(page.frame.get_by_role("menuitem").first).to_be_focused()
    page.page.keyboard.press("ArrowUp")
    expect(page.frame.get_by_role("menuitem").last).to_be_focused()
    page.page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(page.frame.get_by_role("menu")).to_be_hidden()
    expect(page.input).to_be_visible()


def test_focus_returns_to_where_it_was(talk: Open) -> None:
    page = talk(open=False)
    page.page.wait_for_function("window.helpbot")
    page.page.locator("#link").focus()
    page.page.evaluate("helpbot.open()")
    expect(page.input).to_be_focused()
    page.page.keyboard.press("Escape")
    expect(page.page.locator("#link")).to_be_focused()


def test_a_screen_reader_is_told_politely(talk: Open) -> None:
    page = talk()
    page.ask(BILLING)
    log = page.frame.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(page.frame.get_by_role("dialog")).to_have_accessible_name("Salesbuildr help")
    assert page.frame.locator(".m.bot .sr").last.inner_text().startswith("Salesbuildr help")
    expect(page.page.locator("helpbot-widget iframe")).to_have_attribute("title", "Chat")


def test_right_to_left(talk: Open) -> None:
    page = talk(query={"data-direction": "rtl"})
    page.ask(BILLING)
    assert page.inside.evaluate("getComputedStyle(document.querySelector('.app')).direction") == "rtl"
    user, log = page.frame.locator(".m.user .b").bounding_box(), page.log.bounding_box()
    assert user
    assert log
    assert user["x"] - log["x"] < 60
    assert faults(page.inside) == []


def test_words_of_another_direction_than_the_chats_are_set_in_their_own(talk: Open) -> None:
    page = talk(query={"data-direction": "rtl"})
    greeting = page.frame.locator(".m.bot .text").first
    ends = greeting.evaluate("""(p) => {
      const range = document.createRange(), text = p.firstChild, end = text.length;
      range.setStart(text, end - 2); range.setEnd(text, end - 1); const letter = range.getBoundingClientRect();
      range.setStart(text, end - 1); range.setEnd(text, end); const stop = range.getBoundingClientRect();
      return [text.data.at(-1), stop.left >= letter.left];
    }""")
    assert ends == [".", True]  # the full stop of an English sentence stands to its right


def test_forced_colours_leave_the_launcher_its_picture(talk: Open) -> None:
    page = talk(open=False, forced_colors="active")
    picture, ground = page.launcher.evaluate(
        "(b) => [getComputedStyle(b, '::before').backgroundColor, getComputedStyle(b).backgroundColor]"
    )
    assert picture != ground


def test_forced_colours_keep_what_matters_visible(talk: Open) -> None:
    page = talk(forced_colors="active")
    STATES["answer"](page)
    assert page.inside.evaluate("getComputedStyle(document.querySelector('.m.bot .b')).borderTopWidth") == "1px"


def test_motion_is_reduced_where_it_is_asked_for(talk: Open) -> None:
    page = talk(reduced_motion="reduce")
    page.ask(BILLING)
    assert page.inside.evaluate("getComputedStyle(document.querySelector('.m')).animationName") == "none"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/articles",
        "/articles?q=billing",
        "/articles?q=zzzqqq",
        "/articles/troubleshooting",
        "/articles/psa-sync-issues",
        "/articles/missing",
    ],
)
def test_axe_finds_nothing_on_the_help_pages(browser: Any, running: Running, path: str) -> None:
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    problems: list[str] = []
    page.on(
        "console",
        lambda message: (
            problems.append(message.text) if message.type == "error" and "404" not in message.text else None
        ),
    )
    page.goto(running.url + path)
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert faults(page) == []
    for width in (1280, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    assert problems == []
    leave(context)
