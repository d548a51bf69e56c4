"""What no single entry of a configuration shows: dangling names, entries in each other's way, files that do not load.

Works on whatever is sound (``model``), so that a typing error in one place does not hide a dangling name in another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastgw.config.admission import check_admission
from fastgw.config.balance import ENGINE
from fastgw.config.bound import Bound, ListenerTls
from fastgw.config.breaker import check_breaker
from fastgw.config.by_name import check_by_name, named_services
from fastgw.config.discovery import check_discovery
from fastgw.config.ejection import check_ejection
from fastgw.config.fallback import check_fallback
from fastgw.config.filters import BUILT_IN_FILTERS, FILTERS
from fastgw.config.health import check_health
from fastgw.config.hedges import check_hedge
from fastgw.config.known import check_service, said
from fastgw.config.logs import check_rotations
from fastgw.config.places import known_places, shared_keys
from fastgw.config.reach import check_reach
from fastgw.config.redirects import circle
from fastgw.config.retries import check_retry
from fastgw.config.rules import rule
from fastgw.config.schema import (
    Configuration,
    Endpoint,
    Listener,
    Mirror,
    Resolver,
    Route,
    Service,
    ServiceTls,
    Version,
)
from fastgw.config.source import Document, TreePath
from fastgw.config.spec import fallback_name, mirror_name
from fastgw.config.spelling import same_fields
from fastgw.config.subset import check_metadata, check_subset
from fastgw.config.telemetry import check_telemetry
from fastgw.config.transformers.entry import SIDES, TransformerOptions, misfit, placed
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import Expanded, shown
from fastgw.config.version_rules import check_versions, has_shadow, parts
from fastgw.core.settings import Address, KeySetSettings, Url
from fastgw.routing import Router, RoutingError, Rule

#: What a route has one of.
ANSWERS = ("service", "split", "reply", "redirect", "files")


def check(document: Document, config: Configuration) -> None:
    """Report to ``document`` everything that is wrong between the entries of ``config``, of which any may be unsound."""
    _resolver(document, config.resolver)
    check_telemetry(document, config.telemetry)
    _listeners(document, config)
    _chain(document, config, ("chain",), config.chain)
    for place, listener in enumerate(config.listeners):
        _listener(document, config, ("listeners", place), listener)
    for place, route in enumerate(config.routes):
        _route(document, config, ("routes", place), route)
    _routing(document, config)
    for name, service in config.services.items():
        _service(document, ("services", name), service)
        for where, part in parts(name, service):
            _endpoints(document, (*where, "endpoints"), part.endpoints)
            check_discovery(document, (*where, "discovery"), part.discovery)
        _fallback(document, config, name, service)
    for name, one in config.filters.items():
        one.check(document, ("filters", name))
    check_rotations(document, config.filters)
    _key_sets(document, config)
    check_reach(document, config)


def _key_sets(document: Document, config: Configuration) -> None:
    """What is fetched from one URL is fetched in one way."""
    found: dict[Url, tuple[str, KeySetSettings]] = {}
    for name, one in config.filters.items():
        for key_set in () if is_unsound(one) else one.key_sets():
            first, settings = found.setdefault(key_set.url._replace(ca=""), (name, key_set))
            if settings != key_set:
                where = ("filters", name, "keys")
                document.report(where, f"the same url has another refresh, stale, timeout or ca in filters.{first}")


def listener_name(place: int, listener: Listener) -> str:
    """Its name, or the one it has by its place in the file."""
    return listener.name or f"listener-{place + 1}"


def route_name(route: Route) -> str:
    """Its name, or its conditions: ``GET,POST api.example /v1/* x-canary=1``."""
    if route.name:
        return route.name
    headers = [f"{name}={value}" for name, value in route.headers.items()]
    return " ".join(part for part in (",".join(route.methods), route.host, route.path, *headers) if part)


def rules(routes: Mapping[int, Route]) -> list[Rule[int]]:
    """The routing table of ``routes``; the payload is the place in the file."""
    return [rule(route_name(one), one, place) for place, one in routes.items()]


def _resolver(document: Document, resolver: Resolver) -> None:
    if resolver.max_interval < resolver.min_interval:
        reason = f"is less than min_interval ({resolver.min_interval:g} s)"
        document.report(("resolver", "max_interval"), reason)


def _listeners(document: Document, config: Configuration) -> None:
    names: dict[str, int] = {}
    taken: dict[Address, str] = {}
    if config.admin is not None:
        _bound(document, ("admin",), config.admin, "admin", taken)
        config.admin.check(document, ("admin",))
        if config.admin.tls is not None:
            _listener_tls(document, ("admin", "tls"), config.admin.tls)
    for place, listener in enumerate(config.listeners):
        where: TreePath = ("listeners", place)
        name = listener_name(place, listener)
        if not is_unsound(listener.name) and name in names:
            document.report((*where, "name"), f"the name {name!r} belongs to listeners[{names[name]}] already")
        names.setdefault(name, place)
        _bound(document, where, listener, f"listeners[{place}]", taken)


def _bound(document: Document, where: TreePath, entry: Bound, owner: str, taken: dict[Address, str]) -> None:
    """``entry``, a listener or admin, has an address that nobody in ``taken`` has, and what it says of it means something."""
    address = entry.address
    if is_unsound(address):
        return
    if entry.ipv6_only is False and address.host != "::":
        document.report((*where, "ipv6_only"), f"has no effect with {address}: only [::] can take IPv4 too")
    for key in ("mode", "owner"):
        if not address.path and not is_unsound(getattr(entry, key)) and getattr(entry, key) is not None:
            document.report((*where, key), f"has no effect with {address}: it is of unix sockets")
    if not address.path and not address.port:
        return  # any free one
    for place in known_places(address, ipv6_only=entry.ipv6_only is not False):
        for shared in shared_keys(place):
            other = taken.setdefault(shared, owner)
            if other != owner:
                is_written = address in (place, shared)
                meant = f"the address {address}" if is_written else f"{address} takes {shared}, which"
                document.report((*where, "address"), f"{meant} is that of {other} already")
                return


def _listener(document: Document, config: Configuration, where: TreePath, listener: Listener) -> None:
    _chain(document, config, (*where, "filters"), listener.filters)
    _before_routing(document, config, (*where, "before_routing"), listener.before_routing)
    limits = listener.limits
    if limits.uri_length > limits.head_size:
        document.report(
            (*where, "limits"), f"uri_length ({limits.uri_length}) is more than head_size ({limits.head_size})"
        )
    if listener.proxy_protocol_from and is_missing(listener.proxy_protocol):
        document.report((*where, "proxy_protocol_from"), "has no effect without proxy_protocol: true")
    if listener.tls is not None and listener.half_close == "answer":
        document.report((*where, "half_close"), "answer has no effect with tls: its end is the end of both sides")
    if listener.tls is not None:
        _listener_tls(document, (*where, "tls"), listener.tls)


def _listener_tls(document: Document, where: TreePath, tls: ListenerTls) -> None:
    from fastgw.config.tls import authorities_problem, pair_problems

    is_short = document.at((*where, "certificates")) is None
    for place, one in enumerate(tls.certificates):
        for name, reason in pair_problems(_known(one.cert), _known(one.key)):
            document.report((*where, name) if is_short else (*where, "certificates", place, name), reason)
    if tls.client_auth != "none" and is_missing(tls.client_ca):
        document.report((*where, "client_auth"), f"{tls.client_auth} needs client_ca")
    if tls.client_ca:
        if tls.client_auth == "none":
            document.report((*where, "client_ca"), "has no effect without client_auth: optional or required")
        reason = authorities_problem(tls.client_ca)
        if reason:
            document.report((*where, "client_ca"), reason)


def _known(path: str) -> str | None:
    return None if is_unsound(path) else path


def _chain(document: Document, config: Configuration, where: TreePath, names: Sequence[str]) -> None:
    if is_unsound(config.filters):
        return
    known = (*config.filters, *BUILT_IN_FILTERS)
    for place, name in enumerate(names):
        if is_unsound(name):
            continue
        if name not in known:
            quoted = said(document, (*where, place), name, known)
            is_type = name in FILTERS and not isinstance(document.at((*where, place)), Expanded)
            meant = "; one of that type is defined in filters first" if is_type else ""
            document.report((*where, place), f"no filter named {quoted}{meant}")
        elif name in names[:place]:
            document.report((*where, place), f"the filter {name!r} is in this chain already")


def _before_routing(document: Document, config: Configuration, where: TreePath, names: Sequence[str]) -> None:
    _chain(document, config, where, names)
    for place, name in enumerate(names):
        if is_unsound(name, config.filters):
            continue
        entry = config.filters.get(name)
        if entry is None and name in BUILT_IN_FILTERS:
            entry = FILTERS[name].model_validate({"type": name})
        if entry is None or is_unsound(entry):
            continue
        reason = entry.needs_a_route()
        if reason:
            document.report((*where, place), f"{name!r} cannot stand before routing: {reason}")


def _route(document: Document, config: Configuration, where: TreePath, route: Route) -> None:
    _chain(document, config, (*where, "filters"), route.filters)
    _transformers(document, (*where, "transformers"), route)
    given = [key for key in ANSWERS if getattr(route, key)]
    if all(is_missing(getattr(route, key)) for key in ANSWERS):
        document.report(where, f"answers nothing: give it one of {', '.join(ANSWERS)}")
    for key in given[1:]:
        document.report((*where, key), f"stands beside {given[0]}; give one of them")
    _own_answer(document, where, route)
    is_copied = route.mirror is not None or has_shadow(config, route)
    if route.sticky and is_missing(route.split) and not is_copied:
        document.report((*where, "sticky"), "has no effect without split, mirror or a service with a shadow")
    if route.service is not None and not route.parameter:
        check_service(document, config, (*where, "service"), route.service)
    check_by_name(document, config, where, route)
    same_fields(document, (*where, "headers"))
    if route.cache is not None and not is_unsound(route.cache):
        route.cache.check(document, (*where, "cache"), route)
    if route.mirror is not None:
        _mirror(document, config, (*where, "mirror"), route, route.mirror)
    seen: set[str] = set()
    for place, share in enumerate(route.split):
        check_service(document, config, (*where, "split", place, "service"), share.service)
        if not is_unsound(share.service) and share.service in seen:
            document.report(
                (*where, "split", place, "service"), f"the service {share.service!r} is in this split already"
            )
        seen.add(share.service)
    weights = [share.weight for share in route.split]
    if weights and not is_unsound(*weights) and not any(weights):
        document.report((*where, "split"), "no part has a weight above 0")


def _transformers(document: Document, where: TreePath, route: Route) -> None:
    for side in SIDES:
        before: TransformerOptions | None = None
        for place, one in placed(document, (*where, side), getattr(route.transformers, side)):
            first, before = before, None if is_unsound(one) else one
            if before is None:
                continue
            if one.sides and side not in one.sides:
                meant = "answers; it is an output" if side == "input" else "requests; it is an input"
                document.report(place, f"{shown(one.name)} is of {meant}")
                continue
            reason = misfit(first, one) if first is not None else ""
            if reason:
                document.report(place, f"{shown(one.name)} {reason}")
            if route.reply is not None or route.redirect is not None or route.files is not None:
                document.report(place, "has no effect without a service: the gateway itself answers here")
            if side == "input" and one.gathers and route.body_buffer == 0:
                reads_along = "body_buffer: 0 says that the service reads bodies as they come"
                document.report(place, f"{shown(one.name)} takes bodies whole, and {reads_along}")
            one.check(document, place)


def _own_answer(document: Document, where: TreePath, route: Route) -> None:
    if route.reply is not None:
        route.reply.check(document, (*where, "reply"))
    if route.redirect is not None:
        route.redirect.check(document, (*where, "redirect"), route.path)
    if route.files is not None:
        route.files.check(document, (*where, "files"), route.path)


def _mirror(document: Document, config: Configuration, where: TreePath, route: Route, mirror: Mirror) -> None:
    if is_unsound(mirror, mirror.service):
        return
    check_service(document, config, (*where, "service"), mirror.service)
    if has_shadow(config, route):
        document.report(where, "a service of this route has a shadow already; a request is copied once", at_key=True)
    if mirror.service in (route.service, *named_services(route, config), *(share.service for share in route.split)):
        reason = f"the route leads to {mirror.service!r} itself; its mirror must be another service"
        document.report((*where, "service"), reason)


def _routing(document: Document, config: Configuration) -> None:
    routes = {place: route for place, route in enumerate(config.routes) if _is_sound(route)}
    table = rules(routes)
    taken = {fallback_name(listener_name(place, one)): place for place, one in enumerate(config.listeners)}
    mirrors = {
        mirror_name(line.name): place
        for (place, one), line in zip(routes.items(), table, strict=True)
        if one.mirror or has_shadow(config, one)
    }
    places: dict[str, int] = {}
    for (place, route), line in zip(routes.items(), table, strict=True):
        other = places.setdefault(line.name, place)
        if other != place and (route.name or routes[other].name):
            message = (
                f"the name {line.name!r} belongs to routes[{other}] on line {document.line(('routes', other))} already"
            )
            document.report(("routes", place, "name"), message)
        if line.name in taken:
            message = f"the name {line.name!r} is what listeners[{taken[line.name]}] counts unmatched requests by"
            document.report(("routes", place, "name"), message)
        if line.name in mirrors:
            message = f"the name {line.name!r} is what copies of routes[{mirrors[line.name]}] are counted by"
            document.report(("routes", place, "name"), message)
    try:
        _redirects(document, config, Router(table))
    except RoutingError as error:
        for message, names in zip(error.problems, error.rules, strict=True):
            document.report(*_conflict(document, routes, table, names, message))


def _redirects(document: Document, config: Configuration, table: Router[int]) -> None:
    """No redirect leads back to itself."""
    for place in (line.payload for line in table.rules):
        if config.routes[place].redirect is None:
            continue
        way = circle(config, table, place)
        if not way:
            continue
        others = [f"{route_name(config.routes[one])!r} on line {document.line(('routes', one))}" for one in way[1:]]
        message = f"leads to {', then '.join(others)}, which leads back here" if others else "leads back to itself"
        document.report(("routes", place, "redirect"), f"{message}: clients would go in circles")


def _is_sound(route: Route) -> bool:
    """Is everything known that decides which requests it matches?"""
    conditions = (route.name, route.path, route.host, route.methods, *route.methods, route.headers)
    return not is_unsound(*conditions, *route.headers, *route.headers.values())


def _conflict(
    document: Document, routes: Mapping[int, Route], table: Sequence[Rule[int]], names: Sequence[str], message: str
) -> tuple[TreePath, str]:
    """The place and the words of a problem of the routing table; of two routes the later one is where it shows."""
    found = [place for place, line in zip(routes, table, strict=True) if line.name in names]
    if not found:
        return ("routes",), message
    others = sorted({document.line(("routes", place)) for place in found[:-1]})
    if others:
        message += f" (line {', '.join(map(str, others))})"
    return ("routes", found[-1]), message


def _service(document: Document, where: TreePath, service: Service) -> None:
    check_versions(document, where, service)
    service.check_balance(document, where)
    _subset(document, where, service)
    if service.balance == ENGINE:
        _no_sockets(document, where, service.endpoints)
        for name, version in service.versions.items():
            _no_sockets(document, (*where, "versions", name), version.endpoints)
    check_breaker(document, (*where, "breaker"), service.breaker)
    places = (service.endpoints, service.versions, service.discovery)
    is_inside = not any(places) and not is_unsound(*places)
    check_health(document, (*where, "health"), service.health, is_inside=is_inside)
    check_admission(document, (*where, "admission"), service.admission)
    count = 0 if is_unsound(service.endpoints) or service.discovery is not None else len(service.endpoints)
    check_hedge(document, (*where, "hedge"), service.hedge, count)
    check_retry(document, (*where, "retry"), service.retry)
    if service.pool.warm > service.pool.max_connections:
        document.report((*where, "pool", "warm"), f"is more than max_connections ({service.pool.max_connections})")
    if (service.pool.max_uploads or 0) > service.pool.max_connections:
        document.report(
            (*where, "pool", "max_uploads"), f"is more than max_connections ({service.pool.max_connections})"
        )
    check_ejection(document, (*where, "ejection"), service.ejection)
    if service.tls is not None:
        _service_tls(document, (*where, "tls"), service.tls)


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
        name == route.service or name in named_services(route, config) or name in [one.service for one in route.split]
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


def _no_sockets(document: Document, where: TreePath, endpoints: Sequence[Endpoint]) -> None:
    for place, endpoint in enumerate(endpoints):
        if endpoint.address.path:
            reason = f"balance: {ENGINE} asks for metrics, and a unix socket has none"
            document.report((*where, "endpoints", place), reason)


def _service_tls(document: Document, where: TreePath, tls: ServiceTls) -> None:
    from fastgw.config.tls import authorities_problem, pair_problems

    reason = authorities_problem(tls.ca) if tls.ca else ""
    if reason:
        document.report((*where, "ca"), reason)
    if not is_unsound(tls.cert, tls.key) and bool(tls.cert) != bool(tls.key):
        document.report((*where, "cert" if tls.cert else "key"), f"needs {'key' if tls.cert else 'cert'} beside it")
    for name, reason in pair_problems(tls.cert or None, tls.key or None):
        document.report((*where, name), reason)
