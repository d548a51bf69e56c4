"""What either end of a connection of HTTP/2 has: frames and fields both ways, what the peer says of itself, the window of the connection.

Frames are gathered until everything that is ready has been read: the answers of many streams that come in one turn leave in one write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core.net.turns import Later
from fastgw.wire import scan
from fastgw.wire.http2 import frames
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import FLOW_CONTROL_ERROR, Http2Error, StreamError
from fastgw.wire.http2.frame_kinds import ACK, FRAME_MOST, SETTINGS
from fastgw.wire.http2.frames import FrameReader
from fastgw.wire.http2.settings import WINDOW, WINDOW_MOST, Settings

if TYPE_CHECKING:
    from fastgw.core.net.connection import Connection
    from fastgw.core.net.turns import Turn
    from fastgw.core.plane import Plane

#: Bytes of DATA that the peer may send on the whole connection before it is told of more.  It is told when half of them have come, whoever
#: takes them: so a stream that nobody reads holds up itself alone (RFC 9113 section 5.2.2).
RECEIVE: int = 1024 * 1024
_HALF: int = RECEIVE // 2
SMALL_WINDOW: int = 256  #: bytes of a WINDOW_UPDATE that is hardly worth its frame
WIDE: int = 4096  #: bytes of a window that holds up nobody
UPDATES: int = 4  #: small WINDOW_UPDATEs for each DATA
CREDIT_MOST: int = 4096
PIECE_LEAST: int = 1024  #: bytes of what waits in one piece, however small the frames were


def put_early(early: list[bytes], payload: bytes) -> None:
    """Have the ``payload`` of DATA wait behind what waits in ``early``: a peer that sends it byte by byte makes few pieces of it."""
    if payload and early and len(early[-1]) < PIECE_LEAST:
        early[-1] += payload
    else:
        early.append(payload)


def turn_of(plane: Plane) -> Turn | None:
    """The turns of the worker's poller, if it has one."""
    poller = plane.poller
    return None if poller is None else poller.turn


class Http2Link(Later):
    """One connection."""

    __slots__ = (
        "_connection",
        "_credit",
        "_is_scheduled",
        "_loop",
        "_out",
        "_received",
        "_turn",
        "decoder",
        "encoder",
        "has_sent",
        "peer",
        "reader",
        "window",
    )

    def __init__(
        self, connection: Connection, loop: Any, turn: Turn | None, block_most: int, remembered: int = 0
    ) -> None:
        """``turn``: of the poller that tells ``connection`` what has come; None: the loop does.  ``block_most``: bytes of a header block;
        ``remembered``: see ``FieldEncoder``."""
        self._connection: Connection | None = connection
        self._loop = loop
        self._turn = turn
        self._out: list[bytes] = []  # frames of this turn
        self._is_scheduled = False
        self._received = 0  # bytes of DATA that the peer was not told of
        self.reader = FrameReader(block_most)
        self.decoder = FieldDecoder()
        self.encoder = FieldEncoder(remembered)
        self.peer = Settings()  #: as it says of itself
        self.window = WINDOW  #: bytes of DATA that it takes on all streams together
        #: DATA was sent since its last PING: those of gRPC measure how long a way DATA has, once for each that it has made.
        self.has_sent = False
        self._credit = 0  # small WINDOW_UPDATEs that DATA which was sent explains

    def put(self, data: bytes) -> None:
        """Send these frames, behind those before them, before the loop waits again."""
        self._out.append(data)
        if not self._is_scheduled and self._connection is not None:
            self._is_scheduled = True
            turn = self._turn
            if turn is not None and turn.is_open:
                turn.ask(self)
            else:
                self._loop.call_soon(self.on_turn_over)

    def on_turn_over(self) -> None:
        """See ``Later``."""
        self._is_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Send what was gathered, now."""
        out = self._out
        if out:
            self._out = []
            if self._connection is not None:
                self._connection.write(out[0] if len(out) == 1 else scan.join(tuple(out)))

    def leave(self) -> None:
        """The connection is gone: hold it no more, or both would wait for the collector, with all that was read."""
        self._connection = None
        self._out = []
        self.reader.clear()

    def put_data(self, number: int, data: bytes, window: int, is_last: bool) -> int:
        """Send DATA of stream ``number``, as much of ``data`` as its ``window`` and that of the connection take, and behind the last byte
        the end of the stream, if that ``is_last``; returns how many bytes that were.  No data and no end are no frame."""
        size = len(data)
        most = min(size, window, self.window)
        if most < 0:
            most = 0
        at = 0
        while at < most:
            stop = min(most, at + FRAME_MOST)
            self.put(frames.data_head(number, stop - at, is_last and stop == size))
            self.put(data if stop - at == size else data[at:stop])
            at = stop
        if not size and is_last:
            self.put(frames.data_head(number, 0, True))
        self.window -= most
        if most:
            self.has_sent = True
            self._credit = min(self._credit + UPDATES, CREDIT_MOST)
        return most

    def is_worth(self, size: int, window: int) -> bool:
        """Whether a WINDOW_UPDATE of ``size`` bytes, of a window that has ``window`` before it, is worth its frame.

        A few small ones behind DATA are how the C core of gRPC reads, of a window that is wide; of one that is not they are an attack
        (CVE-2019-9511)."""
        if size >= SMALL_WINDOW:
            return True
        if window < WIDE or self._credit <= 0:
            return False
        self._credit -= 1
        return True

    def take_settings(self, payload: bytes, is_from_client: bool, streams: list[Any]) -> int:
        """The peer has said SETTINGS: take and acknowledge them; by how many bytes the windows of ``streams``, all there are, have grown.

        Raises:
            Http2Error: a value is none; or with it a window is larger than any may be, which is of the connection (RFC 9113 section 6.9.2).
        """
        before = self.peer.window
        self.peer.read(payload, is_from_client)
        self.encoder.resize(self.peer.table)
        self.put(frames.frame(SETTINGS, ACK, 0, b""))
        more: int = self.peer.window - before
        if more:
            for stream in streams:
                try:
                    stream.widen(more)
                except StreamError as error:
                    raise Http2Error(FLOW_CONTROL_ERROR, error.detail) from None
        return more

    def widen(self, size: int) -> None:
        """WINDOW_UPDATE of the connection.

        Raises:
            Http2Error: FLOW_CONTROL_ERROR: no window is so large (RFC 9113 section 6.9.1).
        """
        if self.window + size > WINDOW_MOST:
            raise Http2Error(FLOW_CONTROL_ERROR, "the window of the connection is larger than any may be")
        self.window += size

    def count(self, size: int) -> None:
        """DATA of ``size`` bytes has come, its padding counted.

        Raises:
            Http2Error: FLOW_CONTROL_ERROR: it was more than the peer may send.
        """
        self._received += size
        if self._received > RECEIVE:
            raise Http2Error(FLOW_CONTROL_ERROR, "there is more DATA than the window of the connection allows")
        if self._received >= _HALF:
            self.put(frames.window_update(0, self._received))
            self._received = 0
