"""The one HTTP client for addresses that somebody wrote into a setting or an article.

It connects only to public addresses, or to networks named in the settings: each name is resolved once, every address
of it is vetted, and the connection goes to the vetted address itself, so that a name that changes its mind between
two look-ups gains nothing. It follows no redirect, asks for no compression, and cuts the time and the bytes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

from helpbot.errors import OutsideError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Answer", "OutsideClient", "is_public", "vetted"]

CONNECT_TIME: Final = 5.0
TOTAL_TIME: Final = 15.0
BODY_LIMIT: Final = 64 * 1024

# What Python calls global or not does not serve here: it lets 192.0.0.8, 224.0.0.1 and the translated forms through.
_CLOSED_V4: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_OPEN_V6: Final = IPv6Network("2000::/3")  # nothing else is routed; ::ffff:…, 64:ff9b::… and fc00::/7 fall outside
_CLOSED_V6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)

Address = IPv4Address | IPv6Address


def is_public(address: Address) -> bool:
    """Whether an address lies in the open Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


def vetted(host: str, port: int, allowed: Sequence[Any] = ()) -> list[str]:
    """The addresses of a name, all of them public or in `allowed` networks; OutsideError if one is not."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutsideError(f"{host} has no address") from error
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for text in addresses:
        address = ip_address(text)
        inside = any(address.version == network.version and address in network for network in allowed)
        if not inside and not is_public(address):
            raise OutsideError(f"{host} leads to {text}, which is not in the open Internet")
        if not inside and port not in {80, 443}:
            raise OutsideError(f"port {port} of {host} is not allowed; only 80 and 443 are")
    return addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said: at most the first 64 KiB of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool  # there was more


class OutsideClient:
    """Sends requests. One client may be used by many threads."""

    def __init__(
        self, *, networks: Iterable[str] = (), verify: ssl.SSLContext | None = None, total: float = TOTAL_TIME
    ) -> None:
        """`networks` are private ones that may be reached, as CIDR; within them any port and plain http will do."""
        self._allowed = tuple(ip_network(text, strict=False) for text in networks)
        self._total = total
        self._context = verify or ssl.create_default_context()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body; OutsideError when no whole answer came within the time."""
        return self.request("POST", url, body=body, headers=headers)

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] = {},
        limit: int = BODY_LIMIT,
    ) -> Answer:
        """One request over a connection of its own; redirects are answers like any other."""
        parsed = self._parse(url)
        backend = _Backend(self._allowed, time.monotonic() + self._total)
        wanted = {"accept-encoding": "identity", "connection": "close", **headers}
        try:
            with (
                httpx.Client(transport=_Transport(backend, self._context), follow_redirects=False) as client,
                client.stream(method, parsed, content=body, headers=wanted, timeout=None) as response,
            ):
                return self._read(response, limit, backend)
        except (httpx.HTTPError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise OutsideError(f"{parsed.host}: {_reason(error)}") from error
        except ssl.SSLError as error:
            raise OutsideError(f"{parsed.host}: {error.reason or 'TLS failed'}") from error

    def _parse(self, url: str) -> httpx.URL:
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise OutsideError("the address is not a URL", permanent=True) from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise OutsideError(f"{parsed.scheme or 'no scheme'}: only http and https are allowed", permanent=True)
        if parsed.userinfo:
            raise OutsideError("an address with a user name in it is not allowed", permanent=True)
        return parsed

    def _read(self, response: httpx.Response, limit: int, backend: _Backend) -> Answer:
        if response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            return Answer(status=response.status_code, headers=dict(response.headers), body=b"", cut=True)
        body, cut = bytearray(), False
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > limit:
                cut = True
                break
        return Answer(status=response.status_code, headers=dict(response.headers), body=bytes(body[:limit]), cut=cut)


class _Backend(httpcore.NetworkBackend):
    """Connects to vetted addresses only, and lets no single byte win more time than the whole has left."""

    def __init__(self, allowed: Sequence[Any], deadline: float) -> None:
        self._allowed, self._deadline = allowed, deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in vetted(host, port, self._allowed):
            left = min(CONNECT_TIME, self._deadline - time.monotonic())
            if left <= 0:
                raise httpcore.ConnectTimeout("no time left")
            try:
                return _Stream(self._plain.connect_tcp(address, port, timeout=left), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    def connect_unix_socket(self, *arguments: Any, **more: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("not over a socket of this machine")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection that ends at the deadline, however often the other side says one more byte."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, error: type[Exception]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise error("no time left")
        return left


class _Transport(httpx.BaseTransport):
    """httpx over that backend."""

    def __init__(self, backend: httpcore.NetworkBackend, context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=backend, retries=0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert not isinstance(response.stream, bytes)
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response.stream),  # type: ignore[arg-type]  # the pool's own stream is the synchronous one
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        with contextlib.suppress(AttributeError):
            self._stream.close()  # type: ignore[attr-defined]  # present on every stream of a pool


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException | httpcore.TimeoutException):
        return "no whole answer in time"
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
