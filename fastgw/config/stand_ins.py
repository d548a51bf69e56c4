"""Services in the place of others: compiled, as ``config.compile`` does with the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastgw.adapters.replies import stand_in
from fastgw.config.spec import FallbackSpec, ServiceSpec
from fastgw.core.exchange.fallback import CACHED, REPLY, SERVICE, StandIn, mark
from fastgw.core.snapshot.snapshot import Service
from fastgw.steps import Steps


def join(specs: Iterable[ServiceSpec], services: Mapping[str, Service]) -> Steps[None]:
    """Let each of ``services``, complete but for that, know what answers in its place."""
    found = []
    for one in specs:
        yield
        found.append((services[one.name], _fallback(one.fallback, services)))
    for service, fallback in found:  # when each that stands in for another has been made: its own is not asked then
        yield
        service.fall_back(fallback)


def _fallback(steps: tuple[FallbackSpec, ...], services: Mapping[str, Service]) -> StandIn | None:
    if not steps:
        return None
    step, then = steps[0], _fallback(steps[1:], services)
    if step.reply is not None:
        return StandIn(REPLY, stand_in(step.reply), step.causes, step.statuses, then)
    if step.cached is not None:
        from fastgw.adapters.cache_carrier import last_good_service, last_good_within

        return StandIn(CACHED, last_good_service(), step.causes, step.statuses, then, last_good_within(step.cached))
    assert step.service is not None
    return StandIn(SERVICE, services[step.service].standing_in(mark, then), step.causes, step.statuses, then)
