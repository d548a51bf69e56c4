"""What a service in Python is told, and what it says."""

from __future__ import annotations

import pytest

from fastgw.adapters.speech import decoded, encoded, event, type_problem
from fastgw.errors import DownstreamError


@pytest.mark.parametrize(
    "kind", [None, b"application/json", b"Application/JSON ; charset=utf-8", b"application/vnd.api+json"]
)
def test_json_is_taken(kind: bytes | None) -> None:
    assert type_problem(kind) is None


@pytest.mark.parametrize(
    "kind", [b"", b"text/json", b"application/x-www-form-urlencoded", b"image/svg+xml", b"text/a+json"]
)
def test_other_types_are_refused(kind: bytes) -> None:
    problem = type_problem(kind)
    assert problem is not None and (problem.status, problem.code) == (415, "body_type_refused")


def test_an_object_is_the_input() -> None:
    assert decoded(b"") == {}
    assert decoded(b' {"a": [1, null]} ') == {"a": [1, None]}


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"\xff", 400), (b'{"a": NaN}', 400), (b"[1]", 422), (b"1", 422), (b"null", 422)]
)
def test_anything_else_is_not(body: bytes, status: int) -> None:
    with pytest.raises(DownstreamError) as found:
        decoded(body)
    assert found.value.status == status


def test_answers_and_events() -> None:
    assert encoded({1: "ü"}) == '{"1":"ü"}'.encode()
    with pytest.raises(TypeError):
        encoded({"a": object()})
    assert event({"a": 1}) == b'data: {"a":1}\n\n'
    assert event("one\ntwo") == b"data: one\ndata: two\n\n"
    assert event("") == b"data: \n\n"
    assert event(b": raw\n\n") == b": raw\n\n"
