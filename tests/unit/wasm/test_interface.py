"""Forms of the ABI."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgw.wasm.interface import EXPORTS, ON_DELETE, deserialized, serialized

PAIRS = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=5)


def test_maps_are_as_the_specification_has_them() -> None:
    data = b"\2\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0a\0001\0b\00022\0"
    assert serialized([(b"a", b"1"), (b"b", b"22")]) == data
    assert deserialized(b"") == [] and deserialized(b"\0") == [] and deserialized(b"\0\0\0\0") == []
    assert EXPORTS[ON_DELETE] == "proxy_on_delete"


@given(PAIRS)
def test_there_and_back(pairs: list[tuple[bytes, bytes]]) -> None:
    assert deserialized(serialized(pairs)) == pairs


@given(st.binary(max_size=64))
def test_whatever_bytes_come(data: bytes) -> None:
    found = deserialized(data)
    assert found is None or sum(len(name) + len(value) for name, value in found) <= len(data)
