"""Heads of a known shape: read as line by line, whatever their values, and bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire import _scan_py, _shapes
from fastgw.wire.errors import WireError
from fastgw.wire.fields import REQUEST_FIELDS, RESPONSE_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable
from fastgw.wire.messages import Request, Response
from tests.support.examples import examples
from tests.unit.wire.heads import attributes, head_of, lines

GET = b"GET /a HTTP/1.1"
OK = b"HTTP/1.1 200 OK"
PLAIN = [b"", b" ", b" a", b"a\t ", b" a b", b" \xe9", b" a:b", b" a\rb", b" a\nb", b" \0", b" \x7f"]
NUMBERS = [b" 5", b"\t07 ", b" 5x", b" -5", b" 5 5", *(b" " + b"9" * digits for digits in (18, 19, 21))]
WORDS = [b" chunked", b" close", b" keep-alive", b" x-a, te", b" 100-continue"]
values = st.sampled_from([*PLAIN, *NUMBERS, *WORDS])


def reading(message: Request | Response, head: bytes, table: FieldTable, count: int = 100) -> Any:
    """What was read, or the status of the refusal."""
    scan: Any = _scan_py.scan_request if isinstance(message, Request) else _scan_py.scan_response
    try:
        scan(head, message, table, count)
    except WireError as error:
        return error.status, error.code
    return attributes(message)


def known(table: FieldTable) -> int:
    return sum(len(shapes.known) for shapes in table.shapes.values())


def warm(fields: dict[bytes, int], *heads: bytes, count: int = 100) -> FieldTable:
    """A table that has met these heads."""
    table = FieldTable(fields)
    for head in heads:
        reading(Response() if fields is RESPONSE_FIELDS else Request(), head, table, count)
    return table


def revalued(fields: list[bytes], fresh: list[bytes]) -> list[bytes]:
    """The same names with other values."""
    return [
        line.partition(b":")[0] + b":" + (fresh[number] if number < len(fresh) else line.partition(b":")[2])
        for number, line in enumerate(fields)
    ]


@settings(max_examples=examples(1000), deadline=None)
@given(lines, st.lists(values, max_size=8), st.booleans(), st.integers(0, 8))
def test_request_of_a_known_shape_is_read_as_line_by_line(
    fields: list[bytes], fresh: list[bytes], trusted: bool, count: int
) -> None:
    kinds = TRUSTED_REQUEST_FIELDS if trusted else REQUEST_FIELDS
    head = head_of(b"POST /b?c HTTP/1.0" if trusted else GET, revalued(fields, fresh))
    table = warm(kinds, head_of(GET, fields))
    assert reading(Request(), head, table, 100 - count) == reading(Request(), head, FieldTable(kinds), 100 - count)
    assert reading(Request(), head, table, count) == reading(Request(), head, FieldTable(kinds), count)


@settings(max_examples=examples(1000), deadline=None)
@given(lines, st.lists(values, max_size=8), st.integers(0, 8))
def test_answer_of_a_known_shape_is_read_as_line_by_line(fields: list[bytes], fresh: list[bytes], count: int) -> None:
    head = head_of(b"HTTP/1.0 404", revalued(fields, fresh))
    table = warm(RESPONSE_FIELDS, head_of(OK, fields))
    assert reading(Response(), head, table) == reading(Response(), head, FieldTable(RESPONSE_FIELDS))
    assert reading(Response(), head, table, count) == reading(Response(), head, FieldTable(RESPONSE_FIELDS), count)


@pytest.mark.parametrize(
    ("names", "first", "second", "relayed"),
    [
        ([b"Host", b"A"], [b" a", b" 1"], [b"  b ", b"2"], b"A:2\r\n"),
        ([b"A", b"Host"], [b" 1", b" a"], [b" 2", b"b"], b"A: 2\r\n"),
        ([b"A", b"Host", b"B"], [b" 1", b" a", b" x"], [b" 2", b"b", b" y"], b"A: 2\r\nB: y\r\n"),
        ([b"Host"], [b" a"], [b" b"], b""),
        ([b"Host", b"Host"], [b" a", b" a"], [b" a", b" b"], b""),
        ([b"Host", b"Content-Length"], [b" a", b" 1"], [b" b", b" 22"], b"Content-Length: 22\r\n"),
        ([b"Content-Length", b"Content-Length"], [b" 1", b" 1"], [b" 1", b" 2"], None),
        ([b"Host", b"content_length", b"A"], [b" a", b" 1", b" 1"], [b" b", b" 2", b" 2"], b"A: 2\r\n"),
        ([b"my_name", b"Host"], [b" a", b" 1"], [b" b", b" 2"], b"my_name: b\r\n"),
        ([b"X-Forwarded-Port", b"A"], [b" a", b" 1"], [b" b", b" 2"], b"A: 2\r\n"),
        ([b"Connection", b"A", b"B"], [b" keep-alive", b" 1", b" 1"], [b" a", b" 2", b" 2"], b"B: 2\r\n"),
        ([b"Connection", b"A", b"Connection"], [b" a", b" 1", b" b"], [b" close", b" 2", b" b"], b"A: 2\r\n"),
    ],
)
def test_second_head_of_a_shape_has_its_own_values(
    names: list[bytes], first: list[bytes], second: list[bytes], relayed: bytes | None
) -> None:
    heads = [
        head_of(GET, [name + b":" + value for name, value in zip(names, these, strict=True)])
        for these in (first, second)
    ]
    table = warm(REQUEST_FIELDS, heads[0])
    assert known(table) == 1
    request = Request()
    read = reading(request, heads[1], table)
    assert known(table) == 1
    assert read == reading(Request(), heads[1], FieldTable(REQUEST_FIELDS))
    assert relayed is None or request.fields == relayed
    assert request.host_count == names.count(b"Host")
    assert request.length_count == names.count(b"Content-Length")


def test_a_shape_is_one_of_exact_spelling() -> None:
    table = warm(REQUEST_FIELDS, head_of(GET, [b"Host: a"]), head_of(GET, [b"host: a"]), head_of(GET, [b"Host: b"]))
    assert known(table) == 2


def test_name_is_no_pattern() -> None:
    table = warm(REQUEST_FIELDS, head_of(GET, [b"a.c*: 1", b"Host: a"]))
    head = head_of(GET, [b"abccc: 1", b"Host: a"])
    assert reading(Request(), head, table) == reading(Request(), head, FieldTable(REQUEST_FIELDS))
    assert known(table) == 2


@pytest.mark.parametrize(
    "head",
    [
        head_of(GET, [b"bad name: 1"]),
        head_of(GET, [b"Content-Length: x"]),
        head_of(GET, [b"A: 1\n2"]),
        head_of(GET, [b"a%d: 1" % number for number in range(_shapes.LINES_MAX + 1)]),
        head_of(GET, [b"a" * (_shapes.NAMES_SIZE_MAX + 1) + b": 1"]),
        head_of(GET, []),
    ],
)
def test_shape_that_is_not_remembered(head: bytes) -> None:
    assert known(warm(REQUEST_FIELDS, head)) == 0


def test_shapes_are_bounded() -> None:
    heads = [
        head_of(GET, [b"a%d-%d: 1" % (line, number) for line in range(count)])
        for number in range(10)
        for count in range(1, 40)
    ]
    table = warm(REQUEST_FIELDS, *heads)
    assert known(table) == _shapes.SHAPES_MAX * _shapes.LINES_MAX
    assert len(table.shapes) == _shapes.LINES_MAX


def test_early_comers_do_not_keep_their_places_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shapes, "PATIENCE", 3)
    monkeypatch.setattr(_shapes, "SHAPES_MAX", 2)
    table = warm(REQUEST_FIELDS, *(head_of(GET, [b"a%d: 1" % number]) for number in range(4)))
    old = list(table.shapes[3].known)
    reading(Request(), head_of(GET, [b"a3: 2"]), table)
    assert len(old) == 2
    assert len(table.shapes[3].known) == 1
    assert table.shapes[3].known[0] not in old


def test_known_shape_does_not_raise_the_limit_of_fields() -> None:
    head = head_of(GET, [b"Host: a", b"B: c"])
    assert reading(Request(), head, warm(REQUEST_FIELDS, head), 1) == (431, "too_many_fields")
