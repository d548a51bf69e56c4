"""Which services calls of gRPC may come to, and others that something is said of: those that a route leads to."""

from __future__ import annotations

from fastgw.config.spec import GatewaySpec, RouteSpec


def called(spec: GatewaySpec) -> frozenset[str]:
    """Their names, versions and those in the place of others included."""
    return behind(spec, {name for route in spec.routes if route.grpc is not None for name in destinations(route)})


def behind(spec: GatewaySpec, names: set[str]) -> frozenset[str]:
    """Services that what the file calls ``names`` can come to: versions and those in the place of others included."""
    if not names:
        return frozenset()  # services are not looked over for nothing, as there may be thousands
    found = set(names)
    found |= {part.service for one in spec.versioned if one.name in found for part in one.versions}
    steps = {one.name: [step.service for step in one.fallback if step.service is not None] for one in spec.services}
    waiting = list(found)
    while waiting:
        for name in steps.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return frozenset(found)


def destinations(route: RouteSpec) -> set[str]:
    """What the file calls the services that requests of ``route`` go to, without copies."""
    by_name = route.by_name.services if route.by_name is not None else ()
    own = (route.service,) if route.service is not None else ()
    return {*own, *by_name, *(one.service for one in route.split)}


def modelled(spec: GatewaySpec) -> frozenset[str]:
    """Services that requests for models can come to."""
    return behind(spec, {service for one in spec.models for service in one.services})


def streaming(spec: GatewaySpec) -> frozenset[str]:
    """Services of which something is said about the streams that they answer with (``core.exchange.streams``)."""
    return frozenset(one.name for one in spec.services if one.settings.streams is not None)


def has_streams(spec: GatewaySpec, route: RouteSpec, known: frozenset[str]) -> bool:
    """Whether requests of ``route`` may come to such, or to models; ``known``: what ``streaming`` has found."""
    return bool(route.models) or (bool(known) and not known.isdisjoint(behind(spec, destinations(route))))
