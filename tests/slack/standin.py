"""A Slack to talk to: the Web API, response addresses, files and Socket Mode, over real sockets.

It checks everything that is sent to it as strictly as is known of Slack, or more so: the shape of every argument
(`rules`), tokens, the scopes of the manifest, the rate of posts. What it refuses is in `faults`, which a test expects
to be empty. Its answers can be made to fail, to be slow or to get lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.slack import rules

# The scope a method needs; None: any token will do.
SCOPES: dict[str, str | None] = {
    "assistant.threads.setStatus": "chat:write",
    "assistant.threads.setSuggestedPrompts": "assistant:write",
    "auth.test": None,
    "chat.delete": "chat:write",
    "chat.getPermalink": None,
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "history",
    "conversations.open": "im:write",
    "conversations.replies": "history",
    "files.completeUploadExternal": "files:write",
    "files.info": "files:read",
    "files.getUploadURLExternal": "files:write",
    "reactions.add": "reactions:write",
    "reactions.remove": "reactions:write",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
    "views.open": None,
    "views.publish": None,
    "views.update": None,
}
NO_JSON = {
    "chat.getPermalink", "conversations.history", "conversations.replies", "files.getUploadURLExternal", "files.info", "users.info",
    "usergroups.users.list",
}  # fmt: skip


@dataclass
class Call:
    method: str
    args: dict[str, Any]
    token: str
    at: float = field(default_factory=time.monotonic)


@dataclass
class Trouble:
    error: str = ""
    times: int = 1
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    lose: bool = False  # do it, and let the answer get lost
    body: str = ""


class StandIn:
    def __init__(self) -> None:
        self.reset()
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        app = Starlette(
            routes=[
                Route("/api/{method}", self._api, methods=["GET", "POST"]),
                Route("/respond/{name}", self._respond, methods=["POST"]),
                Route("/upload/{name}", self._upload, methods=["POST"]),
                Route("/files/{name}", self._file, methods=["GET"]),
                WebSocketRoute("/link", self._link),
            ]
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="websockets-sansio")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def reset(self) -> None:
        """As new: nothing was said, nothing is broken."""
        self.scopes: set[str] | None = None
        self.tokens = {"xoxb-home": "T01"}
        self.app_token = "xapp-1-home"
        self.calls: list[Call] = []
        self.faults: list[str] = []
        self.troubles: dict[str, list[Trouble]] = defaultdict(list)
        self.delay = 0.0
        self.lossy: tuple[random.Random, float] | None = None  # how often the answer to a post gets lost
        self.rate: tuple[float, float] | None = None  # burst, posts a second
        self.channels: dict[str, dict[str, Any]] = {
            "C0CASES": {"name": "cases"}, "C0HELP": {"name": "help"}, "C0ELSE": {"name": "else"},
        }  # fmt: skip
        self.users: dict[str, dict[str, Any]] = {
            "U0ANN": {"real_name": "Ann Example"}, "U0BEA": {"real_name": "Bea Other"},
            "U0SAM": {"real_name": "Sam Agent"}, "U0KIM": {"real_name": "Kim Agent"},
            "U0GUEST": {"real_name": "Gus Guest", "is_restricted": True},
            "U0ONE": {"real_name": "Una Single", "is_ultra_restricted": True},
            "U0BOT": {"real_name": "helpbot", "is_bot": True}, "U0FAR": {"real_name": "Far Away", "team_id": "T99"},
            "U0GONE": {"real_name": "Gone", "deleted": True},
        }  # fmt: skip
        self.groups = {"S0AGENTS": ["U0SAM", "U0GUEST"]}
        self.messages: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.reactions: dict[str, list[str]] = defaultdict(list)
        self.ephemeral: list[dict[str, Any]] = []
        self.responses: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.homes: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.shared: list[dict[str, Any]] = []
        self.stored: dict[str, dict[str, Any]] = {}  # files that people put into Slack, by id
        self.triggers: set[str] = set()
        self.dms: dict[str, str] = {}
        self.fetched: list[str] = []
        self.envelopes: dict[str, Any] = {}
        self.sockets: list[WebSocket] = []
        self.connected = threading.Event()
        self._buckets: dict[str, tuple[float, float]] = {}
        self._ts = itertools.count(1)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def _serve(self) -> None:
        assert self._server is not None
        loop = asyncio.new_event_loop()
        self._loop = loop
        loop.run_until_complete(self._server.serve(sockets=[self._socket]))
        left = asyncio.all_tasks(loop)  # calls that a test left hanging
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()

    def close(self) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=5)
        self._socket.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    # ── what a test asks ──

    def of(self, method: str, **args: Any) -> list[Call]:
        return [c for c in self.calls if c.method == method and all(c.args.get(k) == v for k, v in args.items())]

    def trigger(self) -> str:
        name = f"trig.{next(self._ids)}"
        self.triggers.add(name)
        return name

    def next_ts(self) -> str:
        return f"{1_770_000_000 + next(self._ts)}.{next(self._ids):06d}"

    def response_url(self, name: str) -> str:
        return f"{self.url}/respond/{name}"

    def thread(self, channel: str, root: str) -> list[dict[str, Any]]:
        return [m for m in self.messages[channel] if m["ts"] == root or m.get("thread_ts") == root]

    def message(self, channel: str, ts: str) -> dict[str, Any]:
        return next(m for m in self.messages[channel] if m["ts"] == ts)

    def fail(self, method: str, error: str = "", **how: Any) -> None:
        self.troubles[method].append(Trouble(error=error, **how))

    # ── the Web API ──

    async def _api(self, request: Request) -> Response:
        method = request.path_params["method"]
        args = await _arguments(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or str(args.pop("token", ""))
        kind = request.headers.get("content-type", "").split(";")[0]
        with self._lock:
            self.calls.append(Call(method, args, token))
            trouble = self._trouble(method)
        if self.delay:
            await asyncio.sleep(self.delay)
        if trouble is not None and trouble.delay:
            await asyncio.sleep(trouble.delay)
        if trouble is not None and not trouble.lose:
            if trouble.body:
                return PlainTextResponse(trouble.body, status_code=trouble.status, headers=trouble.headers)
            return JSONResponse(
                {"ok": False, "error": trouble.error}, status_code=trouble.status, headers=trouble.headers
            )
        if method in NO_JSON and kind == "application/json":
            self.faults.append(f"{method} takes no JSON")
        answer, headers, status = self._do(method, args, token)
        lost = self.lossy is not None and method == "chat.postMessage" and self.lossy[0].random() < self.lossy[1]
        if lost or (trouble is not None and trouble.lose):
            raise RuntimeError("the answer is lost")
        return JSONResponse(answer, headers=headers, status_code=status)

    def _trouble(self, method: str) -> Trouble | None:
        for name in (method, "*"):
            queue = self.troubles[name]
            if queue:
                queue[0].times -= 1
                return queue.pop(0) if queue[0].times <= 0 else queue[0]
        return None

    def _do(self, method: str, args: dict[str, Any], token: str) -> tuple[dict[str, Any], dict[str, str], int]:
        def no(error: str, status: int = 200, **headers: str) -> tuple[dict[str, Any], dict[str, str], int]:
            return {"ok": False, "error": error}, headers, status

        if method == "apps.connections.open":
            return (
                ({"ok": True, "url": f"ws://127.0.0.1:{self.port}/link"}, {}, 200)
                if token == self.app_token
                else no("invalid_auth")
            )
        if method == "oauth.v2.access":
            if args.get("code") != "good":
                return no("invalid_code")
            self.tokens["xoxb-second"] = "T02"
            return {
                "ok": True, "app_id": "A01", "access_token": "xoxb-second", "token_type": "bot", "bot_user_id": "U0BOT2",
                "scope": "chat:write", "team": {"id": "T02", "name": "Second"}, "enterprise": None,
                "authed_user": {"id": "U9"}, "is_enterprise_install": False,
            }, {}, 200  # fmt: skip
        if token not in self.tokens:
            return no("invalid_auth" if token else "not_authed")
        if method not in SCOPES:
            self.faults.append(f"{method} is not expected")
            return no("unknown_method")
        problems = rules.argument_problems(method, args)
        if problems:
            self.faults += problems
            return no("invalid_arguments")
        needed = SCOPES[method]
        if needed == "history":
            needed = "im:history" if str(args.get("channel", "")).startswith("D") else "channels:history"
        if self.scopes is not None and needed and needed not in self.scopes:
            return no("missing_scope")
        with self._lock:
            handler = getattr(self, "_do_" + method.replace(".", "_").lower())
            return handler(args, self.tokens[token], no)

    def _post_check(self, args: dict[str, Any]) -> list[str]:
        problems = rules.block_problems(args.get("blocks") or [])
        if len(args.get("text") or "") > 40_000:
            problems.append("text over 40,000")
        if not (args.get("text") or "").strip():
            problems.append("no meaningful text beside the blocks")
        meta = args.get("metadata")
        if meta and (set(meta) - {"event_type", "event_payload"} or not isinstance(meta.get("event_payload"), dict)):
            problems.append("metadata has another shape")
        return problems

    def _where(self, channel: str, no: Any) -> Any:
        known = self.channels.get(channel)
        if known is None and not channel.startswith("D"):
            return no("channel_not_found")
        if known and known.get("archived"):
            return no("is_archived")
        if known and known.get("away"):
            return no("not_in_channel")
        return None

    def _too_fast(self, channel: str, no: Any) -> Any:
        if self.rate is None:
            return None
        burst, per_second = self.rate
        level, at = self._buckets.get(channel, (burst, time.monotonic()))
        now = time.monotonic()
        level = min(burst, level + (now - at) * per_second)
        if level < 1:
            self._buckets[channel] = (level, now)
            return no("ratelimited", 429, **{"Retry-After": "1"})
        self._buckets[channel] = (level - 1, now)
        return None

    def _do_chat_postmessage(self, args: dict[str, Any], team: str, no: Any) -> Any:
        channel = args["channel"]
        wrong = self._where(channel, no) or self._too_fast(channel, no)
        if wrong:
            return wrong
        problems = self._post_check(args)
        if problems:
            self.faults += problems
            return no("invalid_blocks")
        ts = self.next_ts()
        message = {"ts": ts, "bot_id": "B01", "text": args.get("text", ""), "blocks": args.get("blocks") or []}
        for name in ("thread_ts", "metadata"):
            if args.get(name):
                message[name] = args[name]
        self.messages[channel].append(message)
        return {"ok": True, "channel": channel, "ts": ts, "message": message}, {}, 200

    def _do_chat_postephemeral(self, args: dict[str, Any], team: str, no: Any) -> Any:
        wrong = self._where(args["channel"], no)
        if wrong:
            return wrong
        problems = self._post_check(args)
        if problems:
            self.faults += problems
            return no("invalid_blocks")
        self.ephemeral.append(args)
        return {"ok": True, "message_ts": self.next_ts()}, {}, 200

    def _do_chat_update(self, args: dict[str, Any], team: str, no: Any) -> Any:
        found = [m for m in self.messages[args["channel"]] if m["ts"] == args["ts"]]
        problems = self._post_check(args)
        if problems:
            self.faults += problems
            return no("invalid_blocks")
        if not found:
            return no("message_not_found")
        found[0].update({"text": args.get("text", ""), "blocks": args.get("blocks") or [], "edited": True})
        return {"ok": True, "channel": args["channel"], "ts": args["ts"]}, {}, 200

    def _do_chat_delete(self, args: dict[str, Any], team: str, no: Any) -> Any:
        self.messages[args["channel"]] = [m for m in self.messages[args["channel"]] if m["ts"] != args["ts"]]
        return {"ok": True}, {}, 200

    def _do_chat_getpermalink(self, args: dict[str, Any], team: str, no: Any) -> Any:
        link = f"https://home.slack.com/archives/{args['channel']}/p{args['message_ts'].replace('.', '')}"
        return {"ok": True, "permalink": link}, {}, 200

    def _history(self, messages: list[dict[str, Any]], args: dict[str, Any]) -> Any:
        want = str(args.get("include_all_metadata", "")).lower() in {"1", "true"}
        start = int(args.get("cursor") or 0)
        most = int(args.get("limit") or 100)
        page = messages[start : start + most]
        shown = [m if want else {k: v for k, v in m.items() if k != "metadata"} for m in page]
        after = str(start + most) if start + most < len(messages) else ""
        return {"ok": True, "messages": shown, "response_metadata": {"next_cursor": after}}, {}, 200

    def _do_conversations_history(self, args: dict[str, Any], team: str, no: Any) -> Any:
        roots = [m for m in self.messages[args["channel"]] if not m.get("thread_ts")]
        return self._history(roots[::-1], args)

    def _do_conversations_replies(self, args: dict[str, Any], team: str, no: Any) -> Any:
        return self._history(self.thread(args["channel"], args["ts"]), args)

    def _do_conversations_open(self, args: dict[str, Any], team: str, no: Any) -> Any:
        channel = self.dms.setdefault(args["users"], "D0" + args["users"][2:])
        return {"ok": True, "channel": {"id": channel}}, {}, 200

    def _do_reactions_add(self, args: dict[str, Any], team: str, no: Any) -> Any:
        held = self.reactions[f"{args['channel']}:{args['timestamp']}"]
        if args["name"] in held:
            return no("already_reacted")
        held.append(args["name"])
        return {"ok": True}, {}, 200

    def _do_reactions_remove(self, args: dict[str, Any], team: str, no: Any) -> Any:
        held = self.reactions[f"{args['channel']}:{args['timestamp']}"]
        if args["name"] not in held:
            return no("no_reaction")
        held.remove(args["name"])
        return {"ok": True}, {}, 200

    def _do_users_info(self, args: dict[str, Any], team: str, no: Any) -> Any:
        known = self.users.get(args["user"])
        if known is None:
            return no("user_not_found")
        profile = {"real_name": known.get("real_name", ""), "display_name": ""}
        return {"ok": True, "user": {"id": args["user"], "team_id": team, "profile": profile, **known}}, {}, 200

    def _do_usergroups_users_list(self, args: dict[str, Any], team: str, no: Any) -> Any:
        if args["usergroup"] not in self.groups:
            return no("no_such_subteam")
        return {"ok": True, "users": self.groups[args["usergroup"]]}, {}, 200

    def _view(self, view: Any, no: Any) -> Any:
        if '"file_input"' in json.dumps(view) and self.scopes is not None and "files:read" not in self.scopes:
            return no("missing_scope")
        problems = rules.view_problems(view)
        if problems:
            self.faults += problems
            return no("invalid_arguments")
        return None

    def _do_views_open(self, args: dict[str, Any], team: str, no: Any) -> Any:
        if args.get("trigger_id") not in self.triggers:
            return no("expired_trigger_id")
        self.triggers.discard(args["trigger_id"])
        wrong = self._view(args["view"], no)
        if wrong:
            return wrong
        view = {**args["view"], "id": f"V{next(self._ids)}", "team_id": team}
        self.views.append(view)
        return {"ok": True, "view": view}, {}, 200

    def _do_views_publish(self, args: dict[str, Any], team: str, no: Any) -> Any:
        wrong = self._view(args["view"], no)
        if wrong:
            return wrong
        self.homes[args["user_id"]] = args["view"]
        return {"ok": True, "view": args["view"]}, {}, 200

    def _do_auth_test(self, args: dict[str, Any], team: str, no: Any) -> Any:
        return (
            {"ok": True, "team_id": team, "user_id": "U0BOT", "bot_id": "B01", "url": "https://home.slack.com/"},
            {},
            200,
        )

    def _do_assistant_threads_setstatus(self, args: dict[str, Any], team: str, no: Any) -> Any:
        if len(args.get("loading_messages") or []) > 10:
            self.faults.append("more than 10 loading messages")
        return {"ok": True}, {}, 200

    def _do_assistant_threads_setsuggestedprompts(self, args: dict[str, Any], team: str, no: Any) -> Any:
        if not 1 <= len(args["prompts"]) <= 4:
            self.faults.append("setSuggestedPrompts takes one to four prompts")
        return {"ok": True}, {}, 200

    def _do_files_getuploadurlexternal(self, args: dict[str, Any], team: str, no: Any) -> Any:
        name = f"F{next(self._ids)}"
        return {"ok": True, "upload_url": f"{self.url}/upload/{name}", "file_id": name}, {}, 200

    def _do_files_completeuploadexternal(self, args: dict[str, Any], team: str, no: Any) -> Any:
        files = args["files"] if isinstance(args["files"], list) else json.loads(args["files"])
        if unknown := [file["id"] for file in files if file["id"] not in self.uploads]:
            self.faults.append(f"{unknown} were never uploaded")
            return no("file_not_found")
        if any(file["id"] in [known["id"] for known in self.shared] for file in files):
            self.faults.append("a file is shared twice")
        channel = args.get("channel_id", "")
        wrong = self._where(channel, no) or self._too_fast(channel, no)
        if wrong:
            return wrong
        for file in files:
            entry = {
                "id": file["id"], "channel": channel, "thread_ts": args.get("thread_ts"), "title": file.get("title"),
                "content": self.uploads[file["id"]],
            }  # fmt: skip
            self.shared.append(entry)
        return {"ok": True, "files": [{"id": file["id"]} for file in files]}, {}, 200

    def _do_files_info(self, args: dict[str, Any], team: str, no: Any) -> Any:
        if args["file"] in self.stored:
            return {"ok": True, "file": self.stored[args["file"]]}, {}, 200
        shares = [file for file in self.shared if file["id"] == args["file"]]
        if not shares:
            return no("file_not_found")
        seen = {file["channel"]: [{"thread_ts": file["thread_ts"]}] for file in shares}
        return {"ok": True, "file": {"id": args["file"], "shares": {"private": seen}}}, {}, 200

    # ── response addresses, files ──

    async def _respond(self, request: Request) -> Response:
        body = json.loads(await request.body())
        unknown = set(body) - {"text", "blocks", "response_type", "replace_original", "delete_original", "thread_ts"}
        if unknown:
            self.faults.append(f"a response has {sorted(unknown)}")
        if body.get("blocks"):
            self.faults += rules.block_problems(body["blocks"])
        trouble = self._trouble("respond")
        if trouble is not None:
            return PlainTextResponse(trouble.error, status_code=trouble.status)
        self.responses.append({"name": request.path_params["name"], **body})
        return PlainTextResponse("ok")

    async def _upload(self, request: Request) -> Response:
        trouble = self._trouble("upload")
        if trouble is not None:
            return PlainTextResponse(trouble.error, status_code=trouble.status)
        self.uploads[request.path_params["name"]] = await request.body()
        return PlainTextResponse("OK")

    async def _file(self, request: Request) -> Response:
        self.fetched.append(request.path_params["name"])
        trouble = self._trouble("file")
        if trouble is not None:
            return PlainTextResponse(trouble.error, status_code=trouble.status)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return PlainTextResponse("login", status_code=302, headers={"Location": f"{self.url}/elsewhere"})
        return Response(self.files.get(request.path_params["name"], b""), media_type="application/octet-stream")

    # ── Socket Mode ──

    async def _link(self, ws: WebSocket) -> None:
        await ws.accept()
        self.sockets.append(ws)
        await ws.send_text(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A01"}}))
        self.connected.set()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                answer = json.loads(await ws.receive_text())
                self.envelopes[answer["envelope_id"]] = answer
        self.sockets.remove(ws)

    def push(self, envelope: dict[str, Any]) -> None:
        async def send() -> None:
            await self.sockets[-1].send_text(json.dumps(envelope))

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(send(), self._loop).result(timeout=5)


async def _arguments(request: Request) -> dict[str, Any]:
    args: dict[str, Any] = dict(request.query_params)
    body = await request.body()
    kind = request.headers.get("content-type", "").split(";")[0]
    if kind == "application/json":
        args.update(json.loads(body or b"{}"))
    elif body:
        args.update(parse_qsl(body.decode(), keep_blank_values=True))
    for name in ("blocks", "view", "metadata", "prompts", "loading_messages"):
        if isinstance(args.get(name), str):
            args[name] = json.loads(args[name])
    return args
