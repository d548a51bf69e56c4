"""What ``/status`` tells of the admission of services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastgw.core import counters as layout
from fastgw.core import labels

if TYPE_CHECKING:
    from fastgw.config.spec import ServiceSpec
    from fastgw.server.gateway import Gateway


def admission_limits(gateway: Gateway) -> dict[str, int]:
    """How many places each service has that limits them.  All workers know one number; one that sweeps later knows an older one."""
    plan = gateway.current
    if plan is None:
        return {}
    gated = [one.name for one in plan.spec.services if one.admission is not None]
    places = {name: layout.SERVICE.base(plan.slots.services[name]) + layout.SERVICE_LIMIT for name in gated}
    return {name: max((slab[place] for slab in gateway.slabs), default=0) for name, place in places.items()}


def admission_document(service: ServiceSpec, block: Sequence[int], limits: Mapping[str, int]) -> dict[str, Any] | None:
    """Of one service, whose counters ``block`` has; None: it has no admission."""
    if service.admission is None:
        return None
    classes = service.admission.settings.classes
    shed = block[layout.SERVICE_SHED : layout.SERVICE_SHED + len(labels.SHED_CAUSES)]
    by_class = block[layout.SERVICE_SHED_CLASSES : layout.SERVICE_SHED_CLASSES + len(classes)]
    return {
        "limit": limits.get(service.name, 0),
        "adaptive": service.admission.settings.most > 0,
        "places": block[layout.SERVICE_PLACES],
        "queued": block[layout.SERVICE_QUEUED],
        "shed": dict(zip(labels.SHED_CAUSES, shed, strict=True)),
        "shed_by_class": dict(zip(classes, by_class, strict=True)),
    }


def with_admission(gateway: Gateway, services: dict[str, Any], blocks: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The documents of ``services`` with what is told of their admission; ``blocks``: their counters, of those that have some."""
    plan = gateway.current
    limits = admission_limits(gateway)
    for one in plan.spec.services if plan is not None else ():
        if one.name in services and one.name in blocks:
            services[one.name]["admission"] = admission_document(one, blocks[one.name], limits)
    return services
