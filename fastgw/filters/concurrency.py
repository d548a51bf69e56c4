"""``concurrency``: no more than so many requests at one time, counted over all workers.

A request that is let through holds a place on the board (``core/live/holds.py``) until its exchange is over, in whatever way: its ``done``
hook gives the place back, and if the whole worker dies whoever settles its seat does.  A tunnel is an exchange too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange.about import report
from fastgw.core.live.board import KEYED, NAMED
from fastgw.core.live.words import REFUSED
from fastgw.errors import DownstreamError, GatewayError, InternalError
from fastgw.filters.keys import Keys

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class Concurrency:
    """The filter.  Its places are those of its name, so they outlive it: a reload that changes ``max`` keeps what is held."""

    __slots__ = ("_held", "_is_clients_fault", "_keys", "_max", "_retry_after", "_table", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``max``; ``per``: route, listener, filter, address or ``header:NAME``; ``status``; ``retry_after``, seconds."""
        self.name = name
        self._max: int = options["max"]
        self._keys = Keys(options["per"], b"concurrency", name.encode())
        self._table = KEYED if self._keys.are_of_clients else NAMED
        self._is_clients_fault = options["status"] == "429"
        self._retry_after = (("retry-after", str(max(1, math.ceil(options["retry_after"])))),)
        self._held: dict[Exchange, int] = {}  #: the cells in which they hold a place

    def request(self, exchange: Exchange) -> None:
        """Take a place, or refuse."""
        plane = exchange.plane
        cell = plane.seat.take(self._table, self._keys.of(exchange), self._max)
        if cell < 0:
            raise self._refusal(exchange, cell)
        self._held[exchange] = cell
        plane.values[exchange.route.base + counters.ROUTE_PLACES] += 1

    def done(self, exchange: Exchange) -> None:
        """Give it back."""
        cell = self._held.pop(exchange, -1)
        if cell >= 0:
            exchange.plane.seat.give(cell)
            exchange.plane.values[exchange.route.base + counters.ROUTE_PLACES] -= 1

    def _refusal(self, exchange: Exchange, outcome: int) -> GatewayError:
        values = exchange.plane.values
        if outcome != REFUSED:
            values[counters.BOARD_FULL] += 1
            report(exchange, "warning", "the board has no room for a key, so its request is refused", filter=self.name)
            detail = "too many clients are being counted"
            return InternalError(503, "board_full", detail, headers=self._retry_after)
        values[exchange.route.base + counters.ROUTE_OVER_LIMIT] += 1
        detail = "too many requests are under way"
        reason = f"{detail}: {self._max} by the filter {self.name!r}, which counts per {self._keys.text}"
        if self._is_clients_fault:
            return DownstreamError(429, "too_many_requests", detail, reason=reason, headers=self._retry_after)
        return InternalError(503, "over_limit", detail, reason=reason, headers=self._retry_after)
