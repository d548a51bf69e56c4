"""How the body of a client's request is read in HTTP/1: where it ends, and what behind it is the next request (RFC 9112 section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.http1.answers import Http1Answers
from fastgw.core.net.connection import HOLD_PIPELINE
from fastgw.errors import DownstreamError
from fastgw.wire.chunked import ChunkReader
from fastgw.wire.errors import WireError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class Http1Bodies(Http1Answers):
    """The half of ``Http1Client`` that is behind a head: bodies, and what comes early."""

    __slots__ = ("_buffer", "_chunks", "_left")

    def _open(self) -> None:
        Http1Answers._open(self)
        self._buffer = b""  #: an incomplete head, or bytes behind the request in progress
        self._left = 0  #: body bytes to come
        self._chunks: ChunkReader | None = None

    def has_more(self) -> bool:
        """See ``Client``."""
        return len(self._buffer) > 0

    def expect_body(self, exchange: Exchange) -> None:
        """See ``Client``."""
        request, listener = exchange.request, exchange.listener
        if request.chunked:
            limits = listener.limits
            wants_data = exchange.route.wants_data
            exchange.body.is_framed = not wants_data
            self._chunks = ChunkReader(limits.head_size, limits.head_count, wants_data, listener.drop_headers)
        else:
            self._chunks = None
            self._left = request.content_length

    def read_body(self) -> None:
        """See ``Client``."""
        if self._buffer and self.exchange is not None:
            self._read_body(self.exchange, self._take_early())

    def _take_early(self) -> bytes:
        early, self._buffer = self._buffer, b""
        return early

    def _read_body(self, exchange: Exchange, data: bytes) -> None:
        """Hand on what of ``data`` is the body's, and keep what is behind it, which is the next request: first, as the exchange may end."""
        if exchange.replied is not None:
            return  # answered without it: a body that was refused must not be read on, least of all to a next request
        body = exchange.body
        chunks = self._chunks
        size = len(data)
        out = data
        end = size
        if chunks is not None:
            try:
                out = chunks.feed(data, 0)
            except WireError as error:
                exchange.fail(DownstreamError(error.status, error.code, error.detail))
                return
            body.received = chunks.payload
            end = chunks.end
            if chunks.done:
                body.is_done = True
                body.trailers = chunks.trailers
                self._chunks = None  # an idle connection holds no reader
        elif size < self._left:
            self._left -= size
            body.received += size
        else:
            end = self._left
            self._left = 0
            body.received += end
            body.is_done = True
            if end < size:
                out = data[:end]
        if end < size:
            self._keep(data[end:])
        exchange.on_request_body(out)

    def _keep(self, data: bytes) -> None:
        """Bytes of the next request, while this one is answered."""
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) >= self.listener.pipeline_bytes:
            self.hold(HOLD_PIPELINE)
