"""What the data plane is told by a configuration that says nothing of the matter, but for what a test changes.

    usual.limits(head_count=7)
    usual.pool(max_connections=1)

The defaults stand in ``config.schema`` alone, so this is where the tests of the floors below find them.
"""

from __future__ import annotations

from typing import Any

from fastgw.config import schema
from fastgw.config.build import fill
from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.settings import Address, Limits, PoolSettings, Timeouts, UpstreamTls
from fastgw.core.snapshot.snapshot import Listener, Route
from fastgw.routing import Router

_TIMEOUTS = fill(Timeouts, schema.ListenerTimeouts.model_validate({}))
_LIMITS = fill(Limits, schema.ListenerLimits.model_validate({}))
_POOL = fill(PoolSettings, schema.Pool.model_validate({}))
_TLS = fill(UpstreamTls, schema.ServiceTls.model_validate({}))


def timeouts(**changes: float) -> Timeouts:
    """Deadlines towards clients."""
    return _TIMEOUTS._replace(**changes)


def limits(**changes: int) -> Limits:
    """Bounds towards clients."""
    return _LIMITS._replace(**changes)


def pool(**changes: Any) -> PoolSettings:
    """Bounds and deadlines of the connections to an endpoint."""
    return _POOL._replace(**changes)


def tls(**changes: Any) -> UpstreamTls:
    """TLS towards a service."""
    return _TLS._replace(**changes)


def listener(name: str, router: Router[Route], fallback: Route, **settings: Any) -> Listener:
    """A listener; ``settings``: what a test says of it."""
    return Listener(name, router, fallback, **{"timeouts": _TIMEOUTS, "limits": _LIMITS, **settings})


def key(service: str, address: Address, **changes: Any) -> EndpointKey:
    """The key of an endpoint with the usual pool."""
    return EndpointKey(service, address, **{"pool": _POOL, **changes})
