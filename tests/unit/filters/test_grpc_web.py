"""``grpc_web``: what a page sends becomes a call of gRPC, and what comes back is for pages."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fastgw.filters.cors import Cors
from fastgw.filters.grpc_web import GrpcWeb
from fastgw.testing.edge import Edge, head_of, statuses
from fastgw.wire.grpc_web import TextReader, trailer_frame
from tests.support.bodies import plain
from tests.support.digests import in_chunks
from tests.unit.core.http2.peer import Http2Edge, Peer

CALL = b"\x00\x00\x00\x00\x03abc"
MESSAGES = b"\x00\x00\x00\x00\x02ok\x00\x00\x00\x00\x00"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc+proto\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\nGrpc-Status: 0\r\ngrpc-message: fine%0A\r\nx-bin: Cg==\r\n\r\n"
FRAME = trailer_frame(b"grpc-status: 0\r\ngrpc-message: fine%0A\r\nx-bin: Cg==\r\n")
CORS = {
    "origins": ["https://app.example"],
    "methods": ["POST"],
    "headers": ["content-type", "x-grpc-web", "grpc-timeout"],
    "expose": ["grpc-status", "grpc-message"],
    "credentials": False,
    "max_age": 600.0,
    "refuse_others": False,
}


def post(data: bytes, kind: bytes, *fields: bytes, chunked: bool = False) -> bytes:
    lines = b"".join(one + b"\r\n" for one in (b"Content-Type: " + kind, *fields))
    framing, body = (
        (b"Transfer-Encoding: chunked", in_chunks(data, 3)) if chunked else (b"Content-Length: %d" % len(data), data)
    )
    return b"POST /p.Echo/Say HTTP/1.1\r\nHost: a.test\r\n" + lines + framing + b"\r\n\r\n" + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def decoded(text: bytes) -> bytes:
    return TextReader().feed(text)


@pytest.mark.parametrize("before", [0, 1], ids=["of the route", "before routing"])
@pytest.mark.parametrize("suffix", [b"", b"+proto", b"+json"])
def test_a_call_and_its_answer(suffix: bytes, before: int) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})], before=before)
    client, service = edge.pair(post(CALL, b"application/grpc-web" + suffix))
    got = service.take()
    assert b"content-type: application/grpc" + suffix + b"\r\n" in head_of(got) and plain(got) == CALL
    assert b"te: trailers\r\n" in head_of(got)
    service.feed(HEAD + chunk(MESSAGES[:4]))
    service.feed(chunk(MESSAGES[4:]))
    service.feed(END)
    told = client.take()
    assert statuses(told) == [200] and plain(told) == MESSAGES + FRAME
    assert b"content-type: application/grpc-web+proto\r\n" in head_of(told)
    assert told.endswith(b"\r\n0\r\n\r\n")  # no trailers are left
    edge.end()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_text_is_read_and_written(*, chunked: bool) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    text = base64.b64encode(CALL[:4]) + base64.b64encode(CALL[4:])
    client, service = edge.pair(post(text, b"application/grpc-web-text+proto", chunked=chunked))
    got = service.take()
    assert plain(got) == CALL and b"content-length" not in head_of(got)
    assert b"content-type: application/grpc+proto\r\n" in head_of(got)
    service.feed(HEAD + chunk(MESSAGES[:7]))
    edge.run()
    assert decoded(plain(told := client.take() + b"0\r\n\r\n")) == MESSAGES[:7]  # at once
    assert b"content-type: application/grpc-web-text+proto\r\n" in head_of(told)
    service.feed(chunk(MESSAGES[7:]) + END)
    told = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + client.take()
    assert decoded(plain(told)) == MESSAGES[7:] + FRAME
    edge.end()


@pytest.mark.parametrize(
    ("kind", "accept", "is_text"),
    [
        (b"application/grpc-web", b"application/grpc-web-text", True),
        (b"application/grpc-web-text", b"application/grpc-web+proto", False),
        (b"application/grpc-web-text", b"*/*", True),
        (b"application/grpc-web", b"text/html, application/grpc-web-text, */*", True),
        (b"application/grpc-web", b"application/grpc", False),
    ],
)
def test_accept_says_in_which_form_the_answer_is_wanted(kind: bytes, accept: bytes, *, is_text: bool) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    data = base64.b64encode(CALL) if b"text" in kind else CALL
    client, service = edge.pair(post(data, kind, b"Accept: " + accept))
    service.feed(HEAD + chunk(MESSAGES) + END)
    told = client.take()
    assert (decoded(plain(told)) if is_text else plain(told)) == MESSAGES + FRAME
    assert (b"application/grpc-web-text+proto" in head_of(told)) is is_text
    edge.end()


def test_an_answer_that_says_all_in_its_head() -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    client, service = edge.pair(post(base64.b64encode(CALL), b"application/grpc-web-text"))
    service.take()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nGrpc-Status: 5\r\nContent-Length: 0\r\n\r\n")
    told = client.take()
    assert b"content-type: application/grpc-web-text\r\n" in head_of(told) and plain(told) == b""
    assert b"grpc-status: 5\r\n" in head_of(told)
    edge.end()


def test_a_service_that_does_not_say_what_messages_are_speaks_as_it_was_asked() -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    client, service = edge.pair(post(CALL, b"application/grpc-web+thrift"))
    service.feed(HEAD.replace(b"+proto", b"") + chunk(MESSAGES) + END)
    assert b"content-type: application/grpc-web+thrift\r\n" in head_of(client.take())
    edge.end()


@pytest.mark.parametrize(("fields", "status"), [(b"", b"2"), (b"Grpc-Status: 7\r\n", None)])
def test_whoever_says_no_status_is_told_so(fields: bytes, status: bytes | None) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    client, service = edge.pair(post(CALL, b"application/grpc-web"))
    service.feed(HEAD.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n") + b"0\r\n\r\n")
    told = plain(client.take())
    assert told == b"" if status is None else told[:1] == b"\x80" and b"grpc-status:" + status in told
    edge.end()


def test_over_http2() -> None:
    edge = Http2Edge(filters=[GrpcWeb("web", {})])
    peer = Peer(edge)
    number = peer.ask(
        (
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a.test"),
            (":path", "/p.Echo/Say"),
            ("content-type", "application/grpc-web+proto"),
        ),
        CALL,
    )
    service = edge.connect()
    assert plain(service.take()) == CALL
    service.feed(HEAD + chunk(MESSAGES) + END)
    peer.listen()
    assert peer.bodies[number] == MESSAGES + FRAME
    assert number in peer.ended and number not in peer.trailers
    assert ("content-type", "application/grpc-web+proto") in peer.heads[number]
    edge.end()


@pytest.mark.parametrize("text", [b"AA=A", b"AAAA AAA", b"AAAAA"])
def test_what_is_no_base64_is_refused(text: bytes) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    told = edge.client(post(text, b"application/grpc-web-text")).take()
    assert statuses(told) == [200] and b"grpc-status: 13\r\n" in told  # INTERNAL, as 400 is to gRPC
    assert b"grpc_web_malformed" in told and not edge.attempts
    edge.end()


def test_what_must_not_be_changed_is_refused() -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    told = edge.client(post(CALL, b"application/grpc-web", b"Cache-Control: no-transform")).take()
    assert statuses(told) == [200] and b"grpc-message: body_type_refused" in told
    edge.end()


@pytest.mark.parametrize("kind", [b"application/grpc", b"application/json", b"application/grpc-webs"])
def test_others_pass_as_they_are(kind: bytes) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    client, service = edge.pair(post(CALL, kind, b"Connection: TE", b"TE: trailers"))
    assert b"content-type: " + kind + b"\r\n" in head_of(service.take())
    service.feed(HEAD + chunk(MESSAGES) + END)
    told = client.take()
    assert plain(told) == MESSAGES and b"\r\nx-bin: Cg==\r\n" in told
    edge.end()


@pytest.mark.parametrize("kind", [b"text/html", b"application/grpc-web"])
def test_an_answer_that_is_none_of_grpc_passes_as_it_is(kind: bytes) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    client, service = edge.pair(post(CALL, b"application/grpc-web"))
    service.feed(b"HTTP/1.1 502 Bad\r\nContent-Type: " + kind + b"\r\nContent-Length: 5\r\n\r\n<br/>")
    told = client.take()
    assert statuses(told) == [502] and plain(told) == b"<br/>" and b"content-type: " + kind + b"\r\n" in head_of(told)
    edge.end()


@pytest.mark.parametrize("kind", [b"application/grpc-web+proto", b"application/grpc-web-text"])
def test_errors_of_the_gateway_are_of_the_same_protocol(kind: bytes) -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    client = edge.client(post(base64.b64encode(CALL), kind))
    edge.refuse()
    told = client.take()
    assert statuses(told) == [200] and plain(told) == b""
    assert b"content-type: " + kind + b"\r\n" in head_of(told) and b"\r\ngrpc-status: 14\r\n" in told
    assert b"grpc-message: connect_refused" in told
    edge.end()


# --- pages of other origins


def preflight(*, method: bytes = b"POST") -> bytes:
    return (
        b"OPTIONS /p.Echo/Say HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example\r\n"
        b"Access-Control-Request-Method: "
        + method
        + b"\r\nAccess-Control-Request-Headers: content-type,x-grpc-web\r\n\r\n"
    )


def web_edge(**options: Any) -> Edge:
    return Edge(filters=[Cors("pages", CORS), GrpcWeb("web", {})], **options)


def test_a_preflight_lets_pages_call() -> None:
    edge = web_edge()
    told = edge.client(preflight()).take()
    assert statuses(told) == [204] and not edge.attempts
    assert b"access-control-allow-methods: post\r\n" in head_of(told)
    assert b"access-control-allow-headers: content-type, x-grpc-web, grpc-timeout\r\n" in head_of(told)
    edge.end()


def test_a_page_may_read_what_the_head_says() -> None:
    edge = web_edge()
    client, service = edge.pair(post(CALL, b"application/grpc-web", b"Origin: https://app.example", b"X-Grpc-Web: 1"))
    assert b"x-grpc-web: 1\r\n" in head_of(service.take())
    service.feed(HEAD + chunk(MESSAGES) + END)
    told = head_of(client.take())
    assert b"access-control-allow-origin: https://app.example\r\n" in told
    assert b"access-control-expose-headers: grpc-status, grpc-message\r\n" in told
    edge.end()


def test_without_the_filter_cors_nothing_is_said_of_origins() -> None:
    edge = Edge(filters=[GrpcWeb("web", {})])
    client, service = edge.pair(post(CALL, b"application/grpc-web", b"Origin: https://app.example"))
    service.feed(HEAD + chunk(MESSAGES) + END)
    assert b"access-control" not in head_of(client.take())
    edge.end()
