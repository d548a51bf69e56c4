"""Live things, kept by key beside the snapshots that refer to them, so that a reload does not lose a warm connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from fastgw.core.live.endpoint import Endpoint, EndpointKey, EndpointSettings
from fastgw.core.live.members import Members
from fastgw.core.live.news import Finding

if TYPE_CHECKING:
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane


class Registry:
    """The endpoints of one worker, and the members of each service."""

    __slots__ = ("_endpoints", "_make_pool", "_members", "_plane")

    def __init__(self, plane: Plane, make_pool: Callable[[Endpoint, Plane], Pool]) -> None:
        self._plane = plane
        self._make_pool = make_pool
        self._endpoints: dict[EndpointKey, Endpoint] = {}
        self._members: dict[str, Members] = {}

    def members(self, service: str) -> Members:
        """The members of the service of this name; nobody yet, when it is new."""
        found = self._members.get(service)
        if found is None:
            found = self._members[service] = Members(self._report)
        return found

    def endpoint(self, key: EndpointKey, settings: EndpointSettings) -> Endpoint:
        """The endpoint of this key, made (without a connection yet) when it is new.

        One that there is goes on as it was: ``settings`` may be of a configuration that is refused in the end (``Members.update``).
        """
        found = self._endpoints.get(key)
        if found is None:
            members = self.members(key.service)
            found = self._endpoints[key] = Endpoint(key, settings, members, self._plane, self._make_pool)
        return found

    def retain(self, endpoints: Iterable[Endpoint]) -> None:
        """Retire every endpoint that is not one of ``endpoints``: its idle connections close now, busy ones when they finish."""
        used = {id(one) for one in endpoints}
        for key, endpoint in list(self._endpoints.items()):
            if id(endpoint) not in used:
                del self._endpoints[key]
                endpoint.retire()
        services = {key.service for key in self._endpoints}
        self._members = {name: found for name, found in self._members.items() if name in services}

    def hear(self, findings: Iterable[Finding], now: float) -> None:
        """Other workers have found that."""
        found = {(one.service, one.endpoint): one for one in findings}
        for endpoint in list(self):
            finding = found.get((endpoint.key.service, endpoint.name))
            if finding is not None:
                endpoint.members.learn(endpoint, finding, now)

    def _report(self, finding: Finding) -> None:
        if self._plane.on_finding is not None:
            self._plane.on_finding(finding)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def __len__(self) -> int:
        return len(self._endpoints)
