"""Streams of events that must end although their service goes on: between two events, with a comment, and complete for their client.

Nothing of it is there before it is asked for: an exchange that is to end gets somebody in its way, who looks at what passes and ends
it as soon as an event does.  Where nothing passes for a while it stands between two events already, unless the service stopped inside of
a chunk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.broken_streams import DRAINED, count_broken
from fastgw.core.exchange.deadlines import STREAM
from fastgw.errors import InternalError
from fastgw.wire.chunked import encode_chunk
from fastgw.wire.messages import BODY_CHUNKED

if TYPE_CHECKING:
    import asyncio

    from fastgw.core.exchange.ends import Client, Exchange, Passing
    from fastgw.errors import GatewayError

COMMENT: Final = b": the gateway is shutting down\n\n"
QUIET_SECONDS: Final = 1.0  #: without a byte: then no event is under way
_EVENTS: Final = b"text/event-stream"
#: How data ends where an event does: with an empty line (HTML, section 9.2.6).
_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_TAIL: Final = 6  #: bytes: such an end, and that of a chunk behind it


def is_stream(exchange: Exchange | None) -> bool:
    """Has it a grace of its own: a tunnel, or an answer of events that has begun?"""
    return exchange is not None and (exchange.tunnel is not None or _has_events(exchange))


def end_streams(clients: Iterable[Client], loop: asyncio.AbstractEventLoop) -> None:
    """End the streams of events among ``clients``, each as soon as it stands between two events; those that do not come to it stay."""
    for client in [*clients]:
        exchange = client.exchange
        if exchange is not None and exchange.tunnel is None and _has_events(exchange):
            _Ending(exchange, loop)


def _has_events(exchange: Exchange) -> bool:
    return (
        exchange.phase == STREAM
        and exchange.is_head_sent
        and exchange.withheld is None
        and exchange.carrier is not None
        and (exchange.response.header(b"content-type") or b"").lower().startswith(_EVENTS)
    )


class _Ending:
    """Stands in front of what the answer passes anyway, if there is any."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self.held = 0
        self._exchange: Exchange | None = exchange
        self._loop = loop
        self._inner: Passing | None = exchange.outward
        carrier = exchange.carrier
        #: Are these the chunks of the service, as they came?
        self._is_raw = (
            self._inner is None and exchange.response.body == BODY_CHUNKED and not exchange.client.wants_data(exchange)
        )
        self._payload = carrier.chunk_data() if carrier is not None else 0
        self._tail = b""
        exchange.outward = self
        self._timer = loop.call_later(QUIET_SECONDS, self._look)

    @property
    def is_whole(self) -> bool:
        """See ``Passing``."""
        return self._inner is not None and self._inner.is_whole

    def feed(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``: nobody's request comes this way."""
        return data

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``."""
        exchange = self._exchange
        if exchange is not None and not is_last:
            self._tail = (self._tail + data)[-_TAIL:]
            if self._is_raw and exchange.carrier is not None:  # what is counted are the data
                payload = exchange.carrier.chunk_data()
                exchange.bytes_out -= len(data) - (payload - self._payload)
                self._payload = payload
            if self._is_between(exchange):
                self._loop.call_soon(self._end)  # when these have gone out
        return self._inner.feed_answer(data, is_last) if self._inner is not None else data

    def break_off(self, error: GatewayError) -> bytes | None:
        """See ``Passing``."""
        return self._inner.break_off(error) if self._inner is not None else None

    def leave(self) -> None:
        """See ``Passing``."""
        self._exchange = None
        self._timer.cancel()
        if self._inner is not None:
            self._inner.leave()

    def _is_between(self, exchange: Exchange) -> bool:
        """Was the last byte that came the end of an event?"""
        if not self._is_raw:
            return self._tail.endswith(_ENDS)
        is_chunk_over = exchange.carrier is not None and exchange.carrier.is_between_chunks()
        return is_chunk_over and self._tail.endswith(b"\r\n") and self._tail[:-2].endswith(_ENDS)

    def _look(self) -> None:
        """Nothing has come for so long that we may have missed the end of the last event; or something did."""
        exchange = self._exchange
        if exchange is not None and not self._tail and exchange.carrier is not None:
            if not self._is_raw or exchange.carrier.is_between_chunks():
                self._finish(exchange)

    def _end(self) -> None:
        exchange = self._exchange
        if exchange is not None and self._is_between(exchange):  # the next one may have begun
            self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        """The service is made to have said the last."""
        exchange.outward = self._inner
        self._exchange = None
        self._timer.cancel()
        exchange.error = InternalError(503, "drained", "the gateway stopped before the stream had an end of its own")
        exchange.keep_alive = False
        count_broken(exchange, DRAINED)
        data: bytes = encode_chunk(COMMENT, True) if self._is_raw else COMMENT
        exchange.on_last_body(data, len(COMMENT))


def unended(clients: Iterable[Any]) -> bool:
    """Is there a stream among ``clients``?"""
    return any(is_stream(client.exchange) for client in clients)
