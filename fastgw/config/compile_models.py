"""Models, compiled: the names of a route's models, and what each leads to.  Imports neither pydantic nor yaml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fastgw.core.exchange.fallback import mark
from fastgw.core.models.choice import ModelChoice, ModelPart, ModelTarget
from fastgw.core.models.stand_in import ModelStandIn

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec, ModelSpec, RouteSpec
    from fastgw.core.models.placing import Prompts
    from fastgw.core.snapshot.roles import Destination


def choice(
    spec: GatewaySpec, route: RouteSpec, named: Callable[[str], Destination], rest: Destination | None
) -> ModelChoice:
    """What ``route``, which has models, leads to.

    Args:
        named: what the file calls a service.
        rest: for requests that ask for no model; None: they are 404.
    """
    models = [one for one in spec.models if one.name in route.models]
    targets = {one.name: _target(one, named) for one in models}
    return ModelChoice(route.name, targets, rest, _prompts(spec, models), _told(spec, models))


def _told(spec: GatewaySpec, models: Sequence[ModelSpec]) -> Callable[[], tuple[str, ...]] | None:
    """What tells the names that stand for the patterns among ``models``, if members are asked for such."""
    patterns = [
        (service.name, one.name, part.sent_as)
        for one in models
        for part in one.parts
        for service in spec.services
        if "*" in one.name and service.model_lists is not None and service.name.partition("@")[0] == part.service
    ]
    if not patterns:
        return None
    from fastgw.core.models.having import ToldNames  # which other workers do not need

    return ToldNames(patterns).names


def _prompts(spec: GatewaySpec, models: Sequence[ModelSpec]) -> Prompts | None:
    """What reads prompts, if a service that has one of ``models`` chooses by that."""
    asked = {one.service for model in models for one in model.parts}
    asked |= {one.service for model in models for one in model.fallback}
    if not any(one.prefix is not None and one.name.partition("@")[0] in asked for one in spec.services):
        return None
    from fastgw.core.models.placing import Prompts  # which other workers do not need

    return Prompts()


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
