"""Read a configuration file: the only way in.  Everything wrong with it is told at once, each thing with its line.

    file:line:column: path.to.key: what is wrong; did you mean 'x'?

Stages: text -> tree (``source``) -> models (``schema``) -> references (``check``) -> specification (``build``).
A stage that finds problems does not keep the next ones from looking at what is sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from fastgw.config.build import build
from fastgw.config.check import Parts, check
from fastgw.config.explain import translate
from fastgw.config.schema import FILTERS, Gateway, Listener, Model, Route, Service
from fastgw.config.source import Document, Problem
from fastgw.config.spec import GatewaySpec
from fastgw.errors import ConfigError

MOST_PROBLEMS: Final = 100  #: told at once; what is behind them follows from them as a rule


def load(path: Path | str, environ: Mapping[str, str]) -> GatewaySpec:
    """The configuration in ``path``, with ``${NAME}`` taken from ``environ``.

    Raises:
        ConfigError: it cannot be used; ``problems`` has every reason, sorted by line.
    """
    spec, problems = inspect(path, environ)
    if spec is None:
        raise ConfigError([str(problem) for problem in problems])
    return spec


def inspect(path: Path | str, environ: Mapping[str, str]) -> tuple[GatewaySpec | None, list[Problem]]:
    """What ``load`` does, with the problems as data.  Exactly one of the two is there."""
    path = Path(path)
    document = Document(str(path), environ)
    document.read(path)
    if document.tree is None:
        return None, _sorted(document)
    context = {"base": str(path.absolute().parent)}
    gateway: Gateway | None = None
    try:
        gateway = Gateway.model_validate(document.tree, context=context)
    except ValidationError as error:
        translate(document, error)
    parts = _parts(gateway) if gateway is not None else _sound_parts(document.tree, context)
    check(document, parts)
    if gateway is None or document.problems:
        return None, _sorted(document)
    return build(gateway, str(path.absolute())), []


def _parts(gateway: Gateway) -> Parts:
    return Parts(
        admin=gateway.admin.address if gateway.admin is not None else None,
        listeners=dict(enumerate(gateway.listeners)),
        routes=dict(enumerate(gateway.routes)),
        services=gateway.services,
        service_names=tuple(gateway.services),
        filter_names=tuple(gateway.filters),
        filters=dict(gateway.filters),
    )


def _sound_parts(tree: Any, context: dict[str, str]) -> Parts:
    """Those entries of a refused file that are sound by themselves, so that their references are looked at too."""
    if not isinstance(tree, dict):
        return Parts()
    services, filters = tree.get("services"), tree.get("filters")
    return Parts(
        listeners=_sound(Listener, _numbered(tree.get("listeners")), context),
        routes=_sound(Route, _numbered(tree.get("routes")), context),
        services=_sound(Service, services if isinstance(services, dict) else {}, context),
        service_names=_names(services),
        filter_names=_names(filters),
        filters=_sound_filters(filters if isinstance(filters, dict) else {}, context),
    )


def _names(section: Any) -> tuple[str, ...] | None:
    """The keys of a section, () when it is not there, None when it is something else and nothing can be said."""
    return () if section is None else tuple(section) if isinstance(section, dict) else None


def _numbered(section: Any) -> dict[int, Any]:
    return dict(enumerate(section)) if isinstance(section, list) else {}


def _sound(model: Any, entries: dict[Any, Any], context: dict[str, str]) -> dict[Any, Any]:
    found = {}
    for place, entry in entries.items():
        try:
            found[place] = model.model_validate(entry, context=context)
        except ValidationError:
            continue  # already told
    return found


def _sound_filters(entries: dict[str, Any], context: dict[str, str]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for name, entry in entries.items():
        kind = entry.get("type") if isinstance(entry, dict) else None
        if isinstance(kind, str) and kind in FILTERS:
            found |= _sound(FILTERS[kind], {name: entry}, context)
    return found


def _sorted(document: Document) -> list[Problem]:
    problems = sorted(set(document.problems))
    kept = problems[:MOST_PROBLEMS]
    left = len(problems) - len(kept) + document.untold
    if left:
        kept.append(Problem(0, 0, "", f"{left} more problems are not shown", document.file))
    return kept
