"""The vocabulary of the configuration file as pydantic models: names, types, defaults, and the words an editor shows.

Defaults are written as an operator would write them and parsed like anything else, so that this file, the JSON Schema and
``docs/configuration.md`` show the same text.  A key without a value (``filters:``) has its default; unknown keys are errors.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WrapValidator
from pydantic_core import CoreSchema

from fastgw.config.adapter import Adapter
from fastgw.config.admin import AdminAddress
from fastgw.config.admission import Admission
from fastgw.config.answers import Files, Redirect, Reply
from fastgw.config.balance import Balanced, Zone
from fastgw.config.bound import Bound, ListenerTls
from fastgw.config.breaker import Breaker
from fastgw.config.cache import Cache
from fastgw.config.copies import Copies, Shadow
from fastgw.config.dialect import Dialect
from fastgw.config.discovery import Discovery
from fastgw.config.ejection import Ejection
from fastgw.config.fallback import Fallback
from fastgw.config.filters import FILTERS
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.forecast import Forecasts
from fastgw.config.grpc import Grpc, with_conditions
from fastgw.config.health import HealthCheck
from fastgw.config.hedges import Hedge
from fastgw.config.inside import Inside
from fastgw.config.model import (
    Model,
    OneOrMore,
    alternative,
    false_is_none,
    off_is_none,
    setting,
    sound_or_unsound,
)
from fastgw.config.models import ModelKey, NamedModel, RouteModels
from fastgw.config.mqtt_calls import MqttRequests
from fastgw.config.plugin import FilterPlugin, OrPlugin, TransformerPlugin
from fastgw.config.registration import GatewayRegistration, RegisteredService
from fastgw.config.reloads import Reloading
from fastgw.config.retries import Retry
from fastgw.config.service_credentials import ServiceCredentials
from fastgw.config.service_tls import ServiceTls
from fastgw.config.streams import Streams
from fastgw.config.subset import Metadata
from fastgw.config.telemetry import Telemetry
from fastgw.config.transformers import TRANSFORMERS
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import (
    Boolean,
    Connect,
    CpuAffinity,
    DroppableField,
    Duration,
    FieldName,
    FieldValue,
    FilePath,
    Label,
    Method,
    Name,
    NameKey,
    NameServer,
    Network,
    Percentage,
    PositiveDuration,
    RouteHost,
    RoutePath,
    ServiceHost,
    ServiceName,
    Size,
    Sticky,
    Upgrade,
    User,
    WorkerCount,
    WorkerTimeout,
    count,
    count_or,
    size,
    words,
)
from fastgw.config.versions import Rollout, VersionBy
from fastgw.config.websocket import FramedWebSocket
from fastgw.config.websocket_service import WebSocketService
from fastgw.core.settings import AS_FORECAST

if TYPE_CHECKING:
    AnyFilter = FilterOptions
    SeveralTransformers = list[TransformerOptions]
else:
    AnyFilter = Annotated[
        Union[tuple(FILTERS.values())],  # noqa: UP007 - of a registry
        Field(discriminator="type"),
        OrPlugin(FilterPlugin, FILTERS),
        WrapValidator(sound_or_unsound),
    ]
    AnyTransformer = Annotated[
        Union[tuple(TRANSFORMERS.values())],  # noqa: UP007 - as above
        Field(discriminator="name"),
        OrPlugin(TransformerPlugin, TRANSFORMERS),
        BeforeValidator(TransformerOptions.long_form),
        WrapValidator(sound_or_unsound),
    ]
    SeveralTransformers = Annotated[list[AnyTransformer], OneOrMore(words=True)]


class Resolver(Model):
    """How the names of endpoints are looked up: beforehand, and again by their time to live."""

    servers: list[NameServer] = setting(
        [], "Name servers: address or address:port. Default: those of /etc/resolv.conf."
    )
    timeout: PositiveDuration = setting("5s", "How long a look-up may take.")
    min_interval: PositiveDuration = setting("5s", "A name is looked up again no sooner, whatever its time to live.")
    max_interval: PositiveDuration = setting("60s", "And no later.")


class Shutdown(Model):
    """What happens on SIGTERM."""

    grace: Duration = setting("30s", "How long exchanges in flight may go on before they are cut.")
    lame_duck: Duration = setting(
        "0s",
        "How long everything is still accepted behind the signal, while `/readyz` says 503: for balancers to notice.",
    )
    stream_grace: Duration = setting(
        "0s",
        "The same as `grace` for answers of server-sent events and for tunnels, if it is longer: then they are ended.",
    )


class ListenerTimeouts(Model):
    """Deadlines towards clients; 0 switches one off."""

    head: Duration = setting("10s", "From the first byte of a request to the end of its head, in total (408).")
    idle: Duration = setting("60s", "How long a kept connection may be without a request.")
    body: Duration = setting("30s", "Between two reads of a request body (408).")
    write: Duration = setting("60s", "How long a client may read nothing of its answer before it is cut.")
    linger: Duration = setting(
        "30s", "How long what a client still sends behind the last answer is thrown away. 0: closed at once."
    )


class ListenerLimits(Model):
    """Bounds towards clients, per worker."""

    head_size: Annotated[int, size(1024, 1 << 20)] = setting(
        "32KiB", "Bytes of a head, or of the trailers of a body (431)."
    )
    head_count: Annotated[int, count(1, 10_000)] = setting(100, "Header fields of a head (431).")
    uri_length: Annotated[int, size(64, 1 << 20)] = setting("8KiB", "Bytes of a request target (414).")
    connections: Annotated[int, count(1, 10_000_000)] = setting(10_000, "Open connections; more are closed at once.")
    connections_per_address: Annotated[int, count(0, 10_000_000)] = setting(
        0, "Open connections of one client address; more are closed at once. 0: no limit."
    )
    handshakes: Annotated[int, count(1, 1_000_000)] = setting(
        256, "TLS handshakes, and waits for a PROXY header, under way; more wait to be accepted."
    )
    body_memory: Size = setting("64MiB", "Bytes of request bodies that wait to be sent; beyond it clients are held.")
    streams: Annotated[int, count(1, 10_000)] = setting(
        100, "Requests of one HTTP/2 connection under way; more are refused."
    )


class Listener(Bound):
    """One address that accepts requests.  Every listener serves every route."""

    name: Name | None = setting(None, "For metrics and logs. Default: listener-1, listener-2, ...")
    before_routing: list[Name] = setting(
        [], "Filters that see every request before a route is looked for; they stand in front of all chains."
    )
    filters: list[Name] = setting(
        ["request_id"], "Chain of this listener, behind the global one and in front of that of every route."
    )
    timeouts: ListenerTimeouts = setting({}, "Deadlines towards clients.")
    limits: ListenerLimits = setting({}, "Bounds towards clients.")
    trusted_proxies: list[Network] = setting([], "Peers whose Forwarded, X-Real-IP and X-Forwarded-* fields are kept.")
    drop_headers: list[DroppableField] = setting([], "More request header fields that never pass.")
    proxy_protocol: Boolean = setting(
        False, "Every connection begins with a PROXY protocol header (version 1 or 2); others are closed."
    )
    proxy_protocol_from: list[Network] = setting([], "Peers that may send it; others are closed. Default: any peer.")
    tls: ListenerTls | None = setting(None, "Speak TLS. Default: plain HTTP.")
    protocols: list[Annotated[str, words("http/1.1", "h2", "mqtt")]] | None = setting(
        None,
        "h2 is HTTP/2, by ALPN with TLS, else with prior knowledge; mqtt stands alone. Default: http/1.1, with TLS h2 too.",
    )
    half_close: Annotated[str, words("abort", "answer")] = setting(
        "abort", "What a client gets that ends its sending side and waits: nothing, it counts as gone, or its answer."
    )


class Share(Model):
    """One part of a split."""

    service: Name = setting(..., "Name of a service.")
    weight: Annotated[int, count(0, 1_000_000)] = setting(
        ..., "Its share of the requests, relative to the other weights; 0: none."
    )


class Mirror(Copies):
    """A service that gets copies of a route's requests; what it answers is discarded."""

    service: Name = setting(..., "Name of the service; not one that the route leads to.")


