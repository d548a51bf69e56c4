"""The endpoints of a service that may be picked now: reloads and ejection write them, every request reads them.

There is one ``Members`` for each name of a service, and snapshots come and go over it.  ``ready`` is replaced by one store, always by
another tuple: a balancer knows a tuple by identity, so it notices what has changed, weights too.

A member that cannot be connected to is *ejected* (``policy.ejection``): nothing is at rest there any more, who waits for a connection asks
elsewhere, and it comes back when one trial connection was made.  Where all are ejected all are ready: wrong about one of them costs
less than answering nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.errors import GatewayError

if TYPE_CHECKING:
    from fastgw.core.settings import EjectionSettings
    from fastgw.policy.ejection import MemberState


class Finding(NamedTuple):
    """That a member was ejected, again perhaps, or is back: for the supervisor, and from it for the other workers."""

    service: str
    endpoint: str
    is_up: bool
    until: float = 0.0  #: monotonic seconds, which all processes of a host share
    cause: str = ""  #: why it was ejected, as the code of an error
    reason: str = ""  #: the same in words


class Members:
    """The members of one service in one worker; times are coarse loop time.

    What is called endpoint here is a ``core.live.endpoint.Endpoint``, which rests on this module; ``roster`` has each with its
    ``EndpointSettings``.
    """

    __slots__ = ("_all", "_ejection", "_is_any_up", "ready", "report")

    def __init__(self, report: Callable[[Finding], None], members: tuple[Any, ...] = ()) -> None:
        """``members``: at the beginning; of a service that no configuration updates, always."""
        self.ready = members  #: never empty once there are members
        self._all = members
        self._ejection: EjectionSettings | None = None
        self._is_any_up = False
        self.report = report

    def update(
        self,
        roster: tuple[tuple[Any, Any], ...],
        ejection: EjectionSettings | None,
        now: float,
    ) -> None:
        """A snapshot is installed: these are the members; ``ejection``: None: nobody is ejected."""
        self._ejection = ejection
        for endpoint, settings in roster:
            endpoint.apply(settings)
            if ejection is None and endpoint.ejection.is_ejected:
                endpoint.ejection.readmit(now)
                self._tell_up(endpoint)
        self._all = tuple([endpoint for endpoint, _ in roster])
        self._renew()

    def untried(self, tried: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those that are left to be asked: ready ones, else any, since an error is the only other answer."""
        found = tuple([one for one in self.ready if one not in tried])
        return found or tuple([one for one in self._all if one not in tried])

    # --- what happens to a member

    def settle(self, endpoint: Any, error: GatewayError, now: float) -> bool:
        """No connection to ``endpoint`` could be opened.  True: it is ejected, so nothing else need be told of that."""
        if self._ejection is None or endpoint not in self._all:
            return False
        state: MemberState = endpoint.ejection
        was_ejected = state.is_ejected
        if state.fail(now, self._ejection):
            self.report(Finding(endpoint.key.service, endpoint.name, False, state.until, error.code, error.reason))
            if not was_ejected:
                self._on_ejected(endpoint, error)
        return state.is_ejected

    def connected(self, endpoint: Any, now: float) -> None:
        """A connection to ``endpoint`` was opened; where nobody is up, requests are trials."""
        if endpoint.ejection.work(now, is_proof=not self._is_any_up):
            self._renew()
            self._tell_up(endpoint)

    def learn(self, endpoint: Any, finding: Finding, now: float) -> None:
        """Another worker has found that.  Who waits for a connection here has one on its way, which will tell."""
        ejection = endpoint.ejection
        if finding.is_up:
            ejection.hurry(now)
        elif self._ejection is None:
            self._tell_up(endpoint)
        elif not ejection.is_ejected:
            ejection.eject(finding.until)
            self.report(finding)
            self._on_ejected(endpoint, None)

    def retire(self, endpoint: Any) -> None:
        """``endpoint`` is no member any more; another of its name may be."""
        if endpoint.ejection.is_ejected:
            self._tell_up(endpoint)

    def retry(self, endpoint: Any, now: float) -> None:
        """If the time of ``endpoint`` is over let one connection be tried."""
        if not endpoint.ejection.begin_trial(now):
            return
        problem = endpoint.addresses.problem
        if problem is not None:
            self.settle(endpoint, problem, now)
        elif not endpoint.pool.open_one():
            endpoint.ejection.give_up_trial()  # there is no room for it now

    def _on_ejected(self, endpoint: Any, error: GatewayError | None) -> None:
        self._renew()
        endpoint.troubles = None  # all of it is one event from now on
        endpoint.pool.drop_idle()
        if error is not None and self._is_any_up:
            endpoint.pool.turn_away(error)

    def _tell_up(self, endpoint: Any) -> None:
        self.report(Finding(endpoint.key.service, endpoint.name, True))

    def _renew(self) -> None:
        up = [one for one in self._all if not one.ejection.is_ejected]
        self._is_any_up = bool(up)
        self.ready = tuple(up or [*self._all])
