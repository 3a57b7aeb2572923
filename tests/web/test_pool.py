"""The threads between the web edge and everything else: whatever happens in one, whoever asked is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from helpbot.channels.web.pool import Pool
from helpbot.errors import CallError, Code


def run(talk: Callable[[Pool], Any], threads: int = 2, waiting: int = 2) -> Any:
    """What comes of a talk with a pool."""

    async def held() -> Any:
        pool = Pool(threads, waiting)
        try:
            return await asyncio.wait_for(talk(pool), 60)
        finally:
            pool.close()

    # In a thread of its own: browser tests before it leave a loop running in this one.
    with ThreadPoolExecutor(1) as own:
        return own.submit(lambda: asyncio.run(held())).result()


def test_what_work_returns_or_raises_comes_back() -> None:
    async def talk(pool: Pool) -> None:
        assert await pool.run(divmod, 7, 2) == (3, 1)
        assert await pool.run(sorted, [1, 2], reverse=True) == [2, 1]
        assert await pool.run(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await pool.run(divmod, 7, 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await pool.run(next, iter([]))
        with pytest.raises(SystemExit):
            await pool.run(exit_)
        assert await pool.run(len, "still here") == 10

    def exit_() -> None:
        raise SystemExit

    run(talk)


def test_as_many_run_at_once_as_there_are_threads_and_beyond_the_queue_nobody_waits() -> None:
    async def talk(pool: Pool) -> list[str]:
        go_on, inside = threading.Event(), threading.Semaphore(0)

        def slow() -> str:
            inside.release()
            assert go_on.wait(60)
            return "done"

        held = [asyncio.ensure_future(pool.run(slow)) for _ in range(4)]
        for _ in range(2):
            while not inside.acquire(blocking=False):
                await asyncio.sleep(0.01)
        with pytest.raises(CallError) as refused:
            await pool.run(slow)
        assert refused.value.code is Code.UNAVAILABLE
        assert not inside.acquire(blocking=False)  # the other two wait
        go_on.set()
        return await asyncio.gather(*held)

    assert run(talk) == ["done"] * 4


def test_one_who_goes_away_leaves_room_and_breaks_nothing() -> None:
    async def talk(pool: Pool) -> str:
        go_on = threading.Event()
        gone = asyncio.ensure_future(pool.run(go_on.wait, 60))
        await asyncio.sleep(0.01)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        go_on.set()
        return await pool.run(str, "the next")

    assert run(talk, threads=1, waiting=0) == "the next"


def test_closing_lets_what_runs_end_and_does_not_begin_what_waits() -> None:
    async def talk(pool: Pool) -> None:
        go_on, inside, begun = threading.Event(), threading.Event(), list[int]()

        def slow(number: int) -> int:
            begun.append(number)
            inside.set()
            assert go_on.wait(60)
            return number

        first, second = (asyncio.ensure_future(pool.run(slow, n)) for n in range(2))
        while not inside.is_set():
            await asyncio.sleep(0.01)
        pool.close()
        go_on.set()
        assert await first == 0
        with pytest.raises(asyncio.CancelledError):
            await second
        with pytest.raises(CallError):
            await pool.run(slow, 3)
        assert begun == [0]

    run(talk, threads=1)
