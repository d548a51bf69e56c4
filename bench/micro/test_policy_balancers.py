"""Choosing an endpoint among 1 to 1,000."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from bench.micro.stage import Benchmark
from fastgw.policy import balancers
from fastgw.policy.ewma import PeakEwma
from fastgw.policy.hashing import ConsistentHash
from fastgw.policy.maglev import Maglev


@dataclass(slots=True, eq=False)
class Endpoint:
    """What a balancer knows."""

    place: str
    weight: int = 1
    in_hand: int = 0
    is_retired: bool = False


def picks(kind: str, endpoints: Sequence[Endpoint]) -> Callable[[Sequence[Endpoint]], Any]:
    """How the balancer of this name picks; that of a key by one of its keys."""
    random = Random(1).random
    if kind in ("consistent_hash", "maglev"):
        by_key = (Maglev if kind == "maglev" else ConsistentHash)(random, lambda: endpoints, 1.25)
        return lambda among: by_key.pick_by(among, b"user-1")
    made: dict[str, Any] = {
        "round_robin": balancers.RoundRobin(),
        "random": balancers.Random(random),
        "least_request": balancers.LeastRequest(random),
        "peak_ewma": PeakEwma(random, time.monotonic),
    }
    return made[kind].pick  # type: ignore[no-any-return]


@pytest.mark.parametrize("weights", ["equal", "unequal"])
@pytest.mark.parametrize("count", [1, 3, 100, 1000])
@pytest.mark.parametrize("kind", ["round_robin", "random", "least_request", "peak_ewma", "consistent_hash", "maglev"])
def test_pick(benchmark: Benchmark, kind: str, count: int, weights: str) -> None:
    """All idle."""
    endpoints = tuple(Endpoint(f"10.0.0.1:{place}", 1 + place % 5 * (weights == "unequal")) for place in range(count))
    assert benchmark(picks(kind, endpoints), endpoints) in endpoints
