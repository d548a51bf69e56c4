"""Whether a member is healthy, by how the last probes of it went."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.health import HEALTHY, UNHEALTHY, UNKNOWN, HealthState


class Given(NamedTuple):
    healthy_after: int = 2
    unhealthy_after: int = 3


def told(*probes: bool, terms: Given = Given()) -> list[str]:  # noqa: B008 - it is constant
    state, found = HealthState(), []
    for one in probes:
        before = state.state
        assert state.note(one, terms) == (state.state != before)
        found.append(state.state)
    return found


def test_the_first_good_one_is_enough() -> None:
    assert told(True) == [HEALTHY]
    assert told(False, True) == [UNKNOWN, HEALTHY]


def test_so_many_bad_ones_in_a_row_and_so_many_good_ones() -> None:
    assert told(False, False, False) == [UNKNOWN, UNKNOWN, UNHEALTHY]
    assert told(True, False, False, True, False, False, False)[3:] == [HEALTHY, HEALTHY, HEALTHY, UNHEALTHY]
    assert told(False, False, False, True, False, True, True)[3:] == [UNHEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY]


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_the_last_row_decides(probes: list[bool], healthy_after: int, unhealthy_after: int) -> None:
    """Against a plain reading of the rule."""
    state = UNKNOWN
    for count, found in enumerate(told(*probes, terms=Given(healthy_after, unhealthy_after)), 1):
        seen = probes[:count]
        row = next((at for at, one in enumerate(reversed(seen)) if one != seen[-1]), len(seen))
        if seen[-1] and (state == UNKNOWN or (state == UNHEALTHY and row >= healthy_after)):
            state = HEALTHY
        elif not seen[-1] and state != UNHEALTHY and row >= unhealthy_after:
            state = UNHEALTHY
        assert found == state
