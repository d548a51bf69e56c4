"""One exchange: routing, retries, deadlines, clients that go away, and that it ends exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.causes import PLACES
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Spy, body_of, head_of, statuses

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
    assert repr(protocol.exchange) == "<Exchange <Request b'GET' b'/' host=b'a.test'> phase=3 status=0>"
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
    edge = Edge(route={"errors": "openai"})
    client = edge.client(GET)
    edge.refuse()
    assert b'"code": "connect_refused"' in body_of(client.take())
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


def test_an_interim_answer_is_not_the_status_of_an_exchange_without_an_answer() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    assert statuses(client.take()) == [103]
    client.lose()
    assert [edge.of_route(counters.ROUTE_STATUS + place) for place in range(5)] == [0] * 5
    edge.end()


# --- what is counted where


def test_waiting_and_active_are_two_things_and_in_hand_is_both() -> None:
    edge = Edge(pool=usual.pool(max_connections=1))
    _, service = edge.pair()
    edge.client(GET)
    edge.client(GET)
    endpoint = edge.endpoints[0]

    def counted() -> tuple[int, int, int]:
        return (
            edge.of_endpoint(counters.ENDPOINT_ACTIVE),
            edge.of_endpoint(counters.ENDPOINT_WAITING),
            endpoint.in_hand,
        )

    assert counted() == (1, 2, 3)
    assert edge.of_endpoint(counters.ENDPOINT_REQUESTS) == 1
    service.feed(OK)
    assert counted() == (1, 1, 2)
    assert edge.of_endpoint(counters.ENDPOINT_REQUESTS) == 2
    service.feed(OK)
    service.feed(OK)
    assert counted() == (0, 0, 0)
    edge.end()


def test_a_full_pool_counts_no_request_as_sent() -> None:
    edge = Edge(pool=usual.pool(max_connections=1, max_pending=1))
    edge.pair()
    edge.client(GET)
    refused = edge.client(GET)
    assert b"pool_full" in refused.take()
    assert edge.of_endpoint(counters.ENDPOINT_REQUESTS) == 1
    assert edge.of_endpoint(counters.ENDPOINT_CAUSES + PLACES["pool_full"]) == 1
    edge.end()


def test_a_tunnel_is_active_until_it_ends() -> None:
    edge = Edge()
    ask = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
    edge.route.upgrades = frozenset({b"echo"})
    client, service = edge.pair(ask)
    service.feed(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    assert statuses(client.take()) == [101]
    assert edge.of_endpoint(counters.ENDPOINT_ACTIVE) == 1
    client.lose()
    assert edge.of_endpoint(counters.ENDPOINT_ACTIVE) == 0
    edge.end()
