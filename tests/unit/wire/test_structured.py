"""Dictionaries, read strictly: the examples of RFC 9651, and what is none."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.structured import read_bytes, read_dictionary, write_bytes


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b"", {}),
        (b"  ", {}),
        (b"sha-256=:AAA=:", {b"sha-256": b":AAA=:"}),
        (b"sha-256=:AAA=: ,\t sha-512=:BBB=:", {b"sha-256": b":AAA=:", b"sha-512": b":BBB=:"}),
        (b"a=1, a=2", {b"a": b"2"}),
        (b"a=?0, b, c; foo=bar", {b"a": b"?0", b"b": b"", b"c": b""}),
        (b'en="Applepie", da=:w4ZibGV0w6ZydGU=:', {b"en": b'"Applepie"', b"da": b":w4ZibGV0w6ZydGU=:"}),
        (b"rating=1.5, feelings=(joy sadness)", {b"rating": b"1.5", b"feelings": b""}),
        (b"a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid", {b"a": b"", b"b": b"3", b"c": b"4", b"d": b""}),
        (b'a=-7, *b=tok/en:x, c=@1659578233, d=%"f%c3%bc", e=()', dict.fromkeys((b"a", b"*b", b"c", b"d", b"e"))),
        (b'a="\\"\\\\", b=( "x";y  z )', {b"a": b'"\\"\\\\"', b"b": b""}),
    ],
)
def test_members(value: bytes, members: dict[bytes, bytes | None]) -> None:
    found = read_dictionary(value)
    assert list(found) == list(members)
    assert all(expected in (None, found[key]) for key, expected in members.items())


@pytest.mark.parametrize(
    "value",
    [
        b"Sha-256=:AAA=:",
        b"sha-256=:AAA=",
        b"sha-256=AAA=",
        b"sha-256 = :AAA=:",
        b"a=1,",
        b",a=1",
        b"a=1,,b=2",
        b"a=1 b=2",
        b"a=",
        b"a=1;",
        b"a=1;B=2",
        b'a="x',
        b'a="\\x"',
        b"a=(1 2",
        b"a=(1,2)",
        b"a=1234567890123456",
        b"a=1.2345",
        b"a=?2",
        b"a=\xff",
        b"\ta=1",
        b"a=:AA AA:",
        b"=1",
    ],
)
def test_what_is_no_dictionary(value: bytes) -> None:
    with pytest.raises(ValueError):
        read_dictionary(value)


def test_byte_sequences() -> None:
    assert read_bytes(b":aGVsbG8=:") == read_bytes(b":aGVsbG8:") == b"hello"
    assert read_bytes(b"::") == b""
    for wrong in (b"", b":", b"aGVsbG8=", b":aGVsbG8==x:", b":a:", b"x:aGVsbG8=:", b":a=GVsbG8:"):
        with pytest.raises(ValueError):
            read_bytes(wrong)


@given(st.binary(max_size=100))
def test_what_is_written_is_read(value: bytes) -> None:
    written = write_bytes(value)
    assert written == b":" + base64.b64encode(value) + b":"
    assert read_dictionary(b"a=" + written) == {b"a": written}
    assert read_bytes(written) == value


@given(st.binary(max_size=60))
def test_whatever_comes_is_read_or_refused(value: bytes) -> None:
    try:
        read_dictionary(value)
    except ValueError:
        return
    assert value.isascii()
