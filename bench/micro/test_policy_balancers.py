"""Choosing an endpoint among 1 to 1,000."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from bench.micro.stage import Benchmark
from fastgw.policy.balancers import LeastRequest, RoundRobin


@dataclass(slots=True, eq=False)
class Endpoint:
    """What a balancer knows."""

    active: int = 0
    weight: int = 1


@pytest.mark.parametrize("count", [1, 3, 100, 1000])
@pytest.mark.parametrize("kind", ["round_robin", "least_request"])
def test_pick(benchmark: Benchmark, kind: str, count: int) -> None:
    """Equal weights, all idle."""
    endpoints = tuple(Endpoint() for _ in range(count))
    balancer = RoundRobin[Endpoint]() if kind == "round_robin" else LeastRequest[Endpoint](Random(1).random)
    assert benchmark(balancer.pick, endpoints) in endpoints
