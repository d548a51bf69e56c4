"""How a connection ends whose client may still be sending (RFC 9112 section 9.6).

Closing at once would make the kernel reset the connection, and a client that sends everything before it reads would never see the
answer.  So the answer goes out, our side ends, and what still comes is read and thrown away, for as long as all of this holds:

    time     ``timeouts.linger`` of the listener is not over
    rate     something comes: ``LINGER_RATE`` bytes a second over each ``LINGER_LOOK`` seconds
    number   no more than ``LINGERING_MAX`` connections of the worker do so; the oldest makes room

Which keeps the gateway from being a sink for whoever likes to send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core import counters

if TYPE_CHECKING:
    from fastgw.core.net.connection import Connection

LINGER_LOOK = 2.0  #: seconds between two looks at what came
LINGER_RATE = 1024  #: bytes a second below which nobody waits for the client any longer
LINGERING_MAX = 256  #: connections of a worker


class Lingering:
    """The lingering connections of one worker, the oldest first."""

    __slots__ = ("_until", "_values")

    def __init__(self, values: memoryview) -> None:
        self._values = values
        self._until: dict[Connection, float] = {}  #: in coarse loop time

    def __len__(self) -> int:
        return len(self._until)

    def begin(self, connection: Connection, now: float, seconds: float) -> None:
        """Let ``connection`` linger for ``seconds`` from ``now`` (coarse loop time) on; its ``deadline`` is that of the next look."""
        while len(self._until) >= LINGERING_MAX:
            self._cut(next(iter(self._until)))
        until = self._until[connection] = now + seconds
        connection.deadline = min(now + LINGER_LOOK, until)

    def look(self, connection: Connection, now: float, received: int, *, is_draining: bool) -> None:
        """Its deadline has passed: it may stay until the next look, or is closed; ``received``: bytes that came since the last one."""
        until = self._until.get(connection, now)
        if not received:
            self.forget(connection)
            connection.close()  # nothing unread is left that could make the kernel reset it
        elif received < LINGER_RATE * LINGER_LOOK or now >= until or is_draining:
            self._cut(connection)
        else:
            connection.deadline = min(now + LINGER_LOOK, until)

    def forget(self, connection: Connection) -> None:
        """``connection`` is gone."""
        self._until.pop(connection, None)

    def _cut(self, connection: Connection) -> None:
        self._values[counters.LINGERING_CUT] += 1
        self.forget(connection)
        connection.abort()
