"""``fault``: requests are delayed, refused or cut on purpose, to see what becomes of what stands around them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.labels import INJECTED
from fastgw.errors import InternalError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

CUT = -1  #: an abort that is no answer
_DELAY, _ABORT, _CUT = (counters.ROUTE_INJECTED + INJECTED.index(kind) for kind in ("delay", "abort", "cut"))


class Fault:
    """The filter."""

    __slots__ = ("_abort", "_headers", "_least", "_most", "_share", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``delay``, the least and the most seconds; ``abort``, a status, ``CUT`` or 0 for neither; ``share``, 0 to 1;
        ``headers``, of a request that is meant: pairs of a name and its value, or ``*``."""
        self.name = name
        self._least, self._most = options["delay"]
        self._abort: int = options["abort"]
        self._share: float = options["share"]
        self._headers = tuple((one.encode(), value.encode("latin-1")) for one, value in options["headers"])

    def request(self, exchange: Exchange) -> Awaitable[None] | None:
        """Let it pass, or have it wait, and refuse it then."""
        if not self._is_meant(exchange):
            return None
        if self._most:
            exchange.plane.values[exchange.route.base + _DELAY] += 1
            return self._later(exchange, self._least + (self._most - self._least) * exchange.plane.random())
        if self._abort == CUT:
            return self._cut(exchange)
        raise self._refusal(exchange)

    def _is_meant(self, exchange: Exchange) -> bool:
        for name, wanted in self._headers:
            value = exchange.request.header(name)
            if value is None or wanted not in (b"*", value):
                return False
        return self._share >= 1 or exchange.plane.random() < self._share

    async def _later(self, exchange: Exchange, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._abort == CUT:
            await self._cut(exchange)
        elif self._abort:
            raise self._refusal(exchange)

    def _refusal(self, exchange: Exchange) -> InternalError:
        exchange.plane.values[exchange.route.base + _ABORT] += 1
        return _error(self._abort, self.name)

    async def _cut(self, exchange: Exchange) -> None:
        """The connection ends without an answer, and the exchange with it, which ends this wait."""
        exchange.plane.values[exchange.route.base + _CUT] += 1
        exchange.error = _error(503, self.name)  # for the log: it is not the client that has gone
        exchange.client.abort()
        await asyncio.Event().wait()


def _error(status: int, name: str) -> InternalError:
    error = InternalError(
        503, "fault_injected", "this is a fault that was asked for", reason=f"the filter {name!r} injects faults"
    )
    error.status = status
    return error
