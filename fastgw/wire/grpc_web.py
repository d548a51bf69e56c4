"""gRPC-Web: gRPC for whom sees neither trailers nor frames of HTTP/2, such as a page in a browser (grpc's ``doc/PROTOCOL-WEB.md``).

    gRPC                                             gRPC-Web
    content-type: application/grpc+proto             content-type: application/grpc-web+proto
    message message ...                              message message ...
    trailers: grpc-status: 0, ...                    a last frame: 0x80, four bytes of length, b"grpc-status:0\\r\\n..."

A *frame* is a message with the five bytes in front of it: a flag, and its length.  With ``-text`` all of that is base64, which may be
padded anywhere: whoever sends it pads what is to be read now.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import pybase64

from fastgw.wire.grpc import MessageCounter

_TRAILERS: Final = b"\x80"  #: the flag of the last frame: trailers, not compressed
_TYPE: Final = re.compile(rb"application/grpc(-web)?(-text)?(\+[a-z0-9.+_-]{1,64})?")
_PADDING: Final = re.compile(rb"=+")
_GROUP: Final = 4  #: characters that stand for up to three bytes


class MediaType(NamedTuple):
    """A media type of gRPC, or of gRPC-Web."""

    is_web: bool
    is_text: bool  #: all of it is base64
    suffix: bytes  #: what messages are, such as ``+proto``; empty: it does not say

    def value(self) -> bytes:
        """As it stands in a field."""
        return b"application/grpc" + b"-web" * self.is_web + b"-text" * self.is_text + self.suffix


def media_type(value: bytes | None) -> MediaType | None:
    """What a field ``content-type``, or one of those in ``accept``, says; None: it is of neither protocol."""
    found = _TYPE.fullmatch((value or b"").partition(b";")[0].strip(b" \t").lower())
    if found is None or (found[2] and not found[1]):
        return None
    return MediaType(bool(found[1]), bool(found[2]), found[3] or b"")


def trailer_frame(lines: bytes) -> bytes:
    """The last frame of an answer.

    Args:
        lines: fields, each with its CRLF.  Values are as they are in trailers, so those of ``-bin`` fields are base64 and stay so; names
            become lower case, and blanks around values go.
    """
    fields = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        fields.append(b"%b:%b\r\n" % (name.lower(), value.strip(b" \t")))
    block = b"".join(fields)
    return _TRAILERS + len(block).to_bytes(4, "big") + block


class TextReader:
    """Bytes of a body in text, as they come; padding may be anywhere, nothing else than base64 (RFC 4648 section 4) nowhere."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = b""  #: fewer than four characters

    def feed(self, text: bytes) -> bytes:
        """More of it.

        Raises:
            ValueError: it is no base64.
        """
        text = self._left + text
        whole = len(text) - len(text) % _GROUP
        self._left = text[whole:]
        text = text[:whole]
        return _padded(text) if b"=" in text else pybase64.b64decode(text, validate=True)

    def finish(self) -> None:
        """There is no more.

        Raises:
            ValueError: it ends within four characters.
        """
        if self._left:
            raise ValueError(f"it ends with {len(self._left)} of four characters")


def _padded(text: bytes) -> bytes:
    """What whole fours of characters stand for, if some of them are padded: all at once, as each may have four characters only.

    Raises:
        ValueError: it is no base64.
    """
    data = pybase64.b64decode(text.replace(b"=", b"A"), validate=True)
    pieces = []
    begin = 0
    for found in _PADDING.finditer(text):
        first, end = found.span()
        if end % _GROUP or end - first > 2:
            raise ValueError(f"padding stands within four characters, at {first}")
        stop = end // _GROUP * 3
        pieces.append(data[begin : stop - end + first])
        begin = stop
    pieces.append(data[begin:])
    return b"".join(pieces)


class TextWriter:
    """An answer in text, as it comes: all of a message can be read as soon as it is here, and padding stands behind messages only.

    So what has come of a message leaves at once, but for two bytes at most in front of its end."""

    __slots__ = ("_kept", "_messages")

    def __init__(self) -> None:
        self._kept = b""  #: fewer than three bytes
        self._messages = MessageCounter()

    def feed(self, data: bytes) -> bytes:
        """More frames, or parts of such; what may leave now."""
        self._messages.feed(data)
        data = self._kept + data
        size = len(data) if self._messages.is_between else len(data) - len(data) % 3
        self._kept = data[size:]
        return pybase64.b64encode(data[:size])

    def finish(self, frame: bytes) -> bytes:
        """The rest, with a last frame."""
        data, self._kept = self._kept + frame, b""
        return pybase64.b64encode(data)
