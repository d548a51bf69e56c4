"""What an operator can set of the data plane, as plain data: what every configuration says, in its final form.

The keys of the file have the names of the fields here (``config.build`` fills them by name), durations are seconds, sizes are bytes.
There is no default: ``config.schema`` has them, in the words of the file, beside what each key means.

Tuples with names, because every process makes these classes when it starts: a frozen dataclass costs five times as much, and so
does a postponed annotation (a reason not to import ``annotations`` here).
"""

from typing import Final, NamedTuple

from fastgw.core.credential_settings import CredentialSettings
from fastgw.core.websocket_settings import WebSocketCalls
from fastgw.wire.methods import IDEMPOTENT

ANY_HOST = "*"  #: the host of a socket that takes IPv6 and IPv4: ``[::]`` without ``ipv6_only``
LISTED = "listed"  #: the inside of an address that stands for whatever members a list has
# What a service speaks.
HTTP1 = "http/1.1"
HTTP2 = "h2"
WEBSOCKET = "websocket"  #: and nothing else: each request is one, see ``core.websocket``
AUTO = "auto"  #: whatever ALPN chooses; HTTP/1.1 without TLS
MQTT = "mqtt"  #: 3.1.1 and 5.0, to a broker; of a listener: by clients over TCP
#: What a service that speaks so is offered by ALPN (RFC 7301), the most wanted first.
OFFERED = {HTTP1: (HTTP1,), WEBSOCKET: (HTTP1,), HTTP2: (HTTP2,), AUTO: (HTTP2, HTTP1), MQTT: (MQTT,)}


class Address(NamedTuple):
    """``host``:``port`` over TCP, or a unix socket when ``path`` is given, or no place at all."""

    host: str = ""
    port: int = 0
    path: str = ""
    inside: str = ""  #: what answers in this process, where no socket leads: "python:module:Class"

    @property
    def is_name(self) -> bool:
        """Is the host a name that must be looked up, and no IP address (or the nothing of a unix socket)?"""
        host = self.host
        return bool(host) and ":" not in host and not host.replace(".", "").isdigit() and host != ANY_HOST

    @property
    def is_here(self) -> bool:
        """Does it answer in this process?"""
        return bool(self.inside) and self.inside != LISTED

    def __str__(self) -> str:
        if self.inside:
            return self.inside
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Url(NamedTuple):
    """Where the gateway itself asks for something (``core.calls``): https, or http on this host."""

    is_tls: bool
    host: str
    port: int
    target: str  #: path and query
    ca: str = ""  #: file of trusted certificates; empty: the system's

    @property
    def authority(self) -> str:
        """Host and port, as ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        """For people: without the query, which may have a secret in it."""
        return f"http{'s' if self.is_tls else ''}://{self.authority}{self.target.partition('?')[0]}"


class TraceSettings(NamedTuple):
    """Which exchanges are recorded as spans (``filters.tracing``)."""

    sample: float  #: of traces that begin here, 0 to 1
    parents: str  #: whose traces are gone on with: "trusted", "any" or "none"


class RedisSettings(NamedTuple):
    """A Redis by which gateways share limits; of ``socket`` or ``host`` one is empty."""

    host: str
    port: int
    socket: str
    db: int
    is_tls: bool
    ca: str  #: file of trusted certificates; empty: the system's
    without_tls: bool  #: may another host be asked without TLS?
    username: str
    password: str
    timeout: float  #: seconds until there must be an answer

    def __str__(self) -> str:
        """For people: nothing that is secret."""
        if self.socket:
            return f"unix://{self.socket}?db={self.db}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' if self.is_tls else ''}://{host}:{self.port}/{self.db}"

    def __repr__(self) -> str:
        return str(self)


class KeySetSettings(NamedTuple):
    """Keys that tokens are signed with, where they are fetched from; seconds."""

    url: Url
    refresh: float  #: between two times that they are fetched
    stale: float  #: that they are used after the last time that this worked
    timeout: float  #: of fetching them


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
    streams: int  #: requests of one connection of HTTP/2 at a time: more are refused


AS_FORECAST: Final = -1  #: as many as ``core.live.expected`` says


class PoolSettings(NamedTuple):
    """Bounds and deadlines of one endpoint's connections; seconds and counts, per worker."""

    max_connections: int
    max_pending: int  #: exchanges waiting for a connection: more are answered 503
    idle_timeout: float  #: should be below what the service has: uvicorn, and many like it, close after 5 s
    connect_timeout: float  #: TCP and TLS together
    pending_timeout: float  #: an exchange that got no connection: 503
    warm: int  #: connections opened before the first request, or ``AS_FORECAST``
    max_uploads: (
        int | None
    )  #: requests at once whose body is still arriving; None: half of what ``max_connections`` carry
    max_streams: int  #: exchanges at once on one connection of HTTP/2
    ping_interval: (
        float  #: a connection of HTTP/2 says nothing while exchanges wait: it is asked whether it is there; 0: never
    )
    ping_timeout: float  #: it does not answer that: it is dead


