"""Answers made in this process, seen from an exchange: it does not know the difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fastgw.adapters.local import LocalCarrier, LocalPool, below, local_service
from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.routing.pattern import parse_path
from fastgw.testing.edge import CHUNKED, GET, Edge, Gate, Spy, body_of, head_of, new_loop, statuses
from fastgw.testing.service import request
from fastgw.wire.messages import Request
from tests.support.bodies import Taped, Watching, doubled, plain
from tests.unit.adapters.stage import ask, own

Act = Callable[["Carrier", Any], None]


class Carrier(LocalCarrier):
    """Does what the test says."""

    __slots__ = ("_act",)

    def __init__(self, act: Act) -> None:
        LocalCarrier.__init__(self)
        self._act = act

    def answer(self, exchange: Any) -> None:
        self._act(self, exchange)


def say(carrier: Carrier, exchange: Any) -> None:
    """200 with ``hello``."""
    if carrier.send_head(exchange, 200, b"content-type: text/plain\r\n", 5):
        exchange.on_last_body(b"hello", 5)


def local(act: Act = say, **options: Any) -> Edge:
    return own(local_service("test", lambda: Carrier(act)), **options)


@pytest.mark.parametrize("ask", [GET, CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"], ids=["get", "upload"])
def test_filters_see_bodies_on_both_ways(ask: bytes) -> None:
    seen: list[Taped] = []
    kinds = ["transform_request", "transform_response"]
    watching = Watching("a", kinds, lambda exchange: seen.append(Taped(doubled)) or seen[-1])
    edge = local(filters=[watching])
    client = edge.client()
    client.feed(ask)
    edge.run()
    assert plain(client.take()) == b"hellohello!"
    assert [tape.data for tape in seen] == ([b"hello"] if ask is GET else [b"abc", b"hello"])
    edge.end()


def test_a_filter_that_refuses_a_body_is_heard() -> None:
    def fail(data: bytes | None) -> bytes:
        if data is None:
            raise DownstreamError(422, "no", "no")
        return data

    edge = local(filters=[Watching("a", ["read_request"], lambda exchange: Taped(fail))])
    client = edge.client()
    client.feed(CHUNKED + b"2\r\nab\r\n")
    edge.run()
    client.feed(b"0\r\n\r\n")
    edge.run()
    assert statuses(client.take()) == [422]
    edge.end()


def test_an_answer_leaves_in_one_write() -> None:
    edge = local()
    client = edge.client()
    client.feed(GET)
    edge.run()
    assert len(client.writes) == 1
    data = client.take()
    assert statuses(data) == [200] and body_of(data) == b"hello"
    assert b"content-length: 5\r\n" in head_of(data) and b"date: " in head_of(data)
    edge.end()


def test_head_has_the_head_of_get_alone() -> None:
    edge = local()
    data = ask(edge, "/", "HEAD")
    assert b"content-length: 5\r\n" in head_of(data) and body_of(data) == b""
    edge.end()


def test_a_bare_status_has_no_length() -> None:
    edge = local(lambda carrier, exchange: carrier.send_head(exchange, 304, b"", 5))
    assert b"content-length" not in head_of(ask(edge))
    edge.end()


def test_pipelined_requests_are_answered_in_order() -> None:
    edge = local(
        lambda carrier, exchange: carrier.send_head(exchange, 200, b"x: " + exchange.request.path + b"\r\n", 0)
    )
    client = edge.client(b"".join(request(f"/{number}") for number in range(20)))
    edge.run()
    data = client.take()
    assert [data.index(f"x: /{number}\r\n".encode()) for number in range(20)] == sorted(
        data.index(f"x: /{number}\r\n".encode()) for number in range(20)
    )
    assert not client.is_closing()
    edge.end()


def test_http_1_0_is_told_that_its_connection_ends() -> None:
    edge = local()
    client = edge.client()
    assert b"connection: close\r\n" in head_of(ask(edge, client=client, minor=0))
    assert client.is_closing()
    edge.end()


def test_the_body_of_a_request_is_thrown_away() -> None:
    edge = local()
    client = edge.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nfirst")
    edge.run()
    assert client.take() == b""
    client.feed(b"other" + GET)
    edge.run()
    assert statuses(client.take()) == [200, 200]
    assert edge.of_route(counters.ROUTE_BYTES_IN) == 10
    edge.end()


def test_so_is_one_that_was_held_first() -> None:
    edge = local(route={"body_buffer": 4, "body_wait": 1.0})
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n12")
    edge.check()
    client.feed(b"345")
    edge.run()
    edge.check()
    assert edge.plane.body_bytes == 0
    client.feed(b"67890")
    edge.run()
    assert statuses(client.take()) == [200] and not client.is_closing()
    edge.end()


def test_whoever_waits_for_the_100_gets_it() -> None:
    edge = local()
    client = edge.client()
    client.feed(request("/", "POST", "Content-Length: 5", "Expect: 100-continue"))
    edge.run()
    assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.feed(b"12345")
    edge.run()
    assert statuses(client.take()) == [200] and not client.is_closing()
    edge.end()


@pytest.mark.parametrize(
    "begin", [request("/", "POST", "Content-Length: 99"), CHUNKED + b"50\r\n" + b"x" * 80 + b"\r\n"]
)
def test_max_body_holds(begin: bytes) -> None:
    edge = local(route={"max_body": 50})
    client = edge.client(begin)
    edge.run()
    assert statuses(client.take()) == [413]
    edge.end()


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    edge = local()
    client = edge.client(request("/", "POST", "Content-Length: 99"))
    edge.loop.advance(31)
    assert statuses(client.take()) == [408]
    edge.end()


def test_the_answer_comes_in_the_turn_of_its_request() -> None:
    edge = local()
    client = edge.client()
    client.feed(GET)
    assert body_of(client.take()) == b"hello"
    client.feed(GET)
    assert body_of(client.take()) == b"hello"
    edge.end()


def test_a_client_that_sends_ahead_gets_one_answer_in_a_turn() -> None:
    order: list[str] = []

    def note(carrier: Carrier, exchange: Any) -> None:
        order.append("answer")
        say(carrier, exchange)

    edge = local(note)
    client = edge.client()
    client.feed(GET * 3)
    assert not order
    edge.loop.call_soon(order.append, "other")
    edge.run()
    assert order == ["answer", "other", "answer", "answer"]
    assert statuses(client.take()) == [200] * 3
    edge.end()


def test_a_client_that_leaves_is_not_answered() -> None:
    asked: list[int] = []
    edge = local(lambda carrier, exchange: asked.append(1))
    client = edge.client()
    client.feed(GET + GET)
    client.lose()
    edge.run()
    assert not asked
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    edge.end()


def test_an_error_is_told_in_the_format_of_the_route() -> None:
    def refuse(carrier: Carrier, exchange: Any) -> None:
        raise DownstreamError(404, "no_file", "there is no such file")

    edge = local(refuse, route={"errors": "openai"})
    data = ask(edge)
    assert statuses(data) == [404] and b'"code": "no_file"' in data
    assert edge.of_route(counters.ROUTE_FAULT_DOWNSTREAM) == 1
    edge.end()


def test_a_bug_is_an_answer_and_a_line_of_the_log() -> None:
    def break_down(carrier: Carrier, exchange: Any) -> None:
        raise KeyError("x")

    edge = local(break_down)
    assert statuses(ask(edge)) == [500]
    assert [type(one) for one in edge.errors] == [KeyError]
    assert edge.of_route(counters.ROUTE_FAULT_INTERNAL) == 1
    edge.end()


def test_an_answer_that_never_comes_is_not_waited_for() -> None:
    edge = local(lambda carrier, exchange: None)
    client = edge.client(GET)
    edge.loop.advance(121)
    assert statuses(client.take()) == [504]
    edge.end()


def test_nobody_is_blamed_for_it() -> None:
    edge = local(lambda carrier, exchange: None, route={"timeout": 5.0})
    client = edge.client(GET)
    edge.loop.advance(6)
    assert statuses(client.take()) == [504]
    assert not edge.events("an endpoint fails")
    assert all(not edge.of_endpoint(counters.ENDPOINT_FAILURES, slot) for slot in range(4))
    edge.end()


def test_filters_see_it_as_any_answer() -> None:
    journal: list[str] = []
    seen: list[Any] = []

    def look(exchange: Any) -> None:
        seen.append((exchange.service.name, exchange.asked, exchange.response.header(b"content-type")))
        exchange.response.add_header(b"x-seen", b"yes")

    edge = local(filters=[Spy("spy", journal, response=look)])
    data = ask(edge)
    assert seen == [("test", "", b"text/plain")] and b"x-seen: yes\r\n" in head_of(data)
    assert journal == ["spy.request", "spy.response", "spy.done"]
    edge.end()


def test_a_filter_answers_before_it() -> None:
    asked: list[int] = []
    spy = Spy("spy", [], request=lambda exchange: Reply(403))
    edge = local(lambda carrier, exchange: asked.append(1), filters=[spy])
    assert statuses(ask(edge)) == [403] and not asked
    edge.end()


def test_a_response_hook_may_wait() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = local(loop=loop, filters=[Spy("spy", [], response=gate)])
    client = edge.client(GET)
    edge.run()
    assert client.take() == b""
    gate.open()
    edge.run()
    assert body_of(client.take()) == b"hello"
    edge.end()


def test_a_response_hook_may_fail() -> None:
    def refuse(exchange: Any) -> None:
        raise DownstreamError(403, "malformed", "not this")

    edge = local(filters=[Spy("spy", [], response=refuse)])
    assert statuses(ask(edge)) == [500], "its answer was made already: what is raised behind it is a bug of the filter"
    edge.errors.clear()
    edge.end()


def test_an_upgrade_that_was_asked_for_is_not_one() -> None:
    edge = local()
    fields = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    assert statuses(ask(edge, "/", "GET", *fields)) == [200]
    edge.end()


def test_draining_ends_the_connection() -> None:
    edge = local()
    client = edge.client()
    client.feed(CHUNKED + b"1\r\na\r\n")
    edge.plane.drain()
    client.feed(b"0\r\n\r\n")
    edge.run()
    assert b"connection: close\r\n" in head_of(client.take()) and client.is_closing()
    edge.end()


def test_counted_per_route_and_nowhere_else() -> None:
    edge = local()
    ask(edge)
    assert edge.of_route(counters.ROUTE_STARTED) == edge.of_route(counters.ROUTE_FINISHED) == 1
    assert edge.of_route(counters.ROUTE_STATUS + 1) == 1 and edge.of_route(counters.ROUTE_BYTES_OUT) == 5
    assert not any(edge.values[counters.SERVICE.at : counters.LOCAL.at])
    edge.end()


def test_what_a_pool_is_told_without_waiters_means_nothing() -> None:
    pool = LocalPool(lambda: Carrier(say))
    exchange: Any = None
    carrier = pool.acquire(exchange)
    for told in (pool.cancel, pool.on_request_done, pool.end_upload, pool.put_back, pool.on_closed):
        told(carrier)
    pool.drop_idle()
    assert pool.pressing == 0
    carrier.write(b"x")
    carrier.abort()
    assert carrier.is_closed


@pytest.mark.parametrize(
    ("pattern", "path", "original", "rest"),
    [
        ("/a/*", b"/a/b/c", b"", b"b/c"),
        ("/a/*", b"/a/", b"", b""),
        ("/*", b"/a//b", b"", b"a//b"),
        ("/{x}/*", b"/1/2", b"", b"2"),
        ("/a", b"/a", b"", b"a"),
        ("/a/{x}", b"/a/b", b"", b"a/b"),
        # A filter has put another path in its place: the prefix of the route says nothing of that.
        ("/a/*", b"/a/b", b"/a/x", b"a/b"),
    ],
)
def test_what_stands_below_a_route(pattern: str, path: bytes, original: bytes, rest: bytes) -> None:
    request = Request()
    request.path, request.original_path = path, original
    assert below(parse_path(pattern), request) == rest
