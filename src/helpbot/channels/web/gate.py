"""What every request passes before any work: an id, caps on size and time, the bucket of its address, safe headers.

Plain ASGI: no task, queue or copy of its own, so that an idle stream costs little. Bodies are read whole here,
within their cap and time, before anything parses them.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helpbot.channels.web.limits import Buckets
from helpbot.channels.web.logs import log
from helpbot.channels.web.metrics import Metrics
from helpbot.channels.web.problems import ProblemError, problem, refusal
from helpbot.channels.web.settings import WebSettings
from helpbot.errors import CallError

__all__ = ["API_CSP", "Gate", "client_address"]

API_CSP: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SECRET_PARAMETERS: Final = frozenset(
    {"token", "access_token", "authorization", "bearer", "jwt", "identity", "api_key"}
)
_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def _parse(text: str) -> Address | None:
    try:
        return ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _direct(peer: str) -> str:
    """Who is asking where no proxy speaks for anybody, in the one way to write that address."""
    return str(_parse(peer) or peer or "unknown")


def client_address(peer: str, forwarded: str, trusted: tuple[Network, ...]) -> str:
    """Who is asking: the nearest address on the way that is not a proxy of ours.

    X-Forwarded-For counts only as far as trusted proxies wrote it, read from the right; all else could be forged.
    """
    if not forwarded:
        return _direct(peer)
    address = _parse(peer)
    if address is None:
        return peer or "unknown"
    for hop in reversed(forwarded.split(",")):
        if not any(address in network for network in trusted if network.version == address.version):
            break
        before = _parse(hop)
        if before is None:
            break
        address = before
    return str(address)


class Gate:
    """The outermost layer of the web edge."""

    def __init__(
        self,
        app: ASGIApp,
        settings: WebSettings,
        metrics: Metrics,
        slack: ASGIApp | None = None,
        stream: Route | None = None,
    ) -> None:
        self.app, self.metrics, self.slack = app, metrics, slack
        # An open stream holds every layer that it came through: it comes through none but this one.
        self.stream = stream
        self.limits = settings.limits
        self.trusted = tuple(ip_network(text, strict=False) for text in settings.trusted_proxies)
        self.addresses = Buckets(settings.limits.address)
        self.secure = settings.public_url.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = _first_of_each(scope)
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope["helpbot.request"] = request_id
        peer = scope["client"][0] if scope.get("client") else ""
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        scope["helpbot.address"] = client_address(peer, forwarded, self.trusted)
        scope["helpbot.direct"] = not forwarded
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._headers(message.get("headers", []), scope["path"], request_id)
            await send(message)

        try:
            if self.slack is not None and scope["path"].startswith("/slack/"):
                await self.slack(scope, receive, answer)  # checks signatures on the raw bytes itself
            else:
                body = await self._admit(scope, headers, receive)
                app = self._straight_to(scope) or self.app
                await app(scope, receive if body is None else _replay(body, receive), answer)
        except ProblemError as refused:
            self.metrics.refused.labels(refused.kind[:30]).inc()
            await self._refuse(scope, receive, answer, refused)
        except CallError as refused:
            response = refusal(Request(scope), refused)
            await response(scope, receive, answer)
        except Exception:  # noqa: BLE001, RUF100 - the last line of defence: whatever it is, the caller gets a problem
            log.exception("request failed", extra={"fields": {"request": request_id, "route": _route(scope)}})
            if status:
                raise  # half an answer is on its way: only closing the connection tells the client
            status = 500
            response = problem(
                500,
                "This was not your fault. Try again, and tell us the request id if it stays.",
                request_id,
                kind="internal",
            )
            await response(scope, receive, answer)
        finally:
            self._record(scope, status, time.perf_counter() - began)

    def _straight_to(self, scope: Scope) -> ASGIApp | None:
        """The stream, if it is what is asked for."""
        if self.stream is None or scope["method"] != "GET" or not scope["path"].endswith("/stream"):
            return None
        match, found = self.stream.matches(scope)
        if match is not Match.FULL:
            return None
        scope.update(found, route=self.stream)
        return self.stream.app

    async def _refuse(self, scope: Scope, receive: Receive, answer: Send, refused: ProblemError) -> None:
        response = problem(
            refused.status,
            refused.detail,
            scope["helpbot.request"],
            kind=refused.kind,
            retry_after=refused.retry_after,
            errors=refused.errors,
            allow=refused.allow,
        )
        if refused.status in {408, 413}:
            response.headers["Connection"] = "close"  # the rest of the body is not read
        await response(scope, receive, answer)

    async def _admit(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """Check what can be checked before parsing, and read the body of a write. None: there is no body to read."""
        path: str = scope["path"]
        if scope["query_string"]:
            names = {
                unquote_plus(pair.partition("=")[0]).lower()
                for pair in scope["query_string"].decode("latin-1").split("&")
            }
            if names & _SECRET_PARAMETERS:
                raise ProblemError(
                    400,
                    "An address is no place for a token: it ends up in logs. Send it in the Authorization header.",
                    kind="token-in-address",
                )
        if path.startswith("/api/") or path == "/articles":
            wait = self.addresses.take(scope["helpbot.address"])
            if wait:
                raise ProblemError(
                    429, "Too many requests come from your address. Wait a moment.", kind="too-many", retry_after=wait
                )
        if scope["method"] not in _WRITES:
            return None
        upload = path.endswith("/attachments")
        cap = self.limits.attachment if upload else self.limits.body
        body = await self._body(headers, receive, cap)
        if path.startswith("/api/"):
            self._check_write(headers, body, upload=upload)
        return body

    @staticmethod
    def _check_write(headers: Mapping[bytes, bytes], body: bytes, *, upload: bool) -> None:
        kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if upload and kind not in _IMAGES:
            raise ProblemError(
                415,
                "Only PNG, JPEG and WebP images are taken. Send one with its Content-Type.",
                kind="unsupported-type",
            )
        if not upload and body and kind != "application/json":
            raise ProblemError(415, "Send JSON, with Content-Type: application/json.", kind="unsupported-type")
        if b"content-encoding" in headers:
            raise ProblemError(415, "Encoded bodies are not taken. Send the body as it is.", kind="unsupported-type")
        key = headers.get(b"idempotency-key", b"").decode("latin-1")
        if not _KEY.fullmatch(key):
            raise ProblemError(
                400,
                "Every write needs an Idempotency-Key of 1 to 255 visible ASCII characters. "
                "Use a new random one for each act, and the same one to repeat it.",
                kind="idempotency-key",
                errors=[{"field": "Idempotency-Key", "problem": "it is missing, too long or not visible ASCII"}],
            )

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive, cap: int) -> bytes:
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and (len(declared) > 12 or int(declared) > cap):
            raise ProblemError(413, f"The body has more than {cap:,} bytes. Send less.", kind="too-large")
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ProblemError(400, "The connection ended within the body.", kind="cut-short")
                    piece = message.get("body", b"")
                    size += len(piece)
                    if size > cap:
                        raise ProblemError(413, f"The body has more than {cap:,} bytes. Send less.", kind="too-large")
                    pieces.append(piece)
                    if not message.get("more_body"):
                        return b"".join(pieces)
        except TimeoutError:
            raise ProblemError(
                408,
                f"The body did not arrive within {self.limits.body_seconds:g} seconds. Send it again.",
                kind="too-slow",
            ) from None

    def _headers(self, headers: list[tuple[bytes, bytes]], path: str, request_id: str) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in headers}
        more = [*_HEADERS, (b"x-request-id", request_id.encode())]
        if b"content-security-policy" not in there:
            more.append((b"content-security-policy", API_CSP.encode()))
        if b"cross-origin-resource-policy" not in there:
            more.append((b"cross-origin-resource-policy", b"same-origin"))
        if b"cache-control" not in there:
            more.append((b"cache-control", b"no-store"))
        if self.secure:
            more.append((b"strict-transport-security", b"max-age=31536000"))
        return [*headers, *(pair for pair in more if pair[0] not in there)]

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self.metrics.requests.labels(route, _method(scope), str(status)).inc()
        if not route.endswith("/stream"):
            self.metrics.seconds.labels(route).observe(seconds)
        if log.isEnabledFor(20):
            fields = {
                "request": scope["helpbot.request"],
                "route": route,
                "method": _method(scope),
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
            log.info("request", extra={"fields": fields})


def _first_of_each(scope: Scope) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for" and name in found:
            found[name] += b"," + value  # a proxy may add a line of its own
        else:
            found.setdefault(name, value)
    return found


def _route(scope: Scope) -> str:
    """The route's pattern: a path itself may hold an id, or anything a stranger typed."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "none"


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out the body that was read already, and then listens on."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
