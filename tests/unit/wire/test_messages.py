"""What hooks do with a request or an answer."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.wire.errors import WireError
from fastgw.wire.fields import REQUEST_FIELDS, FieldTable
from fastgw.wire.messages import BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE, NO_LENGTH, Request, Response
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


def test_add_header_keeps_the_others() -> None:
    request = read(get(b"X-A: 1"))
    request.add_header(b"x-a", b"2")
    request.add_header(b"x-a", b"3")
    assert (request.fields, request.extra) == (b"X-A: 1\r\n", b"x-a: 2\r\nx-a: 3\r\n")


def test_header_tells_what_hooks_have_made_of_it() -> None:
    request = read(get(b"X-A: 1", b"X-B: 2", b"X-C: 3", b"X-Real-IP: forged"))
    request.set_header(b"x-a", b"new")
    request.remove_header(b"x-b")
    request.add_header(b"x-c", b"4")
    request.add_header(b"x-real-ip", b"10.0.0.1")
    assert [request.header(name) for name in (b"x-a", b"x-b", b"x-c")] == [b"new", None, b"3, 4"]
    assert (
        request.header(b"x-real-ip") == b"10.0.0.1"
    )  # what the client claimed does not go on, and is not told beside it
    request.remove_header(b"x-a")
    assert request.header(b"x-a") is None
    request.set_header(b"x-b", b"again")
    assert request.header(b"x-b") == b"again"


def test_header_tells_the_id_that_was_given() -> None:
    request = read(get(b"X-Request-ID: not valid"))
    assert request.header(b"x-request-id") == b"not valid"
    request.request_id = b"abc"
    assert request.header(b"x-request-id") == b"abc"


@pytest.mark.parametrize("name", [b"", b"a\r\nx-evil: 1", b"a\n", b"a\0", b"a b", b"\x7f", b"x" * 129])
def test_no_id_of_a_filter_can_end_its_line(name: bytes) -> None:
    request = read(get())
    with pytest.raises(ValueError, match="visible characters"):
        request.name_by(name)
    assert request.request_id == b""
    request.name_by(b"x" * 128)
    assert request.header(b"x-request-id") == b"x" * 128


def test_what_does_not_go_on_is_not_forwarded() -> None:
    request = read(get(b"X-A: 1", b"x-a: 2", b"X-Real-IP: forged", b"TE: trailers"))
    assert request.forwarded(b"x-a") == b"1, 2"
    assert [request.forwarded(name) for name in (b"x-real-ip", b"te", b"host", b"x-none")] == [None] * 4


def test_the_next_request_knows_nothing_of_it() -> None:
    made, reader, table = Request(), RequestReader(), FieldTable(REQUEST_FIELDS)
    reader.read(get(b"X-A: 1"), made, table)
    made.set_header(b"x-a", b"2")
    made.rewrite(b"/else")
    reader.read(get(b"X-A: 1"), made, table)
    assert (made.header(b"x-a"), made.edited, made.original_path, made.target) == (b"1", None, b"", b"/")


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\n", b"a\0", b"\x7f", b"\x1b[m"])
@pytest.mark.parametrize("message", [Request, Response])
def test_no_value_may_end_the_line(message: type[Any], value: bytes) -> None:
    for change in (message.set_header, message.add_header):
        made = message()
        made.fields = b"x-a: 1\r\n"
        with pytest.raises(ValueError, match="control character"):
            change(made, b"x-a", value)
        assert (made.fields, made.extra) == (b"x-a: 1\r\n", b"")


@pytest.mark.parametrize("name", [b"content-length", b"transfer_encoding", b"connection", b"te", b"x-request-id"])
@pytest.mark.parametrize("message", [Request, Response])
def test_what_the_gateway_writes_no_hook_can_change(message: type[Any], name: bytes) -> None:
    for change in (message.set_header, message.add_header):
        with pytest.raises(ValueError, match="the gateway writes"):
            change(message(), name, b"1")
    with pytest.raises(ValueError, match="the gateway writes"):
        message().remove_header(name)


@pytest.mark.parametrize("name", [b"", b"x a", b"x\r\ny", b":path", b"X-Upper"])
def test_a_name_is_one_in_lower_case(name: bytes) -> None:
    with pytest.raises(ValueError, match="not the name of a header field"):
        read(get()).set_header(name, b"1")


def test_rewrite_keeps_the_query_and_what_was_asked_for() -> None:
    request = Request()
    RequestReader().read(get().replace(b" / ", b" /a/b?c=d "), request, FieldTable(REQUEST_FIELDS))
    request.rewrite(b"/v2/%7eb/")
    assert (request.target, request.path, request.query) == (b"/v2/~b/?c=d", b"/v2/~b/", b"?c=d")
    assert request.original_path == b"/a/b"
    request.rewrite(b"/third")
    assert (request.target, request.original_path) == (b"/third?c=d", b"/a/b")


@pytest.mark.parametrize("path", [b"", b"x", b"*", b"/a b", b"/a?b", b"/a#", b"/%4", b"/%00", b"/../a", b"/\r\n"])
def test_rewrite_refuses_what_is_no_path(path: bytes) -> None:
    request = read(get())
    with pytest.raises(WireError):
        request.rewrite(path)
    assert (request.target, request.path, request.original_path) == (b"/", b"/", b"")


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


def test_hook_may_set_and_remove_fields_of_an_answer() -> None:
    response = Response()
    response.fields = b"Server: x\r\nSet-Cookie: a\r\nset-cookie: b\r\n"
    response.add_header(b"set-cookie", b"c")
    assert response.header(b"set-cookie") == b"a, b, c"
    response.remove_header(b"set-cookie")
    response.set_header(b"server", b"y")
    assert (response.fields, response.extra) == (b"", b"server: y\r\n")
    assert (response.header(b"server"), response.header(b"set-cookie")) == (b"y", None)
    response.request_id = b"id"
    assert response.header(b"x-request-id") == b"id"


def test_a_body_may_lose_its_length_and_gain_another() -> None:
    request = Request()
    request.fields, request.content_length = b"Content-Length: 5\r\nx-a: b\r\n", 5
    request.lose_length()
    assert (request.fields, request.content_length) == (b"x-a: b\r\n", NO_LENGTH)
    assert request.chunked and request.rare and request.has_body
    response = Response()
    response.fields, response.body, response.length_count = b"x-a: b\r\ncontent-length: 5\r\n", BODY_LENGTH, 1
    response.lose_length()
    assert (response.fields, response.body, response.length_count) == (b"x-a: b\r\n", BODY_UNTIL_CLOSE, 0)
    response.transfer_encoding = b"chunked"
    response.gain_length(7)
    assert (response.fields, response.body) == (b"x-a: b\r\ncontent-length: 7\r\n", BODY_LENGTH)
    assert (response.content_length, response.transfer_encoding) == (7, b"")


def test_a_copy_says_the_same_and_nothing_of_the_connection() -> None:
    request, copy = Request(), Request()
    request.method, request.target, request.fields = b"POST", b"/a?b", b"x-a: 1\r\n"
    request.expect, request.upgrade, request.connection = True, b"websocket", b"upgrade"
    request.set_header(b"x-b", b"2")
    copy.edited, copy.original_path = frozenset({b"x-of-another"}), b"/another"
    copy.become_copy(request)
    assert (copy.method, copy.target, copy.fields, copy.extra) == (b"POST", b"/a?b", b"x-a: 1\r\n", b"x-b: 2\r\n")
    assert (copy.expect, copy.upgrade, copy.connection, copy.keep_alive) == (False, b"", b"", False)
    assert (copy.edited, copy.original_path) == (frozenset({b"x-b"}), b"")
