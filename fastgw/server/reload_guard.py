"""Whether a new configuration does harm: its errors are compared with those of the one before, for a while.

Errors are answers of 5xx, whoever made them, and requests that ended by the fault of a service or of the gateway, of all routes
together.  What was before is taken from the counts of about the same time in front of the commit, and nothing is kept of a
configuration that has no guard.  A reload under guard that is followed by another ends unjudged: what is gone back to, and compared with,
stays what was there before the first of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.core import counters as layout
from fastgw.telemetry.answers import answers_of

if TYPE_CHECKING:
    from fastgw.config.loaded_files import LoadedFiles
    from fastgw.config.spec import GatewaySpec, ReloadSpec
    from fastgw.server.gateway import Gateway

SAMPLES = 4  #: taken in the time of one guard, of what is before a reload
TOLD = 5  #: routes, and services, that are named
HELD, WENT_BACK, SUPERSEDED = "held", "went back", "superseded"  #: how a guard ends


class Count(NamedTuple):
    """What was asked of one route or service, or of all, over some time."""

    requests: int = 0
    errors: int = 0

    @property
    def share(self) -> float:
        """Of the requests that ended in an error, 0 to 1."""
        return self.errors / self.requests if self.requests else 0.0

    def since(self, earlier: Count) -> Count:
        """What came behind ``earlier``; a name whose counts began anew has none of it."""
        return Count(max(0, self.requests - earlier.requests), max(0, self.errors - earlier.errors))


class Sums(NamedTuple):
    """By name, at one moment or over some time."""

    routes: Mapping[str, Count]
    services: Mapping[str, Count]

    @property
    def all(self) -> Count:
        """Of all routes together."""
        return Count(sum(one.requests for one in self.routes.values()), sum(one.errors for one in self.routes.values()))

    def since(self, earlier: Sums) -> Sums:
        """What came behind ``earlier``."""
        return Sums(_since(self.routes, earlier.routes), _since(self.services, earlier.services))


class Verdict(NamedTuple):
    """How a guard ended."""

    how: str  #: HELD, WENT_BACK or SUPERSEDED
    reason: str


class Former(NamedTuple):
    """A configuration that was in use."""

    spec: GatewaySpec
    warnings: list[str]
    files: LoadedFiles


class Guarded(NamedTuple):
    """A configuration under guard."""

    former: Former  #: what was in use before
    files: LoadedFiles  #: its own
    terms: ReloadSpec
    before: Sums
    start: Sums  #: when it came into use
    began: float  #: monotonic seconds
    end: asyncio.Future[Verdict]


class ReloadGuard:
    """Watches at most one configuration."""

    def __init__(self, count: Callable[[], Sums]) -> None:
        """``count``: what was counted until now, by the names in use."""
        self._count = count
        self._samples: deque[tuple[float, Sums]] = deque(maxlen=SAMPLES + 1)
        self._watched: Guarded | None = None
        self.last: dict[str, Any] | None = None  #: how the last one ended, for ``/status``

    def baseline(self, terms: ReloadSpec, now: float) -> Sums:
        """The requests in front of ``now``; where there are no samples of them, all since the start."""
        counts = self._count()
        if self._watched is not None:
            return self._watched.before
        recent = [one for when, one in self._samples if now - when <= terms.guard * (1 + 1 / SAMPLES)]
        return counts.since(recent[0]) if recent else counts

    def begin(
        self, terms: ReloadSpec, former: Former, files: LoadedFiles, before: Sums, now: float
    ) -> asyncio.Future[Verdict] | None:
        """Watch what has come into use behind ``former``; return its end, or None where no guard is asked for.  ``files``: those of it."""
        old, self._watched = self._watched, None
        self._samples.clear()
        if old is not None:
            former = old.former
            _end(old, Verdict(SUPERSEDED, "another reload came before the guard was over, and is watched instead"))
        if not terms.guard:
            return None
        end: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._watched = Guarded(former, files, terms, before, self._count(), now, end)
        self.last = None
        return end

    def look(self, terms: ReloadSpec, now: float) -> Guarded | None:
        """What is to be gone back from, if the last look has shown that; takes a sample where nothing is watched."""
        watched = self._watched
        if watched is None:
            pause = terms.guard / SAMPLES
            if terms.guard and (not self._samples or now - self._samples[-1][0] >= pause):
                self._samples.append((now, self._count()))
            return None
        after = self._count().since(watched.start).all
        before, increase = watched.before.all, watched.terms.max_error_increase
        if after.requests >= watched.terms.min_requests and after.share - before.share > increase:
            return watched
        if now - watched.began >= watched.terms.guard:
            few = after.requests < watched.terms.min_requests
            reason = f"{_percent(after)} of {after.requests} requests failed, {_percent(before)} before"
            unsaid = f"; fewer than {watched.terms.min_requests} requests say nothing" if few else ""
            self.finish(Verdict(HELD, reason + unsaid), now)
        return None

    def why(self, watched: Guarded) -> dict[str, Any]:
        """What speaks against it, as fields of a line of the log; ``reason`` is all of it in words."""
        after = self._count().since(watched.start)
        routes = _worse(watched.before.routes, after.routes)
        services = _worse(watched.before.services, after.services)
        named = "; ".join(
            [f"route {name} {told}" for name, told in routes.items()]
            + [f"service {name} {told}" for name, told in services.items()]
        )
        before, now = watched.before.all, after.all
        reason = f"{_percent(now)} of {now.requests} requests failed, {_percent(before)} of {before.requests} before"
        return {"reason": f"{reason}: {named}" if named else reason, "routes": routes, "services": services}

    def finish(self, verdict: Verdict, now: float) -> None:
        """The guard is over."""
        watched, self._watched = self._watched, None
        if watched is not None:
            self.last = {"state": verdict.how, "reason": verdict.reason, "seconds": round(now - watched.began, 3)}
            _end(watched, verdict)

    def document(self, now: float) -> dict[str, Any] | None:
        """For ``/status``: what is watched, or how the last one ended; None: nothing ever was."""
        watched = self._watched
        if watched is None:
            return self.last
        after, before = self._count().since(watched.start).all, watched.before.all
        return {
            "state": "watching",
            "seconds_left": round(max(0.0, watched.began + watched.terms.guard - now), 3),
            "before": {"requests": before.requests, "errors": before.errors},
            "after": {"requests": after.requests, "errors": after.errors},
        }


def counts_of(gateway: Gateway) -> Sums:
    """What all workers have counted until now, by the names that are in use."""
    slabs, slots = gateway.slabs, gateway.plan_in_use.slots
    return Sums(
        {name: _sum(slabs, layout.ROUTE.base(slot), _route) for name, slot in slots.routes.items()},
        {name: _sum(slabs, layout.SERVICE.base(slot), _service) for name, slot in slots.services.items()},
    )


def _sum(slabs: list[memoryview], base: int, read: Callable[[memoryview, int], Count]) -> Count:
    found = [read(slab, base) for slab in slabs]
    return Count(sum(one.requests for one in found), sum(one.errors for one in found))


def _route(values: memoryview, base: int) -> Count:
    faults = values[base + layout.ROUTE_FAULT_UPSTREAM] + values[base + layout.ROUTE_FAULT_INTERNAL]
    # Most faults are answered 5xx; those of an answer that was cut, or of a worker that died, are not.
    return Count(values[base + layout.ROUTE_FINISHED], max(values[base + layout.ROUTE_STATUS + 4], faults))


def _service(values: memoryview, base: int) -> Count:
    answers = answers_of(values[base : base + layout.SERVICE.size])
    unanswered = values[base + layout.SERVICE_UNANSWERED]
    return Count(sum(answers) + unanswered, answers[4] + unanswered)


def _since(later: Mapping[str, Count], earlier: Mapping[str, Count]) -> dict[str, Count]:
    return {name: one.since(earlier.get(name, Count())) for name, one in later.items()}


def _worse(before: Mapping[str, Count], after: Mapping[str, Count]) -> dict[str, str]:
    """Those of which more fails than before, the one with most errors first."""
    worse = [name for name, one in after.items() if one.errors and one.share > before.get(name, Count()).share]
    worse.sort(key=lambda name: after[name].errors, reverse=True)
    return {name: f"{_percent(before.get(name, Count()))} -> {_percent(after[name])}" for name in worse[:TOLD]}


def _percent(count: Count) -> str:
    return f"{count.share * 100:.1f} %"


def _end(watched: Guarded, verdict: Verdict) -> None:
    if not watched.end.done():
        watched.end.set_result(verdict)
