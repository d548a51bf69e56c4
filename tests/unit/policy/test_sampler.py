"""``Sampler``: each with the same chance, and chance asked for those that are taken only."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.sampler import Sampler


def never() -> float:
    raise AssertionError("there is nothing to be decided by chance")


@pytest.mark.parametrize(("share", "taken"), [(0.0, False), (-1.0, False), (1.0, True), (2.0, True)])
def test_none_and_all_need_no_chance(share: float, taken: bool) -> None:
    sampler = Sampler(share, never)
    assert [sampler.takes() for _ in range(100)] == [taken] * 100


@pytest.mark.parametrize(
    ("chance", "skipped"), [(0.0, 0), (0.0099, 0), (0.0101, 1), (0.0198, 1), (0.02, 2), (0.5, 68), (0.99, 458)]
)
def test_so_many_are_passed_over_as_the_geometric_distribution_has_for_the_chance(chance: float, skipped: int) -> None:
    """P(more than k are passed over) = 0.99^(k + 1)."""
    sampler = Sampler(0.01, lambda: chance)
    found = [sampler.takes() for _ in range(3 * (skipped + 1))]
    assert found == ([False] * skipped + [True]) * 3


@given(share=st.floats(min_value=5e-324, max_value=1.0), chance=st.floats(min_value=0.0, max_value=1 - 2**-53))
def test_no_share_and_no_chance_is_too_much(share: float, chance: float) -> None:
    sampler = Sampler(share, lambda: chance)
    assert sampler.takes() or share < 1.0


@pytest.mark.no_cover
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_the_share_is_kept_and_neighbours_are_independent(share: float) -> None:
    draws = random.Random(1)
    asked = [0]

    def chance() -> float:
        asked[0] += 1
        return draws.random()

    sampler = Sampler(share, chance)
    found = [sampler.takes() for _ in range(100_000)]
    taken = sum(found)
    deviation = (100_000 * share * (1 - share)) ** 0.5
    assert abs(taken - 100_000 * share) < 3 * deviation
    assert taken <= asked[0] <= taken + 1
    pairs = sum(one and other for one, other in pairwise(found))
    assert abs(pairs - 100_000 * share**2) < 3 * (100_000 * share**2) ** 0.5 + 3 * deviation * share
