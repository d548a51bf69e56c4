"""Routes as the lines of a routing table; light enough for the command line."""

from __future__ import annotations

from typing import TypeVar

from fastgw.config.spec import GatewaySpec, RouteSpec
from fastgw.routing import Router, Rule

T = TypeVar("T")


def rule(spec: RouteSpec, payload: T) -> Rule[T]:
    """The line of a route that leads to ``payload``."""
    return Rule(spec.name, spec.path, spec.host, frozenset(spec.methods), spec.headers, payload)


def routing_table(spec: GatewaySpec) -> Router[RouteSpec]:
    """The routes as a table that finds their specification: for ``fastgw route``, without a data plane."""
    return Router([rule(route, route) for route in spec.routes])
