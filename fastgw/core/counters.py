"""The counters of one worker: plain 64-bit integers in memory that the supervisor shares and sums; and the table of all of them.

One slab per worker, in an anonymous file (memfd) that both sides map.  A worker only ever writes its own slab, so an increment
needs no lock and no system call; the supervisor reads (and writes only where no worker is alive to), so ``/metrics`` tells the same
story whichever worker answered, and a worker that died leaves its counts behind.  The file is sparse: an unused slot costs no memory.

    GLOBAL block | routes | services | endpoints | filters | LOCAL block | exemplars | models | bridge | limits | keys, each uint64

Which route, service, endpoint or filter owns which block (its *slot*) is decided by the supervisor and is stable across reloads.
A new metric is a row here and the increment.  The metrics page reads the rows; ``scripts/counters`` writes the constants for the C
compiler (``_counters.pxd``) and the table of ``docs/operations.md``, and a test fails where it was not run.
"""

from __future__ import annotations

from typing import Final

from fastgw.core import blocks, labels
from fastgw.core.blocks import GAUGE, Block

HISTOGRAM_SIZE: Final = blocks.HISTOGRAM_SIZE
GLOBAL: Final = Block(0, 128, 1)
ROUTE: Final = Block(GLOBAL.end, 256, 24576, "route")
SERVICE: Final = Block(ROUTE.end, 240, 4096, "service")
ENDPOINT: Final = Block(SERVICE.end, 96, 8192, "service", "endpoint")
FILTER: Final = Block(ENDPOINT.end, 8, 4096, "filter")
LOCAL: Final = Block(FILTER.end, SERVICE.size, 1)  #: of services in this process: their answers are on no page
EXEMPLARS: Final = Block(LOCAL.end, 6, 512)  #: a ring of what ``core.exemplars`` has kept
MODEL: Final = Block(EXEMPLARS.end, 96, 1855, "service", "gen_ai_response_model")  #: rows: ``core.model_counters``
BRIDGE: Final = Block(MODEL.end, 96, 1)  #: rows: ``core.bridge_counters``
LIMIT: Final = Block(BRIDGE.end, 6, 2048, "filter", "limit")  #: rows: ``core.limit_counters``
KEY: Final = Block(LIMIT.end, 6, 1024, "key")  #: rows: ``core.key_counters``
BLOCKS: Final = (GLOBAL, ROUTE, SERVICE, ENDPOINT, FILTER, LOCAL, EXEMPLARS, MODEL, BRIDGE, LIMIT, KEY)
SLAB_VALUES: Final = KEY.end
SLAB_BYTES: Final = SLAB_VALUES * 8

# --- the worker

EACH: Final = ("worker",)  #: labels of what is told of each worker by itself

