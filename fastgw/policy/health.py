"""Whether a member is healthy, by how the last probes of it went.

unknown ── one that is good ──▶ healthy ── so many bad ones in a row ──▶ unhealthy
   └────── so many bad ones ──▶ unhealthy ── so many good ones in a row ──▶ healthy
"""

from __future__ import annotations

from typing import Final, Protocol

UNKNOWN: Final = "unknown"
HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"


class Patience(Protocol):
    """What an operator can set."""

    @property
    def healthy_after(self) -> int:
        """Good probes in a row, 1 or more."""

    @property
    def unhealthy_after(self) -> int:
        """Bad ones."""


class HealthState:
    """One member."""

    __slots__ = ("_row", "state")

    def __init__(self) -> None:
        self.state = UNKNOWN
        self._row = 0  # probes in a row that speak against the state

    def note(self, is_good: bool, terms: Patience) -> bool:
        """A probe is over.  True: the state is another one."""
        if is_good == (self.state == HEALTHY) and self.state != UNKNOWN:
            self._row = 0
            return False
        if self.state == UNKNOWN and is_good:
            needed = 1  # the first answer ever: there is nothing to doubt
        else:
            needed = terms.healthy_after if is_good else terms.unhealthy_after
        self._row += 1
        if self._row < needed:
            return False
        self.state = HEALTHY if is_good else UNHEALTHY
        self._row = 0
        return True