class UpstreamTls(NamedTuple):
    """How a service's certificate is checked, and the one shown to it; part of what makes two endpoints differ."""

    ca: str  #: file of trusted certificates; empty: the system's
    server_name: str  #: SNI and the name verified; empty: the endpoint's host
    verify: bool
    cert: str  #: file of the client's certificate, or empty
    key: str


class FilterSettings(NamedTuple):
    """What happens when a filter fails."""

    on_failure: str  #: "closed": its exchange ends with an error; "open": it goes on as if the filter were not there
    timeout: float  #: seconds that a hook of it may wait; more is a failure


class GrpcSettings(NamedTuple):
    """What is done with calls of gRPC on a route; bytes, 0: any."""

    count_messages: bool
    max_request_message: int
    max_response_message: int


class DialectSettings(NamedTuple):
    """What a service speaks, where requests of other dialects are translated for it."""

    name: str  #: of ``wire.inference``
    max_tokens: int  #: of Anthropic's, that are asked for where a client says no bound
    max_tokens_as: str  #: of OpenAI's, the key by which it is told the bound of a client that speaks another


#: How errors are told: in the shape of the API that a path is of (``wire.inference``).
DIALECT: Final = "dialect"


class RouteSettings(NamedTuple):
    """How the requests of a route are treated; seconds (0 switches a deadline off) and bytes."""

    sticky: str  #: "", "header:<name>" or "cookie:<name>": equal keys choose the same part of a split
    timeout: float  #: the whole exchange: 504
    answer_timeout: float  #: from the end of the request to the head of the answer: 504
    stream_idle_timeout: float  #: between two reads of the answer's body: a visible cut
    tunnel_idle_timeout: float  #: neither side of an upgraded connection says anything: both close
    upgrades: tuple[str, ...]  #: protocols a client may upgrade to, lower case
    max_body: int  #: of a request: 413
    body_buffer: int  #: of an incomplete request body, held before it gets a connection; 0: none
    body_wait: float  #: after which it gets one all the same
    half_close: (
        str | None
    )  #: what a client that ends its sending side gets, as ``ListenerSettings`` has it; None: what that says
    errors: str  #: how they are told: "problem" (RFC 9457), "openai", "anthropic", "ollama" or ``DIALECT``


class ReplySettings(NamedTuple):
    """An answer that is written in the configuration."""

    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...]  #: names in lower case


class RedirectSettings(NamedTuple):
    """Where clients are sent."""

    status: int
    to: tuple[bytes | str, ...]  #: literal text, and names of variables
    takes_rest: bool  #: what the ``*`` of the route's path has taken is appended, and the query


class FilesSettings(NamedTuple):
    """Files that are sent to clients."""

    root: str  #: absolute path of a directory
    index_name: str  #: name of the file that stands for a directory; empty: none does
    max_size: int  #: bytes of one: 403
    cache_control: str  #: what its answers say; empty: nothing


