"""Requests of the gateway's own to a listener, past the network."""

from __future__ import annotations

from typing import Any

from fastgw.adapters.own_client import PIECE, OwnAnswer, OwnConnection
from fastgw.core.protocols import client_factory
from fastgw.testing.edge import Edge

GET = b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 2\r\n\r\nok"


class Stage:
    def __init__(self, max_answer: int = 1000, **options: Any) -> None:
        self.edge = Edge(**options)
        self.connection = OwnConnection(self.edge.plane, client_factory(self.edge.plane, "edge"), max_answer)
        self.answers: list[OwnAnswer | None] = []

    def ask(self, request: bytes = GET) -> None:
        self.connection.ask(request, self.answers.append)
        self.edge.run()

    def end(self) -> None:
        self.connection.close()
        self.edge.run()
        self.edge.end()


def test_one_request_after_the_other_is_answered() -> None:
    stage = Stage()
    stage.ask()
    assert not stage.connection.is_free
    service = stage.edge.connect()
    service.feed(OK)
    stage.edge.run()
    (found,) = stage.answers
    assert found is not None and (found.status, found.body) == (200, b"ok") and (b"x-a", b"b") in found.fields
    assert stage.connection.is_free
    stage.ask()
    service.feed(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
    )
    stage.edge.run()
    assert stage.answers[1] is not None and (stage.answers[1].status, stage.answers[1].body) == (404, b"no")
    stage.end()


def test_a_long_request_is_handed_over_as_it_is_read() -> None:
    stage = Stage(route={"body_buffer": 0})
    size = 5 * PIECE
    stage.ask(b"POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
    service = stage.edge.connect(capacity=1000)
    assert len(service.output) < size
    service.drain()
    stage.edge.run()
    service.drain()
    stage.edge.run()
    assert service.output.endswith(b"x" * 1000) and service.output.count(b"x") > size
    service.feed(OK)
    stage.edge.run()
    assert stage.answers[0] is not None
    stage.end()


def test_an_answer_that_is_too_large_or_none_is_told() -> None:
    stage = Stage(max_answer=1)
    stage.ask()
    stage.edge.connect().feed(OK)
    stage.edge.run()
    assert stage.answers == [None] and not stage.connection.is_free and stage.connection.is_closing()
    stage.edge.end()
    stage = Stage()
    stage.ask()
    stage.connection.abort()
    stage.edge.run()
    assert stage.answers == [None]
    stage.edge.end()


def test_what_is_no_request_is_refused_as_of_anybody() -> None:
    stage = Stage()
    stage.ask(b"GET / HTTP/1.1\r\nhost: a\r\nno field\r\n\r\n")
    assert stage.answers[0] is not None and stage.answers[0].status == 400 and stage.connection.is_closing()
    stage.edge.end()
