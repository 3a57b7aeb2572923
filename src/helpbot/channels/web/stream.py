"""The live stream of a conversation: server-sent events over plain ASGI.

An event's id is its message's number. Whoever reconnects says the last one it has and gets what came after it, read
from the store: nothing is kept for a stream but a flag, so nothing can be lost in it. A reader that does not read is
cut: beyond what the server's buffer holds (64 KiB) nothing is produced for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from helpbot.channels.web.schema import conversation_out, message_out
from helpbot.errors import CallError, Code

if TYPE_CHECKING:
    from helpbot.channels.web.metrics import Metrics
    from helpbot.channels.web.pool import Pool
    from helpbot.channels.web.settings import WebSettings
    from helpbot.desk.desk import Desk
    from helpbot.desk.ports import Notices
    from helpbot.desk.records import ConversationView

__all__ = ["Live", "Stream", "last_event"]

BATCH: Final = 50  # messages read at once
STALL_SECONDS: Final = 30.0
SEND_BUFFER: Final = 64 * 1024  # bytes; Linux doubles it
BUSY_SECONDS: Final = 1.0  # about how soon a stream looks again that could not
BYE: Final = b"event: bye\ndata: {}\n\n"
STILL_HERE: Final = b": still here\n\n"
RETRY_MS: Final = 1000  # how soon a client is to come back
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects the stream would stop it
]


def last_event(text: str) -> int:
    """The number a client says it has; 0, from the start, for anything that is not one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


class Watcher:
    """One open stream: which conversation, what it has seen, and the flag that something may be new."""

    __slots__ = ("conversation", "flag", "hot", "seen", "state")

    def __init__(self, conversation: str, seen: int) -> None:
        self.conversation, self.seen, self.hot = conversation, seen, True
        self.state = 0  # of what was told last of how the conversation stands: its hash
        self.flag = asyncio.Event()


class Live:
    """All open streams of this node, woken by notices and, as a notice is only a hint, by a look at the store."""

    def __init__(self, desk: Desk, notices: Notices, settings: WebSettings, pool: Pool, metrics: Metrics) -> None:
        self._desk, self._notices, self._pool, self._metrics = desk, notices, pool, metrics
        self._poll, self.heartbeat = settings.poll_seconds, settings.heartbeat_seconds
        self._most, self._most_each = settings.limits.streams, settings.limits.streams_each
        self._watchers: dict[str, set[Watcher]] = {}
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] = lambda: None
        self._sweeper: asyncio.Task[None] | None = None
        self.closing = False

    async def open(self) -> None:
        """Begin to listen; called once the loop runs."""
        self._loop = asyncio.get_running_loop()
        self._stop = self._notices.subscribe(self._notice)
        self._sweeper = asyncio.create_task(self._sweep())

    def close(self) -> None:
        """End every stream: their clients are told to come back, to whoever answers then."""
        self.closing = True
        self._stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.flag.set()

    def enter(self, watcher: Watcher) -> None:
        """Count a stream in. CallError(TOO_MANY) beyond what one conversation or this node may hold."""
        held = self._watchers.get(watcher.conversation, set())
        if len(held) >= self._most_each or self._count >= self._most:
            raise CallError(
                Code.TOO_MANY, "too many streams are open", "Close some, or poll messages instead", retry_after=15
            )
        self._watchers.setdefault(watcher.conversation, set()).add(watcher)
        self._count += 1
        self._metrics.streams.set(self._count)

    def leave(self, watcher: Watcher) -> None:
        """Count a stream out."""
        held = self._watchers.get(watcher.conversation)
        if held is None or watcher not in held:
            return
        held.discard(watcher)
        if not held:
            del self._watchers[watcher.conversation]
        self._count -= 1
        self._metrics.streams.set(self._count)

    def _notice(self, conversation_id: str, seq: int) -> None:
        if self._loop is not None and not self._loop.is_closed() and conversation_id in self._watchers:
            with contextlib.suppress(RuntimeError):  # the loop closed between the two lines
                self._loop.call_soon_threadsafe(self._wake, conversation_id)

    def _wake(self, conversation_id: str) -> None:
        for watcher in self._watchers.get(conversation_id, ()):
            watcher.flag.set()

    async def _sweep(self) -> None:
        """Look where an agent may have written through another process, in one visit to the store."""
        while True:
            await asyncio.sleep(self._poll)
            hot = {
                conversation: min(watcher.seen for watcher in watchers)
                for conversation, watchers in self._watchers.items()
                if any(watcher.hot for watcher in watchers)
            }
            if not hot:
                continue
            with contextlib.suppress(CallError):  # the store is away: streams stay, and the next look tells
                for conversation in await self._pool.run(self._newer, hot):
                    self._wake(conversation)

    def _newer(self, hot: dict[str, int]) -> list[str]:
        return [each for each, seen in hot.items() if self._desk.messages(each, after=seen, limit=1)]


