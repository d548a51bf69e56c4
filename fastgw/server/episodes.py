"""Since when counters of trouble grow: what a sum alone does not tell.

The supervisor looks at some counters now and then.  One that has grown begins an *episode* or goes on with it; an episode is over when
nothing came for ``QUIET`` seconds.  Bounded by the names of the configuration.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from fastgw.core import bridge_counters, labels
from fastgw.core import counters as layout

if TYPE_CHECKING:
    from fastgw.server.binding import Plan
    from fastgw.server.gateway import Gateway
    from fastgw.telemetry.totals import Values

EVERY: Final = 5.0  #: seconds between two looks
QUIET: Final = 60.0  #: seconds without another one after which it is over

#: Filters that ask somebody else for each request, by what makes them; the kind of whom they ask.
JUDGES: Final[Mapping[str, str]] = {
    "fastgw.filters.oauth2_introspection:OAuth2Introspection": "introspection",
    "fastgw.filters.ext_authz:ExtAuthz": "ext_authz",
}

JUDGED: Final = 2  #: the place of ``ROUTE_TOKENS_ACCEPTED`` that counts those (``filters.bearer.ASKED``)

EpisodeName = tuple[str, ...]  #: what it is, and of what: ("shed", service, cause)
CauseCounts = tuple[int, ...]


class Episode:
    """One that goes on."""

    __slots__ = ("began", "causes", "count", "last")

    def __init__(self, began: float) -> None:
        self.began = began  #: ``time.monotonic``
        self.last = began
        self.count = 0  #: how often it happened since
        self.causes: Counter[str] = Counter()  #: of an endpoint: how often, by ``labels.CAUSES``


class Episodes:
    """Those of one gateway."""

    def __init__(self, gateway: Gateway, clock: Callable[[], float] = time.monotonic) -> None:
        self._gateway = gateway
        self.clock = clock
        self._looked = float("-inf")
        self._counts: dict[EpisodeName, tuple[int, CauseCounts]] = {}
        self._found: dict[EpisodeName, Episode] = {}

    def tick(self) -> None:
        """Look, if it is time."""
        if self.clock() - self._looked >= EVERY:
            self.look()

    def look(self) -> None:
        """Look at all of them now."""
        now = self._looked = self.clock()
        known: set[EpisodeName] = set()
        for key, count, causes in self._now():
            known.add(key)
            before, before_causes = self._counts.get(key, (count, causes))
            if count > before:
                found = self._found.setdefault(key, Episode(now))
                found.count += count - before
                found.last = now
                for place, number in enumerate(causes):
                    found.causes[labels.CAUSES[place]] += number - (before_causes[place] if before_causes else 0)
            self._counts[key] = (count, causes)
        self._counts = {key: counts for key, counts in self._counts.items() if key in known}
        self._found = {key: found for key, found in self._found.items() if key in known and now - found.last < QUIET}

    def of(self, kind: str) -> dict[EpisodeName, Episode]:
        """Those of this kind, by what stands behind it in the key."""
        return {key[1:]: found for key, found in self._found.items() if key[0] == kind}

    def _now(self) -> Iterator[tuple[EpisodeName, int, CauseCounts]]:
        """Each counter that tells of trouble; of an endpoint that has failed ever, its ``CAUSES`` too."""
        gateway = self._gateway
        slabs = gateway.slabs
        for kind, place in (
            ("accept", layout.ACCEPT_FAILURES),
            ("board_full", layout.BOARD_FULL),
            ("log_lost", layout.LOG_LINES_LOST),
        ):
            yield (kind,), sum(slab[place] for slab in slabs), ()
        for worker in gateway.workers:
            yield ("death", str(worker.index)), worker.restarts, ()
            yield ("stall", str(worker.index)), worker.stalls, ()
        plan = gateway.current
        if plan is None:
            return
        for one in plan.spec.services:
            if one.admission is not None:
                base = layout.SERVICE.base(plan.slots.services[one.name]) + layout.SERVICE_SHED
                for place, cause in enumerate(labels.SHED_CAUSES, base):
                    yield ("shed", one.name, cause), sum(slab[place] for slab in slabs), ()
        yield from self._of_others(plan, slabs)
        for service, endpoint in gateway.knowledge.places:
            slot = plan.slots.endpoints.get((service, endpoint))
            if slot is not None:
                base = layout.ENDPOINT.base(slot) + layout.ENDPOINT_CAUSES
                counts = [slab[base : base + len(labels.CAUSES)] for slab in slabs]
                found = tuple(map(sum, zip(*counts, strict=True))) if any(map(any, counts)) else ()
                yield ("failed", service, endpoint), sum(found), found

    def _of_others(self, plan: Plan, slabs: Sequence[Values]) -> Iterator[tuple[EpisodeName, int, CauseCounts]]:
        """What requests have asked of others: by filter, and of brokers; ``judged`` is no trouble, but its end."""
        judging = [one for one in plan.spec.filters if one.made_by in JUDGES]
        if any(JUDGES[one.made_by] == "introspection" for one in judging):
            places = [
                layout.ROUTE.base(slot) + layout.ROUTE_TOKENS_ACCEPTED + JUDGED for slot in plan.slots.routes.values()
            ]
            yield ("judged",), sum(slab[place] for slab in slabs for place in places), ()
        for one in judging:
            base = layout.FILTER.base(plan.slots.filters[one.name]) + layout.FILTER_FAILURES
            for place, cause in enumerate(labels.FILTER_CAUSES, base):
                yield ("filter", one.name, cause), sum(slab[place] for slab in slabs), ()
        for place, cause in enumerate(bridge_counters.CAUSES, bridge_counters.FAILURES):
            yield ("broker", cause), sum(slab[place] for slab in slabs), ()
