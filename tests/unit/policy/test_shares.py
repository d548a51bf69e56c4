"""How requests are divided among versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.shares import WHOLE, promoted, shares
from fastgw.routing.split import Split

WEIGHTS = st.lists(st.integers(0, 1_000_000), min_size=2, max_size=6).filter(any)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((90, 10), (900_000, 100_000)), ((1, 1, 1), (333_333, 333_333, 333_334)), ((0, 7), (0, WHOLE)), ((3,), (WHOLE,))],
)
def test_weights_are_shares_of_the_whole(weights: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert shares(weights) == expected


@pytest.mark.parametrize(
    ("now", "configured", "place", "share", "expected"),
    [
        ((900_000, 100_000), (90, 10), 1, 250_000, (750_000, 250_000)),
        ((900_000, 100_000), (90, 10), 1, WHOLE, (0, WHOLE)),
        ((900_000, 100_000), (90, 10), 1, 0, (WHOLE, 0)),
        ((800_000, 100_000, 100_000), (8, 1, 1), 1, 550_000, (400_000, 550_000, 50_000)),
        ((0, WHOLE, 0), (1, 0, 0), 2, 500_000, (0, 500_000, 500_000)),  # as they do now, and not as the file says
        ((0, WHOLE, 0), (3, 1, 1), 1, 600_000, (300_000, 600_000, 100_000)),  # they have nothing: as the file says
        ((0, WHOLE, 0), (0, 1, 0), 1, 600_000, (200_000, 600_000, 200_000)),  # which says nothing of them: evenly
        ((WHOLE,), (1,), 0, 5, (WHOLE,)),
    ],
)
def test_the_others_divide_the_rest(
    now: tuple[int, ...], configured: tuple[int, ...], place: int, share: int, expected: tuple[int, ...]
) -> None:
    assert promoted(now, configured, place, share) == expected


@given(WEIGHTS, st.data())
def test_nothing_is_lost_and_who_is_promoted_has_what_was_said(weights: list[int], data: st.DataObject) -> None:
    now = shares(weights)
    place = data.draw(st.integers(0, len(now) - 1))
    share = data.draw(st.integers(0, WHOLE))
    after = promoted(now, weights, place, share)
    assert sum(now) == sum(after) == WHOLE
    assert after[place] == share
    assert all(one >= 0 for one in after)


@given(WEIGHTS, st.data())
def test_who_is_with_a_version_that_grows_stays_there(weights: list[int], data: st.DataObject) -> None:
    now = shares(weights)
    place = data.draw(st.integers(0, len(now) - 1))
    after = promoted(now, weights, place, data.draw(st.integers(now[place], WHOLE)))
    before, later = (Split([*enumerate(one)]) for one in (now, after))
    left = sum(now[:place])
    sides = [left, left + now[place] - 1] if now[place] else []
    tried = [*sides, *data.draw(st.lists(st.integers(0, WHOLE - 1), max_size=20))]
    for number in tried:
        fraction = (number + 0.5) / WHOLE
        if before.choose(fraction) == place:
            assert later.choose(fraction) == place
