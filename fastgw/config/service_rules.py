"""What is wrong between the keys of a service, its endpoints, versions and stand-ins."""

from __future__ import annotations

from collections.abc import Sequence

from fastgw.config.admission import check_admission
from fastgw.config.balance import ENGINE
from fastgw.config.breaker import check_breaker
from fastgw.config.by_name import found_services
from fastgw.config.dialect_rules import check_dialect
from fastgw.config.discovery import check_discovery
from fastgw.config.ejection import check_ejection
from fastgw.config.fallback import check_fallback
from fastgw.config.health import check_health
from fastgw.config.hedges import check_hedge
from fastgw.config.known import check_service
from fastgw.config.mqtt_rules import check_broker
from fastgw.config.retries import check_retry
from fastgw.config.schema import (
    Configuration,
    Endpoint,
    Service,
    Version,
)
from fastgw.config.service_tls import ServiceTls
from fastgw.config.source import Document, TreePath
from fastgw.config.streams import check_streams
from fastgw.config.subset import check_metadata, check_subset
from fastgw.config.unsound import is_unsound
from fastgw.config.version_rules import check_versions, parts
from fastgw.core.settings import AS_FORECAST, HTTP1, HTTP2, Address


def check_whole_service(document: Document, config: Configuration, name: str, service: Service) -> None:
    """Report what is wrong with the service ``name``."""
    _service(document, config, ("services", name), service)
    for where, part in parts(name, service):
        _endpoints(document, (*where, "endpoints"), part.endpoints)
        check_discovery(document, (*where, "discovery"), part.discovery)
    _fallback(document, config, name, service)
    check_dialect(document, config, name, service)


def _service(document: Document, config: Configuration, where: TreePath, service: Service) -> None:
    check_versions(document, where, service)
    service.check_balance(document, where)
    _subset(document, where, service)
    asking = f"balance: {ENGINE} asks for metrics" if service.balance == ENGINE else ""
    asking = asking or ("model_lists asks for a list" if service.model_lists is not None else "")
    if asking:
        _no_sockets(document, where, service.endpoints, asking)
        for name, version in service.versions.items():
            _no_sockets(document, (*where, "versions", name), version.endpoints, asking)
    check_breaker(document, (*where, "breaker"), service.breaker)
    places = (service.endpoints, service.versions, service.discovery)
    is_inside = not any(places) and not is_unsound(*places)
    check_health(document, (*where, "health"), service.health, is_inside=is_inside)
    if service.protocol == HTTP2:
        _only_http2(document, where, service, is_inside=is_inside)
    if service.websocket is not None and not is_unsound(service.websocket):
        service.websocket.check(document, (*where, "websocket"), service.protocol, is_inside=is_inside)
    check_broker(document, where, service)
    check_admission(document, (*where, "admission"), service.admission)
    count = 0 if is_unsound(service.endpoints) or service.discovery is not None else len(service.endpoints)
    check_hedge(document, (*where, "hedge"), service.hedge, count)
    check_retry(document, (*where, "retry"), service.retry)
    check_streams(document, (*where, "streams"), service.streams)
    _follow(document, config, where, service)
    if service.pool.warm > service.pool.max_connections:
        document.report((*where, "pool", "warm"), f"is more than max_connections ({service.pool.max_connections})")
    if (service.pool.max_uploads or 0) > service.pool.max_connections and service.protocol == HTTP1:
        document.report(
            (*where, "pool", "max_uploads"), f"is more than max_connections ({service.pool.max_connections})"
        )
    check_ejection(document, (*where, "ejection"), service.ejection)
    if service.credentials is not None and not is_unsound(service.credentials):
        service.credentials.check(document, (*where, "credentials"))
    if service.tls is not None:
        _service_tls(document, (*where, "tls"), service.tls)


def _follow(document: Document, config: Configuration, where: TreePath, service: Service) -> None:
    """What follows a forecast needs one."""
    if config.forecast is not None:
        return
    places = [(*where, "pool", "warm")] if service.pool.warm == AS_FORECAST else []
    admission = service.admission
    if admission is not None and not is_unsound(admission, admission.limit, admission.limit.adaptive):
        learned = admission.limit.adaptive
        if learned is not None and learned.start == AS_FORECAST:
            places.append((*where, "admission", "limit", "adaptive", "start"))
    for place in places:
        document.report(place, "there is no forecast to follow: the file needs forecast: {}")


