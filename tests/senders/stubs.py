"""Receivers that do what a test wants: a web server, a mail server, and one in memory."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from helpbot.desk.records import Parcel, SendResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from helpbot.errors import OutsideError

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


class WebStub:
    """A web server on a free port; `answer` decides what each request gets."""

    def __init__(self, answer: Callable[[Request], Answer | str] | None = None) -> None:
        self.answer = answer or (lambda request: (200, {}, b"ok"))
        self.requests: list[Request] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                stub.requests.append(request)
                answer = stub.answer(request)
                if answer == "reset":
                    self.close_connection = True
                    self.connection.close()
                    return
                if answer == "half":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                    self.close_connection = True
                    self.connection.close()
                    return
                if callable(answer):
                    answer(self)
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *arguments: Any) -> None:
                pass

            def handle(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().handle()

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, address: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class MemorySender:
    """A sender that keeps what it was given; `fails` may raise what it likes."""

    name: str = "webhook"
    fails: Callable[[Parcel], OutsideError | Exception | None] = lambda parcel: None
    sent: list[Parcel] = field(default_factory=list)
    tried: list[Parcel] = field(default_factory=list)

    def send(self, parcel: Parcel) -> SendResult:
        self.tried.append(parcel)
        error = self.fails(parcel)
        if error is not None:
            raise error
        self.sent.append(parcel)
        return SendResult(receipt={"n": str(len(self.sent))})


class MailStub:
    """A mail server (aiosmtpd) that keeps mails; `answer` may refuse."""

    def __init__(self, answer: Callable[[Any], str] | None = None, **more: Any) -> None:
        from aiosmtpd.controller import Controller

        self.mails: list[Any] = []
        self.answer = answer or (lambda envelope: "250 OK")
        stub = self

        class Handler:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
                answer = stub.answer(envelope)
                if answer.startswith("250"):
                    stub.mails.append(envelope)
                if answer == "drop":
                    stub.mails.append(envelope)
                    server.transport.close()
                    return "421 gone"
                return answer

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.controller = Controller(Handler(), hostname="127.0.0.1", port=self.port, **more)
        self.controller.start()

    def close(self) -> None:
        self.controller.stop()
