"""Live things, kept by key beside the snapshots that refer to them, so that a reload does not lose a warm connection."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.live.endpoint import Endpoint, EndpointKey
    from fastgw.core.snapshot.snapshot import Snapshot


class Registry:
    """The endpoints of one worker."""

    __slots__ = ("_endpoints", "_plane")

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._endpoints: dict[EndpointKey, Endpoint] = {}

    def endpoint(self, key: EndpointKey, context: ssl.SSLContext | None = None) -> Endpoint:
        """The endpoint of this key, made (without a connection yet) when it is new; its next connections use ``context``."""
        from fastgw.core.live.endpoint import (
            Endpoint,
        )  # compiled modules refer to each other in C: this one must not close the circle

        found = self._endpoints.get(key)
        if found is None:
            found = self._endpoints[key] = Endpoint(key, self._plane, context)
        else:
            found.ssl = context  # the same files, read again
        return found

    def retain(self, snapshot: Snapshot) -> None:
        """Retire every endpoint that ``snapshot`` does not use: its idle connections close now, busy ones when they finish."""
        used = {id(one) for one in endpoints_of(snapshot)}
        for key, endpoint in list(self._endpoints.items()):
            if id(endpoint) not in used:
                del self._endpoints[key]
                endpoint.pool.retire()

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def __len__(self) -> int:
        return len(self._endpoints)


def endpoints_of(snapshot: Snapshot) -> Iterable[Endpoint]:
    """Every endpoint a snapshot can send a request to (with repetitions)."""
    for service in snapshot.services:
        yield from service.endpoints
