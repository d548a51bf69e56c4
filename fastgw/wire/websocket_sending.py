"""The body of a request as messages of WebSocket (RFC 6455 section 5.6), in whatever pieces it comes.

    text, binary   all of it is one message, each piece a fragment of that: nothing is gathered
    lines          each line that is not empty is a message of text
    pieces         each piece is a message of bytes, or several, where it is large: as recorders send what they hear

An empty body is no message.  Nothing is sent that a peer would have to refuse: text is looked at as it passes (section 8.1).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Final

from fastgw.wire.websocket_frames import BINARY, CONTINUATION, TEXT, frame_of

SEND_TEXT: Final = "text"
SEND_BINARY: Final = "binary"
SEND_LINES: Final = "lines"
SEND_PIECES: Final = "pieces"
_LINES: Final = (b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines")


class TextError(ValueError):
    """What is to be sent as text is no UTF-8."""


class SizeError(ValueError):
    """A message would be larger than is allowed."""


def form_of(content_type: bytes) -> str:
    """What a body of this type is sent as, if nobody says: JSON and text as text, lines of JSON as messages each, else bytes."""
    kind = content_type.partition(b";")[0].strip().lower()
    if kind in _LINES:
        return SEND_LINES
    is_text = kind[:5] == b"text/" or kind == b"application/json" or kind[-5:] == b"+json"
    return SEND_TEXT if is_text else SEND_BINARY


class MessageSender:
    """Makes the frames."""

    __slots__ = ("_decoder", "_form", "_is_begun", "_mask", "_max", "_rest", "_size", "count")

    def __init__(self, form: str, max_message: int, mask: Callable[[], bytes]) -> None:
        """``form``: one of ``SEND_*``; ``max_message``: bytes of one, or of ``SEND_PIECES`` those at which one is cut; ``mask``: makes
        four bytes that nobody can foresee."""
        self._form = form
        self._max = max_message
        self._mask = mask
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_begun = False  # the message that all of it is
        self._size = 0  # of that
        self._rest = bytearray()  # of a line
        self.count = 0  #: messages that are complete

    def feed(self, data: bytes, is_last: bool) -> bytes:
        """The frames that ``data`` is, and the end of the body, if it is its last.

        Raises:
            TextError: it is no UTF-8, and goes as text.
            SizeError: a message has more bytes than it may have.
        """
        if self._form == SEND_LINES:
            return self._lines(data, is_last)
        if self._form == SEND_PIECES:
            places = range(0, len(data), self._max)
            self.count += len(places)
            return b"".join([frame_of(BINARY, data[at : at + self._max], self._mask()) for at in places])
        if not self._is_begun and not data:
            return b""
        self._size += len(data)
        self._check(data, self._size, is_last)
        opcode = CONTINUATION if self._is_begun else TEXT if self._form == SEND_TEXT else BINARY
        self._is_begun = True
        self.count += is_last
        return frame_of(opcode, data, self._mask(), is_last=is_last)

    def _lines(self, data: bytes, is_last: bool) -> bytes:
        self._rest += data
        lines = self._rest.split(b"\n") if b"\n" in data or is_last else [self._rest]
        self._rest = bytearray() if is_last else lines.pop()
        if len(self._rest) > self._max:
            raise SizeError
        out = []
        for line in map(bytes, lines):
            text = line.strip(b" \t\r")
            if text:
                self._check(text, len(text), True)
                out.append(frame_of(TEXT, text, self._mask()))
        self.count += len(out)
        return b"".join(out)

    def _check(self, data: bytes, size: int, is_last: bool) -> None:
        if size > self._max:
            raise SizeError
        if self._form != SEND_BINARY:
            try:
                self._decoder.decode(data, is_last)
            except UnicodeDecodeError:
                raise TextError from None