CONNECTIONS = GLOBAL.counter("fastgw_downstream_connections", "Client connections accepted.")
CONNECTIONS_OPEN = GLOBAL.gauge("fastgw_downstream_connections_open", "Client connections open now.")
CONNECTIONS_REFUSED = GLOBAL.counter(
    "fastgw_downstream_connections_refused",
    "Client connections closed at once because of a limit: that of all connections, or that of one address.",
    label="reason",
    values=("limit", "address_limit"),
)
ADDRESS_REFUSED = CONNECTIONS_REFUSED + 1
ACCEPT_FAILURES = GLOBAL.counter(
    "fastgw_accept_failures",
    "Times clients were not accepted at once, for want of descriptors or memory.",
    "They wait in the queue (`connections cannot be accepted` on stderr), and it is tried again every 0.1 s.",
)
BAD_REQUESTS = GLOBAL.counter(
    "fastgw_bad_requests", "Requests refused before a route was looked for: 400, 414, 431, 501, 505."
)
HEAD_TIMEOUTS = GLOBAL.counter("fastgw_head_timeouts", "Requests whose head did not arrive in time: 408.")
HALF_CLOSES = GLOBAL.counter(
    "fastgw_downstream_half_closes",
    "Clients that ended their sending side while a request of theirs was in progress.",
    "Gone or waiting: [`half_close`](configuration.md#clients-that-end-their-sending-side) decides.",
)
HTTP2_STREAMS = GLOBAL.counter("fastgw_http2_streams", "Requests that came over HTTP/2.")
HTTP2_REFUSED = GLOBAL.counter("fastgw_http2_streams_refused", "Requests beyond `limits.streams` of a connection.")
HTTP2_RESETS = GLOBAL.counter("fastgw_http2_resets", "Requests over HTTP/2 that the client has reset.")
HTTP2_STREAM_ERRORS = GLOBAL.counter("fastgw_http2_stream_errors", "Streams that broke a rule of HTTP/2: reset.")
HTTP2_FAILURES = GLOBAL.counter("fastgw_http2_connection_errors", "Connections that broke one: GOAWAY, and closed.")
LINGERING_CUT = GLOBAL.counter(
    "fastgw_lingering_cut", "Clients cut that still sent behind the last answer.", "It may be lost to them (`linger`)."
)
BODIES_CUT = GLOBAL.counter(
    "fastgw_request_bodies_cut",
    "Requests whose body came too slowly while others waited for a connection: 408.",
    "Many are an attack.",
)
TLS_FAILURES = GLOBAL.counter("fastgw_tls_handshake_failures", "Client TLS handshakes that failed or timed out.")
TLS_FAILED = GLOBAL.counter(
    "fastgw_tls_handshake_failure_causes",
    "Client TLS handshakes that failed, by their cause.",
    "Each [cause](#clients-that-get-no-tls) is explained below.",
    label="cause",
    values=labels.TLS_CAUSES,
)
LOG_LINES_LOST = GLOBAL.counter(
    "fastgw_access_log_lines_lost",
    "Lines of access logs that could not be written.",
    "[Why](#log-files); alert on a rate.",
)
BOARD_FULL = GLOBAL.counter(
    "fastgw_board_full",
    "Requests that a limit of all workers could not count, because the board had no room for their key.",
    "What [the board](#limits-of-all-workers) is.",
)
EXCHANGES_OPEN = GLOBAL.gauge("fastgw_exchanges_open", "Exchanges (a request and its answer) under way now.")
TUNNELS_OPEN = GLOBAL.gauge("fastgw_tunnels_open", "Upgraded connections open now.")
BODIES_HELD = GLOBAL.gauge(
    "fastgw_request_bodies_held",
    "Requests that are held until their body, or its first part, is there.",
    "See [slow bodies](configuration.md#slow-bodies).",
)
BODY_BYTES_HELD = GLOBAL.gauge(
    "fastgw_request_body_bytes_held",
    "Bytes of request bodies that wait to be sent, and of bodies that filters gather.",
    "`limits.body_memory` bounds them.",
)
RETRIES = GLOBAL.counter("fastgw_retries", "Exchanges sent again, to another endpoint or over a fresh connection.")
SPANS = GLOBAL.counter("fastgw_spans", "Spans recorded of requests.", "See [tracing](tracing.md).")
SPANS_DROPPED = GLOBAL.counter("", "Spans that the supervisor did not take in time.")
GENERATION = GLOBAL.gauge("", "Generation of the installed snapshot.")
LOOP_LAG_US = GLOBAL.gauge("", "Lateness of the last sweep in microseconds, the worker's pulse.")
HEARTBEAT_MS = GLOBAL.gauge("", "When the loop last swept, milliseconds of the monotonic clock.")
RUNNING_SERVICE = GLOBAL.gauge("", "Of the service whose code the loop runs, its slot and one more; 0: of none.")
GLOBAL.again(CONNECTIONS, "fastgw_worker_connections", "Client connections that the worker has accepted.", *EACH)
GLOBAL.again(CONNECTIONS_OPEN, "fastgw_worker_connections_open", "Those open now.", *EACH, kind=GAUGE)
GLOBAL.again(
    EXCHANGES_OPEN, "fastgw_worker_exchanges_open", "Exchanges of the worker under way now.", *EACH, kind=GAUGE
)
LOOP_LATE_US = GLOBAL.histogram(
    "fastgw_worker_loop_late_seconds", "How late the event loop of the worker was, four times a second.", labels=EACH
)
#: Of one request of 64: docs/metrics.md says what is measured.
OVERHEAD_US = GLOBAL.histogram(
    "fastgw_worker_overhead_seconds", "What a request takes of us, measured of every 64th.", labels=EACH
)
GC_PAUSE_US = GLOBAL.histogram(
    "fastgw_worker_gc_pause_seconds", "How long the worker stood still to collect garbage.", labels=EACH
)
GC_COLLECTIONS = GLOBAL.counter(
    "fastgw_worker_gc_collections",
    "Times it did, by the oldest generation that was collected.",
    labels=(*EACH, "generation"),
    values=("0", "1", "2"),
)
HTTP2: Final = GLOBAL.room(8)  #: rows: ``core.http2_counters``
MQTT: Final = BRIDGE.room(48)  #: rows: ``core.mqtt_counters``
WASM: Final = BRIDGE.room(16)  #: rows: ``core.wasm_counters``

