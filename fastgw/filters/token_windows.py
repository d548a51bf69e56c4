"""Limits of models in windows of the calendar: so much a day or a month, all of which is there again when the next one begins.

They are counted as the others are (``filters.token_limits``), in a bucket for each key and window (``policy.window_amounts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.live.tabs import Tab
from fastgw.filters.keys import LONGEST, REMEMBERED
from fastgw.filters.rate_fields import SECOND
from fastgw.filters.token_limits import Counted, TokenBucket
from fastgw.filters.token_rates import LENGTHS, WINDOWS
from fastgw.policy.window_amounts import WindowAmounts

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.meters import Clock
    from fastgw.filters.calendar import Calendar

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
        wall = self._calendar.wall()
        if not self._begin <= wall < self._end:
            self._turn(wall, clock())
        return self._key(exchange), self.rate

    def wait(self, bucket: Any) -> int:
        """See ``Requests``."""
        return bucket.wait  # type: ignore[no-any-return]

    def _turn(self, wall: float, now: int) -> None:
        """There is another window."""
        self._begin, self._end = self._calendar.window(self._kind, wall)
        end = now + round((self._end - wall) * SECOND)
        self.rate = WindowAmounts(self._count, round(self._end - self._begin) * SECOND, end)
        self._known = {}

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


class CountedWindow(Counted):
    """See ``Counted``."""

    __slots__ = ()

    def __init__(self, name: str, place: int, options: Mapping[str, Any], calendar: Calendar) -> None:
        Counted.__init__(self, name, place, options, None, WindowBucket(name, place, options, calendar))

    def tab(self, exchange: Exchange, clock: Clock, amount: int) -> Any:
        """See ``Counted``."""
        return self.kind.tab(exchange, clock, amount)
