"""Load reports in the answers of a service, read for who balances by what engines say (``policy.engine_aware``), and kept from clients.

A report is as new as the answer that it came with, where a page of metrics is as old as the last look at it; but it says nothing of who
is asked by nobody.  So both may be read, and the newest counts.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

from fastgw.core.placement_counters import REPORT_OUTCOMES, REPORTS
from fastgw.policy.engine_aware import EngineReading, reading_of
from fastgw.wire.load_report import FIELDS, read_report

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_READ, _IGNORED = range(len(REPORT_OUTCOMES))


class LoadReports:
    """Those of one service: a ``Mind``, which passes every answer on."""

    __slots__ = ("_clock", "_good_for", "_passes", "_readings")

    def __init__(
        self,
        readings: MutableMapping[str, EngineReading],
        good_for: float,
        clock: Callable[[], float],
        *,
        passes: bool = False,
    ) -> None:
        """``readings``: what is known of members, by address; ``good_for``: seconds; ``passes``: clients get the fields, too."""
        self._readings = readings
        self._good_for = good_for
        self._clock = clock
        self._passes = passes

    def __call__(self, exchange: Exchange) -> bool:
        """See ``Mind``."""
        response = exchange.response
        found = {name: value for name in FIELDS if (value := response.header(name)) is not None}
        if found:
            place = exchange.service.base + REPORTS
            exchange.plane.values[place + (_READ if self._is_read(exchange, found) else _IGNORED)] += 1
            if not self._passes:
                response.edit(tuple(found), ())
        return False

    def _is_read(self, exchange: Exchange, found: dict[bytes, bytes]) -> bool:
        endpoint, now = exchange.endpoint, self._clock()
        before = self._readings.get(endpoint.place)
        try:
            reading = reading_of(read_report(found), before, endpoint.in_hand, now, now + self._good_for)
        except ValueError:  # whatever it says: the member is as it was known before
            return False
        if before is None:  # members come and go, and nobody tells of those that are gone
            for place in [place for place, one in self._readings.items() if one.until < now]:
                del self._readings[place]
        self._readings[endpoint.place] = reading
        return True
