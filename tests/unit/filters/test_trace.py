"""The spans of one exchange: each try, what waited for what, and how it all ended."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.live.board import Board
from fastgw.core.live.holds import sit_down
from fastgw.core.settings import HedgeSettings
from fastgw.filters.trace import CLIENT, INTERNAL, SERVER
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, WEBSOCKET, Edge, Gate, Spy, head_of, new_loop, statuses
from tests.support.bodies import Gathering, Watching
from tests.support.retried import BUSY, PLENTY, PUT
from tests.support.traced import Span, TracedEdge
from tests.unit.core.live.gate_stage import workers

HEDGE = HedgeSettings(quantile=0.99, after=0.1, max_share=1.0, min_delay=0.001, methods=())


def parent_of(request: bytes) -> bytes:
    """The id of the span that a service is told of."""
    [line] = [one for one in head_of(request).split(b"\r\n") if one.startswith(b"traceparent: ")]
    return line.split(b"-")[2]


def tries(spans: list[Span]) -> list[Span]:
    """In the order in which they began."""
    return sorted((one for one in spans if one.kind == CLIENT), key=lambda one: one.began)


def test_tries_are_beside_each_other_and_each_is_told_to_its_service() -> None:
    edge = TracedEdge(endpoints=2, service={"on": ("503",), "attempts": 2, "budget": PLENTY})
    client, first = edge.pair(GET)
    edge.loop.advance(0.3)
    told = [parent_of(first.take())]
    first.feed(BUSY)
    edge.loop.advance(0.1)
    second = edge.connect()
    told.append(parent_of(second.take()))
    edge.loop.advance(0.2)
    second.feed(OK)
    assert statuses(client.take()) == [200]
    [found] = edge.recorded()
    one, other = tries(found.spans)
    assert told == [one.id, other.id]
    assert {one.above, other.above} == {found.whole.id}
    assert (one.seconds, other.seconds) == (0.3, 0.3)  # with the wait for a connection
    assert (one.is_failed, other.is_failed) == (True, False)
    assert (one.said["http.response.status_code"], one.said["error.type"]) == (503, "503")
    assert other.said["http.request.resend_count"] == 1 and "http.request.resend_count" not in one.said
    assert {one.said["server.port"], other.said["server.port"]} == {9000, 9001}
    assert one.said["url.full"] == f"http://127.0.0.1:{one.said['server.port']}/"
    assert found.whole.said["fastgw.tries"] == 2 and not found.whole.is_failed
    edge.end()


def test_a_try_that_fails_says_why() -> None:
    edge = TracedEdge(endpoints=2, service={"on": ("connect",), "attempts": 2, "budget": PLENTY})
    client = edge.client(GET)
    edge.refuse()
    service = edge.connect()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    [found] = edge.recorded()
    one, _ = tries(found.spans)
    assert one.said["error.type"] == "connect_refused" and one.is_failed and one.told
    assert "http.response.status_code" not in one.said
    edge.end()


def test_an_exchange_that_fails_with_it_says_why_too() -> None:
    edge = TracedEdge()
    client, service = edge.pair(GET)
    service.feed_eof()
    edge.run()
    assert statuses(client.take()) == [502]
    [found] = edge.recorded()
    assert found.whole.is_failed and found.whole.told == tries(found.spans)[0].told
    assert found.whole.said["error.type"] == "upstream_reset"
    edge.end()


def test_a_hedge_is_a_try_beside_and_who_loses_says_so() -> None:
    edge = TracedEdge(endpoints=2, service={"hedge": HEDGE})
    for _ in range(2):
        client, service = edge.pair(GET)
        service.feed(OK)
        service.feed_eof()
        edge.run()
    edge.recorded()
    client, first = edge.pair(GET)
    edge.loop.advance(0.15)
    second = edge.connect()
    told = [parent_of(first.take()), parent_of(second.take())]
    second.feed(OK)
    assert statuses(client.take())[-1] == 200
    found = edge.recorded()[-1]
    one, other = tries(found.spans)
    assert told == [one.id, other.id]
    assert one.said["error.type"] == "hedged" and not other.is_failed
    assert other.said["http.response.status_code"] == 200
    assert other.began > one.began and one.ended <= other.ended
    edge.end()


def test_a_hedge_that_is_an_error_is_answered_and_lost() -> None:
    edge = TracedEdge(endpoints=2, service={"hedge": HEDGE})
    for _ in range(2):
        client, service = edge.pair(GET)
        service.feed(OK)
        service.feed_eof()
        edge.run()
    client, first = edge.pair(GET)
    edge.loop.advance(0.15)
    edge.connect().feed(BUSY)
    edge.loop.advance(0.1)
    first.feed(OK)
    assert statuses(client.take())[-1] == 200
    one, other = tries(edge.recorded()[-1].spans)
    assert not one.is_failed and other.said["http.response.status_code"] == 503
    edge.end()


def test_a_wait_for_a_connection_is_a_span_of_the_try() -> None:
    edge = TracedEdge(pool=usual.pool(max_connections=1))
    client, service = edge.pair(GET)
    other = edge.client(GET)
    edge.loop.advance(0.4)
    service.feed(OK)
    edge.loop.advance(0.1)
    service.feed(OK)
    assert statuses(client.take()) == statuses(other.take()) == [200]
    first, second = edge.recorded()
    assert not first.named("wait for connection")
    [wait] = second.named("wait for connection")
    [tried] = tries(second.spans)
    assert (wait.kind, wait.above, wait.began, wait.seconds) == (INTERNAL, tried.id, tried.began, 0.4)
    assert tried.seconds == 0.5
    edge.end()


def test_a_wait_for_admission_is_one_of_the_exchange() -> None:
    with workers() as stage:
        edge = TracedEdge(seat=sit_down(Board(stage.fd)), loop=stage.loop)
        stage.apply(edge, queue_size=5)
        client, service = edge.pair(GET)
        other = edge.client(GET)
        edge.loop.advance(0.25)
        service.feed(OK)
        edge.loop.advance(0.5)
        service.feed(OK)
        assert statuses(client.take()) == statuses(other.take()) == [200]
        first, second = edge.recorded()
        assert not first.named("wait for admission")
        [wait] = second.named("wait for admission")
        assert (wait.above, wait.seconds) == (second.whole.id, 0.25)
        edge.end()


@pytest.mark.parametrize("kind", ["request", "response"])
def test_a_filter_that_waits_is_a_span(kind: str) -> None:
    loop = new_loop()
    gate = Gate(loop)
    hooks: dict[str, Any] = {kind: gate}
    edge = TracedEdge(filters=[Spy("slow", [], **hooks)], loop=loop)
    client = edge.client(GET)
    service = None if kind == "request" else edge.connect()
    if service is not None:
        service.feed(OK)
        edge.run()
    edge.loop.advance(0.7)
    gate.open()
    if service is None:
        edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    [found] = edge.recorded()
    [waited] = found.named("filter slow")
    assert (waited.above, waited.seconds, waited.said) == (
        found.whole.id,
        0.7,
        {"fastgw.filter": "slow", "fastgw.hook": kind},
    )
    edge.end()


def test_one_that_is_waited_for_when_the_client_leaves_ends_with_the_exchange() -> None:
    loop = new_loop()
    edge = TracedEdge(filters=[Spy("slow", [], request=Gate(loop))], loop=loop)
    client = edge.client(GET)
    edge.loop.advance(0.5)
    client.lose()
    edge.run()
    [found] = edge.recorded()
    assert found.named("filter slow")[0].seconds == 0.5
    assert found.whole.said["http.response.status_code"] == 499 and not found.whole.is_failed
    edge.end()


def test_a_transformer_that_has_a_whole_body_is_a_span() -> None:
    loop = new_loop()

    def slow(data: bytes) -> bytes:
        loop.now += 0.2
        return data.upper()

    shape = Watching("shape", ["transform_request"], lambda _: Gathering(slow))
    edge = TracedEdge(filters=[shape], loop=loop)
    client, service = edge.pair(POST + b"hello")
    assert service.take().endswith(b"HELLO")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    [found] = edge.recorded()
    [made] = found.named("transformer shape")
    assert (made.above, made.seconds, made.said["fastgw.hook"]) == (found.whole.id, 0.2, "transform_request")
    edge.end()


def test_one_that_waits_with_it_is_one_span() -> None:
    loop = new_loop()
    gate = Gate(loop, b"other")
    shape = Watching("shape", ["transform_request"], lambda _: Gathering(gate))
    edge = TracedEdge(filters=[shape], loop=loop)
    client = edge.client(POST + b"hello")
    edge.loop.advance(0.3)
    gate.open()
    service = edge.connect()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    [found] = edge.recorded()
    [made] = found.named("transformer shape")
    assert made.seconds == 0.3
    edge.end()


def test_a_client_that_leaves_ends_the_try() -> None:
    edge = TracedEdge()
    client, _ = edge.pair(GET)
    edge.loop.advance(0.3)
    client.lose()
    edge.run()
    [found] = edge.recorded()
    [tried] = tries(found.spans)
    assert (tried.seconds, tried.said["error.type"]) == (0.3, "client_gone")
    edge.end()


def test_an_answer_that_is_cut_is_a_failure_of_its_try() -> None:
    edge = TracedEdge()
    client, service = edge.pair(GET)
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi")
    edge.loop.advance(0.1)
    service.feed_eof()
    edge.run()
    [found] = edge.recorded()
    [tried] = tries(found.spans)
    assert tried.said["http.response.status_code"] == 200 and tried.is_failed and found.whole.is_failed
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_body_that_is_sent_late_and_a_tunnel_are_recorded_once() -> None:
    edge = TracedEdge()
    client, service = edge.pair(PUT)
    client.feed(b"hello")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    client.feed(WEBSOCKET)
    service.feed(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
    found = edge.recorded()
    assert [len(one.spans) for one in found] == [2, 2]
    assert [one.kind for one in found[0].spans] == [CLIENT, SERVER]
    edge.end()


def test_there_are_no_more_spans_of_one_exchange_than_may_be() -> None:
    from fastgw.filters.trace import MOST_SPANS, Trace
    from fastgw.filters.trace_ids import TraceIds

    trace = Trace((b"1" * 32, b"", 1), b"", (), lambda: 0.0, lambda: 0.0, TraceIds(1.0, lambda _: b"\7" * 64))
    for _ in range(MOST_SPANS + 10):
        trace.began("one", "request")()
    *_, spans = trace.finish("GET", (), None, "")
    assert len(spans) == MOST_SPANS + 1 and spans[-1][1] == SERVER


def test_without_it_nothing_is_changed() -> None:
    edge = Edge()
    client, service = edge.pair(GET[:-2] + b"traceparent: whatever\r\n\r\n")
    assert b"traceparent: whatever\r\n" in service.take()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
