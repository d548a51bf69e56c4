"""A valid configuration as plain data: frozen, without defaults left open, picklable, independent of YAML and pydantic.

The supervisor makes one of these (``config.load``) and sends it to its workers, which compile it (``config.compile``).
Everything here has been checked: names are resolved, references exist, paths are absolute, durations are seconds, sizes
are bytes.

Tuples with names, because every process makes these classes when it starts: a frozen dataclass costs five times as
much, and so does a postponed annotation (a reason not to import ``annotations`` here).
"""

from typing import TYPE_CHECKING, NamedTuple

from fastgw.config.bind_spec import AccessSpec, BindSpec, TlsSpec
from fastgw.config.telemetry_spec import TelemetrySpec
from fastgw.core.bridge_settings import MqttBridgeSettings, MqttCallSettings
from fastgw.core.cache_settings import CacheSettings
from fastgw.core.settings import (
    Address,
    AdmissionSettings,
    DialectSettings,
    FilesSettings,
    FilterSettings,
    GrpcSettings,
    InsideSettings,
    KeySetSettings,
    ListenerSettings,
    MirrorSettings,
    PoolSettings,
    RedirectSettings,
    RedisSettings,
    ReplySettings,
    RouteSettings,
    ServiceSettings,
    UpstreamTls,
    VersionBySettings,
)
from fastgw.core.websocket_settings import WebSocketSettings

if TYPE_CHECKING:
    from fastgw.policy.rollout import RolloutTerms  # which a worker without versions does not need


def fallback_name(listener: str) -> str:
    """Name of what a listener answers with when no route matches, for its counters."""
    return f"{listener}:unmatched"


def mirror_name(route: str) -> str:
    """Name of what is sent to the mirror of a route, for its counters."""
    return f"{route}:mirror"


def version_name(service: str, version: str) -> str:
    """Name of a version as a service of its own, which no other service can have."""
    return f"{service}@{version}"


class AdminSpec(NamedTuple):
    """The admin address: where it is bound, as a ``BindSpec``, and who may ask there."""

    address: Address
    places: tuple[Address, ...]
    access: AccessSpec
    token: str  #: SHA-256 in hex of what a request must show; empty: all may read, nobody orders
    hosts: tuple[str, ...]  #: names that ``Host`` may have, beside those of loopback and the address itself
    tls: TlsSpec | None
    slow: float  #: seconds that an exchange takes which is shown for that; 0: none is

    @property
    def bind(self) -> BindSpec:
        """Where it is bound."""
        return BindSpec(self.address, self.places, self.access)


class UserSpec(NamedTuple):
    """Whom a gateway becomes that root has started."""

    name: str  #: empty: the user has none
    uid: int
    gid: int


class ListenerSpec(NamedTuple):
    """One address that accepts requests."""

    name: str
    bind: BindSpec
    before_routing: tuple[str, ...]  #: names of filters that see every request before a route is looked for
    filters: tuple[str, ...]  #: names, behind the global ones and in front of those of the route, first to last
    proxy_protocol: bool
    proxy_protocol_from: tuple[str, ...]  #: networks in CIDR form; empty: any
    tls: TlsSpec | None
    settings: ListenerSettings


class SplitSpec(NamedTuple):
    """One part of a weighted choice."""

    service: str
    weight: int


class ByNameSpec(NamedTuple):
    """A parameter of the path that names one of several services."""

    parameter: str
    services: tuple[str, ...]


class MirrorSpec(NamedTuple):
    """Where copies of a route's requests go."""

    service: str
    settings: MirrorSettings


