"""Whether the other end of a connection is still there: when it is asked by PING, and when it counts as dead (RFC 9113 section 6.7).

It is asked after ``ping_interval`` in which nothing came while streams wait, or with the first stream after a rest as long.  As long as
nothing but answers to that comes the next is ``AGAIN`` later: services of gRPC take more for an attack (its proposals A8 and A9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fastgw.core.settings import PoolSettings

AGAIN: Final = 300.0  #: seconds between two PINGs between which nothing but an answer has come
PAYLOAD: Final = b"fastgw  "
NOTHING, ASK, DEAD = range(3)


class Pinging:
    """What is known of one connection; times are coarse loop time."""

    __slots__ = ("_is_awaited", "_sent_at")

    def __init__(self) -> None:
        self._is_awaited = False
        self._sent_at = 0.0  # of the last PING

    def next(self, now: float, heard_at: float, said_at: float, settings: PoolSettings) -> int:
        """What is to be done about a connection on which streams wait, or one is awaited; ``heard_at``: when something came; ``said_at``:
        and when something that is not an answer to PING.  ``ASK`` counts as done."""
        if self._is_awaited:
            return DEAD if now - self._sent_at > settings.ping_timeout else NOTHING
        interval = settings.ping_interval
        if interval and self._sent_at > said_at:
            interval = max(interval, AGAIN)
        if not interval or now - heard_at < interval:
            return NOTHING
        self._is_awaited = True
        self._sent_at = now
        return ASK

    def on_answer(self) -> None:
        """It is there."""
        self._is_awaited = False

    @property
    def is_awaited(self) -> bool:
        """Whether an answer is."""
        return self._is_awaited
