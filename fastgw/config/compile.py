"""``GatewaySpec`` -> ``core.snapshot.Snapshot``, inside a worker.  Imports neither pydantic nor yaml.

Nothing is checked here: ``config.load`` has.  What can still fail is what changed since: a certificate, a directory.

A worker that serves compiles in steps (``compiling``), one filter, service or route after the other; one that begins, all at once.  What is
made is referred to by nobody until it is installed, so who stops in the middle only has the registry forget what nobody uses.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.config.chains import links, named
from fastgw.config.choosing import affinity_of, chosen
from fastgw.config.rules import rule
from fastgw.config.shadows import shadows
from fastgw.config.spec import (
    PLUGIN,
    AdmissionSpec,
    EndpointSpec,
    FilterSpec,
    GatewaySpec,
    ListenerSpec,
    RouteSpec,
    ServiceSpec,
    TelemetrySpec,
    VersionsSpec,
    fallback_name,
    mirror_name,
    version_name,
)
from fastgw.core.exchange.filter import Filter
from fastgw.core.live.endpoint import EndpointKey, EndpointSettings
from fastgw.core.live.news import MemberNews
from fastgw.core.live.registry import Registry, Roster
from fastgw.core.settings import LISTED, InsideSettings, MirrorSettings, UpstreamTls
from fastgw.core.snapshot.chain import Chain, FailureMode
from fastgw.core.snapshot.fallbacks import Fallbacks
from fastgw.core.snapshot.snapshot import Listener, Route, Service, Snapshot
from fastgw.routing import ByName, Router, Split
from fastgw.routing.pattern import parse_path
from fastgw.steps import Steps, whole

if TYPE_CHECKING:
    from fastgw.adapters.cache import RouteCache
    from fastgw.adapters.instance import Instance
    from fastgw.core.exchange.hedging import Hedging
    from fastgw.core.live.gate import GateTerms
    from fastgw.core.live.listed import MemberTemplate
    from fastgw.core.live.roles import Judge
    from fastgw.core.mirror.mirror import Mirror
    from fastgw.core.snapshot.roles import Copier, Destination, Mind, Sending
    from fastgw.core.snapshot.versions import Versions
    from fastgw.filters.tracing import Tracing


class SlotMap(Protocol):
    """Which counter block belongs to which name; the supervisor decides."""

    @property
    def routes(self) -> Mapping[str, int]:
        """By route name, ``spec.fallback_name`` of every listener and ``spec.mirror_name`` of every mirror included."""

    @property
    def services(self) -> Mapping[str, int]:
        """By service name."""

    @property
    def endpoints(self) -> Mapping[tuple[str, str], int]:
        """By service name and address as text."""

    @property
    def filters(self) -> Mapping[str, int]:
        """By the name of a filter or transformer."""


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
        self._contexts: dict[UpstreamTls, ssl.SSLContext] = {}
        chained = frozenset(named(spec))  # a filter that is only defined is not made
        self._specs = {one.name: one for one in spec.filters if one.name in chained}
        self._filters: dict[str, Filter] = {}
        self._transformers: dict[FilterSpec, Filter] = {}
        self._inside: list[Instance] = []
        self._tracing: Tracing | None = None
        self._caches: dict[str, RouteCache] = {}
        self._chains: dict[tuple[int, tuple[str, ...], tuple[FilterSpec, ...], tuple[str, ...]], Chain] = {}
        self._services: dict[str, Service] = {}
        self._versions: dict[str, Versions] = {}
        self._sticky = {one.name: place for place, one in enumerate(spec.services) if one.affinity is not None}

    def snapshot(self, generation: int) -> Steps[Snapshot]:
        for name, one in self._specs.items():
            yield
            self._filters[name] = _filter(one)
        self._tracing = self._tracer(self._spec.telemetry)
        yield from self._make_services()
        listeners = {}
        for listener in self._spec.listeners:
            listeners[listener.name] = yield from self._listener(listener)
        tracing = () if self._tracing is None else (self._tracing,)
        filters = (*self._filters.values(), *self._transformers.values(), *tracing)
        services, versions = tuple(self._services.values()), tuple(self._versions.values())
        return Snapshot(generation, listeners, services, filters, tuple(self._inside), versions)

    def _make_services(self) -> Steps[None]:
        specs = self._spec.services
        for one in specs:
            yield
            self._services[one.name] = self._service(one)
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
            service=self._named(spec.service) if spec.service is not None else _own_answer(spec),
            by_name=self._by_name(spec),
            split=Split([(self._named(one.service), one.weight) for one in spec.split]) if spec.split else None,
            chain=self._chain(listener, spec),
            mirror=self._copier(spec),
            cache=self._cache(spec),
            pattern=parse_path(spec.path),
        )

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
            from fastgw.adapters.cache import RouteCache, memory_of  # which a worker without one does not need

            slot = self._slots.routes[spec.name]
            decided_by = self._decided_by(spec)
            memory = memory_of(spec.name, spec.cache, decided_by)
            found = RouteCache(spec.name, slot, spec.settings, spec.cache, memory, decided_by)
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
        key = (len(listener.before_routing), names, transformers, cookies)
        found = self._chains.get(key)
        if found is None:
            filters = [self._filters[name] for name in names]
            modes = {one.name: self._mode(one) for one in (*(self._specs[name] for name in names), *transformers)}
            filters += [*map(self._transformer, transformers), *self._affinity_filter(cookies)]
            before = key[0]
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

    def _cookies(self, route: RouteSpec) -> tuple[str, ...]:
        """The services of a route that set a cookie, in the order of the file."""
        if not self._sticky:
            return ()
        by_name = route.by_name.services if route.by_name is not None else ()
        names = {route.service, *by_name, *(one.service for one in route.split)}
        names |= {part.service for one in self._spec.versioned if one.name in names for part in one.versions}
        return tuple(sorted((name for name in names if name in self._sticky), key=self._sticky.__getitem__))

    def _affinity_filter(self, services: tuple[str, ...]) -> list[Filter]:
        if not services:
            return []
        from fastgw.filters.affinity import AffinityFilter

        specs = [self._spec.services[self._sticky[name]] for name in services]
        found = {one.name: affinity_of(one) for one in specs}
        return [AffinityFilter({name: one for name, one in found.items() if one is not None})]

    def _mode(self, spec: FilterSpec) -> FailureMode:
        return FailureMode(spec.settings, self._slots.filters[spec.name])

    def _transformer(self, spec: FilterSpec) -> Filter:
        """One for all routes that say the same of it."""
        found = self._transformers.get(spec)
        if found is None:
            found = self._transformers[spec] = _filter(spec)
        return found

    def _service(self, spec: ServiceSpec) -> Service:
        fixed = tuple(self._member(spec, one) for one in spec.endpoints)
        template = None if spec.discovery is None else self._template(spec, fixed)
        roster = fixed if template is None else template.roster(self._listed(spec))
        members = self._registry.members(spec.name)
        choice = chosen(spec, members, self._random, self._spec.zone)
        slot = self._slots.services[spec.name]
        breaking = self._registry.breaking(spec.name, spec.settings, slot)
        outlying = self._registry.outlying(spec.name, spec.settings)
        terms = _terms(spec.admission)
        gate = None if terms is None else self._registry.gate(spec.name, slot, terms)
        learner = None if gate is None or terms is None else gate.learner(terms)
        hedging = self._hedging(spec)
        return Service(
            spec.name,
            members,
            roster,
            settings=spec.settings,
            slot=slot,
            takes_chunks=spec.inside is None,
            judge=_joined(self._judges(choice["balancer"], breaking, outlying, learner, hedging)),
            breaking=breaking,
            outlying=outlying,
            gate=gate,
            terms=terms,
            template=template,
            minds=tuple(self._minds(spec)) or (None if hedging is None else ()),
            times=hedging or self._times(spec),
            witness=self._tracing,
            **choice,
        )

    def _times(self, spec: ServiceSpec) -> Sending | None:
        if not spec.settings.has_times:
            return None
        from fastgw.core.exchange.times import Times

        return Times(spec.settings)

    def _hedging(self, spec: ServiceSpec) -> Hedging | None:
        if not spec.settings.sends_twice:
            return None
        from fastgw.core.exchange.hedging import Hedging

        return Hedging(spec.settings)

    def _minds(self, spec: ServiceSpec) -> Iterator[Mind]:
        """What may be done about answers of a service other than passing them on, the first first."""
        if spec.settings.minds_answers:
            from fastgw.core.exchange.minds import minds_of

            yield from minds_of(spec.settings)

    def _judges(self, balancer: Any, *others: Judge | None) -> Iterator[Judge]:
        """Who asks how tries at the members of a service end."""
        if hasattr(balancer, "settle"):
            yield balancer
        yield from (one for one in others if one is not None)

    def _member(self, service: ServiceSpec, spec: EndpointSpec) -> tuple[EndpointKey, EndpointSettings]:
        slot = self._slots.endpoints[service.name, str(spec.address)]
        key = EndpointKey(service.name, spec.address, service.tls, slot)
        if service.inside is not None:
            return key, self._inside_settings(service.name, service.inside)
        metadata = {name: value.encode() for name, value in spec.metadata}
        return key, EndpointSettings(
            service.pool, spec.weight, self._context(service.tls), zone=spec.zone, metadata=metadata
        )

    def _template(self, spec: ServiceSpec, fixed: Roster) -> MemberTemplate:
        from fastgw.core.live.listed import MemberTemplate  # which a worker without discovery does not need

        settings = EndpointSettings(spec.pool, context=self._context(spec.tls))
        return MemberTemplate(spec.name, spec.tls, settings, fixed, self._slots.endpoints[spec.name, LISTED])

    def _listed(self, spec: ServiceSpec) -> list[MemberNews] | None:
        if spec.listed is None:
            return None
        slots = self._slots.endpoints
        return [MemberNews(*one, slots[spec.name, str(one.address)]) for one in spec.listed]

    def _inside_settings(self, service: str, spec: InsideSettings) -> EndpointSettings:
        from fastgw.adapters.instance import INSTANCES, pool_of

        instance = INSTANCES.get(service, spec)
        instance.slot = self._slots.services[service]
        self._inside.append(instance)
        return EndpointSettings(instance, make_pool=pool_of(spec))

    def _context(self, spec: UpstreamTls | None) -> ssl.SSLContext | None:
        if spec is None:
            return None
        found = self._contexts.get(spec)
        if found is None:
            from fastgw.config.tls import client_context

            found = self._contexts[spec] = client_context(spec)
        return found


def _joined(judges: Iterator[Judge]) -> Judge | None:
    """One that stands for all of ``judges``; None: there are none."""
    found = tuple(judges)
    if len(found) < 2:
        return found[0] if found else None
    from fastgw.core.live.judges import joined  # 50 KiB, which a worker without several does not need

    return joined(found)


def _terms(spec: AdmissionSpec | None) -> GateTerms | None:
    """The terms of a service's gate; None: it has none."""
    if spec is None:
        return None
    from fastgw.core.live.gate import GateTerms
    from fastgw.filters.variables import Template

    read_class, read_key = (Template(key).fill if key else None for key in (spec.class_key, spec.fair_key))
    return GateTerms(spec.settings, read_class, read_key)


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
    return None


def _filter(spec: FilterSpec) -> Filter:
    module, _, factory = spec.made_by.partition(":")
    found: Filter = getattr(import_module(module), factory)(spec.name, dict(spec.options))
    return found
