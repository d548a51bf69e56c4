"""What an operator can set of the data plane, as plain data: what every configuration says, in its final form.

The keys of the file have the names of the fields here (``config.build`` fills them by name), durations are seconds, sizes are bytes.
There is no default: ``config.schema`` has them, in the words of the file, beside what each key means.

Tuples with names, because every process makes these classes when it starts: a frozen dataclass costs five times as much, and so
does a postponed annotation (a reason not to import ``annotations`` here).
"""

from typing import NamedTuple

ANY_HOST = "*"  #: the host of a socket that takes IPv6 and IPv4: ``[::]`` without ``ipv6_only``


class Address(NamedTuple):
    """``host``:``port`` over TCP, or a unix socket when ``path`` is given."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_name(self) -> bool:
        """Is the host a name that must be looked up, and no IP address (or the nothing of a unix socket)?"""
        host = self.host
        return bool(host) and ":" not in host and not host.replace(".", "").isdigit() and host != ANY_HOST

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Timeouts(NamedTuple):
    """Downstream deadlines in seconds; 0 switches one off."""

    head: float  #: from the first byte of a request (or the accept) to the end of its head, in total
    idle: float  #: a kept connection without a request
    body: float  #: between two reads of a request body
    write: float  #: a client that reads nothing of its answer
    linger: float  #: what a client still sends behind the last answer is thrown away, at most


class Limits(NamedTuple):
    """Downstream bounds, each with the status it answers."""

    head_size: int  #: bytes of a request or response head, trailers of a body likewise: 431
    head_count: int  #: fields of a head: 431
    uri_length: int  #: bytes of a request target: 414
    connections: int  #: downstream connections of a worker: closed at once
    connections_per_address: int  #: of one client address and worker, 0 = no limit: closed at once
    handshakes: int  #: connections of a worker in front of their first request: more wait to be accepted
    body_memory: int  #: bytes of request bodies of a worker that wait to be sent: clients are held


class PoolSettings(NamedTuple):
    """Bounds and deadlines of one endpoint's connections; seconds and counts, per worker."""

    max_connections: int
    max_pending: int  #: exchanges waiting for a connection: more are answered 503
    idle_timeout: float  #: should be below what the service has: uvicorn, and many like it, close after 5 s
    connect_timeout: float  #: TCP and TLS together
    pending_timeout: float  #: an exchange that got no connection: 503
    warm: int  #: connections opened before the first request
    max_uploads: int | None  #: of ``max_connections``, for requests whose body is still arriving; None: half


class UpstreamTls(NamedTuple):
    """How a service's certificate is checked, and the one shown to it; part of what makes two endpoints differ."""

    ca: str  #: file of trusted certificates; empty: the system's
    server_name: str  #: SNI and the name verified; empty: the endpoint's host
    verify: bool
    cert: str  #: file of the client's certificate, or empty
    key: str
