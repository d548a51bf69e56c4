"""One string of a JSON body, found in its bytes: the same as a parser finds, at any split."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.errors import DownstreamError
from fastgw.transformers.json_field import DEPTH_MAX, TOKENS_MAX, JsonField

PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/="


def found(body: bytes, path: str = "image", cuts: tuple[int, ...] = (), rest_max: int = 9000) -> bytes | str:
    """The string, or the code of the error."""
    reader = JsonField(path.split("."), rest_max)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    out = b""
    try:
        for start, end in pairwise(places):
            out += reader.feed(body[start:end])
        reader.finish()
    except DownstreamError as error:
        return error.code
    return out


def detail(body: bytes, path: str = "image") -> str:
    reader = JsonField(path.split("."), 4096)
    reader.feed(body)
    with pytest.raises(DownstreamError) as caught:
        reader.finish()
    return caught.value.detail


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"image":"QUJD"}', "image"),
        (b' {"a": [1, {"image": "no"}], "image" : "QUJD" , "z": null} ', "image"),
        (b'{"other": {"image": "no"}, "image": "QUJD", "b": "\\"image\\": \\\\"}', "image"),
        (b'{"data": {"x": [{}], "image": "QUJD"}, "image": "no"}', "data.image"),
        (b'{"data": [{"image": "no"}], "b": {"data": {"image": "no"}}, "data2": 1, "c": {"image": "QUJD"}}', "c.image"),
        (b'{"im\\u0061ge": "QUJD"}', "image"),
        (b'{"image": "QU\\u004aD"}', "image"),
        ('{"größe": "ü", "bild": "QUJD"}'.encode(), "bild"),
        ('{"größe": "QUJD"}'.encode(), "größe"),
    ],
)
def test_the_string_at_the_path_is_found_at_every_split(body: bytes, path: str) -> None:
    assert found(body, path) == b"QUJD"
    assert {found(body, path, (cut,)) for cut in range(len(body))} == {b"QUJD"}
    assert found(body, path, tuple(range(len(body)))) == b"QUJD"


def test_what_encoders_escape_is_read() -> None:
    assert found(b'{"image":"a\\/b\\u002Bc\\u003d"}') == b"a/b+c="


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json_malformed"),
        (b"{", "json_malformed"),
        (b'{"image":"QUJD', "json_malformed"),
        (b'{"image":"QUJD"', "json_malformed"),
        (b'{"image":"QUJD"} {}', "json_malformed"),
        (b'{"image":"QUJD",}', "json_malformed"),
        (b'{"image" "QUJD"}', "json_malformed"),
        (b'{"image":"QUJD" "x"}', "json_malformed"),
        (b'{"image":"QUJD"]', "json_malformed"),
        (b'{"\\x": 1, "image":"QUJD"}', "json_malformed"),
        (b'{"image":"QUJD", "a": \xff}', "json_malformed"),
        (b"\xef\xbb\xbf" + b'{"image":"QUJD"}', "json_malformed"),
        (b"[" * (DEPTH_MAX + 1), "json_malformed"),
        (b"]}" * 100, "json_malformed"),
        (b"{}", "field_missing"),
        (b"[]", "field_missing"),
        (b'"QUJD"', "field_missing"),
        (b'["image", "QUJD"]', "field_missing"),
        (b'[{"image": "QUJD"}]', "field_missing"),
        (b'{"image": 5}', "field_missing"),
        (b'{"image": null, "a": 1}', "field_missing"),
        (b'{"image": ["QUJD"]}', "field_missing"),
        (b'{"image": {"image": "QUJD"}}', "field_missing"),
        (b'{"image": "QUJD", "image": "QUJE"}', "field_missing"),
        (b'{"image": "QUJD", "im\\u0061ge": "QUJE"}', "field_missing"),
        (b'{"image": "QU\\nJD"}', "base64_malformed"),
        (b'{"image": "QU\\"JD"}', "base64_malformed"),
        (b'{"image": "QU\\\\/JD"}', "base64_malformed"),
        (b'{"image": "QU\\u005c/JD"}', "base64_malformed"),
        (b'{"image": "QU\\u0100JD"}', "base64_malformed"),
        (b'{"image": "QUJD", "a": "' + b"x" * 9000 + b'"}', "json_too_large"),
        (b'{"a": [' + b"1111," * 5000, "json_too_large"),
        (b"[]" * (TOKENS_MAX // 2) + b"[", "json_too_large"),
        (b'{"image": "QUJD"} {"image": "QUJD"}', "json_malformed"),
    ],
)
def test_what_has_no_such_string_is_refused_at_every_split(body: bytes, code: str) -> None:
    step = max(1, len(body) // 50)
    assert {found(body, cuts=(cut,)) for cut in range(0, len(body) + 1, step)} == {code}
    assert found(body, cuts=tuple(range(len(body)))) == code


def test_the_place_is_that_in_the_whole_body() -> None:
    body = b'{"image": "' + b"A" * 1000 + b'", "b": tru}'
    assert detail(body).endswith(f", at character {body.index(b'tru}') + 1}")
    assert detail(b'{"b": tru, "image": ""}').endswith(", at character 7")


def test_a_value_twice_in_an_object_above_is_refused() -> None:
    assert found(b'{"data": 1, "data": {"image": "QUJD"}}', "data.image") == "field_missing"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("image"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=6), values, max_size=4),
    st.text(PLAIN, max_size=40),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_it_finds_what_a_parser_finds(around: dict[str, object], text: str, is_ascii: bool, cuts: list[int]) -> None:
    around.pop("image", None)
    pairs = [*around.items()]
    pairs.insert(len(pairs) // 2, ("image", text))
    body = json.dumps(dict(pairs), ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        return
    assert found(body, cuts=tuple(cuts), rest_max=1 << 20) == text.encode()
