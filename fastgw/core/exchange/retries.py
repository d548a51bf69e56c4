"""Sending a request again: when it is time, and what it may cost.  A cold path: nothing came of the first time.

Between two tries an exchange *pauses*: for a part by chance of a time that doubles with every try (full jitter, so that those who failed
together do not come back together), or for as long as the service has asked for (Retry-After, RFC 9110 section 10.2.3).

What is sent again is a share of what comes (``policy.budget``), and beyond it a few in a second over all workers, by a bucket on the board.
Who was never sent, because no connection was made, costs the service nothing and is not counted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastgw.core import counters, labels
from fastgw.core.live.board import NAMED_TIMES
from fastgw.core.live.meters import Meter, NoRoomError
from fastgw.policy.budget import Budget
from fastgw.policy.gcra import Rate
from fastgw.wire.fields import find_field

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.plane import Plane
    from fastgw.core.snapshot.snapshot import Service

#: Places of the causes of a retry, and of what speaks against one, among the counters.
_, RESET, TIMEOUT, STATUS = range(len(labels.RETRY_CAUSES))
NO_BUDGET, _, NO_TIME, ASKED_TO_WAIT = range(len(labels.RETRY_REFUSALS))

ASKED_AGAIN = b"x-stainless-retry-count"  #: how often the SDK of a client has sent this request before
SECOND = 10**9  #: in nanoseconds


def asked_to_wait(head: bytes, date: bytes) -> float:
    """Seconds that the answer with ``head`` asks to wait; ``date``: the field line of now, where the answer has no date of its own.

    What nobody can read is no request (RFC 9110 section 10.2.3: a date, or whole seconds)."""
    millis = find_field(head, b"retry-after-ms") or b""
    if millis.isdigit() and len(millis) < 12:
        return int(millis) / 1000.0
    said = find_field(head, b"retry-after") or b""
    if said.isdigit():
        return float(said[:12])
    now = find_field(head, b"date") or date.partition(b": ")[2].rstrip()
    return max(0.0, _seconds(said) - _seconds(now)) if said else 0.0


def _seconds(date: bytes) -> float:
    """``date`` (RFC 9110 section 5.6.7) in seconds since 1970; 0: it is none."""
    from email.utils import parsedate_to_datetime  # which few services need

    try:
        return parsedate_to_datetime(date.decode("latin-1")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0


def wait(exchange: Exchange, asked: float = 0.0) -> float:
    """Seconds until the request, which was sent, may be sent again, at least ``asked``; below 0: it may not, which is counted."""
    service, plane = exchange.service, exchange.plane
    backoff = service.settings.retry.backoff
    before = exchange.attempts - exchange.is_spared - 1
    longest = min(backoff.max, backoff.base * 2.0 ** min(before, 30))
    seconds = max(asked, plane.random() * longest)
    if exchange.last and plane.now + seconds >= exchange.last:
        return refuse(exchange, NO_TIME)
    return seconds if _is_affordable(service, plane) else refuse(exchange, NO_BUDGET)


def refuse(exchange: Exchange, reason: int) -> float:
    """Count that the request of ``exchange`` is not sent again, and why; -1."""
    exchange.plane.values[exchange.service.base + counters.SERVICE_RETRIES_REFUSED + reason] += 1
    return -1.0


# --- what it may cost


def open_budget(service: Service, plane: Plane, share: float) -> Budget:
    """The budget of ``service``, as its members know it, whom a reload does not change."""
    budget: Budget | None = service.members.budget
    if budget is None:
        budget = service.members.budget = Budget(share, first_sent(service, plane), plane.now)
    budget.share = share
    return budget


def count_asking(exchange: Exchange) -> None:
    """Spend of the budget, if there is something left, what a client takes of it that asks again, as its SDK tells.  The request is sent in
    any case, and counts once."""
    settings = exchange.service.settings.retry.budget
    told = find_field(exchange.request.head, ASKED_AGAIN)
    if settings is not None and told is not None and told != b"0" and told.isdigit() and exchange.attempts == 1:
        plane, service = exchange.plane, exchange.service
        open_budget(service, plane, settings.share).admit(first_sent(service, plane), plane.now)


def _is_affordable(service: Service, plane: Plane) -> bool:
    """Whether the budget has room for one more, which is spent then."""
    settings = service.settings.retry.budget
    if settings is None:
        return True
    budget = open_budget(service, plane, settings.share)
    if budget.admit(first_sent(service, plane), plane.now):
        return True
    if not settings.floor:
        return False
    rate = Rate(settings.floor, SECOND, settings.floor)
    if plane.seat is None:
        time_after = rate.charged(budget.floor_time, int(plane.clock() * SECOND))
        budget.floor_time = time_after or budget.floor_time
        return time_after > 0
    key = plane.seat.key_of(b"retries", service.name.encode())
    try:
        return Meter(plane.seat.board, NAMED_TIMES, key, rate, time.monotonic_ns).admit()
    except NoRoomError:
        plane.values[counters.BOARD_FULL] += 1
        return False


def first_sent(service: Service, plane: Plane) -> int:
    """Requests sent to ``service`` for the first time, ever."""
    values, base = plane.values, service.base
    again = sum(values[base + counters.SERVICE_RETRIES + cause] for cause in (RESET, TIMEOUT, STATUS))
    return int(values[base + counters.SERVICE_REQUESTS]) - again - int(values[base + counters.SERVICE_HEDGES])


# --- pauses


class _Pause:
    """What an exchange waits for that is sent again later; it has the place of a hook that waits (``Exchange.waiting``)."""

    __slots__ = ("_exchange", "_timer")

    def __init__(self, exchange: Exchange, seconds: float) -> None:
        self._exchange = exchange
        self._timer = exchange.plane.loop.call_later(seconds, self._end)

    def cancel(self) -> None:
        """The exchange is over."""
        self._timer.cancel()

    def _end(self) -> None:
        exchange = self._exchange
        exchange.waiting = None
        exchange.ask_again()


def pause(exchange: Exchange, seconds: float) -> None:
    """Ask another member of its service in ``seconds``, unless the exchange is over before."""
    exchange.set_deadline(0.0)  # but that of the whole exchange
    exchange.waiting = _Pause(exchange, seconds)
