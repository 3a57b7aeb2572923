"""Messages a second end to end over HTTP, beside the bare ceiling in the same run; load at a fixed rate; idle streams.

    python bench/web.py [--seconds 4] [--connections 1 16 64] [--load 10] [--streams 300] [--idle 2000] [--json]

The ceiling is the same server answering a constant JSON after one durable insert into a database of its own, by the
same pool of threads. `--load N` holds 50 messages a second and the streams for N seconds (300 for the whole proof).
Server and generator share the machine's cores, as they do in the figures of docs/benchmarks.
"""

# ruff: noqa: E501 - requests, scripts and payloads are kept in one piece
from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

QUESTION = "BillingCode does not exist or is invalid"


def serve(folder: str) -> None:
    """The server process: the real app, with one more route that is the ceiling."""
    from fastapi import Response
    from tests.web.support import Bot, Running

    bot = Bot(Path(folder))
    path = Path(folder) / "ceiling.db"
    lock, held = threading.Lock(), sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    held.execute("PRAGMA journal_mode=WAL")
    held.execute("PRAGMA synchronous=FULL")
    held.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")

    def insert() -> None:
        with lock:
            held.execute("BEGIN IMMEDIATE")
            held.execute("INSERT INTO messages (text) VALUES (?)", ("x" * 300,))
            held.execute("COMMIT")

    async def ceiling() -> Response:
        await bot.app.state.web.writers.run(insert)
        return Response('{"answer":"constant"}', media_type="application/json")

    bot.app.add_api_route("/api/v1/ceiling", ceiling, methods=["POST"])
    running = Running(bot)
    print(running.url, flush=True)
    running.server.run(sockets=[running._socket])


class Wire:
    """One kept connection, raw, so that the generator costs little."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Wire:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> tuple[int, bytes]:
        """One request: its status and its body."""
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: {os.urandom(12).hex()}\r\nContent-Length: {len(data)}\r\n"
        head += f"Authorization: Bearer {token}\r\n" if token else ""
        self.writer.write(head.encode() + b"\r\n" + data)
        raw = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in raw.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(raw[9:12]), await self.reader.readexactly(length)

    async def start(self) -> tuple[str, str]:
        """A conversation and its token."""
        status, body = await self.call("POST", "/api/v1/conversations", {})
        assert status == 201, body
        made = json.loads(body)
        return made["id"], made["token"]


async def throughput(port: int, connections: int, seconds: float, *, ceiling: bool) -> tuple[float, list[float]]:
    """Calls a second of so many connections, and how long each took."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        wire = await Wire.open(port)
        id_, token = ("", "") if ceiling else await wire.start()
        count = 0
        while time.perf_counter() < end:
            began = time.perf_counter()
            if ceiling:
                status, _ = await wire.call("POST", "/api/v1/ceiling", {})
            else:
                if count and count % 20 == 0:  # as users do: a talk of a hundred questions is no talk
                    id_, token = await wire.start()
                    began = time.perf_counter()
                status, _ = await wire.call("POST", f"/api/v1/conversations/{id_}/messages", {"text": QUESTION}, token)
                count += 1
            assert status == 200, status
            times.append(time.perf_counter() - began)
        wire.writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return len(times) / (time.perf_counter() - began), times


def share(times: list[float], part: float) -> float:
    """A percentile in milliseconds."""
    return round(sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000, 1) if times else 0.0


