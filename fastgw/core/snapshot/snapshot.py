"""What a worker knows of its configuration: immutable, compiled, replaced whole.

A snapshot is built by ``config.compile`` from the validated configuration and installed by swapping one reference.  Every exchange
pins the snapshot's objects it began with (its listener, route and service), so a reload never changes an exchange under way.
Live things (endpoints with their pools) are not part of it: they are kept by key in ``core.live.registry`` and only referred to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.core.counters import Counters
from fastgw.core.exchange.unmatched import Fallbacks, allowed
from fastgw.core.snapshot.chain import Chain
from fastgw.routing import Router, Split
from fastgw.wire.fields import REQUEST_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable
from fastgw.wire.methods import served
from fastgw.wire.request import RequestReader

if TYPE_CHECKING:
    from fastgw.core.exchange.filter import Filter
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.settings import Limits, Timeouts

HELD_MAX = 64 * 1024  #: bytes of a request body that wait for a connection or a hook where ``body_buffer`` is 0
PIPELINE_BYTES = 64 * 1024  #: bytes read ahead of the exchange in progress, after which reading pauses


class Balancer(Protocol):
    """Chooses one of several endpoints (``policy.balancers``)."""

    def pick(self, candidates: Sequence[Any]) -> Any:
        """One of ``candidates``, which is not empty."""


class Service:
    """A named set of endpoints with one policy."""

    __slots__ = ("attempts", "balancer", "endpoints", "host", "host_policy", "keeps_host", "name", "retry_on")

    def __init__(
        self,
        name: str,
        endpoints: tuple[Endpoint, ...],
        balancer: Balancer,
        host_policy: str = "preserve",
        attempts: int = 2,
        retry_on: frozenset[str] = frozenset({"connect", "reset"}),
    ) -> None:
        """``host_policy``: "preserve", "endpoint" or a literal Host; ``attempts``: endpoints tried for one exchange, the first included."""
        self.name = name
        self.endpoints = endpoints
        self.balancer = balancer
        self.host_policy = host_policy
        self.keeps_host = host_policy == "preserve"
        self.host = b"" if host_policy in ("preserve", "endpoint") else host_policy.encode("latin-1")
        self.attempts = attempts
        self.retry_on = retry_on

    def untried(self, tried: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """The endpoints not in ``tried``."""
        return tuple(one for one in self.endpoints if one not in tried)


class Route:
    """What happens to the requests one rule matches: hooks, then a service, within limits."""

    __slots__ = (
        "answer_timeout",
        "base",
        "body_buffer",
        "body_held_max",
        "body_wait",
        "chain",
        "error_format",
        "half_close",
        "max_body",
        "name",
        "service",
        "slot",
        "split",
        "sticky",
        "stream_idle_timeout",
        "timeout",
        "tunnel_idle_timeout",
        "upgrades",
    )

    def __init__(
        self,
        name: str,
        slot: int,
        service: Service | None = None,
        split: Split[Service] | None = None,
        sticky: str = "",
        chain: Chain | None = None,
        max_body: int = 32 * 1024 * 1024,
        body_buffer: int = 64 * 1024,
        body_wait: float = 1.0,
        timeout: float = 0.0,
        answer_timeout: float = 120.0,
        stream_idle_timeout: float = 120.0,
        tunnel_idle_timeout: float = 3600.0,
        upgrades: frozenset[bytes] = frozenset({b"websocket"}),
        error_format: str = "problem",
        half_close: str = "",
    ) -> None:
        """With neither ``service`` nor ``split`` it is a listener's fallback, which answers 404 or 405.

        Args:
            name: for metrics, logs and ``fastgw route``.
            slot: its block of counters.
            service: where requests go, or
            split: between which services they are divided,
            sticky: "" or "header:<name>" or "cookie:<name>": equal keys choose the same part of the split.
            chain: its filters.
            max_body: bytes of a request body: 413.
            body_buffer: bytes of an incomplete request body that are held before it gets a connection, 0: none.
            body_wait: seconds after which it gets one all the same.
            timeout: seconds for the whole exchange, 0 = off: 504.
            answer_timeout: seconds from the request's end to the response head: 504.
            stream_idle_timeout: seconds between two reads of a response body: a visible cut.
            tunnel_idle_timeout: seconds in which neither side of an upgraded connection says anything: both close.
            upgrades: protocols a client may upgrade to, lower-case.
            error_format: "problem" (RFC 9457) or "openai".
            half_close: what a client that ends its sending side gets: "abort", "answer", or "": as the listener says.
        """
        self.name = name
        self.slot = slot
        self.base = Counters.route_base(slot)
        self.service = service
        self.split = split
        self.sticky = sticky
        self.chain = chain if chain is not None else Chain()
        self.max_body = max_body
        self.body_buffer = body_buffer
        self.body_held_max = body_buffer or HELD_MAX
        self.body_wait = body_wait
        self.timeout = timeout
        self.answer_timeout = answer_timeout
        self.stream_idle_timeout = stream_idle_timeout
        self.tunnel_idle_timeout = tunnel_idle_timeout
        self.upgrades = upgrades
        self.error_format = error_format
        self.half_close = half_close

    def in_format(self, error_format: str) -> Route:
        """A fallback route like this one that tells its errors in another format."""
        return Route(
            self.name,
            self.slot,
            chain=self.chain,
            max_body=self.max_body,
            error_format=error_format,
            half_close=self.half_close,
        )


class Listener:
    """One address that accepts requests, with the routes as seen from it."""

    __slots__ = (
        "allow",
        "body_memory",
        "drop_headers",
        "fallbacks",
        "half_close",
        "head_size",
        "idle_timeout",
        "limits",
        "matcher",
        "name",
        "pipeline_bytes",
        "plain",
        "reader",
        "router",
        "scheme",
        "table",
        "timeouts",
        "trusted",
        "trusted_table",
    )

    def __init__(
        self,
        name: str,
        router: Router[Route],
        fallback: Route,
        timeouts: Timeouts,
        limits: Limits,
        scheme: bytes = b"http",
        trusted: tuple[IPv4Network | IPv6Network, ...] = (),
        drop_headers: frozenset[bytes] = frozenset(),
        half_close: str = "abort",
    ) -> None:
        """``fallback``: the route of requests that no rule matches, whose errors have the format of the routes they are nearest to;
        ``trusted``: peers whose x-forwarded-* are believed; ``half_close``: "abort" or "answer", where the route does not say."""
        self.name = name
        self.router = router
        self.fallbacks = Fallbacks(router, fallback.in_format)
        self.scheme = scheme
        self.timeouts = timeouts
        self.limits = limits
        self.trusted = trusted
        self.drop_headers = drop_headers
        self.half_close = half_close
        self.body_memory = limits.body_memory
        self.head_size = limits.head_size  # what every request asks for stands here once more: one look-up less
        self.pipeline_bytes = PIPELINE_BYTES
        self.plain = router.plain
        self.matcher = router.matcher
        self.idle_timeout = timeouts.idle or float("inf")
        methods = served(method for rule in router.rules for method in rule.methods)
        self.reader = RequestReader(limits.head_count, limits.uri_length, methods)
        self.allow = allowed(router, methods)
        self.table = FieldTable(REQUEST_FIELDS, drop_headers)
        self.trusted_table = FieldTable(TRUSTED_REQUEST_FIELDS, drop_headers)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One generation of the configuration, as a worker uses it."""

    generation: int
    listeners: dict[str, Listener]
    services: tuple[Service, ...] = ()
    filters: tuple[Filter, ...] = ()  #: every filter some chain has, once: those with ``start`` and ``stop`` are told
