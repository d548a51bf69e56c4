"""What only the code says that a configuration names: ``fastgw check`` imports it, and nothing else but a worker does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastgw import plugins
from fastgw.config.inside import check_code
from fastgw.config.plugin import FilterPlugin, Plugin, TransformerPlugin, own_options
from fastgw.config.schema import Configuration
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import placed
from fastgw.config.unsound import is_unsound
from fastgw.config.version_rules import parts

_HOOKS = {"input": "transform_request", "output": "transform_response"}


def check_imports(document: Document, config: Configuration, folder: str) -> None:
    """Import the code that ``config`` names, in whose ``folder`` it is looked for last, and report what cannot be used."""
    check_code(document, (part for name, one in config.services.items() for part in parts(name, one)), folder)
    kinds: dict[str, type] = {}
    for where, one in named_plugins(document, config):
        kind = _import(document, where, one)
        if kind is None:
            continue
        if isinstance(one, FilterPlugin):
            kinds[str(where[1])] = kind
        elif not callable(getattr(kind, _HOOKS[str(where[3])], None)):
            reason = f"{kind.__qualname__} cannot be an {where[3]}: it has no {_HOOKS[str(where[3])]}"
            document.report(_at_word(document, where, one), reason)
    if kinds:
        _before_routing(document, config, kinds)


def _before_routing(document: Document, config: Configuration, kinds: Mapping[str, type]) -> None:
    from fastgw.filters.plugin import needs_a_route

    for place, listener in enumerate(config.listeners):
        for number, name in enumerate(listener.before_routing):
            reason = "" if is_unsound(name) or name not in kinds else needs_a_route(kinds[name])
            if reason:
                path = ("listeners", place, "before_routing", number)
                document.report(path, f"{name!r} cannot stand before routing: {reason}")


def named_plugins(document: Document, config: Configuration) -> Iterator[tuple[TreePath, Plugin]]:
    """The filters and transformers of other packages, of which any part may be unsound, and where they stand."""
    for name, one in config.filters.items():
        if isinstance(one, FilterPlugin):
            yield ("filters", name), one
    for place, route in enumerate(config.routes):
        for side in _HOOKS:
            where = ("routes", place, "transformers", side)
            for path, transformer in placed(document, where, getattr(route.transformers, side)):
                if isinstance(transformer, TransformerPlugin):
                    yield path, transformer


def _import(document: Document, where: TreePath, plugin: Plugin) -> type | None:
    from fastgw.filters.plugin import found_by  # and all that a filter is, which a file without such does not need

    word = getattr(plugin, plugin.told_by)
    if is_unsound(word, plugin.folder):
        return None
    try:
        kind = found_by(word, plugin.group, plugin.folder)
    except plugins.PluginError as error:
        document.report(_at_word(document, where, plugin), str(error))
        return None
    try:
        if not is_unsound(plugin.options):
            plugins.options_of(kind, own_options(plugin))
    except plugins.PluginError as error:
        document.report(_deepest(document, where, error.place), str(error))
    return kind


def _at_word(document: Document, where: TreePath, plugin: Plugin) -> TreePath:
    return where if isinstance(document.at(where), str) else (*where, plugin.told_by)


def _deepest(document: Document, where: TreePath, place: TreePath) -> TreePath:
    """``place`` below ``where``, as far as the file has it."""
    for step in place:
        if document.at((*where, step)) is None:
            break
        where = (*where, step)
    return where
