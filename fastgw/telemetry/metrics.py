"""The metrics page: the summed counters in the Prometheus text formats.

Label values come from the configuration only (names of routes, services and endpoints, never a path, a host or a
header of a request), so the number of series is bounded by what the operator wrote.  ``docs/operations.md`` lists the
metrics; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from fastgw.core import counters as layout
from fastgw.core.causes import CAUSES
from fastgw.telemetry.totals import Facts, Totals

# name, index in the GLOBAL block, what it is
_GLOBAL_COUNTERS = (
    ("fastgw_downstream_connections", layout.CONNECTIONS, "Client connections accepted."),
    (
        "fastgw_bad_requests",
        layout.BAD_REQUESTS,
        "Requests refused before a route was looked for: 400, 414, 431, 501, 505.",
    ),
    ("fastgw_head_timeouts", layout.HEAD_TIMEOUTS, "Requests whose head did not arrive in time: 408."),
    ("fastgw_retries", layout.RETRIES, "Exchanges sent again, to another endpoint or over a fresh connection."),
    (
        "fastgw_downstream_half_closes",
        layout.HALF_CLOSES,
        "Clients that ended their sending side while a request of theirs was in progress.",
    ),
    (
        "fastgw_lingering_cut",
        layout.LINGERING_CUT,
        "Clients cut while they were still sending behind the last answer.",
    ),
    (
        "fastgw_accept_failures",
        layout.ACCEPT_FAILURES,
        "Times clients were not accepted at once, for want of descriptors or memory.",
    ),
    (
        "fastgw_request_bodies_cut",
        layout.BODIES_CUT,
        "Requests whose body came too slowly while others waited for a connection: 408.",
    ),
    ("fastgw_tls_handshake_failures", layout.TLS_FAILURES, "Client TLS handshakes that failed or timed out."),
    ("fastgw_access_log_lines_lost", layout.LOG_LINES_LOST, "Lines of access logs that could not be written."),
    ("fastgw_board_full", layout.BOARD_FULL, "Requests refused because the board had no room for their key."),
)
_GLOBAL_GAUGES = (
    ("fastgw_downstream_connections_open", layout.CONNECTIONS_OPEN, "Client connections open now."),
    ("fastgw_exchanges_open", layout.EXCHANGES_OPEN, "Exchanges (a request and its answer) under way now."),
    ("fastgw_tunnels_open", layout.TUNNELS_OPEN, "Upgraded connections open now."),
    (
        "fastgw_request_bodies_held",
        layout.BODIES_HELD,
        "Requests that are held until their body, or its first part, is there.",
    ),
    ("fastgw_request_body_bytes_held", layout.BODY_BYTES_HELD, "Bytes of request bodies that wait to be sent."),
)
_REFUSED = (("limit", layout.CONNECTIONS_REFUSED), ("address_limit", layout.ADDRESS_REFUSED))

# name, index in the ROUTE block, what it is
_ROUTE_COUNTERS = (
    ("fastgw_requests_started", layout.ROUTE_STARTED, "Requests that matched the route."),
    (
        "fastgw_requests_finished",
        layout.ROUTE_FINISHED,
        "Requests of the route that came to their end, whatever it was.",
    ),
    ("fastgw_requests_aborted", layout.ROUTE_ABORTED, "Requests whose client went away first."),
    (
        "fastgw_requests_over_limit",
        layout.ROUTE_OVER_LIMIT,
        "Requests refused because as many were under way as a limit of concurrency allows.",
    ),
    ("fastgw_request_body_bytes", layout.ROUTE_BYTES_IN, "Bytes of request bodies relayed."),
    ("fastgw_response_body_bytes", layout.ROUTE_BYTES_OUT, "Bytes of response bodies relayed."),
)
_ROUTE_GAUGES = (
    ("fastgw_limit_places", layout.ROUTE_PLACES, "Places that requests of the route hold in limits of concurrency."),
)
_FAULTS = (
    ("downstream", layout.ROUTE_FAULT_DOWNSTREAM),
    ("upstream", layout.ROUTE_FAULT_UPSTREAM),
    ("internal", layout.ROUTE_FAULT_INTERNAL),
)
_CLASSES = tuple((f"{digit}xx", layout.ROUTE_STATUS + digit - 1) for digit in range(1, 6))

# name, index in the ENDPOINT block, what it is
_ENDPOINT_COUNTERS = (
    ("fastgw_endpoint_requests", layout.ENDPOINT_REQUESTS, "Requests sent to the endpoint."),
    ("fastgw_endpoint_connects", layout.ENDPOINT_CONNECTS, "Connections opened to the endpoint."),
    ("fastgw_endpoint_connect_failures", layout.ENDPOINT_CONNECT_FAILURES, "Connections that could not be opened."),
    (
        "fastgw_endpoint_address_failures",
        layout.ENDPOINT_ADDRESS_FAILURES,
        "Tries of one address of the endpoint that failed, also where another address did.",
    ),
    ("fastgw_endpoint_reused", layout.ENDPOINT_REUSED, "Requests sent over a kept connection."),
)
_ENDPOINT_GAUGES = (
    ("fastgw_endpoint_active", layout.ENDPOINT_ACTIVE, "Requests that have a connection to the endpoint now."),
    ("fastgw_endpoint_idle", layout.ENDPOINT_IDLE, "Idle connections kept to the endpoint."),
    ("fastgw_endpoint_waiting", layout.ENDPOINT_WAITING, "Requests waiting for a connection to the endpoint."),
    (
        "fastgw_endpoint_uploads",
        layout.ENDPOINT_UPLOADS,
        "Requests with a connection, or about to get one, whose body is still arriving.",
    ),
)

WORKER_STATES = ("starting", "ready", "stalled", "draining", "dead")


class _Collected:
    """What ``prometheus_client``'s encoders expect of a registry."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def render(facts: Facts, totals: Totals, accept: str = "") -> tuple[bytes, str]:
    """Return the page and its content type.

    ``accept``: the scraper's Accept field, which chooses between plain text and OpenMetrics.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_Collected(families(facts, totals))), content_type


def families(facts: Facts, totals: Totals) -> Iterator[Metric]:
    """Every metric family of the page, in its order."""
    yield from _process(facts)
    yield from _workers(facts)
    yield from _names(facts)
    yield from _board(facts)
    yield from _downstream(totals)
    yield from _routes(totals)
    yield from _endpoints(totals)


def _process(facts: Facts) -> Iterator[Metric]:
    build = "compiled" if facts.is_compiled else "pure"
    yield InfoMetricFamily(
        "fastgw_build", "Version, and whether the hot modules are compiled.", {"version": facts.version, "build": build}
    )
    yield GaugeMetricFamily("fastgw_uptime_seconds", "Seconds since the supervisor started.", facts.uptime)
    yield GaugeMetricFamily(
        "fastgw_draining", "1 while the gateway finishes its work to stop.", float(facts.is_draining)
    )
    yield GaugeMetricFamily("fastgw_config_generation", "Generation of the configuration in use.", facts.generation)
    yield GaugeMetricFamily(
        "fastgw_config_last_reload_success",
        "1 if the last (re)load was used, 0 if it was refused.",
        float(facts.is_last_reload_ok),
    )
    yield GaugeMetricFamily(
        "fastgw_config_last_reload_timestamp_seconds",
        "When the configuration was last loaded or refused.",
        facts.last_reload,
    )
    reloads = CounterMetricFamily("fastgw_config_reloads", "Reloads by their result.", labels=["result"])
    for result, count in facts.reloads.items():
        reloads.add_metric([result], count)
    yield reloads


def _workers(facts: Facts) -> Iterator[Metric]:
    states = GaugeMetricFamily("fastgw_workers", "Worker processes by state.", labels=["state"])
    for state in WORKER_STATES:
        states.add_metric([state], sum(worker.state == state for worker in facts.workers))
    yield states
    restarts = CounterMetricFamily("fastgw_worker_restarts", "Times the worker was started again.", labels=["worker"])
    rss = GaugeMetricFamily("fastgw_worker_resident_memory_bytes", "Resident memory of the worker.", labels=["worker"])
    lag = GaugeMetricFamily("fastgw_worker_loop_lag_seconds", "Lateness of the worker's event loop.", labels=["worker"])
    stalls = CounterMetricFamily(
        "fastgw_worker_stalls", "Times the worker gave no sign of life for 3 s.", labels=["worker"]
    )
    for worker in facts.workers:
        label = [str(worker.index)]
        stalls.add_metric(label, worker.stalls)
        restarts.add_metric(label, worker.restarts)
        rss.add_metric(label, worker.rss)
        lag.add_metric(label, worker.lag)
    yield from (restarts, stalls, rss, lag)


def _names(facts: Facts) -> Iterator[Metric]:
    look_ups = CounterMetricFamily("fastgw_name_lookups", "Look-ups of the name of an endpoint.", labels=["name"])
    failures = CounterMetricFamily("fastgw_name_lookup_failures", "Those that gave no address.", labels=["name"])
    addresses = GaugeMetricFamily("fastgw_name_addresses", "Addresses that the name has.", labels=["name"])
    age = GaugeMetricFamily(
        "fastgw_name_age_seconds", "Seconds since the addresses of the name were last confirmed.", labels=["name"]
    )
    for name in facts.names:
        label = [name.name]
        look_ups.add_metric(label, name.look_ups)
        failures.add_metric(label, name.failures)
        addresses.add_metric(label, len(name.addresses))
        if name.age is not None:
            age.add_metric(label, name.age)
    yield from (look_ups, failures, addresses, age)


def _board(facts: Facts) -> Iterator[Metric]:
    used = GaugeMetricFamily("fastgw_board_cells", "Keys that are held on the board now.", labels=["table"])
    capacity = GaugeMetricFamily("fastgw_board_capacity", "Keys that the board has room for.", labels=["table"])
    for table, found in facts.board.items():
        used.add_metric([table], found.used)
        capacity.add_metric([table], found.capacity)
    yield from (used, capacity)


def _downstream(totals: Totals) -> Iterator[Metric]:
    for name, index, text in _GLOBAL_COUNTERS:
        yield CounterMetricFamily(name, text, totals.globals[index])
    refused = CounterMetricFamily(
        "fastgw_downstream_connections_refused", "Client connections closed at once, by reason.", labels=["reason"]
    )
    for reason, index in _REFUSED:
        refused.add_metric([reason], totals.globals[index])
    yield refused
    yield _handshake_failures(totals.globals)
    for name, index, text in _GLOBAL_GAUGES:
        yield GaugeMetricFamily(name, text, totals.globals[index])


def _handshake_failures(values: Sequence[int]) -> Metric:
    family = CounterMetricFamily(
        "fastgw_tls_handshake_failure_causes", "Client TLS handshakes that failed, by their cause.", labels=["cause"]
    )
    counts = [values[layout.TLS_FAILED + place] for place in range(len(layout.TLS_CAUSES))]
    for cause, count in zip(layout.TLS_CAUSES, counts, strict=True):
        family.add_metric([cause], count)
    family.add_metric([layout.OTHER_CAUSE], max(0, values[layout.TLS_FAILURES] - sum(counts)))
    return family


def _routes(totals: Totals) -> Iterator[Metric]:
    for name, index, text in _ROUTE_COUNTERS:
        family = CounterMetricFamily(name, text, labels=["route"])
        for route, block in totals.routes.items():
            family.add_metric([route], block[index])
        yield family
    for name, index, text in _ROUTE_GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=["route"])
        for route, block in totals.routes.items():
            gauge.add_metric([route], block[index])
        yield gauge
    yield _matrix("fastgw_responses", "Answers sent, by status class.", "status_class", _CLASSES, totals)
    yield _matrix("fastgw_request_faults", "Requests that failed, by whose fault it was.", "fault", _FAULTS, totals)
    duration = HistogramMetricFamily(
        "http_server_request_duration_seconds",
        "From the end of a request's head to the end of its answer.",
        labels=["http_route"],
    )
    for route, block in totals.routes.items():
        duration.add_metric([route], _buckets(block), block[layout.ROUTE_DURATION_US] / 1e6)
    yield duration


def _matrix(name: str, text: str, label: str, parts: Sequence[tuple[str, int]], totals: Totals) -> Metric:
    family = CounterMetricFamily(name, text, labels=["route", label])
    for route, block in totals.routes.items():
        for value, index in parts:
            family.add_metric([route, value], block[index])
    return family


def _buckets(block: Sequence[int]) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound in seconds, as Prometheus has them; in the slab each bucket counts alone."""
    bounds = [*(str(bound / 1e6) for bound in layout.DURATION_BUCKETS), "+Inf"]
    cumulative, found = 0, []
    for place, bound in enumerate(bounds):
        cumulative += block[layout.ROUTE_BUCKETS + place]
        found.append((bound, float(cumulative)))
    return found


def _endpoints(totals: Totals) -> Iterator[Metric]:
    for name, index, text in _ENDPOINT_COUNTERS:
        counter = CounterMetricFamily(name, text, labels=["service", "endpoint"])
        for labels, block in totals.endpoints.items():
            counter.add_metric(labels, block[index])
        yield counter
    failures = CounterMetricFamily(
        "fastgw_endpoint_failures",
        "Requests that failed on the endpoint, or could not be sent to it, by cause.",
        labels=["service", "endpoint", "cause"],
    )
    for (service, endpoint), block in totals.endpoints.items():
        for place, cause in enumerate(CAUSES):
            failures.add_metric([service, endpoint, cause], block[layout.ENDPOINT_CAUSES + place])
    yield failures
    for name, index, text in _ENDPOINT_GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=["service", "endpoint"])
        for labels, block in totals.endpoints.items():
            gauge.add_metric(labels, block[index])
        yield gauge
