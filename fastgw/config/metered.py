"""Which models are counted by name, of which services: those that a filter ``usage`` names, where a route leads past it.

Names of models come from services, and some of those say what a client has said: so the labels of metrics are names that the configuration
has, and all others are one.
"""

from __future__ import annotations

from typing import Any, Final

from fastgw.config.called import behind, destinations
from fastgw.config.chains import links, named
from fastgw.config.spec import GatewaySpec, RouteSpec
from fastgw.core.model_counters import OTHER

METER: Final = "fastgw.filters.usage:Usage"


def metered(spec: GatewaySpec) -> list[tuple[str, str]]:
    """(service, model) of all that is counted; of each service also what is not named."""
    models = {one.name: _models(dict(one.options)) for one in spec.filters if one.made_by == METER}
    if not models:
        return []
    reached: dict[frozenset[str], frozenset[str]] = {}
    found: dict[tuple[str, str], None] = {}
    for listener in spec.listeners:
        for route in spec.routes:
            names = [model for link in links(spec, listener, route) for model in models.get(link.name, ())]
            if not names:
                continue
            names += _routed(spec, route)
            asked = frozenset((*destinations(route), *spec.services_of_models(route)))
            services = reached.get(asked)
            if services is None:
                services = reached[asked] = behind(spec, set(asked))
            found |= {(service, name): None for service in sorted(services) for name in names}
    return list(found)


def keyed(spec: GatewaySpec) -> list[str]:
    """Names of keys that are counted by name, and what stands for all others; [] where no filter counts by key."""
    chained = frozenset(named(spec))
    found: list[dict[str, Any]] = [
        dict(one.options) for one in spec.filters if one.made_by == METER and one.name in chained
    ]
    names: list[tuple[str, ...]] = [one["keys"] for one in found if one["keys"]]
    return list(dict.fromkeys(name for some in names for name in (*some, OTHER)))


def _models(options: dict[str, Any]) -> list[str]:
    prices = [name for name, _ in options["prices"] if not name.endswith("*")]
    return [*dict.fromkeys((*options["models"], *prices, OTHER))]


def _routed(spec: GatewaySpec, route: RouteSpec) -> list[str]:
    """Models that ``route`` leads to by their names, and what their services call them; patterns name none."""
    led = [one for one in spec.models if one.name in route.models]
    names = [name for one in led for name in (one.name, *(part.sent_as for part in one.parts))]
    return [name for name in dict.fromkeys(names) if name and "*" not in name]
