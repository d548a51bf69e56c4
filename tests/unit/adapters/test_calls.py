"""A service in Python, seen from its clients and from the exchange: an endpoint like any other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from fastgw.core import counters, labels
from fastgw.errors import DownstreamError
from fastgw.testing import usual
from fastgw.testing.edge import body_of, head_of, statuses
from fastgw.testing.service import ServiceEdge, request

JSON = "Content-Type: application/json"


class Echo:
    name = "echo"

    async def execute(self, input: dict[str, Any]) -> dict[str, Any]:
        return {"got": input}


class Threaded:
    name = "threaded"

    def execute(self, input: dict[str, Any]) -> dict[str, Any]:
        return {"by": threading.current_thread().name, "got": input}


class Gated:
    """Answers when the test says so."""

    name = "gated"
    begun: list[asyncio.Future[Any]] = []
    cancelled = 0

    async def execute(self, input: dict[str, Any]) -> Any:
        gate: asyncio.Future[Any] = LOOPS[-1].create_future()
        self.begun.append(gate)
        try:
            return await gate
        except asyncio.CancelledError:
            Gated.cancelled += 1
            raise


LOOPS: list[Any] = []  #: the last one is that of the test


class Stream:
    name = "stream"
    closed = 0

    async def execute(self, input: dict[str, Any]) -> AsyncIterator[Any]:
        try:
            for number in range(input.get("n", 2)):
                if number == input.get("fail", -1):
                    raise RuntimeError("in the middle")
                yield {"n": number}
        finally:
            Stream.closed += 1


class Steps:
    name = "steps"

    def execute(self, input: dict[str, Any]) -> Iterator[Any]:
        yield from ({"n": number} for number in range(input.get("n", 2)))


class Raises:
    name = "raises"

    async def execute(self, input: dict[str, Any]) -> Any:
        if "refuse" in input:
            raise DownstreamError(422, "json_unfit", "not this")
        if "unfit" in input:
            return object()
        if "exit" in input:
            raise SystemExit(3)
        raise KeyError("a secret")


def gated(**changes: Any) -> ServiceEdge:
    Gated.begun = []
    Gated.cancelled = 0
    called = ServiceEdge(Gated, **changes)
    LOOPS[:] = [called.loop]
    return called


def test_a_call_is_answered_in_json() -> None:
    called = ServiceEdge(Echo)
    answer = called.ask("/", "POST", JSON, body=b'{"a": 1}')
    assert statuses(answer) == [200]
    assert b"content-type: application/json\r\n" in head_of(answer) and b"content-length: 15\r\n" in head_of(answer)
    assert body_of(answer) == b'{"got":{"a":1}}'
    assert body_of(called.ask("/")) == b'{"got":{}}'
    assert called.of_endpoint(counters.ENDPOINT_REQUESTS) == 2
    assert called.answers()[1] == 2
    called.end()


def test_a_head_has_no_body() -> None:
    called = ServiceEdge(Echo)
    answer = called.ask("/", "HEAD")
    assert statuses(answer) == [200] and body_of(answer) == b""
    called.end()


def test_a_body_in_pieces_is_gathered() -> None:
    called = ServiceEdge(Echo)
    client = called.client()
    whole = request("/", "POST", JSON, body=b'{"a": "bcd"}')
    client.feed(whole[:-6])
    called.run()
    assert called.plane.body_bytes == 6
    client.feed(whole[-6:-2])
    client.feed(whole[-2:] + request("/"))
    called.run()
    assert called.plane.body_bytes == 0
    assert statuses(client.take()) == [200, 200]
    called.end()


def test_chunks_are_taken_off_and_a_hundred_is_sent() -> None:
    called = ServiceEdge(Echo)
    client = called.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
    called.run()
    assert statuses(client.take()) == [100]
    client.feed(b'3\r\n{"a\r\n4\r\n": 1\r\n1\r\n}\r\n0\r\n\r\n')
    called.run()
    assert body_of(client.take()) == b'{"got":{"a":1}}'
    called.end()


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        (("Content-Type: text/plain",), b"{}", 415),
        ((JSON, "Content-Encoding: gzip"), b"{}", 415),
        ((JSON,), b"{", 400),
        ((JSON,), b"[]", 422),
        ((JSON,), b'"' + b"x" * 1000 + b'"', 413),
    ],
)
def test_a_body_that_is_no_input_is_refused(fields: tuple[str, ...], body: bytes, status: int) -> None:
    called = ServiceEdge(Echo, max_input=1000)
    answer = called.ask("/", "POST", *fields, body=body)
    assert statuses(answer) == [status] and b"application/problem+json" in answer
    called.end()


def test_a_body_is_refused_before_it_has_come() -> None:
    called = ServiceEdge(Echo, max_input=1000)
    client = called.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1001\r\n\r\n{")
    called.run()
    assert statuses(client.take()) == [413]
    client = called.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b" " * 1000 + b"\r\n")
    called.run()
    assert client.take() == b""
    client.feed(b"1\r\n \r\n")
    called.run()
    assert statuses(client.take()) == [413]
    called.end()


def test_bodies_that_would_fill_the_memory_are_refused() -> None:
    called = ServiceEdge(Echo, limits=usual.limits(body_memory=10))
    client = called.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\n")
    called.run()
    client.feed(b"x" * 11)
    called.run()
    assert statuses(client.take()) == [503]
    called.end()


def test_a_thread_answers() -> None:
    called = ServiceEdge(Threaded)
    assert b'{"by":"fastgw-s-1","got":{}}' in called.ask("/")
    assert statuses(called.ask("/", "POST", JSON, body=b"{")) == [400]
    called.end()


@pytest.mark.parametrize("kind", [Stream, Steps])
def test_what_yields_is_a_stream_of_events(kind: type) -> None:
    called = ServiceEdge(kind)
    client = called.client()
    answer = called.ask("/", client=client)
    assert b"content-type: text/event-stream\r\n" in head_of(answer) and b"transfer-encoding: chunked" in head_of(
        answer
    )
    assert b'data: {"n":0}\n\n' in answer and b'data: {"n":1}\n\n' in answer and answer.endswith(b"0\r\n\r\n")
    none = called.ask("/", "POST", JSON, body=b'{"n": 0}', client=client)
    assert statuses(none) == [200] and none.endswith(b"\r\n\r\n0\r\n\r\n")
    assert statuses(called.ask("/", "HEAD", client=client)) == [200]
    called.end()


def test_a_stream_waits_for_a_client_that_does_not_read() -> None:
    Stream.closed = 0
    called = ServiceEdge(Stream)
    client = called.client()
    client.protocol.pause_writing()
    client.feed(request("/", "POST", JSON, body=b'{"n": 5}'))
    called.run()
    assert b'"n":4' not in client.take() and Stream.closed == 0
    client.protocol.resume_writing()
    called.run()
    assert b'"n":4' in client.take() and Stream.closed == 1
    called.end()


def test_a_stream_that_breaks_is_cut() -> None:
    called = ServiceEdge(Stream)
    client = called.client()
    client.feed(request("/", "POST", JSON, body=b'{"n": 3, "fail": 1}'))
    called.run()
    answer = client.take()
    assert b'"n":0' in answer and not answer.endswith(b"0\r\n\r\n") and client.is_closing()
    assert statuses(called.ask("/", "POST", JSON, body=b'{"fail": 0}')) == [500]
    called.end()


@pytest.mark.parametrize("body", [b"{}", b'{"unfit": 1}', b'{"exit": 1}'])
def test_what_a_service_raises_is_for_the_log_alone(body: bytes) -> None:
    called = ServiceEdge(Raises)
    answer = called.ask("/", "POST", JSON, body=body)
    assert statuses(answer) == [500] and b"service_failed" in answer and b"secret" not in answer
    (told,) = called.events("a service failed")
    assert told["service"] == "s" and isinstance(told["error"], KeyError | TypeError | SystemExit)
    place = counters.ENDPOINT_CAUSES + labels.CAUSES.index("service_failed")
    assert called.of_endpoint(place) == 1
    called.end()


def test_a_service_may_refuse() -> None:
    called = ServiceEdge(Raises)
    answer = called.ask("/", "POST", JSON, body=b'{"refuse": 1}')
    assert statuses(answer) == [422] and b"not this" in answer
    assert not called.events("a service failed")
    called.end()


def test_places_and_the_line_are_bounded() -> None:
    called = gated(workers=1, queue=1)
    clients = [called.client() for _ in range(3)]
    for client in clients:
        client.feed(request("/"))
        called.run()
    assert statuses(clients[2].take()) == [503]
    assert (called.pool.running, len(called.pool.waiting), len(Gated.begun)) == (1, 1, 1)
    assert called.of_endpoint(counters.ENDPOINT_ACTIVE) == called.of_endpoint(counters.ENDPOINT_WAITING) == 1
    for place in (0, 1):
        Gated.begun[place].set_result(place)
        called.run()
        assert body_of(clients[place].take()) == b"%d" % place
    called.end()


def test_a_line_that_fills_meanwhile_is_a_503_too() -> None:
    called = gated(workers=1, queue=0)
    late = called.client()
    late.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\n{")
    called.run()
    first = called.client()
    first.feed(request("/"))
    called.run()
    late.feed(b"}")
    called.run()
    assert statuses(late.take()) == [503]
    Gated.begun[0].set_result({})
    called.run()
    called.end()


def test_who_leaves_leaves_the_line_and_ends_its_call() -> None:
    called = gated(workers=1)
    clients = [called.client() for _ in range(3)]
    for client in clients:
        client.feed(request("/"))
        called.run()
    clients[1].lose()
    assert len(called.pool.waiting) == 1
    clients[0].lose()
    called.run()
    assert Gated.cancelled == 1 and len(Gated.begun) == 2  # the third has the place
    Gated.begun[1].set_result("third")
    called.run()
    assert body_of(clients[2].take()) == b'"third"'
    called.end()


def test_a_call_has_the_time_of_its_route() -> None:
    called = gated(route={"answer_timeout": 2.0})
    client = called.client()
    client.feed(request("/"))
    called.run()
    called.loop.advance(2.5)
    assert statuses(client.take()) == [504] and Gated.cancelled == 1
    called.end()


def test_a_reload_swaps_the_instance_behind_its_last_call() -> None:
    called = gated(workers=1)
    old = called.instance
    first, second = called.client(), called.client()
    first.feed(request("/"))
    called.run()
    called.instance = called.instance_of(old.inside._replace(workers=2))
    called.lead_to(called.instance)
    old.stop()
    called.run()
    assert old.object is not None and old.calls == 1
    second.feed(request("/"))
    called.run()
    assert called.instance.calls == 1  # the new one has it, and the old one its own
    Gated.begun[0].set_result("old")
    called.run()
    assert body_of(first.take()) == b'"old"' and old.object is None
    Gated.begun[1].set_result("new")
    called.run()
    assert body_of(second.take()) == b'"new"'
    called.end()


def test_more_places_are_filled_at_once() -> None:
    called = gated(workers=1)
    clients = [called.client() for _ in range(2)]
    for client in clients:
        client.feed(request("/"))
        called.run()
    assert len(Gated.begun) == 1
    called.instance = called.instance_of(called.instance.inside._replace(workers=2))
    called.lead_to(called.instance)
    called.run()
    assert len(Gated.begun) == 2
    for gate in Gated.begun:
        gate.set_result({})
    called.run()
    called.end()
