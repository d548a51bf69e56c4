"""The two filters nearly every route has, and one that counts over all workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bench.micro.stage import Benchmark, Stage
from fastgw.core.live.board import Board, blank
from fastgw.core.live.holds import sit_down
from fastgw.core.live.words import BOARD_BYTES
from fastgw.filters.access_log import AccessLog
from fastgw.filters.rate_limit import RateLimit
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


@pytest.mark.parametrize(("per", "limits"), [("route", 1), ("address", 1), ("address", 2)])
def test_rate_limit(benchmark: Benchmark, stage: Stage, per: str, limits: int) -> None:
    """One that is admitted, alone at its cells."""
    stage.send(stage.requests[0])
    exchange = stage.client.protocol.exchange
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    board = Board(fd)
    exchange.plane.seat = sit_down(board)
    said: Any = tuple((("rate", (1_000_000, unit)), ("burst", None), ("per", per)) for unit in (1, 60)[:limits])
    options = {"limits": said, "fields": ("draft",), "tell": "refused", "when_full": "refuse", "dry_run": False}
    made = RateLimit("limit", options)
    try:
        benchmark(made.request, exchange)
    finally:
        exchange.plane.seat = None
        board.close()
        os.close(fd)
