"""The common ground of answers that this process makes itself, behind the interface of a service: a service with one endpoint, its pool,
and a carrier for each exchange.

    Relay ── acquire ──▶ LocalPool      a carrier, always and at once: nobody waits
          ── carry, send_body ──▶ LocalCarrier      the request's body is thrown away
          ◀── on_head, on_body, on_last_body, fail ──  when the request is complete, in the turn of the loop in which it came

An exchange does not know the difference, so filters, deadlines, limits, logs and counters are those of any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgw.core.counters import LOCAL
from fastgw.core.exchange import arriving
from fastgw.core.exchange.about import report
from fastgw.core.exchange.ends import Carrier, Exchange
from fastgw.core.live.endpoint import Endpoint
from fastgw.core.live.members import Members
from fastgw.core.live.news import Finding
from fastgw.core.live.pool import Pool
from fastgw.core.settings import BackoffSettings, RetrySettings, ServiceSettings
from fastgw.core.snapshot.snapshot import Service
from fastgw.errors import DownstreamError, GatewayError, InternalError
from fastgw.policy.balancers import RoundRobin
from fastgw.policy.ejection import MemberState
from fastgw.wire.messages import BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE, NO_LENGTH

if TYPE_CHECKING:
    from fastgw.core.net.connection import Connection
    from fastgw.routing.pattern import Pattern
    from fastgw.wire.messages import Request

UNKNOWN = -1  #: the size of a body that nobody knows yet
_ONCE = RetrySettings(1, (), (), 0, 0.0, BackoffSettings(0.0, 0.0), 0.0, None, ())
_SETTINGS = ServiceSettings(
    "preserve",
    _ONCE,
    None,
    None,
    tell_timeout=False,
    panic_below=0.0,
    hedge=None,
    streams=None,
    credentials=None,
    websocket=None,
)


class LocalCarrier(Carrier):
    """Carries one exchange to an answer that is made here, and is thrown away after it.  A subclass has ``answer``."""

    __slots__ = ()

    def answer(self, exchange: Exchange) -> None:
        """Answer ``exchange``, whose request is complete (or as ``takes_body`` says): ``send_head`` and the rest, or ``fail``.

        Raises:
            GatewayError: what the client is told instead.
        """
        raise NotImplementedError

    def takes_body(self, exchange: Exchange) -> bool:
        """Whether the answer waits for the request's body, so that the client's connection can be kept."""
        return True

    # --- what an exchange asks

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        exchange.body.take()
        if exchange.body.is_done or not self.takes_body(exchange):
            self.answer_soon(exchange)
        else:
            arriving.ask_for_more(exchange)

    def answer_soon(self, exchange: Exchange) -> None:
        """Answer now, or in a later turn of the loop where the client has sent more requests already: others have theirs before them."""
        if exchange.client.has_more():
            exchange.plane.loop.call_soon(self._answer)
        else:
            self._answer_now()

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``: nobody reads it."""
        exchange = self.exchange
        if is_last and exchange is not None and self.takes_body(exchange):
            exchange.plane.loop.call_soon(self._answer)

    def let_go(self, is_request_done: bool) -> None:
        """See ``Carrier``."""
        self.leave()

    def leave(self) -> None:
        """See ``Carrier``."""
        self.exchange = None

    # --- a connection without a transport

    def hold(self, bit: int) -> None:
        """See ``Connection``: whoever sends more than one piece asks ``is_held`` before each."""
        self._holds |= bit

    def release(self, bit: int) -> None:
        """See ``Connection``."""
        self._holds &= ~bit

    def write(self, data: bytes) -> None:
        """See ``Connection``: there is no tunnel to here."""

    def close(self) -> None:
        """See ``Connection``."""
        self.is_closed = True
        self.leave()

    def abort(self) -> None:
        """See ``Connection``."""
        self.close()

    # --- the answer

    def _answer(self) -> None:
        self._answer_now()

    def _answer_now(self) -> None:
        """Answer, if anybody waits; what is raised ends the exchange, and not the worker."""
        exchange = self.exchange
        if exchange is None:
            return
        try:
            self.answer(exchange)
        except Exception as error:  # noqa: BLE001 - it is told
            self._failed(exchange, error)

    def _try(self, step: Callable[[Exchange], None], exchange: Exchange) -> None:
        """Do ``step`` of an answer, in the same way."""
        try:
            step(exchange)
        except Exception as error:  # noqa: BLE001 - it is told
            self._failed(exchange, error)

    def _failed(self, exchange: Exchange, error: Exception) -> None:
        if isinstance(error, GatewayError):
            exchange.fail(error)
            return
        # a bug here, which the client waits for no longer than for an answer
        report(exchange, "error", "an answer could not be made", route=exchange.route.name, error=error)
        exchange.fail(InternalError(500, "internal", "the gateway failed to answer; its log has the reason"))

    def send_head(self, exchange: Exchange, status: int, fields: bytes, size: int) -> bool:
        """Let the answer begin, with ``fields`` (each with its CRLF), of which ``date``, if it is among them, is the first, and a body of
        ``size`` bytes, which may be ``UNKNOWN``; False: nobody takes the body.

        Status 304 has no body, and neither has an answer to HEAD: that ends here (RFC 9110 sections 9.3.2 and 15.4.5).
        """
        request, response = exchange.request, exchange.response
        response.reset_rare()
        response.turn_into(status)
        is_bare = status == 204 or status == 304
        has_length = not is_bare and size >= 0
        response.fields = fields + b"content-length: %d\r\n" % size if has_length else fields
        response.head = response.line + response.fields + b"\r\n"
        response.minor = 1
        response.has_date = fields[:6] == b"date: "
        response.length_count = int(has_length)
        response.content_length = size if has_length else NO_LENGTH
        if is_bare or not size or request.method == b"HEAD":
            response.body = BODY_NONE
        else:
            response.body = BODY_LENGTH if has_length else BODY_UNTIL_CLOSE
        response.keep_alive = True
        response.request_id = response.extra = b""
        has_body = response.body != BODY_NONE
        exchange.on_head()
        if self.exchange is not exchange:  # a hook answered instead, or failed
            return False
        if not has_body:
            exchange.on_last_body(b"", 0)
        return has_body


