"""What a request asks for, and the usage that is asked for in addition, by splicing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.filters.asking import NOTHING, read, read_model

ASKS = {"include_usage": True}


def put(data: bytes) -> bytes:
    splice = read(data).splice
    return data if splice is None else splice.put_into(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"stream":true}', b'{"stream_options":{"include_usage":true},"stream":true}'),
        (b' \n{ "stream": true}', b' \n{"stream_options":{"include_usage":true}, "stream": true}'),
        (b'{"stream":true,"stream_options":null}', b'{"stream":true,"stream_options":{"include_usage":true}}'),
        (b'{"stream":true,"stream_options": {} }', b'{"stream":true,"stream_options": {"include_usage":true} }'),
        (
            b'{"stream_options":{"include_usage":false,"a":[1]},"stream":true}',
            b'{"stream_options":{"include_usage":true,"a":[1]},"stream":true}',
        ),
        (
            b'{"stream":true,"stream_options":{"a":{"include_usage":true}}}',
            b'{"stream":true,"stream_options":{"include_usage":true,"a":{"include_usage":true}}}',
        ),
        (
            b'{"stream_options":{"big":1e999, "include_usage" : 0},"stream":true}',
            b'{"stream_options":{"big":1e999, "include_usage" : true},"stream":true}',
        ),
        (
            b'{"str\\u0065am":true,"messages":[{"stream":false}]}',
            b'{"stream_options":{"include_usage":true},"str\\u0065am":true,"messages":[{"stream":false}]}',
        ),
    ],
)
def test_usage_is_asked_for_and_all_else_stays(data: bytes, expected: bytes) -> None:
    assert put(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b'{"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream":false}',
        b'{"stream":"true"}',
        b"{}",
        b'{"messages":[{"stream":true}]}',
        b'{"stream":true,"stream_options":[]}',
        b'{"stream":true,"stream_options":{"a":"' + b"x" * 5000 + b'"}}',
        b'{"stream":true,"stream":true}',
        b'{"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}',
        b'{"stream":true',
        b"[]",
        b"",
        b"\xff",
    ],
)
def test_what_asks_for_it_or_for_no_stream_or_cannot_be_read_stays(data: bytes) -> None:
    assert put(data) == data


OTHERS = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.integers(0, 9) | st.lists(st.text(max_size=3), max_size=3)
)
OPTIONS = st.none() | st.dictionaries(st.sampled_from(["include_usage", "x"]), st.booleans())


@given(OTHERS, OTHERS, st.booleans(), st.booleans(), OPTIONS)
def test_the_body_says_the_same_and_asks_for_usage(
    before: dict[str, Any], after: dict[str, Any], streams: bool, has: bool, options: Any
) -> None:
    said = before | {"stream": streams} | ({"stream_options": options} if has else {}) | after
    found = orjson.loads(put(orjson.dumps(said)))
    expected = said | ({"stream_options": ((options if has else None) or {}) | ASKS} if streams else {})
    assert found == expected


@pytest.mark.parametrize(
    ("data", "model"),
    [
        (b'{"model":"gpt-x","stream":false}', "gpt-x"),
        (b'{"a":{"model":"no"},"model":"g\\u0070t"}', "gpt"),
        (b'{"model":7}', ""),
        (b'{"model":"a\\nb"}', ""),
        (b'{"model":null}', ""),
        (b"{", ""),
    ],
)
def test_the_model_that_is_asked_for(data: bytes, model: str) -> None:
    assert read(data).model == read_model(data) == model


def test_of_the_beginning_of_a_body_the_model_is_enough() -> None:
    assert read_model(b'{"model":"m","messages":[') == "m" and read(b'{"model":"m","messages":[') == NOTHING
