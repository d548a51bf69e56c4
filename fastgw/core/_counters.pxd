"""``counters`` for the C compiler; scripts/counters writes it, a test compares."""

cdef extern from *:
    """
    #include <string.h>
    static const unsigned char fastgw_codes[600] = {
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 48,
        48, 19, 20, 21, 22, 23, 24, 48, 25, 26, 48, 27, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 28, 48, 48, 48, 48, 48,
        48, 29, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 48,
        40, 41, 48, 48, 48, 48, 48, 48, 48, 48, 42, 43, 44, 45, 46, 48, 48, 48, 48, 47, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
    };
    static inline int fastgw_method(PyObject *method) {
        const char *at = PyBytes_AS_STRING(method);
        Py_ssize_t size = PyBytes_GET_SIZE(method);
        if (size == 3 && !memcmp(at, "GET", 3)) return 0;
        if (size == 4 && !memcmp(at, "POST", 4)) return 1;
        if (size == 4 && !memcmp(at, "HEAD", 4)) return 2;
        if (size == 3 && !memcmp(at, "PUT", 3)) return 3;
        if (size == 6 && !memcmp(at, "DELETE", 6)) return 4;
        if (size == 7 && !memcmp(at, "OPTIONS", 7)) return 5;
        if (size == 5 && !memcmp(at, "PATCH", 5)) return 6;
        if (size == 7 && !memcmp(at, "CONNECT", 7)) return 7;
        if (size == 5 && !memcmp(at, "TRACE", 5)) return 8;
        return 9;
    }
    """
    int method_of "fastgw_method"(object method)
    const unsigned char CODE_PLACES "fastgw_codes"[600]

cdef inline int code_of(int status) noexcept nogil:
    return CODE_PLACES[status]


cdef enum:
    HISTOGRAM_SIZE = 23
    SLAB_VALUES = 8293744
    SLAB_BYTES = 66349952
    CONNECTIONS = 0
    CONNECTIONS_OPEN = 1
    CONNECTIONS_REFUSED = 2
    ADDRESS_REFUSED = 3
    ACCEPT_FAILURES = 4
    BAD_REQUESTS = 5
    HEAD_TIMEOUTS = 6
    HALF_CLOSES = 7
    HTTP2_STREAMS = 8
    HTTP2_REFUSED = 9
    HTTP2_RESETS = 10
    HTTP2_STREAM_ERRORS = 11
    HTTP2_FAILURES = 12
    LINGERING_CUT = 13
    BODIES_CUT = 14
    TLS_FAILURES = 15
    TLS_FAILED = 16
    LOG_LINES_LOST = 25
    BOARD_FULL = 26
    EXCHANGES_OPEN = 27
    TUNNELS_OPEN = 28
    BODIES_HELD = 29
    BODY_BYTES_HELD = 30
    RETRIES = 31
    SPANS = 32
    SPANS_DROPPED = 33
    GENERATION = 34
    LOOP_LAG_US = 35
    HEARTBEAT_MS = 36
    RUNNING_SERVICE = 37
    LOOP_LATE_US = 38
    OVERHEAD_US = 61
    GC_PAUSE_US = 84
    GC_COLLECTIONS = 107
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
    ROUTE_GRPC_CODES = 65
    ROUTE_GRPC_MESSAGES = 82
    ROUTE_GRPC_BYTES = 84
    ROUTE_STATUS = 86
    ROUTE_CODES = 91
    ROUTE_METHODS = 140
    ROUTE_FAULT_DOWNSTREAM = 150
    ROUTE_FAULT_UPSTREAM = 151
    ROUTE_FAULT_INTERNAL = 152
    ROUTE_BYTES_IN = 153
    ROUTE_BYTES_OUT = 154
    ROUTE_DURATION_US = 155
    ROUTE_BUCKETS = 156
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
    ENDPOINT_ANSWERS_US = 26
    ENDPOINT_CONNECT_US = 49
    ENDPOINT_WAITS_US = 72
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
