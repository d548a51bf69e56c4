"""Building the two heads of an exchange."""

from __future__ import annotations

from bench.micro.stage import ANSWER, Benchmark, Stage
from fastgw.core.http1.heads import request_head, response_head


def test_request_head(benchmark: Benchmark, stage: Stage) -> None:
    """Towards the service: forwarded fields and the request id."""
    stage.send(stage.requests[0])
    assert b"x-forwarded-for: 127.0.0.1\r\n" in benchmark(request_head, stage.client.protocol.exchange)


def test_response_head(benchmark: Benchmark, stage: Stage) -> None:
    """Towards the client."""
    stage.send(stage.requests[0])
    exchange = stage.client.protocol.exchange
    stage.service.protocol.data_received(ANSWER[:-1])  # the last byte is missing, so the exchange lasts
    assert b"x-request-id: " in benchmark(response_head, exchange)