def _only_http2(document: Document, where: TreePath, service: Service, *, is_inside: bool) -> None:
    if is_inside:
        document.report((*where, "protocol"), "is of endpoints; a service in Python is called")
    engine = service.engine
    is_there = engine is None or (not is_unsound(engine, engine.port) and engine.port is None and engine.poll)
    if service.balance == ENGINE and is_there:
        reason = (
            f"{ENGINE} asks for metrics over HTTP/1.1, and the service has protocol: h2; give engine a port of its own"
        )
        document.report((*where, "balance"), reason)
    lists = service.model_lists
    if lists is not None and not is_unsound(lists, lists.port) and lists.port is None:
        reason = "asks over HTTP/1.1, and the service has protocol: h2; give it a port of its own"
        document.report((*where, "model_lists"), reason)


def _subset(document: Document, where: TreePath, service: Service) -> None:
    each: list[Service | Version] = [service, *service.versions.values()] if not is_unsound(service.versions) else []
    if is_unsound(*each) or is_unsound(*(one.endpoints for one in each)):
        return
    endpoints = [one for part in each for one in part.endpoints]
    is_open = any(one.discovery is not None for one in each)  # whose metadata nobody knows yet
    if endpoints and not is_open and not is_unsound(*endpoints):
        check_subset(document, (*where, "subset"), service.subset, [one.metadata for one in endpoints])


def _endpoints(document: Document, where: TreePath, endpoints: Sequence[Endpoint]) -> None:
    seen: set[Address] = set()
    for place, endpoint in enumerate(endpoints):
        if not is_unsound(endpoint):
            check_metadata(document, (*where, place), endpoint.metadata)
        if is_unsound(endpoint.address):
            continue
        if endpoint.address in seen:
            document.report((*where, place), f"the endpoint {endpoint.address} is in this service already")
        seen.add(endpoint.address)


def _is_cached(config: Configuration, name: str) -> bool:
    """Whether a route that leads to the service ``name`` has a cache, or one is not known to have none."""
    return any(
        name == route.service or name in found_services(route, config) or name in [one.service for one in route.split]
        for route in config.routes  # each for each service: what most routes have none of is looked at first
        if route.cache is not None and not is_unsound(route, route.service, route.split, route.among)
    )


def _fallback(document: Document, config: Configuration, name: str, service: Service) -> None:
    if is_unsound(service, service.fallback):
        return
    where = ("services", name, "fallback")
    check_fallback(document, where, name, service.fallback, has_cache=_is_cached(config, name))
    for place, step in enumerate(service.fallback):
        if not is_unsound(step) and step.service is not None:
            check_service(document, config, (*where, place, "service"), step.service)
            other = config.services.get(step.service) if not is_unsound(step.service, config.services) else None
            if other is not None and not is_unsound(other, other.versions) and other.versions:
                reason = f"{step.service!r} has versions; only a service without any can stand in for another"
                document.report((*where, place, "service"), reason)


def _no_sockets(document: Document, where: TreePath, endpoints: Sequence[Endpoint], asking: str) -> None:
    for place, endpoint in enumerate(endpoints):
        if endpoint.address.path:
            document.report((*where, "endpoints", place), f"{asking}, and a unix socket has none")


def _service_tls(document: Document, where: TreePath, tls: ServiceTls) -> None:
    from fastgw.config.tls import authorities_problem, pair_problems

    reason = authorities_problem(tls.ca) if tls.ca else ""
    if reason:
        document.report((*where, "ca"), reason)
    if not is_unsound(tls.cert, tls.key) and bool(tls.cert) != bool(tls.key):
        document.report((*where, "cert" if tls.cert else "key"), f"needs {'key' if tls.cert else 'cert'} beside it")
    for name, reason in pair_problems(tls.cert or None, tls.key or None):
        document.report((*where, name), reason)
