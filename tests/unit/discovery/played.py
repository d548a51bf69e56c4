"""A source whose pauses the test ends one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastgw.discovery.listing import Listing, Source


class Played:
    """Give ``sleep`` to the source, the source to ``begin``; within a running loop."""

    def __init__(self) -> None:
        self.told: list[Listing] = []
        self.slept: list[float] = []
        self._pauses: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self._now: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def sleep(self, seconds: float) -> None:
        """In the place of ``asyncio.sleep``."""
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.slept.append(seconds)
        self._pauses.put_nowait(end)
        await end

    def begin(self, source: Source) -> None:
        """Watch it."""
        self._task = asyncio.ensure_future(source.watch(self.told.append))

    async def pause(self) -> float:
        """End the pause it is in, if any, and wait for the next one: how long it would take.  What it raises is raised here."""
        assert self._task is not None
        if self._now is not None:
            self._now.set_result(None)
            self._now = None
        paused = asyncio.ensure_future(self._pauses.get())
        async with asyncio.timeout(10):
            await asyncio.wait((paused, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not paused.done():
            paused.cancel()
            await self._task
            raise AssertionError("a source has ended")
        self._now = paused.result()
        return self.slept[-1]

    async def pauses_until(self, seconds: float) -> None:
        """Let it go on until its next pause of that length."""
        while await self.pause() != seconds:
            pass

    async def end(self) -> None:
        """Cancel it, as whoever keeps it does."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def addresses(self) -> list[str]:
        """Of the members that were told the last time."""
        return [str(one.address) for one in self.told[-1].members]


def play(story: Callable[[Played], Awaitable[Any]]) -> None:
    """Run ``story`` with a ``Played``, which is ended whatever happens."""

    async def whole() -> None:
        played = Played()
        try:
            await story(played)
        finally:
            if played._task is not None:
                await played.end()

    asyncio.run(whole())
