"""Values of the labels that counters have of their own (``core.counters``): words, in the order of their places.

Each is named after what it tells: why something was refused or failed, what became of it, of which kind it was.
"""

from __future__ import annotations

from typing import Final

OTHER_CAUSE: Final = "other"
#: Why a client's TLS handshake failed.
TLS_CAUSES: Final = (
    *("version", "cipher", "alpn", "no_certificate", "bad_certificate", "client_alert", "not_tls", "unfinished"),
    OTHER_CAUSE,
)
#: Why a request failed at an endpoint, or could not be sent to it (``core.causes``).
CAUSES: Final = (
    *("connect_refused", "unreachable", "connect_timeout", "name_not_found", "name_timeout"),
    *("name_failed", "tls_failed", "connect_failed", "no_resources", "upstream_reset", "bad_answer"),
    *("answer_timeout", "stream_idle_timeout", "pool_full", "pending_timeout", "service_failed"),
    *(OTHER_CAUSE,),
)
#: Why a copy of a request got no answer of its mirror's service (``core.mirror``).
MIRROR_CAUSES: Final = ("in_flight", "too_large", "memory", "incomplete", "pool_full", "failed", "draining")
#: Why an answer has no digest although a filter was to add one (``filters.digest``).
DIGEST_CAUSES: Final = ("too_large", "unknown_length")
#: What became of requests that a cache looks at (``adapters.cache``).
CACHE_OUTCOMES: Final = ("hit", "stale", "revalidated", "miss", "waited", "bypass")
#: Why a request was answered by a fallback: the words of ``policy.fallback``.
FALLBACK_CAUSES: Final = ("connect", "reset", "timeout", "breaker_open", "queue_full", "status")
#: Why a request was refused for its token, or for having none (``filters.bearer``).
TOKEN_CAUSES: Final = (
    *("missing", "repeated", "malformed", "algorithm", "key", "signature", "expired", "early"),
    *("issuer", "audience", "claims", "scope", "inactive", "unavailable", "busy"),
)
#: Filters that refuse requests for who sends them, or when, and have no counter of their own.
DENIERS: Final = ("ip_rules", "maintenance", "cors", "basic", "api_key", "mtls")
#: What a service that is asked said of a request (``filters.ext_authz``).
AUTHORIZATIONS: Final = ("allowed", "refused", "unavailable")
#: What was done to requests on purpose (``filters.fault``).
INJECTED: Final = ("delay", "abort", "cut")
#: What became of requests that were too many for a limit of their rate (``filters.rate_limit``).
RATE_OUTCOMES: Final = ("refused", "let_through", "unknown")
#: What an answer said of its cost (``filters.limits``).
COST_OUTCOMES: Final = ("read", "missing", "invalid")
#: Why a request was turned away by its service's admission (``core.live.gate``).
SHED_CAUSES: Final = ("over_limit", "queue_full", "queue_timeout", "worker_busy")
#: Codes of gRPC (``wire.grpc``), and whose messages they are (``filters.grpc``).
GRPC_CODES: Final = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
GRPC_SIDES: Final = ("request", "response")
GRPC_STATUS: Final = "grpc_status"  #: a note: the number of the code that a call has ended with
RANKS: Final = 8  #: classes of priority that an admission may have
#: Why a filter failed: what it raised, what it needs is not there, or it waited too long (``exchange.hooks``).
FILTER_CAUSES: Final = ("error", "unavailable", "timeout")
#: Why a request was sent to its service again (``exchange.retries``).
RETRY_CAUSES: Final = ("connect", "reset", "timeout", "status")
#: Why one was not, although the same failure is a reason for it.
RETRY_REFUSALS: Final = ("budget", "body", "time", "retry_after")
#: Which tokens of a model (``core.model_counters``), as OpenTelemetry calls them.
TOKEN_TYPES: Final = ("input", "output")
CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
OTHER_VALUE: Final = "_OTHER"  #: what the OpenTelemetry conventions call all that is not known
#: Methods of requests, the most frequent first.
METHODS: Final = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", OTHER_VALUE)
#: Statuses that are errors: those that IANA registers, and what is usual beside them.
STATUSES: Final = (
    *(
        400,
        401,
        402,
        403,
        404,
        405,
        406,
        407,
        408,
        409,
        410,
        411,
        412,
        413,
        414,
        415,
        416,
        417,
        418,
        421,
        422,
        423,
        424,
    ),
    *(425, 426, 428, 429, 431, 444, 451, 499),
    *(500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 529),
)
CODES: Final = (*(str(one) for one in STATUSES), OTHER_VALUE)

_CODES: Final = {status: place for place, status in enumerate(STATUSES)}
_METHODS: Final = {method.encode(): place for place, method in enumerate(METHODS[:-1])}


def code_of(status: int) -> int:
    """Place of a status from 400 to 599 among CODES."""
    return _CODES.get(status, len(_CODES))


def method_of(method: bytes) -> int:
    """Place of a method among METHODS."""
    return _METHODS.get(method, len(_METHODS))
