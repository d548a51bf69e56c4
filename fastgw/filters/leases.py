"""Which Redis can be asked for leases, and what this worker wants to have asked: the supervisor does it, and tells.

They outlive a reload.  What is wanted in one turn of the loop is told at its end, in one message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from fastgw.core.settings import RedisSettings

if TYPE_CHECKING:
    from fastgw.core.live.news import Ask, LinkState

WANTED_MOST: Final = 4096  #: of one turn; others may ask again a moment later


class Leases:
    """All of one worker."""

    def __init__(self) -> None:
        self.on_asked: Callable[[tuple[Ask, ...]], None] | None = None  #: called with what is wanted
        self._states: dict[RedisSettings, LinkState] = {}
        self._asks: list[Ask] = []

    def is_there(self, redis: RedisSettings) -> bool:
        """Can it be asked?  One that nobody has tried yet is assumed to be."""
        state = self._states.get(redis)
        return state is None or state.is_up

    def learn(self, news: Mapping[RedisSettings, LinkState]) -> None:
        """Take what the supervisor tells."""
        self._states.update(news)

    def retain(self, used: Iterable[RedisSettings]) -> None:
        """Forget every other."""
        kept = set(used)
        self._states = {redis: state for redis, state in self._states.items() if redis in kept}

    def ask(self, ask: Ask, loop: asyncio.AbstractEventLoop) -> None:
        """Have the supervisor ask for more."""
        if not self._asks:
            loop.call_soon(self._tell)
        if len(self._asks) < WANTED_MOST:
            self._asks.append(ask)

    def _tell(self) -> None:
        asks, self._asks = tuple(self._asks), []
        if self.on_asked is not None:
            self.on_asked(asks)


LEASES: Final = Leases()  #: those of this process
