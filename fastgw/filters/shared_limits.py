"""A limit that several gateways keep together: of whatever unit, counted by leases of a bucket in a Redis.

``core/live/leases.py`` has how a request is counted, ``core/live/grants.py`` what is asked, ``server/leasing.py`` who asks.
"""

from __future__ import annotations

from _blake2 import blake2b  # as in ``core.live.holds``
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.live.leases import Lease, Shared, known_here
from fastgw.core.live.meters import Clock
from fastgw.core.live.news import Ask, LeasePlaces
from fastgw.core.live.readings import peek
from fastgw.filters.keys import LONGEST, REMEMBERED
from fastgw.filters.leases import LEASES, Leases
from fastgw.filters.limits import Requests
from fastgw.filters.rate_fields import SECOND, Told
from fastgw.policy.amounts import Amounts
from fastgw.policy.leases import LeaseTerms, balance

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import RedisSettings

_GRACE: Final = SECOND // 2  #: nanoseconds on top of what an answer may take, after which somebody else may ask


class SharedLimit:
    """A limit of some unit, kept by all gateways that have the same one and the same Redis."""

    def __init__(
        self,
        name: str,
        kind: Requests,
        options: Mapping[str, Any],
        cluster: Mapping[str, Any],
        leases: Leases = LEASES,
    ) -> None:
        """``name``: of the filter; ``kind``: what the limit is on one gateway; ``options``: those of ``kind``, and ``block``; ``cluster``:
        ``redis``, ``prefix``, ``is_alone`` and ``age`` (nanoseconds)."""
        self.settles = kind.settles
        self.text = kind.text
        self.unit = kind.unit
        self._kind = kind
        self._leases = leases
        self._redis: RedisSettings = cluster["redis"]
        self._is_alone: bool = cluster["is_alone"]
        self._block: int = options["block"]
        self._count, seconds = options["rate"]
        burst = options["burst"] or self._count
        self._limit = round(self._redis.timeout * SECOND) + _GRACE
        self._prefix = f"{cluster['prefix']}:{name}:{kind.unit}:{self._count}/{seconds}/{burst}:".encode()
        if seconds > 0:
            self._begin(Amounts(self._count, seconds * SECOND, burst), seconds * SECOND, cluster["age"])

    def _begin(self, rate: Amounts, period: int, age: int, end: int = 0, window: bytes = b"") -> None:
        """Count by this ``rate`` from now on, of requests too: a lease has many.  ``end`` and ``window``: of one of the calendar, when
        it is over, and what tells it from others."""
        self._kind.rate = rate
        self._shared = Shared(rate, LeaseTerms(self._block, age, rate.depth), self._is_alone)
        self._ask = Ask(
            *(self._redis, LeasePlaces(0, 0, 0, b""), self._kind.keys.are_of_clients),
            *(self._count, period, rate.burst, self._block, age, 0, end),
        )
        self._window = window
        self._known: dict[tuple[bytes, ...], LeasePlaces] = {}  #: those of late

    def bucket(self, exchange: Exchange, clock: Clock) -> Lease:
        """What there is for this request."""
        return self.tab(exchange, clock, *self._kind.wants(exchange))

    def tab(self, exchange: Exchange, clock: Clock, needs: int, takes: int) -> Lease:
        """The same for one that needs and takes so much."""
        is_there = self._leases.is_there(self._redis)
        board, places = exchange.plane.seat.board, self._places(exchange)
        return Lease(board, self._kind.table, places, self._shared, clock, needs, takes, is_there=is_there)

    def seen(self, exchange: Any, clock: Clock) -> tuple[int, Amounts]:
        """The bucket of ``exchange``, as this gateway knows it, and the rate by which it is read.  Nothing is taken, and no cell made."""
        board, places, rate = exchange.plane.seat.board, self._places(exchange), self._shared.rate
        held, bucket = (peek(board, self._kind.table, key) for key in (places.lease, places.bucket))
        now = clock()
        return known_here(rate, bucket, balance(held, now), now), rate

    def wait(self, bucket: Lease) -> int:
        """Nanoseconds until ``bucket`` would admit it."""
        return bucket.wait

    def told(self, bucket: Lease) -> Told:
        """What is known; see ``Requests``."""
        return self._kind.told(bucket)

    def read(self, exchange: Exchange) -> int | None:
        """See ``Requests``."""
        return self._kind.read(exchange)

    def used(self, exchange: Exchange, said: int | None, taken: int) -> int:
        """See ``Requests``."""
        return self._kind.used(exchange, said, taken)

    def refill(self, exchange: Exchange, bucket: Lease) -> None:
        """Have more asked for, if ``bucket`` is low and nobody has done so."""
        if bucket.is_low and (until := bucket.ask(self._limit)):
            self._leases.ask(self._ask._replace(places=bucket.places, until=until), exchange.plane.loop)

    def _places(self, exchange: Exchange) -> LeasePlaces:
        keys = self._kind.keys
        values = keys.values(exchange)
        found = self._known.get(values)
        if found is None:
            lease, bucket, asked = (
                keys.key_of(exchange, values, what + self._window) for what in (b"lease", b"bucket", b"asked")
            )
            hashed = blake2b(self._window, digest_size=16)
            for part in (keys.text.encode(), *values):
                hashed.update(len(part).to_bytes(4, "little"))
                hashed.update(part)
            found = LeasePlaces(lease, bucket, asked, self._prefix + hashed.hexdigest().encode())
            if len(self._known) >= REMEMBERED:
                self._known.clear()  # as ``Keys`` does
            if sum(map(len, values)) <= LONGEST:
                self._known[values] = found
        return found


AnyLimit = Requests | SharedLimit
