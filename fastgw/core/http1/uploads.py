"""The uploads of a pool: exchanges that have, or wait for, one of its connections while their request body is still arriving.

Only so many of them (``pool.max_uploads``, half of what the connections carry by default) may be there at once, so that clients which
send slowly, or pretend to, never take a service away from the others.  More wait in a line of their own, in which they go on sending; one
that becomes complete leaves it and is an ordinary request.  While anybody waits who could have a connection of theirs, the slowest of
those below the minimum rate are cut, not the newcomers.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from fastgw.core import counters
from fastgw.core.exchange import arriving
from fastgw.core.exchange.body import NEVER
from fastgw.errors import UpstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane
    from fastgw.core.settings import PoolSettings

PRESSED_AFTER = 2.0  #: seconds after which an upload is judged while others wait
CUT_AT_ONCE = 32  #: uploads cut in one sweep: thousands must not hold up everybody else


class Uploads:
    """Who uploads through one pool, and who waits to."""

    __slots__ = ("_base", "_is_following", "_max", "_plane", "_pool", "line", "under_way")

    def __init__(self, pool: Pool, plane: Plane, base: int) -> None:
        """``base``: of the endpoint's block of counters."""
        self._pool = pool
        self._plane = plane
        self._base = base
        self._max = pool.settings.max_uploads or max(1, pool.places // 2)
        self.under_way: set[Exchange] = set()
        self.line: deque[Exchange] = deque()
        self._is_following = False

    def apply(self, settings: PoolSettings) -> None:
        """There may be so many from now on.  Nobody is cut for it: those that are too many come to their end."""
        self._max = settings.max_uploads or max(1, self._pool.places // 2)
        self._follow()

    def admit(self, exchange: Exchange) -> bool:
        """Whether ``exchange`` may have a connection now; False: it was put in line.

        Raises:
            UpstreamError: 503, ``max_pending`` exchanges are waiting already.
        """
        if len(self.under_way) < self._max:
            exchange.is_upload = True
            self.under_way.add(exchange)
            self._plane.values[self._base + counters.ENDPOINT_UPLOADS] += 1
            # Who has said Expect is judged from the 100 on, or from its first byte.
            is_asking = exchange.request.expect and not exchange.body.received
            exchange.body.mark(NEVER if is_asking else self._plane.clock())
            return True
        self._pool.check_line()
        exchange.line_since = self._plane.clock()
        self.line.append(exchange)
        self._plane.values[self._base + counters.ENDPOINT_WAITING] += 1
        return False

    def leave(self, exchange: Exchange) -> None:
        """``exchange``, which is an upload, is complete, or has gone: who waits longest may follow."""
        exchange.is_upload = False
        self.under_way.discard(exchange)
        self._plane.values[self._base + counters.ENDPOINT_UPLOADS] -= 1
        self._follow()

    def complete(self, exchange: Exchange) -> None:
        """The body of ``exchange``, which waits for a connection, has arrived: it is an upload no more."""
        if exchange.is_upload:
            self.leave(exchange)
        else:
            self.cancel(exchange)
            self._acquire(exchange)

    def cancel(self, exchange: Exchange) -> None:
        """``exchange`` no longer waits in line.

        Raises:
            ValueError: it does not.
        """
        self.line.remove(exchange)
        self._plane.values[self._base + counters.ENDPOINT_WAITING] -= 1

    def sweep(self) -> None:
        """Cut the slowest below the minimum rate, one for each exchange that waits for want of connections or of uploads."""
        pool = self._pool
        waiting = len(self.line) + pool.pressing
        if not waiting or not self.under_way:
            return
        now = self._plane.clock()
        slow = [one for one in self.under_way if arriving.is_too_slow(one, now, PRESSED_AFTER)]
        slow.sort(key=lambda one: one.body.rate(now))
        for exchange in slow[: min(waiting, CUT_AT_ONCE)]:
            self._plane.values[counters.BODIES_CUT] += 1
            exchange.fail(arriving.too_slow(" while others waited for its connection"))

    def _follow(self) -> None:
        """Let those in line follow while there is room.  A loop, not a recursion: one that follows may fail, and so leave, at once."""
        if self._is_following:
            return
        self._is_following = True
        while self.line and len(self.under_way) < self._max:
            exchange = self.line[0]
            self.cancel(exchange)
            self._acquire(exchange)
        self._is_following = False

    def _acquire(self, exchange: Exchange) -> None:
        try:
            carrier = self._pool.acquire(exchange)
        except UpstreamError as error:
            exchange.fail(error)
            return
        if carrier is not None:
            self._pool.count_wait(exchange)
            exchange.on_carrier(carrier)
