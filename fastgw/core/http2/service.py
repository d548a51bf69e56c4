"""One connection to a service that speaks HTTP/2 (RFC 9113): each of its streams carries one exchange.

    preface, SETTINGS ──▶ the service's SETTINGS: open ──▶ frames ──▶ GOAWAY from there: no more streams, closed behind the last
                              └──▶ none, or something else: not open     ├──▶ a fault: GOAWAY, closed, every exchange fails
                                                                         └──▶ no answer to PING: closed, every exchange fails

A connection counts as open when the SETTINGS of the service have come.  So how many streams it takes is known before the first, and what
does not speak HTTP/2 is a connection that could not be opened: nothing of a request has left.

What a frame of one stream does wrong ends that stream and its exchange; what nobody could go on behind ends the connection.  Streams that
we have reset may have frames under way, which are ignored: of as many as are remembered for nothing, and of others for a little of the
budget that bounds what serves nobody (``budget``).

A dead peer is found by PING (``pinging``).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import http2_counters as rows
from fastgw.core.causes import excerpt, words
from fastgw.core.http2 import budget
from fastgw.core.http2.carrier import RECEIVE, Bearing, Http2Carrier
from fastgw.core.http2.link import RECEIVE as RECEIVE_ALL
from fastgw.core.http2.link import Http2Link, turn_of
from fastgw.core.http2.pinging import ASK, DEAD, PAYLOAD, Pinging
from fastgw.core.net.connection import Connection
from fastgw.wire.http2 import errors as codes
from fastgw.wire.http2 import frames
from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.errors import Http2Error, StreamError, name_of
from fastgw.wire.http2.frame_kinds import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    NONE,
    PING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.plane import Plane

BLOCK_MOST: Final = (
    256 * 1024
)  #: bytes of a header block; far above what a listener allows of an answer's head, as each is read to its end
UNASKED_HEAD: Final = 64 * 1024  #: bytes of the fields of a stream that nobody waits for
REMEMBERED: Final = 64  #: sets of field lines of requests that may come again
REST: Final = 1.0  #: seconds of silence, behind which the first stream may have to ask whether anybody is there
RESETS_REMEMBERED: Final = 256  #: streams that we have reset, whose frames may still be under way
LAST_STREAM: Final = 2**31 - 1
NOWHERE, SHARED, IDLE = range(3)  #: where a pool has it


class Http2Service(Bearing):
    """Protocol of one connection; made by its pool, which it never leaves."""

    __slots__ = (
        *("_budget", "_first", "_heard_at", "_is_open", "_parting", "_pinging", "_resets", "_said_at"),
        "idle_since",
        "is_going",
        "is_member",
        "last",
        "link",
        "most",
        "opened",
        "place",
        "pool",
        "streams",
        "uses",
        "why",
    )

    def __init__(self, pool: Any, plane: Plane) -> None:
        """``pool``: an ``Http2Pool``."""
        Connection.__init__(self)
        self.pool = pool
        self.plane = plane
        self.link = Http2Link(self, plane.loop, turn_of(plane), BLOCK_MOST, REMEMBERED)
        self.opened: asyncio.Future[None] = (
            plane.loop.create_future()
        )  #: done when the service has said SETTINGS, or will not
        self.is_member = False  #: counted in the pool's size
        self.is_going = False  #: no stream begins any more
        self.place = NOWHERE
        self.idle_since = plane.now
        self.uses = 0  #: streams so far
        self.last = -1  #: the stream that was begun last
        self.most = 0  #: streams at once
        self.streams: dict[int, Http2Carrier] = {}
        self.why = ""  #: the service takes leave, as it says; empty: it did not
        self._budget = budget.FloodBudget(plane.now)
        self._is_open = False  # SETTINGS have come
        self._first = b""  # what came first, as long as they have not
        self._parting = b""  # what is said when we close
        self._resets: dict[int, None] = {}
        self._heard_at = self._said_at = plane.now  # anything, and something that is no answer to PING
        self._pinging = Pinging()

    def __repr__(self) -> str:
        return f"<Http2Service streams={len(self.streams)}/{self.most} going={self.is_going}>"

    # --- what the pool does with it

    def has_room(self) -> bool:
        """Whether one more stream may begin."""
        return not self.is_going and not self.is_closed and len(self.streams) < self.most

    def carrier(self, exchange: Exchange) -> Http2Carrier:
        """What carries one more exchange."""
        if exchange.request.rare and exchange.request.upgrade:
            from fastgw.core.http2.upgrade import UpgradeCarrier  # which few need

            return UpgradeCarrier(self, self.link)
        return Http2Carrier(self, self.link)

    def apply(self) -> None:
        """The pool's settings are others, or the service's."""
        if self._is_open:
            self.most = min(self.link.peer.concurrent_streams, self.pool.settings.max_streams)

    def sweep(self, now: float) -> None:
        """Find out whether the service is there; ``now`` in coarse loop time."""
        if self.streams or self._pinging.is_awaited:
            what = self._pinging.next(now, self._heard_at, self._said_at, self.pool.settings)
            if what == ASK:
                self.link.put(frames.ping(PAYLOAD, False))
            elif what == DEAD:
                self.plane.values[rows.UPSTREAM_DEAD] += 1
                self.lose(f"the service did not answer PING in {self.pool.settings.ping_timeout:g} s")

    # --- what its streams do

    def begin(self, stream: Http2Carrier) -> int:
        """See ``Bearing``."""
        self.last += 2
        number = self.last
        self.uses += 1
        self.streams[number] = stream
        if number >= LAST_STREAM:
            self.leave("all numbers of its streams are used")
        elif self.place == IDLE:
            if self.plane.now - self._heard_at > REST:
                self.plane.loop.call_soon(self.sweep, self.plane.now)  # behind the head
            self.pool.arrange(self)
        elif len(self.streams) >= self.most:
            self.pool.arrange(self)
        return number

    def forget(self, stream: Http2Carrier, code: int) -> None:
        """See ``Bearing``."""
        stream.is_closed = True
        if self.streams.pop(stream.id, None) is None:
            return
        if code < 0:
            self._budget.earn()
        elif not self.is_closed:
            self.link.put(frames.reset(stream.id, code))
            self._resets[stream.id] = None
            if len(self._resets) > RESETS_REMEMBERED:
                del self._resets[next(iter(self._resets))]
        self._on_stream_over()

    def _on_stream_over(self) -> None:
        if self.is_going:
            if not self.streams and not self.is_closed:
                self.close()
        else:
            self.pool.on_room(self)

    # --- what the event loop calls

    def connection_made(self, transport: Any) -> None:
        """The connection (and its TLS handshake) is complete: say what we are like."""
        self.attach(transport)
        said = {names.ENABLE_PUSH: 0, names.INITIAL_WINDOW_SIZE: RECEIVE, names.MAX_HEADER_LIST_SIZE: UNASKED_HEAD}
        more = frames.window_update(0, RECEIVE_ALL - names.WINDOW)
        self.link.put(PREFACE + names.settings_frame(said) + more)
        self.link.flush()

    def data_received(self, data: bytes) -> None:
        """Bytes from the service."""
        if self.is_closed:
            return
        if not self._is_open:
            self._first = self._first or data
            if self._first[0]:  # a frame of HTTP/2 that begins so would be larger than any may be
                self.lose(f"the service does not speak HTTP/2: it sent {excerpt(data)}")
                return
        reader = self.link.reader
        reader.feed(data)
        self._heard_at = self.plane.now
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

    def eof_received(self) -> bool:
        """The service will say no more: nobody half closes a connection of HTTP/2."""
        self.lose("the service closed the connection")
        return False

    def keeps_rest(self) -> bool:
        """See ``Connection``: answers may stand in front of a reset."""
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        if error is not None and not self.is_closed:
            self.read_rest()
        self.is_closed = True
        self._fd = -1
        self._end(
            f"the connection ended ({words(error)})" if error is not None else "the service closed the connection"
        )
        self.pool.on_closed(self)
        self.link.leave()

    def pause_writing(self) -> None:
        """The service reads slower than it is sent."""
        self.is_paused = True
        for stream in list(self.streams.values()):
            stream.pause()

    def resume_writing(self) -> None:
        """The service has caught up."""
        self.is_paused = False
        self._go_on()

    def _go_on(self) -> None:
        for stream in list(self.streams.values()):
            stream.go_on()

    # --- frames

    def _take(self, kind: int) -> None:
        link = self.link
        reader = link.reader
        if not self._is_open and (kind != SETTINGS or reader.flags & ACK):
            raise Http2Error(codes.PROTOCOL_ERROR, "what comes first is not SETTINGS")
        if kind == DATA:
            self._said_at = self._heard_at
            self._on_data(reader.stream, reader.payload, reader.size, reader.flags & END_STREAM != 0)
        elif kind == HEADERS:
            self._said_at = self._heard_at
            self._on_headers(reader.stream, reader.payload, reader.flags & END_STREAM != 0)
        elif kind == WINDOW_UPDATE:
            self._on_window(reader.stream, int.from_bytes(reader.payload, "big") & 0x7FFFFFFF)
        elif kind == RST_STREAM:
            self._on_reset(reader.stream, int.from_bytes(reader.payload, "big"))
        elif kind == SETTINGS:
            self._on_settings(reader.payload, reader.flags & ACK != 0)
        elif kind == PING:
            if reader.flags & ACK:
                self._pinging.on_answer()
            else:
                if not link.has_sent:
                    self._spend(budget.CONTROL, "PING")
                link.has_sent = False
                link.put(frames.ping(reader.payload, True))
        elif kind == GOAWAY:
            self._on_goaway(reader.payload)
        elif kind == PUSH_PROMISE:
            raise Http2Error(codes.PROTOCOL_ERROR, "the service promises a push, which it was told not to")
        else:
            self._spend(budget.CONTROL, "PRIORITY")

    def _spend(self, cost: float, what: str) -> None:
        self._budget.spend(cost, what, self.plane.now)

    def _check_begun(self, number: int, what: str) -> None:
        """Raise Http2Error if a stream has not begun on which a frame has come that nobody waits for; it may be one that is over."""
        if number > self.last or not number & 1:
            raise Http2Error(codes.PROTOCOL_ERROR, f"{what} of stream {number}, which has not begun")
        if number not in self._resets:
            self._spend(budget.EMPTY, f"{what} of streams that are over")

    def _on_headers(self, number: int, block: bytes, is_last: bool) -> None:
        stream = self.streams.get(number)
        decoder = self.link.decoder
        if stream is None:
            decoder.decode(block, UNASKED_HEAD)  # the next block refers to this one
            self._check_begun(number, "HEADERS")
            return
        limit = stream.head_most()
        fields = decoder.decode(block, limit)
        if decoder.is_too_large:
            raise StreamError(number, codes.CANCEL, f"the head of the service's answer is larger than {limit} bytes")
        stream.on_fields(fields, is_last)

    def _on_data(self, number: int, payload: bytes, size: int, is_last: bool) -> None:
        self.link.count(size)
        if not payload and not is_last:
            self._spend(budget.EMPTY, "DATA without a byte")
        stream = self.streams.get(number)
        if stream is not None:
            stream.on_data(payload, size, is_last)
        else:
            self._check_begun(number, "DATA")

    def _on_window(self, number: int, size: int) -> None:
        stream = self.streams.get(number)
        if not self.link.is_worth(size, self.link.window if stream is None else stream.window):
            self._spend(budget.EMPTY, "small windows")
        if number == 0:
            if size == 0:
                raise Http2Error(codes.PROTOCOL_ERROR, "WINDOW_UPDATE of no byte")
            was = self.link.window
            self.link.widen(size)
            if was <= 0:
                self._go_on()
            return
        if stream is not None:
            if size == 0:
                raise StreamError(number, codes.PROTOCOL_ERROR, "WINDOW_UPDATE of no byte")
            stream.widen(size)
            stream.go_on()
        elif number > self.last or not number & 1:
            raise Http2Error(codes.PROTOCOL_ERROR, f"WINDOW_UPDATE of stream {number}, which has not begun")

    def _on_reset(self, number: int, code: int) -> None:
        stream = self.streams.pop(number, None)
        if stream is None:
            self._check_begun(number, "RST_STREAM")
            return
        said = f"the service reset the stream ({name_of(code)})"
        if code == codes.REFUSED_STREAM:
            stream.on_unseen(said)
        else:
            stream.on_reset(said, is_kept=False)
        self._on_stream_over()

    def _on_settings(self, payload: bytes, is_answer: bool) -> None:
        if is_answer:
            return
        self._spend(budget.CONTROL, "SETTINGS")
        more = self.link.take_settings(payload, False, list(self.streams.values()))
        if not self._is_open:
            self._is_open = True
            self._first = b""
            self._parting = frames.goaway(0, codes.NO_ERROR)
            if not self.opened.done():
                self.opened.set_result(None)
        self.apply()
        if more > 0:
            self._go_on()
        if self.is_member and not self.is_going:
            self.pool.on_room(self)

    def _on_goaway(self, payload: bytes) -> None:
        """The service takes no more streams, and has not looked at those behind the last that it names (section 6.8)."""
        last = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
        code = int.from_bytes(payload[4:8], "big")
        self._spend(budget.CONTROL, "GOAWAY")
        self.plane.values[rows.UPSTREAM_GOAWAYS] += not self.why  # some say it twice
        detail = f", {excerpt(payload[8:])}" if len(payload) > 8 else ""
        self.leave(f"the service took leave of the connection (GOAWAY, {name_of(code)}{detail})")
        for number in [one for one in self.streams if one > last]:
            stream = self.streams.pop(number, None)
            if stream is not None:
                stream.on_unseen(self.why)
        if not self.streams and not self.is_closed:
            self.close()

    def _refuse(self, error: StreamError) -> None:
        """One stream did what it may not."""
        stream = self.streams.get(error.stream)
        try:
            self._spend(budget.RESET, str(error))
        except Http2Error as spent:
            self._fail(spent)
            return
        if stream is None:
            self.link.put(frames.reset(error.stream, error.code))
        else:
            stream.refuse(error)

    # --- the end

    def leave(self, why: str) -> None:
        """Begin no more streams, for this reason."""
        self.why = self.why or why
        if not self.is_going:
            self.is_going = True
            self.pool.on_leaving(self)

    def _fail(self, error: Http2Error) -> None:
        """The service did what nobody could go on behind."""
        came = f": it sent {excerpt(self._first)}" if self._first else ""
        self._parting = frames.goaway(0, error.code, error.detail)
        self._end(f"the service broke the rules of HTTP/2 ({error}{came})", is_fault=True)

    def lose(self, reason: str) -> None:
        """There is nobody any more, or nobody answers."""
        if not self.is_closed:
            self._parting = b""
            self._end(reason)

    def _end(self, reason: str, *, is_fault: bool = False) -> None:
        """Close, and fail what is under way; ``is_fault``: what came cannot be read on."""
        reason = f"{reason}; {self.why}" if self.why else reason
        self.leave(reason)
        if not self.opened.done():
            self.opened.set_exception(OSError(reason))
        streams, self.streams = self.streams, {}
        if not self.is_closed:
            self.close()
        is_kept = self.uses > len(streams)
        for stream in streams.values():
            if is_fault:
                stream.on_fault(reason)
            else:
                stream.on_reset(reason, is_kept=is_kept)

    def close(self) -> None:
        """See ``Connection``: the service is told that it is meant so."""
        if not self.is_closed:
            self._part()
            Connection.close(self)

    def abort(self) -> None:
        """See ``Connection``: the same of one with nothing under way."""
        if not self.is_closed and self.transport is not None:
            self._part()
        Connection.abort(self)

    def _part(self) -> None:
        self.leave("the connection is closed")
        if self._parting:
            self.link.put(self._parting)
        self.link.flush()
