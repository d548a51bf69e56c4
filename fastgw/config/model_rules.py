"""What can be wrong with models and with the routes that lead to them."""

from __future__ import annotations

from typing import Final

from fastgw.config.known import check_service, said
from fastgw.config.limit_entries import check_entries
from fastgw.config.models import ModelEntry
from fastgw.config.schema import Configuration, Route
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.routing.by_model import STAR

_PLACES: Final = ("service", "split", "alias_of")  #: what a model has one of
_NOT_OF_ALIASES: Final = ("as", "fallback", "fallback_on", "limits")
_NOT_BESIDE: Final = (
    "split",
    "reply",
    "redirect",
    "files",
    "adapter",
    "among",
)  #: keys of a route that models cannot stand beside


def check_models(document: Document, config: Configuration) -> None:
    """Report everything that is wrong between the models of ``config`` and its services."""
    if is_unsound(config.models):
        return
    for name, entry in config.models.items():
        if not is_unsound(entry):
            _entry(document, config, ("models", name), name, entry)


def check_route_models(document: Document, config: Configuration, where: TreePath, route: Route) -> None:
    """Report what is wrong with the models that ``route`` leads to."""
    if route.models is None or is_unsound(route.models):
        return
    at = (*where, "models")
    for key in _NOT_BESIDE:
        if getattr(route, key):
            document.report(
                (*where, key), "stands beside models; only service can, for what asks for no model", at_key=True
            )
    if route.parameter:
        document.report((*where, "service"), "stands beside models, and names no service itself")
    if route.body_buffer == 0:
        document.report(at, "takes bodies whole, and body_buffer: 0 says that the service reads them as they come")
    if is_unsound(config.models):
        return
    if is_missing(config.models):
        document.report(at, "leads to no model: there is nothing in models")
    is_short = isinstance(document.at(at), list)
    for place, name in enumerate(route.models.only):
        if not is_unsound(name) and name not in config.models:
            here: TreePath = (*at, place) if is_short else (*at, "only", place)
            document.report(here, f"no model named {said(document, here, name, config.models)}")


def _entry(document: Document, config: Configuration, where: TreePath, name: str, entry: ModelEntry) -> None:
    given = [key for key in _PLACES if getattr(entry, key)]
    if all(is_missing(getattr(entry, key)) for key in _PLACES):
        document.report(where, f"is nowhere: give it one of {', '.join(_PLACES)}")
    for key in given[1:]:
        document.report((*where, key), f"stands beside {given[0]}; give one of them")
    if entry.service is not None:
        check_service(document, config, (*where, "service"), entry.service)
    _as(document, (*where, "as"), name, getattr(entry, "as"))
    _split(document, config, (*where, "split"), name, entry)
    if not is_unsound(entry.limits):
        check_entries(document, (*where, "limits"), [*entry.limits], None, is_shared=False)
    if entry.alias_of is not None and not is_unsound(entry.alias_of):
        _alias(document, config, where, name, entry)
    elif not is_unsound(entry.fallback):
        _fallback(document, config, (*where, "fallback"), name, entry)


def _as(document: Document, where: TreePath, name: str, sent_as: str | None) -> None:
    if sent_as is not None and not is_unsound(sent_as) and STAR in sent_as and STAR not in name:
        document.report(where, f"has a {STAR!r}, and {name!r} has none that it could stand for")


def _split(document: Document, config: Configuration, where: TreePath, name: str, entry: ModelEntry) -> None:
    for place, share in enumerate(entry.split):
        if not is_unsound(share):
            check_service(document, config, (*where, place, "service"), share.service)
            _as(document, (*where, place, "as"), name, getattr(share, "as"))
    weights = [share.weight for share in entry.split]
    if weights and not is_unsound(*entry.split, *weights) and not any(weights):
        document.report(where, "no part has a weight above 0")
    if weights and getattr(entry, "as"):
        document.report((*where[:-1], "as"), "stands beside split; each part has its own", at_key=True)


def _alias(document: Document, config: Configuration, where: TreePath, name: str, entry: ModelEntry) -> None:
    for key in _NOT_OF_ALIASES:
        if document.at((*where, key)) is not None:
            document.report((*where, key), "has no effect beside alias_of: all is as that model has it", at_key=True)
    at = (*where, "alias_of") if isinstance(document.at(where), dict) else where
    meant = entry.alias_of
    assert meant is not None
    if meant not in config.models:
        document.report(at, f"no model named {said(document, at, meant, config.models)}")
    elif STAR in meant:
        document.report(at, f"{meant!r} is a pattern, and no name that could be sent")
    elif _goes_in_circles(config, name):
        document.report(at, "leads back to itself")


def _goes_in_circles(config: Configuration, name: str) -> bool:
    seen = {name}
    following: str | None = name
    while following is not None:
        entry = config.models.get(following)
        following = None if entry is None or is_unsound(entry) or is_unsound(entry.alias_of) else entry.alias_of
        if following in seen:
            return True
        seen.add(following or "")
    return False


def _fallback(document: Document, config: Configuration, where: TreePath, name: str, entry: ModelEntry) -> None:
    if not entry.fallback and document.at((*where[:-1], "fallback_on")) is not None:
        document.report((*where[:-1], "fallback_on"), "has no effect without fallback", at_key=True)
    if entry.fallback and not is_unsound(entry.fallback_on) and not entry.fallback_on:
        document.report((*where[:-1], "fallback_on"), "is empty, so no other model is ever asked")
    for place, other in enumerate(entry.fallback):
        if is_unsound(other):
            continue
        reason = _misfit(document, config, (*where, place), name, other)
        if reason:
            document.report((*where, place), reason)


def _misfit(document: Document, config: Configuration, at: TreePath, name: str, other: str) -> str:
    """Why ``other`` cannot answer in the place of ``name``; empty: it can, or something else is wrong that is told elsewhere."""
    if other not in config.models:
        return f"no model named {said(document, at, other, config.models)}"
    if other == name:
        return f"{name!r} cannot stand in for itself: another try is what the retry of its service is for"
    if STAR in other:
        return f"{other!r} is a pattern, and no name that could be sent"
    if _goes_in_circles(config, other):
        return ""
    entry = config.models[other]
    while not is_unsound(entry, entry.alias_of) and entry.alias_of is not None:
        found = config.models.get(entry.alias_of)
        if found is None:
            return ""
        entry = found
    if is_unsound(entry, entry.split, entry.service):
        return ""
    if entry.split:
        return f"{other!r} is at several services; only a model of one service can stand in for another"
    service = config.services.get(entry.service or "") if not is_unsound(config.services) else None
    if service is not None and not is_unsound(service, service.versions) and service.versions:
        return f"the service of {other!r} has versions; only one without any can stand in for another"
    return ""
