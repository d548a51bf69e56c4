"""Fixtures of the micro benchmarks."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bench.macro.corpus import build_requests
from bench.macro.scenario import route_table
from bench.micro.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A warm data plane; the collector is off, as it nearly is in a worker."""
    stage = Stage()
    gc.collect()
    gc.disable()
    yield stage
    gc.enable()


@pytest.fixture(scope="session")
def heads() -> list[bytes]:
    """Varied request heads."""
    return build_requests(route_table(20), count=200)
