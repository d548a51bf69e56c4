"""The streams of a connection of a client: frames in, a stream for each request (RFC 9113).

What a frame of one stream does wrong ends that stream; what nobody could go on behind (fields that cannot be decoded, a broken frame, too
much that serves nobody) ends the connection with GOAWAY.  A stream that we have reset may have frames under way: those are ignored, for as
many streams as are remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.ends import Client
from fastgw.core.exchange.reply import error_reply
from fastgw.core.http1 import heads
from fastgw.core.http2 import budget
from fastgw.core.http2.budget import FloodBudget
from fastgw.core.http2.link import Http2Link, turn_of
from fastgw.core.http2.stream import Http2Stream
from fastgw.core.net.peers import is_within
from fastgw.errors import DownstreamError
from fastgw.wire.errors import WireError
from fastgw.wire.http2 import frames
from fastgw.wire.http2.errors import (
    CANCEL,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    Http2Error,
    StreamError,
)
from fastgw.wire.http2.frame_kinds import (
    ACK,
    DATA,
    END_STREAM,
    HEADERS,
    NONE,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from fastgw.wire.http2.sections import RequestSection, read_trailers

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.snapshot.snapshot import Listener

RESETS_REMEMBERED: Final = 256  #: streams that we have reset, whose frames may still be under way
UNKNOWN: Final = b"unknown"  #: the address of a client that nobody has told yet
LAST_STREAM: Final = 2**31 - 1
STALLED_MOST: Final = 8  #: streams that may wait for windows for as long as ``timeouts.write`` says
ROOM_LEAST: Final = 1024  #: bytes of the window of a new stream, for a client that means to take answers
LEAVING_PING: Final = b"leaving."


class Http2Streams(Client):
    """The reading half of ``Http2Client``."""

    __slots__ = (
        "_budget",
        "_generation",
        "_is_begun",
        "_is_busy",
        "_is_going",
        "_is_reading",
        "_is_sparse",
        "_last",
        "_link",
        "_most",
        "_resets",
        "_right",
        "_section",
        "_streams",
        "_tls",
        "plane",
    )

    def __init__(self, plane: DataPlane, listener: Listener) -> None:
        Client.__init__(self, listener, UNKNOWN)  # a PROXY header may announce another address
        self.plane = plane
        self._link = Http2Link(self, plane.loop, turn_of(plane), listener.limits.head_size)
        self._budget = FloodBudget(plane.now)

    def _open(self) -> None:
        Client._open(self)
        self.version = b"2"
        self._generation = 0  #: of the plane when ``listener`` was looked up
        self._is_begun = False  #: the first frame has come, which is SETTINGS
        self._is_busy = False  #: there have been streams since it was idle
        self._is_reading = False
        self._is_sparse = False  #: its address has misused HTTP/2 lately
        self._most = 0  #: streams that may be under way
        self._tls: Any = None  #: of the connection (``net.handshake.Handshake``); None: it has none
        self._right = b""  #: host of a request that belonged here
        self._is_going = 0  #: 1: the peer was told to begin no more; 2: and which stream was the last
        self._last = 0  #: the highest stream that the peer has begun
        self._streams: dict[int, Http2Stream] = {}
        self._resets: dict[int, None] = {}
        self._section = RequestSection()

    def _rest(self) -> None:
        """Nothing more is here to be read, or a stream has ended."""
        raise NotImplementedError

    def _fail(self, error: Http2Error) -> None:
        """The connection cannot go on."""
        raise NotImplementedError

    def _adopt(self, listener: Listener) -> None:
        self.listener = listener
        self._generation = self.plane.generation
        self.is_trusted = is_within(self.address, listener.trusted) if listener.trusted else False
        self.forwarded = self.identity + heads.forwarded_fields(self.address, listener.scheme, b"2")
        self._set_most()

    def _set_most(self) -> None:
        """How many streams may be under way: few of one who is not trusted with more, or has no room for an answer of any."""
        most = self.listener.limits.streams
        is_few = self._is_sparse or self._link.peer.window < ROOM_LEAST
        self._most = min(most, budget.SPARSE_STREAMS) if is_few else most

    def _read(self) -> None:
        """Take the frames that are here."""
        self._is_reading = True
        reader = self._link.reader
        while not self.is_closed:
            try:
                kind = reader.read()
                if kind == NONE:
                    break
                self._take(kind)
            except StreamError as error:
                self._refuse(error)
            except Http2Error as error:
                self._fail(error)
        self._is_reading = False
        if not self.is_closed:
            self._rest()

    def read_on(self, stream: Http2Stream) -> None:
        """Take the DATA of ``stream``, whose head was read just now, that has come with it."""
        reader = self._link.reader
        while not self.is_closed and stream.exchange is not None and reader.is_next(DATA, stream.id):
            try:
                reader.read()
                self._take(DATA)
            except StreamError as error:
                self._refuse(error)
            except Http2Error as error:
                self._fail(error)

    def _go_on(self) -> None:
        for stream in list(self._streams.values()):
            stream.go_on()

    # --- frames

    def _take(self, kind: int) -> None:
        reader = self._link.reader
        if not self._is_begun:
            if kind != SETTINGS or reader.flags & ACK:
                raise Http2Error(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._is_begun = True
        if kind == HEADERS:
            self._on_headers(reader.stream, reader.payload, reader.flags & END_STREAM != 0)
        elif kind == DATA:
            self._on_data(reader.stream, reader.payload, reader.size, reader.flags & END_STREAM != 0)
        elif kind == WINDOW_UPDATE:
            self._on_window(reader.stream, int.from_bytes(reader.payload, "big") & LAST_STREAM)
        elif kind == RST_STREAM:
            self._on_reset(reader.stream)
        elif kind == SETTINGS:
            self._on_settings(reader.payload, reader.flags & ACK != 0)
        elif kind == PING:
            self._on_ping(reader.payload, reader.flags & ACK != 0)
        elif kind == PRIORITY:
            self._spend(budget.CONTROL, "PRIORITY")
        elif kind == PUSH_PROMISE:
            raise Http2Error(PROTOCOL_ERROR, "a client cannot push")
        else:  # the last of the kinds that are known
            self._spend(budget.CONTROL, "GOAWAY")

    def _spend(self, cost: float, what: str) -> None:
        self._budget.spend(cost, what, self.plane.now)

    def _on_headers(self, number: int, block: bytes, is_last: bool) -> None:
        link = self._link
        limit = self.listener.limits.head_size
        fields = link.decoder.decode(block, limit)  # whatever becomes of them: the next block refers to this one
        stream = self._streams.get(number)
        if stream is not None:
            if stream.is_remote_done:
                raise StreamError(number, STREAM_CLOSED, "HEADERS stands behind the end of the stream")
            if not is_last:
                raise StreamError(number, PROTOCOL_ERROR, "trailers do not end the stream")
            if link.decoder.is_too_large:
                raise StreamError(number, PROTOCOL_ERROR, f"trailers have more than {limit} bytes")
            stream.on_trailers(read_trailers(number, fields))
            return
        if number in self._resets:
            return
        if not number & 1 or number <= self._last:
            raise Http2Error(
                PROTOCOL_ERROR if not number & 1 else STREAM_CLOSED, f"HEADERS of stream {number}, which cannot begin"
            )
        self._last = number
        if self._is_going == 2:
            return  # it was told that nobody will look at this one
        if len(self._streams) >= self._most:
            has_room = self._link.peer.window >= ROOM_LEAST
            self._spend(budget.RESET if has_room else budget.STALLED, "streams beyond those allowed")
            self.plane.values[counters.HTTP2_REFUSED] += 1
            self._reset(number, REFUSED_STREAM)
            return
        if self._generation != self.plane.generation:
            self._adopt(self.plane.listeners.get(self.listener.name, self.listener))
        self._begin_request(number, fields, is_last)

    def _begin_request(self, number: int, fields: list[Any], is_last: bool) -> None:
        listener, plane, link = self.listener, self.plane, self._link
        stream = Http2Stream(self, link, number)
        if link.decoder.is_too_large:
            self._answer(stream, WireError(431, "head_too_large", "the request head is too large"), b"", is_last)
            return
        section = self._section
        section.read(number, fields)
        head = section.head
        exchange = plane.take()
        try:
            if section.protocol:
                from fastgw.core.http2 import tunnel  # which a worker without WebSockets does not need

                head = tunnel.upgrade_head(section, plane.random)
                stream = tunnel.TunnelStream(self, link, number)
            listener.reader.read(head, exchange.request, listener.trusted_table if self.is_trusted else listener.table)
            if self._tls is not None and exchange.request.host != self._right:
                self._check_host(exchange.request.host)
            stream.begin(exchange, is_last)
        except WireError as error:
            plane.give_back(exchange)
            self._answer(stream, error, head, is_last)
            return
        except StreamError:
            plane.give_back(exchange)
            raise
        self._add(stream)
        plane.values[counters.HTTP2_STREAMS] += 1
        if self._is_sparse:  # whatever resets it is here already, most likely
            stream.begin_soon()
        else:
            exchange.begin(stream, listener)

    def _check_host(self, host: bytes) -> None:
        """A client may use a connection for whatever the certificate is good for, and asks anew elsewhere for what it is not."""
        if not self.is_trusted and self._tls.context.is_foreign(host.decode("latin-1"), self._tls.name):
            raise WireError(421, "misdirected", "the certificate of this connection is not that of the authority")
        self._right = host

    def _add(self, stream: Http2Stream) -> None:
        self._streams[stream.id] = stream
        self._is_busy = True
        self.plane.unconnected.add(stream)
        if not self.plane.is_draining and not self.is_paused:  # else it has a deadline that stands
            self.deadline = float("inf")

    def _answer(self, stream: Http2Stream, error: WireError, head: bytes, is_last: bool) -> None:
        """Refuse what is no request that can be served."""
        typed = DownstreamError(error.status, error.code, error.detail, headers=error.headers)
        typed.received = head
        self._spend(budget.RESET + budget.PER_ANSWER, "requests that are refused")  # whose answers earn nothing
        self.plane.on_bad_request(self, typed)
        reply = error_reply(typed, self.listener.fallbacks.first.settings.errors, "")
        self._add(stream)
        body = b"" if head[:5] == b"HEAD " else reply.body
        stream.refuse(reply.status, reply.fields + self.plane.date, body, is_last)

    def _on_data(self, number: int, payload: bytes, size: int, is_last: bool) -> None:
        self._link.count(size)
        if not payload and not is_last:
            self._spend(budget.EMPTY, "DATA without a byte")
        stream = self._streams.get(number)
        if stream is not None:
            stream.on_data(payload, size, is_last)
        elif number > self._last:
            raise Http2Error(PROTOCOL_ERROR, f"DATA of stream {number}, which has not begun")
        elif number not in self._resets:
            raise StreamError(number, STREAM_CLOSED, "DATA of a stream that is closed")

    def _on_window(self, number: int, size: int) -> None:
        stream = self._streams.get(number)
        if not self._link.is_worth(size, self._link.window if number == 0 or stream is None else stream.window):
            self._spend(budget.EMPTY, "small windows")
        if number == 0:
            if size == 0:
                raise Http2Error(PROTOCOL_ERROR, "WINDOW_UPDATE of no byte")
            was = self._link.window
            self._link.widen(size)
            if was <= 0:
                self._go_on()
        elif stream is not None:
            if size == 0:
                raise StreamError(number, PROTOCOL_ERROR, "WINDOW_UPDATE of no byte")
            stream.widen(size)
            stream.go_on()
        elif number > self._last:
            raise Http2Error(PROTOCOL_ERROR, f"WINDOW_UPDATE of stream {number}, which has not begun")

    def _on_reset(self, number: int) -> None:
        if number > self._last:
            raise Http2Error(PROTOCOL_ERROR, f"RST_STREAM of stream {number}, which has not begun")
        stream = self._streams.pop(number, None)
        if stream is not None:
            self.plane.values[counters.HTTP2_RESETS] += 1
            self.plane.unconnected.discard(stream)
            stream.on_reset()
        self._spend(budget.RESET, "RST_STREAM")

    def _on_settings(self, payload: bytes, is_answer: bool) -> None:
        if is_answer:
            return
        self._spend(budget.CONTROL, "SETTINGS")
        more = self._link.take_settings(payload, True, list(self._streams.values()))
        if more:
            self._set_most()
        if more > 0:
            self._go_on()

    def _on_ping(self, payload: bytes, is_answer: bool) -> None:
        if not is_answer:
            if not self._link.has_sent:
                self._spend(budget.CONTROL, "PING")
            self._link.has_sent = False
            self._link.put(frames.ping(payload, True))
        elif payload == LEAVING_PING and self._is_going == 1:
            self._is_going = 2
            self._link.put(frames.goaway(self._last, NO_ERROR))

    # --- streams

    def forget(self, stream: Http2Stream, code: int | None) -> None:
        """``stream`` is over; ``code``: tell its peer so, who does not know it yet."""
        stream.is_closed = True
        self.plane.unconnected.discard(stream)
        if self._streams.pop(stream.id, None) is None or self.is_closed:
            return
        if code is None:
            self._budget.earn()
        else:
            self._reset(stream.id, code)
            if code == NO_ERROR:
                self._budget.earn()
        if not self._is_reading:
            self._rest()

    def reset(self, stream: Http2Stream, code: int) -> None:
        """End ``stream`` at once, with its exchange."""
        self.forget(stream, code)
        stream.on_reset()

    def is_crowded(self) -> bool:
        """Whether so many streams wait for windows as no client lets wait that takes what it asks for; while the whole connection takes
        nothing that is no stream's fault."""
        return not self.is_paused and sum(one.is_paused for one in self._streams.values()) > STALLED_MOST

    def give_up(self, stream: Http2Stream) -> None:
        """``stream`` has an answer, and a service's connection, that nobody takes."""
        try:
            self._spend(budget.STALLED, "streams without room for their answer")
        except Http2Error as spent:
            self._fail(spent)
            return
        self.reset(stream, CANCEL)

    def _reset(self, number: int, code: int) -> None:
        self._link.put(frames.reset(number, code))
        self._remember(number)

    def _remember(self, number: int) -> None:
        self._resets[number] = None
        if len(self._resets) > RESETS_REMEMBERED:
            del self._resets[next(iter(self._resets))]

    def _refuse(self, error: StreamError) -> None:
        """One stream did what it may not."""
        plane = self.plane
        plane.values[counters.HTTP2_STREAM_ERRORS] += 1
        stream = self._streams.get(error.stream)
        try:
            self._spend(budget.RESET, str(error))
        except Http2Error as spent:
            self._fail(spent)
            return
        if stream is None:
            self._reset(error.stream, error.code)
            return
        if stream.exchange is not None and stream.exchange.error is None:
            stream.exchange.error = DownstreamError(400, "malformed", error.detail)
        self.reset(stream, error.code)