# --- a route

ROUTE_STARTED = ROUTE.counter("fastgw_requests_started", "Requests that matched the route.")
ROUTE_FINISHED = ROUTE.counter(
    "fastgw_requests_finished", "Requests of the route that came to their end, whatever it was."
)
ROUTE_ABORTED = ROUTE.counter("fastgw_requests_aborted", "Requests whose client went away first.")
ROUTE_OVER_LIMIT = ROUTE.counter(
    "fastgw_requests_over_limit",
    "Requests refused because as many were under way as a limit of concurrency allows.",
    "See [`concurrency`](filters.md#concurrency).",
)
ROUTE_RATE_LIMITED = ROUTE.counter(
    "fastgw_requests_rate_limited",
    "Requests that came faster than a limit of their rate allows, by what became of them.",
    "`let_through` are those of a filter with `dry_run`, `unknown` those refused because a Redis cannot be asked. See "
    "[`rate_limit`](filters.md#rate_limit).",
    label="outcome",
    values=labels.RATE_OUTCOMES,
)
ROUTE_RATE_LET_THROUGH = ROUTE_RATE_LIMITED + 1
ROUTE_RATE_UNKNOWN = ROUTE_RATE_LIMITED + 2
ROUTE_COSTS = ROUTE.counter(
    "fastgw_answer_costs",
    "Answers of services whose cost a limit counts, by what they said of it.",
    "What is `missing` or `invalid` costs the reserve. See [`rate_limit`](filters.md#bytes-and-costs).",
    label="outcome",
    values=labels.COST_OUTCOMES,
)
ROUTE_PLACES = ROUTE.gauge(
    "fastgw_limit_places", "Places that requests of the route hold in limits of concurrency.", "In this instance."
)
ROUTE_MIRRORED = ROUTE.counter(
    "fastgw_mirror_requests",
    "Requests of the route that were to be copied to its mirror.",
    "What [a mirror](configuration.md#mirrors) is.",
)
ROUTE_MIRROR_DROPPED = ROUTE.counter(
    "fastgw_mirror_dropped",
    "Copies of requests that got no answer of the mirror's service, by their cause.",
    "Each [cause](#mirrors) is explained below.",
    label="cause",
    values=labels.MIRROR_CAUSES,
)
ROUTE_CACHE_REQUESTS = ROUTE.counter(
    "fastgw_cache_requests",
    "Requests of the route that its cache has looked at, by what became of them.",
    "One that has `waited` may be `revalidated`, or a `miss`, then. See [caches](configuration.md#caches).",
    label="outcome",
    values=labels.CACHE_OUTCOMES,
)
ROUTE_CACHE_STORED = ROUTE.counter("fastgw_cache_stored", "Answers that the route's cache has kept, or kept on.")
ROUTE_CACHE_EVICTED = ROUTE.counter("fastgw_cache_evicted", "Answers that the route's cache has let go of for others.")
ROUTE_CACHE_INVALIDATED = ROUTE.counter("fastgw_cache_invalidated", "The same for unsafe requests that were answered.")
ROUTE_CACHE_BYTES = ROUTE.gauge("fastgw_cache_bytes", "Bytes that the route's caches of all workers hold.")
ROUTE_CACHE_ENTRIES = ROUTE.gauge("fastgw_cache_entries", "Answers that the route's caches of all workers hold.")
ROUTE_DIGEST_MISMATCHES = ROUTE.counter(
    "fastgw_digest_mismatches",
    "Requests whose body was not the one that their digest told of: 400.",
    "See [`digest`](filters.md#digest).",
)
ROUTE_DIGESTS_DROPPED = ROUTE.counter(
    "fastgw_digests_dropped",
    "Answers that got no digest, because they were too large to be gathered, or nobody knew how large they would be.",
    "Their clients take no trailers. See [`digest`](filters.md#digest).",
    label="cause",
    values=labels.DIGEST_CAUSES,
)
ROUTE_COMPRESSED_BYTES = ROUTE.counter(
    "fastgw_compressed_bytes",
    "Bytes of answers that were compressed, before and after.",
    "See [`compress`](compression.md#compress).",
    label="side",
    values=("before", "after"),
)
ROUTE_TOKENS_ACCEPTED = ROUTE.counter(
    "fastgw_tokens_accepted",
    "Requests with a token that a filter accepted, by what it was known from.",
    "`signature`: it was verified, `introspection`: the authority was asked. See [`jwt`](filters.md#jwt).",
    label="by",
    values=("cache", "signature", "introspection"),
)
ROUTE_TOKENS_REFUSED = ROUTE.counter(
    "fastgw_tokens_refused",
    "Requests refused for their token, or because they had none, by the cause.",
    "Each [cause](filters.md#jwt) is explained there.",
    label="cause",
    values=labels.TOKEN_CAUSES,
)
ROUTE_DENIED = ROUTE.counter(
    "fastgw_requests_denied",
    "Requests that a filter refused for who sent them, or because all are refused, by its type.",
    "See [who may pass](access.md).",
    label="filter",
    values=labels.DENIERS,
)
ROUTE_AUTHORIZATIONS = ROUTE.counter(
    "fastgw_authorizations",
    "Requests that another service was asked about, by what it said.",
    "`unavailable`: it gave no decision. See [`ext_authz`](asking.md#ext_authz).",
    label="outcome",
    values=labels.AUTHORIZATIONS,
)
ROUTE_INJECTED = ROUTE.counter(
    "fastgw_faults_injected",
    "Requests that a filter delayed, refused or cut on purpose.",
    "For tests; alert on a rate in production. See [`fault`](filters.md#fault).",
    label="kind",
    values=labels.INJECTED,
)
ROUTE_GRPC_CODES = ROUTE.counter(
    "fastgw_grpc_calls",
    "Calls of gRPC that are over, by the name of their code, of those that there were.",
    "Of routes that say [`grpc`](grpc.md#metrics).",
    label="code",
    values=labels.GRPC_CODES,
    is_sparse=True,
)
ROUTE_GRPC_MESSAGES = ROUTE.counter(
    "fastgw_grpc_messages", "Messages of such calls.", label="side", values=labels.GRPC_SIDES
)
ROUTE_GRPC_BYTES = ROUTE.counter(
    "fastgw_grpc_message_bytes", "Bytes of those, without their prefixes.", label="side", values=labels.GRPC_SIDES
)
ROUTE_STATUS = ROUTE.counter(
    "fastgw_responses",
    "Answers sent, by status class.",
    "`1xx` are upgrades.",
    label="status_class",
    values=labels.CLASSES,
)
ROUTE_CODES = ROUTE.counter(
    "fastgw_error_responses",
    "Those that are errors (4xx, 5xx) by status, of those that there were.",
    label="http_response_status_code",
    values=labels.CODES,
    is_sparse=True,
)
ROUTE_METHODS = ROUTE.counter(
    "fastgw_requests_by_method",
    "Requests that matched the route, by method, of those that there were.",
    "`_OTHER`: any but those of RFC 9110 and PATCH.",
    label="http_request_method",
    values=labels.METHODS,
    is_sparse=True,
)
ROUTE_FAULT_DOWNSTREAM = ROUTE.counter(
    "fastgw_request_faults",
    "Requests that failed, by whose fault it was.",
    "`internal` is a bug, a filter, a worker that died, something the gateway ran out of, or the end of its grace.",
    label="fault",
    values=("downstream", "upstream", "internal"),
)
ROUTE_FAULT_UPSTREAM, ROUTE_FAULT_INTERNAL = ROUTE_FAULT_DOWNSTREAM + 1, ROUTE_FAULT_DOWNSTREAM + 2
ROUTE_BYTES_IN = ROUTE.counter("fastgw_request_body_bytes", "Bytes of request bodies relayed.")
ROUTE_BYTES_OUT = ROUTE.counter("fastgw_response_body_bytes", "Bytes of response bodies relayed.")
ROUTE_DURATION_US = ROUTE.histogram(
    "http_server_request_duration_seconds",
    "From the end of a request's head to the end of its answer.",
    "The name is that of the OpenTelemetry conventions; [buckets](#durations).",
    labels=("http_route",),
)
ROUTE_BUCKETS = ROUTE_DURATION_US + 1
GUARDRAILS: Final = ROUTE.room(8)  #: rows: ``core.guardrail_counters``
WEBSOCKET: Final = ROUTE.room(27)  #: rows: ``core.websocket_counters``

