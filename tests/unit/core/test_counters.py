"""The layout of a worker's slab, and what is counted where."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.blocks import DURATION_BUCKETS
from fastgw.core.slab import Counters
from fastgw.testing.edge import Edge

MINUTES = 20 * 60 * 1_000_000  #: microseconds, beyond the last bound


def test_blocks_do_not_overlap() -> None:
    assert counters.GLOBAL.at == 0
    for block, behind in pairwise(counters.BLOCKS):
        assert behind.at == block.end
    assert counters.BLOCKS[-1].end == counters.SLAB_VALUES


def test_metrics_have_one_row_each() -> None:
    names = [row.name for block in counters.BLOCKS for row in block if row.name]
    assert len(set(names)) == len(names)


def test_values_are_those_of_the_buffer() -> None:
    buffer = bytearray(counters.SLAB_BYTES)
    Counters(memoryview(buffer)).values[1] = 7
    assert Counters(memoryview(buffer)).values[1] == 7
    assert buffer[8] == 7


def test_slab_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="needs"):
        Counters(memoryview(bytearray(counters.SLAB_BYTES - 8)))


def test_bounds_go_from_100_us_to_10_minutes_and_each_is_two_times_the_last_or_more() -> None:
    assert (DURATION_BUCKETS[0], DURATION_BUCKETS[-1]) == (100, 10 * 60 * 1_000_000)
    assert all(2 * low <= high <= 2.5 * low for low, high in pairwise(DURATION_BUCKETS))


@settings(deadline=None)
@given(st.lists(st.integers(0, MINUTES) | st.sampled_from(DURATION_BUCKETS), max_size=8))
def test_every_duration_falls_into_the_first_bucket_whose_bound_is_not_below_it(micros: list[int]) -> None:
    """Counted by the data plane, in the compiled form by the search that ``scripts/counters`` has written."""
    edge = Edge()
    edge.values[counters.EXCHANGES_OPEN] = len(micros)
    edge.plane.clock = lambda: 0.0
    expected = [0] * (len(DURATION_BUCKETS) + 1)
    for one in micros:
        seconds = (one + 0.25) / 1e6  # a quarter of a microsecond more: less than a bucket knows
        edge.plane.count(edge.route.base, -seconds, 200, 0, 0)
        edge.plane.count_answer(edge.service.base, 200, counters.ENDPOINT.base(0), seconds)
        place = next((number for number, bound in enumerate(DURATION_BUCKETS) if one <= bound), len(DURATION_BUCKETS))
        assert counters.bucket_of(one) == place
        expected[place] += 1
    places = range(len(expected))
    assert [edge.of_route(counters.ROUTE_BUCKETS + place) for place in places] == expected
    assert edge.of_route(counters.ROUTE_DURATION_US) == sum(micros)
    start = counters.SERVICE_ANSWERS_US + counters.HISTOGRAM_SIZE
    assert [edge.of_service(start + 1 + place) for place in places] == expected
    assert edge.of_service(start) == sum(micros)
    edge.plane.close()
