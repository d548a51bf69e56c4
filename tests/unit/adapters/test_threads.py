"""Threads that work for a loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fastgw.adapters.threads import Threads, in_thread


async def of(threads: Threads, work: Any) -> tuple[Any, BaseException | None]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    threads.submit(work, lambda result, error: future.set_result((result, error)))
    found: tuple[Any, BaseException | None] = await future
    return found


def test_work_is_done_elsewhere_and_settled_here() -> None:
    async def story() -> None:
        threads = Threads(asyncio.get_running_loop(), "work")
        (first, _), (again, _) = await of(threads, threading.get_ident), await of(threads, threading.get_ident)
        assert first == again != threading.get_ident()  # an idle one is used again
        _, error = await of(threads, lambda: 1 // 0)
        assert isinstance(error, ZeroDivisionError)
        gate = threading.Barrier(2)
        assert len(await asyncio.gather(of(threads, gate.wait), of(threads, gate.wait))) == 2  # at one time
        names = [one for one in threading.enumerate() if one.name.startswith("work-")]
        assert len(names) == 2 and all(one.daemon for one in names)
        threads.close()
        await asyncio.gather(*[asyncio.to_thread(one.join) for one in names])

    asyncio.run(story())


def test_once() -> None:
    async def fail() -> None:
        await in_thread(lambda: 1 // 0)

    assert asyncio.run(in_thread(lambda: 7)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())


def test_a_loop_that_is_gone_hears_nothing() -> None:
    gate = threading.Event()

    async def leave() -> None:
        Threads(asyncio.get_running_loop(), "late").submit(gate.wait, lambda *_: None)

    asyncio.run(leave())
    (late,) = [one for one in threading.enumerate() if one.name == "late-1"]
    gate.set()
    late.join(0.01)  # it waits for more work, and has not died of this
    assert late.is_alive()