class MirrorSettings(NamedTuple):
    """Which requests of a route are copied, and how much of the worker that may take."""

    share: float  #: of its requests, 0 to 1
    max_body: int  #: bytes of a request's body, with its framing
    max_in_flight: int  #: copies under way, in each worker
    credentials: str  #: "drop" or "keep": those of the client


class BatchSettings(NamedTuple):
    """How calls are gathered for a service that does many at once."""

    max: int  #: calls of a batch
    wait: float  #: seconds that the first of them may wait for others


class InsideSettings(NamedTuple):
    """A service that is code in this process."""

    kind: str  #: the key that names it: "python"
    reference: str  #: "module:Class", or the name of an entry point
    folder: str  #: where modules are looked for that are nowhere else
    settings_json: bytes  #: an object, an object: the settings of the code itself
    run: str  #: "auto", "loop", "thread" or "process"
    workers: int | None  #: calls at one time; None: as many as are usual where it runs
    queue: int  #: calls that wait: more are answered 503
    max_input: int  #: bytes of a request body: 413; of ASGI those of a message of a WebSocket
    root_path: str  #: of an ASGI application: where it is mounted
    batch: BatchSettings | None  #: None: each call is made by itself

    @property
    def label(self) -> str:
        """What it is called, where others have an address."""
        return f"{self.kind}:{self.reference}"


class VersionBySettings(NamedTuple):
    """What of a request decides its version, before the shares do."""

    header: str | None  #: a field in which clients may name one, lower case
    sticky: str  #: as in ``RouteSettings``: equal keys choose the same version


class BackoffSettings(NamedTuple):
    """How long a request waits that is sent again: a part, by chance, of a time that doubles; seconds."""

    base: float  #: before the second try
    max: float


class BudgetSettings(NamedTuple):
    """What of the requests of a service may be sent again."""

    share: float  #: of those of the last seconds, 0 to 1
    floor: int  #: in a second beyond it, all workers together


class RetrySettings(NamedTuple):
    """When an exchange is sent to another endpoint."""

    attempts: int  #: endpoints tried at most, the first included
    on: tuple[str, ...]  #: of "connect", "reset", "timeout", "5xx" and statuses
    methods: tuple[str, ...]  #: of requests that may be sent twice; empty: those that are idempotent
    max_body: int  #: bytes of a body that are kept to be sent again
    try_timeout: (
        float  #: from the end of the request to the head of the answer, of each try; seconds, 0: as the route says
    )
    backoff: BackoffSettings
    max_retry_after: float  #: the longest that an answer may ask to wait; seconds
    budget: BudgetSettings | None  #: None: there is no bound
    grpc_statuses: tuple[str, ...]  #: names of the codes of gRPC that are asked again for

    @property
    def is_of_sent(self) -> bool:
        """Is there something in it for which a request that was sent is sent again?"""
        return bool(self.grpc_statuses) or any(one != "connect" for one in self.on)


class HedgeSettings(NamedTuple):
    """When a request is sent to a second member beside the first; seconds, and parts of 1."""

    quantile: float  #: of the times to the head of an answer, after which; not of use where ``after`` says it
    after: float  #: 0: as learned
    max_share: float  #: of the requests of the last 10 s that may be
    min_delay: float  #: the least that is learned
    methods: tuple[str, ...]  #: of requests that may be sent twice; empty: those that are idempotent

    @property
    def sends_twice(self) -> frozenset[bytes]:
        """Methods of the requests that may be."""
        return frozenset(one.encode() for one in self.methods) or IDEMPOTENT


class EjectionSettings(NamedTuple):
    """When a member that cannot be connected to, or does worse than its siblings, is left out; seconds, and parts of 1."""

    after: int  #: failures in a row
    base: float  #: the first time; doubled with every further one
    max: float  #: the longest; and how long it must have worked to begin at ``base`` again
    failures: float  #: the part of the calls that fails; 0: nobody is left out for those
    slow: float  #: times the median of the siblings; 0: the same
    minimum: int  #: calls in the window
    window: float  #: seconds
    max_share: float  #: of the members, left out at a time for ``failures`` and ``slow``


