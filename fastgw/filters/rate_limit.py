"""``rate_limit``: no more than so much in a time, counted over all workers: requests, bytes, or what answers cost.

Each limit has a bucket for each of its keys, a time on the board (``core/live/meters.py``, ``core/live/tabs.py``).  It belongs to the
filter's name and to what the limit says, so it outlives the filter: a reload goes on with it, and so does an upgrade.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.live.meters import Clock, NoRoomError, admit
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters import rate_fields
from fastgw.filters.limits import Requests, limit

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class _UnderWay:
    """What an exchange has taken of limits that count amounts, and what its answer says of them."""

    __slots__ = ("said", "tabs")

    def __init__(self, tabs: list[tuple[Requests, Any]]) -> None:
        self.tabs = tabs
        self.said: list[int | None] = [None] * len(tabs)


class RateLimit:
    """The filter."""

    __slots__ = (
        "_clock",
        "_is_dry",
        "_is_open",
        "_limits",
        "_says",
        "_settles",
        "_tells_all",
        "_told",
        "_under_way",
        "name",
    )

    logged = ("rate_limit",)  #: the limit that a request was too much for

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock = time.monotonic_ns) -> None:
        """``options``: ``limits``, each the pairs that ``filters.limits.Requests`` takes; ``fields``, of draft, openai; ``tell``: refused
        or all; ``when_full``: refuse or let_through; ``dry_run``.
        """
        self.name = name
        self._clock = clock
        self._limits = [limit(name, place, dict(one)) for place, one in enumerate(options["limits"], 1)]
        self._settles = any(one.settles for one in self._limits)
        self._says: Sequence[str] = options["fields"]
        self._tells_all = options["tell"] == "all" and bool(self._says)
        self._is_open = options["when_full"] == "let_through"
        self._is_dry: bool = options["dry_run"]
        self._told: dict[Exchange, rate_fields.Fields] = {}  #: what their answers are to say
        self._under_way: dict[Exchange, _UnderWay] = {}  #: what is to be settled

    def request(self, exchange: Exchange) -> None:
        """Count it, or refuse."""
        clock = self._clock
        buckets = [one.bucket(exchange, clock) for one in self._limits]
        try:
            refusing = admit(buckets)
        except NoRoomError:
            self._on_full(exchange)
            return
        if refusing:
            self._on_refused(exchange, buckets, refusing)
            return
        if self._tells_all:
            self._told[exchange] = rate_fields.fields(self._says, self._all(buckets))
        if self._settles:
            pairs = zip(self._limits, buckets, strict=True)
            self._under_way[exchange] = _UnderWay([(one, bucket) for one, bucket in pairs if one.settles])

    def response(self, exchange: Exchange) -> None:
        """See what it cost, and tell how much is left, of an answer to one that was admitted."""
        under_way = self._under_way.get(exchange)
        if under_way is not None:
            under_way.said = [one.read(exchange) for one, _ in under_way.tabs]
        for name, value in self._told.pop(exchange, ()):
            exchange.response.set_header(name.encode(), value.encode())

    def done(self, exchange: Exchange) -> None:
        """Settle; and forget it, if it has got no answer."""
        self._told.pop(exchange, None)
        under_way = self._under_way.pop(exchange, None)
        if under_way is None:
            return
        for (one, tab), said in zip(under_way.tabs, under_way.said, strict=True):
            try:
                tab.settle(one.used(exchange, said, tab.taken))
            except NoRoomError:
                exchange.plane.values[counters.BOARD_FULL] += 1
                event = "the board has no room for a key, so what it has used is not counted"
                exchange.plane.report("warning", event, filter=self.name)

    def _on_refused(self, exchange: Exchange, buckets: list[Any], refusing: list[Any]) -> None:
        waits = {place: self._limits[place].wait(buckets[place]) for place in map(buckets.index, refusing)}
        slowest = max(waits, key=lambda place: waits[place])
        text = self._limits[slowest].text
        exchange.note("rate_limit", text)
        place = counters.ROUTE_RATE_LET_THROUGH if self._is_dry else counters.ROUTE_RATE_LIMITED
        exchange.plane.values[exchange.route.base + place] += 1
        if self._is_dry:
            return
        detail = f"too {'many requests' if self._limits[slowest].unit == 'requests' else 'much'} in a short time"
        reason = f"{detail}: more than {text}, says the filter {self.name!r}"
        headers = rate_fields.refused(self._says, self._all(buckets), waits[slowest])
        raise DownstreamError(429, "rate_limited", detail, reason=reason, headers=headers)

    def _on_full(self, exchange: Exchange) -> None:
        exchange.plane.values[counters.BOARD_FULL] += 1
        is_let_through = self._is_open or self._is_dry
        what = "is let through" if is_let_through else "is refused"
        exchange.plane.report("warning", f"the board has no room for a key, so its request {what}", filter=self.name)
        if not is_let_through:
            headers = (("retry-after", "1"),)
            raise InternalError(503, "board_full", "too many clients are being counted", headers=headers)

    def _all(self, buckets: list[Any]) -> list[rate_fields.Told]:
        return [one.told(bucket) for one, bucket in zip(self._limits, buckets, strict=True)]
