"""Calls of gRPC on routes that say so: their time, what is no answer to them, and how large their messages may be.

It stands closest to the service, behind all filters and transformers of the route: so it sees what is gRPC there, whatever the client has
spoken.  A request that is no call passes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core import counters
from fastgw.core.causes import EXCERPT, excerpt
from fastgw.core.exchange.deadlines import overdue
from fastgw.core.exchange.filter import BodyHook
from fastgw.core.exchange.grpc import CALL, STATUS, TIMEOUT, code_told, told
from fastgw.core.labels import GRPC_SIDES, GRPC_STATUS
from fastgw.errors import DownstreamError, GatewayError, UpstreamError
from fastgw.wire.fields import find_field
from fastgw.wire.grpc import MessageCounter, code_of_answer, is_grpc, read_timeout
from fastgw.wire.messages import BODY_CHUNKED

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import GrpcSettings

_TYPE: Final = b"content-type"
_ASKED, _ANSWERED = range(len(GRPC_SIDES))
_SHOWN: Final = 4 * EXCERPT  #: bytes of what is no answer, which the client and the log are shown


class Calls:
    """The filter of all routes that say the same of their calls."""

    __slots__ = ("_settings",)

    name = "grpc"
    logged = (GRPC_STATUS,)
    sees_empty = True

    def __init__(self, settings: GrpcSettings) -> None:
        self._settings = settings

    def request(self, exchange: Exchange) -> None:
        """Note that it is a call, and when its client does not wait for it any more."""
        request = exchange.request
        if not is_grpc(request.header(_TYPE)):
            return
        exchange.note(CALL, {})
        said = request.header(TIMEOUT)
        if said is not None:
            _bound(exchange, said)

    def read_request(self, exchange: Exchange) -> BodyHook | None:
        """Its messages, where there is something to be done with them."""
        most = self._settings.max_request_message
        if not (most or self._settings.count_messages) or not _is_call(exchange):
            return None
        return _Messages(exchange, _ASKED, most, _too_large_asked)

    def read_response(self, exchange: Exchange) -> BodyHook | None:
        """The messages of its answer, its end where others may take that away, or what is no answer."""
        if not _is_call(exchange):
            return None
        response = exchange.response
        if response.header(STATUS) is None and not is_grpc(response.header(_TYPE)):
            return _Foreign(exchange)
        most = self._settings.max_response_message
        if most or self._settings.count_messages:
            return _Answer(exchange, _ANSWERED, most, _too_large_answered)
        return _End(exchange) if _may_lose_end(exchange) else None

    def done(self, exchange: Exchange) -> None:
        """How it ended."""
        if _is_call(exchange):
            code = code_told(exchange)
            exchange.note(GRPC_STATUS, code)
            exchange.plane.values[exchange.route.base + counters.ROUTE_GRPC_CODES + code] += 1


def _is_call(exchange: Exchange) -> bool:
    return exchange.notes is not None and CALL in exchange.notes


def _may_lose_end(exchange: Exchange) -> bool:
    """Whether nobody knows by ``done`` what stood behind the answer: the client speaks something else than gRPC, so those in front make
    another end of it, or gets the very chunks of the service."""
    if not is_grpc(find_field(exchange.request.head, _TYPE)):
        return True
    return exchange.response.body == BODY_CHUNKED and not exchange.client.wants_data(exchange)


def _bound(exchange: Exchange, said: bytes) -> None:
    """Have ``exchange`` end when its client says."""
    seconds = read_timeout(said)
    if seconds < 0.0:
        detail = "grpc-timeout is not 1 to 8 digits and one of the units H, M, S, m, u, n"
        raise DownstreamError(400, "grpc_timeout_malformed", detail)
    last = exchange.started + seconds
    if not exchange.last or last < exchange.last:
        exchange.last = last
    if not seconds:
        raise overdue(exchange, exchange.last)


class _Messages(BodyHook):
    """Counts messages, and lets those pass that are not too large."""

    def __init__(self, exchange: Exchange, side: int, most: int, refused: Callable[[int, int], GatewayError]) -> None:
        """``side``: of ``labels.GRPC_SIDES``."""
        self._values = exchange.plane.values
        self._messages = exchange.route.base + counters.ROUTE_GRPC_MESSAGES + side
        self._bytes = exchange.route.base + counters.ROUTE_GRPC_BYTES + side
        self._most = most
        self._refused = refused
        self._counter = MessageCounter()

    def feed(self, data: bytes) -> bytes:
        counter = self._counter
        messages, size = counter.messages, counter.size
        counter.feed(data)
        if counter.messages != messages:
            if self._most and counter.largest > self._most:
                raise self._refused(counter.largest, self._most)
            self._values[self._messages] += counter.messages - messages
            self._values[self._bytes] += counter.size - size
        return data


class _End(BodyHook):
    """Reads how the call went."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        _note_end(self._exchange)
        return b""


class _Answer(_Messages):
    """Does both."""

    def __init__(self, exchange: Exchange, side: int, most: int, refused: Callable[[int, int], GatewayError]) -> None:
        _Messages.__init__(self, exchange, side, most, refused)
        self._exchange = exchange

    def finish(self) -> bytes:
        _note_end(self._exchange)
        return b""


def _note_end(exchange: Exchange) -> None:
    assert exchange.notes is not None
    exchange.notes[CALL].update(told(exchange.response))


def _too_large_asked(size: int, most: int) -> GatewayError:
    detail = f"a message has {size} bytes, and {most} are allowed here"
    return DownstreamError(413, "grpc_message_too_large", detail)


def _too_large_answered(size: int, most: int) -> GatewayError:
    detail = f"a message of the service has {size} bytes, and {most} are allowed here"
    return UpstreamError(502, "grpc_answer_too_large", detail)


class _Foreign(BodyHook):
    """What a service, or something in front of it, has said that does not speak gRPC: a page, say.  It is told with how it begins."""

    gather = 1  # nothing of it goes on

    def __init__(self, exchange: Exchange) -> None:
        response = exchange.response
        self._status = response.status
        self._type = (response.header(_TYPE) or b"no content-type").decode("latin-1")
        self._begin = b""

    def feed(self, data: bytes) -> bytes:
        self._begin += data
        if len(self._begin) >= _SHOWN:
            raise self._error()
        return b""

    def finish(self) -> bytes:
        raise self._error()

    def _error(self) -> GatewayError:
        shown = f": {excerpt(self._begin, _SHOWN)}" if self._begin else ""
        detail = f"the service answered {self._status} and {self._type} to a call of gRPC{shown}"
        code = (("grpc-status", str(code_of_answer(self._status))),)
        return UpstreamError(502, "not_grpc", detail, headers=code)
