"""Code of services on the loop, told to the supervisor while it runs: should it hold up the loop, the log has its name.

A number of the worker's slab says whose code runs (``counters.RUNNING_SERVICE``).  The supervisor reads it only where a worker gives no
sign of life (``server.watch``), so it costs two stores for each step of a Task.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastgw.core import counters


class Watched:
    """A coroutine each step of which is told."""

    __slots__ = ("_coroutine", "_mark", "_values")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], values: Any, slot: int) -> None:
        """``values``: of the worker's slab; ``slot``: that of the service."""
        self._coroutine = coroutine
        self._values = values
        self._mark = slot + 1

    def send(self, value: Any) -> Any:
        """See ``Coroutine``."""
        self._values[counters.RUNNING_SERVICE] = self._mark
        try:
            return self._coroutine.send(value)
        finally:
            self._values[counters.RUNNING_SERVICE] = 0

    def throw(self, *error: Any) -> Any:
        """See ``Coroutine``."""
        self._values[counters.RUNNING_SERVICE] = self._mark
        try:
            return self._coroutine.throw(*error)
        finally:
            self._values[counters.RUNNING_SERVICE] = 0

    def close(self) -> None:
        """See ``Coroutine``."""
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()


Coroutine.register(Watched)  # not derived from it: a compiled class has no base that is none
