from __future__ import annotations

from fastgw.telemetry.dependency_facts import DEPENDENCY_FACTS
from fastgw.telemetry.facts import FACTS, WORKER_STATES
from fastgw.telemetry.fleet_facts import FLEET_FACTS
from fastgw.telemetry.source_facts import REGISTRY_FACTS
from fastgw.telemetry.totals import (
    BoardFacts,
    CertificateFacts,
    ExportFacts,
    Facts,
    ForecastFacts,
    HealthFacts,
    KeySetFacts,
    LinkFacts,
    MemberFacts,
    NameFacts,
    ProcessFacts,
    WatchFacts,
    WorkerFacts,
)


def facts() -> Facts:
    return Facts(
        version="1.2.3",
        is_compiled=True,
        generation=4,
        uptime=12.5,
        is_draining=True,
        reloads={"ok": 3, "refused": 1},
        is_last_reload_ok=False,
        last_reload=1_700_000_000.0,
        workers=[
            WorkerFacts(0, 10, "ready", 2, 30_000_000, 4, 0.002, 0.1, stalls=5),
            WorkerFacts(1, 0, "dead", 0, 0, 0),
        ],
        names=[
            NameFacts("a.test", ("10.0.0.1", "::1"), 2.5, 9, 1),
            NameFacts("dumb.test", (), None, 4, 4, "silent", "was not answered for"),
        ],
        key_sets=[
            KeySetFacts("https://a.test/k", 2, 7.5, 5, 1),
            KeySetFacts("https://b.test/k", 0, None, 3, 3, "refused", "no"),
        ],
        links=[LinkFacts("redis://a.test", True, 9.0, {"granted": 4, "failed": 1}, 40, {"timeout": 2})],
        processes=[
            ProcessFacts("supervisor", 1.5, 40, 80, 9.0, 7, 1024),
            ProcessFacts("0", 2.5, 41, 81, 10.0, None, None),
        ],
        forecasts=[ForecastFacts("llm", "requests", 1, 2.5, 4.0)],
        expected={"llm": 7.5},
        certificates=[CertificateFacts("edge", "edge.pem", 1_800_000_000.0)],
        export=ExportFacts("http://a", False, 9.0, {"traces": 5}, {("traces", "expired"): 2}, 10, 100, "refused", "no"),
        watch=WatchFacts(12, "inotify", 3),
        limits={"llm": 64},
        panics={"llm": True},
        members={("llm", "[::1]:80"): MemberFacts(1, 0), ("llm", "[::1]:81"): MemberFacts(1, 1)},
        versions={("llm", "v1"): 0.75, ("llm", "v2"): 0.25},
        board={"clients": BoardFacts(5, 100)},
        health={("llm", "[::1]:80"): HealthFacts(1, 7, 2)},
    )


