"""The two filters nearly every route has."""

from __future__ import annotations

from pathlib import Path

from bench.micro.stage import Benchmark, Stage
from fastgw.filters.access_log import AccessLog
from fastgw.filters.request_id import RequestId


def test_request_id(benchmark: Benchmark, stage: Stage) -> None:
    """A fresh id."""
    stage.send(stage.requests[0])
    exchange, filter_ = stage.client.protocol.exchange, RequestId("request_id", {})

    def make() -> None:
        exchange.request.request_id = b""
        filter_.request(exchange)

    benchmark(make)
    assert len(exchange.request.request_id) == 32


def test_access_log_line(benchmark: Benchmark, stage: Stage, tmp_path: Path) -> None:
    """One line into the batch; writing is another thread's."""
    stage.send(stage.requests[0])
    log = AccessLog("log", {"path": str(tmp_path / "log"), "batch": 65536, "flush": 1.0})
    benchmark(log.done, stage.client.protocol.exchange)
