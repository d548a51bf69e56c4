"""``counters`` for the C compiler; scripts/counters writes it, a test compares."""

cdef enum:
    RANKS = 8
    HISTOGRAM_SIZE = 23
    SLAB_VALUES = 5472560
    SLAB_BYTES = 43780480
    CONNECTIONS = 0
    CONNECTIONS_OPEN = 1
    CONNECTIONS_REFUSED = 2
    ADDRESS_REFUSED = 3
    ACCEPT_FAILURES = 4
    BAD_REQUESTS = 5
    HEAD_TIMEOUTS = 6
    HALF_CLOSES = 7
    LINGERING_CUT = 8
    BODIES_CUT = 9
    TLS_FAILURES = 10
    TLS_FAILED = 11
    LOG_LINES_LOST = 20
    BOARD_FULL = 21
    EXCHANGES_OPEN = 22
    TUNNELS_OPEN = 23
    BODIES_HELD = 24
    BODY_BYTES_HELD = 25
    RETRIES = 26
    SPANS = 27
    SPANS_DROPPED = 28
    GENERATION = 29
    LOOP_LAG_US = 30
    HEARTBEAT_MS = 31
    RUNNING_SERVICE = 32
    ROUTE_STARTED = 0
    ROUTE_FINISHED = 1
    ROUTE_ABORTED = 2
    ROUTE_OVER_LIMIT = 3
    ROUTE_RATE_LIMITED = 4
    ROUTE_RATE_LET_THROUGH = 5
    ROUTE_RATE_UNKNOWN = 6
    ROUTE_COSTS = 7
    ROUTE_PLACES = 10
    ROUTE_MIRRORED = 11
    ROUTE_MIRROR_DROPPED = 12
    ROUTE_CACHE_REQUESTS = 19
    ROUTE_CACHE_STORED = 25
    ROUTE_CACHE_EVICTED = 26
    ROUTE_CACHE_INVALIDATED = 27
    ROUTE_CACHE_BYTES = 28
    ROUTE_CACHE_ENTRIES = 29
    ROUTE_DIGEST_MISMATCHES = 30
    ROUTE_DIGESTS_DROPPED = 31
    ROUTE_COMPRESSED_BYTES = 33
    ROUTE_TOKENS_ACCEPTED = 35
    ROUTE_TOKENS_REFUSED = 38
    ROUTE_DENIED = 53
    ROUTE_AUTHORIZATIONS = 59
    ROUTE_INJECTED = 62
    ROUTE_STATUS = 65
    ROUTE_FAULT_DOWNSTREAM = 70
    ROUTE_FAULT_UPSTREAM = 71
    ROUTE_FAULT_INTERNAL = 72
    ROUTE_BYTES_IN = 73
    ROUTE_BYTES_OUT = 74
    ROUTE_DURATION_US = 75
    ROUTE_BUCKETS = 76
    SERVICE_REQUESTS = 0
    SERVICE_ANSWERS_US = 1
    SERVICE_UNANSWERED = 139
    SERVICE_RETRIES = 140
    SERVICE_RETRIES_REFUSED = 144
    SERVICE_HEDGES = 148
    SERVICE_HEDGES_WON = 149
    SERVICE_HEDGES_REFUSED = 150
    SERVICE_FALLBACKS = 151
    SERVICE_BREAKER_REFUSED = 157
    SERVICE_BREAKER_TRANSITIONS = 158
    SERVICE_BREAKER_OPEN = 161
    SERVICE_BREAKER_MEMBERS_OPEN = 162
    SERVICE_PLACES = 163
    SERVICE_QUEUED = 164
    SERVICE_WAITS_US = 165
    SERVICE_WAIT_BUCKETS = 166
    SERVICE_SHED = 188
    SERVICE_SHED_CLASSES = 192
    SERVICE_LIMIT = 200
    ENDPOINT_REQUESTS = 0
    ENDPOINT_FAILURES = 1
    ENDPOINT_CAUSES = 2
    ENDPOINT_CONNECTS = 19
    ENDPOINT_CONNECT_FAILURES = 20
    ENDPOINT_REUSED = 21
    ENDPOINT_ACTIVE = 22
    ENDPOINT_IDLE = 23
    ENDPOINT_WAITING = 24
    ENDPOINT_UPLOADS = 25
    FILTER_FAILURES = 0
    ANSWER_COUNTED = -1
    ANSWER_AWAITED = -2
    ANSWER_UNASKED = -3


cdef inline int bucket_of(long long micros) noexcept nogil:
    if micros <= 250000:
        if micros <= 5000:
            if micros <= 500:
                if micros <= 250:
                    if micros <= 100:
                        return 0
                    return 1
                return 2
            if micros <= 2500:
                if micros <= 1000:
                    return 3
                return 4
            return 5
        if micros <= 50000:
            if micros <= 25000:
                if micros <= 10000:
                    return 6
                return 7
            return 8
        if micros <= 100000:
            return 9
        return 10
    if micros <= 25000000:
        if micros <= 2500000:
            if micros <= 1000000:
                if micros <= 500000:
                    return 11
                return 12
            return 13
        if micros <= 10000000:
            if micros <= 5000000:
                return 14
            return 15
        return 16
    if micros <= 250000000:
        if micros <= 100000000:
            if micros <= 50000000:
                return 17
            return 18
        return 19
    if micros <= 600000000:
        return 20
    return 21
