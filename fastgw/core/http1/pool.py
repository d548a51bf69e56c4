"""The connections of one worker to one endpoint: idle ones to reuse, new ones to open, and the exchanges waiting for either.

Reuse is last in, first out: the connection used most recently is the one least likely to be closed by the other side, and those beyond
what the load needs grow old and are closed.  A connection is never bound to an exchange while it is being opened: whichever becomes
free first, an old one or a new one, goes to the exchange that has waited longest.

    acquire -> an idle connection | None: wait (an opening is started if there is room)
    put_back -> to the first waiter, else idle

Nothing of this is HTTP/1's alone but that a connection has one exchange at a time: ``each`` says how many a new one is expected to have,
for protocols that carry more (``http2.pool``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from fastgw.core import causes, counters
from fastgw.core.http1.connecting import open_carrier
from fastgw.core.http1.uploads import Uploads
from fastgw.core.live.pool import Pool
from fastgw.errors import RETRY_ALWAYS, UpstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Carrier, Exchange
    from fastgw.core.http1.carrier import Http1Carrier
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane
    from fastgw.core.settings import PoolSettings
    from fastgw.errors import GatewayError

PEEK_AFTER = 0.5  #: seconds of idleness after which a connection is looked at before it is used again


class Http1Pool(Pool):
    """Idle, opening and busy connections of one endpoint, within the bounds of its ``PoolSettings``."""

    __slots__ = (
        "_endpoint",
        "_max",
        "_opening",
        "_plane",
        "_tasks",
        "each",
        "idle",
        "is_closed",
        "is_retired",
        "size",
        "uploads",
        "waiters",
    )

    def __init__(self, endpoint: Endpoint, plane: Plane) -> None:
        Pool.__init__(self, endpoint.settings.pool, takes_chunks=True)
        self.each = 1  #: exchanges that a connection to be opened will have at once, as far as is known
        self._endpoint = endpoint
        self._max = self.settings.max_connections  # once more: every request that ends asks for it
        self._plane = plane
        self.idle: list[Any] = []  # of Http1Carrier, and of what else a connection may be
        self.waiters: deque[Exchange] = deque()
        self.uploads = Uploads(self, plane, endpoint.base)
        self.size = 0  #: connections open or being opened
        self.is_retired = False
        self.is_closed = False
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()  # strong references: the loop keeps only weak ones

    def __repr__(self) -> str:
        return f"<Pool {self._endpoint.name} size={self.size} idle={len(self.idle)} waiting={len(self.waiters)}>"

    def acquire(self, exchange: Exchange) -> Carrier | None:
        """A connection for ``exchange`` now, or None: it was put in line and will get ``on_carrier`` or ``fail``.

        Raises:
            UpstreamError: ``max_pending`` exchanges are waiting already (503).
        """
        asking = exchange  # typed in C, where the interface of a pool cannot speak of exchanges
        if not asking.body.is_done and not self.uploads.admit(exchange):
            return None
        base = self._endpoint.base
        while self.idle:
            carrier: Http1Carrier = self.idle.pop()
            self._plane.values[base + counters.ENDPOINT_IDLE] -= 1
            if self._is_alive(carrier):
                self._plane.values[base + counters.ENDPOINT_REUSED] += 1
                return carrier
            carrier.abort()
        self.wait(exchange)
        return None

    def wait(self, exchange: Exchange) -> None:
        """Put ``exchange`` in line.

        Raises:
            UpstreamError: as ``acquire``.
        """
        self.check_line()
        if not exchange.line_since:
            exchange.line_since = self._plane.clock()
        self.waiters.append(exchange)
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] += 1
        self._open_if_needed()

    def count_wait(self, exchange: Exchange) -> None:
        """``exchange``, which has waited for a connection, is about to get one."""
        waited = self._plane.clock() - exchange.line_since
        self._plane.count_time(self._endpoint.base + counters.ENDPOINT_WAITS_US, waited)
        exchange.line_since = 0.0

    def check_line(self) -> None:
        """One more is about to wait.

        Raises:
            UpstreamError: 503, ``max_pending`` exchanges are waiting already.
        """
        if len(self.waiters) + len(self.uploads.line) >= self.settings.max_pending:
            raise UpstreamError(
                503, "pool_full", "too many requests are waiting for a connection to the service", retry=RETRY_ALWAYS
            )

    def cancel(self, exchange: Exchange) -> None:
        """``exchange`` no longer waits."""
        exchange.line_since = 0.0
        if exchange in self.uploads.line:
            self.uploads.cancel(exchange)
            return
        try:
            self.waiters.remove(exchange)
        except ValueError:
            return
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] -= 1

    def on_request_done(self, exchange: Exchange) -> None:
        """See ``Pool``."""
        self.uploads.complete(exchange)

    def end_upload(self, exchange: Exchange) -> None:
        """See ``Pool``."""
        self.uploads.leave(exchange)

    def put_back(self, carrier: Http1Carrier) -> None:
        """A connection whose exchange ended well."""
        back = carrier  # typed in C, as above
        if self.size > self._max:
            self._dismiss(back)
        elif self.waiters:
            waiter = self._next_waiter()
            self.count_wait(waiter)
            waiter.on_carrier(back)
        elif self.is_retired:
            back.abort()
        else:
            back.idle_since = self._plane.now
            self.idle.append(back)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] += 1

    def on_closed(self, carrier: Http1Carrier) -> None:
        """A connection of this pool is gone."""
        if not carrier.is_member:
            return  # it ended while it was being opened, which _connect counts, or was dismissed
        self.size -= 1
        if carrier in self.idle:
            self.idle.remove(carrier)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1
        self._open_if_needed()

    def sweep(self, now: float) -> None:
        """Close what has been idle too long; ``now`` in coarse loop time."""
        oldest = now - self.settings.idle_timeout
        while self.idle and self.idle[0].idle_since < oldest:
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1
            self.idle.pop(0).abort()
        if self.settings.warm:
            self.warm_up()
        self.uploads.sweep()

    def warm_up(self) -> None:
        """Have ``warm`` connections open before anybody asks."""
        if self._endpoint.ejection.is_ejected:
            return  # a trial comes when it is time
        wanted = min(self.settings.warm, self._max)
        while self.size < wanted and not self.is_retired:
            self._open()

    def apply(self, settings: PoolSettings) -> None:
        """See ``Pool``: of the connections at rest the oldest go first."""
        self.settings = settings
        self._max = settings.max_connections
        while self.idle and self.size > self._max:
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1
            self._dismiss(self.idle.pop(0))
        self.uploads.apply(settings)
        self._open_if_needed()

    def open_one(self) -> bool:
        """See ``Pool``."""
        if self.size >= self._max:
            return False
        self._open()
        return True

    def turn_away(self, error: GatewayError) -> None:
        """See ``Pool``.  Who waits to upload may follow into the line of the others when one of those leaves."""
        while self.waiters or self.uploads.line:
            if self.waiters:
                self._fail(self._next_waiter(), error)
            else:
                exchange = self.uploads.line[0]
                self.cancel(exchange)
                exchange.fail(error)

    def hand_over(self) -> None:
        """See ``Pool``.  Who waits to upload may follow into the line of the others when one of those leaves."""
        while self.waiters or self.uploads.line:
            exchange = self.waiters[0] if self.waiters else self.uploads.line[0]
            exchange.ask_anew()
        self._give_up_opening()

    def drop_idle(self) -> None:
        """Close every idle connection: one of them turned out to be dead, so the service probably closed them all."""
        while self.idle:
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1
            self.idle.pop().abort()

    def retire(self) -> None:
        """No snapshot names this endpoint any more: keep nothing idle from now on."""
        self.is_retired = True
        self.drop_idle()
        if not self.waiters:
            self._give_up_opening()

    def close(self) -> None:
        """Stop opening and close what is idle: the worker ends."""
        self.is_closed = True
        self.retire()
        for task in self._tasks:
            task.cancel()

    @property
    def pressing(self) -> int:
        """Exchanges that wait, and for which no connection is being opened, since there are as many as there may be."""
        return max(0, len(self.waiters) - self._opening * self.each) if self.size >= self._max else 0

    @property
    def places(self) -> int:
        """Exchanges that all connections together can have at once."""
        most: int = self.settings.max_connections
        return most * self.each

    def _give_up_opening(self) -> None:
        """Nobody asks here any more.  In a turn of its own: a task that is cancelled before it has begun would not say that it is over."""
        for task in self._tasks:
            self._plane.loop.call_soon(task.cancel)

    def _dismiss(self, carrier: Any) -> None:
        """Close a connection that is one too many.  It does not count any more, or others would be closed for it until it is gone."""
        carrier.is_member = False
        self.size -= 1
        carrier.abort()

    def _fail(self, waiter: Exchange, error: GatewayError) -> None:
        waiter.line_since = 0.0
        waiter.fail(error)

    def _next_waiter(self) -> Exchange:
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] -= 1
        return self.waiters.popleft()

    def _is_alive(self, carrier: Http1Carrier) -> bool:
        if carrier.is_closed:
            return False
        idle = self._plane.now - carrier.idle_since
        if idle < PEEK_AFTER:
            return True
        return idle < self.settings.idle_timeout and not carrier.has_news()

    def _open_if_needed(self) -> None:
        while self._opening * self.each < len(self.waiters) and self.size < self._max and not self.is_closed:
            self._open()

    def _open(self) -> None:
        self.size += 1
        self._opening += 1
        task = self._plane.loop.create_task(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def open_connection(self) -> Any:
        """A new connection; raises OSError: it was not made."""
        return await open_carrier(self, self._endpoint, self._plane)

    async def _connect(self) -> None:
        base = self._endpoint.base
        began = self._plane.clock()
        self._plane.values[base + counters.ENDPOINT_CONNECTS] += 1
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                carrier = await self.open_connection()
        except BaseException as error:
            self._opening -= 1
            self.size -= 1
            if not isinstance(error, Exception):
                raise  # cancelled: nobody asks here any more
            self._plane.values[base + counters.ENDPOINT_CONNECT_FAILURES] += 1
            if not isinstance(error, OSError):
                # Anything else is a bug.
                self._plane.log_exception("a connection could not be tried", endpoint=self._endpoint.name)
            self._on_connect_failed(error)
            return
        self._opening -= 1
        if carrier.is_closed:  # already: its connection_lost, come or to come, does not count it
            self.size -= 1
            # As good as refused: without an exchange to fail, a service that accepts and closes would be asked for ever.
            self._on_connect_failed(ConnectionResetError("closed as soon as it was open"))
        else:
            carrier.is_member = True
            self.shortage = None
            self._plane.count_time(base + counters.ENDPOINT_CONNECT_US, self._plane.clock() - began)
            self.put_back(carrier)  # first: who is told to ask here finds it
            self._endpoint.connected()

    def _on_connect_failed(self, error: Exception) -> None:
        failure = causes.connect_error(error, is_tls=self._endpoint.ssl is not None)
        self.shortage = failure if failure.code == "no_resources" else None
        if self.shortage is not None and self.size:
            self._endpoint.unconnected(failure)
            return  # whoever waits gets a connection that becomes free, or a timeout that says why
        if not self.waiters:
            self._endpoint.unconnected(failure)
        for _ in range(min(self.each, len(self.waiters))):  # those it was for; who asks here again stands behind them
            if self.waiters:
                self._fail(self._next_waiter(), failure)
        self._open_if_needed()
