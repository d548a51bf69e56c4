"""The breakers of one service in one worker: what ends there is counted, and while one is open its place among the ready is another's.

    a member open                                it is not ready
    a member half open                           the *guard* is ready in the place of everybody, until the trials are on their way
    the service, or all of its members, open     the guard is, and refuses every request at once

The guard (``live.guard``) hands the exchange to the pool of a member, or raises.  So the plain path learns of a breaker by the tuple it
reads anyway, and of none where there is none.

Calls that hang are slow before they end: ``look`` is told of those under way at every sweep, and counts each when it turns slow.  Whether
that was done is known when one ends from when it began.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.causes import REFUSED
from fastgw.core.live.guard import guard
from fastgw.core.live.judges import is_failure
from fastgw.core.live.news import BREAKER, Finding
from fastgw.errors import RETRY_ALWAYS, RETRY_NEVER, GatewayError, UpstreamError
from fastgw.policy.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState

if TYPE_CHECKING:
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.members import Members
    from fastgw.core.plane import Plane
    from fastgw.core.settings import BreakerSettings


class Breaking:
    """A ``Judge``, and what ``Members`` asks who may be picked."""

    def __init__(self, settings: BreakerSettings, members: Members, plane: Plane, service: str, base: int) -> None:
        """``service``: its name; ``base``: of its counters."""
        self.settings = settings
        self.base = base
        self._members = members
        self._plane = plane
        self._name = service
        self._slow_after = settings.slow_after
        self._statuses = frozenset(settings.statuses)
        self._whole = BreakerState(settings) if settings.scope != "member" else None
        self._has_parts = settings.scope != "service"
        self._parts: dict[Any, BreakerState] = {}  # by member
        self._guard: Endpoint | None = None
        self._candidates: tuple[Any, ...] = ()  # whom it has handed the last exchange to one of
        self._looked = plane.now  # calls that had turned slow by then are counted

    # --- how tries end

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float) -> None:
        """See ``Members.settle``."""
        now = self._plane.clock()
        after = self._slow_after
        is_slow = 0.0 < after <= seconds
        if (
            not is_slow
            and isinstance(outcome, int)
            and outcome not in self._statuses
            and self._is_counted(endpoint, now)
        ):
            return
        is_counted = is_slow and now - seconds + after <= self._looked
        if isinstance(outcome, int):
            is_failed, cause = outcome in self._statuses, str(outcome)
        else:
            if outcome.code == REFUSED:
                return
            is_failed = is_failure(outcome, seconds)
            cause = outcome.code
            if not is_failed and not is_slow:
                for one in self._of(endpoint):
                    one.give_back(now - seconds)
                return
        if not is_failed:
            cause = f"{seconds:.3f} s" if is_slow else ""
        self._note(endpoint, now - seconds, int(not is_counted), int(is_failed), int(is_slow and not is_counted), cause)

    def _is_counted(self, endpoint: Any, now: float) -> bool:
        """Count a call that has ended well, where that is all there is to it; False: it is not counted yet."""
        whole, part = self._whole, self._parts.get(endpoint)
        if (self._has_parts and part is None) or (part is not None and not part.is_quiet()):
            return False
        if whole is not None:
            if not whole.is_quiet():
                return False
            whole.window.add(now, 1, 0, 0)
        if part is not None:
            part.window.add(now, 1, 0, 0)
        return True

    def look(self, endpoint: Any, sent: float) -> None:
        """A call is under way since ``sent``; everything that is, is told of before ``sweep``."""
        turns_slow = sent + self.settings.slow_after
        if self._looked < turns_slow <= self._plane.now:
            self._note(endpoint, sent, 1, 0, 1, f"more than {self.settings.slow_after:g} s, and no answer yet")

    @property
    def is_looking(self) -> bool:
        """Whether it must be told of calls under way."""
        return self.settings.slow_after > 0

    def _note(self, endpoint: Any, began: float, calls: int, failures: int, slow: int, cause: str) -> None:
        now = self._plane.clock()
        for one in self._of(endpoint):
            chance = self._plane.random()
            if one.note(now, began, chance, calls=calls, failures=failures, slow=slow, cause=cause):
                self._on_changed(one, None if one is self._whole else endpoint)

    def _of(self, endpoint: Any) -> Iterator[BreakerState]:
        if self._whole is not None:
            yield self._whole
        if self._has_parts:
            found = self._parts.get(endpoint)
            if found is None and endpoint.key is not None and not endpoint.key.is_room:
                self._parts = {member: known for member, known in self._parts.items() if not member.is_retired}
                found = self._parts[endpoint] = BreakerState(self.settings)
            if found is not None:
                yield found

    # --- what follows

    def _on_changed(self, breaker: BreakerState, endpoint: Any, *, is_told: bool = False) -> None:
        """``endpoint``: its member; None: all.  ``is_told``: by another worker."""
        place = counters.SERVICE_BREAKER_TRANSITIONS + (OPEN, HALF_OPEN, CLOSED).index(breaker.state)
        self._plane.values[self.base + place] += 1
        self._count_open()
        if breaker.state != HALF_OPEN:
            self._tell(breaker, endpoint)
        self._members.publish()
        if breaker.state == OPEN and not is_told:
            # In a turn of its own: this one may be in the middle of an exchange.
            self._plane.loop.call_soon(self._turn_away, endpoint)

    def _turn_away(self, endpoint: Any) -> None:
        """Who waits for a connection there would be one more call of what is open: let it ask elsewhere, or be told."""
        if endpoint is None:
            for one in self._members.all:
                one.pool.turn_away(self._refusal(is_last=True))
        else:
            endpoint.pool.turn_away(self._refusal(is_last=False))

    def _count_open(self) -> None:
        is_open = int(self._whole is not None and self._whole.state != CLOSED)
        self._plane.values[self.base + counters.SERVICE_BREAKER_OPEN] = is_open
        parts = sum(one.state != CLOSED for one in self._parts.values())
        self._plane.values[self.base + counters.SERVICE_BREAKER_MEMBERS_OPEN] = parts

    def sweep(self, now: float) -> None:
        """Let those be half open whose time is over."""
        self._looked = now
        clock = self._plane.clock()
        for endpoint, one in [*self._parts.items()]:
            if endpoint.is_retired:
                self._forget(endpoint)
            elif one.look(clock):
                self._on_changed(one, endpoint)
            elif one.state == HALF_OPEN:
                self._members.publish()  # places of trials that hang are free again

    def _forget(self, endpoint: Any) -> None:
        self._tell_closed(self._parts.pop(endpoint), endpoint)
        self._count_open()

    def _tell_closed(self, breaker: BreakerState, endpoint: Any) -> None:
        if breaker.state != CLOSED:
            breaker.close(self._plane.clock())
            self._tell(breaker, endpoint)

    def _tell(self, breaker: BreakerState, endpoint: Any) -> None:
        service, name, address = (self._name, "", "") if endpoint is None else endpoint.member
        is_up = breaker.state == CLOSED
        until, cause, why = (0.0, "", "") if is_up else (breaker.until, REFUSED, breaker.why)
        self._members.report(Finding(service, name, address, is_up, until, cause, why, BREAKER))

    def dismiss(self) -> None:
        """The configuration has another, or none, from now on."""
        for endpoint in [*self._parts]:
            self._forget(endpoint)
        if self._whole is not None:
            self._tell_closed(self._whole, None)
            self._whole = None
        self._count_open()
        self._count_open()

    def hear(self, endpoint: Any, finding: Finding) -> None:
        """Another worker has found that of ``endpoint``, or, None, of all: what is open there is open here until the same time."""
        if endpoint is None:
            breaker = self._whole
        else:
            breaker = next((one for one in self._of(endpoint) if one is not self._whole), None)
        if breaker is None:
            return
        if finding.is_up:
            breaker.hurry(self._plane.clock())
        elif breaker.state == CLOSED:
            breaker.why = finding.reason
            breaker.open(finding.until)
            self._on_changed(breaker, endpoint, is_told=True)

    # --- who may be picked

    def pickable(self, reachable: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of ``reachable`` that may be picked now, or the guard."""
        if not self._members.all:
            return (
                reachable  # a name without an address: its waiting room has an answer, and nobody is there to be asked
            )
        if self._whole is not None and self._whole.state != CLOSED:
            return (self._guard_of_all(),)
        states = [one.state for one in self._parts.values()]
        if all(one == CLOSED for one in states):
            return reachable
        now = self._plane.clock()
        if any(one in self._parts and self._parts[one].has_room(now) for one in reachable):
            return (self._guard_of_all(),)
        return tuple([one for one in reachable if self._is_closed(one)]) or (self._guard_of_all(),)

    def untried(self, reachable: tuple[Any, ...], others: tuple[Any, ...], tried: tuple[Any, ...]) -> tuple[Any, ...]:
        """Who is left to be asked after ``tried``: of the reachable, else of ``others``.  No trial: that is a first try."""
        if self._whole is not None and self._whole.state != CLOSED:
            return ()
        for these in (reachable, others):
            found = tuple([one for one in these if one not in tried and self._is_closed(one)])
            if found:
                return found
        return ()

    def _is_closed(self, endpoint: Any) -> bool:
        breaker = self._parts.get(endpoint)
        return breaker is None or breaker.state == CLOSED

    def member_for(self, exchange: Any) -> Any:
        """The member that ``exchange`` goes to, as a trial perhaps.

        Raises:
            UpstreamError: 503, there is none now.
        """
        now = self._plane.clock()
        whole = self._whole
        if whole is not None and whole.look(now):
            self._on_changed(whole, None)
        candidates: tuple[Any, ...] = ()
        if whole is None or whole.state == CLOSED or whole.has_room(now):
            candidates = tuple([one for one in self._members.reachable if self._may_pass(one, now)])
            if exchange.service.subsets is not None:
                candidates = exchange.service.subsets.left(candidates, exchange)
        if not candidates:
            self._plane.values[self.base + counters.SERVICE_BREAKER_REFUSED] += 1
            raise self._refusal(is_last=True)
        if candidates != self._candidates:  # a balancer knows a tuple by identity
            self._candidates = candidates
        member = candidates[0] if len(candidates) == 1 else _picked(exchange, self._candidates)
        if self._members.outlying is not None:
            self._members.outlying.take(member)
        part = self._parts.get(member)
        for one in (whole, part):
            if one is not None and one.state == HALF_OPEN:
                one.take(now)
        if part is not None:
            self._members.publish()
        return member

    def _may_pass(self, endpoint: Any, now: float) -> bool:
        part = self._parts.get(endpoint)
        if part is None:
            return True
        if part.look(now):
            self._on_changed(part, endpoint)
        return part.state == CLOSED or part.has_room(now)

    def _refusal(self, *, is_last: bool) -> UpstreamError:
        """``is_last``: nobody else need be asked."""
        retry = RETRY_NEVER if is_last else RETRY_ALWAYS
        open_ones = [one for one in (self._whole, *self._parts.values()) if one is not None and one.state != CLOSED]
        now = self._plane.clock()
        first = min(open_ones, key=lambda one: one.until, default=None)
        seconds = max(1, math.ceil(first.until - now)) if first is not None else 1
        why = f": {first.why}" if first is not None else ""
        text = "too many calls of the service have failed of late, or were too slow; it is left alone for a while"
        reason = f"the breaker of {self._name} is open{why}"
        return UpstreamError(
            503, "breaker_open", text, retry=retry, reason=reason, headers=(("retry-after", str(seconds)),)
        )

    def _guard_of_all(self) -> Endpoint:
        if self._guard is None:
            self._guard = guard(self._members.all[0], self._plane, self.member_for)
        return self._guard


def _picked(exchange: Any, candidates: tuple[Any, ...]) -> Any:
    service = exchange.service
    if service.subsets is not None:
        return service.subsets.pick(candidates, exchange)
    return service.balancer.pick(candidates) if service.pick_for is None else service.pick_for(candidates, exchange)
