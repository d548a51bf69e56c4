"""Bodies on their way through the hooks of filters, in each direction of one exchange: a *passage*.

    client ──▶ a.read_request ──▶ b.transform_request ──▶ service
    client ◀── a.read_response ◀── b.transform_response ◀── service

There is one where some filter of the chain wants the payload of this very exchange; it ends with it.  What passes is data alone, whatever
frames it: each piece once, in the turn of the loop in which it came, whether it is sent then, held or tried again.  A request is passed
from ``dispatch`` on: what came earlier waits as the client has sent it, which is what a mirror copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange import arriving, hooks, mending
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.errors import RETRY_NEVER, FilterUnavailableError, GatewayError
from fastgw.wire.fields import OWN_RESPONSE_FIELDS, field_line, is_forbidden_trailer, is_token
from fastgw.wire.messages import BODY_CHUNKED, BODY_NONE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.filter import BodyHook
    from fastgw.core.snapshot.chain import BodyOpening


class Passage:
    """The body hooks of one direction of one exchange, in the order in which bytes meet them."""

    __slots__ = ("_exchange", "_gather", "_hooks", "_kept", "_size")

    def __init__(self, exchange: Exchange, opened: list[tuple[BodyOpening, BodyHook]]) -> None:
        self._exchange = exchange
        self._hooks = opened
        self._gather = max(hook.gather for _, hook in opened)
        self._kept: list[bytes] = []  #: of an answer whose head waits
        self._size = 0

    def feed(self, data: bytes, is_last: bool) -> bytes | None:
        """Let the hooks have ``data``, none perhaps; what is to go on.  None: one has failed, and the exchange with it."""
        for opening, hook in self._hooks:
            try:
                out = hook.feed(data) if data else b""
                if is_last:
                    out += hook.finish()
                if type(out) is not bytes:
                    raise TypeError(f"a body hook returned {type(out).__name__}, not bytes")
            except Exception as error:  # noqa: BLE001 - whatever a filter raises ends this exchange, not the worker
                _failed(self._exchange, opening, error, may_refuse=True)
                return None
            data = out
        return data

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """The same of an answer: what may be sent now, and its head in front of it if that has waited and there is something."""
        out = self.feed(data, is_last)
        if out is None or (is_last and not self._add_trailers()):
            return None
        if self._exchange.is_head_sent:
            return out
        self._kept.append(out)
        self._size += len(out)
        if not is_last and self._size <= self._gather:
            return b""
        out = b"".join(self._kept)
        self._kept = []
        response = self._exchange.response
        if is_last and not response.trailers:
            response.gain_length(len(out))
        return out

    @property
    def is_gathering(self) -> bool:
        """Whether the head of the answer waits for bytes of its body."""
        return self._gather > 0

    def announce(self) -> bool:
        """Prepare the head of the answer for the trailer fields that hooks will set, if the client takes such (RFC 9110 section 6.6.2).

        False: one of their names is none, and the exchange has failed.
        """
        exchange = self._exchange
        for opening, hook in self._hooks:
            if any(is_token(name) is None for name in hook.trailer_names):
                error = ValueError(f"one of {list(hook.trailer_names)!r} is not the name of a header field")
                _failed(exchange, opening, error, may_refuse=False)
                return False
        names = [name for _, hook in self._hooks for name in hook.trailer_names]
        if names and exchange.client.takes_trailers(exchange):
            exchange.response.extra += b"trailer: " + b", ".join(names) + b"\r\n"
            exchange.response.lose_length()
        return True

    def _add_trailers(self) -> bool:
        """Put what the hooks have set behind the body; False: one may not be there, and the exchange has failed."""
        exchange = self._exchange
        if not exchange.client.takes_trailers(exchange):
            return True
        for opening, hook in self._hooks:
            try:
                for name, value in hook.trailers:
                    _add_trailer(exchange, name, value)
            except ValueError as error:
                _failed(exchange, opening, error, may_refuse=False)
                return False
        return True


def begin_request(exchange: Exchange) -> bool:
    """Open the passage of the request's body, and pass what has come of it; False: a hook has failed, and the exchange with it."""
    body = exchange.body
    if not exchange.request.has_body:
        return True
    opened = _open(exchange, exchange.route.chain.request_body, mending.may_change_request(exchange.request))
    if not opened:
        return opened is not None
    passage = exchange.inward = Passage(exchange, opened)
    exchange.plane.body_bytes -= body.held
    passed = passage.feed(body.take(), body.is_done)
    if passed:
        body.keep(passed)
        exchange.plane.body_bytes += len(passed)
    if passed is not None and exchange.client.is_held and not arriving.is_full(exchange):
        exchange.client.release(HOLD_PENDING)
    return passed is not None


def begin_answer(exchange: Exchange) -> bool:
    """Open the passage of the answer's body; False: its head has to wait, or a hook has failed, and the exchange with it."""
    response = exchange.response
    openings = exchange.route.chain.response_body[exchange.entered]
    if not openings or response.body == BODY_NONE:
        return True
    opened = _open(exchange, openings, mending.may_change_response(exchange.request, response))
    if not opened:
        return opened is not None
    passage = exchange.outward = Passage(exchange, opened)
    if response.body == BODY_CHUNKED:
        response.lose_length()  # its chunks are taken off
    return passage.announce() and not passage.is_gathering


def _open(
    exchange: Exchange, openings: tuple[BodyOpening, ...], may_change: bool
) -> list[tuple[BodyOpening, BodyHook]] | None:
    """What ``openings`` want of this body; None: one has failed."""
    opened: list[tuple[BodyOpening, BodyHook]] = []
    for opening in openings:
        if opening.changes and not may_change:
            continue
        try:
            hook = opening.hook(exchange)
        except Exception as error:  # noqa: BLE001 - as above
            if _is_passed_over(exchange, opening, error):
                continue
            _failed(exchange, opening, error, may_refuse=opening.is_of_request)
            return None
        if hook is None:
            continue
        if opening.changes and not opening.is_of_request:
            opened = [one for one in opened if not one[1].is_of_bytes]
        opened.append((opening, hook))
        if opening.changes:
            if opening.is_of_request:
                mending.mend_request(exchange.request)
            else:
                mending.mend_response(exchange.response, hook.vary)
    return opened


def _add_trailer(exchange: Exchange, name: bytes, value: bytes) -> None:
    if is_forbidden_trailer(name):
        raise ValueError(f"{name!r} may not be a trailer field")
    exchange.response.trailers += field_line(name, value, OWN_RESPONSE_FIELDS)
    exchange.response.rare = True


def _is_passed_over(exchange: Exchange, opening: BodyOpening, error: Exception) -> bool:
    """Whether a filter that failed before it has seen anything of a body is left out, as its failure mode says."""
    is_meant = opening.is_of_request and isinstance(error, GatewayError)
    if is_meant and not isinstance(error, FilterUnavailableError):
        return False
    if not exchange.route.chain.mode_of(opening.hook).is_open:
        return False
    hooks.report_broken(exchange, opening.hook, opening.kind, error)
    return True


def _failed(exchange: Exchange, opening: BodyOpening, error: Exception, *, may_refuse: bool) -> None:
    """End ``exchange`` over ``error``: one that the hook means, or a bug of the filter."""
    if may_refuse and isinstance(error, GatewayError) and not isinstance(error, FilterUnavailableError):
        error.retry = RETRY_NEVER  # what has passed cannot be passed again
        exchange.fail(error)
    else:
        exchange.fail(hooks.failure(exchange, opening.hook, opening.kind, error))
