"""The gate of a service: no more exchanges than it can serve are admitted, some wait for a place, and the rest is turned away at once.

An exchange has its place (``live.places``) through all its tries, and as long as a tunnel lasts, to its end.  Who finds none waits in this
worker's queue (``policy.queue``).  A place that is given back here goes to who is next here, in the same turn of the loop.  One that
another worker gives back is found by looking, every ``LOOK_SECONDS``, and only while somebody waits here.

A request whose body is still coming, or is to pass hooks of filters, is only turned away at once, if it would be: its place it asks for
when its body, or the first part of it, may be sent, so that neither a client that sends slowly holds one, nor a hook that waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastgw.core import counters
from fastgw.core.live.places import GatePlace, ServicePlaces
from fastgw.core.live.shedding import OVER_LIMIT, QUEUE_FULL, QUEUE_TIMEOUT, WORKER_BUSY, Shedding, over_limit
from fastgw.core.live.words import NO_ROOM
from fastgw.policy.queue import Queue

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from fastgw.core.live.limit import AdaptiveLimit
    from fastgw.core.plane import Plane
    from fastgw.core.settings import AdmissionSettings

LOOK_SECONDS: Final = 0.002


class GateTerms(NamedTuple):
    """What a configuration says of a gate."""

    settings: AdmissionSettings
    read_class: Callable[[Any], bytes] | None  #: of an exchange, the name of its class; None: there is one rank
    read_key: Callable[[Any], bytes] | None  #: of an exchange, whose turns it has; None: nobody has turns


class Spot(GatePlace):
    """What one exchange has of a gate, a ``Ticket``: a place, or a spot in the queue."""

    __slots__ = ("_gate", "exchange", "is_late", "key", "since")

    _gate: ServiceGate
    exchange: Any  #: None: it waits no more
    is_late: bool  #: it asks with its body, and goes on by asking an endpoint
    key: bytes  #: whose turns it has
    since: float  #: when it began to wait, loop time

    def cancel(self) -> None:
        """See ``Ticket``."""
        if self.cell < 0:
            self._gate.forget(self)

    def leave(self) -> None:
        """See ``Ticket``."""
        if self.cell < 0:
            self._gate.forget(self)
        else:
            self._gate.take_back(self)


def _spot(gate: ServiceGate, exchange: Any, rank: int, is_late: bool) -> Spot:
    """One that has no place yet; every exchange has one, and calling its class would cost C more than all of this."""
    spot = Spot.__new__(Spot)
    spot.rank = rank
    spot.cell = -1
    spot.is_common = False
    spot._gate = gate
    spot.exchange = exchange
    spot.is_late = is_late
    spot.key = b""
    spot.since = 0.0
    return spot


class ServiceGate:
    """The gate of one service in one worker; it outlives snapshots, as the members do."""

    __slots__ = (
        "_base",
        "_default_rank",
        "_is_admitting",
        "_is_retired",
        "_name",
        "_places",
        "_plane",
        "_queue",
        "_ranks",
        "_read_class",
        "_shed_lag",
        "_shedding",
        "_terms",
        "_timer",
    )

    def __init__(self, name: str, plane: Plane, base: int, terms: GateTerms) -> None:
        """``name``: of the service; ``base``: of its counters."""
        self._plane = plane
        self._name = name
        self._places = ServicePlaces(name, plane)
        self._queue = Queue(0, 0.0, terms.settings.discipline, 1)
        self._shedding = Shedding(name, plane)
        self._timer: asyncio.TimerHandle | None = None  # while somebody waits
        self._is_admitting = False
        self._is_retired = False
        self._ranks: dict[bytes, int] = {}
        self._terms = terms._replace(settings=terms.settings._replace(classes=()))
        self.apply(terms, base)

    def __repr__(self) -> str:
        return f"<ServiceGate {self._name} limit={self._places.limit} waiting={len(self._queue)}>"

    # --- what a reload tells

    def learner(self, terms: GateTerms) -> AdaptiveLimit | None:
        """What learns the limit from answers, a judge of the service's members; None: by ``terms`` it is fixed."""
        return self._places.learner() if terms.settings.most else None

    def apply(self, terms: GateTerms, base: int) -> None:
        """A snapshot with these terms is installed: who waits goes on waiting by them, and who has a place keeps it."""
        self._base = base
        if terms is self._terms:
            return
        old, new = self._terms.settings, terms.settings
        self._terms = terms
        self._read_class = terms.read_class
        self._default_rank = new.default_rank
        self._shed_lag = new.shed_lag
        self._ranks = {one.encode(): rank for rank, one in enumerate(new.classes)}
        self._places.apply(new)
        ranks = [self._ranks.get(one.encode(), new.default_rank) for one in old.classes]
        self._queue.change(new.queue_size, new.queue_timeout, new.discipline, (*ranks, len(new.classes)))
        for rank in range(len(new.classes)):
            self._show(rank)
        while (spot := self._queue.next_left_over()) is not None:
            self._turn_away(spot, QUEUE_FULL)
        self._admit()

    def expect(self, exchanges: int, *, is_news: bool) -> None:
        """So many are expected to be under way: where its terms say so a limit that is learned begins there; ``is_news``: and is no less
        now, if it was learned since the gateway has started and not known what to begin with."""
        if self._terms.settings.is_forecast:
            self._places.learner().begin_at(exchanges, is_news=is_news)

    def retire(self) -> None:
        """Nothing limits the service any more, or it is gone: whoever waits goes on."""
        self._is_retired = True
        self._plane.values[self._base + counters.SERVICE_LIMIT] = 0
        while len(self._queue):
            self._go_on(self._queue.oldest())
        self._stop_looking()

    def for_copies(self) -> CopiesGate:
        """The gate of a mirror's copies."""
        return CopiesGate(self)

    # --- what an exchange asks

    def enter(self, exchange: Any, is_late: bool) -> bool:
        """See ``Admitting``."""
        rank = self._rank(exchange)
        if self._shed_lag > 0 and self._is_worker_busy(rank):
            self._refuse(exchange, rank, WORKER_BUSY)
            return False
        if not is_late:
            return self._ask(_spot(self, exchange, rank, False))
        spot = self._keyed(_spot(self, exchange, rank, True))
        if self._is_retired or self._is_free(rank) or self._queue.has_room(spot, self._plane.loop.time()):
            return True
        self._refuse(exchange, rank, self._no_room)
        return False

    def admits(self, exchange: Any) -> bool:
        """See ``Admitting``."""
        return self._ask(_spot(self, exchange, self._rank(exchange), True))

    def take_free(self, exchange: Any) -> bool:
        """Let a copy have a place, if one is free that nobody waits for."""
        if self._is_retired:
            return True
        rank = len(self._ranks) - 1
        spot = _spot(self, exchange, rank, False)
        if self._queue.is_behind(rank) or self._take(spot, False) < 0:
            return False
        exchange.ticket = spot
        return True

    def forget(self, spot: Spot) -> None:
        """Who waited does not any more."""
        if spot.exchange is not None:
            self._queue.remove(spot)
            self._left(spot)
            if not len(self._queue):
                self._stop_looking()

    def take_back(self, spot: Spot) -> None:
        """An exchange is over: its place is that of the next."""
        self._plane.values[self._base + counters.SERVICE_PLACES] -= 1
        spot.exchange = None
        self._places.give(spot)
        self._admit()

    def _rank(self, exchange: Any) -> int:
        if self._read_class is None:
            return self._default_rank
        return self._ranks.get(self._read_class(exchange), self._default_rank)

    def _is_worker_busy(self, rank: int) -> bool:
        """Whether the loop is so late that one of this rank is turned away; of several the first is only at twice that."""
        lag, most = self._plane.lag, self._shed_lag
        return lag > most and (rank > 0 or len(self._ranks) == 1 or lag > 2 * most)

    def _is_free(self, rank: int) -> bool:
        return not self._queue.count(rank) and self._places.is_free(rank, is_behind=self._queue.is_behind(rank))

    def _ask(self, spot: Spot) -> bool:
        exchange = spot.exchange
        if self._is_retired:
            return True
        is_first = not len(self._queue)  # the plain case: nobody waits
        if is_first or not self._queue.count(spot.rank):
            outcome = self._take(spot, not is_first and self._queue.is_behind(spot.rank))
            if outcome >= 0:
                exchange.ticket = spot
                return True
            if outcome == NO_ROOM:
                exchange.fail(self._shedding.uncounted())
                return False
        self._wait(spot)
        return False

    def _take(self, spot: Spot, is_behind: bool) -> int:
        cell = self._places.take(spot, is_behind)
        if cell >= 0:
            self._plane.values[self._base + counters.SERVICE_PLACES] += 1
        return cell

    # --- who waits

    def _wait(self, spot: Spot) -> None:
        """Let ``spot`` wait, or turn it away, or another for it."""
        exchange, loop = spot.exchange, self._plane.loop
        spot.since = loop.time()
        out = self._queue.join(self._keyed(spot), spot.since)
        if out is spot:
            self._refuse(exchange, spot.rank, self._no_room)
            return
        exchange.ticket = spot
        exchange.sent = 0.0
        exchange.set_deadline(0.0)  # but that of the whole exchange: this wait is bounded here
        self._plane.values[self._base + counters.SERVICE_QUEUED] += 1
        self._show(spot.rank)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)
        if out is not None:
            self._turn_away(out, QUEUE_FULL)

    def _keyed(self, spot: Spot) -> Spot:
        if self._terms.read_key is not None:
            spot.key = self._terms.read_key(spot.exchange)
        return spot

    def _show(self, rank: int) -> None:
        self._places.show(rank, waits=self._queue.count(rank) > 0)

    def _look(self) -> None:
        """Turn away whose time is over, and see whether other workers have left a place."""
        self._timer = None
        now = self._plane.loop.time()
        while (spot := self._queue.next_overdue(now)) is not None:
            self._turn_away(spot, QUEUE_TIMEOUT)
        self._places.begin_look()
        self._admit()
        self._places.end_look()
        if len(self._queue) and self._timer is None:
            self._timer = self._plane.loop.call_later(LOOK_SECONDS, self._look)

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _admit(self) -> None:
        """Admit those that wait, as long as there are places.  What ends meanwhile, within this very call, leaves its place to it."""
        if self._is_admitting or not len(self._queue):
            return
        self._is_admitting = True
        try:
            while len(self._queue) and self._admit_one():
                pass
        finally:
            self._is_admitting = False
        if not len(self._queue):
            self._stop_looking()

    def _admit_one(self) -> bool:
        now = self._plane.loop.time()
        for rank in range(len(self._ranks)):
            spot: Spot | None = self._queue.first(rank, now)
            if spot is None:
                continue
            if self._queue.is_overdue(spot, now):
                self._queue.remove(spot)
                self._turn_away(spot, QUEUE_TIMEOUT)
                return True
            if self._take(spot, False) >= 0:
                self._plane.count_time(self._base + counters.SERVICE_WAITS_US, now - spot.since)
                self._go_on(spot)
                return True
        return False

    def _go_on(self, spot: Spot) -> None:
        """Let the exchange of ``spot``, which may have got a place, leave the queue and go on."""
        exchange = spot.exchange
        self._queue.admit(spot)
        self._left(spot)
        if spot.cell >= 0:
            spot.exchange = exchange
            exchange.ticket = spot
        if spot.is_late:
            exchange.attempts += 1  # which takes one back
            exchange.ask_anew()
        else:
            exchange.on_admitted()

    def _left(self, spot: Spot) -> None:
        """``spot`` is out of the queue."""
        spot.exchange.ticket = None
        spot.exchange = None
        self._plane.values[self._base + counters.SERVICE_QUEUED] -= 1
        self._show(spot.rank)

    # --- who is turned away

    @property
    def _no_room(self) -> int:
        """Why one that may not even wait is turned away."""
        return QUEUE_FULL if self._queue.size else OVER_LIMIT

    def _turn_away(self, spot: Spot, cause: int) -> None:
        """``spot`` is out of the queue, and has got nothing."""
        exchange = spot.exchange
        self._left(spot)
        self._refuse(exchange, spot.rank, cause)

    def _refuse(self, exchange: Any, rank: int, cause: int) -> None:
        exchange.fail(self._shedding.error(self._base, self._terms.settings, self._places.limit, rank, cause))

    def sweep(self, now: float) -> None:
        """Tell the metrics what the limit is, and the log when nobody was turned away for a while."""
        self._plane.values[self._base + counters.SERVICE_LIMIT] = self._places.divide()
        self._shedding.sweep(now)


class CopiesGate:
    """The gate of a mirror's copies: they have places that are free and that nobody waits for, and are dropped otherwise."""

    __slots__ = ("_gate",)

    def __init__(self, gate: ServiceGate) -> None:
        self._gate = gate

    def enter(self, exchange: Any, is_late: bool) -> bool:
        """See ``Admitting``."""
        if self._gate.take_free(exchange):
            return True
        exchange.fail(over_limit())
        return False

    def admits(self, exchange: Any) -> bool:
        """See ``Admitting``."""
        return True

    def apply(self, terms: GateTerms, base: int) -> None:
        """See ``Admitting``: it is as the gate itself."""

    def for_copies(self) -> CopiesGate:
        """See ``Admitting``."""
        return self
