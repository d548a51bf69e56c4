"""Whole exchanges on transports that cost nothing: all of our own work for a request."""

from __future__ import annotations

import pytest

from bench.macro.corpus import build_requests
from bench.macro.scenario import HOST, route_table
from bench.micro.stage import ANSWER, EVENT, STREAM_END, STREAM_HEAD, Benchmark, Stage


def test_get(benchmark: Benchmark, stage: Stage) -> None:
    """The macro benchmark's small GET, varied heads, 20 routes, request ids, counters."""
    benchmark(stage.exchange)
    assert stage.client.written.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("size", [1024, 32768])
def test_post(benchmark: Benchmark, stage: Stage, size: int) -> None:
    """A JSON body that comes with its head."""
    request = build_requests(route_table(20), count=1, method="POST", body_size=size)[0]
    assert benchmark(stage.ask, request, ANSWER).startswith(b"HTTP/1.1 200 OK\r\n")


def test_event(benchmark: Benchmark, stage: Stage) -> None:
    """One event of a stream."""
    stage.send(stage.requests[0])
    stage.service.protocol.data_received(STREAM_HEAD)
    benchmark(stage.service.protocol.data_received, EVENT)
    stage.service.protocol.data_received(STREAM_END)
    assert stage.client.written.endswith(STREAM_END)


def test_body_block(benchmark: Benchmark, stage: Stage) -> None:
    """64 KiB of a large answer."""
    stage.send(stage.requests[0])
    stage.service.protocol.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
    block = bytes(65536)
    benchmark(stage.service.protocol.data_received, block)
    assert stage.client.written == block


def test_not_found(benchmark: Benchmark, stage: Stage) -> None:
    """A reply of our own."""
    request = f"GET /nowhere HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    assert benchmark(stage.ask, request).startswith(b"HTTP/1.1 404")


def test_pipelined(benchmark: Benchmark, stage: Stage) -> None:
    """Four requests in one read; figures are of all four."""
    requests = b"".join(stage.requests[:4])
    assert benchmark(stage.ask, requests, *[ANSWER] * 4).startswith(b"HTTP/1.1 200 OK\r\n")
