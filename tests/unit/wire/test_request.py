"""Request heads: one reading, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire import request as module
from fastgw.wire.errors import WireError
from fastgw.wire.fields import REQUEST_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable
from fastgw.wire.messages import Request
from fastgw.wire.request import RequestReader
from tests.support.examples import examples
from tests.unit.wire.cases import HEADS, REFUSED_EITHER_WAY, Case
from tests.unit.wire.heads import attributes, head_of, lines

WEBSOCKET = (
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: WebSocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
TABLE = FieldTable(REQUEST_FIELDS)


def read(raw: bytes, *, reader: RequestReader | None = None, request: Request | None = None) -> Request:
    made = Request() if request is None else request
    (reader or RequestReader()).read(raw, made, TABLE)
    return made


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a.test") -> bytes:
    return head_of(line, [host, *fields])


def status_of(raw: bytes) -> int:
    with pytest.raises(WireError) as caught:
        read(raw)
    return caught.value.status


@pytest.mark.parametrize("case", HEADS, ids=lambda case: case.name)
def test_important_heads(case: Case) -> None:
    end = case.raw.find(b"\r\n\r\n")
    raw = case.raw[: end + 4] if end >= 0 else case.raw
    if case.status == 200:
        read(raw)
    else:
        assert status_of(raw) == case.status


@pytest.mark.parametrize("before", [b"\r", b"\n", b"\n\r", b"\r\n"])
def test_method_begins_with_the_first_byte(before: bytes) -> None:
    """The grammar parser skips line ends; forwarded, they would be a part of the method."""
    assert status_of(before + get()) == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((b"Content-Length: 5", b"Content-Length: 5"), 400),
        ((b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding: chunked, chunked",), 501),
        ((b"Transfer-Encoding: chunked",) * 2, 501),
        ((b"Transfer-Encoding:",), 501),
        ((b"Content-Length: 9223372036854775808",), 413),
    ],
)
def test_framing_is_judged_even_where_the_grammar_parser_is_content(
    monkeypatch: pytest.MonkeyPatch, fields: tuple[bytes, ...], status: int
) -> None:
    class Content:
        """A grammar parser that likes everything."""

        def __init__(self, protocol: object) -> None: ...

        def feed_data(self, data: bytes) -> None: ...

    monkeypatch.setattr(module, "HttpRequestParser", Content)
    assert status_of(get(*fields, line=b"POST / HTTP/1.1")) == status


@pytest.mark.parametrize("case", REFUSED_EITHER_WAY, ids=lambda case: case.name)
def test_heads_refused_one_way_or_another(case: Case) -> None:
    assert status_of(case.raw) in (400, case.status)


def test_usual_request() -> None:
    raw = get(b"Accept: */*", line=b"GET /a/%41?b=c HTTP/1.1", host=b"Host: A.Test:80")
    request = read(raw)
    assert request.head == raw
    assert (request.method, request.minor, request.keep_alive) == (b"GET", 1, True)
    assert (request.target, request.path, request.query) == (b"/a/A?b=c", b"/a/A", b"?b=c")
    assert (request.authority, request.host) == (b"A.Test:80", b"a.test")
    assert (request.fields, request.chunked, request.content_length) == (b"Accept: */*\r\n", False, -1)
    assert not request.rare
    assert not request.has_body
    assert repr(request) == "<Request b'GET' b'/a/A?b=c' host=b'a.test'>"


def test_absolute_form_names_the_host() -> None:
    request = read(get(line=b"GET http://A.test:8080?x HTTP/1.1", host=b"Host: a.test"))
    assert (request.target, request.authority, request.host) == (b"/?x", b"A.test:8080", b"a.test")
    request = read(b"GET http://a.test/x HTTP/1.0\r\n\r\n")
    assert (request.target, request.host) == (b"/x", b"a.test")


def test_absolute_form_does_not_excuse_a_bad_host() -> None:
    assert status_of(get(line=b"GET http://a.test/ HTTP/1.1", host=b"Host: a b")) == 400


def test_http_1_0_needs_no_host() -> None:
    request = Request()
    read(get(), request=request)
    for raw in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nA: b\r\n\r\n"):
        read(raw, request=request)
        assert (request.authority, request.host, request.minor, request.keep_alive) == (b"", b"", 0, False)


def test_asterisk() -> None:
    request = read(get(line=b"OPTIONS * HTTP/1.1"))
    assert (request.target, request.path, request.query) == (b"*", b"*", b"")


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"close", False),
        (b"1.1", b"Close", False),
        (b"1.1", b"keep-alive", True),
        (b"1.1", b"close\r\nConnection: keep-alive", False),
        (b"1.1", b"te\r\nConnection: close", False),
        (b"1.1", b"x, CLOSE", False),
        (b"1.1", b"closed", True),
        (b"1.0", b"", False),
        (b"1.0", b"Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
    ],
)
def test_keep_alive(version: bytes, connection: bytes, keep_alive: bool) -> None:
    fields = [b"Connection: " + connection] if connection else []
    assert read(get(*fields, line=b"GET / HTTP/" + version)).keep_alive is keep_alive


def test_body_with_a_length() -> None:
    request = read(get(b"Content-Length: 5", line=b"POST / HTTP/1.1"))
    assert (request.content_length, request.chunked, request.has_body) == (5, False, True)
    assert not read(get(b"Content-Length: 0", line=b"POST / HTTP/1.1")).has_body


def test_chunked_body() -> None:
    request = read(get(b"Transfer-Encoding: Chunked", line=b"POST / HTTP/1.1"))
    assert (request.content_length, request.chunked, request.has_body) == (-1, True, True)


def test_length_has_a_bound() -> None:
    assert read(get(b"Content-Length: 9223372036854775807")).content_length == 2**63 - 1
    assert status_of(get(b"Content-Length: 9223372036854775808")) in (400, 413)


def test_target_has_a_bound() -> None:
    reader = RequestReader(100, 10)
    read(get(line=b"GET /" + b"a" * 9 + b" HTTP/1.1"), reader=reader)
    with pytest.raises(WireError) as caught:
        read(get(line=b"GET /" + b"a" * 10 + b" HTTP/1.1"), reader=reader)
    assert (caught.value.status, caught.value.code) == (414, "uri_too_long")


def test_fields_have_a_bound() -> None:
    reader = RequestReader(2)
    read(get(b"A: b"), reader=reader)
    with pytest.raises(WireError) as caught:
        read(get(b"A: b", b"C: d"), reader=reader)
    assert caught.value.status == 431


def test_memory_of_hosts_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOSTS_MAX", 1)
    reader = RequestReader()
    for name in (b"a.test", b"b.test", b"A.test", b"b.test"):
        assert read(get(host=b"Host: " + name), reader=reader).host == name.lower()


def test_complete_websocket_handshake_is_an_upgrade() -> None:
    assert read(get(*WEBSOCKET)).upgrade == b"websocket"


@pytest.mark.parametrize(
    "raw",
    [
        get(b"Upgrade: websocket"),
        get(b"Connection: close", b"Upgrade: websocket"),
        get(*WEBSOCKET, line=b"GET / HTTP/1.0"),
        get(*WEBSOCKET, line=b"POST / HTTP/1.1"),
        get(b"Connection: Upgrade", b"Upgrade: h2c"),
        get(b"Connection: Upgrade", b"Upgrade: H2"),
        get(b"Connection: Upgrade", b"Upgrade: HTTP/2.0"),
        get(b"Connection: Upgrade", b"Upgrade: TLS/1.0"),
        get(b"Connection: Upgrade", b"Upgrade: websocket, other"),
        get(b"Connection: Upgrade", b"Upgrade: other", b"Content-Length: 1", line=b"POST / HTTP/1.1"),
    ],
)
def test_upgrade_that_is_void_leaves_plain_http(raw: bytes) -> None:
    assert read(raw).upgrade == b""


def test_other_upgrade_is_kept() -> None:
    assert read(get(b"Connection: Upgrade", b"Upgrade: Custom")).upgrade == b"custom"


def test_nothing_of_one_request_is_left_in_the_next() -> None:
    reader = RequestReader()
    request = Request()
    full = get(
        *WEBSOCKET, b"TE: trailers", b"Expect: 100-continue", b"Via: x", b"X-Request-Id: 7", b"Content-Length: 0"
    )
    read(full, reader=reader, request=request)
    assert request.rare
    request.set_header(b"x-more", b"y")
    read(get(), reader=reader, request=request)
    assert attributes(request) == attributes(read(get()))


def test_grammar_parser_starts_anew_after_every_message() -> None:
    reader = RequestReader()
    for raw in (
        get(b"Content-Length: 5", line=b"POST / HTTP/1.1"),
        get(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1"),
        get(*WEBSOCKET),
        get(b"Connection: close"),
        get(b"Connection: close", b"Via: 1.1 a"),
        get(line=b"GET / HTTP/1.0"),
        get(b"Upgrade: x"),
        get(),
    ):
        for _ in range(2):
            read(raw, reader=reader)
        with pytest.raises(WireError):
            read(get(b"a b: c"), reader=reader)


@settings(max_examples=examples(400), deadline=None)
@given(
    st.lists(
        st.builds(
            head_of,
            st.sampled_from([b"GET / HTTP/1.1", b"POST /a HTTP/1.1", b"GET http://a/ HTTP/1.0", b"OPTIONS * HTTP/1.1"]),
            lines,
        ),
        min_size=2,
        max_size=4,
    ),
    st.booleans(),
)
def test_a_reused_reader_and_request_read_as_new_ones(heads: list[bytes], trusted: bool) -> None:
    fields = TRUSTED_REQUEST_FIELDS if trusted else REQUEST_FIELDS
    reader, request, table = RequestReader(), Request(), FieldTable(fields)
    for raw in heads:
        fresh = Request()
        outcomes: list[Any] = []
        for one, target, by in ((reader, request, table), (RequestReader(), fresh, FieldTable(fields))):
            try:
                one.read(raw, target, by)
            except WireError as error:
                outcomes.append((error.status, error.code, error.detail))
            else:
                outcomes.append(attributes(target))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "rare",
    [
        get(b"TE: trailers"),
        get(b"te:  Trailers "),
        get(b"Via: 1.1 a", b"Content-Length: 5", line=b"POST / HTTP/1.1"),
        get(b"Expect: 100-continue", b"Content-Length: 5", line=b"POST / HTTP/1.1"),
        get(b"TE: trailers", b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1"),
        get(b"TE: trailers", b"Connection: close"),
        get(b"TE: trailers", line=b"GET / HTTP/1.0"),
    ],
)
def test_what_is_rare_in_one_head_is_nothing_to_the_next(rare: bytes) -> None:
    reader, alone = RequestReader(), attributes(read(rare))
    assert alone["te_trailers"] is (b"te:" in rare.lower())
    for _ in range(2):
        assert attributes(read(rare, reader=reader)) == alone
        assert attributes(read(get(), reader=reader)) == attributes(read(get()))
