"""Base64 in pieces: as the standard library decodes it whole, strictly."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.errors import DownstreamError
from fastgw.transformers.base64_text import Base64Text


def decoded(text: bytes, cuts: tuple[int, ...] = ()) -> bytes | str:
    """The bytes, or the code of the error."""
    reader = Base64Text()
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    out = b""
    try:
        for start, end in pairwise(places):
            out += reader.feed(text[start:end])
        out += reader.finish()
    except DownstreamError as error:
        return error.code
    return out


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=8), st.booleans())
def test_any_bytes_come_back_at_any_split(data: bytes, cuts: list[int], is_uri: bool) -> None:
    text = (b"data:image/png;base64," if is_uri else b"") + base64.b64encode(data)
    assert decoded(text, tuple(cuts)) == data


@given(st.text("AB+/=-_ \n", max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_what_the_standard_library_refuses_is_refused(text: str, cuts: list[int]) -> None:
    try:
        expected: bytes | str = base64.b64decode(text, validate=True)
        if base64.b64encode(base64.b64decode(text)).rstrip(b"=") and len(text) % 4:
            expected = "base64_malformed"
    except ValueError:
        expected = "base64_malformed"
    found = decoded(text.encode(), tuple(cuts))
    assert found == decoded(text.encode())
    if isinstance(expected, str):
        assert found == expected
    else:
        assert found in (expected, "base64_malformed")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"http://a.test/x.png", "url_refused"),
        (b"HTTPS://a.test/", "url_refused"),
        (b"file:///etc/passwd", "url_refused"),
        (b"s3:x", "url_refused"),
        (b"data:image/png,AAAA", "base64_malformed"),
        (b"data:image/png;base64", "base64_malformed"),
        (b"data:" + b"x" * 300 + b";base64,AAAA", "base64_malformed"),
        (b"QUJDRA==QUJD", "base64_malformed"),
        (b"QUJD" * 8 + b"RA==QUJD", "base64_malformed"),
        (b"QUJDRA", "base64_malformed"),
        (b"QUJ=RA==", "base64_malformed"),
        (b"====", "base64_malformed"),
        (b"QUJD RA=", "base64_malformed"),
        (b"QUJD\r\nQUJD", "base64_malformed"),
        (b"QU-_", "base64_malformed"),
    ],
)
def test_what_is_refused_at_every_split(text: bytes, code: str) -> None:
    assert {decoded(text, (cut,)) for cut in range(len(text) + 1)} == {code}
    assert decoded(text, tuple(range(len(text)))) == code


def test_the_head_of_a_data_uri_may_be_in_any_case_and_have_parameters() -> None:
    assert decoded(b"DATA:image/PNG;name=a;BASE64,QUJD") == b"ABC"
    assert decoded(b"data:;base64,QUJD") == b"ABC"


def test_the_place_is_told() -> None:
    reader = Base64Text()
    reader.feed(b"A" * 100)
    with pytest.raises(DownstreamError, match="at character 111"):
        reader.feed(b"A" * 10 + b"-A")
