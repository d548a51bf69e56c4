"""Routes as the lines of a routing table; light enough for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from fastgw.config.spec import GatewaySpec, RouteSpec
from fastgw.routing import Router, Rule

T = TypeVar("T")


class Conditions(Protocol):
    """Which requests a route matches: as the file has it (``schema.Route``), or the specification (``RouteSpec``)."""

    @property
    def path(self) -> str:
        """Its pattern."""

    @property
    def host(self) -> str:
        """Its pattern; "": any."""

    @property
    def methods(self) -> Iterable[str]:
        """None: any."""

    @property
    def headers(self) -> Mapping[str, str] | Iterable[tuple[str, str]]:
        """Fields with their values, or "*"."""


def rule(name: str, route: Conditions, payload: T) -> Rule[T]:
    """The line of a route that leads to ``payload``."""
    return Rule(name, route.path, route.host, frozenset(route.methods), tuple(dict(route.headers).items()), payload)


def routing_table(spec: GatewaySpec) -> Router[RouteSpec]:
    """The routes as a table that finds their specification: for ``fastgw route``, without a data plane."""
    return Router([rule(route.name, route, route) for route in spec.routes])
