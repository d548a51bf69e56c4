"""Members that are listed elsewhere, in the plans of the supervisor: a plan says who they are now, whatever its file says.

A plan that is prepared, and the one in use, are completed with what is listed at that moment; each list that comes later is told to the
workers, who have it in what they serve and in what they have prepared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.config.listed import Lists, with_lists
from fastgw.config.spec import EndpointSpec, GatewaySpec
from fastgw.core.live.news import MemberNews
from fastgw.core.settings import Address
from fastgw.server.messages import Slots

if TYPE_CHECKING:
    from fastgw.server.discovering import Discovering
    from fastgw.server.slots import Tables


class Listable(Protocol):
    """A plan (``gateway.Plan``)."""

    spec: GatewaySpec
    slots: Slots
    pieces: tuple[bytes, ...]  #: what was made of both for the workers; empty: nothing yet


class MemberLists:
    """What is listed of all services, and the counters of the members."""

    def __init__(self, tables: Tables) -> None:
        """``tables``: that say which block of counters a member has."""
        self._tables = tables
        self.known: dict[str, tuple[EndpointSpec, ...]] = {}
        self.discovering: Discovering | None = None  #: who keeps the sources; there once a service has some

    def learn(self, lists: Lists, plan: Listable | None) -> dict[str, tuple[MemberNews, ...]]:
        """These are the members of these services now, in ``plan`` too, which is in use; return what workers are told.

        What it takes is a matter of the services that are listed, not of all that there are."""
        self.known.update(lists)
        if plan is not None:
            self._change(plan)
        return {name: self._news(name, members) for name, members in lists.items()}

    def _change(self, plan: Listable) -> None:
        """``complete``, of a plan that is in use: members come to those that have counters, and others leave them."""
        spec = with_lists(plan.spec, self.known)
        if spec is plan.spec:
            return
        come: list[tuple[str, str]] = []
        gone: list[tuple[str, str]] = []
        for one, before in zip(spec.services, plan.spec.services, strict=True):
            if one is not before:
                now, then = ({member.address for member in service.members} for service in (one, before))
                come += [(one.name, str(address)) for address in now - then]
                gone += [(one.name, str(address)) for address in then - now]
        plan.spec, plan.pieces = spec, ()
        plan.slots = plan.slots._replace(endpoints=self._tables.change_endpoints(plan.slots, come, gone))

    def complete(self, plan: Listable) -> bool:
        """Have ``plan`` say who is listed now; whether it has said something else."""
        spec = with_lists(plan.spec, self.known)
        if spec is plan.spec:
            return False
        plan.spec, plan.pieces = spec, ()
        plan.slots = plan.slots._replace(endpoints=self._tables.plan_endpoints(spec))
        return True

    def retain(self, spec: GatewaySpec) -> None:
        """Forget the services that ``spec`` does not have, or whose members are not listed any more."""
        names = {one.name for one in spec.services if one.discovery is not None}
        self.known = {name: members for name, members in self.known.items() if name in names}

    def told(self) -> dict[str, list[Any]]:
        """What a successor begins with, whatever has become of the sources: plain data."""
        return {name: [(tuple(one.address), *one[1:]) for one in members] for name, members in self.known.items()}

    def begin_with(self, told: Mapping[str, Iterable[Sequence[Any]]]) -> None:
        """These are the members that a predecessor knew."""
        for name, members in told.items():
            found = [(Address(*address), weight, zone, metadata) for address, weight, zone, metadata in members]
            self.known[name] = tuple([EndpointSpec(*one[:3], tuple([tuple(pair) for pair in one[3]])) for one in found])

    def _news(self, service: str, members: tuple[EndpointSpec, ...]) -> tuple[MemberNews, ...]:
        slots = self._tables.slots_of(service, [str(one.address) for one in members])
        return tuple([MemberNews(*one, slot) for one, slot in zip(members, slots, strict=True)])
