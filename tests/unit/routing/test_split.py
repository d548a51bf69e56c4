"""A weighted choice: fair, and stable for who sticks."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.routing import RoutingError, Split

FRACTION = 0.6041924073669338  # of b"user-1"; a change would send every sticky client elsewhere

weights = st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any)


@given(weights, st.integers(1, 500))
def test_shares_are_the_weights(given_weights: list[int], steps: int) -> None:
    split = Split(list(enumerate(given_weights)))
    total = sum(given_weights)
    count = steps * 4
    found = [split.choose(i / count) for i in range(count)]
    for choice, weight in enumerate(given_weights):
        assert abs(found.count(choice) - count * weight / total) <= 1
        if not weight:
            assert choice not in found


@given(weights, st.floats(0, 1, exclude_max=True))
def test_every_fraction_has_a_choice_with_weight(given_weights: list[int], fraction: float) -> None:
    assert given_weights[Split(list(enumerate(given_weights))).choose(fraction)] > 0


def test_the_borders_belong_to_the_right() -> None:
    split = Split([("a", 95), ("b", 0), ("c", 5)])
    assert [split.choose(u) for u in (0.0, 0.9499, 0.95, 1 - 2**-53)] == ["a", "a", "c", "c"]
    assert Split([("only", 1)]).choose(0.5) == "only"


def test_moving_weight_moves_only_those_between_the_borders() -> None:
    before, after = Split([("stable", 95), ("canary", 5)]), Split([("stable", 90), ("canary", 10)])
    moved = 0
    for i in range(20_000):
        fraction = Split.sticky_fraction(b"user-%d" % i)
        if before.choose(fraction) != after.choose(fraction):
            moved += 1
            assert (before.choose(fraction), after.choose(fraction)) == ("stable", "canary")
    assert 0.04 < moved / 20_000 < 0.06


def test_sticky_fractions_are_even_and_below_one() -> None:
    found = sorted(Split.sticky_fraction(b"%d" % i) for i in range(10_000))
    assert found[0] >= 0
    assert found[-1] < 1
    assert all(abs(fraction - i / 10_000) < 0.02 for i, fraction in enumerate(found))


def test_the_sticky_fraction_is_the_same_in_every_process_and_release() -> None:
    code = "from fastgw.routing import Split; print(repr(Split.sticky_fraction(b'user-1')))"
    for seed in ("0", "1"):
        answer = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert float(answer.stdout) == Split.sticky_fraction(b"user-1") == FRACTION


@pytest.mark.parametrize(
    ("choices", "problems"),
    [
        ([], ["split: no choice has a weight above 0"]),
        ([("a", 0), ("b", 0)], ["split: no choice has a weight above 0"]),
        ([("a", -1), ("b", -2)], ["split: the weight -1 is negative", "split: the weight -2 is negative"]),
    ],
)
def test_useless_weights_are_refused(choices: list[tuple[str, int]], problems: list[str]) -> None:
    with pytest.raises(RoutingError) as caught:
        Split(choices)
    assert caught.value.problems == problems


def test_weight_0_with_its_weight_given_to_a_neighbour_moves_nobody_else() -> None:
    before = Split([("a", 50), ("b", 30), ("c", 20)])
    without = Split([("a", 50), ("b", 0), ("c", 50)])
    for step in range(1000):
        old, new = before.choose(step / 1000), without.choose(step / 1000)
        assert new == ("c" if old == "b" else old)
