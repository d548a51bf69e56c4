"""Frames of HTTP/2 (RFC 9113 section 4 and 6): bytes to frames and back.

The reader checks what can be said of a frame alone: its size, whether it is of a stream, its padding; and puts a header block together
(section 4.3), which nothing may interrupt.  What a frame means is up to the connection.
"""

from __future__ import annotations

import struct

from fastgw.wire import scan
from fastgw.wire.http2 import octets
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, PROTOCOL_ERROR, Http2Error, StreamError
from fastgw.wire.http2.frame_kinds import (
    ACK,
    CONTINUATION,
    CONTINUATIONS_MOST,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_MOST,
    GOAWAY,
    HEAD_SIZE,
    HEADERS,
    NONE,
    PADDED,
    PING,
    PRIORITIZED,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    SMALL,
    WINDOW_UPDATE,
)


class FrameReader:
    """Takes frames out of the bytes of one connection.

    ``feed`` it, then call ``read`` until it returns ``NONE``; in between ``flags``, ``stream``, ``payload`` and ``size`` are of the frame
    that was read last.  Small frames of DATA that stand one behind the other are read as one.
    """

    __slots__ = (
        "_at",
        "_block",
        "_block_flags",
        "_block_most",
        "_block_stream",
        "_continued",
        "_data",
        "flags",
        "payload",
        "size",
        "stream",
    )

    def __init__(self, block_most: int) -> None:
        """``block_most``: bytes of a header block."""
        self._block_most = block_most
        self._data = b""
        self._at = 0
        self._block: list[bytes] = []  # what is here of a header block that is not whole
        self._block_flags = self._block_stream = 0
        self._continued = 0  # frames of it behind the first
        self.flags = 0
        self.stream = 0
        self.payload = b""  #: of DATA without its padding, of HEADERS the whole block
        self.size = 0  #: bytes of the frame on the wire behind its head, which is what flow control counts of DATA

    def feed(self, data: bytes) -> None:
        """Bytes that have come."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def clear(self) -> None:
        """Nobody reads on."""
        self._data = b""
        self._at = 0
        self._block = []

    @property
    def held(self) -> int:
        """Bytes that are here and not read: never more than a frame and what was fed last."""
        return len(self._data) - self._at + sum(map(len, self._block))

    @property
    def is_inside_block(self) -> bool:
        """Whether the rest of a header block must come next."""
        return bool(self._block)

    def is_next(self, kind: int, stream: int) -> bool:
        """Whether the next frame is one of this kind and stream, and here as a whole."""
        data, at = self._data, self._at
        if len(data) - at < HEAD_SIZE or data[at + 3] != kind or self._block:
            return False
        size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
        number = (data[at + 5] & 0x7F) << 24 | data[at + 6] << 16 | data[at + 7] << 8 | data[at + 8]
        return number == stream and len(data) - at >= HEAD_SIZE + size

    def read(self) -> int:
        """The kind of the next frame, one that is known; ``NONE``: it is not here yet.

        Raises:
            Http2Error: the connection cannot go on.
            StreamError: the frame is none, and was skipped.
        """
        while True:
            data, at = self._data, self._at
            if len(data) - at < HEAD_SIZE:
                return NONE
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            kind = data[at + 3]
            if size > FRAME_MOST:
                raise Http2Error(FRAME_SIZE_ERROR, f"a frame has {size} bytes, and {FRAME_MOST} are allowed")
            if len(data) - at < HEAD_SIZE + size:
                return NONE
            self.flags = data[at + 4]
            self.stream = (data[at + 5] & 0x7F) << 24 | data[at + 6] << 16 | data[at + 7] << 8 | data[at + 8]
            self._at = at + HEAD_SIZE + size
            self.size = size
            self.payload = scan.cut(data, at + HEAD_SIZE, at + HEAD_SIZE + size)
            if self._block:
                if self._continue(kind):
                    return HEADERS
            elif kind == DATA:
                self._check(kind, size)
                if self.flags & PADDED:
                    self._unpad(0)
                elif 0 < size <= SMALL and not self.flags & END_STREAM:
                    self._gather()
                return DATA
            elif kind == HEADERS:
                self._check(kind, size)
                if self._begin_block():
                    return HEADERS
            elif kind <= CONTINUATION:
                self._check(kind, size)
                if kind == CONTINUATION:
                    raise Http2Error(PROTOCOL_ERROR, "CONTINUATION stands where no header block is open")
                if kind == PRIORITY:
                    self._check_dependency(self.payload[:4])
                return kind
            # A kind that is not known is ignored (section 5.5).

    def _gather(self) -> None:
        """Make one of this DATA and of what stands behind it of the same stream and is here as a whole: nobody wants to be called, or to
        call the system, for each byte of a peer that sends them one by one."""
        data, at, total = self._data, self._at, self.size
        pieces: list[bytes] = []
        while len(data) - at > HEAD_SIZE and data[at + 3] == DATA:
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            flags = data[at + 4]
            number = (data[at + 5] & 0x7F) << 24 | data[at + 6] << 16 | data[at + 7] << 8 | data[at + 8]
            if not 0 < size <= SMALL or total + size > FRAME_MOST or flags & PADDED or number != self.stream:
                break
            stop = at + HEAD_SIZE + size
            if stop > len(data):
                break
            if not pieces:
                pieces.append(self.payload)
            pieces.append(scan.cut(data, at + HEAD_SIZE, stop))
            total += size
            at = stop
            self.flags = flags
            if flags & END_STREAM:
                break
        if pieces:
            self._at, self.size = at, total
            self.payload = b"".join(pieces)

    def _check(self, kind: int, size: int) -> None:
        """Raise what is wrong with a frame of this kind and size."""
        of_connection = kind in (SETTINGS, PING, GOAWAY)
        if self.stream == 0:
            if not of_connection and kind != WINDOW_UPDATE:  # which may be of either
                raise Http2Error(PROTOCOL_ERROR, f"a frame of the kind {kind} is of no stream")
        elif of_connection:
            raise Http2Error(PROTOCOL_ERROR, f"a frame of the kind {kind} is of a stream")
        right = size
        if kind in (RST_STREAM, WINDOW_UPDATE):
            right = 4
        elif kind == PING:
            right = 8
        elif kind == PRIORITY:
            right = 5
        if size != right:
            if kind == PRIORITY:
                raise StreamError(self.stream, FRAME_SIZE_ERROR, "PRIORITY has not 5 bytes")
            raise Http2Error(FRAME_SIZE_ERROR, f"a frame of the kind {kind} has {size} bytes in the place of {right}")
        if (kind == SETTINGS and (size % 6 or (self.flags & ACK and size))) or (kind == GOAWAY and size < 8):
            raise Http2Error(FRAME_SIZE_ERROR, f"a frame of the kind {kind} has {size} bytes")

    def _check_dependency(self, data: bytes) -> None:
        """Nobody follows priorities any more, and a stream that depends on itself is a mistake nevertheless (RFC 7540 section 5.3.1)."""
        if int.from_bytes(data, "big") & 0x7FFFFFFF == self.stream:
            raise Http2Error(PROTOCOL_ERROR, f"stream {self.stream} depends on itself")

    def _unpad(self, behind: int) -> None:
        """Take the padding, and so many bytes behind its length, out of ``payload`` (section 6.1)."""
        payload = self.payload
        start = 1 + behind
        if len(payload) < start or payload[0] > len(payload) - start:
            raise Http2Error(PROTOCOL_ERROR, "a frame has more padding than bytes")
        self.payload = payload[start : len(payload) - payload[0]]

    def _begin_block(self) -> bool:
        """HEADERS: is its block whole?"""
        behind = 5 if self.flags & PRIORITIZED else 0  # dependency and weight, which nobody uses any more (section 5.3)
        if behind:
            at = 1 if self.flags & PADDED else 0
            if len(self.payload) < at + behind:
                raise Http2Error(FRAME_SIZE_ERROR, "HEADERS is too short for its priority")
            self._check_dependency(self.payload[at : at + 4])
        if self.flags & PADDED:
            self._unpad(behind)
        elif behind:
            self.payload = self.payload[behind:]
        if self.flags & END_HEADERS:
            return True
        self._block = [self.payload]
        self._block_flags, self._block_stream = self.flags, self.stream
        self._continued = 0
        return False

    def _continue(self, kind: int) -> bool:
        """The frame behind HEADERS, or behind CONTINUATION, that did not end the block: does this?"""
        if kind != CONTINUATION or self.stream != self._block_stream:
            raise Http2Error(PROTOCOL_ERROR, "another frame stands inside a header block")
        self._continued += 1
        self._block.append(self.payload)
        if self._continued > CONTINUATIONS_MOST or sum(map(len, self._block)) > self._block_most:
            raise Http2Error(ENHANCE_YOUR_CALM, "a header block has more frames or bytes than allowed")
        if not self.flags & END_HEADERS:
            return False
        self.payload = b"".join(self._block)
        self._block = []
        self.flags = self._block_flags | END_HEADERS  # of HEADERS: whether it ends the stream
        return True


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return octets.frame(kind, flags, stream, payload)


def headers(stream: int, block: bytes, is_last: bool, most: int = FRAME_MOST) -> bytes:
    """HEADERS, and CONTINUATION for what of the block is more than ``most`` bytes."""
    flags = END_STREAM if is_last else 0
    if len(block) <= most:
        return frame(HEADERS, flags | END_HEADERS, stream, block)
    found = frame(HEADERS, flags, stream, block[:most])
    for at in range(most, len(block), most):
        found += frame(CONTINUATION, 0 if at + most < len(block) else END_HEADERS, stream, block[at : at + most])
    return found


def data_head(stream: int, size: int, is_last: bool) -> bytes:
    """What stands before ``size`` bytes of DATA."""
    return octets.frame_head(DATA, END_STREAM if is_last else 0, stream, size)


def reset(stream: int, code: int) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(last: int, code: int, detail: str = "") -> bytes:
    """GOAWAY; ``last``: the highest stream that was, or may be, acted upon (section 6.8)."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + detail.encode()[:256])


def window_update(stream: int, size: int) -> bytes:
    """WINDOW_UPDATE; stream 0: of the connection."""
    return frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def ping(payload: bytes, is_answer: bool) -> bytes:
    """PING, of 8 bytes."""
    return frame(PING, ACK if is_answer else 0, 0, payload)
