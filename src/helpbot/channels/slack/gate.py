"""The door that Slack comes in by: size, headers and signature are judged on the raw bytes, before anything is parsed.

Bolt parses first and checks then, reads bodies of any size, writes refused ones whole to the log, and fails on a
timestamp that is no number. None of that is reached by anyone who does not hold the signing secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

import anyio.to_thread
from anyio import CapacityLimiter
from slack_bolt import App, BoltRequest, BoltResponse

__all__ = ["SlackGate"]

log = logging.getLogger("helpbot.slack")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST: Final = 1024 * 1024  # bytes of a body; Slack's own stay far below
SKEW: Final = 300  # seconds a timestamp may be off, as Slack asks
SLOWEST: Final = 10.0  # seconds a body may take to arrive
AT_ONCE: Final = 32
SKEWED_BEFORE_ALERT: Final = 3
_TIMESTAMP: Final = re.compile(rb"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(rb"v0=[0-9a-f]{64}")
_TITLES: Final = {
    400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    413: "Content Too Large",
}  # fmt: skip


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why


class SlackGate:
    """ASGI: mounted at `/slack`, it serves `events`, and with OAuth `install` and `oauth_redirect`."""

    def __init__(
        self,
        app: App,
        signing_secret: str,
        clock: Callable[[], datetime],
        *,
        alert: Callable[[str], None] | None = None,
    ) -> None:
        self._app, self._secret, self._clock = app, signing_secret.encode(), clock
        self._alert = alert or (lambda text: log.error("%s", text))
        self._limiter: CapacityLimiter | None = None
        self._skewed = 0
        self._told_skew = False
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path, method = str(scope.get("path", "")).rstrip("/"), scope.get("method")
        try:
            if path.endswith("/events"):
                response = await self._events(scope, receive, method)
            elif self._app.oauth_flow is not None and path.endswith(("/install", "/oauth_redirect")):
                response = await self._oauth(scope, path, method)
            else:
                raise _Refused(404, "there is nothing here")
        except _Refused as refused:
            self.counts[f"refused {refused.status}"] += 1
            log.info("slack: refused %d: %s", refused.status, refused.why)
            response = _problem(refused)
        await _answer(send, response)

    async def _events(self, scope: Scope, receive: Receive, method: Any) -> BoltResponse:
        if method != "POST":
            raise _Refused(405, "Slack posts")
        headers = _headers(scope)
        length = _one(headers, b"content-length")
        if length and (not length.isdigit() or len(length) > 12 or int(length) > MOST):
            raise _Refused(413, "the body is longer than 1 MiB")
        timestamp, signature = _one(headers, b"x-slack-request-timestamp"), _one(headers, b"x-slack-signature")
        unsigned = not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature)
        if unsigned and not (length and int(length) <= 1_000):
            raise _Refused(401, "the request is not signed as Slack signs")
        body = await _body(receive)
        if unsigned:
            # Slack's own test of the certificate; it asks for nothing and is told nothing.
            if b"ssl_check=1" in body.split(b"&"):
                self.counts["ssl_check"] += 1
                return BoltResponse(status=200, body="")
            raise _Refused(401, "the request is not signed as Slack signs")
        self._verify(timestamp, signature, body)
        text, kind = _checked(body, _one(headers, b"content-type"))
        if kind == "app_rate_limited":
            self._alert("Slack holds events back: more than 30,000 came within an hour from one workspace.")
        if text is None:
            self.counts["ignored"] += 1
            return BoltResponse(status=200, body="")
        request = BoltRequest(
            body=text,
            query=scope.get("query_string", b"").decode("latin-1"),
            headers={name.decode("latin-1"): [v.decode("latin-1") for v in values] for name, values in headers.items()},
        )
        self.counts["accepted"] += 1
        response = await self._run(lambda: self._app.dispatch(request))
        if response.status == 404:  # nothing of ours; Slack would send it again and count it as a failure
            self.counts["unknown"] += 1
            return BoltResponse(status=200, body="")
        return response

    def _verify(self, timestamp: bytes, signature: bytes, body: bytes) -> None:
        if not self._secret:
            raise _Refused(401, "no signing secret is set")
        wanted = hmac.new(self._secret, b"v0:" + timestamp + b":" + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(b"v0=" + wanted.encode(), signature):
            raise _Refused(401, "the signature is wrong")
        off = self._clock().timestamp() - int(timestamp)
        if abs(off) <= SKEW:
            self._skewed, self._told_skew = 0, False
            return
        self._skewed += 1
        if self._skewed >= SKEWED_BEFORE_ALERT and not self._told_skew:
            self._told_skew = True
            self._alert(
                f"Slack's requests are refused: this machine's clock is {off:+.0f} s off from Slack's. Set the clock."
            )
        raise _Refused(401, f"the timestamp is {off:+.0f} s off")

    async def _oauth(self, scope: Scope, path: str, method: Any) -> BoltResponse:
        if method != "GET":
            raise _Refused(405, "this page is read")
        flow = self._app.oauth_flow
        assert flow is not None
        request = BoltRequest(
            body="",
            query=scope.get("query_string", b"").decode("latin-1"),
            headers={name.decode("latin-1"): [v.decode("latin-1") for v in vs] for name, vs in _headers(scope).items()},
        )
        handle = flow.handle_installation if path.endswith("/install") else flow.handle_callback
        return await self._run(lambda: handle(request))

    async def _run(self, work: Callable[[], BoltResponse]) -> BoltResponse:
        if self._limiter is None:
            self._limiter = CapacityLimiter(AT_ONCE)
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        except Exception as error:
            log.error("slack: a signed request could not be handled (%s)", type(error).__name__)
            raise _Refused(400, "the request could not be read") from error


def _checked(body: bytes, content_type: bytes) -> tuple[str | None, str]:
    """A signed body as text, and its type; no text for what is acknowledged and ignored."""
    try:
        text = body.decode("utf-8")
        if content_type.split(b";")[0].strip() == b"application/x-www-form-urlencoded":
            form = parse_qs(text, keep_blank_values=True, strict_parsing=False, max_num_fields=100)
            if form.get("ssl_check") == ["1"]:
                return None, ""
            if "payload" not in form:
                return (text if form.get("command") else None), "command"
            parsed = json.loads(form["payload"][0])
        else:
            parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, "the body is not what its type says") from error
    if not isinstance(parsed, dict):
        raise _Refused(400, "the body is no JSON object")
    if parsed.get("type") == "event_callback":
        event = parsed.get("event")
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            return None, ""
    return text, str(parsed.get("type", ""))


def _headers(scope: Scope) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope.get("headers", ()):
        found.setdefault(name.lower(), []).append(value)
    return found


def _one(headers: dict[bytes, list[bytes]], name: bytes) -> bytes:
    """A header that is there once; empty otherwise."""
    values = headers.get(name, [])
    return values[0] if len(values) == 1 else b""


async def _body(receive: Receive) -> bytes:
    found = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400, "the caller went away")
                found += message.get("body", b"")
                if len(found) > MOST:
                    raise _Refused(413, "the body is longer than 1 MiB")
                if not message.get("more_body"):
                    return bytes(found)
    except TimeoutError as error:
        raise _Refused(408, "the body did not arrive") from error


def _problem(refused: _Refused) -> BoltResponse:
    body = {"type": "about:blank", "title": _TITLES[refused.status], "status": refused.status, "detail": refused.why}
    return BoltResponse(
        status=refused.status, body=json.dumps(body), headers={"content-type": ["application/problem+json"]}
    )


async def _answer(send: Send, response: BoltResponse) -> None:
    body = (response.body if isinstance(response.body, str) else json.dumps(response.body)).encode()
    headers: list[tuple[bytes, bytes]] = [(b"content-length", str(len(body)).encode())]
    for name, values in response.headers.items():
        many: Iterable[str] = [values] if isinstance(values, str) else values
        headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for value in many]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
