"""A WebSocket at a service of HTTP/2: what HTTP/1.1 calls an upgrade is an extended CONNECT there (RFC 8441).

    GET, upgrade: websocket ──▶ CONNECT, :protocol: websocket ──▶ 2xx: as a 101 ──▶ a tunnel of DATA
                                                             └──▶ others: an answer like any

There is no key to be proven, so what proves it to the client is made here (RFC 6455 section 4.2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange.tunnel import accept_of
from fastgw.core.http1 import heads
from fastgw.core.http2.carrier import RECEIVE, Bearing, Http2Carrier
from fastgw.errors import DownstreamError
from fastgw.wire import response as answers
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable
from fastgw.wire.http2 import frames
from fastgw.wire.http2.errors import PROTOCOL_ERROR, StreamError
from fastgw.wire.http2.sections import read_response
from fastgw.wire.lines import without_fields

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.http2.link import Http2Link

_HALF = RECEIVE // 2
_TABLE = FieldTable(RESPONSE_FIELDS)
_OF_HTTP1 = (b"sec-websocket-key", b"content-length")


class UpgradeCarrier(Http2Carrier):
    """Carries one exchange that wants to be a tunnel."""

    __slots__ = ()

    def __init__(self, connection: Bearing, link: Http2Link) -> None:
        Http2Carrier.__init__(self, connection, link)

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        values, base = exchange.plane.values, exchange.endpoint.base
        values[base + counters.ENDPOINT_REQUESTS] += 1
        values[base + counters.ENDPOINT_ACTIVE] += 1
        request, link = exchange.request, self.link
        if request.upgrade != b"websocket" or not link.peer.has_connect_protocol:
            detail = "the service speaks HTTP/2, and takes no upgrade to this protocol over it"
            exchange.fail(DownstreamError(501, "upgrade_not_served", detail))
            return
        self.id = self.connection.begin(self)
        scheme = b"http" if exchange.endpoint.ssl is None else b"https"
        lines = b":protocol: websocket\r\n" + without_fields(heads.request_fields(exchange), _OF_HTTP1)
        block = link.encoder.request(
            b"CONNECT", scheme, heads.authority_of(exchange), request.target, lines, heads.own_fields(exchange)
        )
        link.put(frames.headers(self.id, block, False))

    def on_fields(self, fields: list[Any], is_last: bool) -> None:
        """See ``Http2Carrier``: 2xx is the beginning of a tunnel."""
        exchange = self.exchange
        if self.tunnel is not None:  # behind a CONNECT there is DATA alone (RFC 9113 section 8.5)
            raise StreamError(self.id, PROTOCOL_ERROR, "a tunnel has no trailers")
        if exchange is None or not fields or fields[0].name != b":status" or fields[0].value[:1] != b"2":
            Http2Carrier.on_fields(self, fields, is_last)
            return
        lines = without_fields(read_response(self.id, fields).partition(b"\r\n")[2][:-2], (b"content-length",))
        key = exchange.request.header(b"sec-websocket-key") or b""
        head = (
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-accept: %b\r\n%b\r\n" % (accept_of(key), lines)
        )
        answers.read_response(head, exchange.response, _TABLE, exchange.listener.reader.head_count, False)
        self._has_head = True
        exchange.on_upgrade()
        if is_last:
            self.is_remote_done = True
            self._hand_on(b"")

    def _hand_on(self, payload: bytes) -> None:
        tunnel = self.tunnel
        if tunnel is None:
            Http2Carrier._hand_on(self, payload)
            return
        self._credit += len(payload)
        if self._credit >= _HALF and not self.is_remote_done:
            self.link.put(frames.window_update(self.id, self._credit))
            self._credit = 0
        if payload:
            tunnel.from_service(payload)
        if self.is_remote_done and not self._early:
            if self.exchange is None:
                self.close()
            elif not tunnel.end_half(self):
                tunnel.end()

    def write(self, data: bytes) -> None:
        """See ``Connection``."""
        self._send(data, False)

    def can_write_eof(self) -> bool:
        """See ``Connection``: each half of a stream ends by itself."""
        return True

    def write_eof(self) -> None:
        """See ``Connection``."""
        self._send(b"", True)

    def close(self) -> None:
        """See ``Connection``: what is queued goes out, and the end behind it; who closes a tunnel sees to it that it is aborted in time."""
        if self.is_closed or self.tunnel is None:
            Http2Carrier.close(self)
            return
        self._send(b"", True)
        if self.is_remote_done and self.is_local_done:
            Http2Carrier.close(self)

    def abort(self) -> None:
        """See ``Connection``."""
        Http2Carrier.close(self)

    def on_fault(self, reason: str) -> None:
        """See ``Http2Carrier``."""
        if not self._ends_tunnel():
            Http2Carrier.on_fault(self, reason)

    def on_reset(self, reason: str, *, is_kept: bool) -> None:
        """See ``Http2Carrier``."""
        if not self._ends_tunnel():
            Http2Carrier.on_reset(self, reason, is_kept=is_kept)

    def on_unseen(self, reason: str) -> None:
        """See ``Http2Carrier``: a tunnel has been acted on, whatever the service says."""
        if not self._ends_tunnel():
            Http2Carrier.on_unseen(self, reason)

    def _ends_tunnel(self) -> bool:
        """The stream is gone; whether a tunnel with it."""
        if self.tunnel is None:
            return False
        self.is_closed = True
        self.tunnel.end()
        return True
