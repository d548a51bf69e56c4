"""What is wrong between the dialect of a service and its other keys, those that stand in for it, and routes that lead to it."""

from __future__ import annotations

from typing import Final

from fastgw.config.by_name import found_services
from fastgw.config.dialect import Dialect
from fastgw.config.schema import Configuration, Route, Service
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound

#: Options, and the dialect that each is of.
_OF: Final = {"max_tokens": "anthropic", "max_tokens_as": "openai"}


def check_dialect(document: Document, config: Configuration, name: str, service: Service) -> None:
    """Report what is wrong with the dialect of the service ``name``."""
    if is_unsound(service, service.dialect):
        return
    dialect, where = service.dialect, ("services", name, "dialect")
    if dialect is not None and not is_unsound(dialect.name):
        for key, owner in _OF.items():
            if (
                dialect.name != owner
                and isinstance(document.at(where), dict)
                and document.at((*where, key)) is not None
            ):
                document.report((*where, key), f"is of {owner}, and this is {dialect.name}", at_key=True)
    if is_unsound(service.fallback):
        return
    for place, step in enumerate(service.fallback):
        if not is_unsound(step, step.service) and step.service is not None:
            reason = _stand_in_problem(config, name, step.service)
            if reason:
                document.report(("services", name, "fallback", place, "service"), reason)


def _stand_in_problem(config: Configuration, name: str, other: str) -> str:
    """Why the service ``other`` cannot be asked what was translated for ``name``; empty: it can, or one of them is unsound."""
    first, second = _spoken(config, name), _spoken(config, other)
    if first is None or second is None or first == second:
        return ""
    return (
        f"{other!r} speaks {second or 'what nobody says'} and {name!r} {first or 'what nobody says'}: give both one "
        "dialect, as a request that is sent again is not translated again"
    )


def _spoken(config: Configuration, name: str) -> str | None:
    """The dialect of a service; empty: it says none; None: nobody knows."""
    service = None if is_unsound(config.services) else config.services.get(name)
    if service is None or is_unsound(service, service.dialect):
        return None
    dialect: Dialect | None = service.dialect
    if dialect is None:
        return ""
    return None if is_unsound(dialect.name) else dialect.name


def speaks(config: Configuration, route: Route) -> bool:
    """Whether ``route`` leads to a service that has a dialect."""
    if is_unsound(route.split, route.service, config.services):
        return False
    names = (route.service, *found_services(route, config), *(share.service for share in route.split))
    return any(isinstance(one, str) and _spoken(config, one) for one in names)


def check_route_dialects(document: Document, config: Configuration, where: TreePath, route: Route) -> None:
    """Report what cannot work where requests of ``route`` are translated."""
    if route.models is not None or not speaks(config, route):  # of models it is told elsewhere
        return
    if not is_unsound(route.body_buffer) and route.body_buffer == 0:
        reason = "says that the service reads bodies as they come, and its dialect takes them whole"
        document.report((*where, "body_buffer"), reason)
    cache = route.cache
    if cache is not None and not is_unsound(cache, cache.methods, *cache.methods) and "POST" in cache.methods:
        reason = "has POST: answers are kept as the service gives them, and its dialect is not that of every client"
        document.report((*where, "cache", "methods"), reason)
