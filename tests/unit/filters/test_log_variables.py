"""Variables of access logs: each is read, of whatever there is."""

from __future__ import annotations

import pytest

from fastgw.core.settings import GrpcSettings
from fastgw.filters.grpc import Calls
from fastgw.filters.log_variables import readers
from fastgw.filters.variables import OF_LOGS, OWN_OF_LOGS, names, problem, reader
from fastgw.testing.edge import GET, OK, Edge, Spy


def test_each_has_a_reader_and_a_value() -> None:
    found: dict[str, bytes] = {}

    def read(exchange: object) -> None:
        found.update({name: one(exchange) for name, one in readers(lambda: 1789000000.25, 0.25).items()})

    edge = Edge(filters=[Spy("a", [], done=read)])
    _, service = edge.pair(GET)
    edge.loop.advance(0.0125)
    service.feed(OK)
    edge.end()
    assert found.keys() == OF_LOGS
    assert found == {
        "exchange.attempts": b"1",
        "duration.ms": b"12.500",
        "request.bytes": b"0",
        "response.bytes": b"2",
        "request.line": b"GET / HTTP/1.1",
        "grpc.message": b"",
        "grpc.status": b"",
        "response.status": b"200",
        "user.name": b"",
        "log.sampled": b"0.25",
        "error.code": b"",
        "error.fault": b"",
        "error.detail": b"",
        "time.unix": b"1789000000.250",
        "time.iso": b"2026-09-10T00:26:40.250Z",
        "time.local": b"10/Sep/2026:00:26:40 +0000",
    }


def test_the_path_is_the_one_that_was_asked_for() -> None:
    found: list[bytes] = []
    line = readers(lambda: 0.0, 1.0)["request.line"]
    spy = Spy(
        "a", [], request=lambda exchange: exchange.request.rewrite(b"/v2"), done=lambda one: found.append(line(one))
    )
    edge = Edge(filters=[spy])
    _, service = edge.pair(GET.replace(b"GET / ", b"GET /v1?q "))
    service.feed(OK)
    edge.end()
    assert found == [b"GET /v1?q HTTP/1.1"]


@pytest.mark.parametrize("name", sorted(OF_LOGS))
def test_they_are_known_in_templates_only(name: str) -> None:
    assert problem(name, is_answer=True, more=OF_LOGS) == "" and name in names(is_answer=True, more=OF_LOGS)
    assert (problem(name, is_answer=True) == "") is (name == "response.status")  # which a log knows better
    assert OWN_OF_LOGS < OF_LOGS


@pytest.mark.parametrize("with_filter", [False, True])
@pytest.mark.parametrize("in_head", [False, True])
def test_how_a_call_ended_is_known(*, with_filter: bool, in_head: bool) -> None:
    found: dict[str, bytes] = {}
    read = {name: readers(lambda: 0.0, 1.0)[name] for name in ("grpc.status", "grpc.message")}
    read |= {name: reader(name) for name in ("grpc.service", "grpc.method")}
    spy = Spy("a", [], done=lambda one: found.update({name: each(one) for name, each in read.items()}))
    edge = Edge(filters=[spy, *([Calls(GrpcSettings(False, 0, 0))] if with_filter else [])])
    asked = b"POST /a.B/Do HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n"
    _, service = edge.pair(asked)
    said = b"grpc-status: 5\r\ngrpc-message: no %C3%BC\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n"
    if in_head:
        service.feed(head + said + b"Content-Length: 0\r\n\r\n")
    else:
        service.feed(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + said + b"\r\n")
    edge.end()
    told = (
        {"grpc.status": b"5", "grpc.message": "no ü".encode()}
        if in_head or with_filter
        else {"grpc.status": b"", "grpc.message": b""}
    )
    assert found == {"grpc.service": b"a.B", "grpc.method": b"Do", **told}
