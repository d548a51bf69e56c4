"""Errors of the gateway as clients of gRPC read them: a status in a head that is all of the answer, or behind a body that has begun.

Nothing here is asked before there is an error, and a request that says by its ``content-type`` that it is a call.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import TYPE_CHECKING, Any

from fastgw.wire.grpc import (
    FAULTS,
    TYPE,
    UNKNOWN,
    code_of_error,
    is_grpc,
    is_web,
    read_code,
    read_message,
    write_message,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastgw.core.exchange.ends import Exchange
    from fastgw.errors import GatewayError
    from fastgw.wire.messages import Response

STATUS = b"grpc-status"
MESSAGE = b"grpc-message"
#: Milliseconds after which a client may ask again, below 0: it shall not (gRFC A6).
PUSHBACK = b"grpc-retry-pushback-ms"
TIMEOUT = b"grpc-timeout"
CALL = (
    "grpc"  #: a note: the exchange is a call, as ``filters.grpc`` has found; and what ``told`` has read of its answer
)

_OWN = frozenset(
    ("retry-after", "x-should-retry", "grpc-status")
)  #: fields that errors have, which are said in another way here


def fields_of(
    error: GatewayError, content_type: bytes, advice: tuple[tuple[str, str], ...] = ()
) -> tuple[tuple[str, str], ...] | None:
    """Of the answer for ``error`` to a request with this ``content-type``, which has 200 and no body; None: the request is no call.

    Args:
        advice: fields beside those that the error has.
    """
    if is_grpc(content_type):
        kind = TYPE.decode()
    elif is_web(content_type):
        kind = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    else:
        return None
    fields = [("content-type", kind)]
    fields += [(name.decode(), value.decode()) for name, value in _said(error)]
    headers = {name.lower(): value for name, value in (*error.headers, *advice)}
    again = "-1" if headers.get("x-should-retry") == "false" else _millis(headers.get("retry-after", ""))
    if again:
        fields.append((PUSHBACK.decode(), again))
    fields += [(name, value) for name, value in headers.items() if name not in _OWN]
    return tuple(fields)


def told(response: Response) -> dict[str, Any]:
    """What an answer says of a call behind its body, or in its head: ``status`` and ``message``, those there are."""
    code = read_code(response.trailer(STATUS))
    in_head = code < 0
    code = read_code(response.header(STATUS)) if in_head else code
    if code < 0:
        return {}
    message = response.header(MESSAGE) if in_head else response.trailer(MESSAGE)
    return {"status": code, "message": read_message(message)} if message else {"status": code}


def code_told(exchange: Exchange) -> int:
    """The code that a call which is over has ended with, whoever said it."""
    error, noted = exchange.error, (exchange.notes or {}).get(CALL) or {}
    if error is not None:
        return code_of(error)
    code: int = noted.get("status", -1)
    return code if code >= 0 else told(exchange.response).get("status", UNKNOWN)


def judge(exchange: Exchange) -> bool:
    """A ``Mind`` of services that calls come to: an answer that says nothing but that the service has failed counts as what it is.

    It is passed on."""
    if exchange.uncounted == 200:
        exchange.uncounted = outcome(exchange.response)
    return False


def outcome(response: Response) -> int:
    """The status of HTTP that an answer to a call counts as, whose head has come."""
    status = response.status
    return status if status != 200 else FAULTS.get(read_code(response.header(STATUS)), status)


def asked_to_wait(response: Response) -> float | None:
    """Seconds that an answer asks to wait in ``grpc-retry-pushback-ms``, below 0: it shall not be asked again (gRFC A6); None: it is
    silent."""
    said = response.header(PUSHBACK)
    if said is None:
        return None
    return int(said) / 1000.0 if said.isdigit() and len(said) < 12 else -1.0


def explain_end(exchange: Exchange) -> bytes | None:
    """Have an answer to a call that cannot go on end with the reason: the last bytes of its body, none where its trailers say it; None: it
    is no answer of gRPC.  Behind a message that is not complete they cannot be read, but nor is the message taken for one."""
    error, response = exchange.error, exchange.response
    if error is None or response.status != 200 or response.content_length >= 0:
        return None
    kind = response.header(b"content-type")
    lines = b"".join([b"%b: %b\r\n" % one for one in _said(error)])
    if is_grpc(kind):
        response.trailers = lines
        response.rare = True  # so they are forgotten
        return b""
    if not is_web(kind):
        return None
    from fastgw.wire.grpc_web import media_type, trailer_frame  # which few speak

    told = media_type(kind)
    frame = trailer_frame(lines)
    return b2a_base64(frame, newline=False) if told is not None and told.is_text else frame


def code_of(error: GatewayError) -> int:
    """The code that ``error`` is told with: what it says itself in ``grpc-status`` among its fields, or else by what it is."""
    own = next((value for name, value in error.headers if name == "grpc-status"), None)
    return code_of_error(error.code, error.status) if own is None else int(own)


def _said(error: GatewayError) -> Iterator[tuple[bytes, bytes]]:
    yield STATUS, b"%d" % code_of(error)
    yield MESSAGE, write_message(f"{error.code}: {error.detail}")


def _millis(seconds: str) -> str:
    return f"{int(seconds) * 1000}" if seconds.isdecimal() and len(seconds) < 10 else ""
