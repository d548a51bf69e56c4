"""What is learned of how long things take."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.quantile import HALF_LIFE, LEAST, MOST, SAMPLES_MIN, STEP, Quantile


def learned(seconds: list[float], quantile: float = 0.99) -> Quantile:
    found = Quantile(quantile, 0.0)
    for one in seconds:
        found.add(one, 0.0)
    return found


def test_nothing_is_said_of_too_few() -> None:
    found = learned([0.01] * (SAMPLES_MIN - 1))
    assert found.value() is None
    found.add(0.01, 0.0)
    assert found.value() == pytest.approx(0.01, rel=STEP - 1)


def test_a_rare_quantile_takes_more_of_them() -> None:
    assert learned([0.01] * 999, 0.999).value() is None
    assert learned([0.01] * 1001, 0.999).value() is not None


@given(st.integers(0, 1000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_it_is_never_too_short_and_at_most_a_step_too_long(seed: int, quantile: float) -> None:
    chance = random.Random(seed)
    seconds = sorted(chance.uniform(0.001, 0.5) for _ in range(500))
    found = learned(seconds, quantile).value()
    exact = seconds[int(round(quantile * 500, 6)) - 1]
    after = seconds[min(499, int(round(quantile * 500, 6)))]
    assert found is not None and exact * 0.999 <= found <= after * STEP * 1.001


def test_what_stalls_less_often_than_the_quantile_says_does_not_count() -> None:
    assert learned([0.01] * 996 + [1.0] * 4).value() == pytest.approx(0.01, rel=STEP - 1)
    assert learned([0.01] * 980 + [1.0] * 20).value() == pytest.approx(1.0, rel=STEP - 1)


def test_a_service_that_becomes_slower_is_believed() -> None:
    found = learned([0.01] * 1000)
    for number in range(1000):
        found.add(0.1, HALF_LIFE * number / 100)
    assert found.value() == pytest.approx(0.1, rel=STEP - 1)


def test_what_is_long_ago_says_nothing() -> None:
    found = learned([0.01] * 1000)
    found.add(0.01, 20 * HALF_LIFE)
    assert found.value() is None


def test_the_bounds() -> None:
    assert learned([0.0] * 200).value() == LEAST
    assert (learned([1e9] * 200).value() or 0.0) >= MOST / STEP
