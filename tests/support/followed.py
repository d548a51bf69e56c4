"""A source of members as a test looks at it, beside real processes."""

from __future__ import annotations

import asyncio
import threading
import time

from fastgw.discovery.listing import Listing, Source, SourceError
from tests.support.gateway import wait_until


class Followed:
    """A source that is asked again as soon as it fails, in a thread of its own."""

    def __init__(self, source: Source) -> None:
        self.told: list[Listing] = []
        self.errors: list[SourceError] = []
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._keep(source))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(asyncio.wait([self._task]))

    async def _keep(self, source: Source) -> None:
        while True:
            try:
                await source.watch(self.told.append)
            except SourceError as error:
                self.errors.append(error)
                await asyncio.sleep(0.2)

    @property
    def last(self) -> dict[int, int]:
        """Ports and weights of the members that were told last."""
        return {one.address.port: one.weight for one in self.told[-1].members} if self.told else {}

    def comes_to(self, wanted: dict[int, int], limit: float = 10.0) -> float:
        """Wait until that is told; return after how many seconds."""
        begin = time.monotonic()
        wait_until(lambda: self.told and self.last == wanted, limit, f"{wanted} is told")
        return time.monotonic() - begin

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)
        assert not self._thread.is_alive()
        assert self._task.cancelled()
