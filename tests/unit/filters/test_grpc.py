"""Calls on routes that say so: their time is a deadline, messages have bounds, and a page in the place of an answer is told as one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.labels import GRPC_CODES
from fastgw.core.settings import GrpcSettings
from fastgw.filters.access_log import access_log
from fastgw.filters.grpc import Calls
from fastgw.filters.grpc_web import GrpcWeb
from fastgw.filters.log_file import FILES
from fastgw.testing.edge import Edge, Spy, head_of, new_loop, statuses
from fastgw.wire.grpc import CODES
from tests.support.retried import PLENTY
from tests.unit.core.exchange.test_grpc import BEGUN, CALL, MESSAGE, told
from tests.unit.core.http2.peer import POST, Http2Edge, Peer

ANSWERED = BEGUN + b"0\r\ngrpc-status: 0\r\n\r\n"
PAGE = b"HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b"


def edge_of(request: int = 0, response: int = 0, **options: Any) -> Http2Edge:
    """An edge whose route has the filter."""
    service = {"has_calls": True, **options.pop("service", {})}
    return Http2Edge(
        filters=[*options.pop("filters", ()), Calls(GrpcSettings(options.pop("counts", False), request, response))],
        service=service,
        **options,
    )


def timed(value: str) -> tuple[tuple[str, str], ...]:
    return (*CALL, ("grpc-timeout", value))


def field(request: bytes, name: bytes) -> list[bytes]:
    """Values of one field of a head."""
    pairs = [line.partition(b": ") for line in head_of(request).split(b"\r\n")]
    return [value for key, _, value in pairs if key.lower() == name]


# --- time


def test_what_is_left_of_the_time_is_passed_on() -> None:
    edge = edge_of()
    peer = Peer(edge)
    number = peer.ask(timed("2S"), MESSAGE)
    edge.loop.advance(0.5)
    service = edge.connect()
    assert field(service.take(), b"grpc-timeout") == [b"1500000u"]
    service.feed(ANSWERED)
    peer.listen()
    assert dict(peer.trailers[number])["grpc-status"] == "0"
    edge.end()


def test_it_is_over_when_the_client_has_said() -> None:
    edge = edge_of(route={"timeout": 10.0})
    peer = Peer(edge)
    number = peer.ask(timed("1S"), MESSAGE)
    service = edge.connect()
    edge.loop.advance(1.3)
    peer.listen()
    head = told(peer, number)
    assert head["grpc-status"] == "4" and head["grpc-message"] == "timeout: the exchange took longer than 1 s"
    assert service.is_lost
    edge.end()


def test_the_route_may_have_less_patience_than_the_client() -> None:
    edge = edge_of(route={"timeout": 1.0})
    peer = Peer(edge)
    number = peer.ask(timed("1H"), MESSAGE)
    assert field(edge.connect().take(), b"grpc-timeout") == [b"1000000u"]
    edge.loop.advance(1.3)
    peer.listen()
    assert told(peer, number)["grpc-status"] == "4"
    edge.end()


def test_a_route_without_patience_tells_the_service_so_whatever_the_client_says() -> None:
    edge = edge_of(route={"timeout": 1.0})
    peer = Peer(edge)
    peer.ask(CALL, MESSAGE)
    assert field(edge.connect().take(), b"grpc-timeout") == [b"1000000u"]
    peer.transport.lose()
    edge.end()


def test_who_says_nothing_is_told_nothing() -> None:
    edge = edge_of()
    peer = Peer(edge)
    peer.ask(CALL, MESSAGE)
    assert field(edge.connect().take(), b"grpc-timeout") == []
    peer.transport.lose()
    edge.end()


def test_another_try_has_what_is_left() -> None:
    edge = edge_of(
        endpoints=2, service={"attempts": 2, "on": ("connect", "503"), "methods": ("POST",), "budget": PLENTY}
    )
    peer = Peer(edge)
    peer.ask(timed("2S"), MESSAGE)
    first = edge.connect()
    first.take()
    edge.loop.advance(0.5)
    first.feed(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    second = edge.connect(port=9001)
    assert field(second.take(), b"grpc-timeout") == [b"1500000u"]
    peer.transport.lose()
    edge.end()


def test_a_time_that_was_over_before_it_came_asks_nobody() -> None:
    edge = edge_of()
    peer = Peer(edge)
    assert told(peer, peer.ask(timed("0S"), MESSAGE))["grpc-status"] == "4"
    assert not edge.attempts
    edge.end()


@pytest.mark.parametrize("value", ["100000000n", "1", "S", "1s", "-1S", "1 S"])
def test_a_time_that_nobody_can_read_is_refused(value: str) -> None:
    edge = edge_of()
    peer = Peer(edge)
    head = told(peer, peer.ask(timed(value), MESSAGE))
    assert head["grpc-status"] == "13" and head["grpc-message"].startswith("grpc_timeout_malformed: ")
    assert not edge.attempts
    edge.end()


def test_what_is_no_call_has_no_such_time() -> None:
    edge = edge_of()
    client = edge.client(b"GET / HTTP/1.1\r\nHost: a.test\r\ngrpc-timeout: x\r\n\r\n")
    service = edge.connect()
    assert field(service.take(), b"grpc-timeout") == [b"x"]
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok")
    assert statuses(client.take()) == [200]
    edge.end()


def test_what_another_filter_has_made_a_call_is_one() -> None:
    spy = Spy("a", [], request=lambda exchange: exchange.request.set_header(b"content-type", b"application/grpc"))
    edge = edge_of(filters=[spy])
    edge.client(b"POST / HTTP/1.1\r\nHost: a.test\r\ngrpc-timeout: 1S\r\nContent-Length: 2\r\n\r\n{}")
    assert field(edge.connect().take(), b"grpc-timeout") == [b"1000000u"]
    edge.end()


# --- streams of a client


def test_the_beginning_of_a_stream_is_not_held() -> None:
    edge = edge_of(route={"body_buffer": 65536, "body_wait": 1.0})
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE, more=True)
    service = edge.connect()  # at once
    assert MESSAGE in service.take()
    service.feed(BEGUN)
    peer.listen()
    assert peer.bodies[number] == MESSAGE
    peer.transport.lose()
    edge.end()


def test_a_stream_may_say_little_for_long() -> None:
    edge = edge_of(route={"stream_idle_timeout": 0.0})
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE, more=True)
    service = edge.connect()
    service.feed(BEGUN)
    for _ in range(4):
        edge.loop.advance(10.0)
        peer.h2.send_data(number, MESSAGE)
        peer.flush()
    assert number not in peer.trailers and number not in peer.resets
    service.feed(b"0\r\ngrpc-status: 0\r\n\r\n")
    peer.listen()
    assert dict(peer.trailers[number])["grpc-status"] == "0"
    edge.end()


# --- messages


def test_a_message_of_a_client_has_a_bound() -> None:
    edge = edge_of(2)
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE + b"\0\0\0\0\3abc")
    head = told(peer, number)
    assert head["grpc-status"] == "8"
    assert head["grpc-message"] == "grpc_message_too_large: a message has 3 bytes, and 2 are allowed here"
    fine = peer.ask(CALL, MESSAGE * 5)
    edge.connect().feed(ANSWERED)
    peer.listen()
    assert dict(peer.trailers[fine])["grpc-status"] == "0"
    edge.end()


def test_a_message_of_a_service_has_one_too() -> None:
    edge = edge_of(0, 2)
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    service = edge.connect()
    service.feed(BEGUN)
    service.feed(b"8\r\n\0\0\0\0\3abc\r\n")
    peer.listen()
    assert peer.bodies[number] == MESSAGE  # which came before, whole
    trailers = dict(peer.trailers[number])
    assert trailers["grpc-status"] == "8"
    assert trailers["grpc-message"].startswith("grpc_answer_too_large: a message of the service has 3 bytes")
    edge.end()


# --- what is no answer


@pytest.mark.parametrize(("status", "code"), [(503, "14"), (404, "12"), (500, "2"), (200, "2"), (401, "16")])
def test_a_page_is_told_with_how_it_begins(status: int, code: str) -> None:
    edge = edge_of()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    edge.connect().feed(PAGE.replace(b"503", b"%d" % status) % (12, b"<p>busy</p>\n"))
    peer.listen()
    head = told(peer, number)
    assert head["grpc-status"] == code
    said = f"not_grpc: the service answered {status} and text/html to a call of gRPC: '<p>busy</p>\\n'"
    assert head["grpc-message"] == said
    edge.end()


def test_a_long_page_is_not_waited_for() -> None:
    edge = edge_of()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    service = edge.connect()
    service.feed(PAGE % (1_000_000, b"x" * 500))
    peer.listen()
    head = told(peer, number)
    assert head["grpc-message"].endswith("xxx'...") and len(head["grpc-message"]) < 300
    assert service.is_lost
    edge.end()


def test_an_answer_with_nothing_at_all_is_none() -> None:
    edge = edge_of()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    edge.connect().feed(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n")
    peer.listen()
    head = told(peer, number)
    assert head["grpc-status"] == "14"
    assert head["grpc-message"] == "not_grpc: the service answered 502 and no content-type to a call of gRPC"
    edge.end()


def test_trailers_only_is_an_answer() -> None:
    edge = edge_of()
    peer = Peer(edge)
    number = peer.ask(CALL, MESSAGE)
    edge.connect().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\ngrpc-status: 5\r\ngrpc-message: none\r\n\r\n")
    peer.listen()
    assert told(peer, number)["grpc-status"] == "5"
    edge.end()


def test_what_is_no_call_may_be_answered_with_a_page() -> None:
    edge = Edge(filters=[Calls(GrpcSettings(False, 1, 1))])
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\n\0\0\0\0\4abcd")
    edge.connect().feed(PAGE % (4, b"busy"))
    assert statuses(client.take()) == [503]
    edge.end()


# --- what is counted


def calls(edge: Edge) -> dict[str, int]:
    """Calls by their code, those there were."""
    base = edge.route.base + counters.ROUTE_GRPC_CODES
    found = {name: edge.values[base + place] for place, name in enumerate(GRPC_CODES)}
    return {name: number for name, number in found.items() if number}


def messages(edge: Edge) -> list[int]:
    """Messages and their bytes, of requests and of answers."""
    base = edge.route.base
    return [
        edge.values[base + at + side]
        for side in (0, 1)
        for at in (counters.ROUTE_GRPC_MESSAGES, counters.ROUTE_GRPC_BYTES)
    ]


def test_codes_are_those_of_the_protocol() -> None:
    assert GRPC_CODES == CODES


def test_messages_and_ends_of_calls_are_counted() -> None:
    edge = edge_of(counts=True)
    peer = Peer(edge)
    peer.ask(CALL, MESSAGE * 3)
    service = edge.connect()
    service.feed(BEGUN)
    assert messages(edge) == [3, 6, 1, 2]  # as they pass
    service.feed(b"0\r\ngrpc-status: 9\r\n\r\n")
    peer.listen()
    assert calls(edge) == {"FAILED_PRECONDITION": 1}
    edge.end()


def test_messages_are_not_counted_where_nobody_asks_for_that() -> None:
    edge = edge_of()
    peer = Peer(edge)
    peer.ask(CALL, MESSAGE * 3)
    edge.connect().feed(ANSWERED)
    peer.listen()
    assert messages(edge) == [0, 0, 0, 0] and calls(edge) == {"OK": 1}
    edge.end()


def test_an_end_that_another_filter_takes_away_is_known() -> None:
    edge = edge_of(filters=[GrpcWeb("web", {})])
    peer = Peer(edge)
    number = peer.ask((*POST, ("content-type", "application/grpc-web+proto")), MESSAGE)
    edge.connect().feed(BEGUN + b"0\r\ngrpc-status: 9\r\n\r\n")
    peer.listen()
    assert b"grpc-status: 9" in peer.bodies[number].replace(b"status:9", b"status: 9")
    assert calls(edge) == {"FAILED_PRECONDITION": 1}
    edge.end()


@pytest.mark.parametrize("how", ["refused", "gone", "broken", "silent", "nothing said"])
def test_every_call_has_an_end(how: str) -> None:
    edge = edge_of(route={"stream_idle_timeout": 3.0})
    peer = Peer(edge)
    peer.ask(CALL, MESSAGE)
    if how == "refused":
        edge.refuse()
    else:
        service = edge.connect()
        service.feed(BEGUN)
        match how:
            case "gone":
                peer.transport.lose()
            case "broken":
                service.lose(ConnectionResetError())
            case "silent":
                edge.loop.advance(4.0)
            case _:
                service.feed(b"0\r\n\r\n")
    edge.run()
    expected = {"refused": "UNAVAILABLE", "gone": "CANCELLED", "broken": "UNAVAILABLE", "silent": "DEADLINE_EXCEEDED"}
    assert calls(edge) == {expected.get(how, "UNKNOWN"): 1}
    edge.end()


def test_the_code_is_in_the_notes_of_lines(tmp_path: Path) -> None:
    log = access_log("log", {"path": str(tmp_path / "log")})
    log.start(new_loop())
    edge = edge_of(filters=[log])
    peer = Peer(edge)
    peer.ask(CALL, MESSAGE)
    edge.connect().feed(ANSWERED)
    peer.listen()
    edge.end()
    log.stop()
    FILES.finish()
    assert json.loads((tmp_path / "log").read_text())["grpc_status"] == 0
