"""Http2Field sections as heads, and the messages that are malformed (RFC 9113 section 8)."""

from __future__ import annotations

import pytest

from fastgw.wire.fields import REQUEST_FIELDS, RESPONSE_FIELDS, FieldTable
from fastgw.wire.http2.errors import PROTOCOL_ERROR, StreamError
from fastgw.wire.http2.field import Http2Field
from fastgw.wire.http2.sections import RequestSection, read_response, read_trailers
from fastgw.wire.messages import Request, Response
from fastgw.wire.request import RequestReader
from fastgw.wire.response import read_response as read_head

GET = ((":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/x?y"))
CONNECT = (
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "a"),
    (":path", "/c"),
)


def of(*pairs: tuple[str, str]) -> list[Http2Field]:
    return [Http2Field(name.encode(), value.encode("latin-1")) for name, value in pairs]


def head(*pairs: tuple[str, str]) -> bytes:
    section = RequestSection()
    section.read(1, of(*pairs))
    return section.head


def without(name: str) -> tuple[tuple[str, str], ...]:
    return tuple(one for one in GET if one[0] != name)


def test_a_request_is_a_head_that_the_reader_takes() -> None:
    made = head(*GET, ("accept", "*/*"), ("te", "trailers"), ("content-length", "5"))
    assert made == b"GET /x?y HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\nte: trailers\r\ncontent-length: 5\r\n\r\n"
    request = Request()
    RequestReader().read(made, request, FieldTable(REQUEST_FIELDS))
    assert (request.method, request.path, request.host, request.content_length) == (b"GET", b"/x", b"a.test", 5)
    assert request.te_trailers


def test_cookies_are_put_together() -> None:
    assert b"\r\ncookie: a=1; b=2\r\n" in head(*GET, ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"))


def test_host_may_stand_for_the_authority_and_must_not_differ() -> None:
    assert b"host: b.test\r\n" in head(*without(":authority"), ("host", "b.test"))
    assert head(*GET, ("host", "A.test")).count(b"host: ") == 1


def test_an_extended_connect_is_a_get_for_who_reads_it() -> None:
    section = RequestSection()
    section.read(1, of(*CONNECT))
    assert (section.protocol, section.method) == (b"websocket", b"CONNECT")
    assert section.head.startswith(b"GET /c HTTP/1.1\r\n")


def test_a_plain_connect_is_a_head_that_nobody_serves() -> None:
    assert head((":method", "CONNECT"), (":authority", "a.test:443")).startswith(b"CONNECT a.test:443 HTTP/1.1\r\n")


def test_asterisk_is_for_options() -> None:
    assert head((":method", "OPTIONS"), (":scheme", "https"), (":authority", "a"), (":path", "*")).startswith(
        b"OPTIONS * "
    )


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param((), id="nothing"),
        pytest.param(without(":method"), id="no method"),
        pytest.param(without(":scheme"), id="no scheme"),
        pytest.param(without(":path"), id="no path"),
        pytest.param((*GET, (":path", "/z")), id="a path twice"),
        pytest.param((*GET[:3], ("a", "b"), GET[3]), id="behind another field"),
        pytest.param((*GET, (":status", "200")), id="a status"),
        pytest.param((*GET, (":other", "x")), id="an unknown pseudo-field"),
        pytest.param((*GET, ("connection", "close")), id="a field of a connection"),
        pytest.param((*GET, ("X-Large", "x")), id="upper case"),
        pytest.param((*GET, ("te", "gzip")), id="te"),
        pytest.param((*GET, ("a", "b\r\nc: d")), id="a line end"),
        pytest.param((*GET, ("host", "other.test")), id="another host"),
        pytest.param((*GET, ("host", "a.test"), ("host", "a.test")), id="two hosts"),
        pytest.param(((":method", "G T"), *GET[1:]), id="a method that is no token"),
        pytest.param((*GET[:3], (":path", "")), id="an empty path"),
        pytest.param((*GET[:3], (":path", "x")), id="a path without its slash"),
        pytest.param((*GET[:3], (":path", "*")), id="asterisk of GET"),
        pytest.param((*GET[:3], (":path", "/a b")), id="a path with a space"),
        pytest.param((*GET[:3], (":path", "/a HTTP/1.1\r\nx: y")), id="a path with a line end"),
        pytest.param((GET[0], GET[1], (":authority", "a b"), GET[3]), id="an authority with a space"),
        pytest.param((GET[0], GET[1], (":authority", "u@a"), GET[3]), id="user information"),
        pytest.param((*GET, (":protocol", "websocket")), id="a protocol of GET"),
        pytest.param((("x", "y"), *GET), id="pseudo-fields behind"),
        pytest.param(((":method", "CONNECT"), *GET[1:]), id="CONNECT with a path"),
        pytest.param(((":method", "CONNECT"),), id="CONNECT of nothing"),
    ],
)
def test_a_malformed_request_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(StreamError) as caught:
        head(*pairs)
    assert (caught.value.stream, caught.value.code) == (1, PROTOCOL_ERROR)


def test_a_refused_one_leaves_nothing_for_the_next() -> None:
    section = RequestSection()
    with pytest.raises(StreamError):
        section.read(1, of((":method", "GET"), (":protocol", "x")))
    section.read(3, of(*GET))
    assert section.protocol == b""


def test_trailers_are_lines() -> None:
    assert read_trailers(1, of(("grpc-status", "0"), ("a", "b"))) == b"grpc-status: 0\r\na: b\r\n"


@pytest.mark.parametrize("pair", [(":status", "200"), (":path", "/"), ("A", "b"), ("connection", "x")])
def test_malformed_trailers_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(StreamError):
        read_trailers(1, of(pair))


def test_an_answer_is_a_head_that_the_reader_takes() -> None:
    made = read_response(1, of((":status", "201"), ("content-type", "a/b")))
    response = Response()
    read_head(made, response, FieldTable(RESPONSE_FIELDS), 100, False)
    assert response.status == 201
    assert response.header(b"content-type") == b"a/b"


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        (("a", "b"),),
        (("a", "b"), (":status", "200")),
        ((":status", "20"),),
        ((":status", "0200"),),
        ((":status", "099"),),
        ((":status", "2x0"),),
        ((":status", "200"), (":status", "200")),
        ((":status", "200"), (":path", "/")),
        ((":status", "200"), ("connection", "close")),
    ],
)
def test_a_malformed_answer_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(StreamError):
        read_response(1, of(*pairs))


def test_what_may_not_stand_behind_a_body_is_left_out() -> None:
    pairs = (("grpc-status", "0"), ("content-length", "1"), ("host", "a"), ("x-forwarded-for", "a"))
    assert (
        read_trailers(1, [Http2Field(name.encode(), value.encode()) for name, value in pairs]) == b"grpc-status: 0\r\n"
    )
