"""WebSockets of ASGI applications: the gateway's own end of RFC 6455, behind a tunnel of the exchange.

    Tunnel ── write ──▶ SocketCarrier ── WebSocket ──▶ receive: a Task with the application
           ◀── from_service ──       ◀── WebSocket ── send

Framing, masks, the closing handshake and the order of fragments are those of ``wire.websocket_messages``.  Each direction is bounded: a
message by ``max_input``, what the application has not received by ``HELD_MAX`` (then the client is not read), and what the client has not
taken by the marks of its connection (then ``send`` waits).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from fastgw.adapters.asgi_call import ApplicationCarrier, AsgiMessage, fields_of, scope_of
from fastgw.adapters.calls import CallPool
from fastgw.core.exchange.about import report
from fastgw.core.exchange.tunnel import accept, accept_of
from fastgw.core.net.connection import HOLD_PEER
from fastgw.core.snapshot.snapshot import HELD_MAX
from fastgw.wire.websocket_frames import FAILED, GOING_AWAY, LOST, NORMAL, may_be_sent
from fastgw.wire.websocket_messages import WebSocket

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

CLOSE_SECONDS: Final = 5.0  #: for the client's part of the closing handshake
MESSAGE_COST: Final = 64  #: bytes that a message counts for beside its own: empty ones are bounded too


class SocketGone(ConnectionError):
    """The WebSocket is closed: the application sends to nobody."""


class SocketCarrier(ApplicationCarrier):
    """Carries one exchange that asks for a WebSocket: until it is accepted a request, then two streams of messages."""

    __slots__ = (
        "_code",
        "_held",
        "_is_told",
        "_messages",
        "_pong",
        "_reason",
        "_socket",
        "_timer",
        "_vacancy",
    )

    def __init__(self, pool: CallPool, plane: Any) -> None:
        ApplicationCarrier.__init__(self, pool, plane)
        self._socket: WebSocket | None = None  # from the acceptance on
        self._is_told = False  # the application has got ``websocket.connect``
        self._messages: deque[bytes | str] = deque()  # not received by the application yet
        self._held = 0  # what they count for
        self._pong = b""  # for a client that does not read
        self._code = 0  # with which it was closed; 0: not yet
        self._reason = ""
        self._timer: asyncio.TimerHandle | None = None  # of the closing handshake
        self._vacancy = asyncio.Event()  # set when the client takes more

    # --- the handshake

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        exchange.body.take()
        self._plane.loop.call_soon(self._answer)

    def scope(self, exchange: Exchange, application: Any) -> AsgiMessage:
        """See ``ApplicationCarrier``."""
        scope = scope_of(exchange, application)
        del scope["method"]
        offered = exchange.request.header(b"sec-websocket-protocol") or b""
        return {
            **scope,
            "type": "websocket",
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "subprotocols": [one.strip() for one in offered.decode("latin-1").split(",") if one.strip()],
            "extensions": {"websocket.http.response": {}},
        }

    def _accept(self, exchange: Exchange, message: AsgiMessage) -> None:
        request = exchange.request
        fields, _ = fields_of(message.get("headers", ()))
        if b"\r\nsec-websocket-protocol:" in b"\r\n" + fields:
            raise ValueError("the subprotocol has a place of its own, and is none of the headers")
        chosen = message.get("subprotocol")
        if chosen is not None:
            offered = request.header(b"sec-websocket-protocol") or b""
            if chosen.encode() not in [one.strip() for one in offered.split(b",")]:
                raise ValueError(f"the client has not offered the subprotocol {chosen!r}")
            fields += b"sec-websocket-protocol: %b\r\n" % chosen.encode()
        fields += b"sec-websocket-accept: %b\r\n" % accept_of(request.header(b"sec-websocket-key") or b"")
        accept(exchange, fields)
        self._socket = WebSocket(self._pool.settings.inside.max_input)
        exchange.on_upgrade()
        if self.tunnel is None:
            raise SocketGone("a filter has answered instead")

    # --- from the client

    def write(self, data: bytes) -> None:
        """See ``Connection``: bytes that the tunnel has of the client."""
        socket = self._socket
        if socket is None or self.tunnel is None:
            return
        for message in socket.receive(data):
            self._messages.append(message)
            self._held += _cost(message)
        if self._held >= HELD_MAX and not self._code and self.exchange is not None:
            self.exchange.client.hold(HOLD_PEER)
        self._wake()
        self._reply(socket)

    def _reply(self, socket: WebSocket) -> None:
        """Send what the protocol answers by itself, and see whether it is over."""
        out, socket.out = socket.out, []
        if socket.is_open:
            if out and self._holds:
                self._pong = out[-1]  # the newest is enough (RFC 6455 section 5.5.3)
            else:
                self._to_client(out)
            return
        self._to_client(out)
        if socket.is_close_received:
            self._closed(socket.code, socket.reason)
            self.tunnel.end()
        elif self._timer is None:  # it has failed, and said so
            self._closed(socket.code, socket.reason)
            self._await_end()
            assert self.exchange is not None
            if self.exchange.client.can_write_eof():
                self.exchange.client.write_eof()  # whatever it still says, a closing handshake too, is not read as such

    def _closed(self, code: int, reason: str) -> None:
        """From now on there is nothing to receive but what is here."""
        if not self._code:
            self._code, self._reason = int(code), reason
        if self._held >= HELD_MAX and self.exchange is not None:
            self.exchange.client.release(HOLD_PEER)
        self._held = 0
        self._vacancy.set()
        self._wake()

    def _await_end(self) -> None:
        """The client may end the connection; a reset might take away what it has not read."""
        self._timer = self._plane.loop.call_later(CLOSE_SECONDS, self.tunnel.end)

    async def receive(self) -> AsgiMessage:
        """See ``ApplicationCarrier``."""
        if not self._is_told:
            self._is_told = True
            return {"type": "websocket.connect"}
        while True:
            if self._messages:
                return self._take()
            if self._code or self.exchange is None:
                return {"type": "websocket.disconnect", "code": self._code or LOST, "reason": self._reason}
            await self._news()

    def _take(self) -> AsgiMessage:
        message = self._messages.popleft()
        if self._held:
            was_full = self._held >= HELD_MAX
            self._held -= _cost(message)
            if was_full and self._held < HELD_MAX and self.exchange is not None:
                self.exchange.client.release(HOLD_PEER)
        word = "bytes" if isinstance(message, bytes) else "text"
        return {"type": "websocket.receive", word: message}

    # --- to the client

    def _to_client(self, out: list[bytes]) -> None:
        data = b"".join(out)
        if data:
            self.tunnel.from_service(data)

    async def send_message(self, message: AsgiMessage) -> None:
        """See ``ApplicationCarrier``.

        Raises:
            SocketGone: the WebSocket is closed.
        """
        kind = message["type"]
        exchange = self.exchange
        if kind == "websocket.send":
            await self._send(message)
        elif exchange is None or self._code:
            if kind != "websocket.close":
                raise SocketGone("the client is gone")
        elif kind == "websocket.close":
            self._refuse_or_close(exchange, message)
        elif self._socket is not None:
            raise RuntimeError(f"{kind!r} comes behind the acceptance of a WebSocket")
        elif kind == "websocket.accept" and not self._status:
            self._accept(exchange, message)
        elif kind == "websocket.http.response.start":
            self._begin_answer(message)
        elif kind == "websocket.http.response.body":
            await self._answer_body(message)
        else:
            raise RuntimeError(f"{kind!r} is no message of a WebSocket")

    async def _send(self, message: AsgiMessage) -> None:
        while self._holds and self.exchange is not None and not self._code:
            self._vacancy.clear()
            await self._vacancy.wait()
        if self.exchange is None or self._code:
            raise SocketGone("the WebSocket is closed")
        socket = self._socket
        if socket is None:
            raise RuntimeError("a WebSocket is accepted before anything is sent on it")
        text = message.get("text")
        self._to_client([socket.binary(bytes(message["bytes"])) if text is None else socket.text(text.encode())])

    def _refuse_or_close(self, exchange: Exchange, message: AsgiMessage) -> None:
        if self._socket is None:
            self.send_head(exchange, 403, b"", 0)
        else:
            self._close(int(message.get("code") or NORMAL), str(message.get("reason") or ""))

    def _close(self, code: int, reason: str) -> None:
        """Begin the closing handshake (RFC 6455 section 7.1.2).

        Raises:
            ValueError: no CLOSE may have this code.
        """
        assert self._socket is not None
        if not may_be_sent(code):
            raise ValueError(f"{code} is no code that may be sent (RFC 6455 section 7.4)")
        self._to_client([self._socket.close(code, reason)])
        self._closed(code, reason)
        self._await_end()

    # --- the application has ended

    def returned(self) -> None:
        """See ``ApplicationCarrier``."""
        if self.tunnel is None:
            ApplicationCarrier.returned(self)
        elif self.exchange is not None and not self._code:
            self._close(NORMAL, "")

    def raised(self, error: BaseException) -> None:
        """See ``ApplicationCarrier``; of one that sends to a client that is gone nothing is said, whatever a framework made of that."""
        if isinstance(error, SocketGone) or isinstance(error.__context__, SocketGone):
            return
        if self.exchange is None or self.tunnel is None:
            ApplicationCarrier.raised(self, error)
            return
        route = self.exchange.route.name
        report(self.exchange, "error", "a service failed", service=self._pool.service, route=route, error=error)
        if not self._code:
            self._close(FAILED, "")

    # --- a connection

    def can_write_eof(self) -> bool:
        """See ``Connection``: a client that ends its side without a closing handshake is gone."""
        return False

    def _make_room(self) -> None:
        self._vacancy.set()
        pong, self._pong = self._pong, b""
        if pong and not self._code:
            self._to_client([pong])

    def leave(self) -> None:
        """See ``Carrier``: the client is gone, or has been silent for too long."""
        exchange, socket = self.exchange, self._socket
        if self._timer is not None:
            self._timer.cancel()
        if exchange is not None and socket is not None and socket.is_open:
            exchange.client.write(socket.close(GOING_AWAY))
        self._pong = b""
        self._closed(LOST, "")
        ApplicationCarrier.leave(self)


def _cost(message: bytes | str) -> int:
    """What it counts for while it waits."""
    return MESSAGE_COST + len(message if isinstance(message, bytes) else message.encode())
