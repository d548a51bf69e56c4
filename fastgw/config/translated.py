"""Which routes lead to services that speak a dialect: requests of others are translated there.  Imports neither pydantic nor yaml."""

from __future__ import annotations

from collections.abc import Mapping

from fastgw.config.called import behind, destinations
from fastgw.config.spec import GatewaySpec, RouteSpec
from fastgw.core.settings import DialectSettings


def spoken(spec: GatewaySpec) -> dict[str, DialectSettings]:
    """What services speak, by their names; those of which nothing is said are not there."""
    return {one.name: one.dialect for one in spec.services if one.dialect is not None}


def translated(
    spec: GatewaySpec, route: RouteSpec, found: Mapping[str, DialectSettings]
) -> Mapping[str, DialectSettings]:
    """Of what services speak, which ``spoken`` has ``found``, that of those that requests of ``route`` can come to."""
    if not found:
        return found
    names = behind(spec, destinations(route) | {*spec.services_of_models(route)})
    return {name: one for name, one in found.items() if name in names}
