"""Values of one type: their bounds, and what is none."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.transcoding.scalars import SCALARS, MisfitError, enumerated, float_out, number_out, octets_out


def test_every_type_of_a_scalar_is_known() -> None:
    assert sorted(SCALARS) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 18]


@given(st.sampled_from([(3, 64, True), (4, 64, False), (5, 32, True), (13, 32, False)]), st.integers(-(2**65), 2**65))
def test_whole_numbers_have_bounds(kind: tuple[int, int, bool], value: int) -> None:
    number, bits, is_signed = kind
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    for form in (value, str(value)):
        if low <= value <= high:
            assert SCALARS[number](form, 1) == value
        else:
            with pytest.raises(MisfitError):
                SCALARS[number](form, 1)


@pytest.mark.parametrize("value", ["", " 1", "+1", "1_0", "1.0", "0x1", "1" * 30, [], {}, None, True, 1.5, math.inf])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(MisfitError):
        SCALARS[3](value, 1)


def test_a_float_that_is_whole_is_one() -> None:
    assert SCALARS[3](5.0, 1) == 5


@pytest.mark.parametrize("value", ["", "x", "1e", "inf", "nan", True, None, [], math.inf, "1e999"])
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(MisfitError):
        SCALARS[1](value, 1)


def test_an_enum_may_be_closed() -> None:
    is_open, is_closed = (enumerated({"A": 0, "B": 1}, is_closed=one) for one in (False, True))
    assert (is_open("B", 1), is_open(7, 1), is_closed("1", 1)) == (1, 7, 1)
    with pytest.raises(MisfitError, match="expected one of A, B, got another number"):
        is_closed(7, 1)


@given(st.floats(width=32))
def test_a_float_of_32_bits_is_written_as_the_shortest_that_is_it(value: float) -> None:
    written = float_out(value)
    if isinstance(written, str):
        assert not math.isfinite(value)
        assert written == number_out(value)
    else:
        assert struct.pack("<f", written) == struct.pack("<f", value)
        assert len(repr(written)) <= len(repr(value))


@given(st.binary(max_size=20))
def test_octets_come_back(data: bytes) -> None:
    text = octets_out(data)
    assert SCALARS[12](text, 1) == SCALARS[12](text.rstrip("="), 1) == data
    assert SCALARS[12](text.replace("+", "-").replace("/", "_"), 1) == data
