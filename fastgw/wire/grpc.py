"""gRPC as bytes: codes, deadlines, messages of a status, and where one message of a body ends and the next begins.

A call is a POST of HTTP/2 to ``/package.Service/Method``; its body, and that of its answer, are messages, each behind a prefix of five
bytes: whether it is compressed, and its length.  How it went stands behind the answer, in the trailers ``grpc-status`` and
``grpc-message``, or in its head, which then is all of it: *trailers-only*.  (The protocol is described in PROTOCOL-HTTP2.md of grpc, the
codes in google.rpc.Code.)
"""

from __future__ import annotations

import re
from typing import Final

#: The codes, by their number.
CODES: Final = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED"),
    *("RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"),
    *("DATA_LOSS", "UNAUTHENTICATED"),
)  # fmt: skip
OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = range(8)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = range(8, 15)
DATA_LOSS, UNAUTHENTICATED = 15, 16

#: What an answer of HTTP means that is none of gRPC (grpc, http-grpc-status-mapping.md); any other: UNKNOWN.
_OF_ANSWER: Final = {
    400: INTERNAL,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    429: UNAVAILABLE,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}

#: What an error means that a gateway makes itself, by the status it has without gRPC; any other: INTERNAL.
_OF_ERROR: Final = {
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    405: UNIMPLEMENTED,
    408: DEADLINE_EXCEEDED,
    413: RESOURCE_EXHAUSTED,
    414: RESOURCE_EXHAUSTED,
    429: RESOURCE_EXHAUSTED,
    431: RESOURCE_EXHAUSTED,
    499: CANCELLED,
    501: UNIMPLEMENTED,
    503: UNAVAILABLE,
    504: DEADLINE_EXCEEDED,
}

#: The same by the code of the error (``docs/errors.md``), where its status says less than that: nobody could be reached, or nobody knows
#: what became of the call, which may be asked again elsewhere; a bound was met.
_OF_CAUSE: Final = {
    **dict.fromkeys(
        (
            *("connect_refused", "unreachable", "connect_failed", "connect_timeout", "tls_failed", "upstream_reset"),
            *("name_not_found", "name_failed", "name_timeout", "not_cached"),
        ),
        UNAVAILABLE,
    ),
    "answer_too_large": RESOURCE_EXHAUSTED,
    "grpc_answer_too_large": RESOURCE_EXHAUSTED,
}

#: Codes that may be others the next time, or where another is asked; of the rest all will say the same.
PASSING: Final = (CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE, DATA_LOSS)

#: Of an answer that says nothing but its code: what it counts as for those who judge services by the status of HTTP; any other is none of
#: the service's faults.
FAULTS: Final = {UNKNOWN: 500, DEADLINE_EXCEEDED: 504, INTERNAL: 500, UNAVAILABLE: 503, DATA_LOSS: 500}

#: The status of HTTP for each code, as google.rpc.Code has it.
HTTP_STATUSES: Final = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)

TYPE: Final = b"application/grpc"
WEB_TYPE: Final = b"application/grpc-web"

_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_MOST: Final = 99_999_999  #: of a unit: eight digits
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])").fullmatch
_ESCAPED: Final = re.compile(rb"[^ -$&-~]")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
PREFIX: Final = 5  #: bytes in front of each message


def is_grpc(content_type: bytes | None) -> bool:
    """Whether a message with this Content-Type is one of gRPC: ``application/grpc``, perhaps with a format (``+proto``) or parameters."""
    return (
        content_type is not None
        and content_type[:16].lower() == TYPE
        and content_type[16:17] in (b"", b"+", b";", b" ")
    )


def is_web(content_type: bytes | None) -> bool:
    """Whether it is one of gRPC-Web: ``application/grpc-web`` or ``application/grpc-web-text``, with or without a format."""
    return content_type is not None and content_type[:20].lower() == WEB_TYPE


def code_of_answer(status: int) -> int:
    """The code for an answer of HTTP with ``status`` that says none itself (http-grpc-status-mapping.md)."""
    return _OF_ANSWER.get(status, UNKNOWN)


