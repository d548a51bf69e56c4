"""Which members of one service are left out in one worker because they fail, or are slow, where their siblings are not.

What ends at the members is counted (``policy.outliers``).  Who is out is not ready; who is on trial has a guard among the ready, which lets
one call at a time through, so what comes back gets no burst.  Never more than a share of the members are left out, and never all: what is
wrong with all of them is no reason to answer nobody, and the matter of a breaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastgw.core.causes import CONNECTING, HEDGED
from fastgw.core.live.guard import guard
from fastgw.core.live.judges import is_failure
from fastgw.core.live.news import OUTLIER, Finding
from fastgw.policy.outliers import (
    FAILING,
    IN,
    ON_TRIAL,
    OUT,
    SLOW,
    OutlierState,
    median_of_others,
    most_out,
    too_slow,
)

if TYPE_CHECKING:
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.members import Members
    from fastgw.core.plane import Plane
    from fastgw.core.settings import EjectionSettings
    from fastgw.errors import GatewayError

COMPARED_EVERY = 1.0  #: seconds between two times that the members are compared
LATE = 504  #: status of errors that say how long was waited at least


class Outlying:
    """A ``Judge``, and what ``Members`` asks who is left out."""

    def __init__(self, settings: EjectionSettings, members: Members, plane: Plane) -> None:
        self.settings = settings
        self._members = members
        self._plane = plane
        self._states: dict[Any, OutlierState] = {}  # by member
        self._guards: dict[Any, Endpoint] = {}  # of those that are, or were, on trial
        self._compared = 0.0
        self._median = 0.0  # of the members when they were compared last; 0: not known

    # --- how tries end

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float) -> None:
        """See ``Members.settle``."""
        state = self._of(endpoint)
        if state is None:
            return
        now = self._plane.clock()
        is_timed = True
        if isinstance(outcome, int):
            is_failed, told = outcome >= 500, str(outcome)
            is_timed = not is_failed
        elif outcome.code == HEDGED and state.state == IN:
            is_failed, told = False, ""  # it takes so long at least: who always loses is no less slow for that
        elif outcome.code in CONNECTING or not is_failure(outcome, seconds):
            # What could not be connected to is left out for that already; the other says nothing of the member.
            if state.is_trial(now - seconds):
                state.give_back()
                self._members.reconsider()
            return
        else:
            is_failed, told = True, outcome.code
            is_timed = outcome.status == LATE
        if state.state == IN:
            reason = state.add(now, is_failed=is_failed, seconds=seconds if is_timed else None)
            if reason and self._has_place:
                self._leave(endpoint, state, FAILING, f"{reason}; the last one: {told}")
        elif state.is_trial(now - seconds):
            if is_failed:
                self._leave(endpoint, state, FAILING, f"a trial failed: {told}")
            elif self._median and too_slow(seconds, self._median, self.settings.slow):
                self._leave(endpoint, state, SLOW, f"a trial took {_shown(seconds)}, others {_shown(self._median)}")
            else:
                if state.do_well(now):
                    self._tell_in(endpoint)
                self._members.reconsider()

    def _of(self, endpoint: Any) -> OutlierState | None:
        found = self._states.get(endpoint)
        if found is None and endpoint in self._members.all:
            found = self._states[endpoint] = OutlierState(self.settings)
        return found

    @property
    def _has_place(self) -> bool:
        """Whether one more may be left out."""
        out = sum(one.state != IN for one in self._states.values())
        return out < most_out(len(self._members.all), self.settings.max_share)

    # --- time

    def sweep(self) -> None:
        """Do what is due."""
        now = self._plane.clock()
        is_other = False
        for endpoint, state in [*self._states.items()]:
            if endpoint.is_retired:
                self._forget(endpoint)
            elif state.look(now):
                is_other = True
        if is_other:
            self._members.reconsider()
        if self.settings.slow and now - self._compared >= COMPARED_EVERY:
            self._compared = now
            self._compare(now)

    def _compare(self, now: float) -> None:
        """Leave out those that are much slower than the others, the slowest first."""
        known = [(found, one) for one, state in self._states.items() if (found := state.median(now)) is not None]
        known.sort(key=lambda one: one[0])
        medians = [found for found, _ in known]
        self._median = median_of_others(medians) if medians else 0.0
        for place in range(len(known) - 1, -1, -1):
            seconds, endpoint = known[place]
            if len(known) < 2 or not self._has_place:
                return
            others = median_of_others(medians, place)
            if not too_slow(seconds, others, self.settings.slow):
                return  # neither is anybody who is faster
            reason = f"half of its answers took more than {_shown(seconds)}, those of the others {_shown(others)}"
            self._leave(endpoint, self._states[endpoint], SLOW, reason)

    # --- what follows

    def _leave(self, endpoint: Any, state: OutlierState, cause: str, reason: str) -> None:
        state.leave(self._plane.clock())
        service, name, address = endpoint.member
        self._members.report(Finding(service, name, address, False, state.until, cause, reason, OUTLIER))
        self._members.reconsider()

    def _tell_in(self, endpoint: Any) -> None:
        self._guards.pop(endpoint, None)
        service, name, address = endpoint.member
        self._members.report(Finding(service, name, address, True, kind=OUTLIER))

    def _forget(self, endpoint: Any) -> None:
        if self._states.pop(endpoint).state != IN:
            self._tell_in(endpoint)

    def dismiss(self) -> None:
        """There is another, or none, from now on."""
        for endpoint in [*self._states]:
            self._forget(endpoint)

    def hear(self, endpoint: Any, finding: Finding) -> None:
        """Another worker has found that of ``endpoint``: who is out there is out here until the same time, if there is a place."""
        state = self._of(endpoint)
        if state is None:
            return
        if finding.is_up:
            state.hurry(self._plane.clock())
        elif state.state == IN and self._has_place:
            state.leave_until(finding.until)
            self._members.report(finding)
            self._members.reconsider()

    # --- who may be picked

    def left(self, members: Sequence[Any]) -> list[Any]:
        """Those of ``members`` that may be asked, as a trial perhaps."""
        states = self._states
        return [one for one in members if (state := states.get(one)) is None or state.has_room]

    def settled(self, members: Sequence[Any]) -> tuple[Any, ...]:
        """Those of ``members`` that are neither left out nor on trial, which is not for a request that has failed once already."""
        states = self._states
        return tuple([one for one in members if (state := states.get(one)) is None or state.state == IN])

    def guarded(self, members: tuple[Any, ...]) -> tuple[Any, ...]:
        """``members``, with guards in the places of those on trial."""
        states = self._states
        if all(one.state in (IN, OUT) for one in states.values()):
            return members
        return tuple(
            [self._guard(one) if (state := states.get(one)) and state.state == ON_TRIAL else one for one in members]
        )

    def _guard(self, endpoint: Any) -> Any:
        found = self._guards.get(endpoint)
        if found is None:
            found = self._guards[endpoint] = guard(endpoint, self._plane, lambda _: self._begin_trial(endpoint))
        found.weight, found.settings = endpoint.weight, endpoint.settings
        return found

    def _begin_trial(self, endpoint: Any) -> Any:
        self.take(endpoint)
        return endpoint

    def take(self, endpoint: Any) -> None:
        """``endpoint`` is asked; if it is on trial, that is the trial."""
        state = self._states.get(endpoint)
        if state is not None and state.state == ON_TRIAL:
            state.take(self._plane.clock())
            self._members.reconsider()


def _shown(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"
