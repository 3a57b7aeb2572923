"""The bot under test, whole: desk, store, courier, Slack service, its gate behind a real web server; and the driver
that plays Slack's part towards it: events, buttons, forms, each signed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import re
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import uvicorn

from helpbot.channels.slack.calls import Pace
from helpbot.channels.slack.engine import engine_of
from helpbot.channels.slack.service import SlackService
from helpbot.channels.slack.settings import Agents, Mode, Prompt, SlackSettings
from helpbot.channels.web.images import Shelf
from helpbot.channels.web.rows import Rows
from helpbot.desk.delivery import Courier
from helpbot.desk.desk import Desk
from helpbot.desk.records import DeskSettings
from helpbot.dialogue.world import World
from helpbot.escalation.routing import KINDS, Kind, Route, Routing
from helpbot.messages import Channel, Inbound, Person
from helpbot.store.migrate import migrate_sqlite
from helpbot.store.sql import SqlStore
from tests.dialogue.worlds import small_world
from tests.slack.standin import StandIn

SECRET = "0123456789abcdef0123456789abcdef"
TEAM, BOT = "T01", "U0BOT"


@dataclass
class Clock:
    now: datetime | None = None  # None: the real time
    off: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return (self.now or datetime.now(UTC)) + self.off

    def pass_(self, **length: float) -> None:
        self.off += timedelta(**length)


def settings_for(slack: StandIn, **changes: Any) -> SlackSettings:
    base = SlackSettings(
        signing_secret=SECRET,
        bot_token="xoxb-home",
        app_token="xapp-1-home",
        api_url=slack.api_url,
        public_url="https://bot.example.com",
        case_channel="C0CASES",
        agents=Agents(people=frozenset({"U0SAM", "U0KIM"})),
        notices={"C0HELP": Mode.ANSWER, "C0ELSE": Mode.OFFER},
        prompts=(Prompt(title="Alpha fails", message="alpha failed"), Prompt(title="Gamma", message="gamma?")),
        timeout=5,
    )
    return replace(base, **changes)


class Door:
    """One web server for every bot of a test run, each behind a path of its own."""

    def __init__(self) -> None:
        self._gates: dict[str, Any] = {}
        self._ids = itertools.count(1)
        self.port = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._gates[scope["path"].split("/")[1]](scope, receive, send)

    def open(self, gate: Any) -> str:
        """Let requests in to this gate; where it is now."""
        if not self.port:
            self._start()
        name = str(next(self._ids))
        self._gates[name] = gate
        return f"http://127.0.0.1:{self.port}/{name}/slack"

    def shut(self, url: str) -> None:
        self._gates.pop(url.split("/")[3], None)

    def _start(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(self, log_level="critical", lifespan="off"))

        def serve() -> None:
            asyncio.new_event_loop().run_until_complete(server.serve(sockets=[listening]))

        threading.Thread(target=serve, daemon=True).start()
        while not server.started:
            time.sleep(0.005)


DOOR = Door()


@cache
def _world() -> World:
    return small_world()


@cache
def _empty() -> bytes:
    """A database as it is made, so that it is made once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate_sqlite(path)
        return path.read_bytes()


