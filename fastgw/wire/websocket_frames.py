"""Frames of WebSocket (RFC 6455 section 5): where one ends, what may follow it, and how one is written.

    FIN RSV1-3 opcode │ MASK length │ 0, 2 or 8 bytes more of the length │ 4 bytes of a mask │ payload
         8 bits       │    8 bits   │                                     │   of clients only │

A message is one frame or several, its *fragments*: the first says its type, the others are CONTINUATION, the last has FIN.  Control frames
(CLOSE, PING, PONG) are never fragmented and may stand between fragments.  All of this is judged by the head of a frame, before its payload
is here, so nobody waits for what is refused in any case.  What a payload means is none of this module's: see ``websocket_messages``.
"""

from __future__ import annotations

from typing import Final

from fastgw.wire import scan

CONTINUATION, TEXT, BINARY = 0, 1, 2
CLOSE, PING, PONG = 8, 9, 10

#: Codes of CLOSE (RFC 6455 section 7.4.1, and the registry of IANA that it founds).
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1001, 1002, 1003
NO_CODE, LOST = 1005, 1006  #: never sent: the peer gave no code; there was no CLOSE
INVALID, POLICY, TOO_BIG, FAILED, TRY_LATER = 1007, 1008, 1009, 1011, 1013

CONTROL_MOST: Final = 125  #: bytes of the payload of a control frame (section 5.5)
REASON_MOST: Final = CONTROL_MOST - 2  #: bytes of the reason of a CLOSE

_FIN, _RSV1, _RSV23, _OPCODE, _MASKED, _LENGTH = 0x80, 0x40, 0x30, 0x0F, 0x80, 0x7F
_TWO_MORE, _EIGHT_MORE = 126, 127


class FrameError(ValueError):
    """A peer breaks the rules, or a limit: its WebSocket ends with ``code`` and ``reason``."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Frame:
    """One frame as it came."""

    __slots__ = ("_at", "is_compressed", "is_last", "opcode", "raw")

    def __init__(self, raw: bytes, at: int) -> None:
        """``raw``: all of it; ``at``: where its payload begins."""
        first = raw[0]
        self.raw = raw
        self.opcode = first & _OPCODE
        self.is_last = first >= _FIN  #: the last of its message, or the only one
        self.is_compressed = (
            first & _RSV1 != 0
        )  #: the first of a message that an extension has compressed (RFC 7692 section 6)
        self._at = at

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return len(self.raw) - self._at

    @property
    def payload(self) -> bytes:
        """The payload, without its mask."""
        at = self._at
        data = self.raw[at:]
        return scan.masked(data, self.raw[at - 4 : at]) if self.raw[1] & _MASKED else data


class WebSocketFrames:
    """Takes the frames out of what one peer sends, in whatever pieces it comes.  No more than one frame is held."""

    __slots__ = (
        "_allows_compressed",
        "_end",
        "_is_masked",
        "_max_frame",
        "_max_message",
        "_message",
        "_needed",
        "_opcode",
        "_payload_at",
        "_rest",
        "is_over",
        "problem",
    )

    def __init__(self, max_frame: int, max_message: int, *, is_masked: bool, allows_compressed: bool = False) -> None:
        """``max_frame`` and ``max_message``: bytes of a payload, and of those of all fragments together; ``is_masked``: the peer is a
        client, whose frames have a mask, as those of a service must not (section 5.1); ``allows_compressed``: permessage-deflate was
        agreed on."""
        self._max_frame = max_frame
        self._max_message = max_message
        self._is_masked = is_masked
        self._allows_compressed = allows_compressed
        self._rest = bytearray()  # of a frame, not all of it here
        self._needed = 2  # bytes of that before there is anything to be said of it
        self._payload_at = 0  # in that; 0: its head has not been read
        self._end = 0  # of that frame
        self._opcode = 0  # of the message under way; CONTINUATION: there is none
        self._message = 0  # bytes of that
        self.is_over = False  #: a CLOSE has come, behind which nothing counts (section 5.5.1)
        self.problem: FrameError | None = (
            None  #: behind the frames that were returned stands what breaks a rule; nothing more is read
        )

    @property
    def is_between(self) -> bool:
        """Whether neither a frame nor a message is under way."""
        return not self._rest and not self._opcode

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now; see ``problem`` then."""
        if self.is_over or self.problem is not None:
            return []
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._needed:
                return []
            data = bytes(rest)
            rest.clear()
        frames: list[Frame] = []
        at = 0
        try:
            while self._read(data, at):
                frame = Frame(data[at : at + self._end], self._payload_at)
                frames.append(frame)
                at += self._end
                self._payload_at, self._needed = 0, 2
                if frame.opcode == CLOSE:
                    self.is_over = True
                    return frames
        except FrameError as error:
            self.problem = error
            return frames
        rest += data[at:]
        return frames

    def _read(self, data: bytes, at: int) -> bool:
        """Read the head of the frame at ``at``, if it is not known yet; whether all of the frame is here."""
        left = len(data) - at
        if not self._payload_at and not self._read_head(data, at, left):
            return False
        self._needed = self._end
        return left >= self._end

    def _read_head(self, data: bytes, at: int, left: int) -> bool:
        if left < self._needed:
            return False
        first, second = data[at], data[at + 1]
        length = second & _LENGTH
        self._check(first, second, length)
        more = 2 if length == _TWO_MORE else 8 if length == _EIGHT_MORE else 0
        head = 2 + more + (4 if self._is_masked else 0)
        if left < head:
            self._needed = head
            return False
        if more:
            length = _long_length(data[at + 2 : at + 2 + more])
        self._count(first, length)
        self._payload_at = head
        self._end = head + length
        return True

    def _check(self, first: int, second: int, length: int) -> None:
        """What the first two bytes say that is against the rules."""
        opcode = first & _OPCODE
        if opcode >= CLOSE:
            if opcode > PONG:
                raise FrameError(PROTOCOL_ERROR, f"a control frame of the unknown type {opcode}")
            if first < _FIN or length > CONTROL_MOST:
                raise FrameError(PROTOCOL_ERROR, "a control frame that is fragmented, or larger than 125 bytes")
        elif opcode > BINARY:
            raise FrameError(PROTOCOL_ERROR, f"a frame of the unknown type {opcode}")
        elif (opcode == CONTINUATION) != (self._opcode != CONTINUATION):
            what = "there is nothing to continue" if not self._opcode else "a message begins inside another one"
            raise FrameError(PROTOCOL_ERROR, what)
        if first & _RSV23 or (first & _RSV1 and not (self._allows_compressed and opcode in (TEXT, BINARY))):
            raise FrameError(PROTOCOL_ERROR, "a reserved bit is set that no extension gives a meaning")
        if (second >= _MASKED) != self._is_masked:
            raise FrameError(PROTOCOL_ERROR, "a frame without a mask" if self._is_masked else "a frame with a mask")

    def _count(self, first: int, length: int) -> None:
        """A frame with so many bytes of payload begins."""
        opcode = first & _OPCODE
        if opcode >= CLOSE:
            return
        if length > self._max_frame:
            raise FrameError(TOO_BIG, f"a frame of {length} bytes, more than the {self._max_frame} allowed here")
        self._message += length
        if self._message > self._max_message:
            raise FrameError(TOO_BIG, f"a message of more than the {self._max_message} bytes allowed here")
        if first >= _FIN:
            self._opcode = self._message = 0
        elif opcode:
            self._opcode = opcode