class LocalPool(Pool):
    """A carrier for everybody."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], LocalCarrier]) -> None:
        Pool.__init__(self, None)
        self._make = make

    def acquire(self, exchange: Exchange) -> LocalCarrier:
        """See ``Pool``: one at once."""
        return self._make()

    def cancel(self, exchange: Exchange) -> None:
        """See ``Pool``: nobody waits."""

    def on_request_done(self, exchange: Exchange) -> None:
        """See ``Pool``: nobody waits."""

    def end_upload(self, exchange: Exchange) -> None:
        """See ``Pool``: nobody is an upload."""

    def put_back(self, carrier: Connection) -> None:
        """See ``Pool``: none is kept."""

    def on_closed(self, carrier: Connection) -> None:
        """See ``Pool``: none is counted."""

    def drop_idle(self) -> None:
        """See ``Pool``: none is at rest."""

    @property
    def pressing(self) -> int:
        """See ``Pool``."""
        return 0


class LocalEndpoint(Endpoint):
    """The one endpoint of a service that is this process: it has no address, and none is to blame for what goes wrong."""

    __slots__ = ()

    def __init__(self, pool: LocalPool) -> None:
        none: Any = None
        self.key = none
        self.name = self.place = ""
        self.authority = b""
        self.members = none
        self.ejection = MemberState()
        self.settings = none
        self.weight = 1
        self.in_hand = 0
        self.ssl = none
        self.base = LOCAL.at
        self.pool = pool
        self.troubles = none

    def failed(self, error: GatewayError) -> None:
        """See ``Endpoint``: the access log tells, as of any exchange."""

    def __repr__(self) -> str:
        return "<LocalEndpoint>"


def _find_nothing(_: Finding) -> None:
    """Nobody is ejected here."""


def local_service(name: str, make: Callable[[], LocalCarrier]) -> Service:
    """A service whose answers ``make``, called for every exchange, makes; ``name``: what the access log calls it."""
    return pooled_service(name, LocalPool(make))


def pooled_service(name: str, pool: LocalPool) -> Service:
    """The same where ``pool`` chooses by the exchange."""
    endpoint = LocalEndpoint(pool)
    members = Members(_find_nothing, (endpoint,))
    service = Service(name, members, (), RoundRobin(), _SETTINGS, takes_chunks=False)
    service.base = LOCAL.at
    return service


def below(pattern: Pattern, request: Request) -> bytes:
    """What the ``*`` of a route's ``pattern`` has taken of the path; all of it, but for its slash, where there is none, or where a filter
    of the route has put another path in its place."""
    rest = pattern.rest(request.path) if request.path == request.matched_path else None
    return request.path[1:] if rest is None else rest


def precondition_failed() -> DownstreamError:
    """The answer to a request whose precondition does not hold."""
    return DownstreamError(412, "precondition_failed", "what this request expects is not what is here")
