"""One connection of a client that speaks HTTP/2: how it begins, waits and ends (RFC 9113); ``streams`` has what happens in between.

preface, SETTINGS ──▶ frames ──▶ drained: closed behind the last answer, or GOAWAY, and closed then
                         ├──▶ a fault: GOAWAY, closed; a flood: closed a moment later (``tarpit``)
                         └──▶ idle for too long: GOAWAY, closed
"""

from __future__ import annotations

from typing import Any, Final

from fastgw.core import counters
from fastgw.core import http2_counters as rows
from fastgw.core.exchange.ends import Client
from fastgw.core.http2 import budget
from fastgw.core.http2.link import RECEIVE
from fastgw.core.http2.streams import LAST_STREAM, LEAVING_PING, UNKNOWN, Http2Streams
from fastgw.core.net.peers import accepted_elsewhere
from fastgw.errors import DownstreamError
from fastgw.wire.http2 import frames
from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, NO_ERROR, PROTOCOL_ERROR, Http2Error
from fastgw.wire.http2.frame_kinds import PREFACE
from fastgw.wire.subject import subject_fields

PATIENCE: Final = 1.0  #: seconds of a drain until a client with streams under way is told of it


class Http2Client(Http2Streams):
    """Protocol of one connection."""

    __slots__ = ("_preface", "_stalled_at")

    def _open(self) -> None:
        Http2Streams._open(self)
        self._preface = PREFACE  #: what is still to come of it
        self._stalled_at = -1

    # --- what the event loop calls

    def connection_made(self, transport: Any) -> None:
        """A client connected, and ALPN has chosen HTTP/2."""
        self.attach(transport)
        self.identity = subject_fields(transport.get_extra_info("peercert"))
        self._tls = transport.get_extra_info("ssl_object")
        self._begin(accepted_elsewhere(transport))

    def _begin(self, address: bytes | None) -> None:
        if address is not None and self.address == UNKNOWN:
            self.address = address
        if not self.plane.admit(self):
            self.abort()
            return
        self.start(b"")

    def take_over(self, first: Client, data: bytes) -> None:
        """Be the protocol of a connection on which ``first`` has read the preface of HTTP/2, up to its empty line; ``data``: what came
        behind that."""
        transport = first.transport
        self.attach(transport)
        self.address = first.address
        self.identity = first.identity
        transport.set_protocol(self)
        self.plane.connections.discard(first)
        self.plane.connections.add(self)
        first.is_closed = True
        self.start(PREFACE[:18])
        self.data_received(data)

    def start(self, read: bytes) -> None:
        """Say what we are like; ``read``: of the preface, what somebody has read already."""
        self._adopt(self.listener)
        self._preface = PREFACE[len(read) :]
        spenders = self.plane.spenders
        if spenders is not None and spenders.has(self.address, self.plane.now):
            self._budget = budget.FloodBudget(self.plane.now, budget.SPARSE)
            self._is_sparse = True
            self._set_most()
        self.deadline = self.plane.now + (self.listener.head_timeout or self.listener.idle_timeout)
        limits = self.listener.limits
        said = {
            names.MAX_CONCURRENT_STREAMS: self._most,
            names.MAX_HEADER_LIST_SIZE: limits.head_size,
            names.ENABLE_CONNECT_PROTOCOL: 1,
            names.NO_RFC7540_PRIORITIES: 1,
        }
        self._link.put(names.settings_frame(said) + frames.window_update(0, RECEIVE - names.WINDOW))
        self._link.flush()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.is_closed:
            return
        if self._preface:
            data = self._check_preface(data)
        self._link.reader.feed(data)
        self._read()

    def _check_preface(self, data: bytes) -> bytes:
        """What is behind it (RFC 9113 section 3.4)."""
        size = min(len(data), len(self._preface))
        if data[:size] != self._preface[:size]:
            self._fail(Http2Error(PROTOCOL_ERROR, "the connection does not begin with the preface"))
            return b""
        self._preface = self._preface[size:]
        return data[size:]

    def eof_received(self) -> bool:
        """The client will send no more: nobody half closes a connection of HTTP/2."""
        self.abort()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, and all exchanges on it are aborted now."""
        self.is_closed = True
        self._fd = -1
        self.plane.discharge(self)
        if self._holds:
            self.plane.spenders.tarpit.forget(self)
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            self.plane.unconnected.discard(stream)
            stream.on_reset()
        self._link.leave()

    def pause_writing(self) -> None:
        """The client reads slower than it is sent."""
        self.is_paused = True
        self._stalled_at = -1
        for stream in list(self._streams.values()):
            stream.pause()
        self._watch_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.is_paused = False
        self._go_on()
        if not self.is_closed:
            self._rest()

    def _rest(self) -> None:
        """Nothing more is here to be read, or a stream has ended."""
        if self._streams or not self._is_busy or self.is_paused:
            return  # frames that begin no stream, or a part of one, give it no more time
        self._is_busy = False
        if self._is_going == 2 or self.plane.is_draining:
            self.close()
        else:
            self.deadline = self.plane.now + self.listener.idle_timeout

    def _fail(self, error: Http2Error) -> None:
        """The connection cannot go on."""
        plane = self.plane
        plane.values[counters.HTTP2_FAILURES] += 1
        typed = DownstreamError(400, "http2", str(error))
        plane.on_bad_request(self, typed)
        self._link.put(frames.goaway(self._last, error.code, error.detail))
        self._is_going = 2
        if error.code == ENHANCE_YOUR_CALM:
            plane.values[rows.FLOODS] += 1
            if plane.spenders is None:
                plane.spenders = budget.Spenders(plane.values)
            plane.spenders.add(self.address, plane.now)
            self._wait_for_end()
        elif self._is_sparse:  # another way to come again at once
            self._wait_for_end()
        else:
            self.close()
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            plane.unconnected.discard(stream)
            stream.on_reset()
        if self._holds:
            self._link.leave()  # with what it has sent and nobody will read

    def _wait_for_end(self) -> None:
        """Nothing more is read or written, and the connection closes a moment later."""
        self._link.flush()
        if not self.is_closed:
            self.plane.spenders.tarpit.take(self, self.plane.now)
            self.is_closed = True
            self._fd = -1

    # --- the end

    def on_drain(self) -> None:
        """See ``Client``: it ends when its streams have, or is told to begin no more.

        Some clients give up what is under way when they are told so; most of that has ended within ``PATIENCE``.
        """
        if not self._is_going and not self.is_closed and not self.is_paused:
            self.deadline = self.plane.now + PATIENCE

    def _say_goodbye(self) -> None:
        """Begin no more streams; and which was the last, when that has been heard (section 6.8)."""
        self._is_going = 1
        self._link.put(frames.goaway(LAST_STREAM, NO_ERROR) + frames.ping(LEAVING_PING, False))

    def close(self) -> None:
        """See ``Connection``; a client that does not take what is queued has the write deadline to do so."""
        if not self.is_closed:
            if not self._is_going:
                self._is_going = 2
                if self._is_begun:
                    self._link.put(frames.goaway(self._last, NO_ERROR))
            self._link.flush()
            self._watch_writing()
            Http2Streams.close(self)

    def abort(self) -> None:
        """See ``Connection``: what was answered in this very turn is not lost."""
        if not self.is_closed and self.transport is not None:
            self._link.flush()
        Http2Streams.abort(self)

    # --- deadlines

    def _watch_writing(self) -> None:
        if self.listener.write_timeout:
            self.deadline = self.plane.now + self.listener.write_timeout

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        if self.is_closed:
            self.abort()
        elif self.is_paused:
            queued = self.transport.get_write_buffer_size()
            if queued == self._stalled_at:
                self.abort()
            else:
                self._stalled_at = queued
                self._watch_writing()
        elif not self._streams:
            self.close()
        elif self.plane.is_draining and not self._is_going:
            self._say_goodbye()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in progress."""
        return not self._streams

    def __repr__(self) -> str:
        return f"<Http2Client {self.address.decode('latin-1')} streams={len(self._streams)}>"
