"""What a client of HTTP/1 is told: heads and bodies, framed as its version knows them (RFC 9112 sections 6 and 7).

A head is not sent by itself where a body follows: both leave in one write, which is one packet, one wake-up of the client.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from fastgw.core.exchange.ends import Client
from fastgw.core.http1 import heads
from fastgw.wire import scan
from fastgw.wire.chunked import encode_chunk
from fastgw.wire.messages import BODY_CHUNKED, BODY_UNTIL_CLOSE
from fastgw.wire.serialize import reply_head

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply


class Http1Answers(Client):
    """The sending half of ``Http1Client``."""

    __slots__ = ("_head", "_is_encoding")

    def _open(self) -> None:
        Client._open(self)
        self._head = b""  #: to go out with the first body bytes
        self._is_encoding = False  #: a body that ended with its connection is sent in chunks

    def wants_data(self, exchange: Exchange) -> bool:
        """See ``Client``: HTTP/1.0 knows no chunks."""
        return exchange.request.minor == 0

    def takes_trailers(self, exchange: Exchange) -> bool:
        """See ``Client``: they stand behind the last chunk (RFC 9112 section 7.1.2)."""
        return exchange.request.te_trailers and exchange.request.minor > 0

    def send_interim(self, exchange: Exchange) -> None:
        """See ``Client``: not to HTTP/1.0, which has no such answers (RFC 9110 section 15.2)."""
        if exchange.request.minor:
            self.write(heads.interim_head(exchange))

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``: it waits for the first body bytes."""
        kind = exchange.response.body
        self._is_encoding = False
        if kind in (BODY_UNTIL_CLOSE, BODY_CHUNKED):
            if exchange.request.minor == 0:
                exchange.keep_alive = False
            else:
                self._is_encoding = kind == BODY_UNTIL_CLOSE
        self._head = heads.response_head(exchange)

    def send_body(self, data: bytes) -> None:
        """See ``Client``."""
        if self._is_encoding and data:
            data = scan.framed(data)
        if self._head:
            data = scan.pair(self._head, data)
            self._head = b""
        if data:
            self.write(data)

    def send_last(self, data: bytes) -> None:
        """See ``Client``."""
        if self._is_encoding:
            exchange = self.exchange
            data = encode_chunk(data, True, exchange.response.trailers if exchange is not None else b"")
        if self._head:
            data = scan.pair(self._head, data)
            self._head = b""
        self.write(data)

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """See ``Client``."""
        response = exchange.response
        connection = b"close" if not exchange.keep_alive else b"" if exchange.request.minor else b"keep-alive"
        head = reply_head(response.status, response.fields, len(reply.body), connection)
        head += exchange.plane.date
        if response.request_id:
            head += b"x-request-id: " + response.request_id + b"\r\n"
        body = b"" if exchange.request.method == b"HEAD" else reply.body
        self.write(head + response.extra + b"\r\n" + body)
        return len(body)

    def cut(self, exchange: Exchange) -> None:
        """See ``Client``: where the framing does not show that the answer is not complete, a reset has to."""
        if self._is_encoding and self._ends_call(exchange):
            return
        if self._head:
            self.write(self._head)
            self._head = b""
        if exchange.request.minor == 1 or exchange.response.content_length >= 0:
            self.close()
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.abort()

    def _ends_call(self, exchange: Exchange) -> bool:
        """Whether the answer could be ended as one to a call of gRPC that went wrong."""
        from fastgw.core.exchange.grpc import explain_end  # which nobody needs before something breaks

        last = explain_end(exchange)
        if last is None:
            return False
        self.send_last(last)
        self.close()
        return True
