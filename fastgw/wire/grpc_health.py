"""The two messages of ``grpc.health.v1.Health/Check``, of one field each: small enough to need no library for them.

message HealthCheckRequest  { string service = 1; }
message HealthCheckResponse { ServingStatus status = 1; }   // UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN
"""

from __future__ import annotations

from typing import Final

METHOD: Final = "/grpc.health.v1.Health/Check"
STATUSES: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
SERVING: Final = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # kinds of fields (protobuf.dev, Encoding)
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_VARINT_MOST: Final = 10  #: bytes of one


def health_request(service: str) -> bytes:
    """What asks for the health of ``service``; empty: of the server as a whole."""
    name = service.encode()
    return b"\n" + _varint(len(name)) + name if name else b""


def read_health(message: bytes) -> int:
    """The place of what it says among ``STATUSES``, or beyond them.

    Raises:
        ValueError: it is no such message.
    """
    at, status = 0, 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            status = value if tag >> 3 == 1 else status
        elif kind == _BYTES:
            size, at = _read_varint(message, at)
            at += size
        elif kind in _SIZES:
            at += _SIZES[kind]
        else:
            raise ValueError(f"there is no kind {kind} of fields")
    if at != len(message):
        raise ValueError("it ends in the middle of a field")
    return status


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    found = 0
    for place, byte in enumerate(data[at : at + _VARINT_MOST]):
        found |= (byte & 127) << 7 * place
        if byte < 128:
            return found, at + place + 1
    raise ValueError("a number does not end")
