"""When members that do worse than their siblings are left out, and how they come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.settings import EjectionSettings
from fastgw.policy.outliers import IN, ON_TRIAL, OUT, TRIALS, OutlierState, median_of_others, most_out, too_slow

TERMS = EjectionSettings(3, 1.0, 8.0, failures=0.5, slow=5.0, minimum=4, window=10.0, max_share=0.5)


def test_a_ratio_says_nothing_below_the_minimum_and_after_the_window() -> None:
    state = OutlierState(TERMS)
    assert [bool(state.add(1.0, is_failed=True, seconds=0.1)) for _ in range(4)] == [False, False, False, True]
    assert not state.add(30.0, is_failed=True, seconds=0.1)


def test_nobody_is_left_out_when_a_call_has_gone_well() -> None:
    state = OutlierState(TERMS)
    for _ in range(8):
        state.add(1.0, is_failed=True, seconds=0.1)  # there may have been no place
    assert not state.add(2.0, is_failed=False, seconds=0.1)
    assert state.add(2.0, is_failed=True, seconds=0.1)


def test_the_time_doubles_up_to_the_longest_and_begins_anew() -> None:
    state, now, times = OutlierState(TERMS), 100.0, []
    for _ in range(5):
        state.leave(now)
        times.append(state.until - now)
        now = state.until
        assert state.look(now)
        assert state.state == ON_TRIAL
    assert times == [1.0, 2.0, 4.0, 8.0, 8.0]
    state.enter(now)
    state.leave(now + 8.0)
    assert state.until == now + 9.0


def test_one_trial_at_a_time_and_so_many_that_end_well_have_it_back() -> None:
    state = OutlierState(TERMS)
    state.leave(0.0)
    assert not state.has_room
    assert not state.look(0.9)
    assert state.look(1.0)
    for turn in range(TRIALS):
        assert state.has_room
        state.take(1.0)
        assert not state.has_room
        assert state.do_well(2.0) == (turn == TRIALS - 1)
    assert state.state == IN


def test_a_trial_that_hangs_leaves_its_place_and_what_began_before_is_none() -> None:
    state = OutlierState(TERMS)
    state.leave(0.0)
    state.look(1.0)
    assert not state.is_trial(0.5)
    assert state.is_trial(1.0)
    state.take(1.0)
    assert not state.look(8.9)
    assert state.look(9.0)
    assert state.has_room


def test_one_answer_that_took_long_makes_no_median() -> None:
    state = OutlierState(TERMS)
    for seconds in (0.01, 0.01, 9.0):
        state.add(1.0, is_failed=False, seconds=seconds)
    assert state.median(1.0) is None
    state.add(1.0, is_failed=False, seconds=0.01)
    assert state.median(1.0) == 0.01
    assert state.median(60.0) is None


def test_what_says_nothing_of_how_fast_one_is_is_no_part_of_its_median() -> None:
    state = OutlierState(TERMS)
    for seconds in (0.5, None, None, None):
        state.add(1.0, is_failed=seconds is None, seconds=seconds)
    assert state.median(1.0) == 0.5


def test_what_is_fast_is_not_slow() -> None:
    assert not too_slow(0.009, 0.0001, 5.0)
    assert too_slow(0.6, 0.1, 5.0)
    assert not too_slow(0.5, 0.1, 5.0)
    assert not too_slow(60.0, 0.1, 0.0)


@given(st.integers(0, 1000), st.floats(0.001, 1.0))
def test_never_all_are_left_out(count: int, share: float) -> None:
    assert 0 <= most_out(count, share) <= max(0, count - 1)
    assert most_out(count, share) >= (count > 1)


@given(st.lists(st.floats(0.0, 10.0), min_size=2, max_size=9), st.data())
def test_the_median_of_the_others_is_theirs(values: list[float], data: st.DataObject) -> None:
    ordered = sorted(values)
    place = data.draw(st.integers(0, len(ordered) - 1))
    rest = ordered[:place] + ordered[place + 1 :]
    assert median_of_others(ordered, place) == median_of_others(rest)


def test_one_alone_has_no_others() -> None:
    with pytest.raises(IndexError):
        median_of_others([1.0], 0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 5.0)), max_size=80))
def test_a_member_is_never_asked_while_its_time_is_not_over(steps: list[tuple[bool, float]]) -> None:
    state, now = OutlierState(TERMS), 0.0
    for is_failed, passed in steps:
        now += passed
        state.look(now)
        if state.state == OUT:
            assert now < state.until <= now + TERMS.max
            assert not state.has_room
        elif state.state == IN:
            if state.add(now, is_failed=is_failed, seconds=0.1):
                state.leave(now)
        else:
            state.take(now)
            if is_failed:
                state.leave(now)
            else:
                state.do_well(now)
