"""What no single entry of a configuration shows: dangling names, entries in each other's way, files that do not load.

Works on whatever is sound (``model``), so that a typing error in one place does not hide a dangling name in another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastgw.config.by_name import check_by_name, found_services
from fastgw.config.chain_rules import check_chain
from fastgw.config.dialect_rules import check_route_dialects
from fastgw.config.grpc import shown_call
from fastgw.config.grpc_rules import check_calls_made, check_grpc
from fastgw.config.guard_rules import check_guard_sets
from fastgw.config.known import check_service
from fastgw.config.limit_rules import check_limits
from fastgw.config.listener_rules import check_listeners, listener_name
from fastgw.config.logs import check_rotations
from fastgw.config.model_rules import check_models, check_route_models
from fastgw.config.mqtt_rules import check_mqtt_route
from fastgw.config.reach import check_reach
from fastgw.config.redirects import circle
from fastgw.config.registration_rules import check_registration
from fastgw.config.reload_rules import check_rehearsal
from fastgw.config.rules import rule
from fastgw.config.schema import (
    Configuration,
    Mirror,
    Resolver,
    Route,
)
from fastgw.config.service_rules import check_whole_service
from fastgw.config.source import Document, TreePath
from fastgw.config.spec import fallback_name, mirror_name
from fastgw.config.spelling import same_fields
from fastgw.config.telemetry import check_telemetry
from fastgw.config.transformers.entry import SIDES, TransformerOptions, misfit, placed
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import shown
from fastgw.config.version_rules import has_shadow
from fastgw.core.settings import KeySetSettings, Url
from fastgw.routing import Router, RoutingError, Rule

#: What a route has one of.
ANSWERS = ("service", "split", "reply", "redirect", "files", "adapter", "models")


def check(document: Document, config: Configuration) -> None:
    """Report to ``document`` everything that is wrong between the entries of ``config``, of which any may be unsound."""
    _resolver(document, config.resolver)
    check_telemetry(document, config.telemetry)
    check_listeners(document, config)
    check_chain(document, config, ("chain",), config.chain)
    for place, route in enumerate(config.routes):
        _route(document, config, ("routes", place), route)
    _routing(document, config)
    check_models(document, config)
    check_limits(document, config, route_name)
    check_guard_sets(document, config, route_name)
    for name, service in config.services.items():
        check_whole_service(document, config, name, service)
    for name, one in config.filters.items():
        one.check(document, ("filters", name))
    check_rotations(document, config.filters)
    _key_sets(document, config)
    check_registration(document, config)
    names = [listener_name(place, one) for place, one in enumerate(config.listeners)]
    for name, requests in config.mqtt.items():
        if not is_unsound(requests):
            requests.check(document, ("mqtt", name), names)
    check_reach(document, config)
    check_rehearsal(document, config)


def _key_sets(document: Document, config: Configuration) -> None:
    """What is fetched from one URL is fetched in one way."""
    found: dict[Url, tuple[str, KeySetSettings]] = {}
    for name, one in config.filters.items():
        for key_set in () if is_unsound(one) else one.key_sets():
            first, settings = found.setdefault(key_set.url._replace(ca=""), (name, key_set))
            if settings != key_set:
                where = ("filters", name, "keys")
                document.report(where, f"the same url has another refresh, stale, timeout or ca in filters.{first}")


def route_name(route: Route) -> str:
    """Its name, or its conditions: ``GET,POST api.example /v1/* x-canary=1``."""
    if route.name:
        return route.name
    if route.grpc is not None and not is_unsound(route.grpc) and route.grpc.service:
        return " ".join(part for part in (route.host, shown_call(route.grpc)) if part)
    headers = [f"{name}={value}" for name, value in route.headers.items()]
    return " ".join(part for part in (",".join(route.methods), route.host, route.path, *headers) if part)


def rules(routes: Mapping[int, Route]) -> list[Rule[int]]:
    """The routing table of ``routes``; the payload is the place in the file."""
    return [rule(route_name(one), one, place) for place, one in routes.items()]


def _resolver(document: Document, resolver: Resolver) -> None:
    if resolver.max_interval < resolver.min_interval:
        reason = f"is less than min_interval ({resolver.min_interval:g} s)"
        document.report(("resolver", "max_interval"), reason)


def _route(document: Document, config: Configuration, where: TreePath, route: Route) -> None:
    check_chain(document, config, (*where, "filters"), route.filters)
    _transformers(document, (*where, "transformers"), route)
    given = [key for key in ANSWERS if getattr(route, key)]
    if all(is_missing(getattr(route, key)) for key in ANSWERS):
        document.report(where, f"answers nothing: give it one of {', '.join(ANSWERS)}")
    for key in given[1:] if not route.models else ():
        document.report((*where, key), f"stands beside {given[0]}; give one of them")
    check_route_models(document, config, where, route)
    _own_answer(document, where, route)
    check_route_dialects(document, config, where, route)
    is_copied = route.mirror is not None or has_shadow(config, route)
    check_calls_made(document, where, route, is_copied=is_copied)
    if route.sticky and is_missing(route.split) and not is_copied:
        document.report((*where, "sticky"), "has no effect without split, mirror or a service with a shadow")
    if route.service is not None and not route.parameter:
        check_service(document, config, (*where, "service"), route.service)
    check_by_name(document, config, where, route)
    same_fields(document, (*where, "headers"))
    check_grpc(document, where, route)
    check_mqtt_route(document, config, where, route)
    if route.websocket is not None and not is_unsound(route.websocket):
        route.websocket.check(document, (*where, "websocket"))
        if not is_unsound(route.upgrades) and "websocket" not in route.upgrades:
            document.report((*where, "websocket"), "has no effect: websocket is not among upgrades", at_key=True)
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
            if first is not None and first.is_last and not reason:
                reason = f"stands behind {first.name!r}, which speaks for the service: that is the last"
            if reason:
                document.report(place, f"{shown(one.name)} {reason}")
            if any(getattr(route, key) is not None for key in ("reply", "redirect", "files", "adapter")):
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
    if route.adapter is not None and not is_unsound(route.adapter):
        route.adapter.check(document, (*where, "adapter"), route)


def _mirror(document: Document, config: Configuration, where: TreePath, route: Route, mirror: Mirror) -> None:
    if is_unsound(mirror, mirror.service):
        return
    check_service(document, config, (*where, "service"), mirror.service)
    if has_shadow(config, route):
        document.report(where, "a service of this route has a shadow already; a request is copied once", at_key=True)
    if mirror.service in (route.service, *found_services(route, config), *(share.service for share in route.split)):
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
