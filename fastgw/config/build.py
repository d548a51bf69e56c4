"""Checked models -> ``GatewaySpec``: defaults that depend on the place are filled in, models become plain data.

A key gets where it is used by its name: ``fill`` takes each field of a specification from the key that is called so.  Written out here
is only what is more than the value of a key.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from fastgw.config import schema
from fastgw.config.adapter import Adapter
from fastgw.config.admin import AdminAddress
from fastgw.config.admission import Admission
from fastgw.config.affinity import Affinity
from fastgw.config.answers import Files, Redirect, Reply
from fastgw.config.balance import ENGINE, PREFIX, Hash, PromptPrefix
from fastgw.config.beside import default_socket, default_state_file, default_store
from fastgw.config.bind_spec import AccessSpec, BindSpec, CertificateSpec, TlsSpec
from fastgw.config.bound import Bound, Certificate, ListenerTls
from fastgw.config.breaker import Breaker
from fastgw.config.by_name import named_services
from fastgw.config.cache import Cache
from fastgw.config.chains import named
from fastgw.config.check import route_name
from fastgw.config.copies import Shadow
from fastgw.config.dialect import Dialect
from fastgw.config.dialect_rules import speaks
from fastgw.config.ejection import Ejection
from fastgw.config.engine import Engine, ModelLists
from fastgw.config.entry import Entry
from fastgw.config.fallback import Fallback
from fastgw.config.filters import FILTERS
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.usage import Usage
from fastgw.config.grpc import Grpc
from fastgw.config.health import HealthCheck
from fastgw.config.hedges import Hedge
from fastgw.config.keyed import key_names
from fastgw.config.limited import LIMITER
from fastgw.config.listener_rules import listener_name, spoken
from fastgw.config.model import Model
from fastgw.config.models import in_dialect, limits_of, model_spec
from fastgw.config.places import known_places
from fastgw.config.reloads import Reloading
from fastgw.config.retries import Backoff, Retry, RetryBudget
from fastgw.config.service_credentials import ServiceCredentials
from fastgw.config.service_tls import ServiceTls
from fastgw.config.spec import (
    AdminSpec,
    ByNameSpec,
    EndpointSpec,
    EngineSpec,
    FilterSpec,
    ForecastSpec,
    GatewaySpec,
    HashSpec,
    ListenerSpec,
    MirrorSpec,
    ModelListsSpec,
    PrefixSpec,
    ReloadSpec,
    ResolverSpec,
    RouteSpec,
    ServiceSpec,
    ShadowSpec,
    ShutdownSpec,
    SplitSpec,
    VersionSpec,
    VersionsSpec,
    version_name,
)
from fastgw.config.streams import Streams
from fastgw.config.subset import SubsetChoice
from fastgw.config.telemetry import Telemetry
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.versions import Rollout, VersionBy
from fastgw.config.websocket import FramedWebSocket
from fastgw.config.websocket_service import WebSocketService
from fastgw.core.cache_settings import CacheSettings
from fastgw.core.settings import (
    WEBSOCKET,
    Address,
    BackoffSettings,
    BudgetSettings,
    DialectSettings,
    FilterSettings,
    GrpcSettings,
    HedgeSettings,
    Limits,
    ListenerSettings,
    MirrorSettings,
    PoolSettings,
    RetrySettings,
    RouteSettings,
    ServiceSettings,
    StreamSettings,
    Timeouts,
    UpstreamTls,
    VersionBySettings,
)
from fastgw.policy.rollout import RolloutTerms
from fastgw.policy.shares import WHOLE, shares

T = TypeVar("T")


def build(config: schema.Configuration, source: str, environ: Mapping[str, str]) -> GatewaySpec:
    """The specification of a configuration that has no problems; ``source``: the absolute path of its file."""
    state_file = config.state_file or default_state_file(source, environ)
    return fill(
        GatewaySpec,
        config,
        user=config.user,
        cpu_affinity=config.cpu_affinity,
        source=source,
        admin_socket="" if config.admin_socket is None else config.admin_socket or default_socket(source, environ),
        registration=None if config.registration is None else config.registration.settings(config.zone),
        state_file=state_file,
        forecast=config.forecast
        and ForecastSpec(config.forecast.store or default_store(state_file), config.forecast.max_services),
        listeners=tuple(_listener(place, one) for place, one in enumerate(config.listeners)),
        routes=tuple(_route(one, config) for one in config.routes),
        services=tuple(_services(config, os.path.dirname(source))),
        versioned=tuple(_versioned(name, one) for name, one in config.services.items() if one.versions),
        filters=tuple(_filters(config)),
        key_sets=tuple(dict.fromkeys(one for used in _used(config) for one in used.key_sets())),
        redis=tuple(dict.fromkeys(one for used in _used(config) for one in used.redis_links())),
        mqtt=tuple(one.settings(name, listener_name(0, config.listeners[0])) for name, one in config.mqtt.items()),
        models=tuple(model_spec(config.models, name) for name in config.models),
        unmatched=fill(RouteSettings, schema.Route.model_validate({"path": "/"})),
    )


def fill(kind: Callable[..., T], model: Model, **made: object) -> T:
    """``kind``, a tuple whose fields have the names of keys of ``model``, from their values.

    ``made``: fields that are no key, or not its value alone.

    Raises:
        AttributeError: a field is neither.
    """
    fields = inspect.get_annotations(kind)
    return kind(**{name: made[name] if name in made else _settled(getattr(model, name)) for name in fields})


def _settled(value: Any) -> Any:
    """The value of a key as plain data.  A list names nothing twice."""
    if isinstance(value, Model):
        return _MADE[type(value)](value)
    if isinstance(value, list):
        return tuple(dict.fromkeys(map(_settled, value)))
    return tuple(value.items()) if isinstance(value, dict) else value


def _bind(where: Bound) -> BindSpec:
    address = where.address
    access = AccessSpec(-1 if where.mode is None else where.mode, *(where.owner or (-1, -1)))
    return BindSpec(address, known_places(address, ipv6_only=where.ipv6_only), access)


def _listener(place: int, listener: schema.Listener) -> ListenerSpec:
    return fill(
        ListenerSpec,
        listener,
        name=listener_name(place, listener),
        bind=_bind(listener),
        settings=fill(ListenerSettings, listener, **spoken(listener)),
    )


def _admin(admin: AdminAddress) -> AdminSpec:
    return fill(AdminSpec, admin, **_bind(admin)._asdict(), token=admin.digest())


def _certificate(certificate: Certificate) -> CertificateSpec:
    from fastgw.config.tls import certificate_names, expiry

    file = certificate.cert
    return fill(CertificateSpec, certificate, names=certificate_names(file), ends=expiry(file) or 0.0)


def _route(route: schema.Route, config: schema.Configuration) -> RouteSpec:
    entering = [_transformer(one, "input") for one in route.transformers.input if not one.is_last]
    leaving = [_transformer(one, "output") for one in route.transformers.output]
    last = [_transformer(one, "input") for one in route.transformers.input if one.is_last]
    transformers = (*entering, *reversed(leaving), *last)  # as filters, whose answers go from the last to the first
    by_name = ByNameSpec(route.parameter, tuple(named_services(route, config))) if route.parameter else None
    settings = fill(RouteSettings, route)
    if route.models is not None or speaks(config, route):
        settings = in_dialect(settings, is_told="errors" in route.model_fields_set)
    made = fill(
        RouteSpec,
        route,
        name=route_name(route),
        service=None if by_name is not None else route.service,
        by_name=by_name,
        models=tuple(route.models.only or config.models) if route.models is not None else (),
        transformers=transformers,
        settings=settings,
    )
    if route.models is None or route.cache is None or made.cache is None:
        return made
    return made._replace(cache=route.cache.beside_models(made.cache))


def _mirror(mirror: schema.Mirror) -> MirrorSpec:
    return fill(MirrorSpec, mirror, settings=fill(MirrorSettings, mirror))


def _services(config: schema.Configuration, folder: str) -> Iterator[ServiceSpec]:
    """Each service, or each version of it."""
    for name, service in config.services.items():
        if not service.versions:
            yield _service(name, service, service, folder)
        for version, one in service.versions.items():
            yield _service(version_name(name, version), service, one, folder)


def _service(name: str, service: schema.Service, part: schema.Service | schema.Version, folder: str) -> ServiceSpec:
    """``part``: the version, or the service itself."""
    inside = part.inside(folder)
    endpoints = _settled(part.endpoints) if inside is None else (EndpointSpec(Address(inside=inside.label), 1),)
    made: dict[str, object] = {"name": name, "inside": inside, "settings": fill(ServiceSettings, service)}
    if inside is None and service.websocket is not None:
        made["protocol"] = WEBSOCKET
    made |= {"discovery": None if part.discovery is None else part.discovery.settings(), "listed": None}
    if service.balance == ENGINE and service.engine is None:
        made["engine"] = fill(EngineSpec, Engine())
    if service.balance == PREFIX and service.prefix is None:
        made["prefix"] = fill(PrefixSpec, PromptPrefix())
    return fill(ServiceSpec, service, endpoints=endpoints, **made)


def _versioned(name: str, service: schema.Service) -> VersionsSpec:
    configured = shares([one.weight for one in service.versions.values()])
    versions = [
        VersionSpec(one, version_name(name, one), share)
        for one, share in zip(service.versions, configured, strict=True)
    ]
    by, shadow = _settled(service.version_by), _settled(service.shadow)
    return VersionsSpec(name, tuple(versions), configured, by, shadow, _settled(service.rollout))


def _terms(rollout: Rollout) -> RolloutTerms:
    return fill(RolloutTerms, rollout, steps=tuple(one * WHOLE // 100 for one in rollout.steps))


def _shadow(shadow: Shadow) -> ShadowSpec:
    return fill(ShadowSpec, shadow, settings=fill(MirrorSettings, shadow))


def _filters(config: schema.Configuration) -> Iterator[FilterSpec]:
    """The defined filters, then the built-in ones that a chain names without a definition."""
    for name, options in config.filters.items():
        made = _filter(name, options)
        if made.made_by == LIMITER:
            of_models: dict[str, Any] = dict(made.options)
            of_models["limits"] += limits_of(config.models)
            made = made._replace(options=tuple(of_models.items()))
        if isinstance(options, Usage):
            names = key_names(config, options.keys) if options.keys else ()
            made = made._replace(options=tuple({**dict(made.options), "keys": names}.items()))
        yield made
    for name in dict.fromkeys(named(config)):
        if name not in config.filters:
            yield _filter(name, FILTERS[name].model_validate({"type": name}))


def _used(config: schema.Configuration) -> Iterable[FilterOptions]:
    return [config.filters[name] for name in named(config) if name in config.filters]


def _filter(name: str, options: Entry) -> FilterSpec:
    general = (
        options if isinstance(options, FilterOptions) else FilterOptions(type=name)
    )  # a transformer has the defaults
    settings = general.settled(fill(FilterSettings, general))
    return FilterSpec(name, options.made_by, tuple(options.given().items()), settings, options.does())


def _transformer(options: TransformerOptions, side: str) -> FilterSpec:
    return _filter(options.name, options)._replace(options=tuple(options.given_for(side).items()))


#: What becomes of a mapping inside another.
_MADE: Mapping[type[Model], Callable[[Any], object]] = {
    AdminAddress: _admin,
    schema.Resolver: partial(fill, ResolverSpec),
    schema.Shutdown: partial(fill, ShutdownSpec),
    Reloading: partial(fill, ReloadSpec),
    schema.ListenerTimeouts: partial(fill, Timeouts),
    schema.ListenerLimits: partial(fill, Limits),
    ListenerTls: partial(fill, TlsSpec),
    Certificate: _certificate,
    Reply: Reply.settings,
    Redirect: Redirect.settings,
    Files: Files.settings,
    Adapter: Adapter.settings,
    Grpc: partial(fill, GrpcSettings),
    FramedWebSocket: FramedWebSocket.settings,
    WebSocketService: WebSocketService.settings,
    schema.Mirror: _mirror,
    Cache: partial(fill, CacheSettings),
    Shadow: _shadow,
    Rollout: _terms,
    VersionBy: partial(fill, VersionBySettings),
    schema.Share: partial(fill, SplitSpec),
    schema.Endpoint: partial(fill, EndpointSpec),
    Hash: partial(fill, HashSpec),
    PromptPrefix: partial(fill, PrefixSpec),
    Affinity: Affinity.spec,
    ServiceCredentials: ServiceCredentials.settings,
    SubsetChoice: SubsetChoice.spec,
    Fallback: Fallback.spec,
    Engine: partial(fill, EngineSpec),
    ModelLists: partial(fill, ModelListsSpec),
    Dialect: partial(fill, DialectSettings),
    Admission: Admission.spec,
    schema.Pool: partial(fill, PoolSettings),
    ServiceTls: partial(fill, UpstreamTls),
    Retry: partial(fill, RetrySettings),
    Backoff: partial(fill, BackoffSettings),
    Hedge: partial(fill, HedgeSettings),
    Streams: partial(fill, StreamSettings),
    RetryBudget: partial(fill, BudgetSettings),
    Ejection: Ejection.settings,
    Breaker: Breaker.settings,
    HealthCheck: HealthCheck.settings,
    Telemetry: Telemetry.spec,
}
