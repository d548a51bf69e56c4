"""Errors of the gateway as clients of gRPC read them, over HTTP/2 as over HTTP/1.1, in front of an answer and in the middle of one."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.grpc import fields_of
from fastgw.errors import DownstreamError, GatewayError, UpstreamError
from fastgw.filters.grpc_web import GrpcWeb
from fastgw.testing import usual
from fastgw.testing.edge import Edge, Spy, head_of, statuses
from fastgw.wire.grpc_web import TextReader
from tests.support.bodies import plain
from tests.unit.core.http2.peer import POST, Http2Edge, Peer

CALL = (*POST, ("content-type", "application/grpc+proto"), ("te", "trailers"))
MESSAGE = b"\0\0\0\0\2ab"
BEGUN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n" + MESSAGE + b"\r\n"
)


def told(peer: Peer, number: int) -> dict[str, str]:
    """The head of an answer, which is all of it."""
    assert peer.ended == {number} and not peer.bodies[number] and number not in peer.trailers
    return dict(peer.heads[number])


def test_an_error_is_a_head_and_nothing_else() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    edge.refuse()
    peer.listen()
    head = told(peer, number)
    assert head[":status"] == "200" and head["content-type"] == "application/grpc"
    assert head["grpc-status"] == "14"
    assert head["grpc-message"] == "connect_refused: the service refused the connection"
    assert "content-length" not in head
    edge.end()


def test_a_time_that_is_over_is_no_reason_to_ask_again() -> None:
    edge = Http2Edge(route={"timeout": 0.05})
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    edge.connect()
    edge.loop.advance(1.0)
    peer.listen()
    assert told(peer, number)["grpc-status"] == "4"
    edge.end()


def test_response_hooks_see_it_as_any_reply() -> None:
    spy = Spy("a", [], response=lambda exchange: exchange.response.set_header(b"x-a", b"b"))
    edge = Http2Edge(filters=[spy])
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    edge.refuse()
    peer.listen()
    assert told(peer, number)["x-a"] == "b"
    edge.end()


def test_what_nobody_serves_is_unimplemented() -> None:
    edge = Http2Edge(path="/here")
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    head = told(peer, number)
    assert head["grpc-status"] == "12" and head["grpc-message"] == "no_route: no route matches this request"
    edge.end()


def test_a_client_of_http_1_reads_it_too() -> None:
    edge = Edge()
    client = edge.client(
        b"POST / HTTP/1.1\r\nHost: a.test\r\ncontent-type: application/grpc\r\nContent-Length: 0\r\n\r\n"
    )
    edge.refuse()
    got = client.take()
    assert statuses(got) == [200] and b"grpc-status: 14\r\n" in head_of(got)
    edge.end()


def test_who_does_not_speak_it_is_told_as_ever() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask((*POST, ("content-type", "application/grpcx")), MESSAGE)
    edge.refuse()
    peer.listen()
    assert peer.status(number) == "502"
    edge.end()


def test_what_a_client_sent_counts_and_not_what_was_made_of_it() -> None:
    spy = Spy("a", [], request=lambda exchange: exchange.request.set_header(b"content-type", b"application/grpc"))
    edge = Http2Edge(filters=[spy])
    peer = Peer(edge)
    number = peer.ask((*POST, ("content-type", "application/json")), b"{}")
    edge.refuse()
    peer.listen()
    assert peer.status(number) == "502"
    edge.end()


# --- behind a body that has begun


def begun(edge: Edge) -> tuple[Peer, int, Any]:
    """A call whose answer has begun, and its service."""
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    service = edge.connect()
    service.feed(BEGUN)
    peer.listen()
    assert peer.bodies[number] == MESSAGE
    return peer, number, service


@pytest.mark.parametrize(("how", "code"), [("reset", "14"), ("silence", "4"), ("rubbish", "13")])
def test_an_answer_that_breaks_off_ends_with_the_reason(how: str, code: str) -> None:
    edge = Http2Edge(route={"stream_idle_timeout": 3.0})
    peer, number, service = begun(edge)
    match how:
        case "reset":
            service.lose(ConnectionResetError())
        case "silence":
            edge.loop.advance(4.0)
        case _:
            service.feed(b"rubbish\r\n")
    peer.listen()
    assert dict(peer.trailers[number])["grpc-status"] == code
    assert peer.ended == {number} and peer.resets == {}
    again = peer.ask(CALL, MESSAGE)  # the connection goes on
    edge.refuse()
    peer.listen()
    assert dict(peer.heads[again])["grpc-status"] == "14"
    edge.end()


def test_the_reason_is_of_one_call_alone() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    service = edge.connect()
    service.feed(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n" + MESSAGE
    )  # a head with nothing rare in it
    service.lose(ConnectionResetError())
    peer.listen()
    assert dict(peer.trailers[number])["grpc-status"] == "14"
    again = peer.ask(CALL, MESSAGE)
    edge.connect().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\ngrpc-status: 5\r\n\r\n")
    peer.listen()
    assert dict(peer.heads[again])["grpc-status"] == "5" and again not in peer.trailers
    edge.end()


def test_a_call_that_still_sends_is_told_that_nobody_listens() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE, more=True)
    service = edge.connect()
    service.feed(BEGUN)
    service.lose(ConnectionResetError())
    peer.listen()
    assert dict(peer.trailers[number])["grpc-status"] == "14"
    assert peer.ended == {number} and peer.resets == {number: 0}  # NO_ERROR
    edge.end()


def test_a_reason_waits_behind_what_the_client_has_not_taken() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    service = edge.connect()
    service.feed(BEGUN + b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n")
    service.lose(ConnectionResetError())
    peer.listen()
    assert number not in peer.trailers
    peer.h2.increment_flow_control_window(100_000)
    peer.h2.increment_flow_control_window(100_000, number)
    peer.flush()
    assert len(peer.bodies[number]) == 100_007
    assert dict(peer.trailers[number])["grpc-status"] == "14" and peer.ended == {number}
    edge.end()


def test_a_client_that_never_takes_it_is_cut() -> None:
    edge = Http2Edge(timeouts=usual.timeouts()._replace(write=2.0))
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    service = edge.connect()
    service.feed(BEGUN + b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n")
    service.lose(ConnectionResetError())
    edge.loop.advance(10.0)
    peer.listen()
    assert number in peer.resets
    edge.end()


@pytest.mark.parametrize("kind", ["application/grpc-web+proto", "application/grpc-web-text"])
@pytest.mark.parametrize("is_http2", [True, False])
def test_a_page_is_told_in_the_last_frame_of_its_body(kind: str, *, is_http2: bool) -> None:
    edge = Http2Edge(filters=[GrpcWeb("web", {})])
    if is_http2:
        peer = Peer(edge)
        number = peer.ask((*POST, ("content-type", kind)), b"")
    else:
        client = edge.client(
            b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: %b\r\nContent-Length: 0\r\n\r\n" % kind.encode()
        )
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n" + MESSAGE)
    service.lose(ConnectionResetError())
    edge.run()
    if is_http2:
        peer.listen()
        assert peer.ended == {number} and number not in peer.trailers
        body = peer.bodies[number]
    else:
        answer = client.take()
        assert client.is_closing() and answer.endswith(b"\r\n0\r\n\r\n")
        body = plain(answer)
    if "text" in kind:
        body = TextReader().feed(body)
    assert body.startswith(MESSAGE + b"\x80\0\0\0")
    assert body[12:].startswith(b"grpc-status:14\r\ngrpc-message:upstream_reset: ")
    edge.end()


def test_a_call_over_http_1_ends_with_trailers_where_its_chunks_are_ours() -> None:
    edge = Edge()
    client = edge.client(
        b"POST / HTTP/1.1\r\nHost: a.test\r\ncontent-type: application/grpc\r\nContent-Length: 0\r\n\r\n"
    )
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n" + MESSAGE)
    service.lose(ConnectionResetError())
    edge.run()
    answer = client.take()
    assert b"\r\n0\r\ngrpc-status: 14\r\n" in answer and answer.endswith(b"\r\n\r\n") and client.is_closing()
    edge.end()


def test_an_answer_that_is_none_of_grpc_is_cut() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    service = edge.connect()
    service.feed(BEGUN.replace(b"application/grpc", b"text/html"))
    service.lose(ConnectionResetError())
    peer.listen()
    assert peer.resets == {number: 2} and number not in peer.trailers
    edge.end()


# --- the fields themselves


def fields(found: tuple[tuple[str, str], ...] | None) -> dict[str, str]:
    assert found is not None
    return dict(found)


def test_each_kind_of_client_gets_its_own_type() -> None:
    error = DownstreamError(404, "no_route", "none")
    assert fields(fields_of(error, b"application/grpc+proto"))["content-type"] == "application/grpc"
    web = fields(fields_of(error, b"Application/grpc-web-text+proto; a=b"))
    assert web["content-type"] == "application/grpc-web-text+proto" and web["grpc-status"] == "12"
    assert fields_of(error, b"application/grpcx") is None


def test_a_message_has_no_character_that_a_field_cannot_have() -> None:
    found = fields_of(GatewayError(500, "odd", "a\nb ü"), b"application/grpc")
    assert fields(found)["grpc-message"] == "odd: a%0Ab %C3%BC"


def test_when_to_ask_again_is_said_as_grpc_has_it() -> None:
    slow = DownstreamError(429, "rate_limited", "slow", headers=(("retry-after", "2"), ("x-limit", "1")))
    found = fields(fields_of(slow, b"application/grpc"))
    assert found["grpc-retry-pushback-ms"] == "2000" and found["x-limit"] == "1" and "retry-after" not in found
    never = fields(
        fields_of(UpstreamError(502, "upstream_reset", "x"), b"application/grpc", (("x-should-retry", "false"),))
    )
    assert never["grpc-retry-pushback-ms"] == "-1" and "x-should-retry" not in never
    dated = DownstreamError(429, "x", "x", headers=(("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),))
    assert "grpc-retry-pushback-ms" not in fields(fields_of(dated, b"application/grpc"))