class Transformers(Model):
    """What makes another format of the bodies of a route, in the order in which bytes meet it: names, or mappings with name and options."""

    input: SeveralTransformers = setting([], "Of requests, behind all filters. One alone needs no list.")
    output: SeveralTransformers = setting([], "Of answers, in front of all filters. One alone needs no list.")


class Route(Model):
    """Which requests it matches, and what happens to them.  The most specific route wins, wherever it stands."""

    name: Label | None = setting(None, "For metrics and logs. Default: methods, host, path and headers.")
    path: RoutePath = setting(..., "/a/b exact, /a/* prefix, /v1/{model}/predict with parameters.")
    grpc: Grpc | None = setting(None, "Calls of gRPC: of which service, in the place of path, and their bounds.")
    host: RouteHost = setting("", "api.example exact, *.edge.example any name below it. Default: any host.")
    methods: list[Method] = setting([], "Default: any method.")
    headers: dict[FieldName, FieldValue] = setting(
        {}, 'Fields a request must have, with their exact value or "*" for any.'
    )
    service: ServiceName | None = setting(
        None,
        "Name of the service that answers, or {parameter} of the path that names it. Either this, or one of the next five.",
    )
    among: list[Name] = setting(
        [], "Names of services that {parameter} can have. Default: those that are code in this process."
    )
    split: list[Share] = setting([], "Several services with weights.")
    reply: Reply | None = setting(None, "An answer that is written here.")
    redirect: Redirect | None = setting(None, "Where clients are sent.")
    files: Files | None = setting(None, "A directory of small files that are sent.")
    adapter: Adapter | None = setting(None, "What does not speak HTTP: a broker of MQTT.")
    models: Annotated[RouteModels | None, BeforeValidator(false_is_none)] = setting(
        None,
        "true: the model that a request names in its body says which service answers. Beside it service has the rest.",
    )
    sticky: Sticky = setting("", "header:name or cookie:name: equal values stay with one part of the split.")
    mirror: Mirror | None = setting(None, "A service that gets copies of requests. Default: none.")
    cache: Cache | None = setting(None, "What of the answers is kept. Default: nothing.")
    timeout: Duration = setting("0", "For the whole exchange (504). 0: off.")
    answer_timeout: Duration = setting("120s", "From the end of the request to the head of the answer (504). 0: off.")
    stream_idle_timeout: Duration = setting("120s", "Between two reads of the answer's body (visible cut). 0: off.")
    tunnel_idle_timeout: Duration = setting("1h", "Silence of both sides of an upgraded connection. 0: off.")
    upgrades: list[Upgrade] = setting(["websocket"], "Protocols a client may upgrade to.")
    websocket: FramedWebSocket | None = setting(None, "WebSockets by frames, within bounds. Default: by bytes.")
    max_body: Size = setting("32MiB", "Bytes of a request body (413).")
    body_buffer: Size = setting("64KiB", "Bytes of an incomplete body held before it gets a connection. 0: none.")
    body_wait: Duration = setting("1s", "How long an incomplete request body is held at most.")
    half_close: Annotated[str, words("abort", "answer")] | None = setting(
        None, "What a client gets that ends its sending side. Default: as the listener says."
    )
    filters: list[Name] = setting([], "Chain of this route, behind that of the listener.")
    transformers: Transformers = setting({}, "What makes another format of bodies, closest to the service.")
    errors: Annotated[str, words("problem", "openai", "anthropic", "ollama", "dialect")] = setting(
        "problem",
        "Shape of error bodies: RFC 9457 problem details, or what the SDKs read; dialect: of the API that the path is of, the default "
        "with models.",
    )

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """With the conditions that ``grpc`` stands for."""
        return with_conditions(data)

    @property
    def parameter(self) -> str:
        """The parameter of the path that names the service; empty: none does."""
        return self.service[1:-1] if self.service is not None and self.service.startswith("{") else ""