class RouteSpec(NamedTuple):
    """Which requests it matches and what happens to them.  Exactly one of ``service``, ``by_name``, ``split``, ``reply``, ``redirect``,
    ``files`` and ``adapter`` is given, or ``models``, with ``service`` for what asks for none."""

    name: str
    path: str
    host: str
    methods: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    grpc: GrpcSettings | None  #: None: nobody looks whether its requests are calls
    websocket: WebSocketSettings | None  #: None: nobody reads frames
    service: str | None
    by_name: ByNameSpec | None
    split: tuple[SplitSpec, ...]
    reply: ReplySettings | None
    redirect: RedirectSettings | None
    files: FilesSettings | None
    adapter: MqttBridgeSettings | None
    mirror: MirrorSpec | None
    cache: CacheSettings | None
    filters: tuple[str, ...]
    transformers: tuple["FilterSpec", ...]  #: which are filters without a name of their own, closest to the service
    settings: RouteSettings
    models: tuple[str, ...] = ()  #: names of ``GatewaySpec.models``, of which the body of a request names one


class ModelPartSpec(NamedTuple):
    """One service that has a model."""

    service: str
    weight: int
    sent_as: str  #: the name that it has there, in which ``*`` is what the ``*`` of its own stands for; empty: as it is asked for


class ModelStepSpec(NamedTuple):
    """A model that answers in the place of another."""

    model: str
    service: str
    sent_as: str
    means: str = ""  #: the model that it is another name of; empty: of none


class ModelSpec(NamedTuple):
    """What one name of a model, or a pattern for such, leads to."""

    name: str
    parts: tuple[ModelPartSpec, ...]  #: at least one
    fallback: tuple[ModelStepSpec, ...]  #: first to last
    causes: tuple[str, ...]  #: of ``policy.fallback.CAUSES``
    statuses: tuple[int, ...]
    means: str = ""  #: the model that it is another name of; empty: of none

    @property
    def services(self) -> tuple[str, ...]:
        """Those that requests may come to."""
        return (*(one.service for one in self.parts), *(one.service for one in self.fallback))


class EndpointSpec(NamedTuple):
    """One place a service is reached at."""

    address: Address
    weight: int
    zone: str = ""  #: where it is
    metadata: tuple[tuple[str, str], ...] = ()


class HashSpec(NamedTuple):
    """What of a request decides which endpoint it goes to."""

    key: tuple[bytes | str, ...]  #: as ``filters.variables.Template`` takes it
    max_load: float  #: in times the average; 0: any


class PrefixSpec(NamedTuple):
    """How much may come together where prompts begin alike."""

    max_load: float  #: exchanges in hand of an endpoint, in times the average; 0: any number


class SubsetSpec(NamedTuple):
    """What requests ask for of the metadata of endpoints."""

    match: tuple[
        tuple[str, tuple[bytes | str, ...]], ...
    ]  #: by key what it must be, as ``filters.variables.Template`` takes it
    otherwise: str  #: "none" or "any"


class AffinitySpec(NamedTuple):
    """A cookie that brings a client back to the endpoint that it was at."""

    cookie: str
    secrets: tuple[str, ...]  #: the first makes its values, all are known
    ttl: int  #: seconds that a client keeps it; 0: until it ends

    def __repr__(self) -> str:
        return f"AffinitySpec({self.cookie!r}, ttl={self.ttl})"  # nothing that is secret


class FallbackSpec(NamedTuple):
    """What answers in the place of a service, and when; one of the last three is given."""

    causes: tuple[str, ...]  #: of ``policy.fallback.CAUSES``
    statuses: tuple[int, ...]
    service: str | None
    reply: ReplySettings | None
    cached: float | None  #: seconds that what a cache has kept may be old


class ModelListsSpec(NamedTuple):
    """Where members say which models they have."""

    path: str
    port: int | None  #: None: that of the endpoint
    interval: float  #: seconds
    timeout: float


class EngineSpec(NamedTuple):
    """Where inference engines tell how busy they are."""

    kind: str  #: one of ``policy.engines.KINDS``, or "auto"
    path: str
    port: int | None  #: None: that of the endpoint
    interval: float  #: seconds
    timeout: float
    metrics: tuple[str, ...]  #: names; empty: all of the kind
    poll: bool  #: their pages are read
    reports: bool  #: their answers say it, too
    pass_reports: bool  #: which clients get


