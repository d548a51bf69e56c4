"""Everything one worker process has on its request path: connections, snapshot, live endpoints, counters, and one coarse timer.

Deadlines are numbers.  A connection writes down until when something must have happened, and one sweep every ``SWEEP_SECONDS`` looks at
them all: no timer is created, cancelled or leaked per request (``call_later`` and ``cancel`` cost 2 us, about as much as everything
else done for a plain request).  The price is that a deadline is met up to one sweep late.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.ablation import OFF
from fastgw.core.exchange.relay import Relay
from fastgw.core.live.registry import Registry
from fastgw.core.net.lingering import Lingering
from fastgw.core.plane import Plane
from fastgw.core.slab import Counters
from fastgw.core.snapshot.snapshot import Listener, Snapshot
from fastgw.errors import DownstreamError, InternalError
from fastgw.steps import Steps, whole

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.news import Answer, Finding, MemberNews
    from fastgw.core.live.pool import Pool
    from fastgw.core.live.roles import Breakers
    from fastgw.core.net.sockets import Poller
    from fastgw.core.snapshot.snapshot import Service

SWEEP_SECONDS = 0.25
EXPIRED_AT_ONCE = 32  #: deadlines acted on in one turn of the loop
FREE_EXCHANGES_MIN = 8  #: exchanges made beforehand
FREE_EXCHANGES_MAX = 1024  #: exchanges kept for reuse


class DataPlane(Plane):
    """The request path of one worker."""

    __slots__ = (
        "_addresses",
        "_late",
        "_sweeper",
        "_swept_at",
        "connections",
        "connections_max",
        "lingering",
        "listeners",
        "on_idle",
        "registry",
        "snapshot",
        "spenders",
        "unconnected",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        shared: Counters,
        random: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        log: Callable[[str, str, dict[str, Any]], None] | None = None,
        poller: Poller | None = None,
        connections_max: int = 2**31,
        wall: Callable[[], float] = time.time,
        *,
        make_pool: Callable[[Endpoint, Plane], Pool],
    ) -> None:
        """See ``Plane``; ``make_pool``: called for every new endpoint."""
        Plane.__init__(self, loop, shared, random, clock, log, poller, wall)
        self.free_max = 0 if "no_reuse" in OFF else FREE_EXCHANGES_MAX
        # A list that is emptied and filled again has its memory made smaller and larger every time.
        self.free.extend(Relay(self) for _ in range(min(self.free_max, FREE_EXCHANGES_MIN)))
        self.snapshot = Snapshot(0, {})
        self.listeners: dict[str, Listener] = {}
        self.registry = Registry(self, make_pool)
        self.lingering = Lingering(shared.values)
        self.connections: set[Client] = set()
        #: Clients that are no connection of their own: they have deadlines too, and add and remove themselves.
        self.unconnected: set[Client] = set()
        #: Whatever the configuration allows: the rest of the descriptors serve the services.
        self.connections_max = connections_max
        self.on_idle: Callable[[], None] | None = None  #: called once draining is complete
        self.spenders: Any = None  #: who misuses HTTP/2 (``http2.budget.Spenders``); None: nobody has
        self._addresses: dict[bytes, int] = {}
        self._late = 0.0  # seconds, of the last sweep
        self._swept_at = self.now
        self.values[counters.HEARTBEAT_MS] = int(self.now * 1e3)
        self._sweeper: asyncio.TimerHandle | None = loop.call_later(SWEEP_SECONDS, self._sweep)

    # --- snapshot

    async def open(self, snapshot: Snapshot) -> None:
        """Have the services of ``snapshot`` ready that are in this process; ``prepare`` comes next.

        Raises:
            OSError: one of them is not; its message says which, and why.  Those before it are let go again.
        """
        for place, one in enumerate(snapshot.inside):
            try:
                await one.open(self)
            except OSError:
                _stop(snapshot.inside[:place])
                raise

    def prepare(self, snapshot: Snapshot) -> None:
        """Start what the filters of ``snapshot`` own.

        Raises:
            OSError: one of them could not, its message has the filter's name; those before it are stopped again, and services let go.
        """
        started: list[Any] = []
        for one in snapshot.filters:
            start = getattr(one, "start", None)
            if start is None:
                continue
            try:
                start(self.loop)
            except OSError as error:
                _stop((*started, *snapshot.inside))
                raise OSError(f"filters.{one.name}: {error}") from error
            started.append(one)

    def arrange(self, snapshot: Snapshot) -> Steps[tuple[Service, ...]]:
        """Let the members of services that are new with ``snapshot`` be there, whom nobody asks yet; return the services whose members the
        swap has to change, which are few where a large configuration was edited.

        What has a name, or a list, waits for the swap: the name may be found meanwhile, and the list be another.
        """
        formers = {one.name: one for one in self.snapshot.services}
        changed = []
        for service in snapshot.services:
            yield
            former = formers.get(service.name)
            if former is None and not any(key.is_room for key, _ in service.roster):
                service.install(self.registry)
            elif former is None or service.changes(former):
                changed.append(service)
        return tuple(changed)

    def discard(self, snapshot: Snapshot) -> Steps[None]:
        """A prepared ``snapshot`` is not installed after all."""
        _stop((*snapshot.filters, *snapshot.inside))
        yield from self.forget_unused()

    def swap(self, snapshot: Snapshot, changed: Iterable[Service]) -> Snapshot:
        """Serve by ``snapshot`` from the next request on, with ``changed`` of its services (``arrange``); exchanges in progress end as they
        began.  Return the former one, for ``tidy``."""
        former, self.snapshot = self.snapshot, snapshot
        self.listeners = snapshot.listeners
        self.generation += 1
        for service in changed:
            service.install(self.registry)
        self.values[counters.GENERATION] = snapshot.generation
        return former

    def tidy(self, former: Snapshot) -> Steps[None]:
        """What is to be done behind a swap, and may take its time."""
        yield from self.forget_unused()
        used: set[str] = set()
        for service in self.snapshot.services:
            yield
            used.update(key.address.host for key, _ in service.roster)
        self.names = {host: answer for host, answer in self.names.items() if host in used}
        for endpoint in list(self.registry):
            yield
            endpoint.pool.warm_up()
        _stop((*former.filters, *former.inside))

    def install(self, snapshot: Snapshot) -> None:
        """All of that at once."""
        whole(self.tidy(self.swap(snapshot, snapshot.services)))

    def forget_unused(self) -> Steps[None]:
        """Let go of what only a configuration needs that is not installed any more, or never was."""
        services = self.snapshot.services
        yield from self.registry.retain([one.members for one in services], [one.gate for one in services])

    def learn(self, answers: Mapping[str, Answer]) -> None:
        """Names were looked up: the members of the services that have them are others from now on."""
        self.names.update(answers)
        for service in self.snapshot.services:
            if any(key.address.host in answers for key, _ in service.roster):
                service.install(self.registry)

    def take_lists(self, lists: Mapping[str, tuple[MemberNews, ...]]) -> None:
        """Members were listed, by service: they are the members from now on."""
        for service in self.snapshot.take_lists(lists):
            service.install(self.registry)

    def hear(self, findings: Iterable[Finding]) -> None:
        """Other workers have ejected members, or have them back."""
        self.registry.hear(findings, self.now)

    # --- connections

    def admit(self, connection: Client) -> bool:
        """Count a new connection, or refuse it because a limit is reached."""
        values = self.values
        values[counters.CONNECTIONS] += 1
        limits = connection.listener.limits
        if (
            len(self.connections) >= limits.connections or len(self.connections) >= self.connections_max
        ) and not self._make_room():
            limit = "connections" if limits.connections <= self.connections_max else "descriptors"
            self.turn_away(connection.address, connection.listener, limit)
            return False
        # Counted whether there is a limit or not: a reload may bring one, and another listener may have it.
        held = self._addresses.get(connection.address, 0)
        if held >= limits.connections_per_address > 0:
            self.turn_away(connection.address, connection.listener, "connections_per_address")
            return False
        self._addresses[connection.address] = held + 1
        self.connections.add(connection)
        values[counters.CONNECTIONS_OPEN] += 1
        return True

    def _make_room(self) -> bool:
        """Close a connection that only waits for its end (``http2.tarpit``); False: there is none."""
        closed = None if self.spenders is None else self.spenders.tarpit.make_room()
        if closed is not None:
            self.discharge(closed)
        return closed is not None

    def turn_away(self, address: bytes, listener: Listener, limit: str) -> None:
        """Count and tell a connection that is closed at once; ``limit``: the setting that says so, or "descriptors"."""
        index = counters.ADDRESS_REFUSED if limit == "connections_per_address" else counters.CONNECTIONS_REFUSED
        self.values[index] += 1
        client = address.decode("latin-1")
        self.report("warning", "a connection was refused", client=client, listener=listener.name, limit=limit)

    def connections_of(self, address: bytes) -> int:
        """Open connections of one client address."""
        return self._addresses.get(address, 0)

    def discharge(self, connection: Client) -> None:
        """A connection is gone."""
        if connection not in self.connections:
            return
        self.connections.remove(connection)
        self.values[counters.CONNECTIONS_OPEN] -= 1
        held = self._addresses.pop(connection.address, 0)
        if held > 1:
            self._addresses[connection.address] = held - 1
        if self.is_draining and not self.connections and self.on_idle is not None:
            self.on_idle()

    # --- exchanges

    def take(self) -> Relay:
        """An exchange nobody uses."""
        return self.free.pop() if self.free else Relay(self)

    def on_bad_request(self, connection: Client, error: DownstreamError) -> None:
        """Bytes that were no request were refused."""
        self.values[counters.BAD_REQUESTS] += 1
        self.report(
            "info",
            "a request was refused",
            client=connection.address.decode("latin-1"),
            listener=connection.listener.name,
            status=error.status,
            code=error.code,
            detail=error.reason,
        )
        chain = connection.listener.fallbacks.first.chain
        for hook in chain.refused:
            try:
                hook(connection, error)
            except Exception:  # noqa: BLE001 - whatever a filter raises, the client gets its answer
                mode = chain.mode_of(hook)
                self.values[mode.base + counters.FILTER_FAILURES] += 1
                name, settings = chain.name_of(hook), mode.settings
                self.log_exception("a filter failed", filter=name, hook="refused", on_failure=settings.on_failure)

    # --- time

    def _sweep(self) -> None:
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)  # first: whatever fails below, time goes on
        now = self.loop.time()
        lag = max(0.0, now - self._swept_at - SWEEP_SECONDS)
        self.values[counters.LOOP_LAG_US] = int(lag * 1e6)
        self.count_time(counters.LOOP_LATE_US, lag)
        self.lag, self._late = min(lag, self._late), lag
        self.values[counters.HEARTBEAT_MS] = int(now * 1e3)
        self._swept_at = self.now = now
        self.renew_date()
        self.values[counters.BODY_BYTES_HELD] = self.body_bytes
        self._expire([one for one in self.connections if one.deadline <= now], now)
        if self.unconnected:
            self._expire([one for one in self.unconnected if one.deadline <= now], now)
        while self.leaving and self.leaving[0].deadline <= now:
            self.leaving.popleft().abort()
        self.registry.sweep(now)
        if breakers := self.registry.breakers:
            self._sweep_breakers(breakers, now)

    def _sweep_breakers(self, breakers: list[Breakers], now: float) -> None:
        """Tell them of calls under way, which may have turned slow, and let them do what is due."""
        for client in (*self.connections, *self.unconnected) if any(one.is_looking for one in breakers) else ():
            exchange = client.exchange
            if exchange is not None and exchange.uncounted == counters.ANSWER_AWAITED and exchange.body.is_done:
                breaker = exchange.service.members.breaking
                if breaker is not None and breaker.is_looking:
                    breaker.look(exchange.endpoint, exchange.sent)
        for one in breakers:
            one.sweep(now)

    def _expire(self, due: list[Client], now: float) -> None:
        """Tell ``due`` that their time is over, some in each turn of the loop: thousands of slow clients that expire together must
        not hold up everybody else."""
        for connection in due[:EXPIRED_AT_ONCE]:
            if connection.deadline <= now:  # nothing came meanwhile
                connection.deadline = float("inf")
                connection.on_deadline(now)
        if len(due) > EXPIRED_AT_ONCE:
            self.loop.call_soon(self._expire, due[EXPIRED_AT_ONCE:], now)

    # --- the end

    def drain(self) -> None:
        """Finish what is in progress and nothing more: idle connections close now, the others after their answer."""
        self.is_draining = True
        for client in list(self.unconnected):
            client.on_drain()
        for connection in list(self.connections):
            if connection.is_idle:
                connection.close()
            else:
                connection.on_drain()
        if not self.connections and self.on_idle is not None:
            self.on_idle()

    def cut_off(self, is_spared: Callable[[Any], bool] | None = None) -> None:
        """There is no more time to drain: whoever still waits for an answer is told so, or sees the cut.  None of them has left.

        ``is_spared``: exchanges that have more time.
        """
        self.is_draining = True
        for connection in [*self.unconnected, *self.connections]:
            if is_spared is None or not is_spared(connection.exchange):
                self.cut(connection)

    def cut(self, connection: Client) -> None:
        """There is no more time for this one."""
        exchange = connection.exchange
        if exchange is not None:
            error = InternalError(503, "drained", "the gateway stopped before the answer was complete")
            if exchange.tunnel is not None:
                exchange.error = error
            else:
                exchange.fail(error)
                if connection.exchange is None:
                    return  # it closes when its answer is sent
        connection.abort()

    def close(self) -> None:
        """End at once: whatever is still open is cut."""
        for endpoint in self.registry:
            endpoint.pool.close()  # first: who is cut leaves room that nobody shall fill any more
        self.cut_off()
        for endpoint in self.registry:
            endpoint.tell()
        self.is_over = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self.connections):
            connection.abort()
        while self.leaving:
            self.leaving.popleft().abort()
        _stop((*self.snapshot.filters, *self.snapshot.inside))


def _stop(owners: Iterable[Any]) -> None:
    for one in owners:
        stop = getattr(one, "stop", None)
        if stop is not None:
            stop()
