"""ASGI 3 applications as services: HTTP with streaming both ways (asgi.readthedocs.io).

    Relay ── acquire, carry ──▶ AsgiCarrier ── scope, receive ──▶ a Task with the application
                                            ◀── send ──────────

An application runs as soon as the head of a request is there.  What it has not received yet is held, and with it the client, as in front of
any slow service.  A client that leaves is told as ``http.disconnect``; the Task goes on to its end, for what it does behind its answer.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from fastgw.adapters.asgi_call import ApplicationCarrier, AsgiMessage
from fastgw.adapters.calls import CallPool
from fastgw.adapters.local import LocalCarrier
from fastgw.core.exchange import arriving
from fastgw.core.net.connection import HOLD_PEER
from fastgw.core.snapshot.snapshot import HELD_MAX
from fastgw.errors import DownstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class AsgiPool(CallPool):
    """The endpoint that an application is."""

    __slots__ = ()

    def acquire(self, exchange: Exchange) -> LocalCarrier:
        """See ``CallPool``."""
        self._check_line()
        if exchange.request.upgrade == b"websocket":
            from fastgw.adapters.asgi_socket import SocketCarrier  # which one of HTTP alone does not need

            return SocketCarrier(self, self._plane)
        return AsgiCarrier(self, self._plane)


class AsgiCarrier(ApplicationCarrier):
    """Carries one exchange to the answer of an application."""

    __slots__ = ("_arrived", "_held", "_is_complete", "_is_read")

    def __init__(self, pool: CallPool, plane: Any) -> None:
        ApplicationCarrier.__init__(self, pool, plane)
        self._arrived: deque[bytes] = deque()  # of the request's body, not received by the application yet
        self._held = 0  # bytes of that
        self._is_complete = False  # the body has arrived
        self._is_read = False  # the application has all of it

    # --- the request

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        body = exchange.body.take()
        if body:
            self._arrive(body)
        self._is_complete = exchange.body.is_done
        self._answer_now()

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``."""
        if data:
            self._arrive(data)
        self._is_complete = is_last
        self._wake()

    def _arrive(self, data: bytes) -> None:
        self._arrived.append(data)
        self._held += len(data)
        if self._held >= HELD_MAX and self.exchange is not None:
            self.exchange.client.hold(HOLD_PEER)

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 501, the client asks for another protocol.
            UpstreamError: 503, there is no place.
        """
        if exchange.request.upgrade:
            raise DownstreamError(501, "upgrade_not_served", "this service speaks HTTP and WebSocket alone")
        self._pool.submit(self)

    def leave(self) -> None:
        """See ``Carrier``."""
        exchange = self.exchange
        if exchange is not None and self._held >= HELD_MAX:
            exchange.client.release(HOLD_PEER)
        self._arrived.clear()
        self._held = 0
        ApplicationCarrier.leave(self)

    # --- the application

    async def receive(self) -> AsgiMessage:
        """See ``ApplicationCarrier``."""
        while True:
            exchange = self.exchange
            if exchange is None:
                return {"type": "http.disconnect"}
            if self._arrived or (self._is_complete and not self._is_read):
                return self._take(exchange)
            if not self._is_complete:
                arriving.ask_for_more(exchange)
                exchange.request.expect = False  # once
            await self._news()

    def _take(self, exchange: Exchange) -> AsgiMessage:
        body = b"".join(self._arrived)
        self._arrived.clear()
        if self._held >= HELD_MAX:
            exchange.client.release(HOLD_PEER)
        self._held = 0
        self._is_read = self._is_complete
        return {"type": "http.request", "body": body, "more_body": not self._is_complete}

    async def send_message(self, message: AsgiMessage) -> None:
        """See ``ApplicationCarrier``."""
        kind = message["type"]
        if self.exchange is None:
            return  # the client is gone, or has its answer
        if kind == "http.response.start":
            self._begin_answer(message)
        elif kind == "http.response.body":
            await self._answer_body(message)
        else:
            raise RuntimeError(f"{kind!r} is no message of an answer")
