"""What ``/status`` and the metrics say of what probes have found; nothing where nobody is probed."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from fastgw.policy.health import HEALTHY
from fastgw.telemetry.totals import HealthFacts

if TYPE_CHECKING:
    from fastgw.server.probing import Probing


def health_of_endpoint(
    probing: Probing | None, service: str, endpoint: str, addresses: Collection[str]
) -> dict[str, Any]:
    """Of an endpoint the ``health`` of its addresses; one that is no name has its own alone."""
    if probing is None:
        return {}
    now = time.time()
    found = {one: known for one in addresses if (known := probing.of((service, endpoint, one), now)) is not None}
    if not found:
        return {}
    return {"health": found[endpoint] if [*found] == [endpoint] else found}


def health_facts(probing: Probing | None) -> dict[tuple[str, str], HealthFacts]:
    """By service and endpoint, summed over its addresses."""
    found: dict[tuple[str, str], HealthFacts] = {}
    for (service, endpoint, _), one in (probing.known if probing is not None else {}).items():
        before = found.get((service, endpoint), HealthFacts(0, 0, 0))
        is_healthy = one.health.state == HEALTHY
        found[service, endpoint] = HealthFacts(
            before.healthy + is_healthy, before.good + one.probes - one.failures, before.bad + one.failures
        )
    return found
