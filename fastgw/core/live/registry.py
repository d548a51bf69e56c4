"""Live things, kept by key beside the snapshots that refer to them, so that neither a reload nor another answer for a name loses a warm
connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastgw.core.counters import SERVICE
from fastgw.core.live.addresses import members_of
from fastgw.core.live.endpoint import Endpoint, EndpointKey, EndpointSettings
from fastgw.core.live.expected import EXPECTED
from fastgw.core.live.members import Members
from fastgw.core.live.news import Finding
from fastgw.core.live.waiting import WaitingRoom
from fastgw.steps import Steps

if TYPE_CHECKING:
    from fastgw.core.live.gate import GateTerms, ServiceGate
    from fastgw.core.live.pool import Pool
    from fastgw.core.live.roles import Breakers, Outliers
    from fastgw.core.plane import Plane
    from fastgw.core.settings import EjectionSettings, ServiceSettings

#: The endpoints of a service as its configuration has them: a host name is one.
Roster = tuple[tuple[EndpointKey, EndpointSettings], ...]


class Registry:
    """The endpoints of one worker, and the members of each service."""

    __slots__ = ("_endpoints", "_entries", "_gates", "_make_pool", "_members", "_plane")

    def __init__(self, plane: Plane, make_pool: Callable[[Endpoint, Plane], Pool]) -> None:
        self._plane = plane
        self._make_pool = make_pool
        self._endpoints: dict[EndpointKey, Endpoint] = {}
        self._members: dict[str, Members] = {}
        # What was made of each entry of the last roster that is one member, by the identity of that: the entry, and endpoint and settings.
        # It holds the entries, so none of the identities is another's.
        self._entries: dict[Members, dict[int, tuple[Any, tuple[Endpoint, EndpointSettings]]]] = {}
        self._gates: dict[str, ServiceGate] = {}

    @property
    def plane(self) -> Plane:
        """That of the worker."""
        return self._plane

    def members(self, service: str) -> Members:
        """The members of the service of this name; nobody yet, when it is new."""
        found = self._members.get(service)
        if found is None:
            found = self._members[service] = Members(self._report)
        return found

    def gate(self, service: str, slot: int, terms: GateTerms) -> ServiceGate:
        """The gate of the service of this name, whose block of counters is ``slot``.

        One that is there keeps its own terms until ``terms`` are installed."""
        found = self._gates.get(service)
        if found is None:
            from fastgw.core.live.gate import ServiceGate  # which a worker without one does not need

            found = self._gates[service] = ServiceGate(service, self._plane, SERVICE.base(slot), terms)
        return found

    def endpoint(self, key: EndpointKey, settings: EndpointSettings, members: Members) -> Endpoint:
        """The endpoint of this key, made (without a connection yet) when it is new; of a name its waiting room."""
        found = self._endpoints.get(key)
        if found is None:
            make_pool = WaitingRoom if key.address.is_name else settings.make_pool or self._make_pool
            found = self._endpoints[key] = Endpoint(key, settings, members, self._plane, make_pool)
        return found

    def update(self, members: Members, roster: Roster, ejection: EjectionSettings | None) -> None:
        """A snapshot is installed, or a name has other addresses: let ``members`` be those of ``roster``.

        An endpoint that stays goes on as it was, with these settings; who leaves finishes what is under way there, and who waits for a
        connection to it asks another member.

        An entry that is the very one of the last roster is known by that: where thousands are listed, each change leaves nearly all alone.
        """
        rooms, found = [], []
        before, entries = self._entries.get(members, {}), {}
        for entry in roster:
            known = before.get(id(entry))
            if known is not None and not known[1][0].is_retired:
                found.append(known[1])
                entries[id(entry)] = known
                continue
            key, settings = entry
            if key.is_room:
                rooms.append((self.endpoint(key, settings, members), settings))
            seats = [(self.endpoint(one, settings, members), settings) for one in members_of(key, self._plane.names)]
            found += seats
            if not key.is_room:
                entries[id(entry)] = entry, seats[0]
        self._entries[members] = entries
        for endpoint in members.update(tuple(found), tuple(rooms), ejection, self._plane.now):
            self._retire(endpoint)
            endpoint.pool.hand_over()

    def retain(self, used: Iterable[Members], gates: Iterable[Any] = ()) -> Steps[None]:
        """Retire every endpoint that is of none of ``used``: its idle connections close now, busy ones when they finish.  Who waits at a
        gate that is none of ``gates`` goes on.  Nobody asks the members that go, so it may take its time."""
        known = {id(one) for one in used}
        for endpoint in list(self):
            yield
            if id(endpoint.members) not in known:
                self._retire(endpoint)
        for members in list(self._members.values()):
            yield
            if id(members) not in known:
                members.take_breaking(None)
                members.take_outlying(None)
        self._members = {name: found for name, found in self._members.items() if id(found) in known}
        self._entries = {members: found for members, found in self._entries.items() if id(members) in known}
        kept = {id(one) for one in gates}
        gone = [one for one in self._gates.values() if id(one) not in kept]
        self._gates = {name: one for name, one in self._gates.items() if id(one) in kept}
        for gate in gone:
            gate.retire()

    def sweep(self, now: float) -> None:
        """Some time has passed; ``now``: loop time."""
        if EXPECTED.exchanges is not None and not self._plane.is_draining:
            EXPECTED.sweep(self, self._gates)
        for endpoint in self:
            endpoint.sweep(now)
        for members in self._members.values():
            if members.outlying is not None:
                members.outlying.sweep()
        for gate in self._gates.values():
            gate.sweep(now)

    def breaking(self, service: str, settings: ServiceSettings, slot: int) -> Breakers | None:
        """The breakers of this service, if what they are to do is the same, else others; None: it shall have none.

        ``slot``: its block of counters.
        """
        if settings.breaker is None:
            return None
        from fastgw.core.live.breaking import Breaking  # which a worker without one does not need

        members, base = self.members(service), SERVICE.base(slot)
        known = members.breaking
        if known is not None and (known.settings, known.base) == (settings.breaker, base):
            return known
        return Breaking(settings.breaker, members, self._plane, service, base)

    def outlying(self, service: str, settings: ServiceSettings) -> Outliers | None:
        """What leaves out members of this service that fail or are slow, if it is to do the same, else another; None: nothing shall."""
        ejection = settings.ejection
        if ejection is None or not (ejection.failures or ejection.slow):
            return None
        from fastgw.core.live.outlying import Outlying  # which a worker without one does not need

        members = self.members(service)
        known = members.outlying
        return known if known is not None and known.settings == ejection else Outlying(ejection, members, self._plane)

    @property
    def breakers(self) -> list[Breakers]:
        """Of all services that have some."""
        return [one.breaking for one in self._members.values() if one.breaking is not None]

    def hear(self, findings: Iterable[Finding], now: float) -> None:
        """Other workers have found that."""
        members = {endpoint.member: endpoint for endpoint in self}
        for one in findings:
            endpoint = members.get(one.member)
            if endpoint is not None:
                endpoint.members.learn(endpoint, one, now)
            elif not one.endpoint and one.service in self._members:
                self._members[one.service].learn(None, one, now)

    def _retire(self, endpoint: Endpoint) -> None:
        if self._endpoints.get(endpoint.key) is endpoint:
            del self._endpoints[endpoint.key]
        endpoint.retire()

    def _report(self, finding: Finding) -> None:
        if self._plane.on_finding is not None:
            self._plane.on_finding(finding)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def __len__(self) -> int:
        return len(self._endpoints)
