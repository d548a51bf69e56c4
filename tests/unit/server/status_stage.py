"""A gateway whose pages are asked, without processes: its workers are places that counted."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from fastgw.core.live.news import Finding
from fastgw.server.admin_pages import of_gateway
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.page import PageRequest, table
from fastgw.server.status import Content, Pages
from fastgw.server.workers import READY, WorkerProcess
from tests.unit.server.stage import TEXT


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT)
    workers = [WorkerProcess(0), WorkerProcess(1)]
    workers[0].state, workers[0].generation, workers[0].restarts = READY, 1, 2
    return Gateway(str(file), None, {}, workers)


@pytest.fixture
def serving(gateway: Gateway) -> Gateway:
    """Past its start."""
    gateway.adopt(gateway.plan(gateway.load()))
    gateway.is_started = True
    return gateway


@pytest.fixture(autouse=True)
def _closed(gateway: Gateway) -> object:
    yield
    gateway.close()
    for worker in gateway.workers:
        worker.slab.close()


def page(gateway: Gateway, path: str, accept: str = "", now: float = 1000.0) -> Content:
    pages = Pages(gateway, lambda: now)
    one = table(of_gateway(pages, {}, Log("test", fd=-1)))[path]["GET"]
    return asyncio.run(one.answer(PageRequest(accept)))  # type: ignore[arg-type]


def eject(gateway: Gateway, *endpoints: str, address: str = "") -> None:
    for endpoint in endpoints:
        until = time.monotonic() + 5
        found = Finding("main", endpoint, address or endpoint, False, until, "connect_refused", "Connection refused")
        gateway.knowledge.findings.learn(0, [found], gateway.knowledge.places, Log("test", fd=-1))
