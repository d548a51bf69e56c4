"""A service of a ``GatewaySpec``, inside a worker: whom its requests may go to, who chooses among them, and who learns how they fare.

The part of ``compile`` that makes them; each time anew, but for what the registry keeps."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Set
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.config.choosing import chosen
from fastgw.config.spec import (
    AdmissionSpec,
    EndpointSpec,
    ServiceSpec,
)
from fastgw.core.live.endpoint import EndpointKey, EndpointSettings
from fastgw.core.live.news import MemberNews
from fastgw.core.live.registry import Registry, Roster
from fastgw.core.settings import AUTO, HTTP1, LISTED, OFFERED, InsideSettings, UpstreamTls
from fastgw.core.snapshot.snapshot import Service

if TYPE_CHECKING:
    from fastgw.adapters.instance import Instance
    from fastgw.core.exchange.hedging import Hedging
    from fastgw.core.exchange.load_reports import LoadReports
    from fastgw.core.live.gate import GateTerms
    from fastgw.core.live.listed import MemberTemplate
    from fastgw.core.live.roles import Judge
    from fastgw.core.snapshot.roles import Mind, Sending
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

    @property
    def models(self) -> Mapping[tuple[str, str], int]:
        """By service name and model (``config.metered``)."""

    @property
    def limits(self) -> Mapping[tuple[str, str], int]:
        """By the name of a filter and its limit (``config.limited``)."""

    @property
    def keys(self) -> Mapping[str, int]:
        """By the name of a key (``config.metered``)."""


class ServiceMaker:
    """Makes the services of one snapshot: what several of them share is made once."""

    def __init__(
        self,
        slots: SlotMap,
        registry: Registry,
        random: Callable[[], float],
        zone: str,
        witness: Tracing | None,
        calls: Set[str] = frozenset(),
        modelled: Set[str] = frozenset(),
    ) -> None:
        """``zone``: where this gateway is, or empty; ``witness``: looks on at every try; ``calls``: services that those of gRPC may come
        to; ``modelled``: those that models lead to."""
        self._slots = slots
        self._registry = registry
        self._random = random
        self._zone = zone
        self._witness = witness
        self._calls = calls
        self._modelled = modelled
        self._contexts: dict[tuple[UpstreamTls, str], ssl.SSLContext] = {}
        self.inside: list[Instance] = []  #: of the services that are code in this process, those made so far

    def made(self, spec: ServiceSpec) -> Service:
        """The service; raise OSError if a certificate, key or authority file is gone or has changed for the worse."""
        fixed = tuple(self._member(spec, one) for one in spec.endpoints)
        template = None if spec.discovery is None else self._template(spec, fixed)
        roster = fixed if template is None else template.roster(self._listed(spec))
        members = self._registry.members(spec.name)
        choice = chosen(spec, members, self._random, self._zone)
        slot = self._slots.services[spec.name]
        breaking = self._registry.breaking(spec.name, spec.settings, slot)
        outlying = self._registry.outlying(spec.name, spec.settings)
        terms = _terms(spec.admission)
        gate = None if terms is None else self._registry.gate(spec.name, slot, terms)
        learner = None if gate is None or terms is None else gate.learner(terms)
        reports = self._reports(spec)
        hedging = self._hedging(spec, reports)
        return Service(
            spec.name,
            members,
            roster,
            settings=spec.settings,
            slot=slot,
            takes_chunks=spec.inside is None
            and (spec.protocol == HTTP1 or (spec.protocol == AUTO and spec.tls is None)),
            judge=_joined(self._judges(choice["balancer"], breaking, outlying, learner, hedging)),
            breaking=breaking,
            outlying=outlying,
            gate=gate,
            terms=terms,
            template=template,
            minds=tuple(self._minds(spec, reports)) or (None if hedging is None else ()),
            times=hedging or self._times(spec, reports),
            witness=self._witness,
            **choice,
        )

    def _reports(self, spec: ServiceSpec) -> LoadReports | None:
        engine = spec.engine
        if engine is None or not engine.reports:
            return None
        from fastgw.core.exchange.load_reports import LoadReports  # which a worker without such does not need
        from fastgw.policy.engine_aware import READINGS
        from fastgw.policy.engines import GOOD_FOR

        readings, good_for = READINGS.of(spec.name), GOOD_FOR * engine.interval
        return LoadReports(readings, good_for, monotonic, passes=engine.pass_reports)

    def _times(self, spec: ServiceSpec, reports: LoadReports | None) -> Sending | None:
        has_calls = spec.name in self._calls
        if not spec.settings.has_times and not has_calls and reports is None:
            return None
        from fastgw.core.exchange.times import Times

        return Times(spec.settings, has_calls=has_calls, reports=reports)

    def _hedging(self, spec: ServiceSpec, reports: LoadReports | None) -> Hedging | None:
        if not spec.settings.sends_twice:
            return None
        from fastgw.core.exchange.hedging import Hedging

        return Hedging(spec.settings, has_calls=spec.name in self._calls, reports=reports)

    def _minds(self, spec: ServiceSpec, reports: LoadReports | None) -> Iterator[Mind]:
        """What may be done about answers of a service other than passing them on, the first first."""
        if reports is not None:
            yield reports
        if spec.settings.credentials is not None:
            from fastgw.core.exchange.refused import refuses_gateway

            yield refuses_gateway
        if spec.check_answers and spec.name in self._modelled:
            from fastgw.core.exchange.minds import refuses_misfit  # which a worker without such does not need

            yield refuses_misfit
        if spec.settings.is_held:
            from fastgw.core.exchange.beginnings import hold  # which a worker without such does not need

            yield hold
        if spec.name in self._calls:
            from fastgw.core.exchange.grpc import judge  # which a worker without such does not need

            yield judge
        if spec.settings.minds_answers:
            from fastgw.core.exchange.minds import minds_of

            yield from minds_of(spec.settings)
        if spec.settings.credentials is not None and spec.settings.credentials.redact:
            from fastgw.core.exchange.redacting import Redactor  # which a worker without such does not need

            hosts = [one.address.host for one in spec.members if one.address.host]
            yield Redactor(spec.settings.credentials.value, hosts)

    def _judges(self, balancer: Any, *others: Judge | None) -> Iterator[Judge]:
        """Who asks how tries at the members of a service end."""
        if hasattr(balancer, "settle"):
            yield balancer
        yield from (one for one in others if one is not None)

    def _member(self, service: ServiceSpec, spec: EndpointSpec) -> tuple[EndpointKey, EndpointSettings]:
        slot = self._slots.endpoints[service.name, str(spec.address)]
        key = EndpointKey(service.name, spec.address, service.tls, slot, service.protocol)
        if service.inside is not None:
            return key, self._inside_settings(service.name, service.inside)
        metadata = {name: value.encode() for name, value in spec.metadata}
        return key, EndpointSettings(
            service.pool, spec.weight, self._context(service), zone=spec.zone, metadata=metadata
        )

    def _template(self, spec: ServiceSpec, fixed: Roster) -> MemberTemplate:
        from fastgw.core.live.listed import MemberTemplate  # which a worker without discovery does not need

        settings = EndpointSettings(spec.pool, context=self._context(spec))
        slot = self._slots.endpoints[spec.name, LISTED]
        return MemberTemplate(spec.name, spec.tls, settings, fixed, slot, spec.protocol)

    def _listed(self, spec: ServiceSpec) -> list[MemberNews] | None:
        if spec.listed is None:
            return None
        slots = self._slots.endpoints
        return [MemberNews(*one, slots[spec.name, str(one.address)]) for one in spec.listed]

    def _inside_settings(self, service: str, spec: InsideSettings) -> EndpointSettings:
        from fastgw.adapters.instance import INSTANCES, pool_of

        instance = INSTANCES.get(service, spec)
        instance.slot = self._slots.services[service]
        self.inside.append(instance)
        return EndpointSettings(instance, make_pool=pool_of(spec))

    def _context(self, service: ServiceSpec) -> ssl.SSLContext | None:
        if service.tls is None:
            return None
        key = service.tls, service.protocol
        found = self._contexts.get(key)
        if found is None:
            from fastgw.config.tls import client_context

            found = self._contexts[key] = client_context(service.tls, OFFERED[service.protocol])
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
