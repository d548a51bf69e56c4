"""Parts of periods: as numbers of any size have them, compiled too."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.amounts import Amounts
from fastgw.policy.spans import MOST, down, up

NUMBERS = st.integers(0, 10**12)
PARTS = st.integers(1, 10**17)


@given(amount=NUMBERS, period=PARTS, count=st.integers(1, 10**12))
def test_they_are_whole_numbers_of_what_a_fraction_is(amount: int, period: int, count: int) -> None:
    exact = Fraction(amount * period, count)
    assert up(amount, period, count) == min(ceil(exact), MOST)
    assert down(amount, period, count) == min(floor(exact), MOST)


@given(amount=NUMBERS, count=st.integers(1, 10**12), period=st.integers(1, 86400 * 366))
def test_so_has_whoever_uses_them(amount: int, count: int, period: int) -> None:
    """The compiled form has ``_spans.pxd`` in its place."""
    period *= 10**9
    assert Amounts(count, period, 1).span(amount) == up(amount, period, count)
