"""One end of an open WebSocket, without input or output: bytes in, messages out, and what the protocol answers by itself.

    receive(bytes) ──▶ messages: str of TEXT, bytes of BINARY          out: PONG for a PING, CLOSE for a CLOSE
    text, binary, ping, close ──▶ bytes to send

It is the end of a *server* (the gateway's own, to clients) unless it is given what makes masks.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from io import StringIO
from typing import Final

from fastgw.wire.websocket_frames import (
    BINARY,
    CLOSE,
    INVALID,
    NO_CODE,
    NORMAL,
    PING,
    PONG,
    TEXT,
    Frame,
    FrameError,
    WebSocketFrames,
    close_payload,
    frame_of,
    read_close,
)

_Decoder: Final = codecs.getincrementaldecoder("utf-8")
_NO_TEXT: Final = "text that is no UTF-8"


class WebSocket:
    """What is said on it, and how it ends (RFC 6455 sections 5 to 7).  No extension is spoken."""

    __slots__ = (
        "_decoder",
        "_frames",
        "_mask",
        "_parts",
        "_text",
        "code",
        "is_close_received",
        "is_close_sent",
        "out",
        "reason",
    )

    def __init__(self, max_message: int, mask: Callable[[], bytes] | None = None) -> None:
        """``max_message``: bytes of one that is received; ``mask``: of an end that is a client, makes one."""
        self._frames = WebSocketFrames(max_message, max_message, is_masked=mask is None)
        self._mask = mask
        self._decoder: codecs.IncrementalDecoder | None = None  # of a text in fragments
        self._text = StringIO()  # of that, in one piece: fragments of a byte, or of none, are many
        self._parts = bytearray()  # of a binary message in fragments
        self.out: list[bytes] = []  #: frames to send that nobody has asked for; whoever sends them empties it
        self.is_close_sent = False  #: nothing may be sent any more
        self.is_close_received = False  #: nothing will be received any more
        self.code = 0  #: with which it was closed, by whoever was first; 0: it is open
        self.reason = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return not self.code

    # --- what comes

    def receive(self, data: bytes) -> list[str | bytes]:
        """The messages that are complete now; what the protocol answers is in ``out``.  What comes behind our CLOSE counts no more, but for
        the one of the peer."""
        messages: list[str | bytes] = []
        try:
            for frame in self._frames.feed(data):
                if frame.opcode >= CLOSE:
                    self._control(frame)
                elif not self.is_close_sent:
                    self._part(frame, messages)
            if self._frames.problem is not None:
                raise self._frames.problem
        except FrameError as error:
            if not self.is_close_sent:
                self.out.append(self.close(error.code, error.reason))
        return messages

    def _part(self, frame: Frame, messages: list[str | bytes]) -> None:
        """A message, or a fragment of one."""
        payload = frame.payload
        if frame.opcode and frame.is_last:
            messages.append(_decoded(payload) if frame.opcode == TEXT else payload)
            return
        if frame.opcode == TEXT:
            self._decoder = _Decoder()
        if self._decoder is None:
            self._parts += payload
            if frame.is_last:
                messages.append(bytes(self._parts))
                self._parts.clear()
            return
        try:
            self._text.write(self._decoder.decode(payload, frame.is_last))
        except UnicodeDecodeError:
            raise FrameError(INVALID, _NO_TEXT) from None
        if frame.is_last:
            messages.append(self._text.getvalue())
            self._text = StringIO()
            self._decoder = None

    def _control(self, frame: Frame) -> None:
        if frame.opcode == PING and not self.is_close_sent:
            self.out.append(self._frame(PONG, frame.payload))
        elif frame.opcode == CLOSE:
            code, reason = read_close(frame.payload)
            self.is_close_received = True
            if not self.is_close_sent:
                self.code, self.reason = code, reason
                self.is_close_sent = True
                self.out.append(self._frame(CLOSE, close_payload(code)))

    # --- what is said

    def text(self, data: bytes) -> bytes:
        """A message of text, which ``data`` is, as UTF-8."""
        return self._frame(TEXT, data)

    def binary(self, data: bytes) -> bytes:
        """A message of bytes."""
        return self._frame(BINARY, data)

    def ping(self, data: bytes = b"") -> bytes:
        """A PING, of at most 125 bytes."""
        return self._frame(PING, data)

    def close(self, code: int = NORMAL, reason: str = "") -> bytes:
        """Begin the closing handshake; of a ``reason`` of more than 123 bytes its beginning is said."""
        if not self.code:
            self.code, self.reason = code, reason
        self.is_close_sent = True
        return self._frame(CLOSE, close_payload(code, reason))

    def _frame(self, opcode: int, payload: bytes) -> bytes:
        return frame_of(opcode, payload, self._mask() if self._mask is not None else b"")


def _decoded(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID, _NO_TEXT) from None


__all__ = ["NO_CODE", "WebSocket"]