def _long_length(data: bytes) -> int:
    """The length that the bytes behind the first two say, in the shortest form that there is (section 5.2)."""
    length = int.from_bytes(data, "big")
    if length < (_TWO_MORE if len(data) == 2 else 1 << 16) or length >= 1 << 63:
        raise FrameError(PROTOCOL_ERROR, "a length that is not written in its shortest form, or has more than 63 bits")
    return length


def frame_of(opcode: int, payload: bytes, mask: bytes = b"", *, is_last: bool = True) -> bytes:
    """One frame; ``mask``: four bytes nobody can foresee, of a client; b"": none, of a server."""
    size = len(payload)
    first = opcode | _FIN if is_last else opcode
    has_mask = _MASKED if mask else 0
    if size < _TWO_MORE:
        head = bytes((first, has_mask | size))
    elif size < 1 << 16:
        head = bytes((first, has_mask | _TWO_MORE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, has_mask | _EIGHT_MORE)) + size.to_bytes(8, "big")
    return head + mask + scan.masked(payload, mask) if mask else head + payload


def may_be_sent(code: int) -> bool:
    """Whether a CLOSE may have this code (section 7.4, and the registry): 1004 means nothing, 1005, 1006 and 1015 are never sent."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def close_payload(code: int, reason: str = "") -> bytes:
    """The payload of a CLOSE; of a ``reason`` that is too long its beginning.  ``NO_CODE``: there is nothing in it."""
    if code == NO_CODE:
        return b""
    said = reason.encode("utf-8", "replace")
    if len(said) > REASON_MOST:
        said = said[:REASON_MOST].decode("utf-8", "ignore").encode()
    return code.to_bytes(2, "big") + said


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason that the payload of a CLOSE says; ``NO_CODE``: it says none.

    Raises:
        FrameError: one byte, a code that may not be sent, or a reason that is no UTF-8 (sections 5.5.1 and 7.4).
    """
    if not payload:
        return NO_CODE, ""
    try:
        reason = payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID, "a CLOSE whose reason is no UTF-8") from None
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not may_be_sent(code):
        raise FrameError(PROTOCOL_ERROR, "a CLOSE with a code that may not be sent")
    return code, reason
