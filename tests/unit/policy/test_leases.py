"""A lease as one number: what is left, what is owed, and when it is over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.leases import MOST, TICK, LeaseTerms, balance, ends

SECOND = 10**9
TERMS = LeaseTerms(block=10, age=30 * SECOND, depth=100 * SECOND)


def test_nothing_is_held_in_the_beginning() -> None:
    assert balance(0, 5) == 0
    assert TERMS.asks(0, 5) == (0, 10)
    assert TERMS.is_low(0, 5)


def test_what_is_granted_is_there_until_it_ends() -> None:
    now = 1000 * SECOND
    held = TERMS.renewed(0, now, 10)
    assert balance(held, now) == 10
    assert now + TERMS.age - TICK < ends(held) <= now + TERMS.age
    assert balance(held, ends(held) - 1) == 10
    assert balance(held, ends(held)) == 0
    assert (TERMS.is_low(held, now), TERMS.asks(held, now)) == (False, (0, 0))
    held = TERMS.changed(held, now, -5)
    assert (TERMS.is_low(held, now), TERMS.asks(held, now)) == (True, (0, 5))


def test_spending_does_not_prolong_and_nor_does_giving_back() -> None:
    now = 1000 * SECOND
    held = TERMS.renewed(0, now, 10)
    later = TERMS.changed(TERMS.changed(held, now + 9 * SECOND, -3), now + 12 * SECOND, 2)
    assert (balance(later, now + 12 * SECOND), ends(later)) == (9, ends(held))


def test_a_lease_is_prolonged_once_by_what_is_granted_to_what_is_left() -> None:
    """What is left then is less than a block, so all of it is spent before the next one."""
    now = 1000 * SECOND
    held = TERMS.changed(TERMS.renewed(0, now, 10), now, -6)
    again = TERMS.renewed(held, now + 20 * SECOND, 6)
    assert balance(again, now + 20 * SECOND) == 10
    assert ends(again) > now + 20 * SECOND + TERMS.age - TICK


def test_what_is_owed_stays_until_the_bucket_would_be_full_anyway() -> None:
    now = 1000 * SECOND
    owing = TERMS.changed(0, now, -7, 70 * SECOND)
    assert (balance(owing, now), TERMS.asks(owing, now)) == (-7, (7, 10))
    assert balance(owing, now + 170 * SECOND) == -7
    assert balance(owing, now + 170 * SECOND + 2 * TICK) == 0
    paid = TERMS.renewed(owing, now + SECOND, 7)
    assert (balance(paid, now + SECOND), ends(paid) <= now + SECOND) == (0, True)


def test_a_number_has_bounds() -> None:
    now = 1000 * SECOND
    assert balance(TERMS.changed(0, now, -(10**15)), now) == -MOST
    assert balance(TERMS.changed(0, now, 10**15), now) == MOST
    assert balance(TERMS.renewed(TERMS.renewed(0, now, MOST), now, MOST), now) == MOST


@given(
    start=st.integers(0, 10**18),
    steps=st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 10 * SECOND)), max_size=30),
)
def test_nothing_is_lost_before_it_ends(start: int, steps: list[tuple[int, int]]) -> None:
    terms = LeaseTerms(block=10, age=10**12, depth=10**12)
    number, has, now = 0, 0, start
    for change, pause in steps:
        now += pause
        number = terms.changed(number, now, change)
        has += change
        assert balance(number, now) == has
        assert 0 <= number < 1 << 63
        assert number > now or not has
