"""Routes whose service a parameter of the path names: which services that can be, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from fastgw.config.known import check_service
from fastgw.config.schema import Configuration, Route
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound
from fastgw.routing.pattern import parse_path


def named_services(route: Route, config: Configuration) -> Sequence[str]:
    """The services that the parameter of ``route`` can name; none where another way leads to its service.

    Code in this process is there to be asked for; servers elsewhere are behind a name only where ``among`` says so.
    """
    if not route.parameter:
        return ()
    if route.among:
        return route.among
    return [
        name for name, one in config.services.items() if not is_unsound(one) and not is_unsound(one.kind) and one.kind
    ]


def found_services(route: Route, config: Configuration) -> Sequence[str]:
    """The services that requests of ``route`` come to by what they name: a parameter of the path, or a model."""
    if route.models is None or is_unsound(route.models, route.models.only, config.models):
        return named_services(route, config)
    entries = [one for name, one in config.models.items() if not route.models.only or name in route.models.only]
    sound = [one for one in entries if not is_unsound(one)]
    found = [*(one.service for one in sound), *(part.service for one in sound for part in one.split)]
    return [name for name in found if name and not is_unsound(name)]


def check_by_name(document: Document, config: Configuration, where: TreePath, route: Route) -> None:
    """Report a parameter that the path does not have, or that can name nothing, and names that no service has."""
    if is_unsound(route.service):
        return
    if not route.parameter:
        if route.among:
            document.report((*where, "among"), "has no effect without service: '{parameter}'", at_key=True)
        return
    for place, name in enumerate(route.among):
        check_service(document, config, (*where, "among", place), name)
    if not is_unsound(route.path):
        names = ["{" + name + "}" for _, name in parse_path(route.path).names]
        if route.service not in names:
            document.report(
                (*where, "service"), f"the path has no parameter {route.service}; it has {', '.join(names) or 'none'}"
            )
    if not is_unsound(config.services) and not named_services(route, config):
        reason = "can name nothing: no service is code in this process; list names of others in among"
        document.report((*where, "service"), f"{route.service} {reason}")
