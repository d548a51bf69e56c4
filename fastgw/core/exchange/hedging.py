"""Hedging: a request whose answer has not begun when almost all others have is sent once more, to another member, and the first head wins.

    sent ── Hedging.on_sent ──▶ in line ── its time has come ──▶ SecondTry: a second exchange of the same request
                                   └── answered before: nothing           ├── its head comes first, or the first try fails: it *stands in*
                                                                          └── the first head comes first: dropped, in the same tick

A hedge is an exchange, so that pool and carrier need not know of it, but has no route to go: no hooks, no place of its own in the gate,
no answer.  What stands in is its try: carrier, endpoint and what was read of the answer become those of the first exchange, whose own try
is settled with, and from then on everything is as if it had asked there.  A stream that is held until its content comes
(``exchange.beginnings``) is no answer before: then the first content wins, and not the first head.

One line and one timer a service, soonest first: how long a request may take is asked when the timer looks, so the line stays in order
whatever is learned in between.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.causes import HEDGED
from fastgw.core.exchange import beginnings, retries, tries
from fastgw.core.exchange.deadlines import ANSWER, CONNECTION, HOOKS
from fastgw.core.exchange.ends import Carrier, Exchange
from fastgw.core.exchange.grpc import outcome
from fastgw.core.exchange.times import Times
from fastgw.core.net.connection import HOLD_PEER
from fastgw.errors import DownstreamError, GatewayError
from fastgw.policy.budget import Budget
from fastgw.policy.quantile import Quantile

if TYPE_CHECKING:
    from fastgw.core.exchange.load_reports import LoadReports
    from fastgw.core.plane import Plane
    from fastgw.core.settings import ServiceSettings

LINE_MAX = 65536  #: requests that are watched in one worker and service; more are not hedged
TICK = 0.001  #: seconds: what a timer of the loop can tell apart
RENEWED = 0.1  #: seconds between two looks at what was learned


class Hedging(Times):
    """Sends requests of one service twice that take long (``snapshot.Sending``, and a ``Judge``: it learns how long all take)."""

    __slots__ = ("_after", "_budget", "_is_armed", "_learned", "_line", "_methods", "_plane", "_renewed", "_settings")

    def __init__(
        self, settings: ServiceSettings, *, has_calls: bool = False, reports: LoadReports | None = None
    ) -> None:
        """``settings``: with ``hedge``; the others: see ``Times``."""
        hedge = settings.hedge
        assert hedge is not None
        Times.__init__(self, settings, has_calls=has_calls, reports=reports)
        self._settings = hedge
        self._methods = hedge.sends_twice
        self._plane: Plane | None = None  # of the first exchange that comes
        self._learned: Quantile | None = None
        self._budget: Budget | None = None
        self._after: float | None = hedge.after or None
        self._renewed = 0.0
        self._line: deque[tuple[float, int, Exchange]] = deque()  # when it was sent, and with what serial
        self._is_armed = False

    # --- what is told of every try

    def on_sent(self, exchange: Exchange) -> None:
        """See ``Sending``."""
        Times.on_sent(self, exchange)
        plane = self._plane
        if plane is None:
            self._begin(exchange)
            plane = exchange.plane
        request = exchange.request
        if exchange.attempts != 1 or request.method not in self._methods or request.upgrade:
            return
        if request.has_body and not exchange.body.is_kept:
            return
        if len(self._line) < LINE_MAX:
            self._line.append((plane.clock(), exchange.serial, exchange))
            if not self._is_armed:
                self._arm(plane)

    def settle(self, _: Any, outcome: GatewayError | int, seconds: float) -> None:
        """See ``Judge``: whoever has lost, or was given up, says how long it took at least."""
        plane = self._plane
        if plane is None or self._learned is None or seconds <= 0.0:
            return
        if isinstance(outcome, int) or outcome.code in (HEDGED, *tries.LATE):
            self._learned.add(seconds, plane.clock())

    def _begin(self, exchange: Exchange) -> None:
        plane = self._plane = exchange.plane
        now = plane.clock()
        if self._after is None:
            self._learned = Quantile(self._settings.quantile, now)
        self._budget = Budget(self._settings.max_share, retries.first_sent(exchange.service, plane), now)

    # --- the line

    def _delay(self, now: float) -> float | None:
        """Seconds after which a request is sent twice; None: that is not known yet."""
        if self._learned is not None and now - self._renewed >= RENEWED:
            self._renewed = now
            found = self._learned.value()
            self._after = None if found is None else max(found, self._settings.min_delay)
        return self._after

    def _arm(self, plane: Plane) -> None:
        """Look again when the first in line is due, which is not over."""
        line = self._line
        self._is_armed = bool(line)
        if line:
            now = plane.clock()
            delay = self._delay(now)
            wait = RENEWED if delay is None else line[0][0] + delay - now
            plane.loop.call_later(max(TICK, wait), self._look)

    def _look(self) -> None:
        plane, line = self._plane, self._line
        assert plane is not None
        now = plane.clock()
        delay = self._delay(now)
        while line:
            sent, serial, exchange = line[0]
            if self._is_awaited(exchange, serial):
                if delay is None or sent + delay > now:
                    break
                line.popleft()
                self._hedge(exchange)
            else:
                line.popleft()
        self._arm(plane)

    def _is_awaited(self, exchange: Exchange, serial: int) -> bool:
        """Whether it is still the same exchange, with this service and none in its place, and its first try has no answer."""
        return (
            exchange.serial == serial
            and exchange.attempts == 1
            and exchange.phase == ANSWER
            and exchange.uncounted == counters.ANSWER_AWAITED
            and exchange.service.times is self
        )

    def _hedge(self, exchange: Exchange) -> None:
        """Send the request of ``exchange`` once more, if there is another member, and that is within the share."""
        plane, service, budget = exchange.plane, exchange.service, self._budget
        assert budget is not None
        candidates = _others(exchange)
        if not candidates or plane.is_draining or exchange.client.is_paused:
            return  # who is paused does not wait for the service
        if exchange.last and plane.now >= exchange.last:
            return
        if not budget.admit(retries.first_sent(service, plane), plane.clock()):
            plane.values[service.base + counters.SERVICE_HEDGES_REFUSED] += 1
            return
        plane.values[service.base + counters.SERVICE_HEDGES] += 1
        exchange.attempts += 1
        hedge = exchange.hedge = SecondTry(exchange, self)
        hedge.ask(candidates)


def _others(exchange: Exchange) -> tuple[Any, ...]:
    """Whom to ask beside: who is well for certain.  What may never end is no trial of a member that is not."""
    members = exchange.service.members
    reachable = members.reachable
    found = [one for one in tries.untried(exchange, (exchange.endpoint,)) if one in members.all and one in reachable]
    return tuple(found if members.outlying is None else members.outlying.settled(found))


class SecondTry(Exchange):
    """The second try of a request, while the first has no answer."""

    def __init__(self, first: Exchange, hedging: Hedging) -> None:
        Exchange.__init__(self, first.plane)
        self._first = first
        self._hedging = hedging
        self.client = first.client
        self.listener = first.listener
        self.route = first.route
        self.service = first.service.beside()
        self.started = first.started
        self.last = first.last
        self.notes = None if first.notes is None else {**first.notes}  # which subsets, and who picks, may go by
        self.sent = 0.0
        self.keep_alive = False
        self.request.become_copy(first.request)
        body = self.body
        body.is_framed = first.body.is_framed
        body.trailers = first.body.trailers
        body.received = first.body.received
        body.pending = first.body.pending  # which stay the first's: they are kept, and nothing is added to them
        body.held = first.body.held
        body.is_kept = first.body.is_kept

    def ask(self, candidates: tuple[Any, ...]) -> None:
        """Send it to one of ``candidates``, now or when there is a connection."""
        tries.ask(self, candidates)

    # --- what its pool and carrier tell

    def on_carrier(self, carrier: Carrier) -> None:
        """See ``Exchange``."""
        self.carrier = carrier
        self.sent = self.plane.clock()
        self.phase = ANSWER
        self.plane.values[self.service.base + counters.SERVICE_REQUESTS] += 1
        self.uncounted = counters.ANSWER_AWAITED
        if self.notes is not None and self.service.witness is not None:
            self.service.witness.on_carrier(self)
        self._hedging.tell(self)
        carrier.carry(self)

    def ask_anew(self) -> None:
        """See ``Exchange``: the first try goes on, and this one has come to nothing."""
        self.drop()

    def set_deadline(self, seconds: float) -> None:
        """See ``Exchange``: the first's holds for both."""

    def on_interim(self) -> None:
        """See ``Exchange``: only the one that wins may be passed on."""
        self.response.status = 0

    def on_upgrade(self) -> None:
        """See ``Exchange``: nobody has asked for that."""
        self.drop()

    def on_head(self) -> None:
        """See ``Exchange``: it wins, unless it is an error, which the first may yet do better than."""
        status = outcome(self.response) if self._hedging.has_calls else self.response.status
        if status >= 500:
            self._settle(status)
            self._leave()
            return
        if beginnings.may_be_held(self, self._first.service):
            beginnings.begin(self)
            return
        if self._hedging.reports is not None:  # nobody has asked the minds of the service
            self._hedging.reports(self)
        first = self._first
        plane = self.plane
        plane.values[self.service.base + counters.SERVICE_HEDGES_WON] += 1
        _lose(first)
        first.response, self.response = self.response, first.response
        if self.notes is not None and beginnings.NOTE in self.notes:
            first.note(beginnings.NOTE, self.notes[beginnings.NOTE])
        self._stand_in()
        first.on_head()

    def on_body(self, data: bytes, payload: int) -> None:
        """See ``Exchange``: it is held, or nothing of it is here."""
        if self.outward is not None:
            self.outward.feed_answer(data, False)

    def on_last_body(self, data: bytes, payload: int) -> None:
        """See ``Exchange``."""
        if self.outward is not None:
            self.outward.feed_answer(data, True)

    def fail(self, error: GatewayError) -> None:
        """See ``Exchange``: the first try goes on."""
        if self.carrier is not None:
            self.plane.values[self.service.base + counters.SERVICE_UNANSWERED] += 1
        if self.endpoint is not None:  # else nobody could be picked
            tries.failed(self, error)
            self._first.tried = (*self._first.tried, self.endpoint)
        self._leave()

    # --- what the first exchange tells

    def takes_over(self, error: GatewayError) -> bool:
        """``error`` ends the first try: whether this one is waited for instead, which has been sent."""
        first = self._first
        is_late = bool(first.last and self.plane.now >= first.last)
        if self.carrier is None or error.fault != "upstream" or is_late or first.uncounted != counters.ANSWER_AWAITED:
            return False
        self.plane.values[self.service.base + counters.SERVICE_UNANSWERED] += 1
        carrier = first.carrier
        first.carrier = None
        tries.failed(first, error)
        first.tried = (*first.tried, first.endpoint)
        if carrier is not None:
            carrier.let_go(False)
        tries.leave(first)
        first.response.status = 0
        self._stand_in()
        tries.await_answer(first)
        return True

    def drop(self) -> None:
        """Nobody waits for it any more."""
        if self.endpoint is not None:
            if self.carrier is not None:
                self.plane.values[self.service.base + counters.SERVICE_UNANSWERED] += 1
            tries.unanswered(self, lost())
        self._leave()

    # --- how it ends

    def _stand_in(self) -> None:
        """The try is the first exchange's from now on."""
        first = self._first
        carrier, self.carrier = self.carrier, None
        assert carrier is not None
        first.carrier = carrier
        carrier.exchange = first
        first.endpoint, first.asked, first.sent = self.endpoint, self.asked, self.sent
        first.uncounted = self.uncounted
        first.phase = ANSWER
        first.hedge = None
        held, self.outward = self.outward, None
        if isinstance(held, beginnings.Beginning):  # its head has come, and is that of the first exchange now
            first.response, self.response = self.response, first.response
            first.outward = held
            held.belong_to(first)
        if first.client.is_paused:
            carrier.hold(HOLD_PEER)  # as the other was

    def _settle(self, status: int) -> None:
        """The answer began, and is not for the client."""
        if self.notes is not None and self.service.witness is not None:
            self.service.witness.on_answer(self)
        seconds = self.plane.clock() - self.sent
        self.plane.count_answer(self.service.base, status, self.endpoint.base, seconds)
        if self.service.members.judge is not None:
            self.service.members.settle(self.endpoint, status, seconds, self.plane.now)
        self.uncounted = counters.ANSWER_COUNTED

    def _leave(self) -> None:
        """Have nothing more to do with a carrier or a line."""
        self._first.hedge = None
        carrier, self.carrier = self.carrier, None
        if self.outward is not None:
            self.outward.leave()
            self.outward = None
        if carrier is not None:
            carrier.let_go(False)
        elif self.phase == CONNECTION and self.endpoint is not None:
            self.endpoint.pool.cancel(self)
        self.phase = HOOKS
        tries.leave(self)


def _lose(first: Exchange) -> None:
    """Another try was faster than the one of ``first``, whose connection closes in this tick."""
    first.plane.values[first.service.base + counters.SERVICE_UNANSWERED] += 1
    tries.unanswered(first, lost())
    carrier, first.carrier = first.carrier, None
    if first.outward is not None:  # what was held of it
        first.outward.leave()
        first.outward = None
    if carrier is not None:
        carrier.let_go(False)
    tries.leave(first)


def lost() -> DownstreamError:
    """How a try ends that another was faster than: by nobody's fault."""
    return DownstreamError(499, "hedged", "another member answered first")
