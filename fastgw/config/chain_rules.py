"""What is wrong with a chain of filters: names of none, a filter twice, one that cannot stand where it does."""

from __future__ import annotations

from collections.abc import Sequence

from fastgw.config.filters import BUILT_IN_FILTERS, FILTERS
from fastgw.config.known import said
from fastgw.config.schema import (
    Configuration,
)
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound
from fastgw.config.values import Expanded


def check_chain(document: Document, config: Configuration, where: TreePath, names: Sequence[str]) -> None:
    """Report what is wrong with the filters ``names`` at ``where``."""
    if is_unsound(config.filters):
        return
    known = (*config.filters, *BUILT_IN_FILTERS)
    for place, name in enumerate(names):
        if is_unsound(name):
            continue
        if name not in known:
            quoted = said(document, (*where, place), name, known)
            is_type = name in FILTERS and not isinstance(document.at((*where, place)), Expanded)
            meant = "; one of that type is defined in filters first" if is_type else ""
            document.report((*where, place), f"no filter named {quoted}{meant}")
        elif name in names[:place]:
            document.report((*where, place), f"the filter {name!r} is in this chain already")


def check_before_routing(document: Document, config: Configuration, where: TreePath, names: Sequence[str]) -> None:
    """Report what is wrong with ``names``, a chain that sees requests which have no route yet."""
    check_chain(document, config, where, names)
    for place, name in enumerate(names):
        if is_unsound(name, config.filters):
            continue
        entry = config.filters.get(name)
        if entry is None and name in BUILT_IN_FILTERS:
            entry = FILTERS[name].model_validate({"type": name})
        if entry is None or is_unsound(entry):
            continue
        reason = entry.needs_a_route()
        if reason:
            document.report((*where, place), f"{name!r} cannot stand before routing: {reason}")
