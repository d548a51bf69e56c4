"""Configurations that are not used any more, freed in slices.

A snapshot of 10,000 routes is some 100,000 objects, and who drops the last reference to it waits until all of them are freed: a client,
perhaps, whose exchange was the last that began with it.  So its small parts, all of them, are held here as well.  When nothing else
holds the whole its parts go, some at a time.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fastgw.server.slices import PAUSE, SLICE

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec
    from fastgw.core.snapshot.snapshot import Snapshot
    from fastgw.routing import Router

AT_ONCE: Final = 50  #: parts freed between two looks at the clock


class Leaving:
    """Those of one worker."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._parts: list[Any] = []
        self._timer: asyncio.Handle | None = None

    def let_go(self, snapshot: Snapshot, spec: GatewaySpec | None) -> None:
        """Free ``snapshot`` when its last exchange and its last client have left it, and ``spec``, which nobody needs, soon; the caller
        drops its own references before the loop turns."""
        for listener in snapshot.listeners.values():
            gone = weakref.finalize(listener.router, self._take, _parts(listener.router))
            gone.atexit = False
        more = (*spec.routes, *spec.services) if spec is not None else ()
        self._take([*snapshot.services, *more])

    def close(self) -> None:
        """The worker ends: all of it goes now."""
        if self._timer is not None:
            self._timer.cancel()
        self._parts.clear()

    def _take(self, parts: list[Any]) -> None:
        self._parts += parts
        if self._timer is None and self._parts:
            self._timer = self._loop.call_soon(self._free)

    def _free(self) -> None:
        self._timer = None
        end = self._clock() + SLICE
        while self._parts and self._clock() < end:
            del self._parts[-AT_ONCE:]
        if self._parts:
            self._timer = self._loop.call_later(PAUSE, self._free)


def _parts(router: Router[Any]) -> list[Any]:
    """All of a table that is many."""
    found: list[Any] = [*router.rules, *(rule.payload for rule in router.rules)]
    for table in router.tables:
        found += table.nodes
        found += table.exact.values()
        found.append(table)
    return found
