from __future__ import annotations

import pytest

from fastgw.core import counters as layout
from fastgw.core.blocks import DURATION_BUCKETS
from fastgw.server.rates import WINDOW, Rates, quantile


def block(started: int = 0, finished: int = 0, *, failed: int = 0, fast: int = 0) -> list[int]:
    """Counters of a route; ``fast``: answers within the first bucket."""
    found = [0] * layout.ROUTE.size
    found[layout.ROUTE_STARTED], found[layout.ROUTE_FINISHED] = started, finished
    found[layout.ROUTE_FAULT_UPSTREAM] = failed
    found[layout.ROUTE_BUCKETS] = fast
    return found


def test_what_was_counted_before_somebody_watched_is_no_rate() -> None:
    rates = Rates()
    first = rates.look(100.0, {"a": block(1000, 990)})
    assert first["a"] == {"rate": 0.0, "errors": 0.0, "latency": [None] * 3, "active": 10, "requests": 1000}
    second = rates.look(102.0, {"a": block(1010, 1005, failed=4, fast=10), "new": block(6, 6)})
    assert (second["a"]["rate"], second["a"]["errors"], second["a"]["active"]) == (5.0, 2.0, 5)
    assert second["a"]["latency"] == [pytest.approx(share * 100e-6) for share in (0.5, 0.95, 0.99)]
    assert second["new"]["rate"] == 3.0
    assert (second[""]["rate"], second[""]["requests"]) == (8.0, 1016)


def test_rates_are_of_the_last_seconds() -> None:
    rates, now = Rates(), 0.0
    for _ in range(30):
        rates.look(now, {"a": block(int(now) * 10)})
        now += 1.0
    assert rates.look(now, {"a": block(int(now) * 10)})["a"]["rate"] == pytest.approx(10.0)
    assert len(rates._kept) == 2 and now - rates._kept[0][0] <= 2 * WINDOW


def test_a_name_whose_counts_are_less_is_another() -> None:
    rates = Rates()
    rates.look(0.0, {"a": block(1000)})
    assert rates.look(1.0, {"a": block(3)})["a"]["rate"] == 0.0


def test_without_routes_nothing_happens() -> None:
    assert Rates().look(0.0, {})[""]["rate"] == 0.0


@pytest.mark.parametrize(("share", "place"), [(0.5, 0), (0.75, 1), (1.0, 1)])
def test_a_quantile_lies_in_its_bucket(share: float, place: int) -> None:
    buckets = [0] * (len(DURATION_BUCKETS) + 1)
    buckets[0], buckets[1] = 50, 50
    found = quantile(buckets, share)
    low = DURATION_BUCKETS[place - 1] if place else 0
    assert found is not None and low < found * 1e6 <= DURATION_BUCKETS[place]


def test_what_is_slower_than_all_bounds_is_at_the_last() -> None:
    buckets = [0] * len(DURATION_BUCKETS) + [1]
    assert quantile(buckets, 0.5) == DURATION_BUCKETS[-1] / 1e6
    assert quantile([0] * len(buckets), 0.5) is None