# --- a service

SERVICE_REQUESTS = SERVICE.counter(
    "fastgw_service_requests", "Requests sent to the service.", "Each try is one; its endpoints share them."
)
SERVICE_ANSWERS_US = SERVICE.histogram(
    "fastgw_service_first_byte_seconds",
    "From the end of a request, as it was sent to the service, to the head of its answer, by status class.",
    "Time to first byte; [buckets](#durations). Its `_count` are the answers that came from the service, as it gave them.",
    label="status_class",
    values=(*labels.CLASSES, labels.OTHER_CAUSE),
)
SERVICE_UNANSWERED = SERVICE.counter(
    "fastgw_service_unanswered",
    "Requests sent to the service that ended before its answer began.",
    "It failed, took too long, or the client left.",
)
SERVICE_RETRIES = SERVICE.counter(
    "fastgw_service_retries",
    "Exchanges with the service sent again, by the cause.",
    "`fastgw_retries_total` is their sum. See [retry](errors.md#retry).",
    label="cause",
    values=labels.RETRY_CAUSES,
)
SERVICE_RETRIES_REFUSED = SERVICE.counter(
    "fastgw_service_retries_refused",
    "Exchanges with the service that could have been sent again, and were not, by what spoke against it.",
    "Each [reason](operations.md#retries) is explained below.",
    label="reason",
    values=labels.RETRY_REFUSALS,
)
SERVICE_HEDGES = SERVICE.counter(
    "fastgw_hedges", "Requests sent to a second endpoint too.", "See [hedging](configuration.md#hedging)."
)
SERVICE_HEDGES_WON = SERVICE.counter("fastgw_hedges_won", "Those whose answer came from the second endpoint.")
SERVICE_HEDGES_REFUSED = SERVICE.counter("fastgw_hedges_refused", "Those not sent twice: beyond `hedge.max_share`.")
SERVICE_FALLBACKS = SERVICE.counter(
    "fastgw_fallbacks",
    "Requests for the service that a fallback was asked for in its place, by cause.",
    "See [fallbacks](configuration.md#fallbacks).",
    label="cause",
    values=labels.FALLBACK_CAUSES,
)
SERVICE_BREAKER_REFUSED = SERVICE.counter(
    "fastgw_breaker_refused",
    "Requests refused at once because a breaker of the service was open: 503 `breaker_open`.",
    "[What to look at](#services-that-are-left-alone).",
)
SERVICE_BREAKER_TRANSITIONS = SERVICE.counter(
    "fastgw_breaker_transitions",
    "Times that a breaker of the service, or of one of its members, changed its state, by the new one.",
    "In each worker.",
    label="state",
    values=("open", "half_open", "closed"),
)
SERVICE_BREAKER_OPEN = SERVICE.gauge(
    "fastgw_breaker_open", "Workers in which the breaker of the whole service is open or half open.", "Alert on any."
)
SERVICE_BREAKER_MEMBERS_OPEN = SERVICE.gauge(
    "fastgw_breaker_members_open", "Breakers of its members that are open or half open, summed over the workers."
)
SERVICE_PLACES = SERVICE.gauge(
    "fastgw_admission_places", "Requests under way now that the service has admitted.", "See [admission](#admission)."
)
SERVICE_QUEUED = SERVICE.gauge("fastgw_admission_queued", "Requests that wait for a place at the service now.")
SERVICE_WAITS_US = SERVICE.histogram(
    "fastgw_admission_wait_seconds", "How long those waited that had to and got a place.", "[Buckets](#durations)."
)
SERVICE_SHED = SERVICE.counter(
    "fastgw_admission_shed",
    "Requests that the admission of the service turned away, by the cause.",
    "Each [cause](#admission) is explained below; alert on a rate.",
    label="cause",
    values=labels.SHED_CAUSES,
)
SERVICE_SHED_CLASSES = SERVICE.counter(
    "fastgw_admission_shed_by_class",
    "The same, by the place of their class in `priority.classes`.",
    "`1`: the first.",
    label="class",
    values=tuple(str(one + 1) for one in range(labels.RANKS)),
)
SERVICE_LIMIT = SERVICE.gauge("", "How many places there are, as the worker knows it.")
PLACEMENT: Final = SERVICE.room(16)  #: rows: ``core.placement_counters``
BAD_ANSWERS: Final = SERVICE.room(12)  #: rows: ``core.answer_counters``

