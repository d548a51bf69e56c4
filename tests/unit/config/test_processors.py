"""``cpu_affinity:``, as it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config.processors import MOST, processors


def test_auto_names_none() -> None:
    assert processors("auto") == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [(["0"], (0,)), (["4-6", "0", "5"], (4, 5, 6, 0)), ("3", (3,)), ("2-3", (2, 3)), ([f"{MOST - 1}"], (MOST - 1,))],
)
def test_numbers_and_ranges_keep_their_order(written: object, meant: tuple[int, ...]) -> None:
    assert processors(written) == meant


@pytest.mark.parametrize("written", ["", "all", "-1", "3-1", "1,2", f"{MOST}", [], [["1"]], ["auto"], ["1-"], [None]])
def test_what_is_none(written: object) -> None:
    with pytest.raises(ValueError, match=r"expected auto, or a list of processors such as \[0, 2, 4-7\]"):
        processors(written)


@given(st.lists(st.integers(0, MOST - 1), min_size=1, unique=True))
def test_each_comes_back(numbers: list[int]) -> None:
    assert processors([str(one) for one in numbers]) == tuple(numbers)
