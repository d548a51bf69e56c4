"""How the work of a worker ends: exchanges within their grace, streams within theirs.

0               idle connections are closed; answers say ``Connection: close``
grace           exchanges that are under way are cut, but for streams: answers of events, and tunnels
stream grace    streams of events end between two events, with a comment; tunnels are cut
a little later  what did not come to an end is cut
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastgw.core.dataplane import DataPlane
from fastgw.core.exchange.ending import end_streams, is_stream, unended
from fastgw.server.messages import Drain
from fastgw.server.workers import END_LIMIT

CUT_PAUSE = 0.05  #: seconds in which connections that were cut come to their end, so that the access log has them


class Draining:
    """The timers of one drain."""

    def __init__(self, loop: asyncio.AbstractEventLoop, plane: DataPlane, stop: Callable[[], None]) -> None:
        """``stop``: called when the time is over."""
        self._loop = loop
        self._plane = plane
        self._stop = stop

    def begin(self, graces: Drain) -> None:
        """From here on time runs."""
        self._loop.call_later(graces.grace, self._cut_exchanges)
        self._loop.call_later(max(graces.grace, graces.stream_grace), self._end_streams)

    def _cut_exchanges(self) -> None:
        plane = self._plane
        if not plane.is_over:
            plane.cut_off(is_stream)
            if not unended((*plane.connections, *plane.unconnected)):
                self._loop.call_later(CUT_PAUSE, self._stop)

    def _end_streams(self) -> None:
        plane = self._plane
        if not plane.is_over:
            end_streams((*plane.connections, *plane.unconnected), self._loop)
            for client in (*plane.connections, *plane.unconnected):
                if client.exchange is not None and client.exchange.tunnel is not None:
                    plane.cut(client)
            if unended((*plane.connections, *plane.unconnected)):
                self._loop.call_later(END_LIMIT, self._cut)
            else:
                self._loop.call_later(CUT_PAUSE, self._stop)

    def _cut(self) -> None:
        if not self._plane.is_over:
            self._plane.cut_off()
        self._loop.call_later(CUT_PAUSE, self._stop)
