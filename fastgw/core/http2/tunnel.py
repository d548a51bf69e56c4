"""A WebSocket over one stream of a client's connection (RFC 8441): an extended CONNECT is an upgrade, and the stream a tunnel then.

CONNECT, :protocol: websocket ──▶ GET, upgrade: websocket, a key of ours ──▶ 101 ──▶ 200 at once, and DATA both ways, unread
                                                                        └──▶ anything else is no tunnel, so never 2xx

Its two ends are those of HTTP/1.1: END_STREAM is one of them, RST_STREAM is that of both.  What comes before the service has agreed waits,
within the window of the stream.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.tunnel import Tunnel
from fastgw.core.http2.link import put_early
from fastgw.core.http2.stream import RECEIVE, Http2Stream
from fastgw.errors import DownstreamError, UpstreamError
from fastgw.wire.errors import WireError
from fastgw.wire.http2.errors import FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR, STREAM_CLOSED, StreamError
from fastgw.wire.lines import without_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.http2.sections import RequestSection

_OF_KEYS = (b"sec-websocket-key",)  # which HTTP/2 has no use for (RFC 8441 section 5)
_OF_HANDSHAKE = (b"content-length", b"sec-websocket-accept")


def upgrade_head(section: RequestSection, random: Callable[[], float]) -> bytes:
    """The head that a client of HTTP/1.1 would have sent for the extended CONNECT that was read into ``section``.

    Args:
        section: as it was read.
        random: numbers in [0, 1), for the key.

    Raises:
        WireError: 501: it asks for another protocol than WebSocket.
    """
    if section.protocol != b"websocket":
        raise WireError(501, "protocol_not_implemented", "the only protocol for an extended CONNECT is 'websocket'")
    line, _, lines = section.head.partition(b"\r\n")
    key = base64.b64encode(bytes([int(random() * 256) for _ in range(16)]))
    lines = without_fields(lines[:-2], _OF_KEYS)
    upgrade = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: %b\r\n\r\n" % key
    return line + b"\r\n" + lines + upgrade


class TunnelStream(Http2Stream):
    """One extended CONNECT: the client of an exchange, and one end of its tunnel if there comes to be one."""

    __slots__ = ("_is_over", "_tunnel")

    def _open(self) -> None:
        Http2Stream._open(self)
        self._tunnel: Any = None
        self._is_over = False  #: the tunnel is

    # --- from the client

    def begin(self, exchange: Exchange, is_last: bool) -> None:
        """See ``Http2Stream``: what follows is no body of the request."""
        if is_last:
            raise StreamError(self.id, PROTOCOL_ERROR, "an extended CONNECT ends with its head")
        self.exchange = exchange

    def on_data(self, payload: bytes, size: int, is_last: bool) -> None:
        """See ``Http2Stream``."""
        if self.is_remote_done:
            raise StreamError(self.id, STREAM_CLOSED, "DATA stands behind the end of the stream")
        held = sum(map(len, self._early)) if self._early else 0
        if self._credit + held + size > RECEIVE:
            raise StreamError(self.id, FLOW_CONTROL_ERROR, "there is more DATA than the window of the stream allows")
        self._credit += size - len(payload)
        if is_last:
            self.is_remote_done = True
        if self._tunnel is None or self._holds or self._early:
            put_early(self._early, payload)
        else:
            self._pass_on(payload)

    def on_trailers(self, lines: bytes) -> None:
        """See ``Http2Stream``: behind a CONNECT there is DATA alone (RFC 9113 section 8.5)."""
        raise StreamError(self.id, PROTOCOL_ERROR, "a tunnel has no trailers")

    def _hand_on_early(self) -> None:
        while self._early and self._tunnel is not None and not self._holds and not self.is_closed:
            self._pass_on(self._early.pop(0))

    def _pass_on(self, payload: bytes) -> None:
        tunnel = self._tunnel
        self._take(len(payload))
        if payload:
            tunnel.from_client(payload)
        if self.is_remote_done and not self._early and self._tunnel is not None:
            tunnel.end_half(self)

    # --- to the client

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``: an answer in the place of a tunnel, which a client would take for one if its status were 2xx."""
        response = exchange.response
        if 200 <= response.status < 300:
            if exchange.replied is None:
                exchange.error = UpstreamError(502, "bad_upgrade", "the service answered, and did not switch protocols")
                response.status = 502
            else:
                exchange.error = DownstreamError(501, "protocol_not_implemented", "no WebSocket is served here")
                response.status = 501
        Http2Stream.send_head(self, exchange)

    def start_tunnel(self, exchange: Exchange, tunnel: Tunnel) -> None:
        """See ``Client``: the head leaves in this turn, as either side may speak first; what came early follows it."""
        response = exchange.response
        lines = without_fields(response.fields, _OF_HANDSHAKE)
        if not response.has_date:
            lines += exchange.plane.date
        if response.request_id:
            lines += b"x-request-id: %b\r\n" % response.request_id
        self._put_head(200, lines + response.extra, False)
        self._tunnel = tunnel
        if self._early:
            exchange.plane.loop.call_soon(self._hand_on_early)

    def can_write_eof(self) -> bool:
        """See ``Connection``: with TLS too."""
        return True

    def write_eof(self) -> None:
        """See ``Connection``: END_STREAM."""
        if not (self.is_local_done or self._is_end_queued):
            self._send_data(b"", True)

    # --- the end

    def close(self) -> None:
        """See ``Connection``: behind what is queued, where there is a tunnel."""
        if self._tunnel is None and not self._is_over:
            Http2Stream.close(self)
            return
        if self._tunnel is not None and self.exchange is not None:
            self._tunnel.end()  # which comes back here
            return
        self._tunnel = None
        self._is_over = True
        if self.is_closed:
            return
        if self.is_local_done:
            self.connection.forget(self, None if self.is_remote_done else NO_ERROR)
        else:
            self.write_eof()

    def on_reset(self) -> None:
        """See ``Http2Stream``."""
        tunnel = self._tunnel
        if tunnel is None:
            Http2Stream.on_reset(self)
            return
        self.is_closed = True
        tunnel.end()
