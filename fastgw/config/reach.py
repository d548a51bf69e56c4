"""What a service asks of a request, and no request that comes to it can have: a parameter that no path has, a note that no filter makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fastgw.config.by_name import found_services
from fastgw.config.filters import FILTERS
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.schema import Configuration, Route, Service
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound
from fastgw.filters.variables import Part
from fastgw.routing.pattern import parse_path

#: Types of filters that set no field of a request.
_SET_NOTHING: Final = (
    *(
        "access_log",
        "concurrency",
        "guardrails",
        "ip_rules",
        "log_body",
        "maintenance",
        "rate_limit",
        "record",
        "request_id",
        "server_timing",
        "token_limit",
        "usage",
    ),
)


def check_reach(document: Document, config: Configuration) -> None:
    """Report variables of services that are empty whatever is asked for; nothing while something is wrong that they might come from."""
    for name, service in config.services.items():
        for where, key in _keys(service):
            _check(document, config, name, ("services", name, *where), key)


def _keys(service: Service) -> Iterator[tuple[tuple[str, ...], Sequence[Part]]]:
    """What it asks of requests, and where that is written."""
    if is_unsound(service):
        return
    if service.hash is not None and not is_unsound(service.hash):
        yield ("hash", "key"), service.hash.key
    if service.subset is not None and not is_unsound(service.subset, service.subset.match):
        for name, parts in service.subset.match.items():
            yield ("subset", "match", name), parts
    if service.admission is None or is_unsound(service.admission):
        return
    priority, queue = service.admission.priority, service.admission.queue
    if priority is not None and not is_unsound(priority):
        yield ("admission", "priority", "key"), priority.key
    if queue is not None and not is_unsound(queue) and queue.key is not None:
        yield ("admission", "queue", "key"), queue.key


def _check(document: Document, config: Configuration, service: str, where: TreePath, parts: Sequence[Part]) -> None:
    routes = [one for one in config.routes if service in _services(config, one)]
    if not routes or is_unsound(parts) or any(is_unsound(one.path, one.filters, *one.filters) for one in routes):
        return
    for variable in dict.fromkeys(part for part in parts if isinstance(part, str)):
        reason = _reason(config, routes, variable)
        if reason:
            document.report(where, f"${{{variable}}} is empty for every request that comes here: {reason}")


def _services(config: Configuration, route: Route) -> Iterator[str]:
    """Where its requests may go, and copies of them."""
    if route.service:
        yield route.service
    yield from found_services(route, config)
    yield from (one.service for one in route.split)
    if route.mirror is not None:
        yield route.mirror.service


def _reason(config: Configuration, routes: Sequence[Route], variable: str) -> str:
    """Why no request of ``routes`` has it; empty: one may."""
    family, _, name = variable.partition(".")
    if family == "path":
        if any(name == one for route in routes for _, one in parse_path(route.path).names):
            return ""
        return f"no route that leads to this service has {{{name}}} in its path"
    if family == "note":
        note = name.partition(".")[0]
        if note in ("asked_model", "model") and any(one.models is not None for one in routes):
            return ""
        if any(one is None or one.notes is None or note in one.notes for one in _filters(config, routes)):
            return ""
        return f"no filter in front of this service notes {note!r}"
    if family == "header":
        dropped = [name.lower() in one.drop_headers for one in config.listeners]
        if all(dropped) and not any(_may_set(one) for one in _filters(config, routes)):
            return "drop_headers of every listener has it"
    return ""


def _may_set(one: FilterOptions | type[FilterOptions] | None) -> bool:
    """Whether it may set a field of a request."""
    return one is None or one.notes is None or one.word() not in _SET_NOTHING


def _filters(config: Configuration, routes: Sequence[Route]) -> Iterator[FilterOptions | type[FilterOptions] | None]:
    """Those that some request of ``routes`` meets; None: one that nobody knows, as it is wrong."""
    names = [*config.chain]
    for listener in config.listeners:
        names += [*listener.before_routing, *listener.filters]
    for route in routes:
        names += route.filters
    defined = {} if is_unsound(config.filters) else config.filters
    for name in names:
        found = None if is_unsound(name) else defined.get(name) or FILTERS.get(name)
        yield None if is_unsound(found) else found
