"""Sixty ways to make text into code, as message, product, error, article title, agent's name and file's name: none runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from helpbot.desk.records import Act
from tests.browser.support import Talk, answered
from tests.web.support import Running

Open = Callable[..., Talk]
PAYLOADS = [
    "<script>boom()</script>", "<SCRIPT SRC=//evil.example/x.js></SCRIPT>", "<scr<script>ipt>boom()</scr</script>ipt>", "<img src=x onerror=boom()>",
    "<img src=x onerror='boom()'//", "<svg onload=boom()>", "<svg/onload=boom()>", "<svg><script>boom()</script></svg>", "<svg><animate onbegin=boom() attributeName=x dur=1s>",
    "<math><mtext><script>boom()</script></mtext></math>", "<iframe src=javascript:boom()>", "<iframe srcdoc='<script>parent.boom()</script>'>", "<object data=javascript:boom()>",
    "<embed src=javascript:boom()>", "<a href=javascript:boom()>x</a>", "[x](javascript:boom())", "[x](JaVaScRiPt:boom())", "javascript:boom()", "java\tscript:boom()",
    "https://evil.example/\" onmouseover=\"boom()", "https://evil.example/'onclick='boom()", "http://x\"><script>boom()</script>", "https://a.example/<img src=x onerror=boom()>",
    "data:text/html,<script>boom()</script>", "`<img src=x onerror=boom()>`", "**<img src=x onerror=boom()>**", "**bold`<b>`**", "Admin > <img src=x onerror=boom()>", "Admin > Tools > <script>boom()</script>",
    "\"><script>boom()</script>", "'><script>boom()</script>", "</textarea><script>boom()</script>", "</title><script>boom()</script>", "</style><script>boom()</script>", "--><script>boom()</script>",
    "]]><script>boom()</script>", "<body onload=boom()>", "<details open ontoggle=boom()>", "<video><source onerror=boom()>", "<audio src=x onerror=boom()>", "<input autofocus onfocus=boom()>",
    "<select autofocus onfocus=boom()>", "<marquee onstart=boom()>", "<form action=javascript:boom()><button>x", "<base href=//evil.example/>", "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:boom()'>", "<style>@import '//evil.example/x.css'</style>", "<div style=background:url(//evil.example/x)>", "<template><script>boom()</script></template>",
    "&lt;script&gt;boom()&lt;/script&gt;", "&#60;script&#62;boom()&#60;/script&#62;", "\\u003cscript\\u003eboom()\\u003c/script\\u003e", "%3Cscript%3Eboom()%3C/script%3E", "{{constructor.constructor('boom()')()}}",
    "${boom()}", "{% raw %}<script>boom()</script>{% endraw %}", "<x onclick=boom() tabindex=1 autofocus onfocus=boom()>x", "\u202e<script>)(moob</script>", "<noscript><p title=\"</noscript><img src=x onerror=boom()>\">",
]  # fmt: skip


def watched(page: Talk) -> list[str]:
    """What ran, opened or was fetched that should not have been."""
    found: list[str] = []
    page.page.on("dialog", lambda dialog: (found.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.page.on("popup", lambda popup: found.append(f"popup {popup.url}"))
    page.page.on("request", lambda request: found.append(request.url) if "evil.example" in request.url else None)
    page.page.context.expose_function("boom", lambda *_: found.append("boom"))
    return found


def test_there_are_sixty() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 60


def test_none_of_them_runs_as_a_message(talk: Open, running: Running) -> None:
    page = talk(open=False)
    found = watched(page)
    page.open()
    for number, payload in enumerate(PAYLOADS):
        page.say(payload)
        if number % 10 == 9:  # they queue, as those of somebody who types fast
            expect(page.frame.locator(".m.user[data-seq]")).to_have_count(number + 1)
    expect(page.frame.locator(".m.user[data-seq]")).to_have_count(len(PAYLOADS))
    texts = page.frame.locator(".m.user .text").all_inner_texts()
    assert any("<script>boom()</script>" in text for text in texts)
    assert (
        page.frame.locator(
            ".log script, .log svg[onload], .log iframe, .log img[src=x], .log [onerror], .log [onclick], .log style"
        ).count()
        == 0
    )
    page.page.reload()
    page.open()
    expect(page.frame.locator(".m.user[data-seq]")).to_have_count(len(PAYLOADS))
    assert found == []
    assert page.page.evaluate("violations") == []


def test_none_of_them_runs_as_product_error_agents_words_or_name(talk: Open, running: Running) -> None:
    page = talk(open=False)
    found = watched(page)
    page.open()
    number = page.case(product=PAYLOADS[0], error="\n".join(PAYLOADS))
    expect(page.frame.locator(".case")).to_contain_text("<script>boom()</script>")
    running.bot.agent(Act.CLAIM, number, name="<img src=x onerror=boom()>")
    expect(page.frame.locator(".top")).to_contain_text("<img src=x onerror=boom()>")
    for payload in PAYLOADS:
        running.bot.agent(Act.REPLY, number, payload, name="<img src=x onerror=boom()>")
    expect(page.frame.locator(".m.agent")).to_have_count(len(PAYLOADS))
    page.frame.get_by_role("button", name="Close chat").click()
    running.bot.agent(Act.REPLY, number, PAYLOADS[3], name="<img src=x onerror=boom()>")
    expect(page.page.locator("helpbot-widget .preview")).to_have_text(PAYLOADS[3])
    assert found == []


def test_none_of_them_runs_as_what_the_bot_says_or_a_source(talk: Open) -> None:
    page = talk(open=False)
    found = watched(page)

    def poison(route: Any) -> None:
        answer = answered(route)
        data = answer.json()
        for message in data["messages"]:
            if not message["reply"]:
                continue
            reply = message["reply"]
            reply["parts"] = [
                *({"type": "text", "text": payload, "role": role} for payload in PAYLOADS for role in ("plain", "cause")),
                {"type": "steps", "steps": [{"text": payload, "go": payload, "source": 0} for payload in PAYLOADS]},
                {"type": "points", "points": [{"text": payload, "term": payload, "source": 0} for payload in PAYLOADS]},
                *({"type": "code", "text": payload} for payload in PAYLOADS[:5]),
                {"type": "case", "number": PAYLOADS[3], "state": PAYLOADS[3], "product_name": PAYLOADS[3], "error_message": PAYLOADS[3]},
            ]  # fmt: skip
            reply["citations"] = [
                {"article": p, "title": p, "section": p, "anchor": p, "url": "/articles/x"} for p in PAYLOADS
            ]
            reply["choices"] = [{"id": p, "label": p} for p in PAYLOADS]
        route.fulfill(status=answer.status_code, json=data)

    page.page.context.route("**/messages*", poison)
    page.page.context.route("**/stream", lambda route: route.abort())  # else it would bring the true words first
    page.open()
    page.say("hello")
    expect(page.frame.locator(".m.bot[data-seq]").last.locator(".choices button")).to_have_count(len(PAYLOADS))
    assert page.frame.locator(".log [onerror], .log script, .log a[href^=javascript]").count() == 0
    page.frame.locator(".m.bot").last.locator(".choices button").nth(3).click()
    assert found == []


def test_18_a_character_that_turns_text_around_is_shown_by_its_name(talk: Open) -> None:
    page = talk()
    page.ask("invoice \u202etxt.exe\u202c")
    expect(page.frame.locator(".m.user .text")).to_have_text("invoice U+202Etxt.exeU+202C")
    assert page.frame.locator(".m.user .odd").count() == 2
    assert page.frame.locator(".m.user .text").evaluate("(p) => getComputedStyle(p).unicodeBidi") == "plaintext"


def test_none_of_them_runs_as_a_files_name(talk: Open, tmp_path: Path) -> None:
    page = talk(open=False)
    found = watched(page)
    page.open()
    for number, name in enumerate(("<img src=x onerror=boom()>.png", 'a"onload="boom().png'), 1):
        page.frame.locator("input[type=file]").set_input_files(
            {"name": name, "mimeType": "image/png", "buffer": _png()}
        )
        expect(page.frame.locator(".chosen figcaption")).to_have_count(number)
    page.say("see these")
    expect(page.frame.locator(".m.user figcaption")).to_have_count(2)
    assert found == []


def _png() -> bytes:
    from tests.web.test_threats import png

    return png()
