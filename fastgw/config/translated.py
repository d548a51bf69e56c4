"""Which routes lead to services that speak a dialect: requests of others are translated there.  Imports neither pydantic nor yaml."""

from __future__ import annotations

from fastgw.config.called import behind, destinations
from fastgw.config.spec import GatewaySpec, RouteSpec
from fastgw.core.settings import DialectSettings


def spoken(spec: GatewaySpec) -> dict[str, DialectSettings]:
    """What services speak, by their names; those of which nothing is said are not there."""
    return {one.name: one.dialect for one in spec.services if one.dialect is not None}


def translated(spec: GatewaySpec, route: RouteSpec) -> dict[str, DialectSettings]:
    """The same of the services that requests of ``route`` can come to."""
    found = spoken(spec)
    if not found:
        return {}
    names = behind(spec, destinations(route) | {*spec.services_of_models(route)})
    return {name: one for name, one in found.items() if name in names}
