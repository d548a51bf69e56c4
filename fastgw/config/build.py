"""Checked models -> ``GatewaySpec``: defaults that depend on the place are filled in, models become plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fastgw.config import schema
from fastgw.config.check import listener_name, route_name
from fastgw.config.filters import FILTERS
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import Model
from fastgw.config.places import known_places
from fastgw.config.spec import (
    AccessSpec,
    BindSpec,
    CertificateSpec,
    EndpointSpec,
    FilterSpec,
    GatewaySpec,
    ListenerSpec,
    ResolverSpec,
    RetrySpec,
    RouteSpec,
    ServiceSpec,
    SplitSpec,
    TlsSpec,
)
from fastgw.core.settings import Limits, PoolSettings, Timeouts, UpstreamTls

T = TypeVar("T")


def build(gateway: schema.Gateway, source: str) -> GatewaySpec:
    """The specification of a configuration that has no problems; ``source`` is the absolute path of its file."""
    return GatewaySpec(
        source=source,
        workers=gateway.workers,
        worker_timeout=gateway.worker_timeout,
        admin=_bind(gateway.admin) if gateway.admin is not None else None,
        resolver=_resolver(gateway.resolver),
        grace=gateway.shutdown.grace,
        listeners=tuple(_listener(place, one) for place, one in enumerate(gateway.listeners)),
        routes=tuple(_route(one) for one in gateway.routes),
        services=tuple(_service(name, one) for name, one in gateway.services.items()),
        filters=tuple(_filters(gateway)),
    )


def fill(kind: Callable[..., T], model: Model) -> T:
    """``kind``, whose fields have the names of the keys of ``model``, from their values."""
    return kind(**dict(model))


def _resolver(resolver: schema.Resolver) -> ResolverSpec:
    return ResolverSpec(
        servers=tuple(dict.fromkeys(resolver.servers)),
        timeout=resolver.timeout,
        min_interval=resolver.min_interval,
        max_interval=resolver.max_interval,
    )


def _bind(where: schema.Listener | schema.Admin) -> BindSpec:
    address = where.address
    access = AccessSpec(-1 if where.mode is None else where.mode, *(where.owner or (-1, -1)))
    return BindSpec(address, known_places(address, ipv6_only=where.ipv6_only), access)


def _listener(place: int, listener: schema.Listener) -> ListenerSpec:
    return ListenerSpec(
        name=listener_name(place, listener),
        bind=_bind(listener),
        filters=tuple(listener.filters),
        timeouts=fill(Timeouts, listener.timeouts),
        limits=fill(Limits, listener.limits),
        trusted_proxies=tuple(listener.trusted_proxies),
        drop_headers=tuple(sorted(set(listener.drop_headers))),
        proxy_protocol=listener.proxy_protocol,
        proxy_protocol_from=tuple(listener.proxy_protocol_from),
        tls=_tls(listener.tls) if listener.tls is not None else None,
        half_close=listener.half_close,
    )


def _tls(tls: schema.ListenerTls) -> TlsSpec:
    from fastgw.config.tls import certificate_names

    certificates = (CertificateSpec(one.cert, one.key, certificate_names(one.cert)) for one in tls.certificates)
    return TlsSpec(tuple(certificates), tls.client_auth, tls.client_ca, tls.min_version)


def _route(route: schema.Route) -> RouteSpec:
    return RouteSpec(
        name=route_name(route),
        path=route.path,
        host=route.host,
        methods=tuple(route.methods),
        headers=tuple(route.headers.items()),
        service=route.service or "",
        split=tuple(SplitSpec(share.service, share.weight) for share in route.split),
        sticky=route.sticky,
        timeout=route.timeout,
        answer_timeout=route.answer_timeout,
        stream_idle_timeout=route.stream_idle_timeout,
        tunnel_idle_timeout=route.tunnel_idle_timeout,
        upgrades=tuple(dict.fromkeys(route.upgrades)),
        max_body=route.max_body,
        body_buffer=route.body_buffer,
        body_wait=route.body_wait,
        filters=tuple(route.filters),
        errors=route.errors,
        half_close=route.half_close or "",
    )


def _service(name: str, service: schema.Service) -> ServiceSpec:
    return ServiceSpec(
        name=name,
        endpoints=tuple(EndpointSpec(one.address, one.weight) for one in service.endpoints),
        balance=service.balance,
        pool=fill(PoolSettings, service.pool),
        tls=fill(UpstreamTls, service.tls) if service.tls is not None else None,
        host=service.host,
        retry=RetrySpec(service.retry.attempts, tuple(dict.fromkeys(service.retry.on))),
    )


def _filters(gateway: schema.Gateway) -> Iterator[FilterSpec]:
    """The defined filters, then the built-in ones that a chain names without a definition."""
    for name, options in gateway.filters.items():
        yield _filter(name, options)
    chains = [*(one.filters for one in gateway.listeners), *(one.filters for one in gateway.routes)]
    for name in dict.fromkeys(name for chain in chains for name in chain):
        if name not in gateway.filters:
            yield _filter(name, FILTERS[name].model_validate({"type": name}))


def _filter(name: str, options: FilterOptions) -> FilterSpec:
    return FilterSpec(name, options.made_by, tuple((key, _plain(value)) for key, value in options if key != "type"))


def _plain(value: Any) -> Any:
    """``value`` without models: mappings instead, and tuples instead of lists."""
    if isinstance(value, Model):
        return {key: _plain(one) for key, one in value}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return tuple(map(_plain, value)) if isinstance(value, list) else value
