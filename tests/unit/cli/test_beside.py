"""In what two answers differ: where, and never what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.cli.beside import TOLD, difference
from fastgw.core.calls import Answered


def answer(body: Any, kind: str = "application/json") -> Answered:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answered(200, ((b"content-type", kind.encode()),) if kind else (), data)


def told(one: Any, other: Any, *ignored: str, kind: str = "application/json; charset=utf-8") -> str:
    return difference(answer(one, kind), answer(other, kind), frozenset(ignored))


@pytest.mark.parametrize(
    ("one", "other", "ignored", "words"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, (), ""),
        ({"a": 1}, {"a": 1.0}, (), ""),
        ({"a": 1}, {"a": True}, (), "another body: a"),
        ({"a": None}, {}, (), "another body: a"),
        ({"id": 1, "x": [{"id": 2, "t": "a"}]}, {"id": 3, "x": [{"id": 4, "t": "hunter2"}]}, ("id",), "another body: x[].t"),
        ({"x": [1, 2]}, {"x": [1, 2, 3]}, (), "another body: x"),
        ([1], [2], (), "another body: []"),
        (1, 2, (), "another body: all of it"),
        (b"{", b"[", (), "another body"),
        (b"[" * 100_000, b"[" * 100_001, (), "another body"),
        ({str(n): n for n in range(9)}, {}, (), "another body: 0, 1, 2 and 6 more"),
        ({"\x1b[2J": 1}, {"\x1b[2J": 2}, (), "another body: ?[2J"),
    ],
)  # fmt: skip
def test_json(one: Any, other: Any, ignored: tuple[str, ...], words: str) -> None:
    assert told(one, other, *ignored) == words


def test_events_are_compared_by_their_data() -> None:
    kind = "text/event-stream"
    one = b'data: {"id": 1, "t": "a"}\n\ndata: [DONE]\n\n'
    assert told(one, one.replace(b": 1", b":2").replace(b"\n\n", b"\r\n\r\n"), "id", kind=kind) == ""
    assert told(one, one.replace(b'"a"', b'"b"'), "id", kind=kind) == "another body: [].t"
    assert told(one, one.replace(b"[DONE]", b"no"), kind=kind) == "another body: []"


def test_all_else_by_its_bytes_and_kinds_first() -> None:
    assert told(b"a", b"a", kind="text/plain") == "" and told(b"a", b"b", kind="text/plain") == "another body"
    assert told(b"\xff", b"b", kind="") == "another body"
    assert difference(answer(b"1"), answer(b"1", ""), frozenset()) == "content-type: application/json -> none"


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=3), one, max_size=3),
    max_leaves=8,
)


@given(_TREES, _TREES)
def test_it_is_as_equality_but_for_truth_and_numbers(one: Any, other: Any) -> None:
    words = told(one, other)
    assert words == told(one, other) and told(one, one) == ""
    assert not words or words.count(",") < 3 * TOLD + 3
    if one != other:
        assert words