def test_each_says_what_is_known() -> None:
    apart = REGISTRY_FACTS + FLEET_FACTS + DEPENDENCY_FACTS  # have tests of their own
    found = {metric.name: list(read(facts())) for metric, read in FACTS if (metric, read) not in apart}
    assert found == {
        "fastgw_build": [(("1.2.3", "compiled"), 1)],
        "fastgw_uptime_seconds": [((), 12.5)],
        "fastgw_draining": [((), 1.0)],
        "fastgw_config_generation": [((), 4.0)],
        "fastgw_config_last_reload_success": [((), 0.0)],
        "fastgw_config_last_reload_timestamp_seconds": [((), 1_700_000_000.0)],
        "fastgw_config_reloads": [(("ok",), 3), (("refused",), 1)],
        "fastgw_config_watched_files": [(("inotify",), 12)],
        "fastgw_config_watch_reloads": [((), 3)],
        "fastgw_workers": [((state,), int(state in ("ready", "dead"))) for state in WORKER_STATES],
        "fastgw_worker_restarts": [(("0",), 2), (("1",), 0)],
        "fastgw_worker_stalls": [(("0",), 5), (("1",), 0)],
        "fastgw_worker_resident_memory_bytes": [(("0",), 30_000_000), (("1",), 0)],
        "fastgw_worker_loop_lag_seconds": [(("0",), 0.002), (("1",), 0.0)],
        "process_cpu_seconds": [(("supervisor",), 1.5), (("0",), 2.5)],
        "process_resident_memory_bytes": [(("supervisor",), 40), (("0",), 41)],
        "process_virtual_memory_bytes": [(("supervisor",), 80), (("0",), 81)],
        "process_start_time_seconds": [(("supervisor",), 9.0), (("0",), 10.0)],
        "process_open_fds": [(("supervisor",), 7)],
        "process_max_fds": [(("supervisor",), 1024)],
        "fastgw_certificate_expiry_timestamp_seconds": [(("edge", "edge.pem"), 1_800_000_000.0)],
        "fastgw_name_lookups": [(("a.test",), 9), (("dumb.test",), 4)],
        "fastgw_name_lookup_failures": [(("a.test",), 1), (("dumb.test",), 4)],
        "fastgw_name_addresses": [(("a.test",), 2), (("dumb.test",), 0)],
        "fastgw_name_age_seconds": [(("a.test",), 2.5)],  # the other was never found: no age
        "fastgw_key_set_fetches": [(("https://a.test/k",), 5), (("https://b.test/k",), 3)],
        "fastgw_key_set_fetch_failures": [(("https://a.test/k",), 1), (("https://b.test/k",), 3)],
        "fastgw_key_set_keys": [(("https://a.test/k",), 2), (("https://b.test/k",), 0)],
        "fastgw_key_set_age_seconds": [(("https://a.test/k",), 7.5)],
        "fastgw_redis_up": [(("redis://a.test",), 1.0)],
        "fastgw_redis_failures": [(("redis://a.test", "timeout"), 2)],
        "fastgw_lease_questions": [
            (("redis://a.test", "granted"), 4),
            (("redis://a.test", "partly"), 0),
            (("redis://a.test", "nothing"), 0),
            (("redis://a.test", "failed"), 1),
        ],
        "fastgw_leased_tokens": [(("redis://a.test",), 40)],
        "fastgw_telemetry_up": [((), 0.0)],
        "fastgw_telemetry_exported": [(("traces",), 5)],
        "fastgw_telemetry_dropped": [(("traces", "expired"), 2)],
        "fastgw_telemetry_queue_bytes": [((), 10.0)],
        "fastgw_endpoint_up": [(("llm", "[::1]:80"), 1.0), (("llm", "[::1]:81"), 0.0)],
        "fastgw_endpoint_addresses_ejected": [(("llm", "[::1]:80"), 0.0), (("llm", "[::1]:81"), 1.0)],
        "fastgw_version_weight": [(("llm", "v1"), 0.75), (("llm", "v2"), 0.25)],
        "fastgw_endpoint_healthy": [(("llm", "[::1]:80"), 1.0)],
        "fastgw_endpoint_probes": [(("llm", "[::1]:80", "good"), 7.0), (("llm", "[::1]:80", "bad"), 2.0)],
        "fastgw_admission_limit": [(("llm",), 64.0)],
        "fastgw_service_panic": [(("llm",), 1.0)],
        "fastgw_board_cells": [(("clients",), 5)],
        "fastgw_board_capacity": [(("clients",), 100)],
        "fastgw_forecast_requests_per_second": [
            (("llm", "1", "expected"), 2.5),
            (("llm", "1", "high"), 4.0),
        ],
        "fastgw_forecast_active": [],
        "fastgw_forecast_followed": [(("llm",), 7.5)],
    }


def test_labels_and_values_agree() -> None:
    for metric, read in FACTS:
        assert all(len(labels) == len(metric.labels) for labels, _ in read(facts())), metric.name
