"""What a person does with the widget, on a page of another origin, against the real bot."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from helpbot.channels.web.images import Shelf
from helpbot.channels.web.sites import Site
from helpbot.desk.records import Act, DeskSettings
from helpbot.escalation.routing import Route, Routing
from tests.browser.states import STATES
from tests.browser.support import Talk, leave
from tests.web.support import BILLING, Bot, Running
from tests.web.test_threats import token, wrong_ones

Open = Callable[..., Talk]


def test_the_whole_way_from_a_question_to_a_case(talk: Open) -> None:
    page = talk()
    expect(page.log).to_contain_text("Salesbuildr")
    answer = page.ask(BILLING)
    expect(
        answer.get_by_role("heading", name=re.compile("not mapped to a valid Autotask billing code"))
    ).to_be_visible()
    expect(answer.locator(".steps li")).not_to_have_count(0)
    expect(answer.locator(".steps .path b").first).to_have_text("Admin")
    page.press("No, not yet")
    expect(page.frame.locator(".case-form [name=error_message]")).to_have_value(BILLING)
    page.frame.locator(".case-form [name=product_name]").fill("Quote editor")
    page.frame.get_by_role("button", name="Send to support").click()
    card = page.frame.locator(".case")
    expect(card).to_contain_text(re.compile(r"Case HB-\d+"))
    expect(card).to_contain_text("Quote editor")
    expect(page.frame.locator(".top")).to_contain_text("Your case is with our support team")
    expect(page.log).to_contain_text("Affected product: Quote editor")
    page.calm()


def test_a_frequent_problem_is_one_click_away(talk: Open) -> None:
    page = talk()
    page.press("catalogItem object is invalid")
    expect(page.newest).to_contain_text("inactive ConnectWise category")
    expect(page.frame.locator(".m.user .text")).to_have_text("catalogItem object is invalid")


def test_steps_are_ticked_off_and_stay_so_after_a_reload(talk: Open) -> None:
    page = talk()
    page.ask(BILLING)
    first = page.frame.get_by_role("checkbox", name="Step 1 is done")
    first.check()
    page.page.reload()
    page.open()
    expect(page.frame.get_by_role("checkbox", name="Step 1 is done")).to_be_checked()
    expect(page.frame.get_by_role("checkbox", name="Step 2 is done")).not_to_be_checked()


def test_a_source_opens_the_article_at_its_section(talk: Open) -> None:
    page = talk()
    answer = page.ask(BILLING)
    with page.page.context.expect_page() as opened:
        answer.locator(".sources a").first.click()
    article = opened.value
    article.wait_for_load_state()
    assert article.url.endswith("/articles/psa-sync-issues#autotask-billingcode")
    expect(article.locator("h2:target")).to_contain_text("BillingCode")
    expect(article.locator("h2:target")).to_be_in_viewport()


def test_a_question_can_be_narrowed_by_buttons(talk: Open) -> None:
    page = talk()
    page.ask("my sync fails with an authentication error")
    if page.frame.locator(".choices:visible").count():
        page.frame.locator(".choices:visible button").first.click()
    expect(page.frame.locator(".m.bot[data-seq]")).not_to_have_count(0)


def test_old_buttons_and_forms_go_when_the_talk_goes_on(talk: Open) -> None:
    page = talk()
    page.ask(BILLING)
    page.press("No, not yet")
    expect(page.frame.locator(".case-form:visible")).to_have_count(1)
    expect(page.frame.locator(".choices:visible")).to_have_count(0)
    page.frame.get_by_role("button", name="Never mind").click()
    expect(page.frame.locator(".case-form:visible")).to_have_count(0)


def test_the_form_says_what_is_missing_and_takes_that_there_is_none(talk: Open, running: Running) -> None:
    page = talk()
    page.menu("Talk to a person")
    page.frame.get_by_role("button", name="Send to support").click()
    expect(page.frame.locator(".fault").first).to_have_text("Please fill this in, or tick the box below it.")
    expect(page.frame.locator("[name=product_name]")).to_be_focused()
    page.frame.locator("[name=product_name]").fill("Marketplace")
    page.frame.get_by_label("There is no error message").check()
    page.frame.get_by_role("button", name="Send to support").click()
    expect(page.frame.locator(".case")).to_contain_text("Marketplace")
    id_ = page.inside.evaluate("JSON.parse(localStorage.getItem('helpbot:default')).id")
    case = running.bot.desk.conversation(id_).cases[0]
    assert (case.product_name_given, case.error_message_given) == (True, False)
    assert case.error_message == "No error message; the user said: There is no error message"


def test_what_was_typed_into_the_form_survives_a_reload(talk: Open) -> None:
    page = talk()
    page.menu("Talk to a person")
    page.frame.locator("[name=product_name]").fill("Half a na")
    page.frame.locator("[name=error_message]").fill("line 1\nline 2")
    page.page.reload()
    page.open()
    expect(page.frame.locator("[name=product_name]")).to_have_value("Half a na")
    expect(page.frame.locator("[name=error_message]")).to_have_value("line 1\nline 2")


def test_the_conversation_and_the_draft_are_there_after_a_reload(talk: Open) -> None:
    page = talk()
    page.ask(BILLING)
    page.input.fill("not sent ye")
    said = page.frame.locator(".m").count()
    page.page.reload()
    page.open()
    expect(page.frame.locator(".m")).to_have_count(said)
    expect(page.input).to_have_value("not sent ye")


def test_starting_over_asks_first_and_then_begins_anew(talk: Open) -> None:
    page = talk()
    page.ask(BILLING)
    page.menu("Start over")
    page.frame.get_by_role("button", name="No", exact=True).click()
    expect(page.frame.locator(".m.user")).to_have_count(1)
    page.menu("Start over")
    page.frame.get_by_role("button", name="Yes", exact=True).click()
    expect(page.frame.locator(".m.user")).to_have_count(0)
    expect(page.input).to_be_focused()
    page.ask("no matching records found")
    expect(page.frame.locator(".m.user")).to_have_count(1)


def test_offline_messages_queue_say_so_and_go_out_once(talk: Open, running: Running) -> None:
    page = talk()
    page.ask("hello")
    page.page.context.set_offline(True)
    page.say(BILLING)
    page.say("and for ConnectWise?")
    expect(page.frame.locator(".banner")).to_contain_text("You are offline. Waiting to be sent: 2")
    expect(page.frame.locator(".queued")).to_have_count(2)
    page.page.context.set_offline(False)
    expect(page.frame.locator(".queued")).to_have_count(0)
    expect(page.frame.locator(".banner")).to_be_hidden()
    saved = page.inside.evaluate("JSON.parse(localStorage.getItem('helpbot:default')).id")
    texts = [message.text for message in running.bot.desk.messages(saved) if message.author == "user"]
    assert texts == ["hello", BILLING, "and for ConnectWise?"]


def test_a_server_that_is_busy_is_asked_again_and_the_message_says_so(talk: Open) -> None:
    page = talk()
    page.ask("hello")
    busy = [True]

    def refuse(route: Any) -> None:
        told = {"title": "Not available at the moment", "detail": "All workers are busy. Try again in a moment."}
        if busy:
            route.fulfill(status=503, headers={"Retry-After": "1"}, content_type="application/problem+json", json=told)
        else:
            route.continue_()

    page.page.context.route("**/messages", refuse)
    page.say(BILLING)
    expect(page.frame.locator(".queued footer")).to_have_text("Not sent yet. Trying again …")
    busy.clear()
    expect(page.frame.locator(".steps")).to_be_visible()
    expect(page.frame.locator(".queued")).to_have_count(0)


@pytest.mark.parametrize("way", ["keys", "wheel"])
def test_who_went_up_to_read_again_is_left_there(talk: Open, running: Running, way: str) -> None:
    page = talk()
    case = page.case()
    running.bot.agent(Act.CLAIM, case)
    for n in range(6):
        running.bot.agent(Act.REPLY, case, f"line {n} " * 40)
    expect(page.frame.locator(".m.agent")).to_have_count(6)
    end = "(log) => log.scrollHeight - log.scrollTop - log.clientHeight < 20"
    page.until(lambda: page.log.evaluate(end))
    if way == "keys":
        page.log.focus()
        for _ in range(3):
            page.page.keyboard.press("PageUp")
    else:
        page.log.hover()
        page.page.mouse.wheel(0, -900)
    page.until(lambda: page.log.evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight > 500"))
    page.page.wait_for_timeout(300)  # until it has come to rest
    there = page.log.evaluate("(log) => log.scrollTop")
    running.bot.agent(Act.REPLY, case, "news")
    expect(page.frame.locator(".m.agent")).to_have_count(7)
    page.page.wait_for_timeout(300)
    assert abs(page.log.evaluate("(log) => log.scrollTop") - there) < 5
    page.say("my own words")  # lead to the end again
    expect(page.frame.locator(".m.user").last).to_contain_text("my own words")
    page.until(lambda: page.log.evaluate(end))


def test_an_agents_words_appear_live_with_their_name(talk: Open, running: Running) -> None:
    page = talk()
    case = page.case()
    running.bot.agent(Act.CLAIM, case)
    expect(page.frame.locator(".top")).to_contain_text("Anna is helping you")
    running.bot.agent(Act.REPLY, case, "Could you send the quote's number?")
    expect(page.frame.locator(".m.agent")).to_contain_text("Could you send the quote's number?")
    expect(page.frame.locator(".m.agent .name")).to_contain_text("Anna")
    running.bot.agent(Act.NOTE, case, "canary-internal-note")
    page.say("Q-1001")
    expect(page.frame.locator(".m.user").last).to_contain_text("Q-1001")
    assert "canary-internal-note" not in page.log.inner_text()


def test_a_closed_widget_shows_how_much_is_unread_and_the_last_words(talk: Open, running: Running) -> None:
    page = talk()
    case = page.case()
    running.bot.agent(Act.CLAIM, case)
    expect(page.frame.locator(".top")).to_contain_text("Anna")
    page.frame.get_by_role("button", name="Close chat").click()
    expect(page.launcher).to_be_focused()
    running.bot.agent(Act.REPLY, case, "I found the reason.")
    expect(page.page.locator("helpbot-widget .badge")).to_have_text("1")
    expect(page.page.locator("helpbot-widget .preview")).to_have_text("I found the reason.")
    expect(page.launcher).to_have_accessible_name("Open chat (1)")
    page.page.reload()
    expect(page.page.locator("helpbot-widget .badge")).to_have_text("1")
    page.page.locator("helpbot-widget .preview").click()
    expect(page.frame.locator(".m.agent")).to_contain_text("I found the reason.")
    expect(page.page.locator("helpbot-widget .badge")).to_be_hidden()


def test_a_solved_conversation_is_rated_once(talk: Open, running: Running) -> None:
    page = talk()
    page.ask(BILLING)
    page.press("Yes, solved")
    page.frame.get_by_role("radio", name="4 out of 5").check(force=True)
    page.frame.get_by_label("Anything we should know").fill("Quick")
    page.frame.get_by_role("button", name="Send rating").click()
    expect(page.log).to_contain_text("Thank you for your rating.")
    page.page.reload()
    page.open()
    expect(page.frame.locator(".rating")).to_have_count(0)


def test_the_transcript_can_be_copied_and_saved(talk: Open) -> None:
    page = talk(permissions=["clipboard-read", "clipboard-write"])
    page.ask(BILLING)
    with page.page.expect_download() as saved:
        page.menu("Save the conversation")
    text = saved.value.path().read_text()
    assert BILLING in text
    assert "Category Billing Codes" in text
    page.menu("Copy the conversation")
    expect(page.frame.locator(".status")).to_contain_text("Copied.")


def test_a_code_and_a_case_number_can_be_copied(talk: Open) -> None:
    page = talk(permissions=["clipboard-read", "clipboard-write"])
    number = page.case()
    page.frame.get_by_role("button", name="Copy the case number").click()
    page.input.focus()
    page.page.keyboard.press("Control+V")
    expect(page.input).to_have_value(number)


def test_the_host_page_can_open_ask_give_context_and_listen(talk: Open, running: Running) -> None:
    script = "window.heard=[];window.helpbotReady=[(bot)=>{for(const name of ['open','message','case','close'])bot.on(name,(detail)=>heard.push([name,detail]));bot.context({product:'Quote editor',error:'boom 42'});}]"
    page = talk(open=False, query={"script": script})
    page.page.wait_for_function("window.helpbot")
    page.page.evaluate(f"helpbot.ask({BILLING!r})")
    expect(page.frame.locator(".m.user")).to_contain_text(BILLING)
    expect(page.newest).to_contain_text("Autotask")
    id_ = page.inside.evaluate("JSON.parse(localStorage.getItem('helpbot:default')).id")
    context = running.bot.desk.conversation(id_).now.context
    assert context["product"] == "Quote editor"
    assert context["error"] == "boom 42"
    assert context["page"].startswith("http://localhost")
    page.page.evaluate("helpbot.close()")
    names = [name for name, _ in page.page.evaluate("heard")]
    assert names[0] == "open"
    assert "message" in names
    assert names[-1] == "close"


def test_a_long_answer_is_shown_from_its_beginning(talk: Open) -> None:
    page = talk()
    answer = page.ask(BILLING)
    expect(answer.locator("h2")).to_be_in_viewport()


def test_a_signed_in_user_is_known_and_has_a_talk_of_their_own(talk: Open, running: Running) -> None:
    page = talk()
    page.ask("hello")
    page.page.evaluate("(jwt) => helpbot.identify(jwt)", token())
    expect(page.frame.locator(".m.user")).to_have_count(0)  # what was said before was said by somebody
    page.ask(BILLING)
    id_ = page.inside.evaluate("JSON.parse(localStorage.getItem('helpbot:default:u-1')).id")
    person = running.bot.desk.conversation(id_).person
    assert (person.id, person.email, person.verified) == ("main:u-1", "kim@example.com", True)
    page.page.evaluate("helpbot.identify(null)")
    expect(page.frame.locator(".m.user .text")).to_have_text("hello")
    page.page.evaluate("(jwt) => helpbot.identify(jwt)", token())
    expect(page.frame.locator(".m.user .text")).to_have_text(BILLING)
    page.calm()


def test_a_wrong_identity_is_refused_with_the_reason_and_a_right_one_goes_on(talk: Open) -> None:
    page = talk()
    page.page.evaluate("(jwt) => helpbot.identify(jwt)", wrong_ones()["expired"][0])
    page.say(BILLING)
    expect(page.frame.locator(".queued .fault")).to_contain_text("expired")
    page.page.evaluate("(jwt) => helpbot.identify(jwt)", token())
    page.frame.locator(".queued").get_by_role("button", name="Try again").click()
    expect(page.frame.locator(".steps")).to_be_visible()
    expect(page.frame.locator(".queued")).to_have_count(0)


def test_the_conversation_is_mailed_to_who_is_signed_in_and_offered_to_nobody_else(
    talk: Open, running: Running
) -> None:
    desk = running.bot.desk
    before = desk._settings
    route = Route(name="mail", sender="mail", target="team@example.com")
    desk._settings = DeskSettings(routing=Routing(routes={"mail": route}), user_mail_route="mail")
    try:
        page = talk()
        page.ask(BILLING)
        page.frame.get_by_role("button", name="Menu").click()
        expect(page.frame.get_by_role("menuitem", name="Start over")).to_be_visible()
        expect(page.frame.get_by_role("menuitem", name="Mail me the conversation")).to_have_count(0)
        page.page.keyboard.press("Escape")
        page.page.evaluate("(jwt) => helpbot.identify(jwt)", token())
        page.ask(BILLING)
        page.menu("Mail me the conversation")
        expect(page.frame.locator(".status")).to_contain_text("on its way to your address")
        assert [order.payload["to"] for order in desk.deliveries()] == ["kim@example.com"]
    finally:
        desk._settings = before


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="no Tesseract: apt-get install tesseract-ocr")
def test_text_in_a_screenshot_is_offered_as_the_error_message(browser: Any, hosts: Any, tmp_path: Path) -> None:
    bot = Bot(tmp_path, ocr=True, sites={"default": Site(allowed=(hosts.origin,))})
    with Running(bot) as running:
        object.__setattr__(bot.settings, "public_url", running.url)
        page = Talk.on_host(browser, running, hosts)
        STATES["screenshot"](page)
        expect(page.frame.locator(".read")).to_contain_text("Company has no external identifier")
        page.frame.locator(".read").get_by_role("button", name="No", exact=True).click()
        expect(page.frame.locator(".read")).to_have_count(0)
        expect(page.input).to_have_value("")  # nothing is taken that was not agreed to
        page.menu("Talk to a person")
        STATES["screenshot"](page)
        page.frame.locator(".read").get_by_role("button", name="Use it").click()
        error = page.frame.locator(".case-form:visible [name=error_message]")
        expect(error).to_have_value(re.compile("Company has no external identifier"))
        expect(error).to_be_focused()
        leave(page.page.context)
    bot.close()


def test_what_was_said_above_the_field_goes_with_the_next_message(talk: Open) -> None:
    page = talk()
    wrong = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"}
    page.frame.locator("input[type=file]").set_input_files(wrong)
    expect(page.frame.locator(".status")).to_contain_text("Only PNG")
    page.ask("hello")
    expect(page.frame.locator(".status")).to_be_empty()


def test_two_browsers_and_two_users_do_not_see_each_other(talk: Open) -> None:
    one, two = talk(), talk()
    one.ask(BILLING)
    two.ask("order stuck in processing")
    assert "Processing" not in one.log.inner_text()
    assert "BillingCode" not in two.frame.locator(".m.user").inner_text()


def test_a_screenshot_is_pasted_sent_and_seen(talk: Open) -> None:
    page = talk()
    page.input.focus()
    page.inside.evaluate("""async () => {
      const canvas = Object.assign(document.createElement('canvas'), {width: 60, height: 40});
      const context = canvas.getContext('2d'); context.fillStyle = '#c00'; context.fillRect(0, 0, 60, 40);
      const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
      const data = new DataTransfer(); data.items.add(new File([blob], 'error dialog.png', {type: 'image/png'}));
      document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
    }""")
    expect(page.frame.locator(".chosen figcaption")).to_have_text("error dialog.png")
    page.say("this is what I see")
    expect(page.frame.locator(".m.user figure img")).to_have_attribute("src", re.compile("^blob:"))
    page.calm()


def test_an_agents_files_are_seen_or_saved(talk: Open, running: Running) -> None:
    page = talk()
    case = page.case()
    id_ = running.bot.desk.case(case).conversation
    shelf = Shelf(running.bot.settings.files)
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(picture, "PNG")
    files = (
        ("a" * 26, "mapping.png", picture.getvalue()),
        ("b" * 26, "<b>guide</b>.html", b"<script>alert(1)</script>"),
    )
    names = tuple(shelf.take(id_, *file) or "" for file in files)
    running.bot.agent(Act.REPLY, case, "Here is how.", attachments=names)
    expect(page.frame.locator(".m.agent figure img")).to_have_attribute("src", re.compile("^blob:"))
    button = page.frame.locator(".m.agent .file")
    expect(button).to_have_text("b>.html 1 kB")
    expect(button).to_have_accessible_name("Save b>.html (1 kB)")
    with page.page.expect_download() as download:
        button.click()
    assert download.value.path().read_bytes() == b"<script>alert(1)</script>"
    with page.page.context.expect_page() as larger:
        page.frame.locator(".m.agent figure a").click()
    assert larger.value.url.startswith("blob:")
    page.calm()


def test_what_is_no_picture_is_refused_in_words(talk: Open, tmp_path: Any) -> None:
    page = talk()
    script = tmp_path / "evil.svg"
    script.write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    page.frame.locator("input[type=file]").set_input_files(script)
    expect(page.frame.locator(".status")).to_contain_text("Only PNG, JPEG and WebP")
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"<script>alert(1)</script>")
    page.frame.locator("input[type=file]").set_input_files(fake)
    expect(page.frame.locator(".status")).to_contain_text("not the picture")
