"""What is done with every request that is sent to a service: each try has a time, and the service may be told how long it has.

Both are of services that say so; of any other nobody asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange import deadlines
from fastgw.core.exchange.grpc import CALL
from fastgw.core.exchange.grpc import TIMEOUT as CALL_TIMEOUT
from fastgw.wire.grpc import write_timeout
from fastgw.wire.load_report import FORMAT_FIELD
from fastgw.wire.load_report import TEXT as LOAD_TEXT

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.load_reports import LoadReports
    from fastgw.core.settings import ServiceSettings

TIMEOUT = b"x-request-timeout-ms"  #: whole milliseconds until nobody waits for the answer any more


class Times:
    """The times of one service (``snapshot.Sending``)."""

    __slots__ = ("_is_timed", "_is_told", "_try_timeout", "has_calls", "reports")

    def __init__(
        self, settings: ServiceSettings, *, has_calls: bool = False, reports: LoadReports | None = None
    ) -> None:
        """``has_calls``: there are calls of gRPC among its requests; ``reports``: what reads the load reports that each asks for."""
        self.has_calls = has_calls
        self.reports = reports
        self._is_told = settings.tell_timeout
        self._try_timeout = settings.retry.try_timeout
        self._is_timed = settings.is_timed  #: a try has a time of its own

    def on_carrier(self, exchange: Exchange) -> None:
        """See ``Sending``."""
        self.tell(exchange)
        if exchange.body.is_done:
            self.on_sent(exchange)

    def tell(self, exchange: Exchange) -> None:
        """Have the request say how long the service has, if it is to be told, and that it is asked how busy it is."""
        if self.reports is not None:
            exchange.request.set_header(FORMAT_FIELD, LOAD_TEXT)
        is_call = self.has_calls and exchange.notes is not None and CALL in exchange.notes
        left = self._left(exchange) if self._is_told or is_call else None
        if left is None:
            return
        if self._is_told:
            exchange.request.set_header(TIMEOUT, b"%d" % max(1, int(left * 1000.0)))
        if is_call:
            exchange.request.set_header(CALL_TIMEOUT, write_timeout(left))

    def on_sent(self, exchange: Exchange) -> None:
        """See ``Sending``."""
        if self._is_timed:
            exchange.set_deadline(deadlines.answer_within(exchange))

    def _left(self, exchange: Exchange) -> float | None:
        """Seconds until the exchange, or this try of it, must be over; None: there is no such time."""
        left = self._try_timeout or None
        if exchange.last:
            whole = exchange.last - exchange.plane.clock()
            left = whole if left is None else min(left, whole)
        return left
