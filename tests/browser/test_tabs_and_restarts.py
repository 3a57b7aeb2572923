"""Many tabs, a server that is killed, a connection that fails: nothing lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from helpbot.channels.web.sites import Site
from helpbot.desk.records import Act
from tests.browser.support import PATIENCE, Talk, answered, leave
from tests.web.support import BILLING, Bot, Running, key, process, until


@pytest.fixture
def bot(tmp_path: Path, hosts: Any) -> Iterator[Bot]:
    made = Bot(tmp_path, sites={"default": Site(name="Salesbuildr help", allowed=(hosts.origin,))})
    yield made
    made.close()


def _served(bot: Bot, port: int = 0) -> Running:
    running = Running(bot, port)
    object.__setattr__(bot.settings, "public_url", running.url)
    return running


def _said(bot: Bot, talk: Talk) -> list[str]:
    id_ = talk.inside.evaluate("JSON.parse(localStorage.getItem('helpbot:default')).id")
    return [message.text for message in bot.desk.messages(id_) if message.author == "user"]


def test_eight_tabs_stay_live_and_one_of_them_listens(browser: Any, bot: Bot, hosts: Any) -> None:
    with _served(bot) as running:
        first = Talk.on_host(browser, running, hosts)
        case = first.case()
        others = [Talk.on_host(browser, running, hosts, context=first.page.context) for _ in range(7)]
        for each in others:
            expect(each.frame.locator(".case")).to_have_count(1)
        bot.agent(Act.CLAIM, case)
        bot.agent(Act.REPLY, case, "seen in every tab")
        for each in (first, *others):
            expect(each.frame.locator(".m.agent")).to_have_count(1)
        until(lambda: bot.app.state.metrics.streams._value.get() == 1)
        first.page.close()  # the one that listened
        bot.agent(Act.REPLY, case, "seen after the leader left")
        for each in others:
            expect(each.frame.locator(".m.agent")).to_have_count(2)
        others[0].say("from the second tab")
        for each in others:
            expect(each.frame.locator(".m.user").last).to_contain_text("from the second tab")
        leave(others[0].page.context)


def test_without_locks_tabs_poll(browser: Any, bot: Bot, hosts: Any) -> None:
    with _served(bot) as running:
        context = browser.new_context(reduced_motion="reduce")
        context.add_init_script(
            "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined}); delete window.BroadcastChannel;"
        )
        talk = Talk.on_host(browser, running, hosts, context=context)
        case = talk.case()
        bot.agent(Act.CLAIM, case)
        bot.agent(Act.REPLY, case, "found by polling")
        expect(talk.frame.locator(".m.agent")).to_have_count(1)
        leave(context)


def test_the_server_goes_away_while_sending_and_comes_back(browser: Any, bot: Bot, hosts: Any) -> None:
    with _served(bot) as running:
        talk = Talk.on_host(browser, running, hosts)
        talk.ask("hello")
    talk.say(BILLING)
    talk.say("and for ConnectWise?")
    expect(talk.frame.locator(".banner")).to_be_visible()
    talk.input.fill("half typed")
    again = Bot(bot.folder, sites=dict(bot.settings.sites))
    try:
        with _served(again, running.port):
            expect(talk.frame.locator(".queued")).to_have_count(0)
            expect(talk.frame.locator(".banner")).to_be_hidden()
            expect(talk.input).to_have_value("half typed")
            assert _said(again, talk) == ["hello", BILLING, "and for ConnectWise?"]
            leave(talk.page.context)
    finally:
        again.close()


def test_an_answer_that_is_lost_on_its_way_is_asked_for_again_and_comes_once(
    browser: Any, bot: Bot, hosts: Any
) -> None:
    with _served(bot) as running:
        talk = Talk.on_host(browser, running, hosts)
        talk.ask("hello")
        lost: list[str] = []

        def lose(route: Any) -> None:
            if len(lost) < 2:
                answered(route)  # it reaches the server and is committed
                lost.append(route.request.headers["idempotency-key"])
                route.abort()
            else:
                lost.append(route.request.headers["idempotency-key"])
                route.continue_()

        talk.page.context.route("**/messages", lose)
        talk.say(BILLING)
        expect(talk.frame.locator(".steps")).to_be_visible()
        expect(talk.frame.locator(".queued")).to_have_count(0)
        assert len(set(lost)) == 1
        assert _said(bot, talk) == ["hello", BILLING]
        leave(talk.page.context)


def test_what_another_browser_said_meanwhile_is_not_passed_over(browser: Any, bot: Bot, hosts: Any) -> None:
    with _served(bot) as running:
        talk = Talk.on_host(browser, running, hosts)
        deaf = [True]
        for way in ("**/stream", "**/messages?*"):  # the answer to one's own words is all that comes
            talk.page.context.route(way, lambda route: route.abort() if deaf else route.continue_())
        talk.ask("hello")
        mine = talk.inside.evaluate("JSON.parse(localStorage.getItem('helpbot:default'))")
        elsewhere = httpx.post(
            f"{running.url}/api/v1/conversations/{mine['id']}/messages",
            json={"text": "from elsewhere"},
            headers={"Authorization": f"Bearer {mine['token']}", "Idempotency-Key": key()},
        )
        assert elsewhere.status_code == 200
        talk.ask("from here")
        expect(talk.frame.locator(".m.user .text")).to_have_text(["hello", "from here"])
        deaf.clear()
        expect(talk.frame.locator(".m.user .text")).to_have_text(["hello", "from elsewhere", "from here"])
        leave(talk.page.context)


def test_an_erased_conversation_is_left_and_a_new_one_begins(browser: Any, bot: Bot, hosts: Any) -> None:
    with _served(bot) as running:
        talk = Talk.on_host(browser, running, hosts)
        talk.ask("hello")
        talk.inside.evaluate(
            "(() => { const s = JSON.parse(localStorage['helpbot:default']); s.token = 'x'.repeat(43); localStorage['helpbot:default'] = JSON.stringify(s); })()"
        )
        talk.say(BILLING)
        expect(talk.frame.locator(".steps")).to_be_visible()
        assert _said(bot, talk) == [BILLING]
        leave(talk.page.context)


def test_a_stream_that_ends_with_the_server_starts_again(browser: Any, bot: Bot, hosts: Any) -> None:
    with _served(bot) as running:
        talk = Talk.on_host(browser, running, hosts)
        case = talk.case()
        expect(talk.frame.locator(".case")).to_have_count(1)
    again = Bot(bot.folder, sites=dict(bot.settings.sites))
    try:
        with _served(again, running.port):
            again.agent(Act.CLAIM, case)
            again.agent(Act.REPLY, case, "after the restart")
            expect(talk.frame.locator(".m.agent")).to_contain_text("after the restart")
            leave(talk.page.context)
    finally:
        again.close()


def test_one_user_in_two_browsers_and_a_server_that_is_killed_lose_and_double_nothing(
    browser: Any, tmp_path: Path
) -> None:
    def at_home(url: str, **options: Any) -> Talk:
        page = browser.new_context(reduced_motion="reduce", **options).new_page()
        page.set_default_timeout(PATIENCE)
        talk = Talk(page, None)
        page.goto(url)
        talk.open()
        return talk

    with process(tmp_path) as (child, url):
        one = at_home(url)
        one.ask("hello")
        two = at_home(url, storage_state=one.page.context.storage_state())
        expect(two.frame.locator(".m.user")).to_have_count(1)
        one.say("from the first")
        two.say("from the second")
        child.kill()  # while both are on their way, or written and not yet answered
        child.wait()
        one.say("into the dark")
        two.input.fill("half typed")
        expect(one.frame.locator(".banner")).to_be_visible()
    said = ["hello", "from the first", "from the second", "into the dark"]
    with process(tmp_path, int(url.rsplit(":", 1)[1])):
        for each in (one, two):
            expect(each.frame.locator(".m.user[data-seq]")).to_have_count(4)
            expect(each.frame.locator(".queued")).to_have_count(0)
            assert sorted(each.frame.locator(".m.user .text").all_inner_texts()) == sorted(said)
        expect(two.input).to_have_value("half typed")
        assert one.log.inner_text().count("from the") == two.log.inner_text().count("from the")
        leave(one.page.context)
        leave(two.page.context)
