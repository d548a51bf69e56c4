"""An access log that has a line for some exchanges only: those that were slow, those that failed, and of the others a share, by chance.

The line of one that chance has picked says with which share (``sampled``), and one that has a line in any case does not: so sums over all
lines, each divided by its share, are those of all exchanges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.filters import log_variables
from fastgw.policy.sampler import Sampler

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client, Exchange
    from fastgw.errors import GatewayError


class LineLog(Protocol):
    """What writes the lines."""

    name: str

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the file."""

    def stop(self) -> None:
        """Close it."""

    def done(self, exchange: Exchange) -> None:
        """Add a line."""

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Add a line."""


class SampledLog:
    """The filter."""

    __slots__ = ("_always", "_failed", "_picked", "_sampler", "_slow", "name")

    def __init__(
        self, always: LineLog, picked: LineLog, share: float, which: Mapping[str, Any], chance: Callable[[], float]
    ) -> None:
        """Two logs that write to the same lines.

        Args:
            always: has the lines that are written in any case.
            picked: has the others, and says so.
            share: of those so many, from 0 to 1.
            which: which are written in any case: ``slow``, those that took so many seconds or more, 0: none for that; ``failed``,
                those of these statuses, and classes such as 5xx.
            chance: from 0 to 1, which 1 never is.
        """
        self.name = always.name
        self._always = always
        self._picked = picked
        self._sampler = Sampler(share, chance)
        self._slow: float = which["slow"] or float("inf")
        self._failed = frozenset(status for one in which["failed"] for status in _statuses(one))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened for appending.
        """
        self._always.start(loop)

    def stop(self) -> None:
        """Close it, without waiting."""
        self._always.stop()

    def done(self, exchange: Exchange) -> None:
        """Add the exchange's line, if it has one."""
        status = log_variables.logged_status(exchange)
        if (
            status in self._failed
            or exchange.plane.clock() - exchange.started >= self._slow
            or (self._failed and _is_cut(exchange))
        ):
            self._always.done(exchange)
        elif self._sampler.takes():
            self._picked.done(exchange)

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Add the line of bytes that never became an exchange, by the same rule."""
        if error.status in self._failed:
            self._always.refused(connection, error)
        elif self._sampler.takes():
            self._picked.refused(connection, error)


def _statuses(text: str) -> Sequence[int]:
    first = int(text[0]) * 100
    return range(first, first + 100) if text.endswith("xx") else (int(text),)


def _is_cut(exchange: Exchange) -> bool:
    """Whether a service or the gateway broke the answer off: its status was sent before, and may have been a good one."""
    error = exchange.error
    return error is not None and error.fault != "downstream" and error.status != exchange.response.status
