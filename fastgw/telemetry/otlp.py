"""OTLP in the binary form of protobuf (opentelemetry-proto 1.x, ``trace.proto``, ``resource.proto``, ``common.proto``), written by hand.

A seventh of what the messages of the official package cost, and no package.  The tests read what is written here with those messages.

A field is a key (its number, times eight, and the form) and a value: a number of seven bits a byte (``varint``), eight bytes, or a length
and so many bytes.  A message is its fields, one behind the other.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

Value = str | int | float | bool

_FIXED64: Final = struct.Struct("<Q").pack
_DOUBLE: Final = struct.Struct("<d").pack
_REMOTE: Final = 0x300  #: of a span: whether its parent is in another process is known, and it is
_HERE: Final = 0x100
_SERVER: Final = 2  #: Span.SpanKind
_ERROR: Final = b"\x18\x02"  #: Status.code
_UNIQUE: Final = "fastgw.request_id"  #: an attribute that is never the same again
MOST_TEXT: Final = 4096  #: characters of a value


def varint(number: int) -> bytes:
    """``number``, which is not below 0."""
    if number < 128:
        return bytes((number,))
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def part(field: int, data: bytes) -> bytes:
    """A field that has a length: text, bytes or a message."""
    size = len(data)
    if field < 16 and size < 128:
        return bytes((field << 3 | 2, size)) + data
    return varint(field << 3 | 2) + varint(size) + data


def number(field: int, value: int) -> bytes:
    """A field that is a number, which may be below 0."""
    return varint(field << 3) + varint(value & 0xFFFFFFFFFFFFFFFF)


def fixed(field: int, value: int) -> bytes:
    """A field of eight bytes."""
    return varint(field << 3 | 1) + _FIXED64(value)


def double(field: int, value: float) -> bytes:
    """A field that is a number with a fraction."""
    return varint(field << 3 | 1) + _DOUBLE(value)


def any_value(value: Value) -> bytes:
    """AnyValue."""
    if isinstance(value, str):
        return part(1, value[:MOST_TEXT].encode("utf-8", "replace"))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    return number(3, value) if isinstance(value, int) else double(4, value)


def key_value(key: str, value: Value) -> bytes:
    """KeyValue."""
    return part(1, key.encode()) + part(2, any_value(value))


@lru_cache(maxsize=4096, typed=True)  # else True is 1
def _known(field: int, key: str, value: Value) -> bytes:
    return part(field, key_value(key, value))


def attribute(field: int, key: str, value: Value) -> bytes:
    """A field that is a KeyValue; most are the same again and again, and half of what a span costs if they are made each time."""
    if key == _UNIQUE or (isinstance(value, str) and len(value) > 64):
        return part(field, key_value(key, value))
    return _known(field, key, value)


def resource(attributes: Iterable[tuple[str, Value]]) -> bytes:
    """Resource."""
    return b"".join([attribute(1, *one) for one in attributes])


def scope(name: str, version: str) -> bytes:
    """InstrumentationScope."""
    return part(1, name.encode()) + part(2, version.encode())


def traces(of: bytes, by: bytes, records: Iterable[Sequence[Any]]) -> bytes:
    """ExportTraceServiceRequest of ``records``, as ``filters.trace`` makes them.

    ``of``: the resource; ``by``: the scope."""
    spans = [part(2, _span(trace, flags, state, *span)) for trace, flags, state, found in records for span in found]
    return part(1, part(1, of) + part(2, part(1, by) + b"".join(spans)))


def _span(
    trace: bytes,
    flags: int,
    state: bytes,
    name: str,
    kind: int,
    span: bytes,
    above: bytes,
    began: int,
    ended: int,
    is_failed: bool,
    told: str,
    attributes: Iterable[tuple[str, Value]],
    links: Iterable[tuple[bytes, bytes, int]],
) -> bytes:
    found = [b"\x0a\x10", bytes.fromhex(trace.decode()), b"\x12\x08", bytes.fromhex(span.decode())]
    if state:
        found.append(part(3, state))
    if above:
        found += (b"\x22\x08", bytes.fromhex(above.decode()))
    found += (
        part(5, name[:MOST_TEXT].encode("utf-8", "replace")),
        bytes((0x30, kind)),
        b"\x39" + _FIXED64(began),
        b"\x41" + _FIXED64(max(began, ended)),
    )
    found += [attribute(9, *one) for one in attributes]
    found += [part(13, _link(*one)) for one in links]
    if is_failed:
        found.append(part(15, (part(2, told[:MOST_TEXT].encode("utf-8", "replace")) if told else b"") + _ERROR))
    found += (b"\x85\x01", struct.pack("<I", flags | (_REMOTE if kind == _SERVER and above else _HERE)))
    return b"".join(found)


def _link(trace: bytes, span: bytes, flags: int) -> bytes:
    return (
        part(1, bytes.fromhex(trace.decode()))
        + part(2, bytes.fromhex(span.decode()))
        + b"\x35"
        + struct.pack("<I", flags | _REMOTE)
    )


def rejected(answer: bytes) -> tuple[int, str]:
    """Of an Export...ServiceResponse: how many of what was sent were not taken, and why; ``(0, "")`` where it cannot be read."""
    try:
        for field, data in _fields(answer):
            if field == 1 and isinstance(data, bytes):
                found = dict(_fields(data))
                count, told = found.get(1, 0), found.get(2, b"")
                return count if isinstance(count, int) else 0, told.decode("utf-8", "replace") if isinstance(
                    told, bytes
                ) else ""
    except (IndexError, ValueError):
        pass
    return 0, ""


def retry_delay(details: bytes) -> float:
    """Seconds that a ``google.rpc.RetryInfo`` says in ``grpc-status-details-bin``, which is base64; -1: it has none that can be read."""
    try:
        status = binascii.a2b_base64(details + b"=" * (-len(details) % 4))
        for field, packed in _fields(status):
            if field != 3 or not isinstance(packed, bytes):
                continue
            found = dict(_fields(packed))  # google.protobuf.Any
            kind, info = found.get(1, b""), found.get(2, b"")
            if isinstance(kind, bytes) and isinstance(info, bytes) and kind.endswith(b"/google.rpc.RetryInfo"):
                delay = dict(_fields(info)).get(1, b"")
                parts = dict(_fields(delay)) if isinstance(delay, bytes) else {}
                seconds, nanos = parts.get(1, 0), parts.get(2, 0)
                if isinstance(seconds, int) and isinstance(nanos, int) and seconds < 1 << 32 and nanos < 1_000_000_000:
                    return seconds + nanos / 1e9
    except (IndexError, ValueError):
        pass
    return -1.0


def _fields(data: bytes) -> Iterable[tuple[int, int | bytes]]:
    """The fields of a message; raises IndexError or ValueError."""
    at = 0
    while at < len(data):
        key, at = _varint_at(data, at)
        form = key & 7
        if form == 0:
            value, at = _varint_at(data, at)
            yield key >> 3, value
        elif form == 2:
            size, at = _varint_at(data, at)
            if at + size > len(data):
                raise ValueError("ends in the middle")
            yield key >> 3, data[at : at + size]
            at += size
        else:
            at += {1: 8, 5: 4}[form] if form in (1, 5) else len(data)


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        byte = data[at]
        found |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return found, at
        if shift > 63:
            raise ValueError("no number has so many bytes")
