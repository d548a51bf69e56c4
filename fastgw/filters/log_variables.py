"""``${duration.ms}`` and the like: variables that only a line of an access log has, because they are known when all is over.

Their names are ``variables.OF_LOGS``; the values of some belong to the log and not to the exchange: what time it is, and the share that the
line stands for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.timestamp import timestamp
from fastgw.filters.refusals import first_line
from fastgw.filters.variables import Read, note_bytes, noted

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

CLIENT_GONE: Final = 499
#: Where the filters that know who it is say so, the first that has said something.
_USERS: Final = (["basic"], ["api_key"], ["mtls"], ["jwt", "sub"], ["oauth2", "sub"], ["oauth2", "username"])
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def logged_status(exchange: Exchange) -> int:
    """What the client got; 499 when it was gone before the end."""
    error = exchange.error
    return CLIENT_GONE if error is not None and error.status == CLIENT_GONE else exchange.response.status


def user_of(exchange: Exchange) -> bytes:
    """Who has asked, as the filters know that ask; empty: nobody knows."""
    if exchange.notes is None:
        return b""
    return next((note_bytes(found) for path in _USERS if (found := noted(exchange, path))), b"")


def _request_line(exchange: Exchange) -> bytes:
    """As the client sent it, but for the normal form of its target (RFC 9112 section 3)."""
    request, error = exchange.request, exchange.error
    if error is not None and error.received:
        return first_line(error)
    return b"".join(
        (request.method, b" ", request.original_path or request.path, request.query, b" HTTP/", version_of(exchange))
    )


def version_of(exchange: Exchange) -> bytes:
    """The version of HTTP that the request came in, as logs write it."""
    spoken = exchange.client.version if exchange.request.minor else b"1.0"
    return spoken if spoken != b"2" else b"2.0"


def _duration(exchange: Exchange) -> bytes:
    if exchange.started < 0:  # it never began
        return b""
    micros = int((exchange.plane.clock() - exchange.started) * 1e6 + 0.5)
    return b"%d.%03d" % (micros // 1000, micros % 1000)


def _of_error(read: Callable[[Any], str]) -> Read:
    return lambda exchange: b"" if exchange.error is None else read(exchange.error).encode("utf-8", "replace")


def _of_call(name: str) -> Read:
    """What an answer has said of a call of gRPC, read before anything was made of it, or by now."""

    def read(exchange: Exchange) -> bytes:
        from fastgw.core.exchange.grpc import CALL, told  # which a log without such does not need

        said = (exchange.notes or {}).get(CALL) or told(exchange.response)
        return note_bytes(said.get(name))

    return read


#: What an exchange says of itself when it is over.
_OF_ENDS: Final[Mapping[str, Read]] = {
    "exchange.attempts": lambda exchange: b"%d" % exchange.attempts,
    "duration.ms": _duration,
    "error.code": _of_error(lambda error: error.code),
    "error.detail": _of_error(lambda error: error.reason),
    "error.fault": _of_error(lambda error: error.fault),
    "grpc.message": _of_call("message"),
    "grpc.status": _of_call("status"),
    "request.bytes": lambda exchange: b"%d" % exchange.body.received,
    "request.line": _request_line,
    "response.bytes": lambda exchange: b"%d" % exchange.bytes_out,
    "response.status": lambda exchange: b"%d" % logged_status(exchange),
    "user.name": user_of,
}


def readers(wall: Callable[[], float], share: float) -> Mapping[str, Read]:
    """What reads each of ``OF_LOGS``; ``wall``: seconds since 1970; ``share``: of the exchanges of its kind that have a line."""
    sampled = b"%.8g" % share
    return {
        **_OF_ENDS,
        "log.sampled": lambda exchange: sampled,
        "time.iso": lambda exchange: timestamp(wall()).encode(),
        "time.local": _Local(wall).read,
        "time.unix": lambda exchange: b"%.3f" % wall(),
    }


class _Local:
    """The time as the logs of Apache and nginx have it, in UTC: ``10/Sep/2026:00:26:40 +0000``."""

    __slots__ = ("_second", "_text", "_wall")

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._second = -1
        self._text = b""

    def read(self, exchange: object) -> bytes:
        """It, which is made once a second."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            at = time.gmtime(second)
            month = _MONTHS[at.tm_mon - 1]  # ``strftime`` would ask the locale
            clock = time.strftime("%H:%M:%S", at)
            self._text = f"{at.tm_mday:02d}/{month}/{at.tm_year}:{clock} +0000".encode()
        return self._text
