"""The byte work of frames and fields as plain Python: the fallback of ``_octets`` and its oracle in the tests."""

from __future__ import annotations

import struct
from typing import Final

from fastgw.wire.fields import LINE_BYTES

_HEAD: Final = struct.Struct(">HBBBI")


def frame_head(kind: int, flags: int, stream: int, size: int) -> bytes:
    """What stands before ``size`` bytes of payload (RFC 9113 section 4.1)."""
    return _HEAD.pack(size >> 8, size & 255, kind, flags, stream)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return frame_head(kind, flags, stream, len(payload)) + payload


def line_end(lines: bytes, start: int) -> int:
    """Where the line that begins at ``start`` ends, without its CRLF; one without ends with all."""
    stop = lines.find(b"\r\n", start)
    return stop if stop >= 0 else len(lines)


def find_colon(line: bytes) -> int:
    """Where the name of a field ends; -1: nowhere.  The colon of a pseudo-field is a part of its name."""
    return line.find(b":", 1)


def literal(first: bytes, line: bytes, start: int) -> bytes:
    """A field that begins with ``first``, and whose value stands in ``line`` from ``start`` on, as it is, without the spaces around it (RFC
    7541 section 5.2)."""
    value = line[start:].strip(b" \t")
    size = len(value)
    if size < 127:
        return first + bytes((size,)) + value
    found = bytearray((127,))
    size -= 127
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    found.append(size)
    return first + bytes(found) + value


def is_value(value: bytes) -> bool:
    """Whether it may be the value of a field: no control characters, and no space at its ends (RFC 9113 section 8.2.1)."""
    if not value:
        return True
    return not (value.translate(None, LINE_BYTES) or value[0] in b" \t" or value[-1] in b" \t")
