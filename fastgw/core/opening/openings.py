"""All openings of one worker: there is a number of them, and what goes wrong with them is counted and told.

While ``limits.handshakes`` are under way an ``Entrance`` accepts no more.  The kernel keeps those that wait, at no cost here, and a burst
of clients is served in turn.  So that a few silent clients cannot keep the others out, an opening that had ``STALLED`` seconds makes
room while others wait.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from fastgw.core import counters, labels
from fastgw.core.opening.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Client
    from fastgw.core.net.handshake import Failure
    from fastgw.core.snapshot.snapshot import Listener

STALLED = 1.0  #: seconds an opening has while others wait for its place
ROOM_EVERY = 0.25  #: seconds between two looks at openings while others wait


class Pending(Protocol):
    """A connection that is not the data plane's yet (``Opening``)."""

    since: float  #: loop time of its accept
    address: bytes  #: of the client, "" for none

    @property
    def is_under_way(self) -> bool:
        """Whether the data plane does not know it yet."""

    def cut(self, why: str) -> None:
        """There is no more use for it."""


class Waiting(Protocol):
    """What accepts only while there is room (``Entrance``)."""

    def has_room(self) -> bool:
        """Whether one more may be under way."""

    def open(self) -> None:
        """Accept again."""


class Openings:
    """Everything of one worker that has connected and is not a connection of the data plane yet."""

    def __init__(
        self,
        plane: DataPlane,
        make_client: Callable[[DataPlane, Listener, str | None], Client],
        on_trouble: Callable[..., None],
    ) -> None:
        """``make_client``: called for every connection, with the protocol that ALPN has chosen; ``on_trouble``: called with an event,
        its cause, and fields that say more, for the log."""
        self.plane = plane
        self.loop: asyncio.AbstractEventLoop = plane.loop
        self.make_client = make_client
        self.on_trouble = on_trouble
        self.pending: dict[Pending, None] = {}  #: the oldest first
        self._tally = Tally(self.loop, on_trouble)
        self._waiting: dict[Waiting, None] = {}  # entrances that accept no more for now
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self.pending)

    def under_way(self, address: bytes) -> int:
        """How many of one client address the data plane does not know yet."""
        return sum(one.address == address and one.is_under_way for one in self.pending)

    def ended(self, opening: Pending) -> None:
        """``opening`` is a connection now, or gone."""
        self.pending.pop(opening, None)
        for entrance in list(self._waiting):
            if entrance.has_room():
                del self._waiting[entrance]
                entrance.open()

    def close(self) -> None:
        """Cut everything that is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        for opening in list(self.pending):
            opening.cut("")
        self._tally.close()

    # --- room

    def waiting(self, entrance: Waiting) -> None:
        """``entrance`` has stopped accepting until there is room."""
        self._waiting[entrance] = None
        if self._timer is None:
            self._timer = self.loop.call_later(ROOM_EVERY, self._make_room)

    def forget(self, entrance: Waiting) -> None:
        """``entrance`` is closed."""
        self._waiting.pop(entrance, None)

    def _make_room(self) -> None:
        self._timer = None
        if self._waiting:
            now = self.loop.time()
            for opening in [one for one in self.pending if now - one.since >= STALLED]:
                opening.cut("it was slow, and others waited")
            self._timer = self.loop.call_later(ROOM_EVERY, self._make_room)

    # --- what goes wrong

    def count(self, index: int) -> None:
        """Add one to a counter of the worker."""
        self.plane.values[index] += 1

    def failed(self, listener: str, address: bytes, failure: Failure) -> None:
        """A handshake failed: count it, and tell why."""
        self.count(counters.TLS_FAILURES)
        self.count(counters.TLS_FAILED + labels.TLS_CAUSES.index(failure.cause))
        fields = {"server_name": failure.name} if failure.name else {}
        self.tell("a TLS handshake failed", listener, address, failure.cause, detail=failure.detail, **fields)

    def tell(self, event: str, listener: str, address: bytes, cause: str, **fields: object) -> None:
        """What a client caused: a line for the first of its kind, and then one for all that follow within some seconds."""
        client = address.decode("latin-1")
        self._tally.add((event, listener, cause), event=event, cause=cause, listener=listener, client=client, **fields)
