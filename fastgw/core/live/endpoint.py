"""One place a service is reached at, with its pool of connections: a live thing that outlives the snapshots naming it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastgw.core.counters import ENDPOINT
from fastgw.core.live.addresses import Addresses
from fastgw.core.live.troubles import Troubles
from fastgw.core.settings import Address, PoolSettings, UpstreamTls

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane
    from fastgw.errors import GatewayError


@dataclass(frozen=True, slots=True)
class EndpointKey:
    """Everything that makes endpoints differ.  Equal keys are one endpoint, whatever snapshot names them."""

    service: str
    address: Address
    pool: PoolSettings
    weight: int = 1
    tls: UpstreamTls | None = None
    slot: int = 0  #: counter block


class Endpoint:
    """Live state of one endpoint in one worker."""

    __slots__ = (
        "_plane",
        "addresses",
        "authority",
        "base",
        "in_hand",
        "key",
        "name",
        "pool",
        "ssl",
        "troubles",
        "weight",
    )

    def __init__(
        self,
        key: EndpointKey,
        plane: Plane,
        make_pool: Callable[[Endpoint, Plane], Pool],
        context: ssl.SSLContext | None = None,
    ) -> None:
        """``make_pool``: of the protocol that is spoken there; ``context``: built from ``key.tls`` where the configuration is compiled."""
        self.key = key
        self.name = str(key.address)
        self.authority = b"localhost" if key.address.path else self.name.encode()
        self.weight = key.weight
        self.in_hand = 0  #: exchanges on its connections or waiting for one: the measure of ``least_request``
        self.ssl = context
        self.base = ENDPOINT.base(key.slot)
        self.addresses = Addresses(key.service, key.address, plane, self.base, is_tls=key.tls is not None)
        self.pool = make_pool(self, plane)
        self.troubles: Troubles | None = None  #: what is wrong with it, as far as the log is concerned; None: nothing
        self._plane = plane

    def failed(self, error: GatewayError) -> None:
        """A request failed here, or a connection that nobody waited for could not be opened: let the log tell."""
        if self.troubles is None:
            self.troubles = Troubles(self.key.service, self.name, self._plane.report)
        self.troubles.failed(error, self._plane.now)

    def sweep(self, now: float) -> None:
        """Do what is due; ``now`` in coarse loop time."""
        self.pool.sweep(now)
        if self.troubles is not None and not self.troubles.sweep(now):
            self.troubles = None

    def __repr__(self) -> str:
        return f"<Endpoint {self.key.service}/{self.name} in_hand={self.in_hand} {self.pool!r}>"
