"""Threads for work on bodies that would hold up the loop: so many at once, so many bodies in line, and no more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from fastgw.errors import RETRY_ALWAYS, InternalError

Result = TypeVar("Result")


class WorkThreads:
    """Those of one transformer in one worker; they begin with the first work."""

    __slots__ = ("_executor", "_loop", "_most", "_name", "_submit", "_threads", "under_way")

    def __init__(
        self,
        name: str,
        threads: int,
        queue: int,
        submit: Callable[[Callable[[], Any]], Future[Any]] | None = None,
    ) -> None:
        """``name``: for people; ``threads``: at most so many; ``queue``: bodies that may wait for one; ``submit``: has something done
        elsewhere, by default in one of the threads."""
        self._name = name
        self._threads = threads
        self._most = threads + queue
        self._submit = submit
        self._executor: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.under_way = 0  #: in a thread or in line

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """See ``Filter``."""
        self._loop = loop

    def stop(self) -> None:
        """See ``Filter``: what is in a thread or in line is done, and then they end.

        An exchange that began before may still bring work: for that others begin, which end with this object.
        """
        executor, self._executor = self._executor, None
        if executor is not None:
            self._submit = None
            executor.shutdown(wait=False)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What ``work`` returns or raises.  Cancelled in line, it is not done; in a thread it is done for nobody.

        Raises:
            InternalError: 503 ``work_queue_full``.
        """
        if self.under_way >= self._most:
            detail = f"{self.under_way} bodies are worked on, or wait for that, in {self._name} already"
            raise InternalError(503, "work_queue_full", detail, retry=RETRY_ALWAYS)
        if self._submit is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
            self._submit = self._executor.submit
        future: Future[Result] = self._submit(work)
        self.under_way += 1
        future.add_done_callback(self._on_done)
        return await asyncio.wrap_future(future, loop=self._loop)

    def _on_done(self, _: object) -> None:
        """Called in a thread, or by whoever cancels."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(self._left)

    def _left(self) -> None:
        self.under_way -= 1
