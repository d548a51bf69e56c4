"""The limits of a filter ``rate_limit``: what each counts, of whom, and how much.

requests   one each, and nothing to settle
bytes      of both bodies, without framing.  A length that is known is taken at admission; what really passed is settled at the end
cost       what a field of the answer says.  ``reserve`` is taken at admission, and settled at the end
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.labels import COST_OUTCOMES
from fastgw.core.live.board import KEYED_TIMES, NAMED_TIMES
from fastgw.core.live.meters import Clock, Meter
from fastgw.core.live.tabs import Tab
from fastgw.filters.keys import Keys
from fastgw.filters.rate_fields import SECOND, Told
from fastgw.policy.amounts import BYTES, COST, MOST, REQUESTS, Amounts
from fastgw.policy.gcra import Rate

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_UNITS: Final = {1: "s", 60: "m", 3600: "h", 86400: "d"}
_COST: Final = re.compile(rb"([0-9]{1,13})(?:\.([0-9]{1,20}))?").fullmatch
_READ, _MISSING, _INVALID = (counters.ROUTE_COSTS + place for place in range(len(COST_OUTCOMES)))


class Requests:
    """A limit of requests: whom it counts, and how fast they may be.  Those of amounts differ in what they take, and settle."""

    settles = False  #: is there something to do at the end of an exchange?

    def __init__(self, name: str, place: int, options: Mapping[str, Any]) -> None:
        """``name``: of the filter; ``place``: in its list, from 1; ``options``: pairs of ``rate`` (count and seconds), ``burst`` (or None),
        ``per``, ``unit``, ``reserve`` (or None) and ``field``."""
        count, period = options["rate"]
        self.unit: str = options["unit"]
        self._place = place
        self.rate: Any = self._made(count, period * SECOND, options["burst"] or count)
        parts = [name.encode(), b"%d/%d/%d" % (count, period, self.rate.burst)]
        what = "" if self.unit == REQUESTS else f" {self.unit}"
        if what:
            parts.append(self.unit.encode())
        self.keys = Keys(options["per"], b"rate_limit", *parts)
        self.text = f"{count}{what}/{_UNITS[period]} per {self.keys.text}"
        self.table = KEYED_TIMES if self.keys.are_of_clients else NAMED_TIMES

    def _made(self, count: int, period: int, burst: int) -> Any:
        return Rate(count, period, burst)

    def wants(self, exchange: Exchange) -> tuple[int, int]:
        """How much must be there for this request, and how much is taken."""
        return 1, 1

    def bucket(self, exchange: Exchange, clock: Clock) -> Any:
        """What it has for this request."""
        return Meter(exchange.plane.seat.board, self.table, self.keys.of(exchange), self.rate, clock)

    def wait(self, bucket: Any) -> int:
        """Nanoseconds until ``bucket`` would admit it."""
        return self.rate.wait(bucket.time, bucket.now)  # type: ignore[no-any-return]

    def told(self, bucket: Any) -> Told:
        """What is known, as of when ``bucket`` was looked at last."""
        rate = self.rate
        left, whole = rate.left(bucket.time, bucket.now), rate.whole(bucket.time, bucket.now)
        return Told(self._place, self.unit, rate.burst, rate.depth, left, whole)

    def refill(self, exchange: Exchange, bucket: Any) -> None:
        """See that there is more; there is no more than what is on the board."""

    def read(self, exchange: Exchange) -> int | None:
        """The answer is about to go to the client: what it says of the amount that was used; None: nothing."""
        return None

    def used(self, exchange: Exchange, said: int | None, taken: int) -> int:
        """The exchange is over: how much it was.  ``said``: what ``read`` has found; ``taken``: at admission."""
        return taken


class Bytes(Requests):
    """Counts bytes of bodies."""

    settles = True

    def __init__(self, name: str, place: int, options: Mapping[str, Any]) -> None:
        super().__init__(name, place, options)
        self._reserve: int = options["reserve"] or 0

    def _made(self, count: int, period: int, burst: int) -> Any:
        return Amounts(count, period, burst)

    def wants(self, exchange: Exchange) -> tuple[int, int]:
        """A length that is known is taken."""
        return max(1, self._reserve), max(self._reserve, min(exchange.request.content_length, MOST))

    def bucket(self, exchange: Exchange, clock: Clock) -> Any:
        """See ``Requests``."""
        board, key = exchange.plane.seat.board, self.keys.of(exchange)
        return Tab(board, self.table, key, self.rate, clock, *self.wants(exchange))

    def wait(self, bucket: Any) -> int:
        """See ``Requests``."""
        return bucket.wait  # type: ignore[no-any-return]

    def used(self, exchange: Exchange, said: int | None, taken: int) -> int:
        """Both bodies."""
        return exchange.body.received + exchange.bytes_out


class Costs(Bytes):
    """Counts what the service says that its answers cost."""

    def __init__(self, name: str, place: int, options: Mapping[str, Any]) -> None:
        super().__init__(name, place, options)
        self._reserve = 1 if options["reserve"] is None else options["reserve"]
        self._field: bytes = options["field"].encode()

    def wants(self, exchange: Exchange) -> tuple[int, int]:
        """The reserve."""
        return self._reserve, self._reserve

    def read(self, exchange: Exchange) -> int | None:
        """The field; an answer of the gateway itself cost nothing."""
        if exchange.replied is not None:
            return 0
        value = exchange.response.header(self._field)
        match = _COST(value) if value is not None else None
        outcome = _READ if match else _MISSING if value is None else _INVALID
        exchange.plane.values[exchange.route.base + outcome] += 1
        if match is None:
            return None
        return min(int(match[1]) + bool((match[2] or b"").strip(b"0")), MOST)

    def used(self, exchange: Exchange, said: int | None, taken: int) -> int:
        """What the answer said; nothing if no service was asked, or it did not answer; else the reserve."""
        if said is not None:
            return said
        return taken if exchange.attempts and exchange.replied is None else 0


_KINDS: Final[Mapping[str, type[Requests]]] = {REQUESTS: Requests, BYTES: Bytes, COST: Costs}


def limit(name: str, place: int, options: Mapping[str, Any]) -> Requests:
    """The limit of the kind that its unit asks for; the arguments are those of ``Requests``."""
    return _KINDS[options["unit"]](name, place, options)
