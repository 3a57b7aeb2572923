"""R26: a stop answers what is in flight, tells every stream, gives leases back, and ends by itself."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.web.support import BILLING, PATIENCE, Visitor, key, process

from .figures import figure, within

full = pytest.mark.full


def talk_to(url: str) -> socket.socket:
    """A connection to the server."""
    return socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), PATIENCE)


def watch(url: str, visitor: Visitor) -> socket.socket:
    """An open stream of a conversation."""
    connection = talk_to(url)
    connection.sendall(
        f"GET {visitor.path}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {visitor.token}\r\n\r\n".encode()
    )
    assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
    return connection


def ask(url: str, visitor: Visitor, body: bytes) -> socket.socket:
    """A message whose head the server has taken and whose body it waits for: in flight."""
    call = talk_to(url)
    # Accepted: what waits in the kernel's queue is refused when a server stops to listen.
    call.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        answer += call.recv(4096)
    call.sendall(
        (
            f"POST {visitor.path}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {visitor.token}\r\n"
            f"Idempotency-Key: {key()}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Expect: 100-continue\r\n\r\n"
        ).encode()
    )
    assert b"100 Continue" in call.recv(4096)
    return call


def stop(folder: Path, streams: int, calls: int) -> float:
    """Stop a server that has so many streams and calls; how long it took."""
    body = json.dumps({"text": BILLING}).encode()
    with process(folder) as (child, url), httpx.Client(base_url=url, timeout=PATIENCE) as web:
        visitors = [Visitor(web) for _ in range(calls)]
        held = [watch(url, visitors[number % calls]) for number in range(streams)]
        asked = [ask(url, visitor, body) for visitor in visitors]
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        for call in asked:
            call.sendall(body)
        answers = [int(call.recv(4096)[9:12] or 0) for call in asked]
        for call in asked:
            call.close()
        assert child.wait(PATIENCE) in {0, -signal.SIGTERM}
        took = time.monotonic() - began
        assert answers == [200] * calls
        for connection in held:
            text = b""
            while piece := connection.recv(65536):
                text += piece
            assert b"event: bye" in text
            connection.close()
    return took


@pytest.mark.parametrize(("runs", "streams", "calls"), [(1, 60, 10), pytest.param(20, 300, 20, marks=full)])
def test_r26_a_stop_ends_streams_answers_what_is_in_flight_and_exits_cleanly(
    tmp_path: Path, runs: int, streams: int, calls: int
) -> None:
    times = []
    for run in range(runs):
        folder = tmp_path / str(run)
        folder.mkdir()
        times.append(stop(folder, streams, calls))
    figure(
        f"R26: {runs} stops with {streams} streams and {calls} messages in flight, all answered, every stream told, "
        f"ended after {max(times):.1f} s at most"
    )
    within(max(times), 10.0)


@pytest.mark.parametrize("runs", [1, pytest.param(20, marks=full)])
def test_r26_a_second_signal_does_not_wait(tmp_path: Path, runs: int) -> None:
    """A call that never ends holds a stop up; whoever asks again is not made to wait."""
    times = []
    for run in range(runs):
        folder = tmp_path / str(run)
        folder.mkdir()
        with process(folder) as (child, url), httpx.Client(base_url=url, timeout=PATIENCE) as web:
            visitor = Visitor(web)
            held = watch(url, visitor)
            call = ask(url, visitor, b"{}" * 50)  # and its body never comes
            child.send_signal(signal.SIGTERM)
            while held.recv(65536):  # the stream has ended: the stop is under way
                pass
            assert child.poll() is None
            began = time.monotonic()
            child.send_signal(signal.SIGTERM)
            assert child.wait(PATIENCE) in {0, -signal.SIGTERM}
            times.append(time.monotonic() - began)
            held.close()
            call.close()
    figure(
        f"R26 second signal: {runs} stops held up by a call that never ends, over {max(times):.2f} s after the second"
    )
    within(max(times), 1.0)
