from __future__ import annotations

import mmap
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fastgw.core import counters as layout
from fastgw.core import labels
from fastgw.core.blocks import DURATION_BUCKETS
from fastgw.core.causes import PLACES
from fastgw.core.exemplars import Exemplar
from fastgw.core.labels import CAUSES
from fastgw.telemetry.facts import FACTS
from fastgw.telemetry.metrics import families, render
from fastgw.telemetry.totals import BoardFacts, Facts, KeySetFacts, MemberFacts, NameFacts, Totals, WorkerFacts, total

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"


def facts() -> Facts:
    return Facts(
        version="1.2.3",
        is_compiled=False,
        generation=4,
        uptime=12.5,
        is_draining=False,
        reloads={"ok": 3, "refused": 1},
        is_last_reload_ok=True,
        last_reload=1_700_000_000.0,
        workers=[WorkerFacts(0, 10, "ready", 2, 30_000_000, 4, 0.002), WorkerFacts(1, 0, "dead", 0, 0, 0)],
        names=[
            NameFacts("a.test", ("10.0.0.1", "::1"), 2.5, 9, 1),
            NameFacts("dumb.test", (), None, 4, 4, "silent", "was not answered for"),
        ],
        key_sets=[
            KeySetFacts("https://a.test/k", 2, 7.5, 5, 1),
            KeySetFacts("https://b.test/k", 0, None, 3, 3, "refused", "no"),
        ],
        members={("llm", "[::1]:80"): MemberFacts(1, 0), ("llm", "[::1]:81"): MemberFacts(1, 1)},
        board={"clients": BoardFacts(5, 100)},
    )


def totals() -> Totals:
    slab = memoryview(mmap.mmap(-1, layout.SLAB_BYTES)).cast("Q")
    slab[layout.CONNECTIONS] = 7
    base = layout.ROUTE.base(0)
    slab[base + layout.ROUTE_STATUS + 1] = 5  # 2xx
    slab[base + layout.ROUTE_FAULT_UPSTREAM] = 1
    slab[base + layout.ROUTE_OVER_LIMIT], slab[base + layout.ROUTE_PLACES] = 8, 3
    slab[layout.BOARD_FULL] = 4
    slab[base + layout.ROUTE_DURATION_US] = 2_500_000
    slab[base + layout.ROUTE_BUCKETS] = 3  # up to 100 us
    slab[base + layout.ROUTE_BUCKETS + 2] = 2  # up to 500 us
    slab[base + layout.ROUTE_BUCKETS + len(DURATION_BUCKETS)] = 1  # longer than all bounds
    slow = layout.SERVICE.base(0) + layout.SERVICE_ANSWERS_US + 4 * layout.HISTOGRAM_SIZE  # 5xx
    slab[slow], slab[slow + 1 + len(DURATION_BUCKETS) - 1] = 599_000_000, 1
    slab[layout.ENDPOINT.base(0) + layout.ENDPOINT_ACTIVE] = 2
    slab[layout.ENDPOINT.base(0) + layout.ENDPOINT_CAUSES + PLACES["tls_failed"]] = 4
    slab[layout.FILTER.base(0) + layout.FILTER_FAILURES + 2] = 5
    return total([slab], {'GET "/x"\\y': 0}, {"llm": 0}, {("llm", "[::1]:80"): 0}, {"auth": 0})


def values(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(page)
        for sample in family.samples
    }


