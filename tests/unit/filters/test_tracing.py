"""Which trace a request is put into, whether it is recorded, and what is told to services."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.counters import ROUTE
from fastgw.core.exemplars import kept
from fastgw.core.settings import GrpcSettings
from fastgw.filters.grpc import Calls
from fastgw.testing.edge import GET, OK, Edge, Spy, head_of, statuses
from tests.support.traced import PARENT, SPAN, TRACE, TracedEdge

NOT_SAMPLED = PARENT[:-1] + b"0"
PEER = {"trusted": ("0.0.0.0/0", "::/0")}


def saying(*lines: bytes) -> bytes:
    return GET[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def told(request: bytes) -> list[bytes]:
    """What a service is told of the trace, line by line."""
    return sorted(re.findall(rb"(?m)^(?:traceparent|tracestate): [^\r]*", head_of(request)))


def asked(edge: Edge, *lines: bytes) -> list[bytes]:
    """What a service is told where a client says ``lines``; the exchange is over then."""
    client, service = edge.pair(saying(*lines))
    found = told(service.take())
    service.feed(OK)
    assert statuses(client.take()) == [200]
    service.feed_eof()
    edge.run()
    return found


# --- where a trace begins


def test_a_request_without_a_parent_begins_a_trace() -> None:
    edge = TracedEdge()
    [parent] = asked(edge)
    [found] = edge.recorded()
    [tried] = found.named("GET")[:1]
    assert parent == b"traceparent: 00-%b-%b-03" % (found.id, tried.id)
    assert (found.flags, found.whole.above, tried.above) == (3, b"", found.whole.id)
    edge.end()


def test_one_that_is_not_sampled_is_told_so_and_nothing_is_kept() -> None:
    edge = TracedEdge(sample=0.0)
    assert asked(edge) == [b"traceparent: 00-%016x%016x-%016x-02" % (1, 2, 3)]
    assert edge.recorded() == []
    assert edge.count(counters.SPANS) == 0
    edge.end()


def test_the_page_of_metrics_has_the_trace_as_an_exemplar_of_its_route() -> None:
    edge = TracedEdge()
    asked(edge)
    [recorded] = edge.recorded()
    [exemplar] = kept(edge.values)
    assert exemplar.trace == recorded.id.decode()
    assert ROUTE.base(exemplar.slot) == edge.route.base
    edge.end()


def test_chance_decides_by_the_last_seven_bytes_of_the_trace() -> None:
    quarter = 1 << 54
    numbers = [0, quarter * 3 - 1, 5, 0, quarter * 3, 6, 7, 1, (9 << 56) + quarter * 3, 8, 9]
    edge = TracedEdge(sample=0.25, numbers=numbers)
    assert [line[-2:] for _ in range(3) for line in asked(edge)] == [b"02", b"03", b"03"]
    assert [one.id for one in edge.recorded()] == [b"%016x%016x" % (*numbers[3:5],), b"%016x%016x" % (*numbers[7:9],)]
    edge.end()


def test_no_id_is_all_zeros() -> None:
    edge = TracedEdge(numbers=[0] * 20)
    [parent] = asked(edge)
    assert parent == b"traceparent: 00-%032x-%016x-03" % (1, 1)
    edge.end()


# --- a trace that is there


def test_a_trusted_peer_is_gone_on_with_and_decides() -> None:
    edge = TracedEdge(sample=0.0, **PEER)
    parent, state = asked(edge, b"TraceParent: " + PARENT, b"Tracestate: a=1", b"tracestate: b=2")
    [found] = edge.recorded()
    assert (found.id, found.state, found.whole.above, found.flags) == (TRACE, b"a=1, b=2", SPAN, 1)
    assert parent == b"traceparent: 00-%b-%b-01" % (TRACE, found.named("GET")[0].id)
    assert state == b"tracestate: a=1, b=2"
    assert found.whole.links == ()
    edge.end()


def test_what_it_does_not_record_passes_as_it_came() -> None:
    edge = TracedEdge(sample=1.0, **PEER)
    sent = (b"traceparent: " + NOT_SAMPLED, b"tracestate: a=1")
    assert asked(edge, *sent) == [*sent]
    assert edge.recorded() == []
    edge.end()


def test_nobody_else_decides_and_the_trace_is_a_link() -> None:
    edge = TracedEdge(sample=1.0)
    lines = asked(edge, b"traceparent: " + NOT_SAMPLED, b"tracestate: a=1")
    [found] = edge.recorded()
    assert found.id != TRACE and found.whole.above == b"" and found.state == b""
    assert found.whole.links == ((TRACE, SPAN, 0),)
    assert lines == [b"traceparent: 00-%b-%b-03" % (found.id, found.named("GET")[0].id)]
    edge.end()


def test_somebody_else_cannot_have_a_request_recorded() -> None:
    edge = TracedEdge(sample=0.0)
    assert asked(edge, b"traceparent: " + PARENT, b"tracestate: a=1") == [
        b"traceparent: 00-%016x%016x-%016x-02" % (1, 2, 3)
    ]
    assert edge.recorded() == []
    edge.end()


@pytest.mark.parametrize(("parents", "trace"), [("any", TRACE), ("none", b"%016x%016x" % (1, 2))])
def test_who_is_trusted_can_be_said(parents: str, trace: bytes) -> None:
    edge = TracedEdge(parents=parents, **({} if parents == "any" else PEER))
    asked(edge, b"traceparent: " + PARENT)
    assert [one.id for one in edge.recorded()] == [trace]
    edge.end()


@pytest.mark.parametrize(
    "lines",
    [
        [b"traceparent: " + PARENT, b"traceparent: " + PARENT],
        [b"traceparent: ff" + PARENT[2:]],
        [b"traceparent: 00-%b-%b-01" % (b"0" * 32, SPAN)],
        [b"traceparent:"],
        [],
    ],
)
def test_what_is_no_parent_begins_a_trace_and_its_state_is_dropped(lines: list[bytes]) -> None:
    edge = TracedEdge(**PEER)
    [parent] = asked(edge, *lines, b"tracestate: a=1")
    [found] = edge.recorded()
    assert parent == b"traceparent: 00-%b-%b-03" % (found.id, found.named("GET")[0].id)
    assert found.id == b"%016x%016x" % (1, 2) and found.whole.links == ()
    edge.end()


@pytest.mark.parametrize("parent", [PARENT, NOT_SAMPLED])
def test_a_state_that_is_none_is_dropped_and_a_long_one_shortened(parent: bytes) -> None:
    edge = TracedEdge(**PEER)
    assert len(asked(edge, b"traceparent: " + parent, b"tracestate: no state")) == 1
    members = [b"k%d=%b" % (one, b"v" * 100) for one in range(8)]
    _, state = asked(edge, b"traceparent: " + parent, b"tracestate: " + b",".join(members))
    assert state == b"tracestate: " + b",".join(members[:4])
    edge.end()


def test_a_later_version_is_read_as_this_one_and_told_as_this_one() -> None:
    edge = TracedEdge(**PEER)
    [parent] = asked(edge, b"traceparent: 7f" + PARENT[2:-2] + b"f1-what")
    assert parent.startswith(b"traceparent: 00-" + TRACE) and parent.endswith(b"-01")
    edge.end()


# --- what others see


def test_hooks_behind_it_see_the_trace() -> None:
    seen: list[Any] = []
    spy = Spy(
        "spy",
        [],
        request=lambda exchange: seen.append((str(exchange.notes["trace"]), exchange.request.header(b"traceparent"))),
    )
    edge = TracedEdge(filters=[spy])
    asked(edge)
    [found] = edge.recorded()
    assert seen == [(found.id.decode(), b"00-%b-%b-03" % (found.id, found.whole.id))]
    edge.end()


def test_what_is_not_sampled_can_be_read_as_a_field_too() -> None:
    seen: list[Any] = []
    edge = TracedEdge(
        sample=0.0,
        filters=[Spy("spy", [], request=lambda exchange: seen.append(exchange.request.header(b"traceparent")))],
    )
    asked(edge)
    assert seen == [b"00-%016x%016x-%016x-02" % (1, 2, 3)]
    edge.end()


def test_a_request_that_is_refused_before_routing_is_recorded() -> None:
    from fastgw.core.exchange.reply import Reply

    edge = TracedEdge(filters=[Spy("no", [], request=lambda _: Reply(403))], before=2)
    assert statuses(edge.client(GET).take()) == [403]
    [found] = edge.recorded()
    assert found.whole.said["http.response.status_code"] == 403
    edge.end()


# --- what is said of it


def test_the_span_of_an_exchange_has_the_names_of_opentelemetry() -> None:
    edge = TracedEdge()
    client, service = edge.pair(
        b"POST /a/b?key=secret HTTP/1.1\r\nHost: a.test:8080\r\nUser-Agent: me\r\nContent-Length: 5\r\n\r\nhello"
    )
    service.take()
    edge.loop.advance(0.5)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    [found] = edge.recorded()
    whole = found.whole
    assert (whole.name, whole.kind, whole.seconds, whole.is_failed) == ("POST", 2, 0.5, False)
    expected = {
        "http.request.method": "POST",
        "url.scheme": "http",
        "url.path": "/a/b",
        "server.address": "a.test",
        "server.port": 8080,
        "network.protocol.version": "1.1",
        "user_agent.original": "me",
        "http.response.status_code": 200,
        "http.request.body.size": 5,
        "http.response.body.size": 2,
        "fastgw.route": "all",
        "fastgw.service": "s",
        "fastgw.tries": 1,
        "fastgw.listener": "edge",
    }
    assert {key: value for key, value in whole.said.items() if key != "client.address"} == expected
    assert edge.count(counters.SPANS) == len(found.spans)
    edge.end()


def test_a_failure_of_the_service_is_one_of_the_span() -> None:
    edge = TracedEdge()
    client, service = edge.pair(GET)
    service.feed(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    assert statuses(client.take()) == [500]
    client.feed(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
    service.feed(b"HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n")
    first, second = edge.recorded()
    assert [one.whole.is_failed for one in (first, second)] == [True, False]
    assert first.whole.said["error.type"] == "500" and "error.type" not in second.whole.said
    assert [one.named("GET")[0].said["error.type"] for one in (first, second)] == ["500", "404"]
    edge.end()


def test_a_method_that_few_know_is_not_part_of_the_name() -> None:
    edge = TracedEdge()
    client = edge.client(b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(client.take()) == [405]
    [found] = edge.recorded()
    said = found.whole.said
    assert (found.whole.name, said["http.request.method"], said["http.request.method_original"]) == (
        "HTTP",
        "_OTHER",
        "PROPFIND",
    )
    edge.end()


@pytest.mark.parametrize(("code", "failure"), [(0, ""), (5, ""), (12, "UNIMPLEMENTED"), (14, "UNAVAILABLE")])
def test_a_call_of_grpc_says_what_it_was_and_how_it_ended(code: int, failure: str) -> None:
    edge = TracedEdge(filters=[Calls(GrpcSettings(False, 0, 0))])
    client, service = edge.pair(
        b"POST /a.B/Do HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n"
    )
    service.feed(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\ngrpc-status: %d\r\n\r\n" % code
    )
    assert statuses(client.take()) == [200]
    [found] = edge.recorded()
    said = found.whole.said
    assert {key: said[key] for key in said if key.startswith("rpc.")} == {
        "rpc.system": "grpc",
        "rpc.service": "a.B",
        "rpc.method": "Do",
        "rpc.grpc.status_code": code,
    }
    assert found.whole.is_failed is bool(failure) and said.get("error.type", "") == failure
    edge.end()
