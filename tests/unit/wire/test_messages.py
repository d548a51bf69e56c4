"""What hooks do with a request or an answer."""

from __future__ import annotations

import pytest

from fastgw.wire.fields import REQUEST_FIELDS, FieldTable
from fastgw.wire.messages import BODY_NONE, NO_LENGTH, Request, Response
from fastgw.wire.request import RequestReader


def get(*fields: bytes) -> bytes:
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: a.test", *fields, b"", b""])


def read(raw: bytes) -> Request:
    made = Request()
    RequestReader().read(raw, made, FieldTable(REQUEST_FIELDS))
    return made


def test_new_messages_are_empty() -> None:
    request, response = Request(), Response()
    assert (request.content_length, request.has_body, request.rare, request.minor) == (NO_LENGTH, False, False, 1)
    assert (response.content_length, response.body, response.rare, response.status) == (NO_LENGTH, BODY_NONE, False, 0)
    assert response.reason == b""


@pytest.mark.parametrize(("chunked", "length", "has_body"), [(True, -1, True), (False, 1, True), (False, 0, False)])
def test_request_has_a_body(chunked: bool, length: int, has_body: bool) -> None:
    request = Request()
    request.chunked, request.content_length = chunked, length
    assert request.has_body is has_body


def test_repr_shows_where_a_request_goes() -> None:
    assert repr(read(get())) == "<Request b'GET' b'/' host=b'a.test'>"


def test_header_reads_the_head() -> None:
    request = read(get(b"Cookie: a", b"cookie: b"))
    assert request.header(b"cookie") == b"a, b"
    assert request.header(b"x-none") is None


def test_set_header_replaces_every_line() -> None:
    request = read(get(b"X-A: 1", b"x-a: 2", b"x-b: 3"))
    request.set_header(b"x-a", b"new")
    request.set_header(b"x-c", b"more")
    assert request.fields == b"x-b: 3\r\n"
    assert request.extra == b"x-a: new\r\nx-c: more\r\n"


def test_set_header_twice_sends_the_last_value_only() -> None:
    request = read(get())
    request.set_header(b"x-a", b"1")
    request.set_header(b"x-b", b"2")
    request.set_header(b"x-a", b"3")
    assert request.extra == b"x-b: 2\r\nx-a: 3\r\n"


def test_remove_header_takes_what_a_hook_has_set() -> None:
    request = read(get())
    request.set_header(b"x-a", b"1")
    request.remove_header(b"x-a")
    assert request.extra == b""


def test_remove_header() -> None:
    request = read(get(b"X-A: 1", b"x-ab: 2"))
    request.remove_header(b"x-a")
    request.remove_header(b"x-none")
    assert request.fields == b"x-ab: 2\r\n"


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\n", b"a\0"])
def test_set_header_refuses_what_would_end_the_line(value: bytes) -> None:
    with pytest.raises(ValueError, match="control character"):
        read(get()).set_header(b"x-a", value)


def test_hook_may_change_the_status() -> None:
    response = Response()
    response.status, response.line = 299, b"HTTP/1.1 299 As it came\r\n"
    assert response.reason == b"As it came"
    response.set_status(404)
    assert (response.status, response.line, response.reason) == (404, b"HTTP/1.1 404 Not Found\r\n", b"Not Found")
    response.set_status(599)
    assert (response.line, response.reason) == (b"HTTP/1.1 599 \r\n", b"")


@pytest.mark.parametrize(
    ("old", "new"), [(200, 204), (200, 304), (204, 200), (304, 404), (200, 101), (101, 200), (200, 600), (200, 0)]
)
def test_hook_cannot_change_a_status_into_one_of_other_framing(old: int, new: int) -> None:
    response = Response()
    response.turn_into(old)
    with pytest.raises(ValueError, match=f"status {old} cannot be passed on as {new}"):
        response.set_status(new)
    assert response.status == old


def test_hook_may_change_one_status_without_a_body_into_another() -> None:
    response = Response()
    response.turn_into(204)
    response.set_status(304)
    assert response.line == b"HTTP/1.1 304 Not Modified\r\n"


def test_hook_may_add_fields_to_an_answer() -> None:
    response = Response()
    response.add_header(b"a", b"1")
    response.add_header(b"b", b"2")
    assert response.extra == b"a: 1\r\nb: 2\r\n"


def test_rare_attributes_are_reset() -> None:
    request, response = Request(), Response()
    for message in (request, response):
        message.rare = True
        message.transfer_encoding = message.connection = message.upgrade = b"x"
        message.reset_rare()
        assert (message.rare, message.transfer_encoding, message.connection, message.upgrade) == (False, b"", b"", b"")
