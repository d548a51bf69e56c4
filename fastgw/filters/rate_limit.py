"""``rate_limit``: no more than so much in a time, counted over all workers: requests, bytes, or what answers cost.

Each limit has a bucket for each of its keys, a time on the board (``core/live/meters.py``, ``core/live/tabs.py``).  It belongs to the
filter's name and to what the limit says, so it outlives the filter: a reload goes on with it, and so does an upgrade.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange.about import report
from fastgw.core.live.meters import Clock, NoRoomError, admit
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters import rate_fields
from fastgw.filters.limits import limit
from fastgw.filters.shared_limits import AnyLimit, SharedLimit

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class _UnderWay:
    """What an exchange has taken of limits that count amounts, and what its answer says of them."""

    __slots__ = ("said", "tabs")

    def __init__(self, tabs: list[tuple[AnyLimit, Any]]) -> None:
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
        "_shares",
        "_tells_all",
        "_told",
        "_under_way",
        "name",
    )

    logged = ("rate_limit",)  #: the limit that a request was too much for

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock = time.monotonic_ns) -> None:
        """``options``: ``limits``, each the pairs that ``filters.limits.Requests`` takes; ``fields``, of draft, openai; ``tell``: refused
        or all; ``when_full``: refuse or let_through; ``dry_run``; ``cluster``, as ``SharedLimit`` takes it, or None.
        """
        self.name = name
        self._clock = clock
        cluster = options["cluster"]
        said = [dict(one) for one in options["limits"]]
        kinds = [limit(name, place, one) for place, one in enumerate(said, 1)]
        self._limits: list[AnyLimit] = [*kinds]
        if cluster is not None:
            pairs = zip(kinds, said, strict=True)
            self._limits = [SharedLimit(name, kind, one, dict(cluster)) for kind, one in pairs]
        self._shares = cluster is not None
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
        buckets: list[Any] = [one.bucket(exchange, clock) for one in self._limits]
        try:
            refusing = admit(buckets)
        except NoRoomError:
            self._on_full(exchange)
            return
        if self._shares:
            self._refill(exchange, buckets)
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
                one.refill(exchange, tab)
            except NoRoomError:
                exchange.plane.values[counters.BOARD_FULL] += 1
                event = "the board has no room for a key, so what it has used is not counted"
                report(exchange, "warning", event, filter=self.name)

    def _refill(self, exchange: Exchange, buckets: list[Any]) -> None:
        for one, bucket in zip(self._limits, buckets, strict=True):
            one.refill(exchange, bucket)

    def _on_refused(self, exchange: Exchange, buckets: list[Any], refusing: list[Any]) -> None:
        waits = {place: self._limits[place].wait(buckets[place]) for place in map(buckets.index, refusing)}
        slowest = max(waits, key=lambda place: waits[place])
        text = self._limits[slowest].text
        exchange.note("rate_limit", text)
        place = self._counter(refusing)
        exchange.plane.values[exchange.route.base + place] += 1
        if self._is_dry:
            return
        if place == counters.ROUTE_RATE_UNKNOWN:
            detail = "nobody knows at the moment how much is left of a limit"
            reason = f"{detail}: the Redis of the filter {self.name!r} cannot be asked, and what was leased of {text} is spent"
            raise InternalError(503, "limit_unknown", detail, reason=reason, headers=(("retry-after", "1"),))
        detail = f"too {'many requests' if self._limits[slowest].unit == 'requests' else 'much'} in a short time"
        reason = f"{detail}: more than {text}, says the filter {self.name!r}"
        headers = rate_fields.refused(self._says, self._all(buckets), waits[slowest])
        raise DownstreamError(429, "rate_limited", detail, reason=reason, headers=headers)

    def _counter(self, refusing: list[Any]) -> int:
        if self._is_dry:
            return counters.ROUTE_RATE_LET_THROUGH
        is_gone = self._shares and all(bucket.is_gone for bucket in refusing)
        return counters.ROUTE_RATE_UNKNOWN if is_gone else counters.ROUTE_RATE_LIMITED

    def _on_full(self, exchange: Exchange) -> None:
        exchange.plane.values[counters.BOARD_FULL] += 1
        is_let_through = self._is_open or self._is_dry
        what = "is let through" if is_let_through else "is refused"
        report(exchange, "warning", f"the board has no room for a key, so its request {what}", filter=self.name)
        if not is_let_through:
            headers = (("retry-after", "1"),)
            raise InternalError(503, "board_full", "too many clients are being counted", headers=headers)

    def _all(self, buckets: list[Any]) -> list[rate_fields.Told]:
        return [one.told(bucket) for one, bucket in zip(self._limits, buckets, strict=True)]
