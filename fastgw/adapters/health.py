"""Whether a service in this process says that it is well: its ``health`` is asked every few seconds, beside the calls.

    health returns None or True      well
    health returns False, or text    not well; the text says why
    it raises, or takes too long     not well

While it is not well no call is begun: who asks gets 503, and another service of a split or another gateway has a chance to do better.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from fastgw.adapters.threads import in_thread
from fastgw.plugins import said

EVERY = 5.0  #: seconds between two questions
LIMIT = 5.0  #: seconds that an answer may take


class Health:
    """Asks one object how it is."""

    __slots__ = ("_ask", "_is_async", "_is_out", "_report", "_service", "_since", "_task", "reason")

    def __init__(self, service: str, ask: Callable[[], Any], report: Callable[..., None]) -> None:
        """``service``: its name in the configuration; ``ask``: the method, ``def`` (called in a thread) or ``async def``;
        ``report``: of a plane, takes level, event and fields."""
        self.reason = ""  #: why it is not well; empty: it is
        self._service = service
        self._ask = ask
        self._is_async = inspect.iscoroutinefunction(ask)
        self._report = report
        self._since = 0.0
        self._is_out = False  # a thread is in it, perhaps for longer than we wait
        self._task: asyncio.Task[None] | None = None

    async def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask for the first time, and from then on until ``stop``."""
        await self.look()
        self._task = loop.create_task(self._go_on())

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def look(self) -> None:
        """Ask now, and tell what is news."""
        now = asyncio.get_running_loop().time
        before, self.reason = self.reason, await self._answer()
        if self.reason and not before:
            self._since = now()
            self._report("warning", "a service says that it is not well", service=self._service, reason=self.reason)
        elif before and not self.reason:
            seconds = round(now() - self._since, 3)
            self._report("info", "a service is well again", service=self._service, seconds=seconds)

    async def _answer(self) -> str:
        late = f"health takes longer than {LIMIT:g} s"
        if self._is_out:  # another thread would hang too, and one more each time
            return late
        limit = asyncio.timeout(LIMIT)
        try:
            async with limit:
                found = await (self._ask() if self._is_async else in_thread(self._ask_in_thread))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # nobody asks any more
            return "health was cancelled"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - of code of others: whatever it is, it is not well
            return late if limit.expired() else said(error)
        if found is None or found is True:
            return ""
        return " ".join(found.split())[:200] if isinstance(found, str) and found.strip() else "it is not well"

    def _ask_in_thread(self) -> Any:
        self._is_out = True
        try:
            return self._ask()
        finally:
            self._is_out = False

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.look()
