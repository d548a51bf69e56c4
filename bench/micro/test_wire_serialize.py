"""Status lines and the heads of the gateway's own answers."""

from __future__ import annotations

from bench.micro.stage import Benchmark
from fastgw.wire.serialize import reply_head, status_line


def test_status_line(benchmark: Benchmark) -> None:
    """The usual reason: no new bytes."""
    assert benchmark(status_line, 200, b"OK") == b"HTTP/1.1 200 OK\r\n"


def test_reply_head(benchmark: Benchmark) -> None:
    """An error with a problem document."""
    made = benchmark(lambda: reply_head(404, "application/problem+json", 120, ()))
    assert made.startswith(b"HTTP/1.1 404")