async def watch(port: int, id_: str, token: str) -> asyncio.StreamWriter:
    """An open stream, read and thrown away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /api/v1/conversations/{id_}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")

    async def drain() -> None:
        while await reader.read(65536):
            pass

    writer.task = asyncio.create_task(drain())  # type: ignore[attr-defined]  # keeps the task as long as its stream
    return writer


async def load(port: int, seconds: float, streams: int, rate: float = 50) -> dict[str, Any]:
    """Messages at a fixed rate beside open streams: late ones count from when they should have been sent."""
    wires = [await Wire.open(port) for _ in range(32)]
    talks = [await wires[0].start() for _ in range(max(streams, 100))]
    held = [await watch(port, *talk) for talk in talks[:streams]]
    free: asyncio.Queue[Wire] = asyncio.Queue()
    for wire in wires:
        free.put_nowait(wire)
    times, errors = [], 0

    async def one(number: int, due: float) -> None:
        nonlocal errors
        wire = await free.get()
        id_, token = talks[number % len(talks)]
        status, _ = await wire.call("POST", f"/api/v1/conversations/{id_}/messages", {"text": QUESTION}, token)
        times.append(time.perf_counter() - due)
        errors += status != 200
        free.put_nowait(wire)

    began, tasks = time.perf_counter(), []
    for number in range(int(seconds * rate)):
        due = began + number / rate
        await asyncio.sleep(max(0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    for writer in held:
        writer.close()
    return {
        "messages": len(times),
        "streams": streams,
        "p50_ms": share(times, 0.5),
        "p99_ms": share(times, 0.99),
        "errors": errors,
    }


async def idle(port: int, pid: int, count: int) -> dict[str, Any]:
    """Memory of one open, silent stream."""
    wire = await Wire.open(port)
    talks = [await wire.start() for _ in range(count // 10 + 20)]  # a conversation holds twenty at most
    warm = [await watch(port, *talks[n % len(talks)]) for n in range(20)]
    await asyncio.sleep(0.5)
    before = _rss(pid)
    held = [await watch(port, *talks[n % len(talks)]) for n in range(count)]
    await asyncio.sleep(1)
    each = (_rss(pid) - before) / len(held)
    for writer in (*warm, *held):
        writer.close()
    return {"streams": len(held), "kib_each": round(each / 1024, 1)}


def _rss(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


@contextmanager
def serving() -> Iterator[tuple[int, int]]:
    """A server process of its own: its port and its process id."""
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [sys.executable, __file__, "--serve", folder], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline().rsplit(":", 1)[1])
            time.sleep(1)
            yield port, child.pid
        finally:
            child.terminate()
            child.wait(15)


def main() -> int:
    """Run what was asked for; 1 if less than half the ceiling is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 16, 64])
    parser.add_argument("--load", type=float, default=10)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("HELPBOT_CACHE", str(ROOT / "var" / "test-cache"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    found: dict[str, Any] = {"throughput": []}
    if options.idle:  # of a server that has done nothing else: what a load leaves free would be taken for nothing
        with serving() as (port, pid):
            found["idle"] = asyncio.run(idle(port, pid, options.idle))
        if not options.json:
            print(f"idle streams: {found['idle']}", flush=True)
    with serving() as (port, _):
        asyncio.run(throughput(port, 4, 0.5, ceiling=False))  # warm
        for connections in options.connections:
            bare, _ = asyncio.run(throughput(port, connections, options.seconds, ceiling=True))
            real, times = asyncio.run(throughput(port, connections, options.seconds, ceiling=False))
            row = {
                "connections": connections,
                "messages_a_second": round(real),
                "ceiling": round(bare),
                "share": round(real / bare, 2),
                "p50_ms": share(times, 0.5),
                "p99_ms": share(times, 0.99),
            }
            found["throughput"].append(row)
            if not options.json:
                print(
                    f"{connections:>3} connections: {real:,.0f} messages/s of {bare:,.0f} ({real / bare:.0%}), p50 {row['p50_ms']} ms, p99 {row['p99_ms']} ms",
                    flush=True,
                )
        if options.load:
            found["load"] = asyncio.run(load(port, options.load, options.streams))
            if not options.json:
                print(f"50 messages/s for {options.load:g} s: {found['load']}", flush=True)
    if options.json:
        print(json.dumps(found))
    return int(any(row["share"] < 0.5 for row in found["throughput"]))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--serve":
        serve(sys.argv[2])
    else:
        sys.exit(main())
