"""What one connection may do that serves nobody."""

from __future__ import annotations

import pytest

from fastgw.core.http2 import budget
from fastgw.core.http2.budget import FloodBudget
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, Http2Error


def spend(one: FloodBudget, times: int, cost: float = 1.0, now: float = 0.0) -> None:
    for _ in range(times):
        one.spend(cost, "PING", now)


def test_it_is_spent_at_some_time() -> None:
    one = FloodBudget(0.0)
    spend(one, 1000)
    with pytest.raises(Http2Error) as caught:
        one.spend(1.0, "RST_STREAM", 0.0)
    assert caught.value.code == ENHANCE_YOUR_CALM
    assert "RST_STREAM" in str(caught.value)


def test_time_fills_it_and_never_beyond_its_size() -> None:
    one = FloodBudget(0.0)
    spend(one, 1000)
    spend(one, 50, now=5.0)
    spend(one, 1000, now=10_000.0)
    with pytest.raises(Http2Error):
        one.spend(1.0, "PING", 10_000.0)


def test_answers_fill_it() -> None:
    one = FloodBudget(0.0)
    for _ in range(1000):
        one.spend(budget.PER_ANSWER, "PING", 0.0)
        one.earn()
    spend(one, 1000)
    with pytest.raises(Http2Error):
        one.spend(1.0, "PING", 0.0)


def test_a_clock_that_stands_gives_nothing() -> None:
    one = FloodBudget(5.0)
    spend(one, 1000, now=5.0)
    with pytest.raises(Http2Error):
        one.spend(1.0, "PING", 4.0)
