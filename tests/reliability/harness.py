"""Starting nodes, killing them, and holding what they acknowledged against what is there."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from desk.support import Codec
from helpbot.store.sql import SqlStore

from . import worker

# Every node is forked from one process that has imported everything, so that three hundred kills cost three hundred
# forks and not three hundred starts. That process has no threads and is itself no part of pytest.
FORKS: Any = multiprocessing.get_context("forkserver")


@cache
def fork_server() -> None:
    """Start the process that nodes are forked from; it finds our modules by PYTHONPATH alone."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        FORKS.set_forkserver_preload(["pytest", "psycopg", "sqlalchemy.dialects.postgresql", "reliability.worker"])
        multiprocessing.forkserver.ensure_running()
    finally:
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


class Node:
    """One worker process; its acknowledgements are read when it is gone."""

    def __init__(self, mode: str, url: str, *, failpoint: str = "", **options: Any) -> None:
        fork_server()
        self._folder = Path(tempfile.mkdtemp(prefix="helpbot-node-"))
        self._out, self._err = self._folder / "out", self._folder / "err"
        self.process = FORKS.Process(
            target=worker.run, args=(str(self._out), str(self._err), mode, url, options, failpoint), daemon=True
        )
        self.process.start()

    def wait_ready(self, timeout: float = 120) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if b"ready" in self._read(self._out) or not self.process.is_alive():
                return
            time.sleep(0.005)
        raise TimeoutError("the node did not start")

    def lines(self) -> list[bytes]:
        """What it has printed so far."""
        return self._read(self._out).splitlines()

    def kill(self) -> list[list[str]]:
        self.process.kill()
        return self.read()

    def read(self, timeout: float = 300) -> list[list[str]]:
        """The lines it printed, once it has ended."""
        self.process.join(timeout)
        assert not self.process.is_alive(), "the node goes on"
        self.code = self.process.exitcode
        self.error = self._read(self._err).decode()
        lines = self._read(self._out).decode().splitlines(keepends=True)
        shutil.rmtree(self._folder)
        return [line.split() for line in lines if line.endswith("\n")]

    @staticmethod
    def _read(path: Path) -> bytes:
        return path.read_bytes() if path.exists() else b""


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
