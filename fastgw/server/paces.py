"""Members that are slow beside the others of their service, whether anything leaves them out for it or not.

Every ``WINDOW`` seconds the supervisor compares how long half of the answers took to begin, of each member that answered often enough
since the last look.  The bounds of the buckets are two to three times each other, and ``FACTOR`` is what they cannot make of less than
twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median_low
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters as layout
from fastgw.core.blocks import HISTOGRAM_SIZE
from fastgw.server.rates import quantile
from fastgw.server.standings import stamp

if TYPE_CHECKING:
    from fastgw.server.gateway import Gateway
    from fastgw.server.log import Log

WINDOW: Final = 30.0  #: seconds between two looks
MINIMUM: Final = 10  #: answers of a member in it, before they say anything
FACTOR: Final = 5.0  #: times as long as the others
LEAST: Final = 0.01  #: seconds; what is faster is not slow, whatever the others are

_Member = tuple[str, str]  # service, endpoint


class Paces:
    """Of the members of one gateway."""

    def __init__(
        self, gateway: Gateway, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._wall = wall
        self._looked = float("-inf")
        self._counts: dict[_Member, Sequence[int]] = {}
        self._slow: dict[_Member, dict[str, Any]] = {}

    def tick(self, log: Log) -> None:
        """Look, if it is time, and tell ``log`` who has become slow, and who is it no more."""
        if self._clock() - self._looked < WINDOW:
            return
        before = self._slow
        self._look()
        for (service, endpoint), found in self._slow.items():
            if (service, endpoint) not in before:
                told = {"seconds": found["seconds"], "others": found["others"]}
                log.warning("an endpoint is slow", service=service, endpoint=endpoint, **told)
        for service, endpoint in before.keys() - self._slow.keys():
            log.info("an endpoint is not slow any more", service=service, endpoint=endpoint)

    def of(self, service: str, endpoint: str) -> dict[str, Any] | None:
        """How slow it is: ``seconds`` in which half of its answers began, those of the ``others``, and ``since`` when; None: it is not."""
        return self._slow.get((service, endpoint))

    def _look(self) -> None:
        self._looked = self._clock()
        old, self._counts = self._counts, self._now()
        paces: dict[str, dict[str, float]] = {}
        for (service, endpoint), counts in self._counts.items():
            before = old.get((service, endpoint))
            news = [] if before is None else [max(0, one - other) for one, other in zip(counts, before, strict=True)]
            if sum(news) >= MINIMUM and (half := quantile(news, 0.5)) is not None:
                paces.setdefault(service, {})[endpoint] = half
        slow: dict[_Member, dict[str, Any]] = {}
        for service, members in paces.items():
            for endpoint, half in members.items():
                others = [other for name, other in members.items() if name != endpoint]
                if others and half >= max(LEAST, FACTOR * median_low(others)):
                    was = self._slow.get((service, endpoint))
                    since = was["since"] if was is not None else stamp(self._wall())
                    slow[service, endpoint] = {"seconds": half, "others": median_low(others), "since": since}
        self._slow = slow

    def _now(self) -> dict[_Member, Sequence[int]]:
        """The buckets of each member."""
        found: dict[_Member, Sequence[int]] = {}
        plan, slabs = self._gateway.current, self._gateway.slabs
        for member, slot in plan.slots.endpoints.items() if plan is not None else ():
            at = layout.ENDPOINT.base(slot) + layout.ENDPOINT_ANSWERS_US
            buckets = [slab[at + 1 : at + HISTOGRAM_SIZE] for slab in slabs]
            found[member] = tuple(map(sum, zip(*buckets, strict=True)))
        return found
