"""The one line between the web edge, which awaits, and everything else, which does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from helpbot.errors import CallError, Code

__all__ = ["Pool"]

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """A few threads and a short queue. Whoever would wait beyond it is told at once to come back."""

    def __init__(self, threads: int, most_waiting: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="helpbot-web")
        self._most = threads + most_waiting
        self._held = 0

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on a thread. CallError(UNAVAILABLE) when too many wait already."""
        if self._held >= self._most:
            raise CallError(Code.UNAVAILABLE, "all workers are busy", "Try again in a moment", retry_after=1)
        self._held += 1
        try:
            call = partial(work, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._held -= 1

    def close(self) -> None:
        """Let what runs end; what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
