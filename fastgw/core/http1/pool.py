"""The connections of one worker to one endpoint: idle ones to reuse, new ones to open, and the exchanges waiting for either.

Reuse is last in, first out: the connection used most recently is the one least likely to be closed by the other side, and those beyond
what the load needs grow old and are closed.  A connection is never bound to an exchange while it is being opened: whichever becomes
free first, an old one or a new one, goes to the exchange that has waited longest.

    acquire -> an idle connection | None: wait (an opening is started if there is room)
    put_back -> to the first waiter, else idle
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from fastgw.core import causes, counters
from fastgw.core.http1.connecting import open_upstream
from fastgw.core.http1.uploads import Uploads
from fastgw.errors import RETRY_ALWAYS, GatewayError, UpstreamError

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.relay import Exchange
    from fastgw.core.http1.carrier import Upstream
    from fastgw.core.live.addresses import Answer
    from fastgw.core.live.endpoint import Endpoint

PEEK_AFTER = 0.5  #: seconds of idleness after which a connection is looked at before it is used again


class Pool:
    """Idle, opening and busy connections of one endpoint, within the bounds of its ``PoolSettings``."""

    __slots__ = (
        "_endpoint",
        "_opening",
        "_plane",
        "_tasks",
        "idle",
        "is_closed",
        "is_retired",
        "settings",
        "shortage",
        "size",
        "uploads",
        "waiters",
    )

    def __init__(self, endpoint: Endpoint, plane: DataPlane) -> None:
        self._endpoint = endpoint
        self._plane = plane
        self.settings = endpoint.key.pool
        self.idle: list[Upstream] = []
        self.waiters: deque[Exchange] = deque()
        self.uploads = Uploads(self, plane, endpoint.base)
        self.size = 0  #: connections open or being opened
        self.is_retired = False
        self.shortage: GatewayError | None = (
            None  #: why no connection could be opened here last, if that was our own lack
        )
        self.is_closed = False
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()  # strong references: the loop keeps only weak ones

    def __repr__(self) -> str:
        return f"<Pool {self._endpoint.name} size={self.size} idle={len(self.idle)} waiting={len(self.waiters)}>"

    def acquire(self, exchange: Exchange) -> Upstream | None:
        """A connection for ``exchange`` now, or None: it was put in line and will get ``on_connection`` or ``fail``.

        Raises:
            UpstreamError: ``max_pending`` exchanges are waiting already (503), or the endpoint's name has no address.
        """
        if not exchange.body.is_done and not self.uploads.admit(exchange):
            return None
        values = self._plane.values
        base = self._endpoint.base
        while self.idle:
            upstream = self.idle.pop()
            values[base + counters.ENDPOINT_IDLE] -= 1
            if self._is_alive(upstream):
                values[base + counters.ENDPOINT_REUSED] += 1
                return upstream
            upstream.abort()
        problem = self._endpoint.addresses.problem
        if problem is not None:
            raise problem
        self.check_line()
        self.waiters.append(exchange)
        values[base + counters.ENDPOINT_WAITING] += 1
        self._open_if_needed()
        return None

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
        if exchange in self.uploads.line:
            self.uploads.cancel(exchange)
            return
        try:
            self.waiters.remove(exchange)
        except ValueError:
            return
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] -= 1

    def put_back(self, upstream: Upstream) -> None:
        """A connection whose exchange ended well."""
        if upstream.place is not None and upstream.place.is_gone:
            upstream.abort()  # the name has moved: so does the traffic
        elif self.waiters:
            self._next_waiter().on_connection(upstream)
        elif self.is_retired:
            upstream.abort()
        else:
            upstream.idle_since = self._plane.now
            self.idle.append(upstream)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] += 1

    def on_closed(self, upstream: Upstream) -> None:
        """A connection of this pool is gone."""
        if not upstream.is_member:
            return  # it ended while it was being opened: _connect counts that
        self.size -= 1
        if upstream in self.idle:
            self.idle.remove(upstream)
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
        while self.size < self.settings.warm and not self.is_retired and self._endpoint.addresses.places:
            self._open()

    def on_answer(self, answer: Answer) -> None:
        """The endpoint's name was looked up: go on with who waits for its addresses, and leave those it has no more."""
        addresses = self._endpoint.addresses
        addresses.learn(answer)
        for upstream in [one for one in self.idle if one.place is not None and one.place.is_gone]:
            self.idle.remove(upstream)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1
            upstream.abort()
        while self.waiters and (problem := addresses.problem) is not None:
            self._next_waiter().fail(problem)
        self._open_if_needed()

    def drop_idle(self) -> None:
        """Close every idle connection: one of them turned out to be dead, so the service probably closed them all."""
        while self.idle:
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1
            self.idle.pop().abort()

    def retire(self) -> None:
        """No snapshot names this endpoint any more: keep nothing idle from now on."""
        self.is_retired = True
        self.drop_idle()

    def close(self) -> None:
        """Stop opening and close what is idle: the worker ends."""
        self.is_closed = True
        self.retire()
        for task in self._tasks:
            task.cancel()

    @property
    def pressing(self) -> int:
        """Exchanges that wait, and for which no connection is being opened, since there are as many as there may be."""
        return max(0, len(self.waiters) - self._opening) if self.size >= self.settings.max_connections else 0

    def _next_waiter(self) -> Exchange:
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] -= 1
        return self.waiters.popleft()

    def _is_alive(self, upstream: Upstream) -> bool:
        if upstream.is_closed:
            return False
        idle = self._plane.now - upstream.idle_since
        if idle < PEEK_AFTER:
            return True
        return idle < self.settings.idle_timeout and not upstream.has_news()

    def _open_if_needed(self) -> None:
        if not self._endpoint.addresses.places:
            return  # the name has no address yet: ``on_answer`` goes on
        while self._opening < len(self.waiters) and self.size < self.settings.max_connections and not self.is_closed:
            self._open()

    def _open(self) -> None:
        self.size += 1
        self._opening += 1
        task = self._plane.loop.create_task(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        base = self._endpoint.base
        self._plane.values[base + counters.ENDPOINT_CONNECTS] += 1
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                upstream = await open_upstream(self, self._endpoint, self._plane)
        except BaseException as error:
            self._opening -= 1
            self.size -= 1
            self._plane.values[base + counters.ENDPOINT_CONNECT_FAILURES] += 1
            if not isinstance(error, Exception):
                raise  # cancelled: the worker ends
            if not isinstance(error, OSError):
                # A name that cannot be looked up raises UnicodeError; anything else is a bug.
                self._plane.log_exception("a connection could not be tried", endpoint=self._endpoint.name)
            self._on_connect_failed(error)
            return
        self._opening -= 1
        if upstream.is_closed:  # already: its connection_lost, come or to come, does not count it
            self.size -= 1
            # As good as refused: without an exchange to fail, a service that accepts and closes would be asked for ever.
            self._on_connect_failed(ConnectionResetError("closed as soon as it was open"))
        else:
            upstream.is_member = True
            self.shortage = None
            if self._endpoint.troubles is not None:
                self._endpoint.troubles.connected(self._plane.now)
            self.put_back(upstream)

    def _on_connect_failed(self, error: Exception) -> None:
        failure = causes.connect_error(error, is_tls=self._endpoint.ssl is not None)
        self.shortage = failure if failure.code == "no_resources" else None
        if self.shortage is not None and self.size:
            self._endpoint.failed(failure)
            return  # whoever waits gets a connection that becomes free, or a timeout that says why
        if self.waiters:
            self._next_waiter().fail(failure)
        else:
            self._endpoint.failed(failure)
        self._open_if_needed()
