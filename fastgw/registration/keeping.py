"""Entries that are there as long as somebody wants them, in one registry.

    put        what is wanted and not there, or there otherwise
    renewed    all of it, at a third of the time to live
    lost       (an outage longer than that, a wiped or restored registry): all is put again
    removed    what is not wanted any more

After an outage everybody's entries are lost at once, so each waits a moment by chance before it puts them again.  What somebody takes
away is put again with the next renewal.  Where a question has no answer, nobody knows whether it was done: it counts as done otherwise
than wanted, so it is put again or taken away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from fastgw.discovery.listing import SourceError
from fastgw.registration.registry import LostError, MemberRegistry, RegisteredMember, RegisteredName

PAUSE: Final = 0.25  #: seconds to the next attempt; they grow to ``PAUSE_MOST``
PAUSE_MOST: Final = 2.0
LEAVING: Final = 1.0  #: seconds to take everything away, after which it is left to end by itself

log = logging.getLogger("fastgw.registration")

Say = Callable[[int, str], None]


class Registrar:
    """Who keeps entries in one registry."""

    def __init__(
        self,
        registry: MemberRegistry,
        *,
        there: Iterable[RegisteredMember] = (),
        chance: Callable[[], float] = random.random,
        tell: Say = log.log,
    ) -> None:
        """Nothing is asked yet.

        Args:
            there: what a predecessor has put with the mark that ``registry`` has.
            chance: 0 to 1.
            tell: is told, with a level of ``logging`` and in words, when everything is there, and when it is not and why.
        """
        self.registry = registry
        self.cause = ""  #: of what is wrong now, a word; empty: nothing is
        self.detail = ""
        self.failing_since = 0.0  #: since when it is, of the loop
        self.errors = 0  #: questions without an answer that could be used
        self.losses = 0  #: times that all was lost
        self.renewed = -math.inf  #: when it was, the last time, of the loop
        self._chance, self._tell = chance, tell
        self._wanted: dict[RegisteredName, RegisteredMember] = {}
        self._there: dict[RegisteredName, RegisteredMember | None] = {
            one.name: one for one in there
        }  # None: perhaps, and nobody knows how
        self._changed, self._settled = asyncio.Event(), asyncio.Event()
        self._pause = PAUSE
        self._said = ""

    # -- what is so

    @property
    def wanted(self) -> Mapping[RegisteredName, RegisteredMember]:
        """What is to be there."""
        return self._wanted

    @property
    def there(self) -> tuple[RegisteredMember, ...]:
        """What is, as far as is known."""
        return tuple(one for one in self._there.values() if one is not None)

    @property
    def is_settled(self) -> bool:
        """Is everything there that is wanted, and nothing else, as far as is known?"""
        return self._settled.is_set()

    async def settled(self) -> None:
        """Wait until it is."""
        await self._settled.wait()

    def want(self, entries: Iterable[RegisteredMember]) -> None:
        """Have these be there, and no others."""
        wanted = {one.name: one for one in entries}
        if wanted != self._wanted:
            self._wanted = wanted
            self._settled.clear()
            self._changed.set()

    # -- what it does

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep what is wanted meanwhile, and take it away at the end."""
        with self.registry.used():
            task = asyncio.ensure_future(self.keep())
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await self.leave()

    async def keep(self) -> None:
        """Keep what is wanted, until cancelled; it is left where it is then."""
        loop = asyncio.get_running_loop()
        due = self.renewed = loop.time()  # what a predecessor has put is renewed at once
        while True:
            self._changed.clear()
            try:
                if not self.there:
                    due = loop.time() + self.registry.ttl / 3
                    self.renewed = loop.time()
                elif loop.time() >= due:
                    due = await self._renew()
                await self._settle()
            except LostError as error:
                await self._lose(error)
                continue
            except SourceError as error:
                await asyncio.sleep(self._failed(error))
                continue
            self._pause, self.cause, self.detail = PAUSE, "", ""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due if self._there else None):
                    await self._changed.wait()

    async def leave(self, but: Collection[RegisteredName] = (), *, are_left: bool = False) -> None:
        """Take everything away, except ``but``; what cannot be within a second ends by itself.

        ``are_left``: those are ours, and end by themselves too, unless somebody else renews them.
        """
        self._settled.clear()
        names = [name for name in self._there if name not in but]
        with contextlib.suppress(TimeoutError, SourceError):
            async with asyncio.timeout(LEAVING):
                await (self.registry.remove if are_left else self.registry.leave)(names)
        if self._there:
            self._there.clear()
            self._say("not registered any more", logging.INFO)

    async def _renew(self) -> float:
        """Renew what is there; return when that is due again."""
        begin = asyncio.get_running_loop().time()
        lost = await self.registry.renew(self.there)
        self.renewed = begin
        for one in lost:
            del self._there[one.name]
        if lost:
            self.losses += 1
            self._settled.clear()
            are, they = ("was", "it is") if len(lost) == 1 else ("were", "they are")
            self._say(f"{_names(lost)} {are} taken away; {they} put again")
        return begin + self.registry.ttl / 3

    async def _settle(self) -> None:
        """Put what is wanted and not there, and take away what is there and not wanted."""
        wanted = self._wanted
        put = [one for name, one in wanted.items() if self._there.get(name) != one]
        gone = [name for name in self._there if name not in wanted]
        if put:
            self._there |= dict.fromkeys(one.name for one in put)
            await self.registry.put(put)
            self._there |= {one.name: one for one in put}
        if gone:
            await (self.registry.remove(gone) if wanted else self.registry.leave(gone))
            for name in gone:
                del self._there[name]
        if wanted is self._wanted:
            self._settled.set()
            if wanted or gone:
                self._say("registered" if wanted else "not registered any more", logging.INFO)

    async def _lose(self, error: SourceError) -> None:
        """All is lost, of others perhaps too: wait a moment."""
        self.losses += 1
        self._there.clear()
        self._settled.clear()
        self._say(f"{error.detail}; it is put again")
        await asyncio.sleep(self._chance() * min(1.0, self.registry.ttl / 10))

    def _failed(self, error: SourceError) -> float:
        """There was no answer; return the seconds to the next attempt."""
        self.errors += 1
        if not self.cause:
            self.failing_since = asyncio.get_running_loop().time()
        self.cause, self.detail = error.cause, error.detail
        ttl = self.registry.ttl
        is_there = bool(self.there)
        if is_there and asyncio.get_running_loop().time() - self.renewed > ttl:
            self._there = dict.fromkeys(self._there)
            self._settled.clear()
            is_there = False
        if is_there and self.is_settled:
            self._say(f"cannot be renewed: {error.detail}")
            return min(1.0, ttl / 10)
        what = "cannot be changed" if is_there else "not registered"
        self._say(f"{what}: {error.detail}; it is tried again")
        pause, self._pause = self._pause, min(self._pause * 2, PAUSE_MOST)
        return pause * (0.5 + self._chance() / 2)

    def _say(self, what: str, level: int = logging.WARNING) -> None:
        """Tell it, once as long as it is the same."""
        if what != self._said:
            self._said = what
            self._tell(level, what)


def _names(entries: Collection[RegisteredMember]) -> str:
    found = [str(one.name) for one in entries]
    return found[0] if len(found) == 1 else f"{found[0]} and {len(found) - 1} more"
