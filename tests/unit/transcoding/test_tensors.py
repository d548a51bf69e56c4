"""Tensors: JSON, typed contents and raw bytes say the same."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.transcoding.scalars import MisfitError
from fastgw.transcoding.tensors import DATATYPES, FLOATING, checked, count_of, flat, packed, texts, unpacked


def values_of(datatype: str) -> st.SearchStrategy[Any]:
    kind = DATATYPES[datatype]
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        return st.text(max_size=5)
    if kind.high:
        return st.integers(kind.low, kind.high)
    width = {"FP16": 16, "BF16": 16, "FP32": 32}.get(datatype, 64)
    found = st.floats(width=width, allow_nan=False, allow_infinity=False)
    return (
        found.map(lambda one: struct.unpack("<f", b"\0\0" + struct.pack("<f", one)[2:])[0])
        if datatype == "BF16"
        else found
    )


@pytest.mark.parametrize("datatype", DATATYPES)
@given(st.data())
def test_what_is_packed_comes_back(datatype: str, data: Any) -> None:
    values = data.draw(st.lists(values_of(datatype), max_size=5))
    raw = packed(checked(values, datatype), datatype)
    size = DATATYPES[datatype].size
    assert not size or len(raw) == size * len(values)
    assert unpacked(raw, datatype) == values


@pytest.mark.parametrize(
    ("datatype", "values", "raw"),
    [
        ("INT32", [1, -2], struct.pack("<2i", 1, -2)),
        ("UINT64", [2**64 - 1], b"\xff" * 8),
        ("FP32", [1.5, 2], struct.pack("<2f", 1.5, 2)),
        ("FP16", [1.5], struct.pack("<e", 1.5)),
        ("BF16", [1.0], b"\x80\x3f"),
        ("BOOL", [True, False], b"\1\0"),
        ("BYTES", ["a", "€"], b"\1\0\0\0a\3\0\0\0\xe2\x82\xac"),
    ],
)
def test_raw_bytes_are_little_endian(datatype: str, values: list[Any], raw: bytes) -> None:
    assert packed(checked(values, datatype), datatype) == raw


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("INT8", [128]),
        ("UINT8", [-1]),
        ("INT32", [1.5]),
        ("INT64", ["1"]),
        ("INT32", [True]),
        ("UINT64", [2**64]),
        ("BOOL", [1]),
        ("FP32", ["x"]),
        ("FP32", [True]),
        ("FP32", [1e300]),
        ("FP16", [70000.0]),
        ("BF16", [3.4e38]),
        ("BYTES", [1]),
    ],
)
def test_values_of_another_kind_are_refused(datatype: str, values: list[Any]) -> None:
    with pytest.raises(MisfitError, match=f"no {datatype}"):
        packed(checked(values, datatype), datatype)


@pytest.mark.parametrize(
    ("data", "values"), [([], []), ([1, 2], [1, 2]), ([[1, 2], [3]], [1, 2, 3]), ([[[1]], [[2]]], [1, 2])]
)
def test_lists_may_be_inside_each_other(data: Any, values: list[Any]) -> None:
    assert flat(data) == values


def test_what_is_no_tensor() -> None:
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    for data in (None, {}, "abc", [1, [2]], deep):
        with pytest.raises(MisfitError):
            flat(data)


@pytest.mark.parametrize(
    ("raw", "datatype"), [(b"123", "INT32"), (b"\1\0\0", "BYTES"), (b"\2\0\0\0a", "BYTES"), (b"\1\0\0\0\xff", "BYTES")]
)
def test_bytes_that_are_none_of_that_kind(raw: bytes, datatype: str) -> None:
    with pytest.raises(MisfitError):
        unpacked(raw, datatype)


def test_the_rest() -> None:
    assert count_of([]) == 1 and count_of([2, 3]) == 6 and count_of([2, 0]) == 0
    assert texts([b"a"]) == ["a"]
    assert math.isnan(unpacked(struct.pack("<f", math.nan), "FP32")[0])
    assert set(FLOATING) <= set(DATATYPES)
