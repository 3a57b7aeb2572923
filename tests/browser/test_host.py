"""The widget on other people's pages: strict policies, pinned scripts, hostile frames, foreign styles."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as TookTooLong
from playwright.sync_api import expect

from helpbot.channels.web.widget import integrity
from helpbot.desk.records import Act
from tests.browser.support import PATIENCE, Talk, host_pages, leave
from tests.web.support import BILLING, ROOT, Running

Open = Callable[..., Talk]


def test_a_page_with_a_strict_policy_and_trusted_types_has_no_violation(talk: Open, hosts: Any) -> None:
    page = talk(query={"csp": "1"})
    page.ask(BILLING)
    page.case()
    page.page.evaluate("helpbot.close()")
    page.calm()
    assert hosts.violations == []


def test_a_page_that_isolates_itself_can_show_it(talk: Open) -> None:
    page = talk(query={"coep": "1"})
    page.ask(BILLING)
    page.calm()


def test_an_error_on_the_page_opens_it_with_the_line_of_the_documents(talk: Open) -> None:
    line = re.findall(
        r"```js\n(document\.querySelectorAll.*)\n```", (ROOT / "docs" / "embedding.md").read_text("utf-8")
    )[0]
    script = f"document.body.insertAdjacentElement('beforeend',Object.assign(document.createElement('p'),{{className:'error',textContent:{BILLING!r}}}));{line}"
    page = talk(open=False, query={"script": script})
    expect(page.frame.locator(".m.user .text")).to_have_text(BILLING)
    expect(page.frame.locator(".steps")).to_be_visible()
    page.page.evaluate(line)  # and again, by a page that shows another error later
    expect(page.frame.locator(".m.user .text")).to_have_text([BILLING, BILLING])


def test_one_changed_byte_and_the_browser_refuses_the_script(talk: Open) -> None:
    wrong = integrity()[:-6] + "AAAAA="
    page = talk(open=False, query={"integrity": wrong})
    page.until(lambda: any("integrity" in error for error in page.errors))
    assert page.page.evaluate("typeof window.helpbot") == "undefined"
    assert page.page.locator("helpbot-widget").count() == 0


def test_before_it_is_opened_one_small_script_is_all_that_is_fetched(talk: Open, running: Running) -> None:
    page = talk(open=False)
    expect(page.launcher).to_be_visible()
    page.page.wait_for_load_state("networkidle")
    # As a set: a browser short of memory may drop what it fetched ahead and ask for the same file again.
    assert {url for url in page.requests if url.startswith(running.url)} == {f"{running.url}/widget/v1/loader.js"}
    expect(page.page.locator("helpbot-widget iframe")).to_have_count(0)
    page.launcher.hover()
    expect(page.page.locator("helpbot-widget iframe")).to_have_count(1)
    page.launcher.click()
    page.ask(BILLING)
    foreign = [url for url in page.requests if not url.startswith((running.url, "http://localhost", "blob:"))]
    assert foreign == []


def test_a_chat_that_could_not_be_fetched_traps_nobody_and_is_fetched_at_the_next_press(talk: Open) -> None:
    page = talk(open=False, viewport={"width": 390, "height": 844})
    expect(page.launcher).to_be_visible()
    page.page.context.set_offline(True)
    page.launcher.click()
    page.until(lambda: any("app.html" in url for url in page.requests))
    page.page.wait_for_timeout(1500)  # a person looks at it, and presses once more
    expect(page.launcher).to_be_visible()  # and no frame of the browser's own error over the whole telephone
    expect(page.page.locator("helpbot-widget iframe")).to_be_hidden()
    page.page.evaluate(f"helpbot.ask({BILLING!r})")
    page.page.context.set_offline(False)
    asked = page.frame.locator(".m.user .text")
    for _ in range(4):  # a press may meet a fetch that has just begun: then a person presses once more
        with suppress(TookTooLong):  # an open chat covers the launcher: then only the words are still on their way
            page.launcher.click(timeout=3000)
        with suppress(AssertionError):
            expect(asked).to_have_count(1, timeout=10_000)
            break
    expect(asked).to_have_text(BILLING)  # what was asked meanwhile was kept
    expect(page.frame.locator(".steps")).to_be_visible()


def test_a_page_that_is_not_known_cannot_show_the_chat(browser: Any, running: Running) -> None:
    with host_pages() as stranger:
        page = Talk.on_host(browser, running, stranger, open=False)
        page.launcher.click()
        page.until(lambda: any("frame-ancestors" in error for error in page.errors))
        assert page.frame.locator(".composer").count() == 0
        leave(page.page.context)


@pytest.mark.parametrize("where", ["data:text/html,<iframe src='{bot}/widget/v1/app.html'></iframe>"])
def test_a_page_without_an_origin_cannot_show_it_either(browser: Any, running: Running, where: str) -> None:
    page = browser.new_page()
    ended: list[str] = []
    page.on("requestfinished", lambda request: ended.append(request.url))
    page.on("requestfailed", lambda request: ended.append(request.url))
    page.goto(where.format(bot=running.url))
    for _ in range(PATIENCE // 50):
        if any("/app.html" in url for url in ended):
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError(f"the frame was never asked for: {ended}")
    assert page.frame_locator("iframe").locator(".composer").count() == 0
    leave(page.context)


def test_messages_from_other_frames_are_not_heard(talk: Open) -> None:
    page = talk()
    page.ask("hello")
    said = page.frame.locator(".m.user").count()
    page.page.evaluate("""() => {
      const frame = document.querySelector('helpbot-widget').shadowRoot.querySelector('iframe').contentWindow;
      const channel = new MessageChannel();
      channel.port1.onmessage = (event) => (window.leaked = event.data);
      frame.postMessage('helpbot', '*', [channel.port2]);
      channel.port1.postMessage(['ask', 'attack by a second port']);
      for (const data of [['ask', 'attack'], {type: 'ask'}, 'helpbot', null, ['identify', 'x.y.z'], {__proto__: {}}]) frame.postMessage(data, '*');
      const sibling = document.createElement('iframe');
      sibling.srcdoc = '<p>sibling</p>';
      document.body.append(sibling);
      sibling.contentWindow.eval;
    }""")
    page.ask("hello again")  # answered after all of them would have been
    assert page.frame.locator(".m.user").count() == said + 1
    assert "attack" not in page.log.inner_text()
    assert page.page.evaluate("window.leaked") is None


def test_the_loader_takes_nothing_from_windows_messages(talk: Open) -> None:
    page = talk()
    page.page.evaluate(
        "for (const data of [['close'], ['unread', 99, 'x'], ['event', 'case', {}]]) postMessage(data, '*')"
    )
    page.ask("hello")
    expect(page.input).to_be_visible()
    expect(page.page.locator("helpbot-widget .badge")).to_be_hidden()


def test_the_pages_styles_do_not_reach_in_nor_ours_out(talk: Open) -> None:
    page = talk(open=False)
    assert page.launcher.evaluate("(b) => getComputedStyle(b).backgroundColor") != "rgb(221, 51, 51)"
    assert page.page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily").startswith("system-ui")


def test_what_the_page_gives_every_element_does_not_reach_the_preview(talk: Open, running: Running) -> None:
    page = talk()
    case = page.case()
    running.bot.agent(Act.CLAIM, case)
    page.page.evaluate("helpbot.close()")
    running.bot.agent(Act.REPLY, case, "word " * 60)
    preview = page.page.locator("helpbot-widget .preview")
    expect(preview).to_be_visible()
    assert page.page.evaluate("getComputedStyle(document.querySelector('helpbot-widget')).letterSpacing") == "1px"
    assert preview.evaluate("(e) => getComputedStyle(e).letterSpacing") == "normal"
    text = preview.inner_text()
    assert text.endswith("word…")
    assert len(text) < 120
    assert preview.evaluate("(e) => e.scrollHeight <= e.clientHeight + 1")  # nothing of it is cut off


def test_loaded_twice_it_is_there_once(talk: Open) -> None:
    page = talk(open=False)
    page.page.evaluate("""() => new Promise((done) => {
      const again = document.createElement('script'); again.src = document.querySelector('script[src*=loader]').src; again.onload = done; document.body.append(again); })""")
    assert page.page.locator("helpbot-widget").count() == 1


def test_on_a_telephone_it_fills_the_screen(talk: Open) -> None:
    page = talk(viewport={"width": 390, "height": 844})
    box = page.page.locator("helpbot-widget iframe").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
    page.frame.get_by_role("button", name="Close chat").click()
    expect(page.launcher).to_be_visible()


def test_where_storage_is_forbidden_it_still_works(talk: Open) -> None:
    page = talk(open=False)
    page.page.context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    page.page.reload()
    page.open()
    page.ask(BILLING)
    page.ask("and for ConnectWise?")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_demo_page_asks_from_its_own_field_by_whatever_name(browser: Any, running: Running, name: str) -> None:
    page = browser.new_page()
    page.goto(f"http://{name}:{running.port}/")
    page.get_by_label("Your question or error message").fill(BILLING)
    page.get_by_role("button", name="Get the steps").click()
    frame = page.frame_locator("helpbot-widget iframe")
    expect(frame.locator(".steps")).to_be_visible()
    leave(page.context)


def test_the_demo_page_works_without_scripts(browser: Any, running: Running) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(running.url)
    page.get_by_label("Your question or error message").fill("billing code")
    page.get_by_role("button", name="Search the articles").click()
    expect(page.locator(".hits li")).not_to_have_count(0)
    page.locator(".hits a").first.click()
    assert "/articles/" in page.url
    leave(context)
