"""Calls of ``grpc/json-transcoder`` over a WebSocket: the client of an exchange whose bodies are messages both ways.

    GET /v1/chat, upgrade: websocket ──▶ 101 as soon as every hook has let it pass, then the call is asked for
    a message, of text or of bytes   ──▶ a line of NDJSON: a message of the call
    an empty message                 ──▶ the end of the request: the client has said all
    a message of text                ◀── each message of the answer, and ``{"error": {...}}`` where the call fails
    CLOSE                            ◀── how the call went

To everything else the call is one whose client sends NDJSON, and reads it: hooks, deadlines, retries, counters and logs are those of any.
Beneath stands the client's connection, or its stream of HTTP/2, whose tunnel this is; what one of them holds holds the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core import counters
from fastgw.core.exchange import tunnel
from fastgw.core.exchange.deadlines import ANSWER, BODY, STREAM
from fastgw.core.exchange.ends import Client
from fastgw.core.exchange.telling import error_answer
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING, Connection
from fastgw.errors import DownstreamError
from fastgw.transformers.grpc_json_answers import StreamedAnswer, told_of
from fastgw.transformers.grpc_json_call import unreadable
from fastgw.wire.fields import find_field
from fastgw.wire.grpc import CODES, code_of_error
from fastgw.wire.websocket_frames import GOING_AWAY, INVALID, NORMAL, TOO_BIG
from fastgw.wire.websocket_messages import WebSocket

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.errors import GatewayError
    from fastgw.transcoding.methods import HttpBinding
    from fastgw.transcoding.statuses import CallStatus
    from fastgw.transformers.grpc_json_call import CallTold, TranscodedCall

CLOSE_SECONDS: Final = 5.0  #: for the client's part of the closing handshake
OF_CALLS: Final = (
    4000  #: and the code of the call is the code of a CLOSE (4000 to 4999 are for private use, RFC 6455 section 7.4.2)
)
PONGS_MOST: Final = 64  #: for a client that does not read
FOREVER: Final = float("inf")
#: Codes of errors of which WebSocket has its own.
_CODES: Final = {
    "drained": GOING_AWAY,
    "json_malformed": INVALID,
    "message_misfit": INVALID,
    "json_too_large": TOO_BIG,
    "content_too_large": TOO_BIG,
}


class SocketClient(Client):
    """Whom the exchange answers, in the place of the client that has asked for the WebSocket."""

    def __init__(self, exchange: Exchange, binding: HttpBinding, max_message: int) -> None:
        """Take the place of the client of ``exchange``, whose request hooks are not over yet.

        Args:
            binding: what is asked for.
            max_message: bytes of a message of the client.
        """
        beneath = exchange.client
        Client.__init__(self, exchange.listener, beneath.address)
        self.forwarded = beneath.forwarded
        self.version = beneath.version
        self.identity = beneath.identity
        self.is_trusted = beneath.is_trusted
        self.transport = beneath.transport  # for who asks about it; nothing is written to it from here
        plane: Any = exchange.plane
        self._plane: DataPlane = plane
        self._beneath = beneath
        self._socket = WebSocket(max_message)
        self._takes_stream = binding.method.is_client_streaming
        self._takes_message = self._takes_stream or bool(binding.body)
        self._is_open = False  # the 101 is out, and it is not over
        self._said = plane.now  # coarse loop time at which either side has said something
        self._pongs = 0  # that wait for a client that does not read
        self._rest = b""  # of a line of the answer
        self._code, self._reason = NORMAL, ""  # how the call went, if nobody says otherwise
        self._fields = _handshake_fields(exchange)
        request = exchange.request
        request.upgrade = b""
        request.chunked = request.rare = True  # whose end only the client knows
        exchange.body.begin(0)
        exchange.body.since = exchange.started
        self.exchange = exchange
        exchange.client = self

    # --- the handshake

    def read_body(self) -> None:
        """See ``Client``: every hook has let the request pass, so the WebSocket opens; what has come early is handed over."""
        exchange = self.exchange
        assert exchange is not None
        self._is_open = True
        self._plane.unconnected.add(self)
        self._plane.values[counters.TUNNELS_OPEN] += 1
        tunnel.accept(exchange, self._fields)
        exchange.response.request_id = exchange.request.request_id
        self._beneath.deadline = FOREVER  # it has another from now on
        self._beneath.start_tunnel(exchange, self)
        if self.exchange is exchange:
            exchange.response.status = 0
            if not self._takes_message:
                exchange.body.is_done = True

    # --- from the client: what a tunnel is told

    def from_client(self, data: bytes) -> None:
        """Bytes of the client."""
        self._said = self._plane.now
        socket = self._socket
        messages = socket.receive(data)
        if messages and self.exchange is not None:
            self._hand_on(self.exchange, messages)
        out, socket.out = socket.out, []
        if out and socket.is_open and self._beneath.is_paused:
            out = out[: PONGS_MOST - self._pongs]
            self._pongs += len(out)
        if out:
            self._write(b"".join(out))
        if socket.is_close_received:
            self.end()
        elif socket.is_close_sent and self.exchange is not None:
            self.exchange.fail(DownstreamError(400, "websocket_malformed", f"the WebSocket: {socket.reason}"))

    def _hand_on(self, exchange: Exchange, messages: list[str | bytes]) -> None:
        """They are lines of the body: a line end in JSON is a blank, as CR is, and cannot stand in a text."""
        body = exchange.body
        if exchange.replied is not None:
            return
        lines, is_done = [], body.is_done
        for message in messages:
            if is_done:
                many = "one message" if self._takes_message else "none"
                why = "behind the empty one that ends them" if self._takes_stream else f"and the method takes {many}"
                exchange.fail(DownstreamError(400, "message_misfit", f"another message came, {why}"))
                return
            data = message.encode() if isinstance(message, str) else message
            if data.strip():
                lines.append(data.replace(b"\n", b"\r") + b"\n")
                is_done = not self._takes_stream
            else:
                is_done = True
        out = b"".join(lines)
        body.received += len(out)
        body.is_done = is_done
        exchange.on_request_body(out)

    def end_half(self, source: Connection) -> bool:
        """The client sends no more, without a closing handshake: it is gone."""
        self.end()
        return False

    def end(self) -> None:
        """The client has closed, or its connection is gone: so is the reason for the call."""
        exchange, self.exchange = self.exchange, None
        self._leave()
        if exchange is not None:
            exchange.abort()
        self._beneath.close()

    def _leave(self) -> None:
        """Nothing comes from beneath, or goes there, any more."""
        self._beneath.exchange = None
        if self._is_open:
            self._is_open = False
            self._plane.unconnected.discard(self)
            self._plane.values[counters.TUNNELS_OPEN] -= 1

    # --- to the client

    def _write(self, data: bytes) -> None:
        self._said = self._plane.now
        self._beneath.write(data)
        self.is_paused = self._beneath.is_paused
        if not self.is_paused:
            self._pongs = 0

    def send_interim(self, exchange: Exchange) -> None:
        """See ``Client``: there is none behind a 101."""

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``: there is none for messages."""

    def send_body(self, data: bytes) -> None:
        """See ``Client``: each line is a message."""
        if self._socket.is_open:
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()
            self._write(b"".join([self._socket.text(line) for line in lines if line]))

    def send_last(self, data: bytes) -> None:
        """See ``Client``."""
        self.send_body(data + b"\n")
        self._close()

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """See ``Client``: an error of the gateway, or the answer of a filter."""
        if not self._is_open:  # no hook has let it pass
            exchange.client = self._beneath
            return self._beneath.send_reply(exchange, reply)
        self._rest = b""
        return self._tell(exchange.error, reply)

    def _tell(self, error: GatewayError | None, reply: Reply) -> int:
        """The body of ``reply`` as the last message, and a CLOSE; return how many bytes that was."""
        if not self._socket.is_open:
            return 0
        told = b'{"error":%b}' % (reply.body if reply.body[:1] == b"{" else orjson.dumps({"status": reply.status}))
        code = code_of_error(error.code, error.status) if error is not None else code_of_error("", reply.status)
        self._code = OF_CALLS + code
        self._reason = f"{CODES[code]}: {error.detail}" if error is not None else CODES[code]
        if error is not None and error.code in _CODES:
            self._code, self._reason = _CODES[error.code], error.detail
        self._write(self._socket.text(told))
        self._close()
        return len(told)

    def ends_with(self, status: CallStatus) -> None:
        """The call went so: what the CLOSE says behind its last message."""
        if not status.is_ok:
            name = CODES[status.code]
            self._code = OF_CALLS + status.code
            self._reason = f"{name}: {status.message}" if status.message else name

    def _close(self) -> None:
        if self._socket.is_open:
            self._write(self._socket.close(self._code, self._reason))

    def cut(self, exchange: Exchange) -> None:
        """See ``Client``: the call fails behind messages."""
        if exchange.error is not None:
            exchange.bytes_out += self._tell(exchange.error, error_answer(exchange, exchange.error, ()))
        self.on_finished(False, False)

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """See ``Client``: the client's part of the closing handshake is waited for."""
        self.exchange = None
        self._beneath.exchange = None
        if self._is_open:
            self._beneath.release(HOLD_PEER)
            self._beneath.release(HOLD_PENDING)
            self.deadline = self._plane.now + CLOSE_SECONDS

    # --- a connection

    def hold(self, bit: int) -> None:
        """See ``Connection``."""
        self._beneath.hold(bit)

    def release(self, bit: int) -> None:
        """See ``Connection``."""
        self._beneath.release(bit)

    def close(self) -> None:
        """See ``Connection``."""
        self.end()

    def abort(self) -> None:
        """See ``Connection``."""
        self.end()

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        exchange = self.exchange
        self.is_paused = self._beneath.is_paused
        if exchange is None:
            self.end()
            return
        left = (
            FOREVER if self.is_paused else self._idle_left(exchange, now)
        )  # a client that does not read has its write deadline
        if left > 0.0 and not (exchange.last and now >= exchange.last):
            exchange.set_deadline(0.0 if left == FOREVER else left)
        else:
            exchange.on_deadline(now)

    def _idle_left(self, exchange: Exchange, now: float) -> float:
        """Seconds for which both sides may say nothing yet, as on any upgraded connection: a client waits as it likes between messages,
        and so does a service between its own; ``now`` in coarse loop time."""
        carrier = exchange.carrier
        waits = exchange.phase in (BODY, ANSWER) and not exchange.body.is_done and not (carrier and carrier.is_paused)
        if not waits and exchange.phase != STREAM:
            return 0.0
        idle = exchange.route.settings.tunnel_idle_timeout
        return self._said + idle - now if idle else FOREVER


