"""What an endpoint picker names is found among the candidates, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.picked import LONGEST, MOST, Picked
from tests.support.chats import Member

A, B, C = Member("10.0.0.1:80"), Member("10.0.0.2:80"), Member("[2600::1]:80")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"10.0.0.2:80", (B, 0)),
        (b" 10.0.0.9:80 ,\t10.0.0.1:80", (A, 1)),
        (b"[2600::1]:80,10.0.0.1:80", (C, 0)),
        (b"10.0.0.1", (None, 0)),
        (b"10.0.0.1:81", (None, 0)),
        (b"169.254.169.254:80", (None, 0)),
        (b"", (None, 0)),
        (b"x," * MOST + b"10.0.0.1:80", (None, 0)),
        (b"10.0.0.1:80," + b"x" * LONGEST, (None, 0)),
    ],
)
def test_the_first_that_is_there(value: bytes, expected: tuple[Member | None, int]) -> None:
    assert Picked().find((A, B, C), value) == expected


def test_those_that_were_tried_are_passed_over_and_others_may_be_ready() -> None:
    found = Picked()
    assert found.find((A, B), b"10.0.0.1:80,10.0.0.2:80", (A,)) == (B, 1)
    assert found.find((A,), b"10.0.0.2:80") == (None, 0)
    assert found.find((A, B), b"10.0.0.2:80") == (B, 0)


@given(st.binary(max_size=80), st.booleans())
def test_nobody_else_is_ever_found(value: bytes, has_more: bool) -> None:
    candidates = (A, B)
    one, place = Picked().find(candidates, value + b",10.0.0.2:80" * has_more)
    assert (one is None and place == 0) or one in candidates
