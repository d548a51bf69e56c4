"""Choosing a route, in tables of 10 to 10,000."""

from __future__ import annotations

import pytest

from bench.macro.scenario import route_table
from bench.micro.stage import Benchmark
from fastgw.routing import Router, Rule


def router(count: int) -> Router[int]:
    return Router(
        [
            Rule(f"r{n}", one.path if one.exact else one.path + "*", "", frozenset(), (), n)
            for n, one in enumerate(route_table(count))
        ]
    )


def nothing(name: bytes) -> bytes | None:
    return None


@pytest.mark.parametrize("count", [10, 1000, 10_000])
@pytest.mark.parametrize("kind", ["exact", "prefix", "none"])
def test_match(benchmark: Benchmark, kind: str, count: int) -> None:
    """The last route of the table, or none."""
    last = route_table(count)
    paths = {"exact": last[-2].path, "prefix": last[-1].path + "items/99", "none": "/api/teams/nobody"}
    expected = {"exact": count - 2, "prefix": count - 1, "none": None}
    table, path = router(count), paths[kind].encode()
    assert benchmark(table.match, b"edge.example", b"GET", path, nothing) == expected[kind]
