"""Forecasts: what is learned of hours, and how often the truth lies in the interval."""

from __future__ import annotations

import math
import random

import pytest

from fastgw.policy.forecast import DAY, LEAST, LONGEST, WEEK, Forecaster


def traffic(hour: int) -> float:
    """Busy at noon, and at the weekend half as much."""
    day = 1.5 + math.sin((hour % DAY - 6) / DAY * 2 * math.pi)
    return 100 * day * (0.5 if hour % WEEK >= 5 * DAY else 1.0)


def taught(weeks: int, noise: float = 0.0, seed: int = 1) -> tuple[Forecaster, random.Random]:
    forecaster, chance = Forecaster(), random.Random(seed)
    for hour in range(weeks * WEEK):
        forecaster.note(hour, traffic(hour) * math.exp(chance.gauss(0, noise)))
    return forecaster, chance


def test_a_day_and_a_week_are_learned() -> None:
    forecaster, _ = taught(6)
    found = forecaster.ahead()
    assert [one.hour for one in found] == list(range(6 * WEEK, 6 * WEEK + LONGEST))
    for one in found:
        assert one.expected == pytest.approx(traffic(one.hour), rel=0.1)
        assert one.low <= one.expected <= one.high


def test_nine_of_ten_values_lie_in_the_interval_and_it_beats_last_week() -> None:
    forecaster, chance = taught(4, 0.2)
    known = dict.fromkeys(range(3 * WEEK, 4 * WEEK), 0.0)
    chance_of = random.Random(1)
    for hour in range(4 * WEEK):
        known[hour] = traffic(hour) * math.exp(chance_of.gauss(0, 0.2))
    inside = hours = 0
    error = before = 0.0
    for hour in range(4 * WEEK, 8 * WEEK):
        said = forecaster.ahead(1)[0]
        known[hour] = traffic(hour) * math.exp(chance.gauss(0, 0.2))
        inside += said.low <= known[hour] <= said.high
        error += abs(said.expected - known[hour])
        before += abs(known[hour - WEEK] - known[hour])
        hours += 1
        forecaster.note(hour, known[hour])
    assert 0.85 <= inside / hours <= 0.95
    assert error < 0.85 * before


def test_growth_is_followed() -> None:
    forecaster = Forecaster()
    for hour in range(5 * WEEK):
        forecaster.note(hour, traffic(hour) * (1 + hour / WEEK))
    noon = 5 * WEEK + 12
    [found] = [one for one in forecaster.ahead() if one.hour == noon]
    assert found.expected > traffic(noon) * 5  # a week ago it was five times


def test_nothing_is_said_before_two_days_are_known() -> None:
    forecaster = Forecaster()
    for hour in range(LEAST - 1):
        forecaster.note(hour, 5.0)
    assert not forecaster.is_ready and forecaster.ahead() == []
    forecaster.note(LEAST - 1, 5.0)
    assert forecaster.is_ready and forecaster.ahead(3)[0].expected == pytest.approx(5.0, rel=0.2)


def test_hours_that_nobody_counted_are_no_zeros() -> None:
    forecaster, _ = taught(3)
    for hour in range(3 * WEEK, 3 * WEEK + 20):
        forecaster.note(hour, None)
    assert forecaster.hours == 3 * WEEK
    later = 3 * WEEK + 30
    forecaster.note(later, traffic(later))  # ten more are left out
    for one in forecaster.ahead():
        assert one.expected == pytest.approx(traffic(one.hour), rel=0.25)


def test_a_clock_that_goes_back_or_far_ahead_does_no_harm() -> None:
    forecaster, _ = taught(3)
    before = forecaster.ahead()
    forecaster.note(5, 1e9)
    assert forecaster.ahead() == before
    forecaster.note(40 * WEEK, 7.0)  # what was learned is of no use any more
    assert forecaster.hours == 1 and forecaster.ahead() == []


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e12, 1e300])
def test_any_value_is_taken(value: float) -> None:
    forecaster = Forecaster()
    for hour in range(WEEK):
        forecaster.note(hour, value if hour % 3 else 0.0)
    for one in forecaster.ahead():
        assert 0 <= one.low <= one.high and math.isfinite(one.high)


def test_the_same_values_give_the_same_forecast() -> None:
    assert taught(3, 0.3)[0].ahead() == taught(3, 0.3)[0].ahead()
