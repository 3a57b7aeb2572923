"""Notices between nodes on PostgreSQL: a hint beside the poll, never a promise.

A notice sent within a transaction would make the commits of all nodes queue behind one lock, so it is sent after the
commit, by a thread of its own, many together. Whoever misses one finds the message at its next look.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from helpbot.desk.notices import Hub

if TYPE_CHECKING:
    import psycopg

    from helpbot.store.engines import PostgresEngine

__all__ = ["Listening"]

CHANNEL: Final = "helpbot"
PAUSE: Final = 1.0


class Listening(Hub):
    """A hub whose notices reach the other nodes of the same database too."""

    def __init__(self, engine: PostgresEngine, url: str) -> None:
        super().__init__()
        self._engine = engine
        self._dsn = "postgresql://" + url.split("://", 1)[1]
        self._outgoing: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._listener: threading.Thread | None = None
        self._sender: threading.Thread | None = None
        self._start = threading.Lock()
        self._sender_pid = 0

    def publish(self, conversation_id: str, seq: int) -> None:
        """Tell the listeners here at once and those elsewhere soon."""
        super().publish(conversation_id, seq)
        if self._sender is None:
            self._begin()
        self._outgoing.put((conversation_id, seq))

    def subscribe(self, listener: Any, conversation_id: str | None = None) -> Any:
        """Listen to commits of every node."""
        self._begin()
        return super().subscribe(listener, conversation_id)

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._outgoing.put(None)
        for thread in (self._sender, self._listener):
            if thread is not None:
                thread.join(timeout=3)

    def _begin(self) -> None:
        with self._start:
            if self._sender is None and not self._stop.is_set():
                self._sender = threading.Thread(target=self._send, name="helpbot-notify", daemon=True)
                self._listener = threading.Thread(target=self._listen, name="helpbot-listen", daemon=True)
                self._sender.start()
                self._listener.start()

    def _send(self) -> None:
        import psycopg

        connection: psycopg.Connection[Any] | None = None
        while not self._stop.is_set():
            first = self._outgoing.get()
            if first is None:
                break
            newest = {first[0]: first[1]}
            with contextlib.suppress(queue.Empty):
                while len(newest) < 500:
                    following = self._outgoing.get_nowait()
                    if following is None:
                        break
                    newest[following[0]] = max(following[1], newest.get(following[0], 0))
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=3)
                    self._sender_pid = connection.info.backend_pid
                connection.cursor().executemany(
                    "SELECT pg_notify(%s, %s)", [(CHANNEL, f"{name}:{seq}") for name, seq in newest.items()]
                )
            except psycopg.Error:
                connection = None
                self._stop.wait(PAUSE)
        self._wake_listener(connection)
        if connection is not None:
            connection.close()

    def _wake_listener(self, connection: psycopg.Connection[Any] | None) -> None:
        """Let the listener see at once that it is to end; else it looks once a second."""
        if connection is not None and not connection.closed:
            with contextlib.suppress(Exception):
                connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))

    def _listen(self) -> None:
        import psycopg

        while not self._stop.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=3) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    while not self._stop.is_set():
                        for notice in connection.notifies(timeout=PAUSE):
                            name, _, seq = notice.payload.rpartition(":")
                            if notice.pid != self._sender_pid and seq.isdecimal():  # our own were told here at once
                                super().publish(name, int(seq))
                            if self._stop.is_set():
                                break
            except psycopg.Error:
                time.sleep(0.2)