class BreakerSettings(NamedTuple):
    """When a service, or a member of it, is left alone (``policy.breaker``); seconds, and parts of 1."""

    scope: str  #: "member", "service" or "both": whose calls are counted together
    failures: float  #: the part of the calls that fails; 0: it does not open for failures
    slow: float  #: the part that is slow; 0: it does not open for those
    slow_after: float  #: what is slow; 0: nothing
    minimum: int  #: calls in the window
    window: float
    base: float  #: how long it is open the first time; doubled with every further one
    max: float  #: the longest; and how long it must have been closed to begin at ``base`` again
    trials: int  #: calls let through while it is half open
    statuses: tuple[int, ...]  #: answers that are failures


class AdmissionSettings(NamedTuple):
    """How many requests a service is sent at one time, and what becomes of the others; seconds."""

    limit: int  #: in all workers; of one that is learned, where it begins
    least: int  #: of one that is learned
    most: int  #: the same; 0: it is fixed
    queue_size: int  #: requests that wait in each worker
    queue_timeout: float  #: each
    discipline: str  #: one of ``policy.queue.DISCIPLINES``
    classes: tuple[str, ...]  #: of priority, the first before all others; at least one
    reserved: tuple[float, ...]  #: of each class, its part of the limit, 0 to 1
    default_rank: int  #: place of the class of requests that name none
    status: str  #: "503" or "429"
    retry_after: float
    shed_lag: float  #: of the worker's loop, beyond which it turns requests away; 0: never
    is_forecast: (
        bool  #: one that is learned begins where ``core.live.expected`` says, or at ``limit`` if that says nothing
    )


class StreamSettings(NamedTuple):
    """What is done about streams of events, or lines, that a service answers with; seconds, 0: off."""

    first_token_timeout: float  #: from the end of the request to the first content
    event_timeout: float  #: between two events that say something
    keep_alive: float  #: silence behind which the client is sent a comment
    error_event: bool  #: one that breaks off ends with an event that says so


class ServiceSettings(NamedTuple):
    """What a service is told, and which of its endpoints is asked when."""

    host: str  #: the Host it sees: "preserve" (the client's), "endpoint" (its address) or a literal
    retry: RetrySettings
    ejection: EjectionSettings | None  #: None: never
    breaker: BreakerSettings | None  #: None: there is none
    tell_timeout: bool  #: in ``x-request-timeout-ms``, how long it has
    panic_below: float  #: while less than this part of the members may be asked all are, 0 to 1
    hedge: HedgeSettings | None  #: None: no request is sent to two members at one time
    streams: StreamSettings | None  #: None: nothing is done about them
    credentials: CredentialSettings | None  #: None: those of clients go to it
    websocket: WebSocketCalls | None  #: it speaks nothing else; None: it does not

    @property
    def sends_twice(self) -> bool:
        """Whether a second member may be asked beside the first."""
        return self.hedge is not None

    @property
    def has_times(self) -> bool:
        """Is there something to be done for every request that is sent to it?"""
        return self.tell_timeout or self.is_timed

    @property
    def is_timed(self) -> bool:
        """Has each try at it a time of its own?"""
        return self.retry.try_timeout > 0 or self.is_held

    @property
    def is_held(self) -> bool:
        """Do streams of it begin with their first content?"""
        return self.streams is not None and self.streams.first_token_timeout > 0

    @property
    def minds_answers(self) -> bool:
        """Are there answers of it that are a reason to ask again?"""
        return bool(self.retry.grpc_statuses) or any(one[:1].isdigit() for one in self.retry.on)


class ListenerSettings(NamedTuple):
    """How the clients of a listener are treated."""

    timeouts: Timeouts
    limits: Limits
    trusted_proxies: tuple[str, ...]  #: networks in CIDR form: peers whose x-forwarded-* are believed
    drop_headers: tuple[str, ...]  #: request fields that never pass, lower case
    half_close: str  #: "abort" or "answer": what a client that ends its sending side gets
    protocols: tuple[str, ...]  #: what is spoken, by the names of ALPN: "http/1.1", "h2"