class HealthSpec(NamedTuple):
    """How the endpoints of a service are probed (``server.probing``); seconds."""

    type: str  #: "http", "tcp" or "grpc"
    path: str  #: and query
    host: str  #: the Host that is told; empty: the endpoint
    headers: tuple[tuple[str, str], ...]  #: names in lower case
    status: tuple[tuple[int, int], ...]  #: ranges that are good, both ends included
    body: str  #: what the body must have in it; empty: anything
    timeout: float
    interval: float
    healthy_after: int  #: good probes in a row
    unhealthy_after: int  #: bad ones
    service: str = ""  #: whose health is asked for by "grpc"; empty: the server as a whole


class AdmissionSpec(NamedTuple):
    """How many requests a service is sent at one time, and what of a request decides who comes first."""

    settings: AdmissionSettings
    class_key: tuple[bytes | str, ...]  #: as ``filters.variables.Template`` takes it; empty: all are of one class
    fair_key: tuple[bytes | str, ...]  #: the same, of "fair"; empty: nobody has turns


class ServiceSpec(NamedTuple):
    """A named set of endpoints with one policy."""

    name: str
    endpoints: tuple[EndpointSpec, ...]
    balance: str  #: one of ``config.balance.BALANCERS``
    hash: HashSpec | None  #: of "consistent_hash" and "maglev"
    prefix: PrefixSpec | None  #: of "prefix_hash"
    affinity: AffinitySpec | None
    engine: EngineSpec | None  #: of "engine"
    model_lists: ModelListsSpec | None  #: None: nobody asks members which models they have
    check_answers: bool  #: what is no answer to a request for a model is 502
    endpoint_picker: bool  #: somebody else may pick the endpoint, and says so in a field
    subset: SubsetSpec | None
    spill_below: float  #: share of the members in the gateway's zone of which fewer are not enough, 0 to 1
    slow_start: float  #: seconds that a new member takes to its whole share; 0: none
    admission: AdmissionSpec | None
    pool: PoolSettings
    tls: UpstreamTls | None
    protocol: str  #: "http/1.1", "h2" or "auto"
    fallback: tuple[FallbackSpec, ...]  #: first to last
    inside: InsideSettings | None  #: it is code in this process, with one endpoint that has no address; None: it is not
    health: HealthSpec | None  #: None: nobody is probed
    settings: ServiceSettings
    dialect: DialectSettings | None = None  #: None: nothing is translated for it
    discovery: object = None  #: ``core.sources.DiscoverySettings``; None: all its members are in ``endpoints``
    #: What the sources of ``discovery`` list now: of no file.  None: nothing was listed yet, or there are no sources.
    listed: tuple[EndpointSpec, ...] | None = None
    register_as: str | None = None  #: the service that its healthy endpoints are registered as; None: they are not

    @property
    def members(self) -> tuple[EndpointSpec, ...]:
        """Whoever is known to be one: the endpoints of the file, and others that are listed."""
        if not self.listed:
            return self.endpoints
        known = {one.address for one in self.endpoints}
        return (*self.endpoints, *(one for one in self.listed if one.address not in known))


class VersionSpec(NamedTuple):
    """One version of a service."""

    name: str
    service: str  #: name of the service that it is
    share: int  #: of the requests, as the file says it, in ``policy.shares.WHOLE``


class ShadowSpec(NamedTuple):
    """A version that gets copies."""

    version: str
    settings: MirrorSettings


class VersionsSpec(NamedTuple):
    """A service that has versions, each of which is one of ``GatewaySpec.services``."""

    name: str
    versions: tuple[VersionSpec, ...]
    shares: tuple[int, ...]  #: of the requests that they get now, as an operator has it
    by: VersionBySettings
    shadow: ShadowSpec | None
    rollout: "RolloutTerms | None"  #: the steps of a plan


