"""Targets and authorities."""

from __future__ import annotations

import pytest

from bench.micro.stage import Benchmark
from fastgw.wire.target import parse_authority, split_target

TARGETS = {
    "plain": b"/v1/models/m00002/predict",
    "query": b"/api/teams/t00001/items/99?trace=8a8b8c8d",
    "escaped": b"/api/teams/t%41/./items/%7e9",
}


@pytest.mark.parametrize("kind", TARGETS)
def test_split_target(benchmark: Benchmark, kind: str) -> None:
    """Path and query, normalised."""
    path, _ = benchmark(split_target, TARGETS[kind])
    assert path.startswith(b"/")


def test_parse_authority(benchmark: Benchmark) -> None:
    """A Host that was not seen before."""
    assert benchmark(parse_authority, b"Edge.Example:8443") == b"edge.example"
