"""The counters of one worker: plain 64-bit integers in memory that the supervisor shares and sums.

One slab per worker, in an anonymous file (memfd) that both sides map.  A worker only ever writes its own slab, so an increment
needs no lock and no system call; the supervisor reads (and writes only where no worker is alive to), so ``/metrics`` tells the same
story whichever worker answered, and a worker that died leaves its counts behind.  The file is sparse: an unused slot costs no memory.

    GLOBAL block | MAX_ROUTES route blocks | MAX_ENDPOINTS endpoint blocks        every value one uint64, native order

Which route or endpoint owns which block (its *slot*) is decided by the supervisor and is stable across reloads.
"""

from __future__ import annotations

GLOBAL_SIZE = 64
ROUTE_SIZE = 32
ENDPOINT_SIZE = 32
MAX_ROUTES = 32768
MAX_ENDPOINTS = 8192
ROUTES_AT = GLOBAL_SIZE
ENDPOINTS_AT = ROUTES_AT + MAX_ROUTES * ROUTE_SIZE
SLAB_VALUES = ENDPOINTS_AT + MAX_ENDPOINTS * ENDPOINT_SIZE
SLAB_BYTES = SLAB_VALUES * 8

# GLOBAL block
CONNECTIONS = 0  #: downstream connections accepted
CONNECTIONS_OPEN = 1  #: gauge: downstream connections open now
CONNECTIONS_REFUSED = 2  #: closed at once because a connection limit was reached
BAD_REQUESTS = 3  #: bytes that never became an exchange, whatever status they got
HEAD_TIMEOUTS = 4  #: 408: the request head did not arrive in time
EXCHANGES_OPEN = 5  #: gauge: exchanges in flight
TUNNELS_OPEN = 6  #: gauge: upgraded connections
RETRIES = 7  #: exchanges sent again to an endpoint
GENERATION = 8  #: gauge: generation of the installed snapshot
TLS_FAILURES = 9  #: downstream handshakes that failed or timed out
LOOP_LAG_US = 10  #: gauge: lateness of the last sweep in microseconds, the worker's pulse
ADDRESS_REFUSED = 11  #: closed at once because of connections_per_address
HALF_CLOSES = 16  #: clients that ended their sending side while a request of theirs was in progress
LINGERING_CUT = 17  #: clients cut while they were still sending behind the last answer
BODIES_HELD = 20  #: gauge: exchanges that have asked for no connection yet, because their body is not there
BODY_BYTES_HELD = 21  #: gauge: bytes of request bodies that wait to be sent, as of the last sweep
BODIES_CUT = 22  #: 408: request bodies that came too slowly while others waited
ACCEPT_FAILURES = 28  #: times a client had to wait because there was no descriptor or memory for it
LOG_LINES_LOST = 34  #: lines of access logs that could not be written
HEARTBEAT_MS = 35  #: gauge: when the loop last swept, milliseconds of the monotonic clock
BOARD_FULL = 36  #: times a key found no room on the board
TLS_FAILED = 40  #: +0..+7: of TLS_FAILURES those with a cause of TLS_CAUSES, in that order; the rest are "other"

# ROUTE block
ROUTE_STARTED = 0
ROUTE_FINISHED = 1
ROUTE_STATUS = 2  #: +0..+4: answers of class 1xx..5xx (1xx counts upgrades)
ROUTE_ABORTED = 7  #: the client went away first
ROUTE_FAULT_DOWNSTREAM = 8
ROUTE_FAULT_UPSTREAM = 9
ROUTE_FAULT_INTERNAL = 10
ROUTE_BYTES_IN = 11  #: request body bytes relayed
ROUTE_BYTES_OUT = 12  #: response body bytes relayed
ROUTE_DURATION_US = 13  #: sum of durations, microseconds
ROUTE_BUCKETS = 14  #: +0..+14: durations per bucket of DURATION_BUCKETS, the last one +Inf (not cumulative)
ROUTE_OVER_LIMIT = 29  #: requests refused by a limit of concurrency
ROUTE_PLACES = 30  #: gauge: places that exchanges of the route hold in such limits

# ENDPOINT block
ENDPOINT_REQUESTS = 0  #: sent: a connection was there for them
ENDPOINT_FAILURES = 1  #: exchanges that failed on this endpoint, whatever the cause (before or after the head)
ENDPOINT_CONNECTS = 2
ENDPOINT_CONNECT_FAILURES = 3
ENDPOINT_ACTIVE = 4  #: gauge: exchanges that have a connection to this endpoint now
ENDPOINT_IDLE = 5  #: gauge: idle pooled connections
ENDPOINT_WAITING = 6  #: gauge: exchanges waiting for a connection
ENDPOINT_REUSED = 7  #: exchanges served on a kept connection
ENDPOINT_ADDRESS_FAILURES = 12  #: tries of one address that failed, whatever became of the connection
ENDPOINT_CAUSES = 16  #: +0..+15: failures by cause, in the order of ``causes.CAUSES``

#: Why a client's TLS handshake failed.
TLS_CAUSES = (
    "version",
    "cipher",
    "alpn",
    "no_certificate",
    "bad_certificate",
    "client_alert",
    "not_tls",
    "unfinished",
)
OTHER_CAUSE = "other"
ENDPOINT_UPLOADS = 8  #: gauge: exchanges that have, or wait for, a connection while their body arrives

#: Upper bounds in microseconds: the buckets of ``http.server.request.duration`` (OpenTelemetry semantic conventions, stable).
DURATION_BUCKETS = (
    5_000,
    10_000,
    25_000,
    50_000,
    75_000,
    100_000,
    250_000,
    500_000,
    750_000,
    1_000_000,
    2_500_000,
    5_000_000,
    7_500_000,
    10_000_000,
)

GAUGES_GLOBAL = (
    CONNECTIONS_OPEN,
    EXCHANGES_OPEN,
    TUNNELS_OPEN,
    LOOP_LAG_US,
    HEARTBEAT_MS,
    BODIES_HELD,
    BODY_BYTES_HELD,
)
GAUGES_ROUTE = (ROUTE_PLACES,)
GAUGES_ENDPOINT = (ENDPOINT_ACTIVE, ENDPOINT_IDLE, ENDPOINT_WAITING, ENDPOINT_UPLOADS)


class Counters:
    """Typed view of one slab; ``values[index] += 1`` is the whole interface of the hot path."""

    __slots__ = ("values",)

    def __init__(self, buffer: memoryview) -> None:
        """``buffer``: ``SLAB_BYTES`` writable bytes (a mapped memfd, or a bytearray in tests)."""
        self.values = buffer.cast("Q")
        if len(self.values) < SLAB_VALUES:
            raise ValueError(f"counter slab has {len(self.values)} values, needs {SLAB_VALUES}")

    @staticmethod
    def route_base(slot: int) -> int:
        """Index of a route block's first value."""
        return ROUTES_AT + slot * ROUTE_SIZE

    @staticmethod
    def endpoint_base(slot: int) -> int:
        """Index of an endpoint block's first value."""
        return ENDPOINTS_AT + slot * ENDPOINT_SIZE
