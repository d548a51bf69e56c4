"""When a member is left out, for how long, and how it comes back."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.ejection import MemberState


class Schedule(NamedTuple):
    after: int = 3
    base: float = 1.0
    max: float = 30.0


TERMS = Schedule()


def ejected(now: float = 10.0, terms: Schedule = TERMS) -> MemberState:
    one = MemberState()
    assert [one.fail(now, terms) for _ in range(terms.after)] == [False] * (terms.after - 1) + [True]
    return one


def test_only_failures_in_a_row_count() -> None:
    one = MemberState()
    for _ in range(10):
        assert not one.fail(0.0, TERMS)
        assert not one.fail(0.0, TERMS)
        assert not one.work(0.0)
    assert not one.is_ejected


def test_the_time_doubles_while_trials_fail_and_is_bounded() -> None:
    one, now, lengths = ejected(10.0), 10.0, []
    for _ in range(100):
        lengths.append(one.until - now)
        assert not one.begin_trial(one.until - 0.01)
        now = one.until
        assert one.begin_trial(now)
        assert one.fail(now, TERMS)
    assert lengths[:7] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] and set(lengths[7:]) == {30.0}


def test_one_trial_at_a_time() -> None:
    one = ejected()
    assert one.begin_trial(11.0)
    assert not one.begin_trial(12.0)
    one.give_up_trial()
    assert one.begin_trial(12.0)


def test_what_began_before_says_nothing() -> None:
    one = ejected()
    assert not one.fail(10.5, TERMS) and one.until == 11.0
    assert not one.work(10.5) and one.is_ejected
    assert one.work(10.5, is_proof=True) and not one.is_ejected


def test_who_was_back_for_long_begins_anew_and_who_was_not_does_not() -> None:
    for pause, length in ((29.9, 2.0), (30.0, 1.0)):
        one = ejected()
        one.begin_trial(11.0)
        assert one.work(11.0)
        now = 11.0 + pause
        for _ in range(3):
            one.fail(now, TERMS)
        assert abs(one.until - now - length) < 1e-9, pause


def test_who_is_hurried_is_tried_sooner_and_never_later() -> None:
    one = ejected()
    one.hurry(50.0)
    assert one.until == 11.0
    one.hurry(10.5)
    assert one.begin_trial(10.5)


STEPS = st.lists(st.tuples(st.sampled_from(["fail", "work", "trial", "give up", "hurry"]), st.floats(0.0, 40.0)))


@given(STEPS, st.integers(1, 5), st.floats(0.1, 5.0), st.floats(0.0, 50.0))
def test_whatever_happens(steps: list[tuple[str, float]], after: int, base: float, more: float) -> None:
    """Nobody is out without so many failures in a row, nor longer than ``max``, nor back without a trial that worked."""
    terms = Schedule(after, base, base + more)
    one, now, row, trial = MemberState(), 0.0, 0, False
    for step, pause in steps:
        now += pause
        was_ejected = one.is_ejected
        if step == "fail":
            is_news = one.fail(now, terms)
            row = row + 1 if not was_ejected else row
            assert is_news == (trial if was_ejected else row >= after)
            if is_news:
                assert base <= one.until - now + 1e-9 and one.until - now <= terms.max + 1e-9
                row, trial = 0, False
        elif step == "work":
            is_back = one.work(now)
            assert is_back == trial
            row, trial = 0, False
        elif step == "trial":
            begun = one.begin_trial(now)
            assert begun == (was_ejected and not trial and now >= one.until)
            trial = trial or begun
        elif step == "give up":
            one.give_up_trial()
            trial = False
        else:
            one.hurry(now)
        assert one.is_on_trial == trial
        assert one.is_ejected or not trial
