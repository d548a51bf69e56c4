"""The worker's half of the live tail: what it tells of exchanges that failed or were slow, while somebody watches.

It is asked once for each exchange that is over, and hands on no header, no query and no body.  What it holds and says is bounded: so
many exchanges in each message, and a message each ``PAUSE`` seconds at most; of more it only says how many there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.about import trace_ids
from fastgw.filters.log_variables import logged_status
from fastgw.server.messages import Ended, Tail, Tailed

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.plane import Plane

PAUSE: Final = 0.25  #: seconds over which exchanges are gathered
MOST: Final = 25  #: exchanges in a message: a hundred a second
TEXT_MAX: Final = 256  #: characters of a path, escapes included
_EVENTS: Final = b"text/event-stream"
_WORD_MAX: Final = 32  #: of a method
FAILED, SLOW = "failed", "slow"
OF_SERVICE, OF_REPLY = "status", "reply"  #: causes where there is no error: who gave the status


def tail(plane: Plane, message: Tail) -> None:
    """Do what the supervisor says of watching."""
    plane.tail = Tailing(plane, message.slow).see if message.is_watched else None


class Tailing:
    """What one worker tells."""

    def __init__(self, plane: Plane, slow: float) -> None:
        """``slow``: seconds that an exchange takes which is told for that; 0: none is."""
        self._plane = plane
        self._slow = slow or float("inf")
        self._ends: list[Ended] = []
        self._left_out = 0

    def see(self, exchange: Exchange, now: float) -> None:
        """``exchange`` is over, at ``now`` by the plane's clock, and not reset yet."""
        if _has_failed(exchange):
            kind = FAILED
        elif _seconds(exchange, now) >= self._slow:
            kind = SLOW
        else:
            return
        if len(self._ends) >= MOST:
            self._left_out += 1
            return
        if not self._ends:
            self._plane.loop.call_later(PAUSE, self._tell)
        self._ends.append(_ended(exchange, now, kind))

    def _tell(self) -> None:
        offer = self._plane.offer
        ends, self._ends = tuple(self._ends), []
        if offer is not None and offer(Tailed(ends, self._left_out)):
            self._left_out = 0
        else:  # the supervisor has more to read than it can
            self._left_out += len(ends)


def _has_failed(exchange: Exchange) -> bool:
    """By a service or the gateway: an answer of class 5xx, none at all, or one that was cut."""
    error = exchange.error
    return exchange.response.status >= 500 or (error is not None and error.fault != "downstream")


def _seconds(exchange: Exchange, now: float) -> float:
    """What is compared with the bound: the whole time; of a tunnel or a stream of events, which last as they please, until it began."""
    if exchange.answered and exchange.replied is None:
        response = exchange.response
        if response.status == 101 or (response.header(b"content-type") or b"").lower().startswith(_EVENTS):
            return exchange.answered - exchange.started
    return now - exchange.started


def _ended(exchange: Exchange, now: float, kind: str) -> Ended:
    service: Any = exchange.service
    request = exchange.request
    return Ended(
        when=exchange.plane.wall(),
        kind=kind,
        method=shown(request.method, _WORD_MAX),
        path=shown(request.original_path or request.path, TEXT_MAX),
        route=exchange.route.name,
        service="" if service is None else service.name,
        endpoint=exchange.asked,
        status=logged_status(exchange),
        ms=_milliseconds(now - exchange.started),
        first_ms=_milliseconds(exchange.answered - exchange.started) if exchange.answered else None,
        cause=_cause(exchange, kind),
        trace=trace_ids(exchange)[0].decode("latin-1"),
    )


def _cause(exchange: Exchange, kind: str) -> str:
    if exchange.error is not None:
        return str(exchange.error.code)
    if kind == SLOW:
        return ""
    return OF_SERVICE if exchange.replied is None else OF_REPLY


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def shown(data: bytes, most: int) -> str:
    """``data`` as text that is only what it looks like, cut to ``most`` characters."""
    text = data[: most + 1].decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        text = "".join(one if " " <= one <= "~" else f"\\x{ord(one):02x}" for one in text)
    return text if len(text) <= most else text[: most - 1] + "…"
