"""``GatewaySpec`` -> ``core.snapshot.Snapshot``, inside a worker.  Imports neither pydantic nor yaml.

Nothing is checked here: ``config.load`` has.  What can still fail is what changed since: a certificate, a directory.

A worker that serves compiles in steps (``compiling``), one filter, service or route after the other; one that begins, all at once.  What is
made is referred to by nobody until it is installed, so who stops in the middle only has the registry forget what nobody uses.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastgw.config.called import called, destinations, has_streams, modelled, streaming
from fastgw.config.chains import links, named
from fastgw.config.choosing import affinity_of
from fastgw.config.compile_service import ServiceMaker, SlotMap
from fastgw.config.limited import LIMITER
from fastgw.config.metered import METER
from fastgw.config.rules import rule
from fastgw.config.shadows import shadows
from fastgw.config.spec import (
    PLUGIN,
    FilterSpec,
    GatewaySpec,
    ListenerSpec,
    RouteSpec,
    VersionsSpec,
    fallback_name,
    mirror_name,
    version_name,
)
from fastgw.config.telemetry_spec import TelemetrySpec
from fastgw.config.translated import spoken, translated
from fastgw.core.exchange.filter import Filter
from fastgw.core.live.registry import Registry
from fastgw.core.settings import DialectSettings, GrpcSettings, MirrorSettings, UpstreamTls
from fastgw.core.snapshot.chain import Chain, FailureMode
from fastgw.core.snapshot.fallbacks import Fallbacks
from fastgw.core.snapshot.snapshot import Listener, Route, Service, Snapshot
from fastgw.core.websocket_settings import WebSocketSettings
from fastgw.routing import ByName, Router, Split
from fastgw.routing.pattern import parse_path
from fastgw.steps import Steps, whole

if TYPE_CHECKING:
    import ssl

    from fastgw.adapters.cache import RouteCache
    from fastgw.core.bridge_settings import MqttCallSettings
    from fastgw.core.exchange.streams import StreamFilter
    from fastgw.core.mirror.mirror import Mirror
    from fastgw.core.snapshot.roles import Copier, Destination
    from fastgw.core.snapshot.versions import Versions
    from fastgw.filters.tracing import Tracing


def compiling(
    spec: GatewaySpec, generation: int, slots: SlotMap, registry: Registry, random: Callable[[], float]
) -> Steps[Snapshot]:
    """What a worker serves, made in steps.

    ``registry`` has the members of each service; ``random`` gives numbers of [0, 1) to the balancers.

    Raises:
        OSError: a certificate, key or authority file is gone or has changed for the worse (``ssl.SSLError`` is one), or a filter of
            another package cannot be used.
    """
    return _Compiler(spec, slots, registry, random).snapshot(generation)


def compile_snapshot(
    spec: GatewaySpec, generation: int, slots: SlotMap, registry: Registry, random: Callable[[], float]
) -> Snapshot:
    """The same, made at once."""
    return whole(compiling(spec, generation, slots, registry, random))


class _Compiler:
    """One compilation: what several listeners or routes share is made once."""

    def __init__(self, spec: GatewaySpec, slots: SlotMap, registry: Registry, random: Callable[[], float]) -> None:
        self._spec = spec
        self._slots = slots
        self._registry = registry
        self._random = random
        chained = frozenset(named(spec))  # a filter that is only defined is not made
        self._specs = {one.name: one for one in spec.filters if one.name in chained}
        self._filters: dict[str, Filter] = {}
        self._transformers: dict[FilterSpec, Filter] = {}
        self._tracing: Tracing | None = None
        self._caches: dict[str, RouteCache] = {}
        self._calls: dict[GrpcSettings, Filter] = {}
        self._sockets: dict[WebSocketSettings, Filter] = {}
        self._chains: dict[tuple[object, ...], Chain] = {}
        self._services: dict[str, Service] = {}
        self._versions: dict[str, Versions] = {}
        self._spoken = spoken(spec)
        self._dialects: dict[tuple[tuple[str, DialectSettings], ...], Filter] = {}
        self._streaming = streaming(spec)
        self._watch: StreamFilter | None = None
        if spec.models or self._streaming:
            from fastgw.core.exchange.streams import StreamFilter  # which a worker without such does not need

            self._watch = StreamFilter()
        self._sticky = {one.name: place for place, one in enumerate(spec.services) if one.affinity is not None}

    def snapshot(self, generation: int) -> Steps[Snapshot]:
        for name, one in self._specs.items():
            yield
            made = self._filters[name] = _filter(one)
            if one.made_by == METER:
                made.count_in(self._slots.models)  # type: ignore[attr-defined]
                made.count_keys(self._slots.keys)  # type: ignore[attr-defined]
            elif one.made_by == LIMITER:
                made.count_in(self._slots.limits)  # type: ignore[attr-defined]
        self._tracing = self._tracer(self._spec.telemetry)
        calls = called(self._spec)
        maker = ServiceMaker(
            self._slots, self._registry, self._random, self._spec.zone, self._tracing, calls, modelled(self._spec)
        )
        yield from self._make_services(maker)
        listeners = {}
        for listener in self._spec.listeners:
            listeners[listener.name] = yield from self._listener(listener)
        others = [*([] if self._tracing is None else [self._tracing]), *self._dialects.values()]
        others += map(self._mqtt_calls, self._spec.mqtt)
        filters = (*self._filters.values(), *self._transformers.values(), *others)
        services, versions = tuple(self._services.values()), tuple(self._versions.values())
        return Snapshot(generation, listeners, services, filters, tuple(maker.inside), versions)

    def _make_services(self, maker: ServiceMaker) -> Steps[None]:
        specs = self._spec.services
        for one in specs:
            yield
            self._services[one.name] = maker.made(one)
        if any(one.fallback for one in specs):
            from fastgw.config.stand_ins import join  # which a worker without such does not need

            yield from join(specs, self._services)
        for versioned in self._spec.versioned:
            yield
            self._versions[versioned.name] = self._versions_of(versioned)

    def _listener(self, spec: ListenerSpec) -> Steps[Listener]:
        name = fallback_name(spec.name)
        self._check_before_routing(spec)
        rules = []
        for route in self._spec.routes:
            yield
            rules.append(rule(route.name, route, self._route(spec, route)))
        router = yield from Router.made(rules)
        fallback = Route(name, self._slots.routes[name], self._spec.unmatched, chain=self._chain(spec))
        return Listener(
            name=spec.name,
            router=router,
            fallbacks=(yield from Fallbacks.made(router, fallback.in_format)),
            settings=spec.settings,
            scheme=b"http" if spec.tls is None else b"https",
        )

    def _check_before_routing(self, spec: ListenerSpec) -> None:
        """Of code of others only a worker can say whether it may stand there: nobody else has imported it."""
        for name in spec.before_routing:
            if self._specs[name].made_by != PLUGIN:
                continue
            from fastgw.filters.plugin import needs_a_route  # which a worker without such does not need

            reason = needs_a_route(type(self._filters[name]))
            if reason:
                raise OSError(f"the filter {name!r} cannot stand before routing: {reason}")

    def _route(self, listener: ListenerSpec, spec: RouteSpec) -> Route:
        return Route(
            name=spec.name,
            slot=self._slots.routes[spec.name],
            settings=spec.settings,
            service=self._destination(spec),
            by_name=self._by_name(spec),
            split=Split([(self._named(one.service), one.weight) for one in spec.split]) if spec.split else None,
            chain=self._chain(listener, spec),
            mirror=self._copier(spec),
            cache=self._cache(spec),
            pattern=parse_path(spec.path),
        )

    def _destination(self, spec: RouteSpec) -> Any:
        """Where requests go with nothing to be asked before, or what asks them for it; None: it is a split, or named by the path."""
        named = self._named(spec.service) if spec.service is not None else None
        if spec.models:
            from fastgw.config.compile_models import choice  # which a worker without models does not need

            return choice(self._spec, spec, self._named, named)
        return named or _own_answer(spec)

    def _named(self, name: str) -> Destination:
        """What the file calls a service."""
        return self._versions.get(name) or self._services[name]

    def _versions_of(self, spec: VersionsSpec) -> Versions:
        from fastgw.core.snapshot.versions import Shares, Versions  # which a worker without them does not need

        services = {one.name: self._services[one.service] for one in spec.versions}
        return Versions(spec.name, services, Shares(tuple(services), spec.shares), spec.by)

    def _by_name(self, spec: RouteSpec) -> ByName[Destination] | None:
        if spec.by_name is None:
            return None
        services = {name: self._named(name) for name in spec.by_name.services}
        return ByName(parse_path(spec.path), spec.by_name.parameter, services)

    def _copier(self, spec: RouteSpec) -> Copier | None:
        if spec.mirror is not None:
            return self._mirror(spec, self._named(spec.mirror.service), spec.mirror.settings)
        shadowed = shadows(self._spec, spec)
        if not shadowed:
            return None
        from fastgw.core.mirror.shadow import Shadows

        mirrors = {}
        for one in shadowed:
            assert one.shadow is not None
            shadow = self._services[version_name(one.name, one.shadow.version)]
            mirror = self._mirror(spec, shadow, one.shadow.settings)
            mirrors.update({other.service: mirror for other in one.versions if other.name != one.shadow.version})
        return Shadows(mirrors)

    def _mirror(self, spec: RouteSpec, service: Destination, settings: MirrorSettings) -> Mirror:
        from fastgw.core.mirror.mirror import Mirror  # which a worker without one does not need

        name = mirror_name(spec.name)
        found = Mirror(name, self._slots.routes[name], service, spec.settings, settings)
        found.route.pattern = parse_path(spec.path)
        return found

    def _cache(self, spec: RouteSpec) -> RouteCache | None:
        if spec.cache is None:
            return None
        found = self._caches.get(spec.name)  # one for all listeners
        if found is None:
            from fastgw.adapters.cache import RouteCache as Made  # which a worker without one does not need
            from fastgw.adapters.cache import memory_of

            if spec.models:
                from fastgw.adapters.model_cache import ModelCache as Made

            slot = self._slots.routes[spec.name]
            decided_by = self._decided_by(spec)
            memory = memory_of(spec.name, spec.cache, decided_by)
            found = Made(spec.name, slot, spec.settings, spec.cache, memory, decided_by)
            self._caches[spec.name] = found
        return found

    def _decided_by(self, route: RouteSpec) -> tuple[bytes, ...]:
        """The fields by which filters of ``route`` decide whether a request may pass, behind any listener."""
        names = {link.name for one in self._spec.listeners for link in links(self._spec, one, route)}
        found = {field for name in names for field in getattr(self._filters[name], "decides_by", ())}
        return tuple(sorted(found))

    def _chain(self, listener: ListenerSpec, route: RouteSpec | None = None) -> Chain:
        """The hooks of all filters of a route, as it is reached by this listener, and behind them of its transformers."""
        names = tuple(link.name for link in links(self._spec, listener, route))
        transformers = route.transformers if route is not None else ()
        cookies = self._cookies(route) if route is not None else ()
        grpc = route.grpc if route is not None else None
        dialects = tuple(translated(self._spec, route, self._spoken).items()) if route is not None else ()
        watch = self._watch if route is not None and has_streams(self._spec, route, self._streaming) else None
        socket = route.websocket if route is not None else None
        key = (len(listener.before_routing), names, transformers, cookies, grpc, dialects, watch, socket)
        found = self._chains.get(key)
        if found is None:
            filters = [self._filters[name] for name in names]
            modes = {one.name: self._mode(one) for one in (*(self._specs[name] for name in names), *transformers)}
            filters += [*map(self._transformer, transformers), *self._affinity_filter(cookies)]
            filters += [] if grpc is None else [self._call_filter(grpc)]
            filters += [self._translator(dialects)] if dialects else []
            filters += [] if watch is None else [watch]
            filters += [] if socket is None else [self._socket_filter(socket)]
            before = len(listener.before_routing)
            if self._tracing is not None:  # outermost, and before routing where anything is
                filters.insert(0, self._tracing)
                before += before > 0
            found = self._chains[key] = Chain(filters, modes, before)
        return found

    def _tracer(self, spec: TelemetrySpec | None) -> Tracing | None:
        if spec is None or spec.traces is None:
            return None
        from fastgw.filters.tracing import Tracing  # which a worker that records nothing does not need

        return Tracing(self._registry.plane, spec.traces)

    def _mqtt_calls(self, settings: MqttCallSettings) -> Any:
        from fastgw.adapters.mqtt_calls import MqttCalls  # which a worker without such does not need
        from fastgw.core.protocols import client_factory

        plane: Any = self._registry.plane
        tls = settings.link.tls
        context = None if tls is None else _client_context(tls)
        return MqttCalls(settings, plane, client_factory(plane, settings.listener), context)

    def _cookies(self, route: RouteSpec) -> tuple[str, ...]:
        """The services of a route that set a cookie, in the order of the file."""
        if not self._sticky:
            return ()
        names = destinations(route) | {*self._spec.services_of_models(route)}
        names |= {part.service for one in self._spec.versioned if one.name in names for part in one.versions}
        return tuple(sorted((name for name in names if name in self._sticky), key=self._sticky.__getitem__))

    def _affinity_filter(self, services: tuple[str, ...]) -> list[Filter]:
        if not services:
            return []
        from fastgw.filters.affinity import AffinityFilter

        specs = [self._spec.services[self._sticky[name]] for name in services]
        found = {one.name: affinity_of(one) for one in specs}
        return [AffinityFilter({name: one for name, one in found.items() if one is not None})]

    def _translator(self, dialects: tuple[tuple[str, DialectSettings], ...]) -> Filter:
        """One for all routes that lead to the same of the services that have a dialect."""
        found = self._dialects.get(dialects)
        if found is None:
            from fastgw.transformers.dialects import Dialects  # which a worker without such does not need

            found = self._dialects[dialects] = Dialects(dict(dialects))
        return found

    def _call_filter(self, settings: GrpcSettings) -> Filter:
        """One for all routes that say the same of calls."""
        found = self._calls.get(settings)
        if found is None:
            from fastgw.filters.grpc import Calls  # which a worker without such does not need

            found = self._calls[settings] = Calls(settings)
        return found

    def _socket_filter(self, settings: WebSocketSettings) -> Filter:
        """One for all routes that say the same of WebSockets."""
        found = self._sockets.get(settings)
        if found is None:
            from fastgw.filters.websocket import WebSockets  # which a worker without such does not need

            found = self._sockets[settings] = WebSockets(settings)
        return found

    def _mode(self, spec: FilterSpec) -> FailureMode:
        return FailureMode(spec.settings, self._slots.filters[spec.name])

    def _transformer(self, spec: FilterSpec) -> Filter:
        """One for all routes that say the same of it."""
        found = self._transformers.get(spec)
        if found is None:
            found = self._transformers[spec] = _filter(spec)
        return found


def _own_answer(spec: RouteSpec) -> Service | None:
    """The service that a route is which answers by itself; None: it does not."""
    if spec.reply is not None:
        from fastgw.adapters.replies import reply_service

        return reply_service(spec.reply)
    if spec.redirect is not None:
        from fastgw.adapters.replies import redirect_service
        from fastgw.filters.variables import Template

        return redirect_service(spec.redirect, parse_path(spec.path), Template)
    if spec.files is not None:
        from fastgw.adapters.files import files_service

        return files_service(spec.files, parse_path(spec.path))
    if spec.adapter is not None:
        from fastgw.adapters.mqtt_bridge import mqtt_service
        from fastgw.filters.variables import reader

        tls = spec.adapter.tls
        return mqtt_service(spec.adapter, reader, None if tls is None else _client_context(tls))
    return None


def _client_context(tls: UpstreamTls) -> ssl.SSLContext:
    from fastgw.config.tls import client_context  # which a worker without TLS does not need

    return client_context(tls, ())


def _filter(spec: FilterSpec) -> Filter:
    module, _, factory = spec.made_by.partition(":")
    found: Filter = getattr(import_module(module), factory)(spec.name, dict(spec.options))
    return found
