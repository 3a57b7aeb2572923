"""Notices within one process: who listens is told of each commit."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

__all__ = ["Hub"]

Listener = Callable[[str, int], None]


class Hub:
    """Calls each listener in the thread of whoever publishes; a listener only sets a flag and returns."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._of: dict[str | None, tuple[Listener, ...]] = {}

    def publish(self, conversation_id: str, seq: int) -> None:
        """Tell the listeners of this conversation, and those of all."""
        for listener in self._of.get(conversation_id, ()):
            listener(conversation_id, seq)
        for listener in self._of.get(None, ()):
            listener(conversation_id, seq)

    def subscribe(self, listener: Listener, conversation_id: str | None = None) -> Callable[[], None]:
        """Call `listener` from now on; the returned function ends it."""
        with self._lock:
            self._of[conversation_id] = (*self._of.get(conversation_id, ()), listener)

        def stop() -> None:
            with self._lock:
                left = tuple(other for other in self._of.get(conversation_id, ()) if other is not listener)
                if left:
                    self._of[conversation_id] = left
                else:
                    self._of.pop(conversation_id, None)

        return stop