def test_the_page_says_what_was_counted() -> None:
    body, content_type = render(facts(), totals())
    assert content_type.startswith("text/plain")
    found = values(body.decode())
    route = ("route", 'GET "/x"\\y')
    assert found["fastgw_downstream_connections_total", frozenset()] == 7
    assert found["fastgw_responses_total", frozenset({route, ("status_class", "2xx")})] == 5
    assert found["fastgw_request_faults_total", frozenset({route, ("fault", "upstream")})] == 1
    assert found["fastgw_endpoint_active", frozenset({("service", "llm"), ("endpoint", "[::1]:80")})] == 2
    assert found["fastgw_endpoint_up", frozenset({("service", "llm"), ("endpoint", "[::1]:80")})] == 1
    assert found["fastgw_endpoint_up", frozenset({("service", "llm"), ("endpoint", "[::1]:81")})] == 0
    assert found["fastgw_requests_over_limit_total", frozenset({route})] == 8
    assert found["fastgw_limit_places", frozenset({route})] == 3
    assert found["fastgw_board_full_total", frozenset()] == 4
    assert found["fastgw_board_cells", frozenset({("table", "clients")})] == 5
    assert found["fastgw_board_capacity", frozenset({("table", "clients")})] == 100
    assert found["fastgw_workers", frozenset({("state", "ready")})] == 1
    assert found["fastgw_workers", frozenset({("state", "dead")})] == 1
    assert found["fastgw_worker_restarts_total", frozenset({("worker", "0")})] == 2
    assert found["fastgw_config_reloads_total", frozenset({("result", "refused")})] == 1


def test_failed_handshakes_are_told_by_cause_and_documented() -> None:
    made = totals()
    made.globals[layout.TLS_FAILED + labels.TLS_CAUSES.index("alpn")] = 4
    made.globals[layout.TLS_FAILED + len(labels.TLS_CAUSES) - 1] = 2
    [family] = [one for one in families(facts(), made) if one.name == "fastgw_tls_handshake_failure_causes"]
    found = {sample.labels["cause"]: sample.value for sample in family.samples}
    assert {cause: count for cause, count in found.items() if count} == {"alpn": 4, "other": 2}
    section = DOCUMENT.read_text().partition("## Clients that get no TLS")[2].partition("\n## ")[0]
    assert list(found) == re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)


def test_durations_are_a_cumulative_histogram_in_seconds() -> None:
    found = values(render(facts(), totals())[0].decode())
    name, route = "http_server_request_duration_seconds", ("http_route", 'GET "/x"\\y')
    assert found[f"{name}_bucket", frozenset({route, ("le", "0.0001")})] == 3
    assert found[f"{name}_bucket", frozenset({route, ("le", "0.00025")})] == 3
    assert found[f"{name}_bucket", frozenset({route, ("le", "0.0005")})] == 5
    assert found[f"{name}_bucket", frozenset({route, ("le", "600.0")})] == 5
    assert found[f"{name}_bucket", frozenset({route, ("le", "+Inf")})] == 6
    assert found[f"{name}_count", frozenset({route})] == 6
    assert found[f"{name}_sum", frozenset({route})] == 2.5


def test_a_scraper_can_have_openmetrics() -> None:
    body, content_type = render(facts(), totals(), "application/openmetrics-text;version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert list(parse_openmetrics(body.decode()))


def test_the_first_byte_of_a_service_by_class_and_only_where_there_was_one() -> None:
    found = values(render(facts(), totals())[0].decode())
    name, labels = "fastgw_service_first_byte_seconds", frozenset({("service", "llm"), ("status_class", "5xx")})
    classes = {dict(labels)["status_class"] for sample, labels in found if sample == f"{name}_count"}
    assert classes == {"5xx"}
    assert found[f"{name}_count", labels] == 1 and found[f"{name}_sum", labels] == 599
    assert found[f"{name}_bucket", labels | {("le", "250.0")}] == 0
    assert found[f"{name}_bucket", labels | {("le", "600.0")}] == 1


def test_every_row_of_the_tables_is_a_family_of_the_page() -> None:
    rows = [metric for metric, _ in FACTS] + [row for block in layout.BLOCKS for row in block if row.name]
    made = [(one.name, one.type, one.documentation) for one in families(facts(), totals())]
    assert made == [(row.name, row.kind, row.text) for row in rows]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])
