"""Models, compiled: the names of a route's models, and what each leads to.  Imports neither pydantic nor yaml."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastgw.core.exchange.fallback import mark
from fastgw.core.models.choice import ModelChoice, ModelPart, ModelTarget
from fastgw.core.models.stand_in import ModelStandIn

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec, ModelSpec, RouteSpec
    from fastgw.core.snapshot.roles import Destination


def choice(
    spec: GatewaySpec, route: RouteSpec, named: Callable[[str], Destination], rest: Destination | None
) -> ModelChoice:
    """What ``route``, which has models, leads to.

    Args:
        named: what the file calls a service.
        rest: for requests that ask for no model; None: they are 404.
    """
    targets = {one.name: _target(one, named) for one in spec.models if one.name in route.models}
    return ModelChoice(route.name, targets, rest)


def _target(spec: ModelSpec, named: Callable[[str], Destination]) -> ModelTarget:
    fallback = _fallback(spec, named)
    parts = []
    for one in spec.parts:
        destination = named(one.service)
        if fallback is not None:
            destination = destination.falling_back(fallback)
        parts.append(ModelPart(destination, one.weight, one.sent_as))
    return ModelTarget(spec.name, parts, spec.means)


def _fallback(spec: ModelSpec, named: Callable[[str], Destination]) -> ModelStandIn | None:
    then: ModelStandIn | None = None
    for step in reversed(spec.fallback):
        (service,) = named(step.service).services
        standing_in = service.standing_in(mark, then)
        standing_in.keep_posts()
        then = ModelStandIn(standing_in, step.model, step.means, step.sent_as, spec.causes, spec.statuses, then)
    return then
