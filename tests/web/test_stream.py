"""The live stream: cut anywhere, stalled, stopped. Nothing lost, nothing doubled, nothing hanging."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from helpbot.channels.web import stream as stream_module
from helpbot.desk.records import Act
from helpbot.errors import CallError, Code
from tests.web.support import BILLING, PATIENCE, ROOT, Bot, Running, Visitor, client, key, process, until


@contextmanager
def wire(running: Running | str, visitor: Visitor, last: int = 0) -> Iterator[socket.socket]:
    port = running.port if isinstance(running, Running) else int(running.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(
            f"GET {visitor.path}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {visitor.token}\r\nLast-Event-ID: {last}\r\n\r\n".encode()
        )
        yield connection


def events(text: bytes) -> list[tuple[str, dict]]:
    """The whole events of a body as it came (chunked), without those that were cut."""
    found = []
    body = b""
    rest = text.partition(b"\r\n\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not size:
            break
        try:
            length = int(size, 16)
        except ValueError:
            break
        body += rest[:length]
        rest = rest[length + 2 :]
    for block in body.decode("utf-8", "ignore").split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "data" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_what_is_said_arrives_with_its_number(running: Running, web: httpx.Client) -> None:
    visitor = Visitor(web)
    with web.stream("GET", visitor.path + "/stream", headers=visitor.auth) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-accel-buffering"] == "no"
        lines = stream.iter_lines()
        threading.Timer(0.2, visitor.say, (BILLING,)).start()
        ids = []
        for line in lines:
            if line.startswith("id: "):
                ids.append(int(line[4:]))
            if ids == [1, 2, 3]:
                break
    assert ids == [1, 2, 3]


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node")
def test_the_lines_of_the_documents_read_the_stream(running: Running, web: httpx.Client, tmp_path: Path) -> None:
    lines = re.findall(
        r"```js\n(async function listen.*?)```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.DOTALL
    )
    visitor = Visitor(web)
    visitor.say(BILLING)
    program = tmp_path / "listen.mjs"
    given = json.dumps([running.url, visitor.id, visitor.token, 1])
    done = "(m) => { console.log(m.seq, m.author); if (m.seq === 3) process.exit(0); }"
    program.write_text(f"{lines[0]}\nawait listen(...{given}, {done});", encoding="utf-8")
    told = subprocess.run(["node", str(program)], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert told.stdout.split("\n")[:2] == ["2 user", "3 bot"]


def test_an_agents_words_come_by_notice_before_anybody_looks(tmp_path: Path) -> None:
    bot = Bot(tmp_path, poll_seconds=3600.0, heartbeat_seconds=3600.0)
    with client(bot) as web:
        visitor = Visitor(web)
        case = visitor.case()
        bot.agent(Act.CLAIM, case)
        known = visitor.messages()[-1]["seq"]
        headers = {**visitor.auth, "Last-Event-ID": str(known)}
        with web.stream("GET", visitor.path + "/stream", headers=headers) as stream:
            lines = stream.iter_lines()
            while next(lines) != "event: state":
                pass
            bot.agent(Act.REPLY, case, "now")
            while next(lines) != f"id: {known + 1}":
                pass
    bot.close()


@pytest.mark.parametrize(
    ("turns", "cuts", "restarts"), [(20, 30, 1), pytest.param(1000, 300, 5, marks=pytest.mark.full, id="r19")]
)
def test_cut_at_random_bytes_with_restarts_everything_arrives_once(
    tmp_path: Path, turns: int, cuts: int, restarts: int
) -> None:
    """R19: one goes on talking while the stream is cut and the server is killed, again and again."""
    dice = random.Random(7)
    held: dict[int, dict] = {}
    said = [f"{BILLING} {n}" if dice.random() < 0.3 else f"hello {n}" for n in range(turns)]
    largest = 9000 if turns < 100 else 40_000  # of what is read before a cut
    stored: dict[int, dict] = {}
    port = 0
    with ThreadPoolExecutor(1) as speaker:
        for life in range(restarts + 1):
            with process(tmp_path, port) as (child, url):
                if not life:
                    port = int(url.rsplit(":", 1)[1])
                    visitor = Visitor(httpx.Client(base_url=url, timeout=PATIENCE))
                    talking = speaker.submit(_insist, visitor, said)
                for _ in range(cuts // (restarts + 1)):
                    _take(url, visitor, held, dice.randrange(200, largest))
                if life < restarts:
                    child.kill()
                    continue
                talking.result(PATIENCE * 10)
                while found := visitor.messages(after=max(stored, default=0)):
                    stored |= {message["seq"]: message for message in found}
                for _ in range(40):  # a number that was passed over never comes
                    if len(held) < len(stored):
                        _take(url, visitor, held, 1_000_000, patience=0.4)
    visitor.web.close()
    assert held == stored
    assert [message["text"] for message in stored.values() if message["author"] == "user"] == said


def _insist(visitor: Visitor, said: list[str]) -> None:
    """Say all this, each until it is answered and under one key: the server may be away for a while."""
    for text in said:
        idem, status = key(), 0
        while status != 200:
            with contextlib.suppress(httpx.TransportError):
                status = visitor.post({"text": text}, idem).status_code
                assert status in {200, 409, 503}
                continue
            time.sleep(0.05)


def _take(url: str, visitor: Visitor, held: dict[int, dict], wanted: int, patience: float = 0.2) -> None:
    """Read so many bytes of the stream, or all there are, and cut it; what came whole is held."""
    with wire(url, visitor, max(held, default=0)) as connection:
        got = b""
        connection.settimeout(patience)
        while len(got) < wanted:
            try:
                piece = connection.recv(min(4096, wanted - len(got)))
            except TimeoutError:
                break
            if not piece:
                break
            got += piece
    last = max(held, default=0)
    for kind, data in events(got):
        if kind == "message":
            assert data["seq"] > last, "numbers must rise"
            last = data["seq"]
            assert data["seq"] not in held
            held[data["seq"]] = data


def test_another_conversations_number_gives_nothing_of_it(running: Running, web: httpx.Client) -> None:
    long, short = Visitor(web), Visitor(web)
    for _ in range(5):
        long.say("canary-of-another")
    got = b""
    with wire(running, short, 9) as connection:
        while b"event: state" not in got:
            got += connection.recv(65536)
    assert b"canary" not in got
    assert [data["seq"] for kind, data in events(got) if kind == "message"] == [1]


def test_a_reader_that_stops_reading_is_cut(
    running: Running, web: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "STALL_SECONDS", 0.5)
    visitor = Visitor(web)
    for _ in range(60):
        visitor.say("a long message " * 600)
    before = running.bot.app.state.metrics.stalled._value.get()
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", running.port))
        stuck.sendall(
            f"GET {visitor.path}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {visitor.token}\r\n\r\n".encode()
        )
        until(lambda: running.bot.app.state.metrics.stalled._value.get() > before)
    assert running.bot.app.state.metrics.stalled._value.get() == before + 1
    assert web.get("/healthz").status_code == 200


def test_a_stream_that_has_begun_outlives_a_time_when_all_workers_are_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> None:
        raise CallError(Code.UNAVAILABLE, "all workers are busy", "Try again in a moment", retry_after=1)

    monkeypatch.setattr(stream_module, "BUSY_SECONDS", 0.05)
    bot = Bot(tmp_path, heartbeat_seconds=0.2)
    with client(bot) as web:
        visitor = Visitor(web)
        with web.stream("GET", visitor.path + "/stream", headers=visitor.auth) as stream:
            lines = stream.iter_lines()
            while next(lines) != "event: state":
                pass
            with monkeypatch.context() as patch:
                patch.setattr(bot.app.state.web.pool, "run", busy)
                visitor.say(BILLING)
                for _ in range(3):
                    while next(lines) != ": still here":
                        pass
            while next(lines) != "id: 3":
                pass
    bot.close()


def test_the_stream_of_a_conversation_that_is_erased_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise CallError(Code.NOT_FOUND, "there is no such conversation", "Start a new one")

    bot = Bot(tmp_path, heartbeat_seconds=0.2)
    with client(bot) as web:
        visitor = Visitor(web)
        with web.stream("GET", visitor.path + "/stream", headers=visitor.auth) as stream:
            lines = stream.iter_lines()
            while next(lines) != "event: state":
                pass
            monkeypatch.setattr(bot.desk, "conversation", gone)
            assert "id: 2" not in list(lines)  # to its proper end
    bot.close()


def test_a_client_that_goes_is_forgotten(running: Running, web: httpx.Client) -> None:
    visitor = Visitor(web)
    gauge = running.bot.app.state.metrics.streams._value
    until(lambda: gauge.get() == 0)  # those of other tests are still leaving
    with wire(running, visitor) as connection:
        connection.recv(100)
        assert gauge.get() == 1
    until(lambda: gauge.get() == 0)


def test_too_many_streams_of_one_conversation_are_refused(running: Running, web: httpx.Client) -> None:
    visitor = Visitor(web)
    held = [socket.create_connection(("127.0.0.1", running.port), PATIENCE) for _ in range(21)]
    answers = []
    for connection in held:
        connection.sendall(
            f"GET {visitor.path}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {visitor.token}\r\n\r\n".encode()
        )
        answers.append(connection.recv(12, socket.MSG_WAITALL)[9:12])
    for connection in held:
        connection.close()
    assert answers.count(b"200") == 20
    assert answers[-1] == b"429"
