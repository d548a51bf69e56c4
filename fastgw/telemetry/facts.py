"""The metrics that no worker counts: what the supervisor knows of itself, its workers and the names it looks up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fastgw.core.blocks import COUNTER, GAUGE, Metric
from fastgw.telemetry.dependency_facts import DEPENDENCY_FACTS
from fastgw.telemetry.export_facts import EXPORT_FACTS
from fastgw.telemetry.fleet_facts import FLEET_FACTS
from fastgw.telemetry.forecast_facts import FORECAST_FACTS
from fastgw.telemetry.source_facts import REGISTRY_FACTS
from fastgw.telemetry.totals import (
    BoardFacts,
    Facts,
    KeySetFacts,
    LinkFacts,
    NameFacts,
    ProcessFacts,
    WorkerFacts,
)

INFO: Final = "info"  #: a metric that is always 1, and says what it has to say in its labels
LEASE_OUTCOMES: Final = ("granted", "partly", "nothing", "failed")  #: of what a Redis was asked
PROBE_OUTCOMES: Final = ("good", "bad")
WORKER_STATES: Final = ("starting", "ready", "stalled", "draining", "dead")

Labels = tuple[str, ...]  #: their values
Samples = Iterable[tuple[Labels, float]]


def _one(value: Callable[[Facts], float]) -> Callable[[Facts], Samples]:
    return lambda facts: [((), float(value(facts)))]


def _worker(value: Callable[[WorkerFacts], float]) -> Callable[[Facts], Samples]:
    return lambda facts: [((str(one.index),), value(one)) for one in facts.workers]


def _name(value: Callable[[NameFacts], float | None]) -> Callable[[Facts], Samples]:
    def samples(facts: Facts) -> Iterator[tuple[Labels, float]]:
        for one in facts.names:
            found = value(one)
            if found is not None:
                yield (one.name,), found

    return samples


def _key_set(value: Callable[[KeySetFacts], float | None]) -> Callable[[Facts], Samples]:
    def samples(facts: Facts) -> Iterator[tuple[Labels, float]]:
        for one in facts.key_sets:
            found = value(one)
            if found is not None:
                yield (one.url,), found

    return samples


def _link(value: Callable[[LinkFacts], float]) -> Callable[[Facts], Samples]:
    return lambda facts: [((one.redis,), value(one)) for one in facts.links]


def _leases(facts: Facts) -> Samples:
    return [((one.redis, outcome), one.questions.get(outcome, 0)) for one in facts.links for outcome in LEASE_OUTCOMES]


def _link_failures(facts: Facts) -> Samples:
    return [((one.redis, cause), count) for one in facts.links for cause, count in one.failures.items()]


def _probes(facts: Facts) -> Samples:
    return [
        ((*name, outcome), float(count))
        for name, found in facts.health.items()
        for outcome, count in zip(PROBE_OUTCOMES, (found.good, found.bad), strict=True)
    ]


def _process(value: Callable[[ProcessFacts], float | None]) -> Callable[[Facts], Samples]:
    def samples(facts: Facts) -> Iterator[tuple[Labels, float]]:
        for one in facts.processes:
            found = value(one)
            if found is not None:
                yield (one.name,), found

    return samples


def _table(value: Callable[[BoardFacts], float]) -> Callable[[Facts], Samples]:
    return lambda facts: [((name,), value(one)) for name, one in facts.board.items()]


def _states(facts: Facts) -> Samples:
    return [((state,), sum(one.state == state for one in facts.workers)) for state in WORKER_STATES]


#: Each with what reads it; in the order of the page.
FACTS: Final[tuple[tuple[Metric, Callable[[Facts], Samples]], ...]] = (
    (
        Metric("fastgw_build", INFO, "Version, and whether the hot modules are compiled.", ("version", "build")),
        lambda facts: [((facts.version, "compiled" if facts.is_compiled else "pure"), 1)],
    ),
    (
        Metric("fastgw_uptime_seconds", GAUGE, "Seconds since the supervisor started."),
        _one(lambda facts: facts.uptime),
    ),
    (
        Metric("fastgw_draining", GAUGE, "1 while the gateway finishes its work to stop."),
        _one(lambda facts: facts.is_draining),
    ),
    (
        Metric("fastgw_config_generation", GAUGE, "Generation of the configuration in use."),
        _one(lambda facts: facts.generation),
    ),
    (
        Metric(
            "fastgw_config_last_reload_success",
            GAUGE,
            "1 if the last (re)load was used, 0 if it was refused.",
            note="Alert on 0.",
        ),
        _one(lambda facts: facts.is_last_reload_ok),
    ),
    (
        Metric(
            "fastgw_config_last_reload_timestamp_seconds",
            GAUGE,
            "When the configuration was last loaded or refused.",
        ),
        _one(lambda facts: facts.last_reload),
    ),
    (
        Metric(
            "fastgw_config_reloads",
            COUNTER,
            "Reloads by their result.",
            ("result",),
            "`went_back`: one that was `ok` made [more errors](#guarded-reload). Alert on it.",
            values=("ok", "refused", "went_back"),
        ),
        lambda facts: [((result,), count) for result, count in facts.reloads.items()],
    ),
    (
        Metric(
            "fastgw_config_watched_files",
            GAUGE,
            "Files whose changes lead to a reload, by who tells of changes.",
            ("by",),
            "Both: with [`watch`](#when-files-change).",
            values=("inotify", "poll"),
        ),
        lambda facts: [] if facts.watch is None else [((facts.watch.by,), facts.watch.files)],
    ),
    (
        Metric("fastgw_config_watch_reloads", COUNTER, "Reloads that a change of files has led to."),
        lambda facts: [] if facts.watch is None else [((), facts.watch.reloads)],
    ),
    (
        Metric("fastgw_workers", GAUGE, "Worker processes by state.", ("state",), values=WORKER_STATES),
        _states,
    ),
    (
        Metric(
            "fastgw_worker_restarts",
            COUNTER,
            "Times the worker was started again.",
            ("worker",),
            "Deaths, in other words: alert on a rate.",
        ),
        _worker(lambda one: one.restarts),
    ),
    (
        Metric(
            "fastgw_worker_stalls",
            COUNTER,
            "Times the worker gave no sign of life for 3 s.",
            ("worker",),
            "[What then](#when-a-worker-is-stuck); alert on a rate.",
        ),
        _worker(lambda one: one.stalls),
    ),
    (
        Metric("fastgw_worker_resident_memory_bytes", GAUGE, "Resident memory of the worker.", ("worker",)),
        _worker(lambda one: one.rss),
    ),
    (
        Metric(
            "fastgw_worker_loop_lag_seconds",
            GAUGE,
            "Lateness of the worker's event loop.",
            ("worker",),
            "At its last sweep, or now if that is worse.",
        ),
        _worker(lambda one: one.lag),
    ),
    (
        Metric(
            "process_cpu_seconds",
            COUNTER,
            "Processor time, user and system.",
            ("worker",),
            "`worker` is `supervisor`, or the number of a worker; so are those of the next five.",
        ),
        _process(lambda one: one.cpu),
    ),
    (
        Metric("process_resident_memory_bytes", GAUGE, "Resident memory, what is shared included.", ("worker",)),
        _process(lambda one: one.resident),
    ),
    (
        Metric("process_virtual_memory_bytes", GAUGE, "Virtual memory.", ("worker",)),
        _process(lambda one: one.virtual),
    ),
    (
        Metric("process_start_time_seconds", GAUGE, "When the process was started.", ("worker",)),
        _process(lambda one: one.started),
    ),
    (
        Metric("process_open_fds", GAUGE, "Open descriptors.", ("worker",)),
        _process(lambda one: one.open_files),
    ),
    (
        Metric("process_max_fds", GAUGE, "How many there may be.", ("worker",), "Alert where the open ones come near."),
        _process(lambda one: one.max_files),
    ),
    (
        Metric(
            "fastgw_certificate_expiry_timestamp_seconds",
            GAUGE,
            "When the certificate that the listener shows stops being valid.",
            ("listener", "certificate"),
            "That of the admin address has `admin address` for a listener. As the file was at the last reload; alert 14 days before.",
        ),
        lambda facts: [((one.listener, one.file), one.ends) for one in facts.certificates],
    ),
    (
        Metric("fastgw_name_lookups", COUNTER, "Look-ups of the name of an endpoint.", ("name",)),
        _name(lambda one: one.look_ups),
    ),
    (
        Metric("fastgw_name_lookup_failures", COUNTER, "Those that gave no address.", ("name",)),
        _name(lambda one: one.failures),
    ),
    (
        Metric("fastgw_name_addresses", GAUGE, "Addresses that the name has.", ("name",), "0: none was found yet."),
        _name(lambda one: len(one.addresses)),
    ),
    (
        Metric(
            "fastgw_name_age_seconds",
            GAUGE,
            "Seconds since the addresses of the name were last confirmed.",
            ("name",),
            "Alert where it is beyond `resolver.max_interval`.",
        ),
        _name(lambda one: one.age),
    ),
    (
        Metric("fastgw_key_set_fetches", COUNTER, "Times that the keys of a URL were asked for.", ("url",)),
        _key_set(lambda one: one.fetches),
    ),
    (
        Metric("fastgw_key_set_fetch_failures", COUNTER, "Those that gave no keys.", ("url",)),
        _key_set(lambda one: one.failures),
    ),
    (
        Metric(
            "fastgw_key_set_keys",
            GAUGE,
            "Keys of the URL that tokens are verified with.",
            ("url",),
            "0: tokens that need them are answered 503. See [`jwt`](filters.md#jwt).",
        ),
        _key_set(lambda one: one.keys),
    ),
    (
        Metric(
            "fastgw_key_set_age_seconds",
            GAUGE,
            "Seconds since the keys of the URL were last fetched.",
            ("url",),
            "Alert where it is beyond some `refresh`.",
        ),
        _key_set(lambda one: one.age),
    ),
    *REGISTRY_FACTS,
    (
        Metric(
            "fastgw_redis_up",
            GAUGE,
            "1 while the Redis by which limits are shared can be asked.",
            ("redis",),
            "[What then](#limits-of-several-gateways); alert on 0.",
        ),
        _link(lambda one: one.is_up),
    ),
    (
        Metric(
            "fastgw_redis_failures",
            COUNTER,
            "Times that the Redis could not be asked, or not any more, by the cause.",
            ("redis", "cause"),
        ),
        _link_failures,
    ),
    (
        Metric(
            "fastgw_lease_questions",
            COUNTER,
            "Questions for a lease of a limit, by what came of them.",
            ("redis", "outcome"),
            "`partly` and `nothing`: the limit is exhausted. `failed`: nobody answered.",
            values=LEASE_OUTCOMES,
        ),
        _leases,
    ),
    (
        Metric("fastgw_leased_tokens", COUNTER, "How much of limits was leased: requests, bytes, costs.", ("redis",)),
        _link(lambda one: one.tokens),
    ),
    *EXPORT_FACTS,
    *DEPENDENCY_FACTS,
    *FLEET_FACTS,
    *FORECAST_FACTS,
    (
        Metric(
            "fastgw_endpoint_up",
            GAUGE,
            "1 while any address of the endpoint is ejected by no worker.",
            ("service", "endpoint"),
            "[Why](#endpoints-that-cannot-be-reached); alert on 0.",
        ),
        lambda facts: [(name, float(found.is_up)) for name, found in facts.members.items()],
    ),
    (
        Metric(
            "fastgw_endpoint_addresses_ejected",
            GAUGE,
            "Addresses of the endpoint that a worker has ejected.",
            ("service", "endpoint"),
            "Of a name it may be some of them.",
        ),
        lambda facts: [(name, float(found.ejected)) for name, found in facts.members.items()],
    ),
    (
        Metric(
            "fastgw_version_weight",
            GAUGE,
            "Share of the requests that the version of the service gets now, 0 to 1.",
            ("service", "version"),
            "Its requests are those of the service `SERVICE@VERSION`. See [versions](#versions-of-a-service).",
        ),
        lambda facts: facts.versions.items(),
    ),
    (
        Metric(
            "fastgw_endpoint_healthy",
            GAUGE,
            "Addresses of the endpoint that its probes find healthy.",
            ("service", "endpoint"),
            "[Why](#probes); alert on 0.",
        ),
        lambda facts: [(name, float(found.healthy)) for name, found in facts.health.items()],
    ),
    (
        Metric(
            "fastgw_endpoint_probes",
            COUNTER,
            "Probes of the endpoint, by what they found.",
            ("service", "endpoint", "outcome"),
            values=PROBE_OUTCOMES,
        ),
        _probes,
    ),
    (
        Metric(
            "fastgw_admission_limit",
            GAUGE,
            "Requests that the admission of the service lets be under way at one time.",
            ("service",),
            "Of all workers. See [admission](#admission).",
        ),
        lambda facts: [((name,), float(limit)) for name, limit in facts.limits.items()],
    ),
    (
        Metric(
            "fastgw_service_panic",
            GAUGE,
            "1 while a worker asks all endpoints of the service because too few are well (panic_below).",
            ("service",),
            "[Why](#endpoints-that-do-worse-than-the-others); alert on 1.",
        ),
        lambda facts: [((name,), float(is_on)) for name, is_on in facts.panics.items()],
    ),
    (
        Metric(
            "fastgw_board_cells",
            GAUGE,
            "Keys that are in use on the board now.",
            ("table",),
            "The [board](#limits-of-all-workers) has four tables: `configuration`, `clients`, and of rates "
            "`configuration_rates`, `client_rates`.",
        ),
        _table(lambda one: one.used),
    ),
    (
        Metric("fastgw_board_capacity", GAUGE, "Keys that the board has room for.", ("table",)),
        _table(lambda one: one.capacity),
    ),
)
