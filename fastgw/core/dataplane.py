"""Everything one worker process has on its request path: connections, snapshot, live endpoints, counters, and one coarse timer.

Deadlines are numbers.  A connection writes down until when something must have happened, and one sweep every ``SWEEP_SECONDS`` looks at
them all: no timer is created, cancelled or leaked per request (``call_later`` and ``cancel`` cost 2 us, about as much as everything
else done for a plain request).  The price is that a deadline is met up to one sweep late.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.ablation import OFF
from fastgw.core.counters import DURATION_BUCKETS, Counters
from fastgw.core.date import date_line
from fastgw.core.exchange.relay import Exchange
from fastgw.core.http1.client import Downstream
from fastgw.core.live.registry import Registry
from fastgw.core.net.lingering import Lingering
from fastgw.core.snapshot.snapshot import Listener, Snapshot
from fastgw.errors import DownstreamError, InternalError

if TYPE_CHECKING:
    from fastgw.core.live.addresses import Answer, Standing
    from fastgw.core.net.connection import Connection
    from fastgw.core.net.sockets import Poller

SWEEP_SECONDS = 0.25
EXPIRED_AT_ONCE = 32  #: deadlines acted on in one turn of the loop
_FIRST_BUCKET = DURATION_BUCKETS[0]
LEAVING_SECONDS = 10.0  #: in which a service takes the last bytes of a tunnel
FREE_EXCHANGES_MAX = 1024  #: exchanges kept for reuse


class DataPlane:
    """The request path of one worker."""

    __slots__ = (
        "_addresses",
        "_dated",
        "_free",
        "_free_max",
        "_leaving",
        "_on_log",
        "_sweeper",
        "_swept_at",
        "_wall",
        "body_bytes",
        "clock",
        "connections",
        "connections_max",
        "date",
        "generation",
        "is_draining",
        "lingering",
        "listeners",
        "loop",
        "names",
        "now",
        "on_idle",
        "on_standing",
        "poller",
        "random",
        "registry",
        "snapshot",
        "values",
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
    ) -> None:
        """``random``: numbers in [0, 1); ``clock``: seconds, for durations; ``log``: called with level, event and fields; ``wall``:
        seconds since 1970, for the Date of answers."""
        self.loop = loop
        self.poller = poller  #: for plain connections, past the loop's transports; None: everything is the loop's
        self.values = shared.values
        self.random = random
        self.clock = clock
        self.body_bytes = 0  #: of request bodies, held until they can be sent
        self.now = loop.time()  #: coarse loop time, as of the last sweep
        self._wall = wall
        self._dated = int(wall())
        self.date = date_line(self._dated)  #: field line for answers that have none, renewed by the sweep
        self.snapshot = Snapshot(0, {})
        self.listeners: dict[str, Listener] = {}
        self.generation = 0  #: snapshots installed so far: tells a connection that its listener may have changed
        self.names: dict[str, Answer] = {}  #: what is known of the names that endpoints have
        self.on_standing: Callable[[Standing], None] | None = None  #: called when an address begins to work, or to fail
        self.registry = Registry(self)
        self.lingering = Lingering(shared.values)
        self.connections: set[Downstream] = set()
        self.connections_max = (
            connections_max  #: whatever the configuration allows: the rest of the descriptors serve the services
        )
        self.is_draining = False
        self.on_idle: Callable[[], None] | None = None  #: called once draining is complete
        self._addresses: dict[bytes, int] = {}
        self._free: list[Exchange] = []
        self._free_max = 0 if "no_reuse" in OFF else FREE_EXCHANGES_MAX
        self._leaving: deque[Connection] = deque()  #: closed, with bytes yet to be sent; soonest deadline first
        self._on_log = log
        self._swept_at = self.now
        self.values[counters.HEARTBEAT_MS] = int(self.now * 1e3)
        self._sweeper: asyncio.TimerHandle | None = loop.call_later(SWEEP_SECONDS, self._sweep)

    # --- snapshot

    def prepare(self, snapshot: Snapshot) -> None:
        """Start what the filters of ``snapshot`` own.

        Raises:
            OSError: one of them could not, its message has the filter's name; those before it are stopped again.
        """
        started: list[Any] = []
        for one in snapshot.filters:
            start = getattr(one, "start", None)
            if start is None:
                continue
            try:
                start(self.loop)
            except OSError as error:
                _stop(started)
                raise OSError(f"filters.{one.name}: {error}") from error
            started.append(one)

    def discard(self, snapshot: Snapshot) -> None:
        """A prepared ``snapshot`` is not installed after all."""
        _stop(snapshot.filters)
        self.registry.retain(self.snapshot)

    def install(self, snapshot: Snapshot) -> None:
        """Serve by ``snapshot`` from the next request on; exchanges in progress end as they began."""
        old, self.snapshot = self.snapshot, snapshot
        self.listeners = snapshot.listeners
        self.generation += 1
        self.registry.retain(snapshot)
        used = {endpoint.key.address.host for endpoint in self.registry}
        self.names = {host: answer for host, answer in self.names.items() if host in used}
        for endpoint in self.registry:
            endpoint.pool.warm_up()
        self.values[counters.GENERATION] = snapshot.generation
        _stop(old.filters)

    def learn(self, answers: Mapping[str, Answer]) -> None:
        """Names were looked up: go on with these answers."""
        self.names.update(answers)
        for endpoint in self.registry:
            answer = answers.get(endpoint.key.address.host)
            if answer is not None:
                endpoint.pool.on_answer(answer)
                endpoint.pool.warm_up()

    def factory(self, name: str) -> Callable[[], Any]:
        """A protocol factory for the listener ``name``, for ``loop.create_server``."""
        return lambda: Downstream(self, self.listeners[name])

    # --- connections

    def admit(self, connection: Downstream) -> bool:
        """Count a new connection, or refuse it because a limit is reached."""
        values = self.values
        values[counters.CONNECTIONS] += 1
        limits = connection.listener.limits
        if len(self.connections) >= min(limits.connections, self.connections_max):
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

    def turn_away(self, address: bytes, listener: Listener, limit: str) -> None:
        """Count and tell a connection that is closed at once; ``limit``: the setting that says so, or "descriptors"."""
        index = counters.ADDRESS_REFUSED if limit == "connections_per_address" else counters.CONNECTIONS_REFUSED
        self.values[index] += 1
        client = address.decode("latin-1")
        self.report("warning", "a connection was refused", client=client, listener=listener.name, limit=limit)

    def held(self, address: bytes) -> int:
        """Open connections of one client address."""
        return self._addresses.get(address, 0)

    def discharge(self, connection: Downstream) -> None:
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

    def take(self) -> Exchange:
        """An exchange nobody uses."""
        return self._free.pop() if self._free else Exchange(self)

    def give_back(self, exchange: Exchange) -> None:
        """``exchange`` is over and reset."""
        if len(self._free) < self._free_max:
            self._free.append(exchange)

    def see_off(self, connection: Connection) -> None:
        """Close a connection to a service once what is queued is sent, or when the service has not taken it for ``LEAVING_SECONDS``."""
        if self._sweeper is None:
            connection.abort()  # the worker has ended: nobody will look at deadlines any more
            return
        connection.deadline = self.now + LEAVING_SECONDS
        self._leaving.append(connection)
        connection.close()

    def count(self, exchange: Exchange) -> None:
        """Add a finished exchange to its route's counters."""
        values = self.values
        base = exchange.route.base
        now = self.clock()
        micros = int((now - exchange.started) * 1e6)
        values[counters.EXCHANGES_OPEN] -= 1
        values[base + counters.ROUTE_FINISHED] += 1
        status = exchange.response.status
        if 100 <= status < 600:
            values[base + counters.ROUTE_STATUS - 1 + status // 100] += 1
        if exchange.body.received:
            values[base + counters.ROUTE_BYTES_IN] += exchange.body.received
        values[base + counters.ROUTE_BYTES_OUT] += exchange.bytes_out
        values[base + counters.ROUTE_DURATION_US] += micros
        bucket = 0 if micros <= _FIRST_BUCKET else bisect_left(DURATION_BUCKETS, micros)
        values[base + counters.ROUTE_BUCKETS + bucket] += 1

    def on_bad_request(self, connection: Downstream, error: DownstreamError) -> None:
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
                self.log_exception("a filter failed", filter=chain.name_of(hook), hook="refused")

    def report(self, level: str, event: str, /, **fields: Any) -> None:
        """Let the log tell ``event``, a constant sentence; what varies is in ``fields``."""
        if self._on_log is not None:
            self._on_log(level, event, fields)

    def log_exception(self, event: str, /, **fields: Any) -> None:
        """Report the exception being handled: always a bug, of the gateway or of a filter."""
        import sys

        self.report("error", event, **fields, error=sys.exc_info()[1])

    # --- time

    def _sweep(self) -> None:
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)  # first: whatever fails below, time goes on
        now = self.loop.time()
        lag = now - self._swept_at - SWEEP_SECONDS
        self.values[counters.LOOP_LAG_US] = max(0, int(lag * 1e6))
        self.values[counters.HEARTBEAT_MS] = int(now * 1e3)
        self._swept_at = self.now = now
        second = int(self._wall())
        if second != self._dated:
            self._dated = second
            self.date = date_line(second)
        self.values[counters.BODY_BYTES_HELD] = self.body_bytes
        self._expire([one for one in self.connections if one.deadline <= now], now)
        while self._leaving and self._leaving[0].deadline <= now:
            self._leaving.popleft().abort()
        for endpoint in self.registry:
            endpoint.sweep(now)

    def _expire(self, due: list[Downstream], now: float) -> None:
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
        for connection in list(self.connections):
            if connection.is_idle:
                connection.close()
        if not self.connections and self.on_idle is not None:
            self.on_idle()

    def cut_off(self) -> None:
        """There is no more time to drain: whoever still waits for an answer is told so, or sees the cut.  None of them has left."""
        self.is_draining = True
        for connection in list(self.connections):
            exchange = connection.exchange
            if exchange is not None:
                error = InternalError(503, "drained", "the gateway stopped before the answer was complete")
                if exchange.tunnel is not None:
                    exchange.error = error
                else:
                    exchange.fail(error)
                    if connection.exchange is None:
                        continue  # it closes when its answer is sent
            connection.abort()

    def close(self) -> None:
        """End at once: whatever is still open is cut."""
        for endpoint in self.registry:
            endpoint.pool.close()  # first: who is cut leaves room that nobody shall fill any more
        self.cut_off()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self.connections):
            connection.abort()
        while self._leaving:
            self._leaving.popleft().abort()
        _stop(self.snapshot.filters)


def _stop(filters: Iterable[Any]) -> None:
    for one in filters:
        stop = getattr(one, "stop", None)
        if stop is not None:
            stop()
