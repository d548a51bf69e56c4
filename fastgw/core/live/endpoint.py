"""One place a service is reached at, with its pool of connections: a live thing that outlives the snapshots naming it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastgw.core.counters import Counters
from fastgw.core.http1.pool import Pool
from fastgw.core.live.addresses import Addresses
from fastgw.core.live.troubles import Troubles

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.errors import GatewayError


@dataclass(frozen=True, slots=True)
class Address:
    """``host``:``port`` over TCP, or a unix socket when ``path`` is given."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_name(self) -> bool:
        """Is the host a name that must be looked up, and no IP address (or the nothing of a unix socket)?"""
        return bool(self.host) and ":" not in self.host and not self.host.replace(".", "").isdigit()

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Bounds and deadlines of one endpoint's connections; seconds and counts, per worker."""

    max_connections: int = 256
    max_pending: int = 1024  #: exchanges waiting for a connection: more are answered 503
    idle_timeout: float = 4.0  #: below the 5 s after which uvicorn, and many like it, close an idle connection
    connect_timeout: float = 1.0  #: TCP and TLS together
    pending_timeout: float = 5.0  #: an exchange that got no connection: 503
    warm: int = 0  #: connections opened before the first request
    max_uploads: int | None = None  #: of ``max_connections``, for requests whose body is still arriving; None: half


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How a service's certificate is checked; part of what makes two endpoints differ."""

    verify: bool = True
    server_name: str = ""  #: SNI and the name verified; empty: the endpoint's host
    ca: str = ""  #: file of trusted certificates; empty: the system's
    cert: str = ""  #: client certificate file
    key: str = ""


@dataclass(frozen=True, slots=True)
class EndpointKey:
    """Everything that makes endpoints differ.  Equal keys are one endpoint, whatever snapshot names them."""

    service: str
    address: Address
    weight: int = 1
    tls: UpstreamTls | None = None
    pool: PoolSettings = PoolSettings()
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

    def __init__(self, key: EndpointKey, plane: DataPlane, context: ssl.SSLContext | None = None) -> None:
        """``context``: built from ``key.tls`` where the configuration is compiled."""
        self.key = key
        self.name = str(key.address)
        self.authority = b"localhost" if key.address.path else self.name.encode()
        self.weight = key.weight
        self.in_hand = 0  #: exchanges on its connections or waiting for one: the measure of ``least_request``
        self.ssl = context
        self.base = Counters.endpoint_base(key.slot)
        self.addresses = Addresses(self, plane)
        self.pool = Pool(self, plane)
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
