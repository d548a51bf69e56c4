"""The endpoints of a service that may be picked now: reloads and ejection write them, every request reads them.

There is one ``Members`` for each name of a service, and snapshots come and go over it.  ``ready`` is replaced by one store, always by
another tuple: a balancer knows a tuple by identity, so it notices what has changed, weights too.

A member that cannot be connected to is *ejected* (``policy.ejection``): nothing is at rest there any more, who waits for a connection asks
elsewhere, and it comes back when one trial connection was made.  Where all are ejected all are ready: wrong about one of them costs
less than answering nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.core.causes import CONNECTING
from fastgw.core.live.news import Finding
from fastgw.errors import GatewayError

if TYPE_CHECKING:
    from fastgw.core.settings import EjectionSettings
    from fastgw.policy.ejection import MemberState


#: What says that a member cannot be connected to; that we have run out of something says nothing of it.
EJECTING = CONNECTING - {"no_resources"}


class Judge(Protocol):
    """A policy that asks how tries end: of it a breaker, or a balancer that knows how fast members are, can be made."""

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float) -> None:
        """See ``Members.settle``."""


class Members:
    """The members of one service in one worker; times are coarse loop time.

    What is called endpoint here is a ``core.live.endpoint.Endpoint``, which rests on this module; ``roster`` has each with its
    ``EndpointSettings``.
    """

    __slots__ = ("_all", "_ejection", "_is_any_up", "judge", "ready", "report")

    def __init__(self, report: Callable[[Finding], None], members: tuple[Any, ...] = ()) -> None:
        """``members``: at the beginning; of a service that no configuration updates, always."""
        self.ready = members  #: never empty once there are members
        self._all = members
        self._ejection: EjectionSettings | None = None
        self._is_any_up = False
        self.report = report
        self.judge: Judge | None = None  #: a policy that asks how every try ends; None: there is none

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

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float, now: float) -> bool:
        """A try at ``endpoint`` is over.  True: it is ejected for that, so nothing else need be told.

        Args:
            endpoint: a member, or one that was.
            outcome: what it failed with, by whosever fault, or, told only if there is a ``judge``, the class of the answer's status: 1 for
                1xx to 5, and 6 for none of them.
            seconds: from the request, as it was sent, to the head of the answer or the failure; 0: it was not sent.
            now: coarse loop time.
        """
        if self.judge is not None:
            self.judge.settle(endpoint, outcome, seconds)
        return not isinstance(outcome, int) and self.unconnected(endpoint, outcome, now)

    def unconnected(self, endpoint: Any, error: GatewayError, now: float) -> bool:
        """Perhaps no connection to ``endpoint`` could be opened: ``error`` says so, or something else.  True: it is ejected."""
        if error.code not in EJECTING:
            if error.code in CONNECTING and endpoint.ejection.is_on_trial:
                endpoint.ejection.give_up_trial()  # we ran out of something
            return False
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
            self.unconnected(endpoint, problem, now)
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
