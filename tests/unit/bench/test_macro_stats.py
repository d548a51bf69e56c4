"""Medians, quantiles and paired ratios."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.macro.stats import Ratio, median, paired_ratio, quantile

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([3.0], 0.99, 3.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.5),
        ([4.0, 1.0, 3.0, 2.0], 0.0, 1.0),
        ([4.0, 1.0, 3.0, 2.0], 1.0, 4.0),
        ([0.0, 10.0], 0.9, 9.0),
    ],
)
def test_quantiles_lie_between_neighbours(values: list[float], q: float, expected: float) -> None:
    assert quantile(values, q) == pytest.approx(expected)


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        quantile([], 0.5)


@given(numbers, st.floats(0, 1))
def test_a_quantile_is_never_outside(values: list[float], q: float) -> None:
    assert min(values) <= quantile(values, q) <= max(values) or quantile(values, q) == pytest.approx(values[0])


@given(numbers)
def test_the_median_halves(values: list[float]) -> None:
    middle = median(values)
    assert sum(value < middle for value in values) <= len(values) / 2
    assert sum(value > middle for value in values) <= len(values) / 2


def test_ratios_are_taken_round_by_round() -> None:
    """The second round was disturbed for both; the ratio of the medians would be the same, its range would not."""
    assert paired_ratio([9.0, 18.0, 8.0], [10.0, 20.0, 10.0]) == Ratio(0.9, 0.8, 0.9)


def test_a_round_that_one_of_them_missed_is_left_out() -> None:
    assert paired_ratio([1.0, 2.0], [2.0]) == Ratio(0.5, 0.5, 0.5)
    assert paired_ratio([1.0], [0.0]) is None
    assert paired_ratio([], []) is None
