"""Threads that do the work of services which would hold up the loop.  The process ends without waiting for them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Settle = Callable[[Any, "BaseException | None"], None]
_Work = tuple[Callable[[], Any], Settle]


class Threads:
    """As many as have work at one time; whoever gives them work bounds it."""

    __slots__ = ("_idle", "_loop", "_name", "_queue", "_size")

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._loop = loop
        self._name = name
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._size = 0
        self._idle = 0  # as the loop sees it: a thread is idle when it has been settled with

    def submit(self, work: Callable[[], Any], settle: Settle) -> None:
        """Let a thread do ``work``; then ``settle`` is called on the loop, with what it returned or raised."""
        if self._idle:
            self._idle -= 1
        else:
            self._size += 1
            name = f"{self._name}-{self._size}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        self._queue.put((work, settle))

    def close(self) -> None:
        """Let them end, each when it has done what it does."""
        for _ in range(self._size):
            self._queue.put(None)
        self._size = self._idle = 0

    def _serve(self) -> None:
        while (item := self._queue.get()) is not None:
            work, settle = item
            result, failure = None, None
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it is whoever gave the work that gets it
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._settle, settle, result, failure)
            del item, work, settle, result, failure  # nothing of a call is kept until the next

    def _settle(self, settle: Settle, result: Any, failure: BaseException | None) -> None:
        if self._size:
            self._idle += 1
        settle(result, failure)


async def in_thread(work: Callable[[], Any]) -> Any:
    """What ``work`` returns or raises, done by a thread of its own."""
    loop = asyncio.get_running_loop()
    threads = Threads(loop, "fastgw-once")
    future: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not future.done():
            future.set_result((result, error))

    threads.submit(work, settle)
    threads.close()
    result, error = await future
    if error is not None:
        raise error
    return result
