"""What the admin address answers: probes, ``/status`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import fastgw
from fastgw.config.chains import filter_names
from fastgw.config.spec import ServiceSpec
from fastgw.core import counters as layout
from fastgw.core.live.board import COUNT_TABLES, TIME_TABLES, Board
from fastgw.server.admission_status import admission_limits, with_admission
from fastgw.server.block_status import ENDPOINT, causes, failures, of_route, of_service, pick
from fastgw.server.breaker_status import breaker_of_endpoint, breaker_of_service
from fastgw.server.dependencies import dependencies, dependency_document
from fastgw.server.discovery_status import (
    discovery_of_service,
    origin_of_endpoint,
    origins,
    source_facts,
)
from fastgw.server.episodes import Episodes
from fastgw.server.export_status import export_document, export_facts
from fastgw.server.fleet_status import fleet_facts
from fastgw.server.gateway import Gateway
from fastgw.server.health_status import health_facts, health_of_endpoint
from fastgw.server.key_set_status import key_set_document, key_set_facts
from fastgw.server.limit_status import limits_document
from fastgw.server.link_status import link_document, links_of
from fastgw.server.lost_logs import LostLogs
from fastgw.server.machine import open_files
from fastgw.server.model_status import models_document
from fastgw.server.name_status import name_document, name_facts
from fastgw.server.notices import Notices
from fastgw.server.paces import Paces
from fastgw.server.panic_status import panic_of_service, panics
from fastgw.server.problems import problems
from fastgw.server.process_status import (
    certificate_facts,
    exemplars_of,
    last_reload,
    process_facts,
    worker_document,
    worker_facts,
)
from fastgw.server.registration_status import registration_document, registration_facts
from fastgw.server.slots import endpoint_names, route_names
from fastgw.server.standings import stamp
from fastgw.server.subset_status import metadata_of_endpoint, subset_of_service
from fastgw.server.transcoded import TranscodedRoutes
from fastgw.server.wasm_status import bridge_block_document
from fastgw.server.workers import READY, STALLED
from fastgw.telemetry.totals import BoardFacts, Facts, MemberFacts, Totals, total

if TYPE_CHECKING:
    from fastgw.server.log import Log
    from fastgw.server.reload_guard import ReloadGuard

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Content:
    """What a page holds, and how it is answered."""

    status: int
    body: bytes
    content_type: str = JSON
    fields: tuple[tuple[str, str], ...] = ()  #: more header fields
    stream: Callable[[], AsyncGenerator[bytes, None]] | None = None  #: makes what follows, until one side ends it


class Pages:
    """The pages of one gateway."""

    def __init__(self, gateway: Gateway, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: that of the heartbeats."""
        self._gateway = self.gateway = gateway
        self._clock = clock
        self.episodes = Episodes(gateway)
        self._paces = Paces(gateway)
        self._notices = Notices(gateway)
        self.lost_logs = LostLogs()
        self._is_compiled = fastgw.compiled()
        self._transcoded = TranscodedRoutes()
        self.guard: ReloadGuard | None = None  #: who watches a new configuration
        self.fleet: Callable[[], dict[str, Any] | None] = lambda: None  #: says how the gateway is as a node of one

    def tick(self, log: Log) -> None:
        """Look at what grows, if it is time, and tell ``log`` what is news."""
        self.episodes.tick()
        self._paces.tick(log)
        self._notices.look(log)

    async def livez(self, _: str = "", __: str = "") -> Content:
        """200 as long as this process answers, draining or not: there is no reason to kill it."""
        return Content(200, b'{"status":"alive"}')

    async def transcoded(self) -> Content:
        """What can be asked of the services of gRPC that routes transcode."""
        if self._gateway.current is None:
            return Content(503, b'{"reason":"starting"}')
        return Content(200, await self._transcoded.document(self._gateway.current.spec))

    async def readyz(self, _: str = "", query: str = "") -> Content:
        """200 if new requests are welcome, else 503 and why not; for each ``service=NAME`` of the query if one of its members is up."""
        gateway, now = self._gateway, self._clock()
        states = [worker.told_state(now) for worker in gateway.workers]
        stalled = [worker.index for worker, state in zip(gateway.workers, states, strict=True) if state == STALLED]
        if gateway.is_draining:
            reason = "draining"
        elif not gateway.is_started:
            reason = "starting"
        elif READY not in states:
            reason = "stalled" if stalled else "no_worker"
        else:
            status, body = self._readiness([text for key, text in parse_qsl(query, True) if key == "service"])
            return _probe(status, body, stalled)
        return _probe(503, {"reason": reason}, stalled)

    def _readiness(self, services: list[str]) -> tuple[int, dict[str, Any]]:
        """Of a gateway that is ready: status and body."""
        is_up: dict[str, bool] = {}
        for (service, _), facts in self._members().items():
            is_up[service] = is_up.get(service, False) or facts.is_up
        for versions in self._gateway.current.spec.versioned if self._gateway.current is not None else ():
            is_up[versions.name] = any(is_up[one.service] for one in versions.versions)
        for service in services:
            if service not in is_up:
                return 404, {"reason": "no_service", "service": service}
            if not is_up[service]:
                return 503, {"reason": "no_member", "service": service}
        return 200, {"status": "ready"}

    def _members(self) -> dict[tuple[str, str], MemberFacts]:
        knowledge = self._gateway.knowledge
        return {
            name: MemberFacts(len(addresses), sum(not knowledge.findings.is_up((*name, one)) for one in addresses))
            for name, addresses in knowledge.places.items()
        }

    async def status(self, _: str = "", __: str = "") -> Content:
        """Everything, for people and for ``fastgw status``."""
        import orjson

        return Content(200, orjson.dumps(self.document(), option=orjson.OPT_INDENT_2))

    async def forecast(self, query: str = "") -> Content:
        """What services are expected to be asked for, or the one that ``query`` names."""
        import orjson

        forecasting = self._gateway.forecasting
        service = dict(parse_qsl(query, True)).get("service")
        found = None
        if forecasting is not None:
            found = forecasting.document() if service is None else forecasting.of(service)
        if found is None:
            return Content(404, b'{"reason":"%b"}' % (b"no_forecast" if forecasting is None else b"no_service"))
        return Content(200, orjson.dumps(found, option=orjson.OPT_INDENT_2))

    async def limits(self, query: str = "") -> Content:
        """What is left of limits of models for whom ``query`` says."""
        import orjson

        from fastgw.server.limits_left import limits_of

        if self._gateway.current is None:
            return Content(503, b'{"reason":"starting"}')
        found = await limits_of(self._gateway, parse_qsl(query, True))
        if found is None:
            return Content(404, b'{"reason":"unknown"}')
        return Content(200, orjson.dumps({"limits": found}, option=orjson.OPT_INDENT_2))

    async def metrics(self, accept: str = "", _: str = "") -> Content:
        """The Prometheus page; rendered in a thread, because with thousands of routes it takes seconds."""
        facts, totals = self.counted()
        if "openmetrics" in accept:
            facts = replace(facts, exemplars=exemplars_of(self._gateway))

        def render() -> tuple[bytes, str]:
            from fastgw.telemetry.metrics import render  # 80 ms and 8 MB that are paid when somebody scrapes

            return render(replace(facts, processes=process_facts(facts.workers)), totals, accept)

        body, content_type = await asyncio.to_thread(render)
        return Content(200, body, content_type)

    async def config(self) -> Content:
        """The configuration in use, what is secret not shown; made in a thread for the same reason."""
        import orjson

        from fastgw.config.in_use import described

        spec = self._gateway.plan_in_use.spec
        found = {"generation": self._gateway.generation, "file": spec.source}
        return Content(200, orjson.dumps(found | await asyncio.to_thread(described, spec), option=orjson.OPT_INDENT_2))

    def counted(self) -> tuple[Facts, Totals]:
        """What the metrics page is made of."""
        return self.facts(), self.totals()

    def totals(self) -> Totals:
        """The sums of all counters, for the names of the configuration in use."""
        gateway = self._gateway
        if gateway.current is None:
            return total(gateway.slabs, {}, {}, {}, {})
        spec, slots = gateway.current.spec, gateway.current.slots
        return total(
            gateway.slabs,
            {name: slots.routes[name] for name in route_names(spec)},
            {one.name: slots.services[one.name] for one in spec.services},
            {name: slots.endpoints[name] for name in endpoint_names(spec)},
            {name: slots.filters[name] for name in filter_names(spec)},
            slots.models,
            slots.limits,
            slots.keys,
        )

    def facts(self) -> Facts:
        """What is known beside the counters."""
        gateway = self._gateway
        facts, spec = self._facts(), gateway.current.spec if gateway.current is not None else None
        return replace(facts, dependencies=dependencies(facts, self.fleet(), spec, self.episodes, gateway.slabs))

    def _facts(self) -> Facts:
        gateway, now = self._gateway, self._clock()
        return Facts(
            version=fastgw.__version__,
            is_compiled=self._is_compiled,
            generation=gateway.generation,
            uptime=time.monotonic() - gateway.started,
            is_draining=gateway.is_draining,
            reloads=dict(gateway.reloads),
            is_last_reload_ok=gateway.report.ok,
            last_reload=gateway.report.when,
            workers=worker_facts(gateway, now),
            names=name_facts(gateway.names),
            key_sets=key_set_facts(gateway.fetching),
            sources=source_facts(
                gateway.lists.discovering, gateway.current.spec.services if gateway.current is not None else ()
            ),
            registrations=registration_facts(gateway.registering),
            fleet=fleet_facts(self.fleet()),
            links=links_of(gateway.leasing),
            certificates=certificate_facts(gateway),
            watch=gateway.watching.facts() if gateway.watching is not None else None,
            export=export_facts(gateway.exporter, gateway.slabs),
            members=self._members(),
            versions=gateway.rollouts.weights if gateway.rollouts is not None else {},
            board=_board(gateway.board.view, time.monotonic_ns()),
            health=health_facts(gateway.probing),
            limits=admission_limits(gateway),
            panics=panics(gateway),
            forecasts=gateway.forecasting.facts() if gateway.forecasting is not None else (),
            expected=gateway.forecasting.expected if gateway.forecasting is not None else {},
        )

    def document(self) -> dict[str, Any]:
        """``/status`` as plain data, what is wrong before all."""
        self.episodes.look()
        found = self._document()
        return {"problems": problems(found, self.episodes, time.time()), **found}

    def _document(self) -> dict[str, Any]:
        gateway, facts, totals = self._gateway, self.facts(), self.totals()
        return {
            "version": facts.version,
            "build": "compiled" if facts.is_compiled else "pure",
            "generation": facts.generation,
            "config": gateway.path,
            "user": os.geteuid(),
            "uptime": round(facts.uptime, 3),
            "draining": facts.is_draining,
            "last_reload": last_reload(gateway),
            "guard": self.guard.document(self._clock()) if self.guard is not None else None,
            "fleet": self.fleet(),
            "watch": gateway.watching.document() if gateway.watching is not None else None,
            "warnings": gateway.warnings,
            "reloads": facts.reloads,
            "upgrade": {"from": gateway.predecessor_draining or None, "error": gateway.last_upgrade},
            "workers": [worker_document(one) for one in facts.workers],
            "open_files": self._open_files(),
            "listeners": self._listeners(),
            "certificates": [
                {"listener": one.listener, "certificate": one.file, "ends": stamp(one.ends)}
                for one in facts.certificates
            ],
            "lost_logs": self.lost_logs.document(),
            "connections": pick(totals.globals, _CONNECTIONS),
            "routes": {name: of_route(block) for name, block in totals.routes.items()},
            "services": self._services(facts, totals),
            "models": models_document(gateway.current.spec) if gateway.current is not None else {},
            "versions": gateway.rollouts.document() if gateway.rollouts is not None else {},
            "filters": self._filters(totals),
            "board": {name: {"used": one.used, "capacity": one.capacity} for name, one in facts.board.items()}
            | {"full": totals.globals[layout.BOARD_FULL], "inherited_from": gateway.board.inherited_from or None},
            "names": {one.name: name_document(one) for one in facts.names},
            "key_sets": {one.url: key_set_document(one) for one in facts.key_sets},
            **bridge_block_document(totals.bridge),
            "redis": {one.redis: link_document(one) for one in facts.links},
            "registration": registration_document(facts.registrations, time.time()),
            "telemetry": export_document(facts.export),
            "dependencies": [dependency_document(one) for one in facts.dependencies],
            "forecast": gateway.forecasting.document() if gateway.forecasting is not None else None,
            **{
                f"{what}_file": None if one is None or one.memory is None else one.memory.document()
                for what, one in (
                    ("members", gateway.lists.discovering),
                    ("names", gateway.names),
                    ("keys", gateway.fetching),
                )
            },
        }

    def _listeners(self) -> list[dict[str, Any]]:
        plan = self._gateway.current
        if plan is None:
            return []
        return [
            {
                "name": listener.name,
                "address": str(listener.bind.address),
                "bound": [plan.listenings[key].bound for key in listener.bind.keys],
                "scheme": "https" if listener.tls else "http",
                "limits": listener.settings.limits._asdict(),
                "timeouts": listener.settings.timeouts._asdict(),
            }
            for listener in plan.spec.listeners
        ]

    def _open_files(self) -> dict[str, int | None] | None:
        plan = self._gateway.current
        if plan is None:
            return None
        found = open_files(plan.spec)
        return {"needed": found.needed, "limit": found.limit or None}

    def _filters(self, totals: Totals) -> dict[str, Any]:
        """How those of any chain have failed, and what followed."""
        plan = self._gateway.current
        settings = {one.name: one.settings._asdict() for one in plan.spec.filters} if plan is not None else {}
        return {
            name: {**settings.get(name, {}), "failures": failures(block), **limits_document(name, totals.limits)}
            for name, block in totals.filters.items()
        }

    def _services(self, facts: Facts, totals: Totals) -> dict[str, Any]:
        plan = self._gateway.current
        specs = {one.name: one for one in plan.spec.services} if plan is not None else {}
        services: dict[str, Any] = {}
        gateway, knowledge = self._gateway, self._gateway.knowledge
        known = origins(gateway.lists.discovering, specs.values())
        for service, one in specs.items():
            if one.discovery is not None:
                services[service] = self._service(service, one, facts, totals)  # it may have no member now
        for (service, endpoint), block in totals.endpoints.items():
            spec = specs.get(service)
            if service not in services:
                services[service] = self._service(service, spec, facts, totals)
            found = services[service]
            if gateway.engines is not None and (engines := gateway.engines.document(service)):
                found["engines"] = engines
            if gateway.model_lists is not None and (lists := gateway.model_lists.document(service)):
                found["model_lists"] = lists
            addresses = knowledge.places.get((service, endpoint), ())
            members = facts.members.get((service, endpoint))
            found["endpoints"][endpoint] = {
                "is_up": members is not None and members.is_up,
                **knowledge.findings.of_endpoint(service, endpoint, addresses),
                **metadata_of_endpoint(spec, endpoint),
                **origin_of_endpoint(known, service, endpoint),
                **pick(block, ENDPOINT),
                "causes": causes(block),
                "slow": self._paces.of(service, endpoint),
                **breaker_of_endpoint(knowledge.findings, spec, endpoint, addresses),
                **health_of_endpoint(gateway.probing, service, endpoint, addresses),
                "addresses": _addresses(gateway, service, endpoint, addresses),
            }
        return with_admission(gateway, services, totals.services)

    def _service(self, name: str, spec: ServiceSpec | None, facts: Facts, totals: Totals) -> dict[str, Any]:
        findings, counted = self._gateway.knowledge.findings, totals.services.get(name)
        return {
            "limits": _limits(spec) if spec is not None else None,
            "protocol": spec.protocol if spec is not None and spec.inside is None else None,
            **of_service(counted),
            **breaker_of_service(findings, spec, counted),
            **panic_of_service(findings, spec),
            **subset_of_service(spec),
            **discovery_of_service(facts.sources, name, time.time()),
            "endpoints": {},
        }


