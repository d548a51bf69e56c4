"""A service written in Python as an endpoint like any other: its pool has places for calls, and a carrier gathers a request and calls it.

    Relay ── acquire ──▶ CallPool                  a carrier at once, or 503 where the line is full
          ── carry, send_body ──▶ CallCarrier      the request's body is gathered, within its bound
                                  CallPool         a place, or one in line
                                  Runner           execute
          ◀── on_head, on_body, on_last_body, fail ──

An exchange whose client leaves, or whose time is over, leaves the line at once.  A call under way keeps its place until it has ended: on
the loop it is cancelled, what a thread or a process does goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from fastgw.adapters.local import UNKNOWN, LocalCarrier, LocalPool
from fastgw.adapters.runners import CallGone, Cancellable, Runnable
from fastgw.adapters.speech import type_problem
from fastgw.core import counters
from fastgw.core.exchange import arriving
from fastgw.core.exchange.about import report
from fastgw.errors import RETRY_ALWAYS, DownstreamError, GatewayError, InternalError, UpstreamError
from fastgw.plugins import said

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane

_JSON = b"content-type: application/json\r\n"
_EVENTS = b"content-type: text/event-stream\r\ncache-control: no-cache\r\n"


class CallPool(LocalPool):
    """The places for calls of one endpoint in this process."""

    __slots__ = ("_base", "_endpoint", "_plane", "_told", "running", "service", "waiting")

    settings: Runnable  #: in the place of ``PoolSettings``

    def __init__(self, endpoint: Endpoint, plane: Plane) -> None:
        LocalPool.__init__(self, self._carrier)
        self.settings = endpoint.settings.pool
        self.service = endpoint.key.service
        self.running = 0  #: calls under way
        self.waiting: deque[CallCarrier] = deque()
        self._base = endpoint.base
        self._endpoint = endpoint
        self._told = ""  # to the supervisor: why it is not well
        self._plane = plane

    def __repr__(self) -> str:
        return f"<CallPool {self.service} running={self.running} waiting={len(self.waiting)}>"

    def _carrier(self) -> CallCarrier:
        return CallCarrier(self, self._plane)

    def acquire(self, exchange: Exchange) -> LocalCarrier:
        """See ``Pool``.

        Raises:
            UpstreamError: 503, there is neither a place nor one in line, or the service says that it is not well.
        """
        self._check_health()
        self._check_line()
        return LocalPool.acquire(self, exchange)

    def _check_health(self) -> None:
        if self.settings.ill:
            raise self._illness()

    def _illness(self) -> UpstreamError:
        reason = f"the service says that it is not well: {self.settings.ill}"
        return UpstreamError(503, "service_unhealthy", "the service is not well", reason=reason, retry=RETRY_ALWAYS)

    def _check_line(self) -> None:
        if self.running >= self.settings.places and len(self.waiting) >= self.settings.inside.queue:
            detail = "too many requests are waiting for the service"
            raise UpstreamError(503, "pool_full", detail, retry=RETRY_ALWAYS)

    # --- what a carrier tells

    def submit(self, carrier: CallCarrier) -> None:
        """The request of ``carrier`` is complete: call the service, now or in its turn.

        Raises:
            UpstreamError: as ``acquire``.
        """
        if self.running < self.settings.places:
            self._begin(carrier)
            return
        self._check_line()
        self.waiting.append(carrier)
        self._plane.values[self._base + counters.ENDPOINT_WAITING] += 1

    def forget(self, carrier: CallCarrier) -> None:
        """``carrier`` waits no longer."""
        if carrier in self.waiting:
            self.waiting.remove(carrier)
            self._plane.values[self._base + counters.ENDPOINT_WAITING] -= 1

    def end(self) -> None:
        """A call is over: the next in line has its place."""
        self.running -= 1
        self._plane.values[self._base + counters.ENDPOINT_ACTIVE] -= 1
        self._fill()

    def _begin(self, carrier: CallCarrier) -> None:
        self.running += 1
        self._plane.values[self._base + counters.ENDPOINT_ACTIVE] += 1
        self._plane.values[self._base + counters.ENDPOINT_REQUESTS] += 1
        carrier.begin(self.settings)

    def _fill(self) -> None:
        while self.waiting and self.running < self.settings.places:
            carrier = self.waiting.popleft()
            self._plane.values[self._base + counters.ENDPOINT_WAITING] -= 1
            self._begin(carrier)

    # --- what its endpoint tells

    def apply(self, settings: Any) -> None:
        """See ``Pool``: from now on calls are of this instance."""
        self.settings = settings
        self._fill()

    def sweep(self, now: float) -> None:
        """See ``Pool``: the supervisor is told how the service is."""
        if self.settings.ill != self._told:
            self._told = self.settings.ill
            self._endpoint.note(self._illness() if self._told else None)

    def warm_up(self) -> None:
        """See ``Pool``: it is ready when it is made."""

    def open_one(self) -> bool:
        """See ``Pool``: there is nothing to open."""
        return False

    def turn_away(self, error: GatewayError) -> None:
        """See ``Pool``: nobody waits for a connection."""

    def hand_over(self) -> None:
        """See ``Pool``: who waits here is carried already, and called yet."""

    def retire(self) -> None:
        """See ``Pool``: nothing is at rest."""

    def close(self) -> None:
        """See ``Pool``: nothing is at rest."""


class CallCarrier(LocalCarrier):
    """Carries one exchange to the answer of a service."""

    __slots__ = ("_instance", "_is_refused", "_plane", "_pool", "_room", "task")

    def __init__(self, pool: CallPool, plane: Plane) -> None:
        LocalCarrier.__init__(self)
        self.task: Cancellable | None = None  #: see ``runners.Call``
        self._instance: Runnable | None = None  # of a call under way
        self._is_refused = False
        self._plane = plane
        self._pool = pool
        self._room: asyncio.Future[None] | None = None  # done when there is room for the next event

    # --- the request

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``: what of the body is here stays in the exchange until the rest is, too."""
        self.exchange = exchange
        body = exchange.body
        held = body.take()
        problem = self._problem(exchange)
        if problem is not None:
            self._refuse(exchange, problem)
            return
        if held:
            body.keep(held)
            self._plane.body_bytes += len(held)
        if body.is_done:
            self.answer_soon(exchange)
        else:
            arriving.ask_for_more(exchange)

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``."""
        exchange = self.exchange
        if exchange is None or self._is_refused:
            return
        body = exchange.body
        body.keep(data)
        self._plane.body_bytes += len(data)
        if body.received > self._pool.settings.inside.max_input:
            self._refuse(exchange, self._too_large())
        elif is_last:
            self._plane.loop.call_soon(self._answer)
        elif self._plane.body_bytes > exchange.listener.body_memory:
            self._refuse(
                exchange, InternalError(503, "no_resources", "the gateway has no room for more request bodies")
            )

    def _problem(self, exchange: Exchange) -> DownstreamError | None:
        request = exchange.request
        if not request.has_body:
            return None
        if max(exchange.body.announced, exchange.body.received) > self._pool.settings.inside.max_input:
            return self._too_large()
        return self._type_problem(exchange)

    def _type_problem(self, exchange: Exchange) -> DownstreamError | None:
        coding = exchange.request.header(b"content-encoding")
        if coding is not None and coding.lower() != b"identity":
            return DownstreamError(415, "body_type_refused", "the service takes no body with a Content-Encoding")
        return type_problem(exchange.request.header(b"content-type"))

    def _too_large(self) -> DownstreamError:
        limit = self._pool.settings.inside.max_input
        detail = f"the request body has more than the {limit} bytes that the service takes"
        return DownstreamError(413, "content_too_large", detail)

    def _refuse(self, exchange: Exchange, error: GatewayError) -> None:
        """Fail in a later turn: the exchange is just telling us something."""
        self._is_refused = True
        if not exchange.body.is_done:
            exchange.body.refuse()
        self._plane.loop.call_soon(self._fail, error)

    def _fail(self, error: GatewayError) -> None:
        if self.exchange is not None:
            self.exchange.fail(error)

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``."""
        self._pool.submit(self)

    # --- the call

    def begin(self, instance: Runnable) -> None:
        """Call ``instance``: there is a place."""
        exchange = self.exchange
        assert exchange is not None  # who leaves is not in line any more
        body = self.take_body(exchange)
        self._instance = instance
        instance.begin()
        instance.runner.begin(self, body)

    def take_body(self, exchange: Exchange) -> bytes:
        """The body of ``exchange``, which is complete."""
        body = exchange.body.take()
        if body:
            self._plane.body_bytes -= len(body)
        return body

    def leave(self) -> None:
        """See ``Carrier``."""
        self.exchange = None
        if self._instance is None:
            self._pool.forget(self)
        elif self.task is not None:
            self.task.cancel()
        self._make_room()

    def release(self, bit: int) -> None:
        """See ``Connection``."""
        LocalCarrier.release(self, bit)
        if not self._holds:
            self._make_room()

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # --- what the runner tells

    def answered(self, data: bytes) -> None:
        """See ``runners.Call``."""
        exchange = self.exchange
        if exchange is not None and self.send_head(exchange, 200, _JSON, len(data)):
            exchange.on_last_body(data, len(data))

    async def send(self, data: bytes) -> None:
        """See ``runners.Call``."""
        exchange = self.exchange
        if exchange is not None and not exchange.response.status:
            self.send_head(exchange, 200, _EVENTS, UNKNOWN)
        while self._holds and self.exchange is not None:
            self._room = self._plane.loop.create_future()
            await self._room
        exchange = self.exchange
        if exchange is None:
            raise CallGone
        if data:
            exchange.on_body(data, len(data))

    def end_stream(self) -> None:
        """See ``runners.Call``."""
        exchange = self.exchange
        if exchange is not None and (exchange.response.status or self.send_head(exchange, 200, _EVENTS, UNKNOWN)):
            exchange.on_last_body(b"", 0)

    def broke(self, error: BaseException) -> None:
        """See ``runners.Call``."""
        exchange = self.exchange
        if exchange is None:
            return
        if isinstance(error, GatewayError):
            exchange.fail(error)
            return
        report(
            exchange, "error", "a service failed", service=self._pool.service, route=exchange.route.name, error=error
        )
        detail = "the service failed; the log of the gateway has the reason"
        exchange.fail(UpstreamError(500, "service_failed", detail, reason=f"it raised {said(error)}"))

    def over(self) -> None:
        """See ``runners.Call``."""
        instance, self._instance = self._instance, None
        self.task = None
        if instance is not None:
            self._pool.end()
            instance.end()
