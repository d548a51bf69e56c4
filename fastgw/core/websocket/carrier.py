"""One connection to a service that speaks WebSocket, carrying one exchange.

    carry ──▶ the opening handshake; what is here of the body waits, and with it the client
    101   ──▶ the body as messages ──▶ messages of the service ──▶ the answer ──▶ CLOSE 1000, and the connection is over

Until the 101 nothing of the request has been said, so whatever goes wrong before it is no reason not to ask another endpoint.  Behind it
nothing is sent twice.  A client that leaves, and whatever else ends the exchange early, is told to the service at once: CLOSE 1001.

A request that asks for a WebSocket itself is carried as over any connection of HTTP/1.1, and becomes a tunnel.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.causes import excerpt, words
from fastgw.core.exchange import arriving
from fastgw.core.http1.carrier import Http1Carrier
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING
from fastgw.core.plane import LEAVING_SECONDS
from fastgw.core.websocket.answers import MessageAnswers
from fastgw.core.websocket.closing import error_of
from fastgw.core.websocket.handshake import problem_of, request_head
from fastgw.core.websocket_counters import CLOSES, CODES, ENDS, MESSAGES, OPEN, SIDES, place_of
from fastgw.errors import RETRY_UNSEEN, DownstreamError, GatewayError, UpstreamError
from fastgw.wire import response as answers
from fastgw.wire.errors import WireError
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable
from fastgw.wire.messages import BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE, NO_LENGTH, Response
from fastgw.wire.websocket_frames import GOING_AWAY, LOST, NO_CODE, NORMAL, TEXT, frame_of
from fastgw.wire.websocket_messages import WebSocket
from fastgw.wire.websocket_sending import SEND_PIECES, MessageSender, SizeError, TextError, form_of

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.plane import Plane
    from fastgw.core.websocket_settings import WebSocketCalls

_TABLE: Final = FieldTable(RESPONSE_FIELDS)
_CLIENT, _SERVICE = range(len(SIDES))
_BY = {name: place for place, name in enumerate(ENDS)}


def _mask() -> bytes:
    """Four bytes that nobody can foresee (RFC 6455 section 10.3): what is masked with them is a client's."""
    return os.urandom(4)


class Talk:
    """What is known of one WebSocket to a service."""

    __slots__ = (
        "answers",
        "head",
        "is_begun",
        "is_open",
        "key",
        "last",
        "noted",
        "sender",
        "settings",
        "socket",
        "timer",
        "unsent",
    )

    def __init__(self, settings: WebSocketCalls, exchange: Exchange) -> None:
        request = exchange.request
        form = settings.send
        self.settings = settings
        self.key = base64.b64encode(os.urandom(16))
        self.answers = MessageAnswers(settings, request.header(b"accept") or b"")
        form = form_of(request.header(b"content-type") or b"") if form == "auto" else form
        self.sender = MessageSender(form, settings.max_piece if form == SEND_PIECES else settings.max_message, _mask)
        self.socket = WebSocket(settings.max_message, _mask)
        self.head = b""  #: of the answer to the handshake, not all of it here
        self.unsent: list[bytes] = []  #: of the body, until it is open
        self.is_open = False  #: the handshake is over, and it is not
        self.is_begun = False  #: the head of the answer has gone out
        self.noted: dict[str, Any] = dict.fromkeys(SIDES, 0)  #: for logs
        self.timer: Any = None  #: of ``idle_timeout``
        self.last = 0.0  #: when the service has said a message, by the plane's clock