def test_a_strict_parser_takes_every_histogram(accept: str) -> None:
    """Buckets in the order of their bounds, cumulative, to +Inf; ``_count`` is the last one."""
    body, _ = render(facts(), totals(), accept)
    parse = parse_openmetrics if accept else parse_text
    histograms = [family for family in parse(body.decode()) if family.type == "histogram"]
    told = {family.name for family in histograms if family.samples}
    assert {"http_server_request_duration_seconds", "fastgw_endpoint_first_byte_seconds"} <= told
    for family in histograms:
        buckets = [sample for sample in family.samples if sample.name.endswith("_bucket")]
        if not buckets:  # of each worker, or not asked for
            continue
        bounds = [float(sample.labels["le"]) for sample in buckets]
        counts = [sample.value for sample in buckets]
        assert bounds == [*(bound / 1e6 for bound in DURATION_BUCKETS), float("inf")]
        assert counts == sorted(counts)
        [count] = [sample.value for sample in family.samples if sample.name.endswith("_count")]
        assert count == counts[-1]
        assert count > 0 or family.name not in (
            "http_server_request_duration_seconds",
            "fastgw_service_first_byte_seconds",
        )


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_has_no_complaint() -> None:
    body, _ = render(facts(), totals())
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr.decode()


def test_names_that_are_looked_up() -> None:
    found = values(render(facts(), totals())[0].decode())
    well, dumb = (frozenset({("name", name)}) for name in ("a.test", "dumb.test"))
    assert found["fastgw_name_lookups_total", well] == 9
    assert found["fastgw_name_lookup_failures_total", dumb] == 4
    assert (found["fastgw_name_addresses", well], found["fastgw_name_addresses", dumb]) == (2, 0)
    assert found["fastgw_name_age_seconds", well] == 2.5
    assert ("fastgw_name_age_seconds", dumb) not in found  # never found: no age


def test_keys_that_are_fetched() -> None:
    found = values(render(facts(), totals())[0].decode())
    well, dumb = (frozenset({("url", f"https://{name}.test/k")}) for name in "ab")
    assert (found["fastgw_key_set_fetches_total", well], found["fastgw_key_set_fetch_failures_total", dumb]) == (5, 3)
    assert (found["fastgw_key_set_keys", well], found["fastgw_key_set_keys", dumb]) == (2, 0)
    assert found["fastgw_key_set_age_seconds", well] == 7.5 and ("fastgw_key_set_age_seconds", dumb) not in found


def test_failures_of_an_endpoint_are_told_by_cause() -> None:
    body, _ = render(facts(), totals())
    found = values(body.decode())
    counts = {
        dict(labels)["cause"]: value
        for (name, labels), value in found.items()
        if name == "fastgw_endpoint_failures_total"
    }
    assert counts == {cause: 4 if cause == "tls_failed" else 0 for cause in CAUSES}


def test_the_page_of_operations_names_every_cause() -> None:
    page = DOCUMENT.read_text()
    sentence = page[page.index("The `cause` of a failure at an endpoint") :].partition("\n\n")[0]
    assert tuple(re.findall(r"`(\w+)`", sentence)) == ("cause", *CAUSES)


def test_openmetrics_shows_the_newest_trace_of_each_bucket() -> None:
    old, new, other = (
        Exemplar(0, micros, f"{number:032x}", 1e9 + number) for number, micros in enumerate((80, 90, 400))
    )
    told = replace(facts(), exemplars={'GET "/x"\\y': [new, old, other]})
    body, _ = render(told, totals(), "application/openmetrics-text;version=1.0.0")
    found = {
        sample.labels["le"]: (
            sample.exemplar.labels["trace_id"],
            sample.exemplar.value,
            float(sample.exemplar.timestamp),
        )
        for family in parse_openmetrics(body.decode())
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert found == {"0.0001": (f"{1:032x}", 0.00009, 1e9 + 1), "0.0005": (f"{2:032x}", 0.0004, 1e9 + 2)}
    assert b"trace_id" not in render(told, totals())[0]
