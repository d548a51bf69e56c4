"""Which filters a request meets, in which order: the one place that knows how the lists of all levels are joined.

pre-routing ──▶ global ──▶ listener ──▶ route ──▶ transformers ──▶ service
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from fastgw.config.spec import GatewaySpec, ListenerSpec, RouteSpec

BEFORE: Final = "pre-routing"
GLOBAL: Final = "global"
LISTENER: Final = "listener"
ROUTE: Final = "route"


class Link(NamedTuple):
    """One filter of a chain."""

    name: str
    level: str  #: whose list names it: BEFORE, GLOBAL, LISTENER or ROUTE


class Filtered(Protocol):
    """Whatever has a list of filters: a listener or a route, as the file has it or as its specification."""

    @property
    def filters(self) -> Sequence[str]:
        """Their names, in the order in which requests meet them."""


class Entered(Filtered, Protocol):
    """A listener."""

    @property
    def before_routing(self) -> Sequence[str]:
        """Those that run before a route is looked for."""


class Chained(Protocol):
    """A whole configuration, as the file has it or as its specification."""

    @property
    def chain(self) -> Sequence[str]:
        """The filters in front of everything."""

    @property
    def listeners(self) -> Sequence[Entered]:
        """With their chains."""

    @property
    def routes(self) -> Sequence[Filtered]:
        """As above."""


def links(spec: GatewaySpec, listener: ListenerSpec, route: RouteSpec | None = None) -> tuple[Link, ...]:
    """The chain of a route as it is reached by a listener, without its transformers; without a route that of what none matches.

    A filter that several levels name stands where the outermost of them has it, and runs once.
    """
    own = route.filters if route is not None else ()
    levels = ((BEFORE, listener.before_routing), (GLOBAL, spec.chain), (LISTENER, listener.filters), (ROUTE, own))
    first: dict[str, Link] = {}
    for level, names in levels:
        for name in names:
            first.setdefault(name, Link(name, level))
    return tuple(first.values())


def filter_names(spec: GatewaySpec) -> tuple[str, ...]:
    """What failures of filters are counted by: the names of those in some chain, and of the transformers of routes."""
    transformers = (one.name for route in spec.routes for one in route.transformers)
    return tuple(dict.fromkeys((*named(spec), *transformers)))


def named(config: Chained) -> Iterator[str]:
    """Every name in any chain of ``config``, as often as it is there."""
    yield from config.chain
    for listener in config.listeners:
        yield from listener.before_routing
    for one in (*config.listeners, *config.routes):
        yield from one.filters
