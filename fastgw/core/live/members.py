"""The endpoints of a service that may be picked now: reloads, names and ejection write them, every request reads them.

There is one ``Members`` for each name of a service, and snapshots come and go over it.  ``ready`` is replaced by one store, always by
another tuple: a balancer knows a tuple by identity, so it notices what has changed, weights too.

A member that cannot be connected to is *ejected* (``policy.ejection``): nothing is at rest there any more, who waits for a connection asks
elsewhere, and it comes back when one trial connection was made.  Where all are ejected all are ready: wrong about one of them costs
less than answering nobody.  A breaker (``live.breaking``) may leave out everybody: ``ready`` is what it leaves of the ``reachable``.
A member that probes find unhealthy (``server.probing``) is left out while another is healthy, and one that fails or is slow where its
siblings are not (``live.outlying``) while its time is not over.  Where fewer are left than ``panic_below`` says all that were ever reached
are ready: the few would get more than they can take.

An address of a name begins like that, *untried*: it is ready once a first connection was made, which is tried while the service is in use.
While nobody is up and some are untried the waiting rooms of the names are ready (``live.waiting``).  The only member of a service need
not be tried first: there is nobody else to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgw.core.causes import CONNECTING, EJECTING, REFUSED
from fastgw.core.live.news import BREAKER, HEALTH, OUTLIER, PANIC, UNPROBED, Finding
from fastgw.core.settings import EjectionSettings
from fastgw.errors import GatewayError

if TYPE_CHECKING:
    from fastgw.core.live.roles import Breakers, Judge, Outliers
    from fastgw.policy.ejection import MemberState

#: When a new address is tried again where ``ejection`` is off.
UNPROVEN = EjectionSettings(1, 1.0, 30.0, failures=0.0, slow=0.0, minimum=0, window=0.0, max_share=0.0)


class Members:
    """The members of one service in one worker; times are coarse loop time.

    What is called endpoint here is a ``core.live.endpoint.Endpoint``, which rests on this module.
    """

    __slots__ = (
        "_ejection",
        "_is_any_up",
        "_is_panic",
        "_rooms",
        "all",
        "breaking",
        "budget",
        "judge",
        "outlying",
        "panic_below",
        "reachable",
        "ready",
        "report",
    )

    def __init__(self, report: Callable[[Finding], None], members: tuple[Any, ...] = ()) -> None:
        """``members``: at the beginning; of a service that no configuration updates, always."""
        self.ready = members  #: never empty once there are members
        self.reachable = members  #: the same, whatever a breaker says
        self.all = members
        self._rooms: tuple[Any, ...] = ()  # the waiting rooms of names
        self._ejection: EjectionSettings | None = None
        self._is_any_up = False
        self.report = report
        self.budget: Any = None  #: what sending requests again may cost (``policy.budget``); None: nobody has asked yet
        self.judge: Judge | None = None  #: a policy that asks how every try ends; None: there is none
        self.breaking: Breakers | None = None  #: who may leave everybody out; one of the judges
        self.outlying: Outliers | None = None  #: who leaves some out; one of the judges
        self.panic_below = 0.0  #: while less than this part of the members is left all are asked, 0 to 1
        self._is_panic = False

    def update(
        self,
        roster: tuple[tuple[Any, Any], ...],
        rooms: tuple[tuple[Any, Any], ...],
        ejection: EjectionSettings | None,
        now: float,
    ) -> list[Any]:
        """These are the members from now on; return those that are none any more.

        Args:
            roster: each endpoint with its ``EndpointSettings``.
            rooms: the same for the waiting rooms of names.
            ejection: None: nobody is ejected who was connected to once.
            now: coarse loop time.
        """
        before = self.all + self._rooms
        self._ejection = ejection
        self.all = tuple([endpoint for endpoint, _ in roster])
        self._rooms = tuple([endpoint for endpoint, _ in rooms])
        for endpoint, settings in roster + rooms:
            if endpoint.settings is not settings:
                endpoint.apply(settings)
        for endpoint in self.all:
            state: MemberState = endpoint.ejection
            if state.is_untried and len(self.all) == 1:
                state.readmit(now)
            elif state.is_ejected and state.is_proven and ejection is None:
                state.readmit(now)
                self._tell_up(endpoint)
        self._renew()
        for room in self._rooms:
            room.pool.look()
        self.try_new(now)
        kept = {id(one) for one in self.all + self._rooms}
        return [one for one in before if id(one) not in kept]

    def take_breaking(self, breaking: Breakers | None) -> None:
        """Have this one from the next ``update`` on."""
        if self.breaking is not None and self.breaking is not breaking:
            self.breaking.dismiss()
        self.breaking = breaking

    def take_outlying(self, outlying: Outliers | None) -> None:
        """Have this one from the next ``update`` on."""
        before = self.outlying
        self.outlying = outlying
        if before is not None and before is not outlying:
            before.dismiss()

    def untried(self, tried: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those that are left to be asked: ready ones, else any, since an error is the only other answer."""
        if self.breaking is None and self.outlying is None:
            ready = self.ready
        else:
            ready = self.reachable if self.outlying is None or self._is_panic else self.outlying.settled(self.reachable)
        if self.breaking is not None:
            return self.breaking.untried(ready, self.all, tried)
        found = tuple([one for one in ready if one not in tried])
        return found or tuple([one for one in self.all if one not in tried])

    # --- what happens to a member

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float, now: float) -> bool:
        """A try at ``endpoint`` is over.  True: it is ejected for that, so nothing else need be told.

        Args:
            endpoint: a member, or one that was.
            outcome: what it failed with, by whosever fault, or, told only if there is a ``judge``, the status of the answer, 100 to 999.
            seconds: from the request, as it was sent, to the head of the answer or the failure; 0: it was not sent.
            now: coarse loop time.
        """
        if self.judge is not None:
            if not isinstance(outcome, int) and outcome.code == REFUSED:
                return False  # nobody was asked
            self.judge.settle(endpoint, outcome, seconds)
        return not isinstance(outcome, int) and self.unconnected(endpoint, outcome, now)

    def unconnected(self, endpoint: Any, error: GatewayError, now: float) -> bool:
        """Perhaps no connection to ``endpoint`` could be opened: ``error`` says so, or something else.  True: it is ejected."""
        state: MemberState = endpoint.ejection
        if error.code not in EJECTING:
            if error.code in CONNECTING and state.is_on_trial:  # we ran out of something
                state.give_up_trial()
                if state.is_untried and not self._is_any_up:
                    self._empty_rooms(error)
            return False
        if endpoint in self._rooms:
            return True  # so are all the addresses of the name
        endpoint.note(error)
        terms = self._ejection if state.is_proven else self._ejection or UNPROVEN
        if terms is None or endpoint not in self.all:
            return False
        is_first = state.is_untried or not state.is_ejected
        if state.fail(now, terms):
            service, name, address = endpoint.member
            self.report(Finding(service, name, address, False, state.until, error.code, error.reason))
            if is_first:
                self._on_ejected(endpoint, error)
        return state.is_ejected

    def connected(self, endpoint: Any, now: float) -> None:
        """A connection to ``endpoint`` was opened; where nobody is up, requests are trials."""
        was_untried = endpoint.ejection.is_untried
        if endpoint.ejection.work(now, is_proof=not self._is_any_up):
            self._renew()
            if not was_untried:
                self._tell_up(endpoint)

    def learn(self, endpoint: Any, finding: Finding, now: float) -> None:
        """Another worker has found that.  Who waits for a connection here has one on its way, which will tell."""
        if finding.kind == BREAKER:
            if self.breaking is not None:
                self.breaking.hear(endpoint, finding)
            return
        if finding.kind == PANIC:
            return  # a matter of whom this worker may ask
        if finding.kind == OUTLIER:
            if self.outlying is not None:
                self.outlying.hear(endpoint, finding)
            return
        state: MemberState = endpoint.ejection
        if finding.kind == HEALTH:
            state.is_unhealthy = not finding.is_up
            state.is_unprobed = finding.cause == UNPROBED
            if finding.is_up:
                state.hurry(now)
            self._renew()
        elif finding.is_up:
            state.hurry(now)
        elif self._ejection is None:
            if not state.is_ejected:
                self._tell_up(endpoint)
        elif not state.is_ejected:
            state.eject(finding.until)
            self.report(finding)
            self._on_ejected(endpoint, None)

    def retire(self, endpoint: Any) -> None:
        """``endpoint`` is no member any more; another of its name may be."""
        if endpoint.ejection.is_ejected and not endpoint.ejection.is_untried:
            self._tell_up(endpoint)

    def try_new(self, now: float) -> None:
        """Let a first connection be tried to those that are untried, if the service is in use."""
        for endpoint in self.all:
            if endpoint.ejection.is_untried:
                self.retry(endpoint, now)

    def retry(self, endpoint: Any, now: float) -> None:
        """If the time of ``endpoint`` is over let one connection be tried."""
        state: MemberState = endpoint.ejection
        if state.is_untried and not self._is_in_use(endpoint):
            return
        if state.begin_trial(now) and not endpoint.pool.open_one():
            state.give_up_trial()  # there is no room for it now

    def _is_in_use(self, endpoint: Any) -> bool:
        return self._is_any_up or endpoint.settings.pool.warm > 0 or any(room.in_hand for room in self._rooms)

    def _on_ejected(self, endpoint: Any, error: GatewayError | None) -> None:
        self._renew(error)
        endpoint.troubles = None  # all of it is one event from now on
        endpoint.pool.drop_idle()
        if error is not None and self._is_any_up:
            endpoint.pool.turn_away(error)

    def _tell_up(self, endpoint: Any) -> None:
        service, name, address = endpoint.member
        self.report(Finding(service, name, address, True))

    def _renew(self, error: GatewayError | None = None) -> None:
        """Replace ``ready``.  Who waits for a name asks those that are up, or fails with ``error`` where the last try has failed."""
        up = [one for one in self.all if not one.ejection.is_ejected]
        self._is_any_up = bool(up)
        well = [one for one in up if not one.ejection.is_unhealthy]
        count = len(well)
        if self.outlying is not None:
            count = len(self.outlying.settled(well))  # else each trial would begin and end a panic
            well = self.outlying.left(well) or well
        undecided = [one for one in self.all if one.ejection.is_untried]
        proven = len(self.all) - len(undecided)
        count += len([one for one in up if one.ejection.is_unprobed])  # perhaps it is well
        is_panic = count < self.panic_below * proven
        if is_panic != self._is_panic:
            self._is_panic = is_panic
            self._tell_panic(count, proven)
        if is_panic:
            well = [one for one in self.all if not one.ejection.is_untried]
        if self.all and (up or not undecided):
            self.reachable = tuple(well or up or [*self.all])
            self.ready = self._left()
            self._empty_rooms(None if up else error)
        else:
            self.reachable = tuple([one for one in self._rooms if one.pool.problem is None] or self._rooms)
            self.ready = self._left()

    def _tell_panic(self, count: int, proven: int) -> None:
        if not self.all:
            return  # the supervisor forgets services that are gone
        reason = f"{count} of {proven} are left, less than {self.panic_below:.0%}" if self._is_panic else ""
        service, cause = self.all[0].member[0], "panic" if self._is_panic else ""
        self.report(Finding(service, "", "", not self._is_panic, cause=cause, reason=reason, kind=PANIC))

    def reconsider(self) -> None:
        """Others are left out, or back, by what is asked about it."""
        self._renew()

    def publish(self) -> None:
        """The breaker may leave others than before."""
        ready = self._left()
        if ready != self.ready:  # else balancers would learn anew what they know
            self.ready = ready

    def _left(self) -> tuple[Any, ...]:
        found = self.reachable if self.breaking is None else self.breaking.pickable(self.reachable)
        return found if self.outlying is None or self._is_panic else self.outlying.guarded(found)

    def _empty_rooms(self, error: GatewayError | None) -> None:
        for room in self._rooms:
            if error is None:
                room.pool.hand_over()
            else:
                room.pool.turn_away(error)
