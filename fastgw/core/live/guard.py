"""A guard: it stands among the ready in the place of a member, or of all, and says at each request which member takes it, or refuses it.

So what must look at each request, while something is wrong, costs nothing while nothing is: the plain path reads one tuple in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgw.core.live.endpoint import Endpoint
from fastgw.core.live.pool import Pool

if TYPE_CHECKING:
    from fastgw.core.plane import Plane

#: The member that an exchange goes to; raises ``UpstreamError`` where there is none now.
MemberFor = Callable[[Any], Any]


def guard(like: Any, plane: Plane, member_for: MemberFor) -> Endpoint:
    """One that is told of, and picked, as ``like``, a member, is."""
    return Endpoint(like.key, like.settings, like.members, plane, lambda one, _: _Handing(member_for, one))


class _Handing(Pool):
    """The pool of a guard: it has no connections, and none is ever waited for."""

    __slots__ = ("_endpoint", "_member_for")

    def __init__(self, member_for: MemberFor, endpoint: Endpoint) -> None:
        Pool.__init__(self, endpoint.settings.pool, takes_chunks=True)
        self._member_for = member_for
        self._endpoint = endpoint

    def acquire(self, exchange: Any) -> Any:
        """See ``Pool``: what the pool of a member says, if one may be asked."""
        exchange.asked = ""  # as long as nobody is
        member = self._member_for(exchange)
        self._endpoint.in_hand -= 1
        member.in_hand += 1
        exchange.endpoint = member
        exchange.asked = member.place
        self.settings = member.pool.settings  # of whom the exchange waits for
        return member.pool.acquire(exchange)

    def cancel(self, exchange: Any) -> None:
        """See ``Pool``: nobody waits."""

    def drop_idle(self) -> None:
        """See ``Pool``: none is at rest."""

    def end_upload(self, exchange: Any) -> None:
        """See ``Pool``: nobody is an upload."""

    @property
    def pressing(self) -> int:
        """See ``Pool``."""
        return 0
