"""Starting nodes, killing them, and holding what they acknowledged against what is there."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from desk.support import Codec
from helpbot.store.sql import SqlStore

WORKER = Path(__file__).with_name("worker.py")


class Node:
    """One worker process; its acknowledgements are read when it is gone."""

    def __init__(self, mode: str, url: str, *, failpoint: str = "", **options: Any) -> None:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        if failpoint:
            environment["HELPBOT_FAILPOINT"] = failpoint
        self._out = Path(f"/tmp/helpbot-node-{os.getpid()}-{random.getrandbits(40)}").open("w+b")  # noqa: SIM115 - closed when it was read
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), mode, url, json.dumps(options)],
            stdout=self._out,
            stderr=subprocess.PIPE,
            env=environment,
        )

    def wait_ready(self, timeout: float = 30) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if b"ready" in Path(self._out.name).read_bytes() or self.process.poll() is not None:
                return
            time.sleep(0.01)
        raise TimeoutError("the node did not start")

    def lines(self) -> list[bytes]:
        """What it has printed so far."""
        return Path(self._out.name).read_bytes().splitlines()

    def kill(self) -> list[list[str]]:
        self.process.send_signal(signal.SIGKILL)
        return self.read()

    def read(self, timeout: float = 60) -> list[list[str]]:
        """The lines it printed, once it has ended."""
        assert self.process.stderr is not None
        self.process.wait(timeout=timeout)
        self.error = self.process.stderr.read().decode()
        self.process.stderr.close()
        self._out.seek(0)
        lines = self._out.read().decode().splitlines(keepends=True)
        self._out.close()
        Path(self._out.name).unlink()
        return [line.split() for line in lines if line.endswith("\n")]


def integrity(url: str) -> str:
    if not url.startswith("sqlite"):
        return "ok"
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return str(verdict)


def lost(url: str, acknowledged: list[list[str]]) -> list[str]:
    """Acknowledged acts whose message or answer is not there, and escalations without exactly one case."""
    missing = []
    store = SqlStore(url, codec=Codec())
    try:
        texts = store.engine.read(
            lambda c: (c.execute("SELECT conversation, key, seq FROM messages WHERE author = 'user'"), c.fetchall())[1]
        )
        places = {(conversation, key): seq for conversation, key, seq in texts}
        answers = store.engine.read(
            lambda c: (c.execute("SELECT conversation, seq FROM messages WHERE author <> 'user'"), c.fetchall())[1]
        )
        answered = set(map(tuple, answers))
        cases = store.engine.read(
            lambda c: (c.execute("SELECT conversation, count(*) FROM cases GROUP BY conversation"), c.fetchall())[1]
        )
        counted = dict(cases)
        for _, conversation, key, escalated in acknowledged:
            seq = places.get((conversation, key))
            if seq is None or (conversation, seq + 1) not in answered:
                missing.append(key)
            if escalated == "1" and counted.get(conversation) != 1:
                missing.append(f"case of {key}")
        missing += [f"{count} cases in {conversation}" for conversation, count in counted.items() if count > 1]
        missing += half_turns(store)
    finally:
        store.close()
    return missing


def half_turns(store: SqlStore) -> list[str]:
    """Conversations whose counter and messages, or whose case and deliveries, do not belong together."""
    gaps = """SELECT c.id FROM conversations c WHERE c.last_seq <>
              (SELECT count(*) FROM messages m WHERE m.conversation = c.id)"""
    untold = """SELECT k.number FROM cases k WHERE NOT EXISTS
                (SELECT 1 FROM deliveries d WHERE d.case_id = k.id AND d.kind = 'case.opened')"""
    found = []
    for what, statement in (("gap in", gaps), ("nobody told of", untold)):
        rows = store.engine.read(lambda c, s=statement: (c.execute(s), c.fetchall())[1])  # type: ignore[misc]
        found += [f"{what} {row[0]}" for row in rows]
    return found
