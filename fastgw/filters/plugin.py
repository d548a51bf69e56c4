"""Filters and transformers of other packages, made in a worker by what the configuration calls them.

    class Mark:
        @dataclass
        class Options:
            level: int = 1

        def __init__(self, name: str, options: Options) -> None: ...

Any hook of ``core.exchange.filter`` makes it a filter; ``Options`` says what its other keys may be (``fastgw.plugins``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from fastgw import plugins
from fastgw.core.exchange.filter import Filter
from fastgw.core.snapshot.chain import HOOKS


def found_by(reference: str, group: str, folder: str) -> type:
    """The class that ``reference`` names; ``folder``: of the configuration.

    Raises:
        PluginError: it cannot be imported, or is no filter.
    """
    plugins.look_in(folder)
    kind = plugins.find(reference, group)
    if not isinstance(kind, type):
        raise plugins.PluginError(f"{kind!r} is no class")
    if not any(callable(getattr(kind, hook, None)) for hook in HOOKS):
        raise plugins.PluginError(f"{kind.__qualname__} is no filter: it has none of the hooks {', '.join(HOOKS)}")
    return kind


def plugin(name: str, options: Mapping[str, Any]) -> Filter:
    """The filter ``name``; ``options``: ``reference``, ``group`` and ``folder`` as above, and ``options``, its own, as JSON.

    Raises:
        OSError: it cannot be used; the message says which, and why.
    """
    try:
        kind = found_by(options["reference"], options["group"], options["folder"])
        own = plugins.options_of(kind, orjson.loads(options["options"]))
        return _made(kind, name, own)
    except plugins.PluginError as error:
        called = "" if options["reference"] == name else f" ({options['reference']})"
        raise OSError(f"the filter {name!r}{called}: {error}") from error


def _made(kind: type, name: str, options: Any) -> Filter:
    try:
        made: Filter = kind(name, options)
    except (Exception, SystemExit) as error:
        raise plugins.PluginError(f"{kind.__qualname__} cannot be made: {plugins.said(error)}") from error
    if getattr(made, "name", None) != name:
        raise plugins.PluginError(
            f"{kind.__qualname__} does not keep its name: its __init__ has to set self.name = name"
        )
    return made


def needs_a_route(kind: type) -> str:
    """Why a filter of this class cannot run before a route is looked for; empty: it can."""
    if getattr(kind, "runs_before_routing", False):
        return ""
    return f"{kind.__qualname__} does not say runs_before_routing = True"