def _limits(service: ServiceSpec) -> dict[str, Any]:
    """Its bounds: of connections, or, where there are none, of calls."""
    inside = service.inside
    if inside is None:
        return service.pool._asdict()
    return {name: getattr(inside, name) for name in ("run", "workers", "queue", "max_input")}


_CONNECTIONS = {
    "accepted": layout.CONNECTIONS,
    "open": layout.CONNECTIONS_OPEN,
    "refused": layout.CONNECTIONS_REFUSED,
    "refused_by_address": layout.ADDRESS_REFUSED,
    "exchanges": layout.EXCHANGES_OPEN,
    "tunnels": layout.TUNNELS_OPEN,
    "bodies_held": layout.BODIES_HELD,
    "body_bytes_held": layout.BODY_BYTES_HELD,
    "bodies_cut": layout.BODIES_CUT,
    "bad_requests": layout.BAD_REQUESTS,
    "head_timeouts": layout.HEAD_TIMEOUTS,
    "accept_failures": layout.ACCEPT_FAILURES,
    "tls_failures": layout.TLS_FAILURES,
    "retries": layout.RETRIES,
}


def _board(board: Board, now: int) -> dict[str, BoardFacts]:
    """What is used of each table; ``now``: nanoseconds of the monotonic clock."""
    counts = {name: BoardFacts(board.used(table), table.size) for name, table in COUNT_TABLES.items()}
    return counts | {name: BoardFacts(board.used(table, now), table.size) for name, table in TIME_TABLES.items()}


def _probe(status: int, body: dict[str, Any], stalled: list[int]) -> Content:
    """The answer of a probe; ``stalled`` names workers that give no sign of life."""
    import orjson

    return Content(status, orjson.dumps(body | {"stalled": stalled} if stalled else body))


def _addresses(gateway: Gateway, service: str, endpoint: str, addresses: Collection[str]) -> dict[str, Any]:
    """What is known of each address of an endpoint."""
    knowledge = gateway.knowledge
    standings = knowledge.standings.of(service, endpoint, addresses)
    found = {}
    for address, standing in standings.items():
        state = knowledge.findings.of((service, endpoint, address))
        found[address] = {**{key: state[key] for key in ("state", "ejected_by", "until")}, **standing}
    return found