class ResolverSpec(NamedTuple):
    """How the names of endpoints are looked up; seconds."""

    servers: tuple[str, ...]  #: "address:port"; empty: those of /etc/resolv.conf
    timeout: float
    min_interval: float
    max_interval: float


class ShutdownSpec(NamedTuple):
    """What happens on SIGTERM."""

    grace: float  #: seconds exchanges may go on after a request to stop
    lame_duck: float = 0.0  #: seconds before it in which everything is accepted still
    stream_grace: float = 0.0  #: seconds that streams and tunnels may go on; ``grace`` if that is longer

    @property
    def longest(self) -> float:
        """Seconds from the end of the lame-duck time until the last stream is ended."""
        return max(self.grace, self.stream_grace)


class ReloadSpec(NamedTuple):
    """How a new configuration comes into use."""

    watch: bool  #: load the file again when it, or one that is read with it, has another content
    poll_interval: float  #: seconds between two looks at those files that nothing has caused
    guard: float  #: seconds for which it is watched; 0: it is not
    max_error_increase: float  #: share of the requests, 0 to 1
    min_requests: int
    rehearse: float = 0.0  #: seconds back from now, of which recorded requests are led through it first; 0: none are
    max_lost: float = 0.0  #: share of those that were answered which may be no more, 0 to 1


class ForecastSpec(NamedTuple):
    """What services will be asked for."""

    store: str  #: absolute path of the file
    max_services: int


RECORD = "fastgw.filters.record:record"  #: what makes filters that record requests
PLUGIN = "fastgw.filters.plugin:plugin"  #: what makes filters and transformers of other packages


class FilterSpec(NamedTuple):
    """A filter with its options as the filter's type takes them (numbers are seconds and bytes by now)."""

    name: str
    made_by: str  #: "module:Class", called with the name and a mapping of the options
    options: tuple[tuple[str, object], ...]
    settings: FilterSettings
    does: str  #: one phrase, for ``fastgw route``


class GatewaySpec(NamedTuple):
    """A whole configuration."""

    source: str  #: absolute path of the file it was read from
    zone: str  #: where this gateway is; empty: nobody says
    user: UserSpec | None  #: None: whoever starts it
    workers: int  #: 0 = one per processor
    cpu_affinity: (
        tuple[int, ...] | None
    )  #: processors that they are pinned to, one after the other; empty: all; None: not pinned
    worker_timeout: float  #: seconds without a sign of life after which one is killed; 0: never
    admin: AdminSpec | None  #: None = no admin address
    admin_socket: str  #: absolute path of it; empty: none
    state_file: str  #: absolute path
    resolver: ResolverSpec
    shutdown: ShutdownSpec
    reload: ReloadSpec
    telemetry: TelemetrySpec | None  #: None: nothing is sent
    forecast: ForecastSpec | None  #: None: nothing is forecast
    registration: object  #: ``core.sources.RegistrationSettings``; None: nothing is registered.  No worker gets it
    chain: tuple[str, ...]  #: names of the filters in front of every listener's, outermost first
    listeners: tuple[ListenerSpec, ...]
    routes: tuple[RouteSpec, ...]
    services: tuple[ServiceSpec, ...]
    versioned: tuple[VersionsSpec, ...]  #: names that routes may use as those of services
    filters: tuple[FilterSpec, ...]  #: every filter a chain names, built-in ones without a definition included
    key_sets: tuple[KeySetSettings, ...]  #: that those filters have, each once
    redis: tuple[RedisSettings, ...]  #: by which those filters share limits, each once
    unmatched: RouteSettings  #: of requests that no route matches: what a route has that says nothing
    models: tuple[ModelSpec, ...] = ()
    mqtt: tuple[MqttCallSettings, ...] = ()  #: messages of brokers that are requests

    def services_of_models(self, route: RouteSpec) -> tuple[str, ...]:
        """The services that ``route`` leads to by the names of models."""
        return (
            tuple(name for one in self.models if one.name in route.models for name in one.services)
            if route.models
            else ()
        )
