"""A real bot for the web's tests: the shipped knowledge understood by words alone, SQLite in a folder, a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from helpbot.channels.web.app import create_app
from helpbot.channels.web.identity import IdentityKey
from helpbot.channels.web.limits import Rate
from helpbot.channels.web.server import Server, make_server
from helpbot.channels.web.settings import Limits, WebSettings
from helpbot.channels.web.sites import Site, read_texts
from helpbot.desk.desk import Desk
from helpbot.desk.records import Act, AgentCommand
from helpbot.dialogue.policy import Policy
from helpbot.dialogue.replies import Replies
from helpbot.dialogue.world import Manners, World
from helpbot.loading import cache_folder, load_knowledge, read_replies
from helpbot.messages import Person
from helpbot.store.sql import SqlStore

ROOT = Path(__file__).parents[2]
SECRET = "a test secret of thirty-two bytes or more"
NONE = Rate(1e6, 1e6)
OPEN = Limits(address=NONE, start=NONE, visitor=NONE, conversation=NONE, attachments=NONE)
FREQUENT = (
    "billingcode-invalid",
    "connectwise-catalogitem-inactive",
    "access-forbidden-causes",
    "order-stuck-processing",
)
BILLING = "BillingCode does not exist or is invalid"


PATIENCE = 60  # seconds until something is given up: long, for a machine that does much else


def until(true: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


@lru_cache(maxsize=1)
def world() -> World:
    """The shipped knowledge, compiled once a machine (beside the cache that the commands use)."""
    from helpbot.compiled import open_engine

    os.environ.setdefault("HELPBOT_CACHE", str(ROOT / "var" / "cache"))
    compiled = open_engine(ROOT / "knowledge", cache=cache_folder(), encoder=None)
    return World(
        knowledge=compiled.engine.knowledge, diagnose=compiled.engine.diagnose, replies=Replies(read_replies(ROOT / "bot")),
        policy=Policy(), manners=Manners(name="Salesbuildr help", company="Salesbuildr", frequent=FREQUENT),
    )  # fmt: skip


def settings(folder: Path, **changes: Any) -> WebSettings:
    """Settings for a test: no limits but those it asks for."""
    texts, faults = read_texts(ROOT / "bot" / "widget" / "lang")
    assert not faults
    base = WebSettings(
        texts=texts, limits=OPEN, files=folder / "files", sites={"default": Site(name="Salesbuildr help")},
        identity_keys=(IdentityKey(kid="main", algorithm="HS256", key=SECRET.encode()),), poll_seconds=0.2, ocr=False,
    )  # fmt: skip
    return replace(base, **changes)


class Bot:
    """A desk over a database, and the web edge before it."""

    def __init__(
        self, folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), **changes: Any
    ) -> None:
        self.folder = folder
        self.store = SqlStore(f"sqlite:///{folder / 'helpbot.db'}")
        self.desk = Desk(self.store, world, clock=clock)
        self.settings = settings(folder, **changes)
        self.app = create_app(self.desk, world, self.settings, self.store.notices, ready=lambda: "", clock=clock)

    def agent(self, act: Act, case: str, text: str = "", name: str = "Anna", **more: Any) -> Any:
        """An agent does something with a case."""
        command = AgentCommand(
            key=os.urandom(8).hex(), case=case, agent=Person(id=f"agent-{name}", name=name), act=act, text=text, **more
        )
        return self.desk.agent(command)

    def close(self) -> None:
        self.store.close()


class Running:
    """A bot served on a free port by a thread."""

    def __init__(self, bot: Bot, port: int = 0) -> None:
        self.bot = bot
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._bind(port)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.server: Server = make_server(bot.app, "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def _bind(self, port: int) -> None:
        """Take the port: the one of a server that is gone may be on loan to somebody's outgoing call for a moment."""
        for tries in range(PATIENCE * 10):
            try:
                self._socket.bind(("127.0.0.1", port))
                return
            except OSError:
                if not port or tries + 1 == PATIENCE * 10:
                    raise
                time.sleep(0.1)

    def __enter__(self) -> Running:
        self._thread.start()
        until(lambda: self.server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server did not stop"
        self._socket.close()


@contextmanager
def client(bot: Bot) -> Iterator[httpx.Client]:
    """A client of a bot that is served for as long."""
    with Running(bot) as running, httpx.Client(base_url=running.url, timeout=PATIENCE) as web:
        yield web


class Visitor:
    """What a browser does, over plain HTTP."""

    def __init__(self, web: httpx.Client, context: Mapping[str, str] | None = None, **headers: str) -> None:
        self.web, self.headers = web, headers
        answer = web.post(
            "/api/v1/conversations",
            json={"context": dict(context or {})},
            headers={"Idempotency-Key": key(), **headers},
        )
        assert answer.status_code == 201, answer.text
        self.id, self.token = answer.json()["id"], answer.json()["token"]
        self.greeting = answer.json()["messages"]

    @property
    def path(self) -> str:
        return f"/api/v1/conversations/{self.id}"

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **self.headers}

    def post(self, body: Any, idem: str = "", path: str = "/messages") -> httpx.Response:
        return self.web.post(self.path + path, json=body, headers={**self.auth, "Idempotency-Key": idem or key()})

    def say(self, text: str, idem: str = "") -> dict[str, Any]:
        return self.done(self.post({"text": text}, idem))

    def press(self, choice: str) -> dict[str, Any]:
        return self.done(self.post({"choice": choice}))

    def fill(self, **form: str) -> dict[str, Any]:
        return self.done(self.post({"form": form}))

    def messages(self, after: int = 0) -> list[dict[str, Any]]:
        return self.done(self.web.get(self.path + "/messages", params={"after": after}, headers=self.auth))["messages"]

    @staticmethod
    def done(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        return answer.json()

    def case(self) -> str:
        """Ask for a person and give what is asked for; the case's number."""
        self.press("person")
        answer = self.fill(product_name="Quotes", error_message=BILLING)
        return answer["conversation"]["cases"][0]["number"]


def key() -> str:
    return os.urandom(12).hex()


def serve_forever(folder: str, port: int) -> None:
    """Run by tests in a process of its own, to be killed."""
    running = Running(Bot(Path(folder)), port)
    print(running.url, flush=True)
    running.server.run(sockets=[running._socket])


def _lives(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def process(folder: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A bot in a process of its own, and its address."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.web.support import serve_forever; serve_forever({str(folder)!r}, {port})"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    assert url, "the server did not start"
    try:
        until(lambda: _lives(url))
        yield child, url
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(PATIENCE)
        child.stdout.close()


__all__ = [
    "BILLING",
    "OPEN",
    "PATIENCE",
    "ROOT",
    "SECRET",
    "Bot",
    "Running",
    "Visitor",
    "client",
    "key",
    "load_knowledge",
    "process",
    "settings",
    "until",
    "world",
]
