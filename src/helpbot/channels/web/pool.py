"""The one line between the web edge, which awaits, and everything else, which does not."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from helpbot.errors import CallError, Code

__all__ = ["Pool"]

P = ParamSpec("P")
T = TypeVar("T")
_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Pool:
    """A few threads and a short queue. Whoever would wait beyond it is told at once to come back.

    Its threads are its own: each message is handed over once and back once, and the library's executor, with a future
    of its own beside the loop's, takes twice as long over that.
    """

    def __init__(self, threads: int, most_waiting: int) -> None:
        self._most_threads, self._most = threads, threads + most_waiting
        self._held = 0
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on a thread. CallError(UNAVAILABLE) when too many wait already."""
        if self._held >= self._most or self._closed:
            raise CallError(Code.UNAVAILABLE, "all workers are busy", "Try again in a moment", retry_after=1)
        self._held += 1
        try:
            if len(self._threads) < min(self._held, self._most_threads):
                thread = threading.Thread(target=_serve, args=(self._jobs,), name="helpbot-web", daemon=True)
                self._threads.append(thread)
                thread.start()
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[T] = loop.create_future()
            self._jobs.put((partial(work, *args, **kwargs), loop, answer))
            return await answer
        finally:
            self._held -= 1

    def close(self) -> None:
        """Let what runs end; what waits is not begun."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                waiting = self._jobs.get_nowait()
                if waiting is not None:
                    waiting[2].cancel()
        for _ in self._threads:
            self._jobs.put(None)


def _serve(jobs: queue.SimpleQueue[_Job | None]) -> None:
    """One thread: job after job, each answered on the loop it came from."""
    while (job := jobs.get()) is not None:
        work, loop, answer = job
        value: Any = None
        fault: BaseException | None = None
        try:
            value = work()
        except BaseException as error:  # whatever it is, it is for whoever asked
            # No future takes a StopIteration: it would end the coroutine that awaits it.
            fault = RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_answer, answer, value, fault)
        del job, work, answer, value, fault  # an idle thread holds nothing of the last one


def _answer(answer: asyncio.Future[Any], value: Any, fault: BaseException | None) -> None:
    if answer.done():
        return  # whoever asked has gone
    if fault is not None:
        answer.set_exception(fault)
    else:
        answer.set_result(value)