class Stream:
    """The endpoint. Two tasks a connection: this one sends, the other notices that the client has gone."""

    def __init__(
        self, live: Live, authorise: Callable[[Request], Any], desk: Desk, pool: Pool, metrics: Metrics,
        size: Callable[[str, str], int],
    ) -> None:  # fmt: skip
        self._size = size
        self._live, self._authorise, self._desk, self._pool, self._metrics = live, authorise, desk, pool, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream until the client leaves, the server stops or nobody reads."""
        watcher = await self._admit(Request(scope))
        self._live.enter(watcher)
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        _shrink(transport)
        gone = asyncio.create_task(self._gone(receive, watcher))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._talk(send, watcher, gone)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            self._metrics.stalled.inc()
            if transport is not None:
                transport.abort()  # closing would wait for the reader to take what is buffered: it never will
        finally:
            self._live.leave(watcher)
            gone.cancel()

    async def _admit(self, request: Request) -> Watcher:
        view: ConversationView = await self._authorise(request)
        after = last_event(request.headers.get("last-event-id") or request.query_params.get("after", ""))
        return Watcher(view.id, after if after <= view.last_seq else 0)

    @staticmethod
    async def _gone(receive: Receive, watcher: Watcher) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        watcher.flag.set()

    async def _talk(self, send: Send, watcher: Watcher, gone: asyncio.Task[None]) -> None:
        """Send what is new, again and again. What was sent is not kept: an open stream is mostly an idle one."""
        begin = [f"retry: {RETRY_MS}\n\n".encode()]
        while not gone.done():
            watcher.flag.clear()
            busy = False
            try:
                pieces, more = await self._pool.run(self._news, watcher)
            except CallError as fault:
                if fault.code is not Code.UNAVAILABLE:
                    return  # erased meanwhile: whoever comes back is told so
                # The store is away, or very many look at once. This stream has begun and stays; it looks again soon.
                pieces, more, busy = [], False, True
            closing = self._live.closing
            async with asyncio.timeout(STALL_SECONDS):
                for piece in [*begin, *pieces, *([BYE] if closing else ())] or [STILL_HERE]:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            if closing:
                return
            begin, pieces = [], []
            if busy:
                await asyncio.sleep(BUSY_SECONDS * _about())
            elif not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._live.heartbeat * _about()):
                        await watcher.flag.wait()

    def _news(self, watcher: Watcher) -> tuple[list[bytes], bool]:
        """On a thread of the pool: what is new as events, and whether there is more of it than was read."""
        messages = self._desk.messages(watcher.conversation, after=watcher.seen, limit=BATCH)
        view = self._desk.conversation(watcher.conversation)
        pieces = [
            b"id: %d\nevent: message\ndata: %b\n\n" % (message.seq, to_json(message_out(message, self._size)))
            for message in messages
        ]
        if messages:
            watcher.seen = messages[-1].seq
        watcher.hot = view.phase.value in {"waiting", "with_agent"} or view.owner.value == "agent"
        state = to_json(conversation_out(view))
        if hash(state) != watcher.state:
            watcher.state = hash(state)
            pieces.append(b"event: state\ndata: %b\n\n" % state)
        return pieces, len(messages) == BATCH


def _about() -> float:
    """A little less than one: those that were opened together are not to look together for ever."""
    return 0.7 + 0.3 * random.random()  # noqa: S311 - spreads load, guards nothing


def _shrink(transport: Any) -> None:
    """Let the kernel hold little for one reader: by itself it would take megabytes for one that does not read."""
    held = transport.get_extra_info("socket") if transport is not None else None
    if held is not None:
        with contextlib.suppress(OSError):  # a socket of another family keeps its own size
            held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
