"""An edge with an access log, and what it has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastgw.filters.access_log import access_log
from fastgw.filters.log_file import FILES
from fastgw.testing.edge import Edge

NOW = 1234.5  #: seconds since 1970, in every line


class Log:
    """The filter, whose end waits until everything is written, as the end of a process does."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)

    def stop(self) -> None:
        """End it."""
        self._made.stop()
        FILES.finish()


def logging(path: Path | str, *filters: Any, chance: float = 0.0, **options: Any) -> tuple[Any, Edge]:
    """An edge whose outermost filter is an access log at this path."""
    log = Log(access_log("log", {"path": str(path), **options}, lambda: NOW, lambda: chance))
    edge = Edge(filters=[log, *filters])
    log.start(edge.loop)
    return log, edge
