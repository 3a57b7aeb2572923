"""The states a conversation can be seen in: for screenshots and for the look at accessibility. One function each."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw
from playwright.sync_api import expect

from helpbot.channels.web.images import Shelf
from helpbot.desk.records import Act
from tests.browser.support import Talk
from tests.web.support import BILLING

PNG: Final = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 420, height: 150});
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#fff'; pen.fillRect(0, 0, 420, 150); pen.fillStyle = '#c62828'; pen.fillRect(0, 0, 420, 34);
  pen.fillStyle = '#fff'; pen.font = '16px sans-serif'; pen.fillText('Sync failed', 14, 23);
  pen.fillStyle = '#222'; pen.fillText('Company has no external identifier', 14, 76);
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  const data = new DataTransfer(); data.items.add(new File([blob], 'sync error.png', {type: 'image/png'}));
  document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
}"""


def _seen(talk: Talk, selector: str) -> None:
    expect(talk.frame.locator(selector).last).to_be_visible()


def closed(talk: Talk) -> None:
    """Only the launcher."""
    talk.page.keyboard.press("Escape")


def greeting(talk: Talk) -> None:
    """First opened."""


def answer(talk: Talk) -> None:
    """An answer with steps, one of them done."""
    talk.input.fill(BILLING)
    talk.input.press("Enter")
    _seen(talk, ".steps")
    talk.frame.locator(".steps input").first.check()


def choices(talk: Talk) -> None:
    """A question that could mean two things."""
    talk.input.fill("authentication error when syncing")
    talk.input.press("Enter")
    _seen(talk, ".m.bot[data-seq] .choices")


def no_answer(talk: Talk) -> None:
    """Outside what is known."""
    talk.input.fill("How do I bake sourdough bread at home?")
    talk.input.press("Enter")
    expect(talk.frame.locator(".m.bot[data-seq]")).to_have_count(2)


def form(talk: Talk) -> None:
    """The form with what is known, and a fault in it."""
    answer(talk)
    talk.frame.locator("[data-choice=not_solved]").click()
    _seen(talk, ".case-form")
    talk.frame.locator(".case-form .main").click()
    expect(talk.frame.locator(".fault").first).not_to_be_empty()


def case(talk: Talk) -> None:
    """A case with its number."""
    _case(talk)


def _case(talk: Talk) -> str:
    talk.frame.locator("[aria-haspopup=menu]").click()
    talk.frame.locator("[role=menuitem]").first.click()
    _seen(talk, ".case-form")
    talk.frame.locator("[name=product_name]").fill("Quote editor")
    talk.frame.locator("[name=error_message]").fill("Sync failed: Company has no external identifier (request 9c41)")
    talk.frame.locator(".case-form .main").click()
    _seen(talk, ".case")
    id_ = talk.inside.evaluate("JSON.parse(localStorage.getItem('helpbot:default')).id")
    return talk.running.bot.desk.conversation(id_).cases[0].number


def agent(talk: Talk) -> None:
    """A person has joined, sends a picture and a file, and asks something."""
    number = _case(talk)
    talk.running.bot.agent(Act.CLAIM, number)
    bot = talk.running.bot
    id_ = bot.desk.case(number).conversation
    shelf = Shelf(bot.settings.files)
    files = (
        ("a" * 26, "where to look.png", _picture()),
        ("b" * 26, "company sync guide.pdf", b"%PDF-1.7\n" + b"0" * 48_000),
    )
    names = tuple(shelf.take(id_, *file) or "" for file in files)
    bot.agent(
        Act.REPLY, number, "Hi, I am looking at it. Has the company been synced to Autotask before?", attachments=names
    )
    expect(talk.frame.locator(".m.agent figure a")).to_have_attribute("href", re.compile("^blob:"))
    _seen(talk, ".m.agent .file")
    talk.input.fill("Not yet, we added it this morning.")
    talk.input.press("Enter")
    expect(talk.frame.locator(".m.user").last).to_contain_text("this morning")


def _picture() -> bytes:
    """What an agent might mark in a screenshot of theirs."""
    picture = Image.new("RGB", (560, 150), "#f4f6fa")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 560, 32), fill="#2b3550")
    pen.text((14, 10), "Companies  >  Acme Corp  >  Integrations", fill="white")
    for n, line in enumerate(("Name: Acme Corp", "Autotask account: not linked", "Last sync: never")):
        pen.text((18, 48 + 30 * n), line, fill="#1b2238")
    pen.rectangle((10, 70, 230, 100), outline="#c62828", width=3)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def rating(talk: Talk) -> None:
    """Solved, and rated."""
    answer(talk)
    talk.frame.locator("[data-choice=solved]").click()
    _seen(talk, ".rating")
    talk.frame.locator(".stars input").nth(3).check(force=True)


def screenshot(talk: Talk) -> None:
    """A picture chosen, not yet sent."""
    talk.inside.evaluate(PNG)
    _seen(talk, ".chosen figure")


def offline(talk: Talk) -> None:
    """No connection, one message kept."""
    no_answer(talk)
    talk.page.context.set_offline(True)
    talk.input.fill("The order stays at Processing since yesterday")
    talk.input.press("Enter")
    _seen(talk, ".banner")


def menu(talk: Talk) -> None:
    """The menu open."""
    answer(talk)
    talk.frame.locator("[aria-haspopup=menu]").click()
    _seen(talk, ".menu")


STATES: Final[dict[str, Callable[[Talk], None]]] = {
    each.__name__: each for each in (closed, greeting, answer, choices, no_answer, form, case, agent, rating, screenshot, offline, menu)
}  # fmt: skip
