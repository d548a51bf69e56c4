"""What the data plane is told by a configuration that says nothing of the matter, but for what a test changes.

    usual.limits(head_count=7)
    usual.pool(max_connections=1)

The defaults stand in ``config.schema`` alone, so this is where the tests of the floors below find them.
"""

from __future__ import annotations

from typing import Any

from fastgw.config import schema
from fastgw.config.build import fill
from fastgw.config.listener_rules import spoken
from fastgw.config.service_tls import ServiceTls
from fastgw.core.exchange.beginnings import hold
from fastgw.core.exchange.minds import minds_of, refuses_misfit
from fastgw.core.exchange.redacting import Redactor
from fastgw.core.exchange.refused import refuses_gateway
from fastgw.core.exchange.times import Times
from fastgw.core.live.endpoint import Endpoint, EndpointKey, EndpointSettings
from fastgw.core.live.members import Members
from fastgw.core.live.registry import Registry
from fastgw.core.settings import (
    Address,
    Limits,
    ListenerSettings,
    PoolSettings,
    RetrySettings,
    RouteSettings,
    ServiceSettings,
    Timeouts,
    UpstreamTls,
)
from fastgw.core.snapshot.fallbacks import Fallbacks
from fastgw.core.snapshot.roles import Balancer
from fastgw.core.snapshot.snapshot import Listener, Route, Service
from fastgw.routing import Router

_ROUTE = fill(RouteSettings, schema.Route.model_validate({"path": "/"}))
_SERVICE = fill(ServiceSettings, schema.Service.model_validate({"endpoints": ["a:1"]}))
_PLAIN = schema.Listener.model_validate({"address": "a:1"})
_LISTENER = fill(ListenerSettings, _PLAIN, **spoken(_PLAIN))
_POOL = fill(PoolSettings, schema.Pool.model_validate({}))
_TLS = fill(UpstreamTls, ServiceTls.model_validate({}))


def timeouts(**changes: float) -> Timeouts:
    """Deadlines towards clients."""
    return _LISTENER.timeouts._replace(**changes)


def limits(**changes: int) -> Limits:
    """Bounds towards clients."""
    return _LISTENER.limits._replace(**changes)


def pool(**changes: Any) -> PoolSettings:
    """Bounds and deadlines of the connections to an endpoint."""
    return _POOL._replace(**changes)


def tls(**changes: Any) -> UpstreamTls:
    """TLS towards a service."""
    return _TLS._replace(**changes)


def route(name: str, slot: int, **options: Any) -> Route:
    """A route; ``options``: of ``Route`` or ``RouteSettings``."""
    rest = {
        one: options.pop(one) for one in ("service", "split", "by_name", "chain", "pattern", "cache") if one in options
    }
    return Route(name, slot, _ROUTE._replace(**options), **rest)


def service(name: str, endpoints: tuple[Endpoint, ...], balancer: Balancer, **options: Any) -> Service:
    """A service whose members these are, from now on and as they are; ``options``: of ``ServiceSettings`` or ``RetrySettings``, and a
    ``witness`` (``filters.tracing``); ``has_calls``: of ``Times``; ``has_models``: models lead to it."""
    witness, has_calls = options.pop("witness", None), options.pop("has_calls", False)
    asked = (refuses_misfit,) if options.pop("has_models", False) else ()
    retry = {one: options.pop(one) for one in RetrySettings._fields if one in options}
    settings = _SERVICE._replace(retry=_SERVICE.retry._replace(**retry), **options)
    members = Members(endpoints[0].members.report if endpoints else lambda _: None)
    for one in endpoints:
        one.members = members
    roster = tuple((one.key, one.settings) for one in endpoints)
    takes_chunks = all(one.pool.takes_chunks for one in endpoints)
    members.update(tuple((one, one.settings) for one in endpoints), (), settings.ejection, 0.0)
    known = ((refuses_gateway,) if settings.credentials is not None else ()) + asked
    known += (hold,) if settings.is_held else ()
    known += minds_of(settings)
    if settings.credentials is not None and settings.credentials.redact:
        known += (Redactor(settings.credentials.value, [one.key.address.host for one in endpoints]),)
    minds = known or None
    times = Times(settings, has_calls=has_calls) if settings.has_times or has_calls else None
    judge = None
    if settings.hedge is not None:
        from fastgw.core.exchange.hedging import Hedging

        times = judge = Hedging(settings, has_calls=has_calls)
        minds = minds or ()
        members.judge = judge
    return Service(
        name,
        members,
        roster,
        balancer,
        settings,
        takes_chunks=takes_chunks,
        minds=minds,
        times=times,
        witness=witness,
        judge=judge,
    )


def listener(name: str, router: Router[Route], fallback: Route, **options: Any) -> Listener:
    """A listener; ``options``: of ``Listener`` or ``ListenerSettings``."""
    scheme = options.pop("scheme", b"http")
    return Listener(name, router, Fallbacks(router, fallback.in_format), _LISTENER._replace(**options), scheme)


def settings(**changes: Any) -> EndpointSettings:
    """What may change of an endpoint, with the usual pool; ``changes``: of ``EndpointSettings``."""
    return EndpointSettings(**{"pool": _POOL, **changes})


def endpoint(registry: Registry, service: str, address: Address, **options: Any) -> Endpoint:
    """An endpoint of ``registry``; ``options``: of its key, or of its settings."""
    key = {one: options.pop(one) for one in ("tls", "slot", "protocol") if one in options}
    return registry.endpoint(EndpointKey(service, address, **key), settings(**options), registry.members(service))