class Bot:
    """`tell` and its like play Slack; `settle` lets everything be worked off that is due."""

    def __init__(
        self,
        slack: StandIn,
        folder: Path,
        *,
        settings: SlackSettings | None = None,
        world: World | None = None,
        pace: Pace | None = None,
        url: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.slack, self.folder = slack, folder
        self.settings = settings or settings_for(slack)
        self.world = world or _world()
        self.clock = clock or Clock()
        self.mono = Clock()
        self.alerts: list[str] = []
        path = folder / "helpbot.db"
        if url is None and not path.exists():
            path.write_bytes(_empty())
        self.store = SqlStore(url or f"sqlite:///{path}")
        to_user = frozenset({Kind.MESSAGE_TO_USER})
        routes = {
            name: Route(name=name, sender="slack", target="C0CASES", per_second=1000.0, kinds=kinds)
            for name, kinds in (("agents", KINDS["slack"] - to_user), ("users", to_user))
        }
        self.desk_settings = DeskSettings(
            routing=Routing(routes=routes, default=("agents",)), reply_routes={Channel.SLACK: "users"}
        )
        self.desk = Desk(self.store, lambda: self.world, self.desk_settings, self.clock)
        place = Rows(self.store.engine) if self.store.engine.name == "postgresql" else folder / "files"
        self.shelf = Shelf(place, ocr=False)  # as bootstrap does: nodes share a database, not a folder
        self.service = SlackService(
            self.settings,
            self.desk,
            self.store.engine,
            engine_of(lambda: self.world),
            scopes=("chat:write",),
            clock=self.clock,
            monotonic=lambda: time.monotonic() + self.mono.off.total_seconds(),
            alert=self.alerts.append,
            pace=pace or Pace(1e6),
            shelf=self.shelf,
        )
        self.courier = Courier(self.store, [self.service.sender], self.desk_settings, self.clock)
        self.url = DOOR.open(self.service.gate)
        self.http = httpx.Client(base_url=self.url, timeout=20)
        self._ids = itertools.count(1)

    def close(self) -> None:
        self.http.close()
        DOOR.shut(self.url)
        self.service.stop(patience=2)
        self.store.close()

    # ── Slack's part ──

    def signed(
        self, body: bytes | str, kind: str = "application/json", *, at: int | None = None, **headers: str
    ) -> httpx.Response:
        raw = body.encode() if isinstance(body, str) else body
        stamp = str(int(self.clock().timestamp()) if at is None else at)
        mac = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
        sent = {
            "content-type": kind,
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={mac}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.http.post("/events", content=raw, headers=sent)

    def event(
        self,
        event: dict[str, Any],
        *,
        team: str = TEAM,
        event_id: str = "",
        own: bool = True,
        authorized: str = "",
        **headers: str,
    ) -> httpx.Response:
        body = {
            "token": "old",
            "team_id": team,
            "api_app_id": "A01",
            "type": "event_callback",
            "event_id": event_id or f"Ev{next(self._ids):06d}",
            "event_time": int(time.time()),
            "event": event,
        }
        if own:
            body["authorizations"] = [
                {"team_id": authorized or team, "user_id": BOT, "is_bot": True, "enterprise_id": None}
            ]
        return self.signed(json.dumps(body), **headers)

    def say(
        self, text: str, *, user: str = "U0ANN", channel: str = "C0HELP", thread: str = "", ts: str = "", **more: Any
    ) -> str:
        """Somebody writes a message; its ts."""
        ts = ts or self.slack.next_ts()
        event = {
            "type": "message", "channel": channel, "user": user, "text": text, "ts": ts, "client_msg_id": f"m-{ts}",
            "channel_type": "im" if channel.startswith("D") else "channel", "team": TEAM,
            "blocks": rich_text(text), **({"thread_ts": thread} if thread else {}), **more,
        }  # fmt: skip
        answer = self.event(event)
        assert answer.status_code == 200, answer.text
        return ts

    def mention(
        self, text: str, *, user: str = "U0ANN", channel: str = "C0HELP", thread: str = "", both: bool = True
    ) -> str:
        """Somebody mentions the bot: Slack tells it twice."""
        ts = self.slack.next_ts()
        words = f"<@{BOT}> {text}"
        if both:
            self.say(words, user=user, channel=channel, thread=thread, ts=ts)
        event = {
            "type": "app_mention", "channel": channel, "user": user, "text": words, "ts": ts, "team": TEAM,
            "blocks": rich_text(words), **({"thread_ts": thread} if thread else {}),
        }  # fmt: skip
        assert self.event(event).status_code == 200
        return ts

    def form(self, payload: dict[str, Any]) -> httpx.Response:
        return self.signed(urlencode({"payload": json.dumps(payload)}), "application/x-www-form-urlencoded")

    def command(self, text: str, *, user: str = "U0ANN", channel: str = "C0HELP", trigger: str = "") -> httpx.Response:
        trigger = trigger or self.slack.trigger()
        fields = {
            "token": "old", "team_id": TEAM, "channel_id": channel, "user_id": user, "user_name": "ann",
            "command": self.settings.command, "text": text, "trigger_id": trigger,
            "response_url": self.slack.response_url(f"cmd-{trigger}"), "api_app_id": "A01",
        }  # fmt: skip
        return self.signed(urlencode(fields), "application/x-www-form-urlencoded")

    def shortcut(self, message: dict[str, Any], *, user: str = "U0ANN", channel: str = "C0HELP") -> httpx.Response:
        trigger = self.slack.trigger()
        return self.form(
            {
                "type": "message_action", "callback_id": "find_a_fix", "trigger_id": trigger,
                "team": {"id": TEAM}, "user": {"id": user, "team_id": TEAM}, "channel": {"id": channel},
                "message": message, "message_ts": message["ts"], "response_url": self.slack.response_url(f"short-{trigger}"),
            }
        )  # fmt: skip

    def press(
        self,
        label: str,
        message: dict[str, Any],
        *,
        user: str = "U0ANN",
        channel: str = "C0HELP",
        team: str = TEAM,
        user_team: str = TEAM,
        name: str = "",
        action_ts: str = "",
        trigger: str | None = None,
        **chosen: Any,
    ) -> httpx.Response:
        """Press the button with this label on a message (or a response to a command, named `name`)."""
        element = find_button(message, label)
        action = {**element, "block_id": "b", "action_ts": action_ts or self.slack.next_ts(), **chosen}
        ts = message.get("ts", "")
        payload = {
            "type": "block_actions", "team": {"id": team}, "user": {"id": user, "username": "x", "team_id": user_team},
            "api_app_id": "A01", "trigger_id": self.slack.trigger() if trigger is None else trigger, "channel": {"id": channel},
            "container": {
                "type": "message", "message_ts": ts or "1.1", "channel_id": channel, "is_ephemeral": bool(name),
                **({"thread_ts": message["thread_ts"]} if message.get("thread_ts") else {}),
            },
            # Of a message that one person sees, Slack tells no more than its id.
            **({} if name else {"message": message}),
            "response_url": self.slack.response_url(name or f"press-{next(self._ids)}"), "actions": [action],
        }  # fmt: skip
        return self.form(payload)

    def submit(
        self,
        view: dict[str, Any],
        values: dict[str, Any],
        *,
        user: str = "U0ANN",
        user_team: str = TEAM,
        team: str = TEAM,
        app_team: str | None = None,
    ) -> httpx.Response:
        """Submit a window; a value is text, ("option", id) or ("files", files)."""
        state: dict[str, Any] = {}
        for block in view["blocks"]:
            if block["type"] != "input":
                continue
            element = block["element"]
            given = values.get(block["block_id"], element.get("initial_value"))
            if isinstance(given, tuple) and given[0] == "files":
                entry: dict[str, Any] = {"type": element["type"], "files": given[1]}
            elif isinstance(given, tuple):
                entry = {"type": element["type"], "selected_option": {"value": given[1]}}
            else:
                entry = {"type": element["type"], "value": given}
            state[block["block_id"]] = {element["action_id"]: entry}
        payload = {
            "type": "view_submission", "team": {"id": team}, "user": {"id": user, "team_id": user_team}, "api_app_id": "A01",
            "trigger_id": self.slack.trigger(),
            "view": {
                "id": view["id"], "type": "modal", "callback_id": view["callback_id"], "state": {"values": state},
                "private_metadata": view["private_metadata"], "hash": "h", "blocks": view["blocks"],
                "app_installed_team_id": app_team or team,
            },
        }  # fmt: skip
        return self.form(payload)

    # ── our own part ──

    def settle(self) -> None:
        """Work off everything that is due, as the threads would."""
        for _ in range(50):
            done = self.service.work() + self.courier.run_once()
            self.service._asides.submit(lambda: None).result(timeout=10)
            if not done:
                break
        self.service.keep_up()

    # ── what a test looks at ──

    def widget_talk(self, *texts: str, name: str = "Wanda Widget") -> str:
        """A conversation of a visitor of the website; its id."""
        person = Person(id="w1", name=name)
        started = self.desk.start(Channel.WIDGET, person)
        id_ = started.conversation.id
        for n, text in enumerate(texts):
            self.desk.receive(Inbound(key=f"w-{id_}-{n}", channel=Channel.WIDGET, thread=id_, person=person, text=text))
        return id_

    def root(self, n: int = -1) -> dict[str, Any]:
        """A case's root message."""
        return [m for m in self.slack.messages["C0CASES"] if not m.get("thread_ts")][n]

    def case_thread(self, n: int = -1) -> list[dict[str, Any]]:
        return self.slack.thread("C0CASES", self.root(n)["ts"])


_MARK = re.compile(r"<([^<>]+)>")


def rich_text(text: str) -> list[dict[str, Any]]:
    """The blocks that Slack's own composer sends beside `text`: fences, mentions and links as elements."""
    elements: list[dict[str, Any]] = []
    for n, piece in enumerate(text.split("```")):
        if n % 2:
            elements.append({"type": "rich_text_preformatted", "elements": [_literal(piece)], "border": 0})
        elif piece.strip():
            elements.append({"type": "rich_text_section", "elements": _elements(piece)})
    return [{"type": "rich_text", "block_id": "b1", "elements": elements}] if elements else []


def _literal(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")}


def _elements(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    end = 0
    for match in _MARK.finditer(text):
        if match.start() > end:
            found.append(_literal(text[end : match.start()]))
        target, _, label = match[1].partition("|")
        if target.startswith("@"):
            found.append({"type": "user", "user_id": target[1:]})
        elif target.startswith("!"):
            found.append({"type": "broadcast", "range": target[1:]})
        else:
            found.append({"type": "link", "url": target, **({"text": label} if label else {})})
        end = match.end()
    return [*found, _literal(text[end:])] if end < len(text) else found


def find_button(message: dict[str, Any], label: str) -> dict[str, Any]:
    for block in message.get("blocks") or []:
        for element in [*block.get("elements", []), *([block["accessory"]] if "accessory" in block else [])]:
            text = element.get("text") if isinstance(element, dict) else None
            if isinstance(text, dict) and text.get("text") == label:
                return element
            if isinstance(element, dict) and element.get("action_id") == label:
                return element
            for half in ("positive_button", "negative_button"):
                if isinstance(element, dict) and element.get(half, {}).get("text", {}).get("text") == label:
                    return {
                        "type": "feedback_buttons",
                        "action_id": element["action_id"],
                        "value": element[half]["value"],
                    }
    raise AssertionError(f"no button {label!r} in {labels(message)}")


def labels(message: dict[str, Any]) -> list[str]:
    return [
        element["text"]["text"]
        for block in message.get("blocks") or []
        for element in block.get("elements", [])
        if isinstance(element, dict) and element.get("type") == "button"
    ]


def words(node: Any) -> str:
    """All the text of a message's blocks, in order."""
    if isinstance(node, dict):
        own = node.get("text")
        if node.get("type") == "link":
            return node.get("text", node["url"])
        return (own if isinstance(own, str) else "") + "".join(
            words(value) for key, value in node.items() if isinstance(value, dict | list)
        )
    if isinstance(node, list):
        return "\n".join(words(part) for part in node)
    return ""
