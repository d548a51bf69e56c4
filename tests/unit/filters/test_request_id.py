"""Request ids: kept, made, told to both sides."""

from __future__ import annotations

import re

from fastgw.core.exchange.reply import Reply
from fastgw.filters.request_id import RequestId
from fastgw.testing.edge import GET, OK, Edge, Spy, head_of

SEED = bytes(range(8)) + b"\xff" * 8


def test_id_is_made_and_told_to_both_sides() -> None:
    edge = Edge(filters=[RequestId("id", {}, SEED)])
    client, service = edge.pair()
    line = b"x-request-id: 00010203040506070000000000000000\r\n"
    assert line in head_of(service.take())
    service.feed(OK)
    assert line in head_of(client.take())
    client.feed(GET)
    service.feed(OK)
    assert b"x-request-id: 00010203040506070000000000000001\r\n" in head_of(client.take())
    edge.end()


def test_valid_id_of_the_client_is_kept() -> None:
    edge = Edge(filters=[RequestId("id", {}, SEED)])
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine-1\r\n\r\n")
    assert b"x-request-id: mine-1\r\n" in head_of(service.take())
    service.feed(OK.replace(b"\r\n\r\n", b"\r\nX-Request-Id: the-services\r\n\r\n"))
    answer = head_of(client.take())
    assert b"x-request-id: mine-1\r\n" in answer
    assert answer.count(b"x-request-id") == 1
    edge.end()


def test_invalid_id_of_the_client_is_replaced() -> None:
    edge = Edge(filters=[RequestId("id", {}, SEED)])
    _, service = edge.pair(b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: not one\r\n\r\n")
    assert b"x-request-id: 0001" in head_of(service.take())
    edge.end()


def test_reply_carries_the_id_too() -> None:
    edge = Edge(filters=[RequestId("id", {}, SEED), Spy("a", [], request=lambda exchange: Reply(200))])
    client = edge.client(GET)
    assert b"x-request-id: 0001" in head_of(client.take())
    edge.end()


def test_error_names_the_id_in_its_body() -> None:
    edge = Edge(filters=[RequestId("id", {}, SEED)], path="/known")
    client = edge.client(b"GET /x HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n")
    assert b'"instance": "urn:request:mine"' in client.take()
    edge.end()


def test_ids_are_random_by_default() -> None:
    edge = Edge(filters=[RequestId("id", {})], path="/known")
    client = edge.client(GET * 2)
    found = re.findall(rb"x-request-id: ([0-9a-f]{32})\r\n", client.take())
    assert len(set(found)) == 2
    edge.end()


def test_ids_count_on_over_every_carry() -> None:
    edge = Edge(filters=[RequestId("id", {}, bytes(16))], path="/known")
    client = edge.client(GET * 600)
    found = re.findall(rb"x-request-id: ([0-9a-f]{32})\r\n", client.take())
    numbers = [int(one, 16) for one in found]
    assert numbers == list(range(numbers[0], numbers[0] + 600))
    edge.end()
