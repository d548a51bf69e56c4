"""``rate_limit``: no more than so many requests in a time, counted over all workers.

Each limit has a bucket for each of its keys, a time on the board (``core/live/meters.py``).  It belongs to the filter's name and to what
the limit says, so it outlives the filter: a reload goes on with it, and so does an upgrade.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.live.board import KEYED_TIMES, NAMED_TIMES
from fastgw.core.live.meters import Clock, Meter, NoRoomError, admit
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters.keys import Keys
from fastgw.policy.gcra import Rate

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_SECOND = 10**9
_UNITS = {1: "s", 60: "m", 3600: "h", 86400: "d"}

Fields = tuple[tuple[str, str], ...]


class _Limit:
    """One of the limits: whom it counts, and how fast they may be."""

    __slots__ = ("_keys", "_table", "label", "policy", "rate", "text")

    def __init__(self, name: str, place: int, options: Mapping[str, Any]) -> None:
        count, seconds = options["rate"]
        burst = options["burst"] or count
        per = options["per"]
        self.rate = Rate(count, seconds * _SECOND, burst)
        self._keys = Keys(per, b"rate_limit", name.encode(), b"%d/%d/%d" % (count, seconds, burst))
        self.text = f"{count}/{_UNITS[seconds]} per {self._keys.text}"
        self.label = f'"{place}"'  #: in the fields of the draft
        # A window in which the bucket fills: who keeps to it, in whatever way, is never refused.
        self.policy = f"{self.label};q={burst};w={_seconds(self.rate.depth)}"
        self._table = KEYED_TIMES if self._keys.are_of_clients else NAMED_TIMES

    def meter(self, exchange: Exchange, clock: Clock) -> Meter:
        """Its bucket for this request."""
        return Meter(exchange.plane.seat.board, self._table, self._keys.of(exchange), self.rate, clock)


class RateLimit:
    """The filter."""

    __slots__ = ("_clock", "_is_dry", "_is_open", "_limits", "_policy", "_says", "_tells_all", "_told", "name")

    logged = ("rate_limit",)  #: the limit that a request was too much for

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock = time.monotonic_ns) -> None:
        """``options``: ``limits``, each the pairs of ``rate`` (count and seconds), ``burst`` (or None) and ``per``; ``fields``, of draft,
        openai; ``tell``: refused or all; ``when_full``: refuse or let_through; ``dry_run``.
        """
        self.name = name
        self._clock = clock
        self._limits = [_Limit(name, place, dict(one)) for place, one in enumerate(options["limits"], 1)]
        self._policy = ", ".join(one.policy for one in self._limits)
        self._says: Sequence[str] = options["fields"]
        self._tells_all = options["tell"] == "all" and bool(self._says)
        self._is_open = options["when_full"] == "let_through"
        self._is_dry: bool = options["dry_run"]
        self._told: dict[Exchange, Fields] = {}  #: what their answers are to say

    def request(self, exchange: Exchange) -> None:
        """Count it, or refuse."""
        clock = self._clock
        meters = [one.meter(exchange, clock) for one in self._limits]
        try:
            refusing = admit(meters)
        except NoRoomError:
            self._on_full(exchange)
            return
        if refusing:
            self._on_refused(exchange, meters, refusing)
        elif self._tells_all:
            self._told[exchange] = self._fields(meters)

    def response(self, exchange: Exchange) -> None:
        """Tell how much is left, of an answer to one that was admitted."""
        for name, value in self._told.pop(exchange, ()):
            exchange.response.set_header(name.encode(), value.encode())

    def done(self, exchange: Exchange) -> None:
        """Forget it, if it has got no answer."""
        self._told.pop(exchange, None)

    def _on_refused(self, exchange: Exchange, meters: Sequence[Meter], refusing: Sequence[Meter]) -> None:
        slowest = max(refusing, key=_wait)
        limit = self._limits[meters.index(slowest)]
        exchange.note("rate_limit", limit.text)
        place = counters.ROUTE_RATE_LET_THROUGH if self._is_dry else counters.ROUTE_RATE_LIMITED
        exchange.plane.values[exchange.route.base + place] += 1
        if self._is_dry:
            return
        wait = max(1, _wait(slowest))
        headers: Fields = (("retry-after", str(_seconds(wait))), *self._fields(meters))
        if "openai" in self._says:
            headers += (("retry-after-ms", str(-(-wait // 1_000_000))),)
        detail = "too many requests in a short time"
        reason = f"{detail}: more than {limit.text}, says the filter {self.name!r}"
        raise DownstreamError(429, "rate_limited", detail, reason=reason, headers=headers)

    def _on_full(self, exchange: Exchange) -> None:
        exchange.plane.values[counters.BOARD_FULL] += 1
        is_let_through = self._is_open or self._is_dry
        what = "is let through" if is_let_through else "is refused"
        exchange.plane.report("warning", f"the board has no room for a key, so its request {what}", filter=self.name)
        if not is_let_through:
            headers = (("retry-after", "1"),)
            raise InternalError(503, "board_full", "too many clients are being counted", headers=headers)

    def _fields(self, meters: Sequence[Meter]) -> Fields:
        """What the client is told of all limits, or (openai) of the one that it has least of."""
        found: list[tuple[str, str]] = []
        lefts = [one.rate.left(one.time, one.now) for one in meters]
        if "draft" in self._says:
            items = (
                f"{limit.label};r={left};t={_seconds(one.rate.whole(one.time, one.now))}"
                for limit, one, left in zip(self._limits, meters, lefts, strict=True)
            )
            found += ("ratelimit-policy", self._policy), ("ratelimit", ", ".join(items))
        if "openai" in self._says:
            left = min(lefts)
            least = meters[lefts.index(left)]
            whole = least.rate.whole(least.time, least.now)
            found += (
                ("x-ratelimit-limit-requests", str(least.rate.burst)),
                ("x-ratelimit-remaining-requests", str(left)),
                ("x-ratelimit-reset-requests", f"{-(-whole // 1_000_000)}ms"),
            )
        return tuple(found)


def _wait(meter: Meter) -> int:
    return meter.rate.wait(meter.time, meter.now)


def _seconds(nanoseconds: int) -> int:
    """Whole ones, rounded up."""
    return -(-nanoseconds // _SECOND)