# --- an endpoint

ENDPOINT_REQUESTS = ENDPOINT.counter(
    "fastgw_endpoint_requests", "Requests sent to the endpoint.", "There was a connection for them."
)
ENDPOINT_FAILURES = ENDPOINT.counter("", "Exchanges that failed on this endpoint, whatever the cause.")
ENDPOINT_CAUSES = ENDPOINT.counter(
    "fastgw_endpoint_failures",
    "Requests that failed on the endpoint, or could not be sent to it, by cause.",
    "The cause is a [code](errors.md).",
    label="cause",
    values=labels.CAUSES,
)
ENDPOINT_CONNECTS = ENDPOINT.counter("fastgw_endpoint_connects", "Connections opened to the endpoint.")
ENDPOINT_CONNECT_FAILURES = ENDPOINT.counter("fastgw_endpoint_connect_failures", "Those that could not be opened.")
ENDPOINT_REUSED = ENDPOINT.counter("fastgw_endpoint_reused", "Requests sent over a kept connection.")
ENDPOINT_ACTIVE = ENDPOINT.gauge("fastgw_endpoint_active", "Requests that have a connection to the endpoint now.")
ENDPOINT_IDLE = ENDPOINT.gauge("fastgw_endpoint_idle", "Idle connections kept to the endpoint.")
ENDPOINT_WAITING = ENDPOINT.gauge(
    "fastgw_endpoint_waiting",
    "Requests waiting for a connection to the endpoint.",
    "They are not among the active ones.",
)
ENDPOINT_UPLOADS = ENDPOINT.gauge(
    "fastgw_endpoint_uploads",
    "Requests with a connection, or about to get one, whose body is still arriving.",
    "`pool.max_uploads` bounds them.",
)
ENDPOINT_ANSWERS_US = ENDPOINT.histogram(
    "fastgw_endpoint_first_byte_seconds",
    "From the end of a request, as it was sent to the endpoint, to the head of its answer.",
    "As that of its service, of all statuses; [buckets](#durations).",
)
ENDPOINT_CONNECT_US = ENDPOINT.histogram(
    "fastgw_endpoint_connect_seconds", "How long it took to open a connection to the endpoint, TLS included."
)
ENDPOINT_WAITS_US = ENDPOINT.histogram(
    "fastgw_endpoint_wait_seconds", "How long those waited for a connection that had to and got one."
)

# --- a filter

FILTER_FAILURES = FILTER.counter(
    "fastgw_filter_failures",
    "Times a filter failed, by the cause.",
    "Its `on_failure` says [what followed](filters.md#failures); alert on a rate.",
    label="cause",
    values=labels.FILTER_CAUSES,
)


#: What an exchange still has to count of its service's answer, beside the status of one (100 or more).  What is below COUNTED is a try
#: that nothing has come of yet.
ANSWER_COUNTED: Final = -1  #: nothing more
ANSWER_AWAITED: Final = -2  #: that there was none, if none comes
ANSWER_UNASKED: Final = -3  #: nothing: the request has not been sent

bucket_of = blocks.bucket_of
code_of = labels.code_of
method_of = labels.method_of
