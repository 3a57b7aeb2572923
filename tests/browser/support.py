"""A host page on another origin, the widget on it, and the things a person does with it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

from helpbot.channels.web.widget import integrity

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Locator

    from tests.web.support import Running

from playwright.sync_api import Page, expect

PATIENCE = (
    90_000  # milliseconds until something that is to be seen is given up: long, for a machine that does much else
)
expect.set_options(timeout=PATIENCE)

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-features=Translate,OptimizationHints,MediaRouter",
]  # fmt: skip
STRICT = "default-src 'none'; script-src {bot} 'nonce-host'; frame-src {bot}; style-src 'nonce-host'; connect-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'; report-uri /violation"


class Hosts(ThreadingHTTPServer):
    """Serves pages whose body, script tag and Content-Security-Policy the address chooses."""

    daemon_threads = True

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.server_address[1]}"

    violations: list[str]


class _Handler(BaseHTTPRequestHandler):
    server: Hosts

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        bot = query.get("bot", "")
        attributes = "".join(
            f' {name}="{escape(value)}"'
            for name, value in query.items()
            if name.startswith("data-") or name == "integrity"
        )
        tag = (
            f'<script src="{bot}/widget/v1/loader.js" crossorigin="anonymous"{attributes} async></script>'
            if bot
            else ""
        )
        page = f"""<!doctype html><html lang="{escape(query.get("lang", "en"))}"><head><meta charset="utf-8"><title>A customer's page</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style nonce="host">body{{font:16px system-ui;margin:40px;background:#fafafa;color:#222}} button{{background:#d33!important;font:italic 40px serif}} *{{letter-spacing:1px}}</style></head>
<body><main><h1>A customer's page</h1><p id="before"><a href="#x" id="link">A link before the widget</a></p></main>{tag}
<script nonce="host">window.violations=[];document.addEventListener("securitypolicyviolation",(e)=>violations.push(e.violatedDirective+" "+e.blockedURI));{query.get("script", "")}</script></body></html>"""
        data = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if "csp" in query:
            self.send_header("Content-Security-Policy", STRICT.format(bot=bot))
        if "coep" in query:
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self.server.violations.append(self.rfile.read(length).decode("utf-8", "replace"))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests speak for themselves."""


@contextmanager
def host_pages() -> Iterator[Hosts]:
    """The server of host pages, on an origin of its own (localhost, where the bot is 127.0.0.1)."""
    server = Hosts(("127.0.0.1", 0), _Handler)
    server.violations = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def answered(route: Any) -> httpx.Response:
    """The server's own answer to a request that a test changes on its way.

    Asked for without Playwright: `route.fetch` waits for its answer while the test goes on, and where the page closes
    meanwhile it is the next test that fails.
    """
    request = route.request
    kept = {name: value for name, value in request.headers.items() if name not in {"accept-encoding", "content-length"}}
    return httpx.request(request.method, request.url, headers=kept, content=request.post_data_buffer, timeout=60)


def leave(context: Any) -> None:
    """Close a browser profile; what a test still does with its requests ends there, without a fault."""
    for page in context.pages:
        page.unroute_all(behavior="ignoreErrors")
    context.unroute_all(behavior="ignoreErrors")
    context.close()


class Talk:
    """The widget on a page."""

    def __init__(self, page: Page, running: Running | None) -> None:
        self.page, self.running = page, running
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.errors.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.on("request", lambda request: self.requests.append(request.url))

    @classmethod
    def on_host(
        cls,
        browser: Browser,
        running: Running,
        hosts: Hosts,
        *,
        context: Any = None,
        query: dict[str, str] | None = None,
        open: bool = True,  # noqa: A002 - what a test wants to say
        **options: Any,
    ) -> Talk:
        from urllib.parse import urlencode

        options.setdefault("viewport", {"width": 1280, "height": 820})
        options.setdefault("reduced_motion", "reduce")
        context = context or browser.new_context(**options)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        talk = cls(page, running)
        values = {"bot": running.url, "integrity": integrity(), **(query or {})}
        page.goto(f"{hosts.origin}/?{urlencode(values)}")
        if open:
            talk.open()
        return talk

    def until(self, true: Callable[[], bool]) -> None:
        """Let the browser go on until something holds that it tells by events."""
        for _ in range(PATIENCE // 50):
            if true():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"it never came to hold; the page's errors: {self.errors}")

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("helpbot-widget iframe")

    @property
    def inside(self) -> Any:
        """The frame itself, to run code in it."""
        return next(frame for frame in self.page.frames if "/widget/v1/app.html" in frame.url)

    @property
    def launcher(self) -> Locator:
        return self.page.locator("helpbot-widget button.go")

    @property
    def input(self) -> Locator:
        return self.frame.locator(".composer textarea")

    @property
    def log(self) -> Locator:
        return self.frame.get_by_role("log")

    @property
    def newest(self) -> Locator:
        return self.frame.locator(".m").last

    def open(self) -> None:
        self.launcher.click()
        expect(self.input).to_be_visible()

    def say(self, text: str) -> None:
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str) -> Locator:
        """Say something and wait for what the bot says to it."""
        said = self.frame.locator(".m.user[data-seq]")
        before = said.count()
        self.say(text)
        expect(said).to_have_count(before + 1)
        # The greeting may come after the first words were typed: only what stands below them is the answer to them.
        expect(self.frame.locator(".m[data-seq]").last).to_have_class(re.compile(r"\bbot\b"))
        expect(self.frame.locator(".typing")).to_have_count(0)
        return self.frame.locator(".m.bot").last

    def press(self, label: str) -> None:
        self.frame.locator(".choices:visible").get_by_role("button", name=label, exact=True).click()

    def case(self, product: str = "Quotes", error: str = "BillingCode does not exist or is invalid") -> str:
        """Ask for a person, fill in the form; the case's number."""
        self.menu("Talk to a person")
        self.frame.locator(".case-form:visible [name=product_name]").fill(product)
        self.frame.locator(".case-form:visible [name=error_message]").fill(error)
        self.frame.get_by_role("button", name="Send to support").click()
        card = self.frame.locator(".case strong").last
        expect(card).to_be_visible()
        found = re.search(r"HB-\d+", card.inner_text())
        assert found
        return found[0]

    def menu(self, item: str) -> None:
        self.frame.get_by_role("button", name="Menu").click()
        self.frame.get_by_role("menuitem", name=item).click()

    def calm(self) -> None:
        """Nothing went wrong behind what is seen."""
        assert not self.errors, self.errors
        assert self.page.evaluate("window.violations") == []


SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