class WebSocketCarrier(Http1Carrier):
    """Protocol of the connection; made by its pool, to which it never comes back."""

    __slots__ = ("_talk",)

    def __init__(self, pool: Any) -> None:
        Http1Carrier.__init__(self, pool)
        self._talk: Talk | None = None  # None: it was not used, or a tunnel is wanted

    # --- what the exchange does with it

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``: ask for the WebSocket."""
        settings = exchange.service.settings.websocket
        if settings is None or exchange.request.upgrade:
            Http1Carrier.carry(self, exchange)
            return
        self.exchange = exchange
        self.uses += 1
        base = exchange.endpoint.base
        exchange.plane.values[base + counters.ENDPOINT_REQUESTS] += 1
        exchange.plane.values[base + counters.ENDPOINT_ACTIVE] += 1
        talk = self._talk = Talk(settings, exchange)
        exchange.note("websocket", talk.noted)
        talk.unsent.append(exchange.body.take())
        if not exchange.body.is_done:
            self.is_paused = True  # it takes no body yet, which is not the fault of the client
            exchange.client.hold(HOLD_PEER)
        self.write(request_head(exchange, talk.key, settings.subprotocol))

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``."""
        talk, exchange = self._talk, self.exchange
        if talk is None:
            Http1Carrier.send_body(self, data, is_last)
        elif not talk.is_open:
            talk.unsent.append(data)
        elif exchange is not None:
            self._say(exchange, talk, data, is_last)

    def let_go(self, is_request_done: bool) -> None:
        """See ``Carrier``: it has no other exchange."""
        talk, exchange = self._talk, self.exchange
        if talk is None or exchange is None:
            Http1Carrier.let_go(self, is_request_done)
            return
        plane = exchange.plane
        if talk.timer is not None:
            talk.timer.cancel()
        if not self.is_paused and talk.is_open and talk.socket.is_open:
            self.write(talk.socket.close(GOING_AWAY, "nobody waits for the answer"))
        self._note_end(exchange, talk, _BY["client"], GOING_AWAY)
        exchange.client.release(HOLD_PEER)
        self.leave()
        if not talk.socket.code or self.is_closed:
            self.abort()  # nothing was said to it yet
        else:
            self._see_off(plane)

    def _see_off(self, plane: Plane) -> None:
        """The CLOSE is the last of our side, and the service ends the connection (RFC 6455 section 7.1.1).  If we did while it speaks, its
        kernel would lose the CLOSE with the rest."""
        self.pool.on_leaving(self)  # type: ignore[attr-defined]
        self.release(HOLD_PEER)
        self.release(HOLD_PENDING)
        if self.can_write_eof() and not plane.is_over:
            self.deadline = plane.now + LEAVING_SECONDS
            plane.leaving.append(self)
            self.write_eof()
        else:
            plane.see_off(self)

    # --- what the event loop calls

    def data_received(self, data: bytes) -> None:
        """Bytes from the service."""
        talk, exchange = self._talk, self.exchange
        if talk is None:
            Http1Carrier.data_received(self, data)
        elif exchange is None or self.is_closed:
            return  # it is behind our CLOSE
        elif talk.is_open:
            self._hear(exchange, talk, data)
        else:
            self._read_handshake(exchange, talk, data)

    def eof_received(self) -> bool:
        """The service says no more."""
        if self._talk is None:
            stays: bool = Http1Carrier.eof_received(self)
            return stays
        self._lost(None)
        if self.exchange is None and not self.is_closed:
            self.close()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone; what came before is an answer yet."""
        if self._talk is not None and self.exchange is not None:
            if error is not None:
                self.read_rest()
            self.is_closed = True
            self._lost(error)
        Http1Carrier.connection_lost(self, error)

    def _lost(self, error: Exception | None) -> None:
        exchange, talk = self.exchange, self._talk
        if exchange is None or talk is None:
            return
        how = f"the connection ended ({words(error)})" if error is not None else "the service closed the connection"
        if talk.is_open:
            self._note_end(exchange, talk, _BY["lost"], LOST)
            detail = "the service has ended the connection without closing the WebSocket"
            exchange.fail(UpstreamError(502, "websocket_failed", detail, reason=f"{how} without CLOSE"))
        else:
            self._refused(exchange, talk, "the service closed the connection in the handshake", how)

    # --- the handshake

    def _read_handshake(self, exchange: Exchange, talk: Talk, data: bytes) -> None:
        head, response = talk.head + data, Response()
        talk.head = head
        limits = exchange.listener.limits
        end = head.find(b"\r\n\r\n") + 4
        if end < 4 or end > limits.head_size:
            if len(head) > limits.head_size:
                self._refused(exchange, talk, "the head of the service's answer is too large", excerpt(head))
            return
        try:
            answers.read_response(head[:end], response, _TABLE, limits.head_count, False)
        except WireError as error:
            self._refused(exchange, talk, f"the service's answer cannot be read: {error.detail}", excerpt(head))
            return
        if response.status != 101:
            detail = f"the service has answered the WebSocket handshake with {response.status}"
            self._refused(exchange, talk, detail, f"{detail}: {excerpt(head)}")
            return
        problem = problem_of(response, talk.key, talk.settings.subprotocol)
        if problem:
            self._refused(exchange, talk, problem, f"{problem}: {excerpt(head)}")
            return
        self._open_talk(exchange, talk)
        if end < len(head) and self.exchange is exchange:
            self._hear(exchange, talk, head[end:])

    def _open_talk(self, exchange: Exchange, talk: Talk) -> None:
        talk.is_open = True
        self.is_paused = False
        exchange.plane.values[exchange.route.base + OPEN] += 1
        body, serial = exchange.body, exchange.serial
        unsent, talk.unsent = b"".join(talk.unsent), []
        self._say(exchange, talk, unsent, body.is_done)
        if not body.is_done and exchange.serial == serial:
            arriving.ask_for_more(exchange)
            if not self.is_paused:
                exchange.client.release(HOLD_PEER)

    def _refused(self, exchange: Exchange, talk: Talk, detail: str, reason: str) -> None:
        """There is no WebSocket, and nothing was said: the gateway has all of the request still."""
        body = exchange.body
        if not body.is_kept:
            for data in filter(None, talk.unsent):
                body.keep(data)
                exchange.plane.body_bytes += len(data)
        exchange.fail(UpstreamError(502, "websocket_refused", detail, retry=RETRY_UNSEEN, reason=reason))

    # --- what is said

    def _say(self, exchange: Exchange, talk: Talk, data: bytes, is_last: bool) -> None:
        """Send bytes of the body."""
        sender, settings = talk.sender, talk.settings
        before = sender.count
        try:
            frames = sender.feed(data, is_last)
        except TextError:
            self._fail_soon(
                exchange, DownstreamError(400, "body_not_text", "the body goes on as text, and is no UTF-8")
            )
            return
        except SizeError:
            detail = f"a message of the body has more than the {settings.max_message} bytes allowed here"
            self._fail_soon(exchange, DownstreamError(413, "websocket_message_too_large", detail))
            return
        count = sender.count - before
        if is_last and settings.end_message:
            frames += frame_of(TEXT, settings.end_message.encode(), _mask())
            count += 1
        self._count(exchange, talk, _CLIENT, count)
        if frames:
            self.write(frames)

    def _fail_soon(self, exchange: Exchange, error: GatewayError) -> None:
        """In a turn of its own: whoever hands the body over goes on with it."""
        exchange.plane.loop.call_soon(self._fail, exchange, exchange.serial, error)

    def _fail(self, exchange: Exchange, serial: int, error: GatewayError) -> None:
        if exchange.serial == serial and self.exchange is exchange:
            exchange.fail(error)

    # --- what is heard

    def _hear(self, exchange: Exchange, talk: Talk, data: bytes) -> None:
        socket = talk.socket
        messages = socket.receive(data)
        out, socket.out = socket.out, []
        if out and (not self.is_paused or socket.code):  # a service that does not read has no PONG
            self.write(b"".join(out))
        if messages:
            self._count(exchange, talk, _SERVICE, len(messages))
            talk.last = exchange.plane.clock()
        for message in messages:
            if not self._answer(exchange, talk, message):
                return
        if socket.code:
            self._closed(exchange, talk)
        elif messages and talk.timer is None and talk.settings.idle_timeout:
            self._await_silence(exchange, talk, talk.settings.idle_timeout)

    def _answer(self, exchange: Exchange, talk: Talk, message: str | bytes) -> bool:
        """A message has come; whether the next may."""
        found = talk.answers
        try:
            data = found.take(message)
        except UpstreamError as error:
            exchange.fail(error)
            return False
        if found.is_stream and (self._begin(exchange, talk, found.fields, -1) and data):
            exchange.on_body(data, len(data))
        if found.is_over and self.exchange is exchange:
            self._finish(exchange, talk)
        return self.exchange is exchange

    def _closed(self, exchange: Exchange, talk: Talk) -> None:
        """One has closed: the service, which may be the end of its answer, or the gateway, as what it said breaks a rule."""
        socket = talk.socket
        is_theirs = socket.is_close_received
        self._note_end(exchange, talk, _BY["service"] if is_theirs else _BY["broken"], socket.code)
        if is_theirs and socket.code in (NORMAL, NO_CODE):
            self._finish(exchange, talk)
        else:
            exchange.fail(error_of(socket.code, socket.reason, is_theirs=is_theirs))

    def _finish(self, exchange: Exchange, talk: Talk) -> None:
        """The answer is complete."""
        found = talk.answers
        if talk.socket.is_open:
            self.write(talk.socket.close(NORMAL))
            self._note_end(exchange, talk, _BY["client"], NORMAL)
        try:
            fields, body = (found.fields, b"") if found.is_stream else found.whole()
        except UpstreamError as error:
            exchange.fail(error)
            return
        if self._begin(exchange, talk, fields, -1 if found.is_stream else len(body)):
            exchange.on_last_body(body, len(body))

    def _begin(self, exchange: Exchange, talk: Talk, fields: bytes, size: int) -> bool:
        """Let the answer begin, if it has not; whether there is somebody who takes its body.  ``size``: bytes of it, -1: nobody knows."""
        if talk.is_begun:
            return self.exchange is exchange
        talk.is_begun = True
        response = exchange.response
        response.reset_rare()
        response.turn_into(200)
        has_length, is_bare = size >= 0, exchange.request.method == b"HEAD"
        response.fields = fields + b"content-length: %d\r\n" % size if has_length else fields
        response.head = response.line + response.fields + b"\r\n"
        response.minor = 1
        response.has_date = False
        response.length_count = int(has_length)
        response.content_length = size if has_length else NO_LENGTH
        response.body = BODY_NONE if is_bare or not size else BODY_LENGTH if has_length else BODY_UNTIL_CLOSE
        response.keep_alive = True
        response.request_id = response.extra = b""
        exchange.on_head()
        if is_bare and self.exchange is exchange:
            exchange.on_last_body(b"", 0)
        return self.exchange is exchange

    def _await_silence(self, exchange: Exchange, talk: Talk, seconds: float) -> None:
        talk.timer = exchange.plane.loop.call_later(seconds, self._on_silence, exchange, talk, exchange.serial)

    def _on_silence(self, exchange: Exchange, talk: Talk, serial: int) -> None:
        if self.exchange is not exchange or exchange.serial != serial:
            return
        left = talk.last + talk.settings.idle_timeout - exchange.plane.clock()
        if left > 0.001 or exchange.client.is_paused:
            self._await_silence(exchange, talk, max(left, 0.05))
        else:
            self._finish(exchange, talk)

    # --- what is counted

    def _count(self, exchange: Exchange, talk: Talk, side: int, count: int) -> None:
        talk.noted[SIDES[side]] += count
        exchange.plane.values[exchange.route.base + MESSAGES + side] += count

    def _note_end(self, exchange: Exchange, talk: Talk, end: int, code: int) -> None:
        """It ends so, if it was open."""
        if talk.is_open:
            talk.is_open = False
            talk.noted["close"] = code
            values, base = exchange.plane.values, exchange.route.base
            values[base + OPEN] -= 1
            values[base + CLOSES + end] += 1
            values[base + CODES + place_of(code)] += 1