class SocketAnswer(StreamedAnswer):
    """The messages of an answer, each a line, and how the call went."""

    def __init__(self, call: TranscodedCall, exchange: Exchange, client: CallTold) -> None:
        StreamedAnswer.__init__(self, call, exchange)
        self._client = client
        self._count = 0

    def _written(self, messages: list[bytes]) -> bytes:
        self._count += len(messages)
        return StreamedAnswer._written(self, messages)

    def finish(self) -> bytes:
        status = self._ended()
        if status.is_ok:
            if not self._call.asked.binding.method.is_server_streaming and self._count != 1:
                raise unreadable(f"it has {self._count} messages where one was expected")
            return b""
        self._client.ends_with(status)
        if not self._exchange.is_head_sent:
            self._exchange.response.set_status(status.http_status)  # for logs
        return b'{"error":%b}\n' % orjson.dumps(told_of(self._call, self._exchange, status))


def _handshake_fields(exchange: Exchange) -> bytes:
    """Of the 101: of the subprotocols that the client offers the first, as pages end a WebSocket that chooses none of theirs."""
    said = find_field(exchange.request.head, b"sec-websocket-protocol")  # as it came, whatever filters have taken out
    offered = (said or b"").split(b",")[0].strip()
    fields = b"sec-websocket-accept: %b\r\n" % tunnel.accept_of(exchange.request.header(b"sec-websocket-key") or b"")
    return fields + b"sec-websocket-protocol: %b\r\n" % offered if offered else fields
