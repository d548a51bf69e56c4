"""Answers that are held until somebody has judged all of them: small ones, of which a part is of no use to anybody.

    a mind ──▶ hold_answer ── the end, or more than ``most`` bytes ──▶ judge ─┬─▶ let_go, as it is or another
                                                                             └─▶ Exchange.fail

The head waits too: until the judge has spoken nothing has gone to the client, so it can still be told of an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgw.core.exchange import hooks
from fastgw.core.exchange.deadlines import STREAM
from fastgw.wire.messages import BODY_CHUNKED

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.errors import GatewayError

#: Called with the exchange, what is held and whether that is all of it; it calls ``let_go``, or ``Exchange.fail``.
OnceWhole = Callable[["Exchange", bytes, bool], None]


def hold_answer(exchange: Exchange, most: int, judge: OnceWhole) -> None:
    """Hold the answer of ``exchange``, whose head has come; the caller is a ``Mind``, and keeps it from everybody else.

    ``most``: bytes of it; with more ``judge`` is called although its end has not come.
    """
    response = exchange.response
    if response.body == BODY_CHUNKED:
        response.lose_length()  # its chunks are taken off
    exchange.phase = STREAM
    exchange.outward = HeldAnswer(exchange, most, judge)
    exchange.set_deadline(exchange.route.stream_idle_timeout)


class HeldAnswer:
    """An answer that is held: a ``Passing`` of which nothing goes on."""

    __slots__ = ("_exchange", "_judge", "_kept", "_most", "held", "is_whole")

    def __init__(self, exchange: Exchange, most: int, judge: OnceWhole) -> None:
        self._exchange = exchange
        self._judge = judge
        self._kept = bytearray()  # and not its pieces: a service may send it byte by byte
        self._most = most
        self.held = 0
        self.is_whole = True

    def feed(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``: of a request there is none."""
        raise NotImplementedError

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``."""
        exchange = self._exchange
        if data:
            self._kept += data
            self.held += len(data)
            exchange.plane.body_bytes += len(data)
        if is_last or self.held > self._most:
            self.leave()
            exchange.outward = None
            self._judge(exchange, bytes(self._kept), is_last)
        else:
            exchange.set_deadline(exchange.route.stream_idle_timeout)
        return None

    def break_off(self, error: GatewayError) -> bytes | None:
        """See ``Passing``: no head has gone out."""
        return None

    def leave(self) -> None:
        """See ``Passing``."""
        self._exchange.plane.body_bytes -= self.held
        self.held = 0


def let_go(exchange: Exchange, data: bytes, is_last: bool) -> None:
    """Let the answer of ``exchange`` go that was held, with ``data`` in front of what comes yet."""
    carrier, response = exchange.carrier, exchange.response
    if is_last and not response.trailers:
        response.gain_length(len(data))
    hooks.leave_and_send(exchange, exchange.route.chain.response[exchange.entered], 0)
    # As behind any head: a hook may have taken the exchange elsewhere.
    owner: Any = carrier.exchange if carrier is not None else None
    if owner is None or owner.carrier is not carrier:
        return
    if is_last:
        owner.on_last_body(data, len(data))
    else:
        owner.on_body(data, len(data))
