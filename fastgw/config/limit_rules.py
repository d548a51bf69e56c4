"""What is wrong between filters of type ``token_limit`` and those that meter: who limits what is used has it metered behind it; and between
keys with limits of models and filters that hold them to those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fastgw.config.chains import links
from fastgw.config.filters import BUILT_IN_FILTERS, FILTERS
from fastgw.config.filters.api_key import ApiKeys
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.token_limit import TokenLimit
from fastgw.config.filters.usage import Usage
from fastgw.config.limit_entries import ModelLimit
from fastgw.config.schema import Configuration, Route
from fastgw.config.source import Document
from fastgw.config.unsound import is_unsound
from fastgw.filters.token_rates import COST, REQUESTS


def check_limits(document: Document, config: Configuration, name_of: Callable[[Route], str]) -> None:
    """Report filters that limit what nobody behind them meters; each once, by the first route where that is so.  ``name_of``: a route."""
    if is_unsound(config.filters, config.chain, config.routes, config.listeners):
        return
    for name, entry in config.filters.items():
        if isinstance(entry, ApiKeys) and not is_unsound(entry) and not is_unsound(entry.file):
            _keys(document, config, name, entry, name_of)
    limiting = {
        name: one for name, one in config.filters.items() if isinstance(one, TokenLimit) and not is_unsound(one)
    }
    of_models = _of_models(document, config, limiting, name_of)
    for name, one in limiting.items():
        if not is_unsound(one.limits) and not one.limits and not of_models:
            document.report(("filters", name, "limits"), "there are none, and no model has some: it limits nothing")
        limits = [] if is_unsound(one.limits) else [limit for limit in one.limits if not is_unsound(limit)]
        units = {limit.unit for limit in (*limits, *of_models) if limit.rate is not None}
        if units <= {REQUESTS}:
            continue
        problem = _problem(config, name, units, name_of)
        if problem:
            document.report(("filters", name), problem, at_key=True)


def _keys(
    document: Document, config: Configuration, name: str, entry: ApiKeys, name_of: Callable[[Route], str]
) -> None:
    """Warn where a key of ``entry``, the filter ``name``, has limits of models, and nobody behind it holds it to them."""
    limited = next((one for one in entry.known() if one.of_models), None)
    if limited is None:
        return
    for listener, route in sound_routes(config):
        chain = [link.name for link in _links(config, listener, route)]
        if name in chain and not any(
            isinstance(_entry(config, one), TokenLimit) for one in chain[chain.index(name) + 1 :]
        ):
            said = (
                f"the key {limited.name!r} has a limit of {limited.of_models[0][0]!r}, and no filter of type token_limit behind "
                f"it in the chain of the route {name_of(route)!r} holds it to that"
            )
            document.warn(("filters", name, "file"), said)
            return


def _of_models(
    document: Document, config: Configuration, limiting: Mapping[str, TokenLimit], name_of: Callable[[Route], str]
) -> list[ModelLimit]:
    """The limits of models; report those that nobody keeps on a route to their model."""
    if is_unsound(config.models):
        return []
    found = []
    for name, entry in config.models.items():
        if is_unsound(entry) or is_unsound(entry.limits) or not entry.limits:
            continue
        found += [one for one in entry.limits if not is_unsound(one)]
        for listener, route in sound_routes(config):
            chain = [link.name for link in _links(config, listener, route)]
            if _leads_to(config, route, name) and not any(one in limiting for one in chain):
                said = (
                    f"nobody keeps them on the route {name_of(route)!r}: name a filter of type token_limit in its chain"
                )
                document.report(("models", name, "limits"), said, at_key=True)
                break
    return found


def _leads_to(config: Configuration, route: Route, model: str) -> bool:
    """Whether requests of ``route`` may ask for ``model``, by whatever name."""
    if route.models is None or is_unsound(route.models):
        return False
    names = route.models.only or list(config.models)
    return any(not is_unsound(one) and one in config.models and _meant(config, one) == model for one in names)


def _meant(config: Configuration, name: str) -> str:
    """The model that ``name`` is another name of; of what goes in circles any."""
    for _ in range(len(config.models)):
        entry = config.models.get(name)
        if entry is None or is_unsound(entry) or is_unsound(entry.alias_of) or entry.alias_of is None:
            break
        name = entry.alias_of
    return name


def sound_routes(config: Configuration) -> Iterator[tuple[Any, Route]]:
    """Each listener with each route, those left out that are wrong by themselves."""
    for listener in config.listeners:
        for route in config.routes:
            if not (
                is_unsound(listener, route) or is_unsound(listener.filters, listener.before_routing, route.filters)
            ):
                yield listener, route


def _problem(config: Configuration, name: str, units: set[Any], name_of: Callable[[Route], str]) -> str:
    for listener, route in sound_routes(config):
        chain = [link.name for link in _links(config, listener, route)]
        if name not in chain:
            continue
        behind = [_entry(config, one) for one in chain[chain.index(name) + 1 :]]
        meters = [one for one in behind if isinstance(one, Usage)]
        if not meters:
            return (
                f"nobody behind it in the chain of the route {name_of(route)!r} meters what is used: name a filter of type "
                "usage there"
            )
        if COST in units and not is_unsound(meters[0].prices) and not meters[0].prices:
            return f"limits the cost, and the filter usage behind it (route {name_of(route)!r}) has no prices"
    return ""


_links: Final[Any] = links  #: it takes a configuration as the file has it, too


def _entry(config: Configuration, name: str) -> FilterOptions | None:
    found: Any = config.filters.get(name)
    if found is None and name in BUILT_IN_FILTERS:
        found = FILTERS[name].model_validate({"type": name})
    return found  # type: ignore[no-any-return]