class Endpoint(Model):
    """One place a service is reached at; an address alone is short for weight 1."""

    address: Connect = setting(..., "host:port, [v6]:port or unix:/path.")
    weight: Annotated[int, count(1, 65_535)] = setting(1, "Its share of the requests, relative to the other endpoints.")
    zone: Zone = setting("", "Where it is: those in the zone of the gateway are asked first.")
    metadata: Metadata = setting({}, "What it is, in words of your own, by which requests are given to it.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """An address alone."""
        return {"address": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "string"}, schema, handler)


class Pool(Model):
    """Connections to one endpoint, per worker."""

    max_connections: Annotated[int, count(1, 100_000)] = setting(256, "Open connections.")
    max_pending: Annotated[int, count(1, 1_000_000)] = setting(
        1024, "Exchanges waiting for one; more are answered 503."
    )
    idle_timeout: Duration = setting(
        "4s", "How long one is kept without use; less than the service keeps it. 0: used once."
    )
    connect_timeout: PositiveDuration = setting("1s", "To connect, TLS included (504).")
    pending_timeout: PositiveDuration = setting("5s", "How long an exchange waits for a connection (503).")
    warm: Annotated[int, count_or("forecast", AS_FORECAST, 0, 100_000)] = setting(
        0, "Connections opened before the first request; forecast: as many as are expected to be needed in this hour."
    )
    max_uploads: Annotated[int, count(1, 100_000)] | None = setting(
        None, "Requests at once whose body is still arriving. Default: half of what the connections carry."
    )
    max_streams: Annotated[int, count(1, 10_000)] = setting(
        100, "Requests at once on one connection of HTTP/2, or fewer where the service says so."
    )
    ping_interval: Duration = setting(
        "10s", "Silence of a connection of HTTP/2 with requests after which it is asked whether it is there. 0: never."
    )
    ping_timeout: PositiveDuration = setting("5s", "How long its answer may take; then its requests fail.")


class Version(Inside):
    """One version of a service: where it is reached, or code in this process; all else is as the service says."""

    endpoints: list[Endpoint] = Field(
        [], description="Where this version is reached; at least one, or discovery.", json_schema_extra={"minItems": 1}
    )
    discovery: Discovery | None = setting(None, "Where members are listed that come and go. Default: nowhere.")
    weight: Annotated[int, count(0, 1_000_000)] = setting(
        ..., "Its share of the requests, relative to the other weights; 0: none."
    )


class Service(Balanced):
    """A named set of endpoints with one policy, or code in this process."""

    endpoints: list[Endpoint] = Field(
        [], description="Where the service is reached; at least one, or discovery.", json_schema_extra={"minItems": 1}
    )
    discovery: Discovery | None = setting(None, "Where members are listed that come and go. Default: nowhere.")
    register_as: RegisteredService | None = setting(
        None, "The name by which its healthy endpoints are registered for others, as registration says. Default: none."
    )
    pool: Pool = setting({}, "Connections to each endpoint.")
    tls: Annotated[ServiceTls | None, BeforeValidator(false_is_none)] = setting(None, "Speak TLS. Default: plain HTTP.")
    protocol: Annotated[str, words("http/1.1", "h2", "auto", "mqtt")] = setting(
        "http/1.1", "h2 is HTTP/2, by ALPN or with prior knowledge; auto: with tls what ALPN chooses; mqtt: a broker."
    )
    websocket: WebSocketService | None = setting(None, "It speaks WebSocket only: each request is one. Default: HTTP.")
    host: ServiceHost = setting(
        "preserve", "The Host it is told: preserve (the client's), endpoint (its address), or a literal."
    )
    credentials: ServiceCredentials | None = setting(None, "What the gateway sends it for the credentials of clients.")
    retry: Retry = setting({}, "When another endpoint is tried.")
    dialect: Dialect | None = setting(None, "The API of models that it speaks: other requests are translated.")
    check_answers: Boolean = setting(True, "Whether what is no answer to a request for a model, HTML say, is 502.")
    tell_timeout: Boolean = setting(False, "Tell it how many milliseconds it has, in x-request-timeout-ms.")
    hedge: Annotated[Hedge | None, BeforeValidator(off_is_none)] = setting(
        None, "When a second endpoint is asked because the first takes long. Default: never."
    )
    streams: Streams | None = setting(
        None, "What is done about streams that it answers with. Default: those of models are told of what breaks."
    )
    ejection: Annotated[Ejection | None, BeforeValidator(off_is_none)] = setting(
        {}, "When an endpoint that cannot be connected to, or does worse than the others, is left out."
    )
    panic_below: Percentage = setting(
        "0%", "While fewer of the endpoints may be asked all are: the few would get too much. 0%: none may."
    )
    health: Annotated[HealthCheck | None, BeforeValidator(off_is_none)] = setting(
        None, "How its endpoints are probed, beside the requests. Default: they are not."
    )
    breaker: Annotated[Breaker | None, BeforeValidator(off_is_none)] = setting(
        None, "When it, or an endpoint of it, is left alone because calls fail or are slow. Default: never."
    )
    versions: dict[NameKey, Version] = setting(
        {}, "Several versions with weights, each with endpoints of its own. Default: it has none."
    )
    version_by: VersionBy = setting({}, "What of a request decides its version, before the weights do.")
    shadow: Shadow | None = setting(None, "A version that gets copies of requests. Default: none does.")
    rollout: Rollout | None = setting(None, "The steps of fastgw promote --plan. Default: it has no plan.")
    fallback: list[Fallback] = setting([], "What answers instead where this service cannot, first to last.")
    admission: Annotated[Admission | None, BeforeValidator(off_is_none)] = setting(
        None, "How many requests it is sent at one time, and who waits. Default: any number, nobody."
    )


class Configuration(Model):
    """Configuration of fastgw."""

    zone: Zone = setting("", "Where this gateway is, such as a rack or an availability zone.")
    user: User | None = setting(
        None, "Whom it becomes when root starts it: user or user:group. Default: it stays who starts it."
    )
    workers: WorkerCount = setting("auto", "Worker processes; auto: one per processor.")
    cpu_affinity: CpuAffinity | None = setting(
        None, "Processors that the workers are pinned to, one each: auto, or a list. Default: they are not."
    )
    worker_timeout: WorkerTimeout = setting(
        "60s", "How long a worker may give no sign of life before it is killed and another started. 0: for ever."
    )
    admin: Annotated[AdminAddress | None, BeforeValidator(false_is_none)] = setting({}, "Metrics, status and orders.")
    admin_socket: Annotated[FilePath | None, BeforeValidator(false_is_none)] = setting(
        "", "Unix socket for fastgw status, reload, promote and the like. false: none."
    )
    state_file: FilePath = setting(
        "",
        "What those commands have said, over restarts; beside it is kept what others have told: members, addresses of names, keys.",
    )
    resolver: Resolver = setting({}, "How the names of endpoints are looked up.")
    shutdown: Shutdown = setting({}, "What happens on SIGTERM.")
    reload: Reloading = setting({}, "How a new content of this file comes into use.")
    telemetry: Annotated[Telemetry | None, BeforeValidator(false_is_none)] = setting(
        None, "Traces and metrics that are sent to an OpenTelemetry collector. Default: none."
    )
    forecast: Forecasts | None = setting(None, "What services will be asked for, learned. Default: nothing is.")
    registration: GatewayRegistration | None = setting(None, "Where it is registered, to be found. Default: nowhere.")
    chain: list[Name] = setting([], "Global chain: filters in front of those of every listener, first to last.")
    listeners: list[Listener] = Field(..., min_length=1, description="Addresses that accept requests.")
    routes: list[Route] = Field(..., min_length=1, description="Which requests go to which service.")
    services: dict[NameKey, Service] = setting({}, "Named sets of endpoints.")
    models: dict[ModelKey, NamedModel] = setting(
        {}, "Models by the names that clients ask for; in one * stands for any text, and default is for who names none."
    )
    filters: dict[NameKey, AnyFilter] = setting({}, "Named filters, for the chains.")
    mqtt: dict[NameKey, MqttRequests] = setting({}, "Messages of brokers that are requests.")


def json_schema() -> dict[str, Any]:
    """The vocabulary as JSON Schema (2020-12), for editors and for ``docs/fastgw.schema.json``."""
    schema = Configuration.model_json_schema(mode="validation")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "fastgw configuration"}
    return head | {name: value for name, value in schema.items() if name != "title"}
