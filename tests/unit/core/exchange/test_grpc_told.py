"""What an answer tells of a call, wherever it says so, and how long a service is told that it has for one."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.grpc import CALL, code_told, told
from fastgw.testing.edge import GET, OK, Edge, Spy
from tests.unit.core.http2.peer import POST, Http2Edge, Peer

ASKED = (*POST, ("content-type", "application/grpc"), ("te", "trailers"))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n7\r\n\0\0\0\0\2ab\r\n0\r\n"


class Noting(Spy):
    """Notes calls as such, with what is known of their end already, and how they have ended."""

    def __init__(self, **known: Any) -> None:
        self.found: list[tuple[int, dict[str, Any]]] = []
        super().__init__(
            "noting",
            [],
            request=lambda exchange: exchange.note(CALL, known),
            done=lambda exchange: self.found.append((code_told(exchange), told(exchange.response))),
        )


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (CHUNKED + b"grpc-status: 0\r\n\r\n", 0, {"status": 0}),
        (CHUNKED + b"grpc-status: 8\r\ngrpc-message: all%20in use\r\n\r\n", 8, {"status": 8, "message": "all in use"}),
        (
            HEAD + b"Content-Length: 0\r\ngrpc-status: 5\r\ngrpc-message: none\r\n\r\n",
            5,
            {"status": 5, "message": "none"},
        ),
        (CHUNKED + b"\r\n", 2, {}),  # UNKNOWN
        (CHUNKED + b"grpc-status: x\r\n\r\n", 2, {}),
    ],
)
def test_the_end_of_a_call_is_read_behind_the_body_or_in_the_head(answer: bytes, code: int, said: Any) -> None:
    noting = Noting()
    edge = Http2Edge(filters=[noting])
    peer = Peer(edge)
    peer.ask(ASKED, b"\0\0\0\0\0")
    edge.connect().feed(answer)
    peer.listen()
    assert noting.found == [(code, said)]
    edge.end()


def test_an_error_of_the_gateway_is_the_end_of_a_call_whatever_was_noted() -> None:
    noting = Noting(status=0)
    edge = Http2Edge(filters=[noting])
    peer = Peer(edge)
    peer.ask(ASKED, b"\0\0\0\0\0")
    edge.refuse()
    ((code, said),) = noting.found
    assert code == said["status"] == 14 and said["message"].startswith("connect_refused: ")
    edge.end()


def test_what_was_noted_is_the_end_where_others_took_it_from_the_answer() -> None:
    noting = Noting(status=7)
    edge = Http2Edge(filters=[noting])
    peer = Peer(edge)
    peer.ask(ASKED, b"\0\0\0\0\0")
    edge.connect().feed(CHUNKED + b"\r\n")
    assert noting.found == [(7, {})]
    edge.end()


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("tells", [True, False])
def test_the_service_of_a_call_is_told_its_time_as_calls_say_it(is_call: bool, tells: bool) -> None:
    """By the field of calls even where services are not told otherwise; what is no call has no such field."""
    edge = Edge(
        filters=[Noting()] if is_call else [],
        route={"timeout": 2.0},
        service={"has_calls": True, "tell_timeout": tells},
    )
    _, service = edge.pair(GET)
    sent = service.take()
    assert (b"grpc-timeout: 2" in sent, b"x-request-timeout-ms: 2000\r\n" in sent) == (is_call, tells)
    service.feed(OK)
    edge.end()
