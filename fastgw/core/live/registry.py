"""Live things, kept by key beside the snapshots that refer to them, so that a reload does not lose a warm connection."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from fastgw.core.live.endpoint import Endpoint, EndpointKey

if TYPE_CHECKING:
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane


class Registry:
    """The endpoints of one worker."""

    __slots__ = ("_endpoints", "_make_pool", "_plane")

    def __init__(self, plane: Plane, make_pool: Callable[[Endpoint, Plane], Pool]) -> None:
        self._plane = plane
        self._make_pool = make_pool
        self._endpoints: dict[EndpointKey, Endpoint] = {}

    def endpoint(self, key: EndpointKey, context: ssl.SSLContext | None = None) -> Endpoint:
        """The endpoint of this key, made (without a connection yet) when it is new; its next connections use ``context``."""
        found = self._endpoints.get(key)
        if found is None:
            found = self._endpoints[key] = Endpoint(key, self._plane, self._make_pool, context)
        else:
            found.ssl = context  # the same files, read again
        return found

    def retain(self, endpoints: Iterable[Endpoint]) -> None:
        """Retire every endpoint that is not one of ``endpoints``: its idle connections close now, busy ones when they finish."""
        used = {id(one) for one in endpoints}
        for key, endpoint in list(self._endpoints.items()):
            if id(endpoint) not in used:
                del self._endpoints[key]
                endpoint.pool.retire()

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def __len__(self) -> int:
        return len(self._endpoints)
