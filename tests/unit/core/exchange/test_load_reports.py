"""Load reports of a service: who learns of them, and who does not get them."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.load_reports import LoadReports
from fastgw.core.exchange.times import Times
from fastgw.core.placement_counters import REPORTS
from fastgw.policy.engine_aware import EngineReading
from fastgw.testing.edge import GET, Edge, head_of, statuses
from tests.unit.core.exchange.test_hedging import made, raced

VLLM = "endpoint-load-metrics: TEXT named_metrics.kv_cache_usage_perc=0.5, named_metrics.num_requests_waiting=2"


def says(*fields: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "content-length: 2", "", "ok"]).encode()


class ReportingEdge(Edge):
    def __init__(self, *, passes: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.readings: dict[str, EngineReading] = {}
        self.reports = LoadReports(self.readings, 3.0, self.loop.time, passes=passes)
        self.service.minds = (self.reports, *(self.service.minds or ()))
        self.service.times = Times(self.service.settings, reports=self.reports)

    def ask(self, said: bytes, request: bytes = GET) -> tuple[bytes, bytes]:
        """What the service got, and the client."""
        client, service = self.pair(request)
        sent = service.take()
        service.feed(said)
        service.lose()
        got = client.take()
        client.lose()
        self.run()
        return sent, got

    @property
    def outcomes(self) -> tuple[int, int]:
        return self.of_service(REPORTS), self.of_service(REPORTS + 1)


@pytest.mark.parametrize("status", ["200 OK", "404 No", "503 No"])
def test_a_service_is_asked_and_what_it_says_is_known(status: str) -> None:
    edge = ReportingEdge()
    sent, got = edge.ask(says(VLLM, "x-other: 1", status=status))
    assert b"endpoint-load-metrics-format: TEXT\r\n" in sent
    assert (
        statuses(got) == [int(status[:3])] and b"load-metrics" not in got.lower() and b"x-other: 1\r\n" in head_of(got)
    )
    (reading,) = edge.readings.values()
    assert (reading.load.waiting, reading.load.usage, reading.until) == (2.0, 0.5, edge.loop.time() + 3.0)
    assert (reading.load.running, reading.base) == (1.0, 1)  # nobody has said, so it is what is in hand
    assert edge.outcomes == (1, 0)
    edge.end()


def test_clients_get_them_where_that_is_said() -> None:
    edge = ReportingEdge(passes=True)
    _, got = edge.ask(says(VLLM))
    assert VLLM.encode() in got and edge.outcomes == (1, 0)
    edge.end()


@pytest.mark.parametrize(
    "junk",
    [
        "endpoint-load-metrics: TEXT named_metrics.kv_cache_usage_perc=40",
        "endpoint-load-metrics: TEXT named_metrics.own=1",
        "endpoint-load-metrics: 1",
        "endpoint-load-metrics-bin: !",
        "endpoint-load-metrics-json: []",
        f"endpoint-load-metrics-bin: CQAAAAAAAOA/\r\n{VLLM}",
        f"{VLLM}\r\n{VLLM}",
    ],
)
def test_junk_is_counted_and_changes_nothing(junk: str) -> None:
    edge = ReportingEdge()
    edge.ask(says(VLLM))
    before = dict(edge.readings)
    _, got = edge.ask(says(junk))
    assert b"load-metrics" not in got.lower() and edge.readings == before and edge.outcomes == (1, 1)
    edge.end()


def test_an_answer_without_one_is_nothing_special() -> None:
    edge = ReportingEdge()
    edge.ask(says())
    assert not edge.readings and edge.outcomes == (0, 0)
    edge.end()


def test_the_report_of_a_try_that_was_made_again_counts_too() -> None:
    edge = ReportingEdge(service={"on": ("503",), "attempts": 2})
    client, service = edge.pair(GET)
    service.feed(says(VLLM, status="503 No"))
    service.feed(says(VLLM))
    assert statuses(client.take()) == [200] and edge.outcomes == (2, 0)
    edge.end()


@pytest.mark.parametrize("wins", [0, 1])
def test_a_second_try_beside_the_first(wins: int) -> None:
    edge = made()
    readings: dict[str, EngineReading] = {}
    edge.service.times.reports = LoadReports(readings, 3.0, edge.loop.time)  # type: ignore[union-attr]
    edge.service.minds = (edge.service.times.reports, *(edge.service.minds or ()))  # type: ignore[union-attr]
    client, *services = raced(edge)
    assert all(b"endpoint-load-metrics-format: TEXT\r\n" in one.take() for one in services)
    services[wins].feed(says(VLLM))
    got = client.take()
    assert statuses(got) == [200] and b"load-metrics" not in got.lower() and len(readings) == 1
    assert (edge.of_service(REPORTS), edge.of_service(REPORTS + 1)) == (1, 0)
    edge.end()


def test_members_that_are_gone_are_forgotten() -> None:
    edge = ReportingEdge()
    edge.ask(says(VLLM))
    (reading,) = edge.readings.values()
    edge.readings.clear()
    edge.readings["gone:1"] = EngineReading(reading.load, edge.loop.time() - 1.0)
    edge.readings["there:1"] = EngineReading(reading.load, edge.loop.time() + 1.0)
    edge.ask(says(VLLM))
    assert "gone:1" not in edge.readings and len(edge.readings) == 2
    edge.end()


def test_counters_are_of_the_service() -> None:
    assert counters.PLACEMENT.size >= REPORTS + 2
