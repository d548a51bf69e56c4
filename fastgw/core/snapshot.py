"""What a worker knows of its configuration: immutable, compiled, replaced whole.

A snapshot is built by ``config.compile`` from the validated configuration and installed by swapping one reference.  Every exchange
pins the snapshot's objects it began with (its listener, route and service), so a reload never changes an exchange under way.
Live things (endpoints with their pools) are not part of it: they are kept by key in ``core.registry`` and only referred to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.core.chain import Chain
from fastgw.routing import Router, Split
from fastgw.wire.fields import REQUEST_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable
from fastgw.wire.request import RequestReader

if TYPE_CHECKING:
    from fastgw.core.endpoint import Endpoint
    from fastgw.core.filter import Filter


class Balancer(Protocol):
    """Chooses one of several endpoints (``policy.balancers``)."""

    def pick(self, candidates: Sequence[Any]) -> Any:
        """One of ``candidates``, which is not empty."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Downstream deadlines in seconds; 0 switches one off (``docs/configuration.md``)."""

    head: float = 10.0  #: from the first byte of a request (or the accept) to the end of its head, in total
    idle: float = 60.0  #: a kept connection without a request
    body: float = 30.0  #: between two reads of a request body
    write: float = 60.0  #: a client that reads nothing of its answer


@dataclass(frozen=True, slots=True)
class Limits:
    """Downstream bounds, each with the status it answers (``docs/configuration.md``)."""

    head_size: int = 32 * 1024  #: bytes of a request or response head, trailers of a body likewise: 431
    head_count: int = 100  #: fields of a head: 431
    uri_length: int = 8 * 1024  #: bytes of a request target: 414
    connections: int = 10_000  #: downstream connections of a worker: closed at once
    connections_per_address: int = 0  #: of one client address and worker, 0 = no limit: closed at once
    pipeline_bytes: int = 64 * 1024  #: bytes read ahead of the exchange in progress: reading pauses


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A named set of endpoints with one policy."""

    name: str
    endpoints: tuple[Endpoint, ...]
    balancer: Balancer
    host_policy: str = "preserve"  #: "preserve", "endpoint" or a literal Host value
    attempts: int = 2  #: endpoints tried for one exchange at most, the first included
    retry_on: frozenset[str] = frozenset({"connect", "reset"})


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """What happens to the requests one rule matches: hooks, then a service, within limits."""

    name: str
    slot: int
    service: Service | None = None  #: None with ``split`` None: the listener's fallback, which answers 404 or 405
    split: Split[Service] | None = None
    sticky: str = ""  #: "", "header:<name>" or "cookie:<name>": equal keys choose the same part of the split
    chain: Chain = field(default_factory=Chain)
    max_body: int = 32 * 1024 * 1024  #: bytes of a request body: 413
    timeout: float = 0.0  #: seconds for the whole exchange, 0 = off: 504
    answer_timeout: float = 120.0  #: seconds from the request's end to the response head: 504
    stream_idle_timeout: float = 120.0  #: seconds between two reads of a response body: a visible cut
    tunnel_idle_timeout: float = (
        3600.0  #: seconds in which neither side of an upgraded connection says anything: both close
    )
    upgrades: frozenset[bytes] = frozenset({b"websocket"})  #: protocols a client may upgrade to
    error_format: str = "problem"  #: "problem" (RFC 9457) or "openai"


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """One address that accepts requests, with the routes as seen from it."""

    name: str
    router: Router[Route]
    fallback: Route
    scheme: bytes = b"http"
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()
    drop_headers: frozenset[bytes] = frozenset()
    proxy_protocol: bool = False
    reader: RequestReader = field(init=False)
    table: FieldTable = field(init=False)  #: how fields of ordinary peers are treated
    trusted_table: FieldTable = field(init=False)  #: and those of peers in ``trusted``

    def __post_init__(self) -> None:
        put = object.__setattr__  # frozen: these three are made from the rest once
        put(self, "reader", RequestReader(self.limits.head_count, self.limits.uri_length))
        put(self, "table", FieldTable(REQUEST_FIELDS, self.drop_headers))
        put(self, "trusted_table", FieldTable(TRUSTED_REQUEST_FIELDS, self.drop_headers))


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One generation of the configuration, as a worker uses it."""

    generation: int
    listeners: dict[str, Listener]
    services: tuple[Service, ...] = ()
    filters: tuple[Filter, ...] = ()  #: every filter some chain has, once: those with ``start`` and ``stop`` are told
