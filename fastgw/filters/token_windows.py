"""Limits of models in windows of the calendar: so much a day or a month, all of which is there again when the next one begins.

They are counted as the others are (``filters.token_limits``), in a bucket for each key and window (``policy.window_amounts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.live.tabs import Tab
from fastgw.filters.keys import LONGEST, REMEMBERED
from fastgw.filters.rate_fields import SECOND
from fastgw.filters.shared_limits import SharedLimit
from fastgw.filters.token_limits import Counted, TokenBucket
from fastgw.filters.token_rates import LENGTHS, WINDOWS
from fastgw.policy.leases import MOST as MOST_LEASED
from fastgw.policy.window_amounts import WindowAmounts

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.leases import Lease
    from fastgw.core.live.meters import Clock
    from fastgw.filters.calendar import Calendar
    from fastgw.policy.amounts import Amounts

_NO_TIME: Final = float("inf")


class WindowBucket(TokenBucket):
    """What it is on one gateway, in the window that is now."""

    def __init__(self, name: str, place: int, options: Mapping[str, Any], calendar: Calendar) -> None:
        """See ``TokenBucket``."""
        self._count, self._kind = options["rate"]
        self._calendar = calendar
        self._begin, self._end = _NO_TIME, 0.0  # seconds since 1970
        self._known: dict[tuple[bytes, ...], int] = {}  # keys of this window
        self.word = WINDOWS[self._kind]
        super().__init__(name, place, options)

    def _made(self, count: int, period: int, burst: int) -> WindowAmounts:
        return WindowAmounts(self._count, LENGTHS[self._kind] * SECOND, 0)

    def tab(self, exchange: Exchange, clock: Clock, amount: int) -> Tab:
        """What it has for a request that takes so much."""
        key, rate = self.seen(exchange, clock)
        return Tab(exchange.plane.seat.board, self.table, key, rate, clock, min(amount, rate.burst), amount)

    def seen(self, exchange: Any, clock: Clock) -> tuple[int, Any]:
        """See ``TokenBucket``."""
        self.turn(clock)
        return self._key(exchange), self.rate

    def turn(self, clock: Clock) -> bool:
        """Is there another window than there was?"""
        wall = self._calendar.wall()
        if self._begin <= wall < self._end:
            return False
        self._begin, self._end = self._calendar.window(self._kind, wall)
        length = round(self._end - self._begin) * SECOND
        self.rate = WindowAmounts(self._count, length, clock() + round((self._end - wall) * SECOND))
        self._known = {}
        return True

    @property
    def window(self) -> bytes:
        """What tells it from others."""
        return b"%s/%d" % (self.word.encode(), self._begin)

    def wait(self, bucket: Any) -> int:
        """See ``Requests``."""
        return bucket.wait  # type: ignore[no-any-return]

    def _key(self, exchange: Exchange) -> int:
        values = self.keys.values(exchange)
        key = self._known.get(values)
        if key is None:
            key = self.keys.key_of(exchange, values, b"window", b"%d" % self._begin)
            if len(self._known) >= REMEMBERED:
                self._known.clear()  # as ``Keys`` does
            if sum(map(len, values)) <= LONGEST:
                self._known[values] = key
        return key


class SharedWindow(SharedLimit):
    """One that several gateways keep together.  What is leased of a window ends with it, and not before: what nobody has spent by then
    would come back to nobody."""

    def __init__(self, name: str, kind: WindowBucket, options: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
        """See ``SharedLimit``."""
        super().__init__(name, kind, options, cluster)
        self._bucket = kind

    def tab(self, exchange: Exchange, clock: Clock, needs: int, takes: int) -> Lease:
        """See ``SharedLimit``."""
        self._turn(clock)
        return super().tab(exchange, clock, needs, takes)

    def seen(self, exchange: Any, clock: Clock) -> tuple[int, Amounts]:
        """See ``SharedLimit``."""
        self._turn(clock)
        return super().seen(exchange, clock)

    def refill(self, exchange: Exchange, bucket: Lease) -> None:
        """See ``SharedLimit``; of a window that is over nothing is needed any more."""
        if bucket.rate is self._bucket.rate:
            super().refill(exchange, bucket)

    def _turn(self, clock: Clock) -> None:
        bucket = self._bucket
        if bucket.turn(clock):
            rate = bucket.rate
            self._begin(rate, rate.depth, rate.depth, rate.end, bucket.window)


class CountedWindow(Counted):
    """See ``Counted``."""

    __slots__ = ()

    def __init__(
        self,
        name: str,
        place: int,
        options: Mapping[str, Any],
        cluster: Mapping[str, Any] | None,
        calendar: Calendar,
    ) -> None:
        kind = WindowBucket(name, place, options, calendar)
        Counted.__init__(self, name, place, options, None, kind)
        if cluster is not None:
            self.limit = self.shared = SharedWindow(name, kind, options, cluster)
            self.burst = min(self.burst, MOST_LEASED)  # more than that no request can owe

    def tab(self, exchange: Exchange, clock: Clock, amount: int) -> Any:
        """See ``Counted``."""
        if self.shared is not None:
            return self.shared.tab(exchange, clock, amount, amount)
        return self.kind.tab(exchange, clock, amount)
