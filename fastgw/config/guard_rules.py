"""What is wrong between keys that are for a set of rules, and the filters ``guardrails`` behind those that know them."""

from __future__ import annotations

from collections.abc import Callable

from fastgw.config.chains import links
from fastgw.config.filters.api_key import ApiKeys
from fastgw.config.filters.guardrails import Guardrails
from fastgw.config.limit_rules import sound_routes
from fastgw.config.schema import Configuration, Route
from fastgw.config.source import Document
from fastgw.config.unsound import is_unsound


def check_guard_sets(document: Document, config: Configuration, name_of: Callable[[Route], str]) -> None:
    """Warn of keys whose rules nobody behind knows; of each filter once.  ``name_of``: a route."""
    if is_unsound(config.filters, config.chain, config.routes, config.listeners):
        return
    for name, entry in config.filters.items():
        if isinstance(entry, ApiKeys) and not is_unsound(entry) and not is_unsound(entry.file):
            said = _problem(config, name, entry, name_of)
            if said:
                document.warn(("filters", name, "file"), said)


def _problem(config: Configuration, name: str, entry: ApiKeys, name_of: Callable[[Route], str]) -> str:
    ruled = [one for one in entry.known() if one.guardrails]
    for listener, route in sound_routes(config) if ruled else ():
        chain = [link.name for link in links(config, listener, route)]  # type: ignore[arg-type]  # as the file has it, too
        if name not in chain:
            continue
        behind = [config.filters.get(one) for one in chain[chain.index(name) + 1 :]]
        rails = [
            one for one in behind if isinstance(one, Guardrails) and not is_unsound(one) and not is_unsound(one.sets)
        ]
        for key in ruled:
            where = f"in the chain of the route {name_of(route)!r}"
            if not rails:
                return f"the key {key.name!r} is for the rules {key.guardrails!r}, and no filter of type guardrails is behind it {where}"
            if any(key.guardrails not in one.sets for one in rails):
                return f"the key {key.name!r} is for the rules {key.guardrails!r}, which the filter guardrails {where} does not have: 403"
    return ""
