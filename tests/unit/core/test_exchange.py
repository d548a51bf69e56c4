"""One exchange: routing, retries, deadlines, clients that go away, and that it ends exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.endpoint import PoolSettings
from fastgw.core.snapshot import Route, Service
from fastgw.policy.balancers import RoundRobin
from fastgw.routing import Split
from tests.support.edge import CHUNKED, GET, HEAD, OK, POST, Edge, Spy, body_of, head_of, statuses

PUT = b"PUT / HTTP/1.1\r\nHost: a.test\r\n\r\n"


def reused(edge: Edge, ask: bytes) -> tuple[Any, Any]:
    """A client whose second request, ``ask``, is carried by a connection that has carried another before."""
    client, service = edge.pair()
    service.feed(OK)
    client.take()
    service.take()
    client.feed(ask)
    return client, service


# --- finish runs exactly once


def test_finish_runs_exactly_once() -> None:
    journal: list[str] = []
    edge = Edge(filters=[Spy("a", journal)])
    client, service = edge.pair()
    service.feed(OK)
    service.feed_eof()
    edge.run()
    client.feed_eof()
    edge.run()
    assert journal.count("a.done") == 1
    assert edge.of_route(counters.ROUTE_FINISHED) == 1
    assert edge.of_route(counters.ROUTE_ABORTED) == 0
    edge.end()


def test_exchange_is_used_again_and_remembers_nothing() -> None:
    seen: list[Any] = []

    def look(exchange: Any) -> None:
        seen.append((id(exchange), exchange.error, exchange.attempts, exchange.body.received, exchange.bytes_out))

    edge = Edge(filters=[Spy("a", [], request=look)])
    client, service = edge.pair(POST + b"hello")
    service.feed(OK)
    client.feed(GET)
    service.feed(OK)
    assert seen[0] == seen[1]
    assert seen[1][1:] == (None, 0, 0, 0)
    edge.end()


def test_exchange_tells_what_it_is() -> None:
    edge = Edge()
    client, _ = edge.pair()
    protocol: Any = client.protocol
    assert repr(protocol.exchange) == "<Exchange <Request b'GET' b'/' host=b'a.test'> phase=2 status=0>"
    edge.end()


# --- routing


def test_unknown_path_is_404_and_hooks_see_it() -> None:
    journal: list[str] = []
    edge = Edge(path="/known", filters=[Spy("a", journal)])
    client = edge.client(GET)
    got = client.take()
    assert statuses(got) == [404]
    assert b"content-type: application/problem+json\r\n" in head_of(got)
    assert journal == ["a.request", "a.response", "a.done"]
    assert edge.of_route(counters.ROUTE_STATUS + 3, slot=0) == 1
    edge.end()


def test_unknown_method_of_a_known_path_is_405() -> None:
    edge = Edge()
    client = edge.client(b"DELETE / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    got = client.take()
    assert statuses(got) == [405]
    assert b"allow: get, head, options, post, put, query\r\n" in head_of(got)
    edge.end()


def test_error_in_the_format_of_openai() -> None:
    edge = Edge(route={"error_format": "openai"})
    client = edge.client(GET)
    edge.refuse()
    assert b'"code": "connect_failed"' in body_of(client.take())
    edge.end()


def split(edge: Edge, **options: Any) -> None:
    """Route half of the requests to the endpoint of port 9000, half to that of port 9001."""
    services = [Service(str(number), (one,), RoundRobin()) for number, one in enumerate(edge.endpoints)]
    weighted = Split([(services[0], 1), (services[1], 1)])
    edge.install(edge.listen(Route("split", 1, split=weighted, chain=edge.route.chain, **options)), *services)


@pytest.mark.parametrize(("chance", "port"), [(0.0, 9000), (0.7, 9001)])
def test_split_by_chance(chance: float, port: int) -> None:
    edge = Edge(endpoints=2)
    split(edge)
    edge.chance = chance
    edge.client(GET)
    assert edge.attempts[0].target["port"] == port
    edge.end()


@pytest.mark.parametrize(
    ("sticky", "field"),
    [("header:x-user", b"X-User: %d"), ("cookie:sid", b"Cookie: a=b; sid=%d; c"), ("cookie:sid", b"Cookie: sid=%d")],
)
def test_split_by_a_sticky_key(sticky: str, field: bytes) -> None:
    edge = Edge(endpoints=2)
    split(edge, sticky=sticky)
    ports: dict[int, int] = {}
    for number in range(20):
        for chance in (0.0, 0.9):
            edge.chance = chance
            edge.client(GET[:-2] + field % number + b"\r\n\r\n")
            port = edge.attempts[-1].target["port"]
            assert ports.setdefault(number, port) == port
    assert set(ports.values()) == {9000, 9001}
    edge.end()


@pytest.mark.parametrize("sticky", ["header:x-user", "cookie:sid"])
def test_split_without_the_sticky_key_is_by_chance(sticky: str) -> None:
    edge = Edge(endpoints=2)
    split(edge, sticky=sticky)
    edge.chance = 0.9
    edge.client(GET[:-2] + b"Cookie: other=1\r\n\r\n")
    assert edge.attempts[0].target["port"] == 9001
    edge.end()


# --- retries


def test_connect_failure_asks_another_endpoint() -> None:
    edge = Edge(endpoints=2)
    client = edge.client(POST + b"hello")
    edge.refuse()
    service = edge.connect(port=9001)
    assert service.take().endswith(b"hello")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.count(counters.RETRIES) == 1
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES, 0) == 1
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES, 0) == 1
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 0
    edge.end()


def test_attempts_are_bounded() -> None:
    edge = Edge(endpoints=3)
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 1
    assert not edge.attempts
    edge.end()


def test_every_endpoint_is_tried_once_at_most() -> None:
    edge = Edge(endpoints=2, service={"attempts": 5})
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 1
    edge.end()


@pytest.mark.parametrize("retry_on", [frozenset(), frozenset({"reset"})])
def test_connect_failure_is_told_when_retries_are_off(retry_on: frozenset[str]) -> None:
    edge = Edge(endpoints=2, service={"retry_on": retry_on})
    client = edge.client(GET)
    edge.refuse()
    assert statuses(client.take()) == [502]
    edge.end()


def test_full_pool_asks_another_endpoint() -> None:
    edge = Edge(endpoints=2, pool=PoolSettings(max_pending=0))
    client = edge.client(GET)
    assert statuses(client.take()) == [503]
    assert edge.count(counters.RETRIES) == 1
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES, 1) == 1
    edge.end()


@pytest.mark.parametrize("ask", [GET, HEAD, PUT])
@pytest.mark.parametrize("ending", ["eof", "reset"])
def test_reset_of_a_reused_connection_is_retried(ask: bytes, ending: str) -> None:
    edge = Edge()
    client, service = reused(edge, ask)
    if ending == "eof":
        service.feed_eof()
    else:
        service.lose(ConnectionResetError())
    edge.run()
    again = edge.connect()
    assert again.take().startswith(ask[:4])
    again.feed(OK if ask != HEAD else OK[:-2])
    assert statuses(client.take()) == [200]
    assert edge.count(counters.RETRIES) == 1
    edge.end()


@pytest.mark.parametrize(
    "ask", [POST + b"hello", PUT[:-2] + b"Content-Length: 5\r\n\r\nhello", POST.replace(b": 5", b": 0")]
)
def test_reset_of_a_reused_connection_is_not_retried_for_a_post_or_with_a_body(ask: bytes) -> None:
    edge = Edge()
    client, service = reused(edge, ask)
    service.lose(ConnectionResetError())
    edge.run()
    assert statuses(client.take()) == [502]
    assert not edge.attempts
    assert edge.count(counters.RETRIES) == 0
    edge.end()


def test_reset_of_a_new_connection_is_not_retried() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.lose(ConnectionResetError())
    edge.run()
    assert statuses(client.take()) == [502]
    assert edge.count(counters.RETRIES) == 0
    edge.end()


def test_reset_is_not_retried_when_that_is_off() -> None:
    edge = Edge(service={"retry_on": frozenset({"connect"})})
    client, service = reused(edge, GET)
    service.lose(ConnectionResetError())
    assert statuses(client.take()) == [502]
    edge.end()


@pytest.mark.parametrize("data", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_reset_after_a_byte_of_the_answer_is_never_retried(data: bytes) -> None:
    edge = Edge()
    client, service = reused(edge, GET)
    service.feed(data)
    service.lose(ConnectionResetError())
    assert statuses(client.take())[-1] == 502
    assert edge.count(counters.RETRIES) == 0
    edge.end()


def test_reset_closes_the_other_idle_connections_too() -> None:
    """The service was probably started again: they are dead as well."""
    edge = Edge()
    pairs = [edge.pair() for _ in range(3)]
    for _, service in pairs:
        service.feed(OK)
    client = edge.client(GET)
    carrier = next(service for _, service in pairs if service.take().count(b"GET / ") == 2)
    carrier.lose(ConnectionResetError())
    edge.run()
    assert all(service.is_lost for _, service in pairs)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


# --- the client goes away


def test_client_gone_while_waiting_for_a_connection_leaves_the_line_at_once() -> None:
    edge = Edge()
    client = edge.client(GET)
    assert edge.of_endpoint(counters.ENDPOINT_WAITING) == 1
    client.lose()
    assert edge.of_endpoint(counters.ENDPOINT_WAITING) == 0
    assert edge.of_endpoint(counters.ENDPOINT_ACTIVE) == 0
    edge.connect()
    assert edge.of_endpoint(counters.ENDPOINT_IDLE) == 1
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    edge.end()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 1", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"])
@pytest.mark.parametrize("ending", ["eof", "reset"])
def test_client_gone_closes_a_half_used_connection_at_once(answer: bytes, ending: str) -> None:
    edge = Edge()
    client, service = edge.pair()
    if answer:
        service.feed(answer)
    if ending == "eof":
        client.feed_eof()
        edge.run()
    else:
        client.lose()
        assert service.is_aborted  # in this very tick
    edge.run()
    assert service.is_lost
    assert edge.of_endpoint(counters.ENDPOINT_IDLE) == 0
    edge.end()


def test_client_gone_in_the_middle_of_its_body() -> None:
    edge = Edge()
    client, service = edge.pair(POST + b"he")
    client.lose()
    assert service.is_aborted
    edge.end()


# --- bodies


def test_length_larger_than_allowed_is_refused_at_once() -> None:
    edge = Edge(route={"max_body": 4})
    client = edge.client(POST)
    assert statuses(client.take()) == [413]
    assert client.is_eof_written
    assert not edge.attempts
    edge.end()


def test_body_that_grows_larger_than_allowed() -> None:
    edge = Edge(route={"max_body": 4})
    client, service = edge.pair(CHUNKED + b"4\r\nhell\r\n")
    client.feed(b"1\r\no\r\n")
    assert statuses(client.take()) == [413]
    assert service.is_aborted
    edge.end()


def test_malformed_body_before_the_answer() -> None:
    edge = Edge()
    client, service = edge.pair(CHUNKED + b"2\r\nhe\r\n")
    client.feed(b"z\r\n")
    client.feed(GET)
    assert statuses(client.take()) == [400]
    assert service.is_aborted
    edge.run()
    assert not service.take().endswith(b"0\r\n\r\n")
    edge.end()


def test_malformed_body_in_the_middle_of_the_answer() -> None:
    edge = Edge()
    client, service = edge.pair(CHUNKED)
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
    client.feed(b"z\r\n")
    assert statuses(client.take()) == [200]
    assert client.is_closing()
    assert service.is_aborted
    assert edge.of_route(counters.ROUTE_FAULT_DOWNSTREAM) == 1
    edge.end()


def test_bytes_are_counted_without_their_framing() -> None:
    edge = Edge()
    client, service = edge.pair(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
    service.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n")
    assert edge.of_route(counters.ROUTE_BYTES_IN) == 5
    assert edge.of_route(counters.ROUTE_BYTES_OUT) == 3
    assert not client.is_closing()
    edge.end()


@pytest.mark.parametrize("is_done", [True, False])
def test_client_held_for_its_waiting_body_is_read_again(is_done: bool) -> None:
    edge = Edge()
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (70_000 if is_done else 70_001))
    client.feed(b"x" * 70_000)
    assert not client.is_reading()
    service = edge.connect()
    assert client.is_reading()
    if not is_done:
        client.feed(b"y")
    service.feed(OK)
    client.feed(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_client_held_for_its_waiting_body_is_read_again_after_an_error() -> None:
    edge = Edge()
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n")
    client.feed(b"x" * 70_000)
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert client.is_reading()
    client.feed(GET)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
