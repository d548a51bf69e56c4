"""The versions of a service: each is a service, and a request to the name that they share goes to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastgw.routing.split import Split
from fastgw.routing.sticky import sticky_key

if TYPE_CHECKING:
    from fastgw.core.settings import VersionBySettings
    from fastgw.core.snapshot.snapshot import Service


class Shares:
    """How requests are divided among versions now; changed in place, so that nobody compiles anything for it."""

    __slots__ = ("names", "split")

    def __init__(self, names: Sequence[str], shares: Sequence[int]) -> None:
        """``names``: of the versions, in the order of the file; ``shares``: relative to each other, one of them above 0."""
        self.names = tuple(names)
        self.replace(shares)

    def replace(self, shares: Sequence[int]) -> None:
        """From the next request on."""
        self.split = Split([*zip(self.names, shares, strict=True)])


class Versions:
    """What stands where a route, a split or a mirror names a service that has versions."""

    __slots__ = ("_by", "_by_field", "_header", "_salt", "_services", "_sticky", "name", "shares")

    def __init__(self, name: str, services: Mapping[str, Service], shares: Shares, by: VersionBySettings) -> None:
        """``services``: by the name of the version."""
        self.name = name
        self.shares = shares
        self._services = dict(services)
        self._by_field = {version.encode(): one for version, one in services.items()}
        self._by = by
        self._header = by.header.encode() if by.header is not None else b""
        self._sticky = by.sticky
        self._salt = b"version %b " % name.encode()  # else who is first in one split would be first everywhere

    @property
    def services(self) -> tuple[Service, ...]:
        """Every service that ``choose`` may return."""
        return tuple(self._services.values())

    def choose(self, exchange: Any) -> Service:
        """The version for ``exchange``: the one that its field names, if there is one of that name; else by the shares."""
        header = exchange.request.header
        if self._header:
            named = self._by_field.get(header(self._header) or b"")
            if named is not None:
                return named
        key = sticky_key(header, self._sticky) if self._sticky else b""
        split = self.shares.split
        fraction = split.sticky_fraction(self._salt + key) if key else exchange.plane.random()
        return self._services[split.choose(fraction)]

    def without_retries(self) -> Versions:
        """These versions, each asked once for each request, with the same shares at any time."""
        services = {version: one.without_retries() for version, one in self._services.items()}
        return Versions(self.name, services, self.shares, self._by)

    def falling_back(self, fallback: Any) -> Versions:
        """These versions, each with ``fallback`` in the place of its own, with the same shares at any time."""
        services = {version: one.falling_back(fallback) for version, one in self._services.items()}
        return Versions(self.name, services, self.shares, self._by)
