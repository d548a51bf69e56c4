"""What ``/status`` says of the breakers of a service: their state, since when, and why."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastgw.config.spec import ServiceSpec
from fastgw.core import counters
from fastgw.server.findings import Findings


def breaker_of_service(findings: Findings, spec: ServiceSpec | None, block: list[int] | None) -> dict[str, Any]:
    """Nothing where there is no breaker; ``block``: the counters of the service; None: it has none of its own."""
    settings = spec.settings.breaker if spec is not None else None
    if spec is None or settings is None:
        return {}
    found = {"scope": settings.scope, **findings.breaker(spec.name), "members_open": findings.members_open(spec.name)}
    if block is not None:
        places = enumerate(("open", "half_open", "closed"), counters.SERVICE_BREAKER_TRANSITIONS)
        found["refused"] = block[counters.SERVICE_BREAKER_REFUSED]
        found["transitions"] = {state: block[place] for place, state in places}
    return {"breaker": found}


def breaker_of_endpoint(
    findings: Findings, spec: ServiceSpec | None, endpoint: str, addresses: Collection[str]
) -> dict[str, Any]:
    """The same of an endpoint: of its addresses the one that is open for longest."""
    settings = spec.settings.breaker if spec is not None else None
    if spec is None or settings is None or settings.scope == "service":
        return {}
    return {"breaker": findings.breaker(spec.name, endpoint, addresses)}