def code_of_error(cause: str, status: int) -> int:
    """The code for an error that the gateway makes: by its ``cause``, a code of ``docs/errors.md``, or else its ``status``.

    Unlike in the published mapping, which is for answers of others, time that is over is DEADLINE_EXCEEDED: who asked again would not get
    more of it.
    """
    found = _OF_CAUSE.get(cause)
    return _OF_ERROR.get(status, INTERNAL) if found is None else found


def read_code(value: bytes | None) -> int:
    """The code that ``grpc-status`` says; -1: there is none, or it is no number.  One that is not known is UNKNOWN."""
    if value is None or not value.isdigit():
        return -1
    return int(value) if len(value) < 3 and int(value) < len(CODES) else UNKNOWN


def read_timeout(value: bytes) -> float:
    """Seconds that ``grpc-timeout`` says; -1: it is none: not 1 to 8 digits and one of the units H, M, S, m, u, n."""
    found = _TIMEOUT(value)
    return -1.0 if found is None else int(found[1]) * _UNITS[found[2]]


def write_timeout(seconds: float) -> bytes:
    """``seconds`` for ``grpc-timeout``: no more than that, but never nothing; in a coarser unit where it would have more than 8 digits."""
    for unit in (b"u", b"m", b"S", b"M"):
        count = int(seconds / _UNITS[unit])
        if count <= _MOST:
            return b"%d%b" % (max(count, 1), unit)
    return b"%dH" % min(int(seconds / 3600.0), _MOST)


def write_message(text: str) -> bytes:
    """``text`` for ``grpc-message``: UTF-8, of which ``%`` and what is not printable ASCII is escaped as ``%XX``."""
    return _ESCAPED.sub(lambda one: b"%%%02X" % one[0][0], text.encode("utf-8", "replace"))


def read_message(value: bytes) -> str:
    """The text of ``grpc-message``.  It never fails: what is no escape stands for itself, what is no UTF-8 is U+FFFD."""
    return _ESCAPE.sub(lambda one: bytes((int(one[1], 16),)), value).decode("utf-8", "replace")


def call_of(path: bytes) -> tuple[bytes, bytes]:
    """Service, with its package, and method that ``path`` names; both empty: it names none."""
    parts = path.split(b"/")
    return (parts[1], parts[2]) if len(parts) == 3 and parts[1] and parts[2] else (b"", b"")


class MessageCounter:
    """Counts the messages of one body as its bytes pass, in whatever pieces."""

    __slots__ = ("_left", "_prefix", "compressed", "largest", "messages", "size")

    def __init__(self) -> None:
        self._prefix = b""  # of a message, not all of it here
        self._left = 0  # bytes to come of the message under way
        self.messages = 0  #: that have begun: their prefix was here
        self.compressed = 0  #: of those
        self.size = 0  #: bytes of those, as their prefixes tell, without these
        self.largest = 0  #: bytes of the largest

    @property
    def is_between(self) -> bool:
        """Whether the body is whole where it is now: no message is under way."""
        return not self._left and not self._prefix

    def feed(self, data: bytes) -> None:
        """More of the body."""
        if not self._left and not self._prefix and len(data) >= PREFIX:
            # Most often a message comes in one piece, and nothing else with it.
            length = int.from_bytes(data[1:PREFIX], "big")
            if length == len(data) - PREFIX:
                self._begin(data[0], length)
                return
        at, end = 0, len(data)
        while at < end:
            if self._left:
                taken = min(self._left, end - at)
                self._left -= taken
                at += taken
                continue
            taken = min(PREFIX - len(self._prefix), end - at)
            self._prefix += data[at : at + taken]
            at += taken
            if len(self._prefix) == PREFIX:
                self._left = int.from_bytes(self._prefix[1:], "big")
                self._begin(self._prefix[0], self._left)
                self._prefix = b""

    def _begin(self, flags: int, length: int) -> None:
        self.messages += 1
        self.compressed += flags & 1
        self.size += length
        if length > self.largest:
            self.largest = length
