"""Streams whose answer nobody takes: each holds up a service, and a connection to it, meanwhile.

One that is given no room for ``timeouts.write`` of its listener is reset.  Until then it harms nobody, unless others wait for a connection
to its service and there are no more: then those beyond a few of one client are reset at the next look, and cost of its budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from fastgw.errors import DownstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.snapshot.snapshot import Listener

LOOK: Final = 5.0  #: seconds between two looks at whether the peer takes anything
TAKEN_LEAST: Final = 1024  #: bytes in between, or nothing was taken


class Stalled(Protocol):
    """What is known here of a stream (``stream.Http2Stream``)."""

    connection: Any  #: ``stream.Carrying``
    deadline: float
    exchange: Exchange | None
    listener: Listener
    sent: int  #: bytes of the answer's body
    stalled_at: int  #: of those, when somebody looked whether more are taken
    stalled_since: float  #: that too few are, in coarse loop time


def begin(stream: Stalled) -> None:
    """A window, or the connection, takes no more of ``stream`` now."""
    stream.stalled_at = stream.sent
    stream.stalled_since = stream.connection.plane.now
    watch(stream)


def watch(stream: Stalled) -> None:
    """Let its deadline be that of the next look, if it may not wait for ever."""
    most = stream.listener.write_timeout
    if most:
        stream.deadline = stream.connection.plane.now + min(most, LOOK)


def look(stream: Stalled, now: float) -> None:
    """Its deadline has passed while it waits for room; ``now`` in coarse loop time."""
    is_taken = stream.sent - stream.stalled_at >= TAKEN_LEAST
    stream.stalled_at = stream.sent
    if is_taken:
        stream.stalled_since = now
    is_late = now - stream.stalled_since >= stream.listener.write_timeout
    is_one_too_many = not (is_taken or is_late) and _keeps_others_waiting(stream)
    if not (is_late or is_one_too_many):
        watch(stream)
        return
    exchange = stream.exchange
    if exchange is not None and exchange.error is None:
        exchange.error = DownstreamError(499, "write_timeout", "the client took nothing of its answer in time")
    stream.connection.give_up(stream)


def _keeps_others_waiting(stream: Stalled) -> bool:
    """Whether its client lets many answers wait, and somebody waits for what carries this one."""
    exchange = stream.exchange
    endpoint: Endpoint | None = exchange.endpoint if exchange is not None else None  # None too: it was answered here
    return endpoint is not None and endpoint.pool.pressing > 0 and stream.connection.is_crowded()
