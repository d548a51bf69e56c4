"""Which versions get copies of the requests of a route; light enough for a worker."""

from __future__ import annotations

from fastgw.config.spec import GatewaySpec, RouteSpec, VersionsSpec


def shadows(spec: GatewaySpec, route: RouteSpec) -> list[VersionsSpec]:
    """The services with a shadow that ``route`` leads to."""
    if not spec.versioned:
        return []
    names = {route.service, *spec.services_of_models(route), *(one.service for one in route.split)}
    if route.by_name is not None:
        names.update(route.by_name.services)
    return [one for one in spec.versioned if one.shadow is not None and one.name in names]
