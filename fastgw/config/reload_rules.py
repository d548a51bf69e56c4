"""What must be there for a new configuration to be rehearsed: somewhere requests are recorded that it can be tried on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from fastgw.config.filters.record import Record
from fastgw.config.logs import STANDARD
from fastgw.config.unsound import is_unsound

if TYPE_CHECKING:
    from fastgw.config.schema import Configuration
    from fastgw.config.source import Document

ADD: Final = "filters: {capture: {type: record, path: /var/log/fastgw/capture.log}}"


def check_rehearsal(document: Document, config: Configuration) -> None:
    """``reload.rehearse`` has a filter ``record`` that requests meet, and that writes a file."""
    if not config.reload.rehearse:
        return
    met = {name for names in _chains(config) for name in names}
    found = {name: one for name, one in config.filters.items() if isinstance(one, Record)}
    if any(name in met and _is_kept(one) for name, one in found.items()):
        return
    if found and all(one.sample == 0 for one in found.values()):
        wanted = f"{', '.join(found)} records nothing: sample is 0%"
    elif not found:
        wanted = f"no filter records requests: add {ADD}, and chain: [capture]"
    elif not met & found.keys():
        wanted = f"no request meets {', '.join(found)}: name it in chain, or in filters of routes"
    else:
        wanted = (
            "what is recorded goes to stdout or stderr, where it cannot be read again: give the filter a file as path"
        )
    document.report(("reload", "rehearse"), wanted)


def _is_kept(one: Record) -> bool:
    return (is_unsound(one.path) or one.path not in STANDARD) and (is_unsound(one.sample) or one.sample > 0)


def _chains(config: Configuration) -> Iterable[Iterable[str]]:
    yield config.chain
    yield from (one.filters for one in config.listeners)
    yield from (one.filters for one in config.routes)
