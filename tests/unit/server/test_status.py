"""What the admin address says of a supervisor: the same story on every page."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from fastgw.core import counters as layout
from fastgw.core.causes import PLACES
from fastgw.core.live.board import KEYED, KEYED_TIMES, Board
from fastgw.core.live.holds import sit_down
from fastgw.core.live.meters import Meter, admit
from fastgw.core.live.news import USED, Standing
from fastgw.errors import ConfigError
from fastgw.policy.gcra import Rate
from fastgw.server.gateway import Gateway
from fastgw.server.history import LoadReport
from fastgw.server.status import Content, Pages
from fastgw.server.workers import DEAD, READY, STARTING
from tests.unit.server.stage import TEXT
from tests.unit.server.status_stage import _closed, eject, gateway, page, serving

__all__ = ["_closed", "gateway", "serving"]  # fixtures


def test_alive_whatever_happens(gateway: Gateway) -> None:
    gateway.is_draining = True
    assert page(gateway, "/livez") == Content(200, b'{"status":"alive"}')


def test_ready_when_somebody_serves(serving: Gateway) -> None:
    assert page(serving, "/readyz") == Content(200, b'{"status":"ready"}')


def test_not_ready_says_why(serving: Gateway) -> None:
    serving.workers[0].state = STARTING
    assert page(serving, "/readyz") == Content(503, b'{"reason":"no_worker"}')
    serving.is_started = False
    assert page(serving, "/readyz") == Content(503, b'{"reason":"starting"}')
    serving.is_draining = True
    assert page(serving, "/readyz") == Content(503, b'{"reason":"draining"}')


def test_ready_means_that_somebody_gives_signs_of_life(serving: Gateway) -> None:
    one, two = serving.workers
    two.state = READY
    for worker, beat in ((one, 988_000), (two, 999_900)):
        worker.slab.values[layout.HEARTBEAT_MS] = beat
    assert page(serving, "/readyz") == Content(200, b'{"status":"ready","stalled":[0]}')
    two.slab.values[layout.HEARTBEAT_MS] = 996_000
    assert page(serving, "/readyz") == Content(503, b'{"reason":"stalled","stalled":[0,1]}')
    two.state = STARTING
    assert page(serving, "/readyz") == Content(503, b'{"reason":"stalled","stalled":[0]}')
    assert page(serving, "/livez").status == 200


def test_a_stalled_worker_is_told_everywhere(serving: Gateway) -> None:
    one, two = serving.workers
    two.state = READY
    one.stalls = 3
    one.slab.values[layout.LOOP_LAG_US] = 1500
    one.slab.values[layout.HEARTBEAT_MS] = 988_000
    two.slab.values[layout.HEARTBEAT_MS] = 999_800
    first, second = json.loads(page(serving, "/status").body)["workers"]
    keys = ("state", "heartbeat_age", "loop_lag", "stalls")
    assert [first[key] for key in keys] == ["stalled", 12.0, 11.75, 3]
    assert [second[key] for key in keys] == [READY, 0.2, 0.0, 0]
    metrics = page(serving, "/metrics").body
    for line in (
        b'fastgw_workers{state="ready"} 1.0',
        b'fastgw_workers{state="stalled"} 1.0',
        b'fastgw_worker_loop_lag_seconds{worker="0"} 11.75',
        b'fastgw_worker_stalls_total{worker="0"} 3.0',
    ):
        assert line + b"\n" in metrics


def test_status_before_the_first_configuration(gateway: Gateway) -> None:
    found = json.loads(page(gateway, "/status").body)
    assert (found["generation"], found["listeners"], found["routes"], found["services"]) == (0, [], {}, {})
    started = {"ok": True, "went_back": False, "by": "start", "when": None, "error": None, "rehearsal": None}
    assert found["last_reload"] == started
    assert found["warnings"] == []
    assert [worker["state"] for worker in found["workers"]] == [READY, DEAD]


def test_status_sums_what_the_workers_counted(serving: Gateway) -> None:
    route, service, endpoint = layout.ROUTE.base(0), layout.SERVICE.base(0), layout.ENDPOINT.base(0)
    for worker in serving.workers:
        values = worker.slab.values
        values[layout.CONNECTIONS] = 5
        values[route + layout.ROUTE_STARTED] = values[route + layout.ROUTE_FINISHED] = 2
        values[route + layout.ROUTE_STATUS + 1] = 2
        values[route + layout.ROUTE_FAULT_UPSTREAM] = 1
        values[route + layout.ROUTE_BUCKETS + 3] = 2
        values[route + layout.ROUTE_DURATION_US] = 80_000
        values[service + layout.SERVICE_REQUESTS], values[service + layout.SERVICE_UNANSWERED] = 3, 1
        for digit in (2, 5):
            waited = service + layout.SERVICE_ANSWERS_US + (digit - 1) * layout.HISTOGRAM_SIZE
            values[waited], values[waited + 4] = digit * 1000, 1
        values[endpoint + layout.ENDPOINT_REQUESTS] = 3
        values[endpoint + layout.ENDPOINT_CAUSES + PLACES["connect_refused"]] = 2
    answer = page(serving, "/status")
    assert (answer.status, answer.content_type) == (200, "application/json")
    found = json.loads(answer.body)
    assert found["connections"]["accepted"] == 10
    one = found["routes"]["/*"]
    assert (one["started"], one["finished"], one["status"]["2xx"], one["faults"]["upstream"]) == (4, 4, 4, 2)
    assert one["mean_seconds"] == 0.04
    assert found["routes"]["edge:unmatched"]["mean_seconds"] is None
    one = found["services"]["main"]
    assert (one["requests"], one["unanswered"], one["retries"]) == (6, 2, 0)
    assert one["status"] == {"1xx": 0, "2xx": 2, "3xx": 0, "4xx": 0, "5xx": 2, "other": 0}
    assert one["mean_first_byte_seconds"] == 0.0035
    one = one["endpoints"]["127.0.0.1:9"]
    assert (one["requests"], one["causes"]) == (6, {"connect_refused": 4})


def test_status_tells_how_filters_have_failed(serving: Gateway) -> None:
    serving.workers[0].slab.values[layout.FILTER.base(0) + layout.FILTER_FAILURES] = 3
    serving.workers[1].slab.values[layout.FILTER.base(0) + layout.FILTER_FAILURES + 2] = 4
    assert json.loads(page(serving, "/status").body)["filters"] == {
        "request_id": {"on_failure": "closed", "timeout": 10.0, "failures": {"error": 3, "timeout": 4}}
    }


def test_status_tells_of_the_board(serving: Gateway) -> None:
    seat = sit_down(Board(serving.board.fd))
    seat.take(KEYED, 7, 5)
    for interval in (1, 60 * 10**9):  # the bucket of the first is full again
        assert not admit([Meter(seat.board, KEYED_TIMES, interval, Rate(1, interval, 1), time.monotonic_ns)])
    serving.workers[0].slab.values[layout.BOARD_FULL] = 3
    serving.workers[1].slab.values[layout.ROUTE.base(0) + layout.ROUTE_PLACES] = 2
    serving.workers[1].slab.values[layout.ROUTE.base(0) + layout.ROUTE_RATE_LIMITED] = 6
    found = json.loads(page(serving, "/status").body)
    assert found["board"] == {
        "configuration": {"used": 0, "capacity": 16384},
        "clients": {"used": 1, "capacity": 65536},
        "configuration_rates": {"used": 0, "capacity": 16384},
        "client_rates": {"used": 1, "capacity": 262144},
        "full": 3,
        "inherited_from": None,
    }
    assert (found["routes"]["/*"]["limit_places"], found["routes"]["/*"]["over_limit"]) == (2, 0)
    assert found["routes"]["/*"]["rate_limited"] == 6
    seat.board.close()


def test_status_names_every_worker(serving: Gateway) -> None:
    serving.workers[0].slab.values[layout.LOOP_LAG_US] = 1500
    serving.workers[0].pid = 0
    first, second = json.loads(page(serving, "/status").body)["workers"]
    assert first == {
        "worker": 0,
        "pid": None,
        "state": READY,
        "processor": None,
        "generation": 1,
        "restarts": 2,
        "rss": 0,
        "loop_lag": 0.0015,
        "heartbeat_age": 0.0,
        "stalls": 0,
        "quick_deaths": 0,
        "last_end": None,
    }
    assert (second["worker"], second["state"]) == (1, DEAD)


def test_status_shows_the_limits_that_are_configured(serving: Gateway) -> None:
    found = json.loads(page(serving, "/status").body)
    [listener] = found["listeners"]
    assert listener["limits"] == serving.plan_in_use.spec.listeners[0].settings.limits._asdict()
    assert listener["timeouts"]["head"] == 10.0
    assert found["services"]["main"]["limits"] == serving.plan_in_use.spec.services[0].pool._asdict()
    assert found["services"]["main"]["limits"]["max_pending"] == 1024
    assert found["services"]["main"]["protocol"] == "http/1.1"


def test_status_names_the_addresses_as_they_are_bound(serving: Gateway) -> None:
    (listener,) = json.loads(page(serving, "/status").body)["listeners"]
    assert listener["name"] == "edge" and listener["scheme"] == "http"
    assert listener["address"] == "127.0.0.1:0"
    assert listener["bound"] == [serving.plan_in_use.listenings["127.0.0.1:0"].bound] != ["127.0.0.1:0"]


def test_status_tells_how_the_last_reload_went(serving: Gateway) -> None:
    rehearsal = {"state": "refused", "reason": "3 of 9 requests"}
    serving.report = LoadReport(False, 1_700_000_000.0, ("a.yaml:1: one", "a.yaml:2: two"), rehearsal=rehearsal)
    serving.reloads["refused"] = 3
    found = json.loads(page(serving, "/status").body)
    assert found["last_reload"] == {
        "ok": False,
        "went_back": False,
        "by": "start",
        "when": "2023-11-14T22:13:20.000Z",
        "error": "a.yaml:1: one\na.yaml:2: two",
        "rehearsal": rehearsal,
    }
    assert found["reloads"] == {"ok": 0, "refused": 3, "went_back": 0}


def test_status_lists_the_warnings_of_what_is_in_use(serving: Gateway) -> None:
    file = Path(serving.path)
    file.write_text(TEXT + "  spare: {endpoints: ['127.0.0.1:1']}\n")
    serving.load()
    expected = [f"{file}:9:3: services.spare: no route leads to this service"]
    assert json.loads(page(serving, "/status").body)["warnings"] == expected
    file.write_text("nonsense")
    with pytest.raises(ConfigError):
        serving.load()
    assert json.loads(page(serving, "/status").body)["warnings"] == expected


def test_counts_of_workers_that_left_are_not_lost(serving: Gateway) -> None:
    for worker in serving.workers:
        worker.slab.values[layout.CONNECTIONS] = 4
    serving.retired.append(serving.workers.pop())
    try:
        assert Pages(serving).totals().globals[layout.CONNECTIONS] == 8
    finally:
        serving.workers.append(serving.retired.pop())


def test_metrics_are_those_numbers(serving: Gateway) -> None:
    serving.workers[0].slab.values[layout.ROUTE.base(0) + layout.ROUTE_STATUS + 1] = 7
    answer = page(serving, "/metrics")
    assert answer.status == 200 and answer.content_type.startswith("text/plain")
    assert b'fastgw_responses_total{route="/*",status_class="2xx"} 7.0' in answer.body
    assert b'fastgw_workers{state="ready"} 1.0' in answer.body
    assert page(serving, "/metrics", "application/openmetrics-text").content_type.startswith("application/openmetrics")


def test_what_is_left_of_limits_is_told_of_whom_the_query_says(serving: Gateway) -> None:
    def limits(query: str) -> Content:
        return asyncio.run(Pages(serving).limits(query))

    assert json.loads(limits("key=ann&user=bob&colour=red").body) == {"limits": []}  # the configuration has none
    for query in ("label=team%3Dsearch", "label=team", "key=a&key=b", "key=a/b", "user=", "model=none"):
        assert limits(query) == Content(404, b'{"reason":"unknown"}'), query


def test_an_endpoint_without_a_name_is_its_own_address(serving: Gateway) -> None:
    serving.knowledge.standings.learn(0, [Standing("main", "127.0.0.1:9", "127.0.0.1:9", USED)])
    addresses = Pages(serving).document()["services"]["main"]["endpoints"]["127.0.0.1:9"]["addresses"]
    assert addresses["127.0.0.1:9"]["used_by"] == 1


# --- members


def test_a_service_is_ready_while_one_of_its_members_is_up(serving: Gateway) -> None:
    def probe(query: str) -> tuple[int, str]:
        answer = asyncio.run(Pages(serving, lambda: 1000.0).readyz("", query))
        return answer.status, json.loads(answer.body).get("reason", "")

    members = [endpoint for service, endpoint in serving.plan_in_use.slots.endpoints if service == "main"]
    assert probe("service=main") == (200, "")
    assert probe("service=none") == probe("service=main&service=none") == probe("service=") == (404, "no_service")
    eject(serving, *members[1:])
    assert probe("service=main") == (200, "")
    eject(serving, members[0])
    assert probe("service=main") == (503, "no_member")
    assert probe("") == probe("other=main") == (200, "")
    serving.is_draining = True
    assert probe("service=main") == (503, "draining")


def test_an_ejected_member_is_told(serving: Gateway) -> None:
    eject(serving, "127.0.0.1:9")
    found = Pages(serving).document()["services"]["main"]["endpoints"]["127.0.0.1:9"]
    assert (found["state"], found["ejected_by"], found["error"]) == ("ejected", 1, "Connection refused")
    assert 'fastgw_endpoint_up{endpoint="127.0.0.1:9",service="main"} 0.0' in page(serving, "/metrics").body.decode()
