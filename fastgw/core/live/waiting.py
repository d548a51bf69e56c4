"""Where requests wait while nobody can be asked: for a name no address of which is known to work, or for a first list of members.

The room of a name is the pool of an endpoint that stands for the name itself; the address that connects first takes who waits.  It is
asked only while no member of its service is up and some were never tried, or there is none: before the first answer of a name server, and
while the first connections are being made.  The first request that waits is what begins those.  Who waits is bounded as at any pool, and
fails when it is known that waiting is of no use.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.live.addresses import name_problem, name_silence
from fastgw.core.live.pool import Pool
from fastgw.errors import RETRY_ALWAYS, UpstreamError

if TYPE_CHECKING:
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane
    from fastgw.errors import GatewayError


class WaitingRoom(Pool):
    """Exchanges that wait for one name in one worker; no connection leads from here anywhere."""

    __slots__ = ("_endpoint", "_host", "_plane", "waiters")

    def __init__(self, endpoint: Endpoint, plane: Plane) -> None:
        Pool.__init__(self, endpoint.settings.pool, takes_chunks=True)
        self._endpoint = endpoint
        self._host = endpoint.key.address.host
        self._plane = plane
        self.waiters: deque[Any] = deque()

    def __repr__(self) -> str:
        return f"<WaitingRoom {self._host} waiting={len(self.waiters)}>"

    @property
    def problem(self) -> UpstreamError | None:
        """Why waiting is of no use; None: it may be of some."""
        return name_problem(self._host, self._plane.names)

    def look(self) -> None:
        """More may be known of the name: let those go who wait for nothing, and know what others have missed if their time is over."""
        answer = self._plane.names.get(self._host)
        self.shortage = None if answer is not None and answer.addresses else name_silence(self._host)
        problem = self.problem
        if problem is not None:
            self.turn_away(problem)

    # --- what an exchange asks

    def acquire(self, exchange: Any) -> None:
        """See ``Pool``: always a place in line."""
        problem = self.problem
        if problem is not None:
            raise problem
        self.check_line()
        self.waiters.append(exchange)
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] += 1
        self._endpoint.members.try_new(self._plane.now)

    def check_line(self) -> None:
        """See ``Pool``."""
        if len(self.waiters) >= self.settings.max_pending:
            text = "too many requests are waiting for a connection to the service"
            raise UpstreamError(503, "pool_full", text, retry=RETRY_ALWAYS)

    def cancel(self, exchange: Any) -> None:
        """See ``Pool``."""
        if exchange in self.waiters:
            self.waiters.remove(exchange)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] -= 1

    def on_request_done(self, exchange: Any) -> None:
        """See ``Pool``: it waits like everybody."""

    def end_upload(self, exchange: Any) -> None:
        """See ``Pool``: nobody is an upload."""

    @property
    def pressing(self) -> int:
        """See ``Pool``: no connection of this room can be waited for."""
        return 0

    # --- what its endpoint tells

    def sweep(self, now: float) -> None:
        """See ``Pool``: deadlines are those of the exchanges."""

    def warm_up(self) -> None:
        """See ``Pool``."""

    def apply(self, settings: Any) -> None:
        """See ``Pool``."""
        self.settings = settings

    def turn_away(self, error: GatewayError) -> None:
        """See ``Pool``."""
        while self.waiters:
            exchange = self.waiters[0]
            self.cancel(exchange)
            exchange.fail(error)

    def hand_over(self) -> None:
        """See ``Pool``."""
        while self.waiters:
            self.waiters[0].ask_anew()

    def drop_idle(self) -> None:
        """See ``Pool``."""

    def retire(self) -> None:
        """See ``Pool``."""

    def close(self) -> None:
        """See ``Pool``."""


class ListRoom(WaitingRoom):
    """Exchanges that wait for the first list of the members of a service; where there is one, and nobody in it, waiting is of no use."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<ListRoom {self._endpoint.key.service} waiting={len(self.waiters)}>"

    @property
    def problem(self) -> UpstreamError | None:
        """See ``WaitingRoom``."""
        return None if self._endpoint.settings.is_awaited else self._error("it is listed with no member")

    def look(self) -> None:
        """See ``WaitingRoom``."""
        is_awaited = self._endpoint.settings.is_awaited
        self.shortage = self._error("its members have not been listed yet") if is_awaited else None
        if not is_awaited and not self._endpoint.members.all:
            self.turn_away(self._error("it is listed with no member"))

    def _error(self, why: str) -> UpstreamError:
        reason = f"the service {self._endpoint.key.service} cannot be asked: {why}"
        return UpstreamError(503, "no_member", "the service has no member", retry=RETRY_ALWAYS, reason=reason)
