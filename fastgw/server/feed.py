"""Live values for those who watch: made once for all of them, and not at all while nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

from fastgw.server.log import Log

VIEWERS: Final = 16  #: at the same time
EVERY: Final = 1.0  #: seconds between two looks
SHARE: Final = 20  #: a look that takes long comes as much more seldom as leaves the processor to others
EVENT_STREAM: Final = "text/event-stream"


class Views(Protocol):
    """What there is to watch."""

    def begin(self) -> Callable[[], bytes]:
        """Somebody begins to watch; return what is called for each look, whose answer is the data of an event."""

    def since(self, number: int) -> tuple[bytes, int]:
        """More events for one who has seen what came up to ``number``, none perhaps, and up to which that is."""

    def end(self) -> None:
        """Nobody watches any more."""


class Feed:
    """Hands what it looks at to each viewer; who is slow misses some of it, and nobody waits for him."""

    def __init__(self, views: Views, log: Log) -> None:
        self._views = views
        self._log = log
        self._latest = b""
        self._come = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self.viewers = 0

    async def watch(self) -> AsyncGenerator[bytes, None]:
        """The events of one viewer (Server-Sent Events)."""
        self.viewers += 1
        if self._looking is None:
            look = self._views.begin()
            self._looking = asyncio.get_running_loop().create_task(self._look(look))
        seen = 0
        try:
            yield b"retry: 2000\n\n" + self._latest
            while True:
                await self._come.wait()
                more, seen = self._views.since(seen)
                yield self._latest + more
        finally:
            self.viewers -= 1
            if not self.viewers and self._looking is not None:
                self._looking.cancel()
                self._looking, self._latest = None, b""
                self._views.end()

    async def _look(self, look: Callable[[], bytes]) -> None:
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            try:
                self._latest = b"data: " + look() + b"\n\n"
            except Exception as error:  # noqa: BLE001  what cannot be told now may be the next time
                self._log.limited("the dashboard cannot be told how things are", error=repr(error))
            come, self._come = self._come, asyncio.Event()
            come.set()
            await asyncio.sleep(max(EVERY, (now() - began) * SHARE))
