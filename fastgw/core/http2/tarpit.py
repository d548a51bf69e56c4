"""How a connection ends that was thrown out for a flood: not at once, or the next one would come at once.

Who floods has a new connection as soon as the last is closed, 5,000 times a second from one address, and to accept those costs more than
all that they do.  So GOAWAY is sent, nothing more is read, and the connection is closed a moment later: each of an attacker's connections
costs one acceptance in that time.  It holds a descriptor meanwhile, and what the kernel has for it: so no more than ``WAITING_MOST`` of a
worker do, and the oldest makes room, here and in the limit of all connections.  It is a connection like any until it is closed, so that
``limits.connections_per_address`` counts it.

A new connection from the same address waits for nothing: it may be somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core import http2_counters as rows

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client

SECONDS: Final = 0.75  #: that it takes, by the coarse clock: up to a sweep less
WAITING_MOST: Final = 512  #: connections of a worker
HOLD_TARPIT: Final = 8  #: beside those of ``net.connection``


class Tarpit:
    """The connections of one worker that wait for their end, the oldest first."""

    __slots__ = ("_values", "_waiting")

    def __init__(self, values: memoryview) -> None:
        """``values``: the counters of the worker."""
        self._values = values
        self._waiting: dict[Client, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, client: Client, now: float) -> None:
        """Have ``client``, to whom everything was sent, wait for its end; ``now`` in coarse loop time."""
        while len(self._waiting) >= WAITING_MOST:
            self.make_room()
        self._waiting[client] = None
        client.hold(HOLD_TARPIT)
        client.deadline = now + SECONDS

    def make_room(self) -> Client | None:
        """Close the oldest before its time; None: there is none."""
        if not self._waiting:
            return None
        oldest = next(iter(self._waiting))
        self._values[rows.TARPIT_CUT] += 1
        self.forget(oldest)
        oldest.abort()
        return oldest

    def forget(self, client: Client) -> None:
        """``client`` is gone, or not one of these."""
        self._waiting.pop(client, None)
