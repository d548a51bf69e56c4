"""``websocket`` of a route: what it lets of a handshake to the service, and whom it lets alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fastgw.filters.credentials import edit, finder
from fastgw.filters.websocket import WebSockets
from fastgw.testing.edge import GET, OK, SWITCHING, WEBSOCKET, Edge, statuses
from tests.unit.core.exchange.test_frames import DEFLATE, USUAL, handshake


def test_requests_that_ask_for_no_websocket_pass() -> None:
    edge = Edge(filters=[WebSockets(USUAL._replace(subprotocols=("chat",)))])
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_offers_of_other_subprotocols_and_extensions_are_not_passed_on() -> None:
    edge = Edge(filters=[WebSockets(USUAL._replace(subprotocols=("chat", "talk")))])
    edge.client(handshake(b"Sec-WebSocket-Protocol: talk, x , chat\r\n", DEFLATE))
    asked = edge.connect().take()
    assert b"sec-websocket-protocol: talk, chat\r\n" in asked and b"xtensions" not in asked
    edge = Edge(filters=[WebSockets(USUAL)])
    edge.client(handshake(b"Sec-WebSocket-Protocol: anything\r\n"))
    assert b"Sec-WebSocket-Protocol: anything\r\n" in edge.connect().take()


def test_an_answer_without_an_upgrade_is_an_answer() -> None:
    edge = Edge(filters=[WebSockets(USUAL)])
    client, service = edge.pair(WEBSOCKET)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    client.lose()
    edge.end()


class Taker:
    """A filter that takes a token out of the offers, as ``api_key`` and ``jwt`` do."""

    name = "taker"

    def __init__(self) -> None:
        self._place = finder("subprotocol:bearer")
        self.found: list[bytes] = []

    def request(self, exchange: Any) -> None:
        self.found += self._place.tokens(exchange.request)
        edit(exchange.request, self._place.removal(exchange.request), frozenset(), ())


@pytest.mark.parametrize(
    ("offers", "asked", "chosen", "told"),
    [
        (b"bearer, abc", None, b"", b"bearer"),
        (b"bearer, abc, chat", b"chat", b"chat", b"chat"),
        (b"chat, bearer, abc, talk", b"chat, talk", b"", b"bearer"),
        (b"chat", b"chat", b"", None),
    ],
)
def test_a_token_among_the_offers_is_not_passed_on_and_its_name_is_chosen(
    offers: bytes, asked: bytes | None, chosen: bytes, told: bytes | None
) -> None:
    taker = Taker()
    edge = Edge(filters=[taker, WebSockets(USUAL)])
    client = edge.client(handshake(b"Sec-WebSocket-Protocol: %b\r\n" % offers))
    service = edge.connect()
    field = re.search(rb"sec-websocket-protocol: ([^\r]*)", service.take(), re.IGNORECASE)
    assert (field[1] if field else None) == asked
    line = b"Sec-WebSocket-Protocol: %b\r\n" % chosen if chosen else b""
    service.feed(SWITCHING.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n"))
    head = client.take()
    fields = re.findall(rb"sec-websocket-protocol: ([^\r]*)", head, re.IGNORECASE)
    assert statuses(head) == [101] and fields == ([told] if told else [])
    assert taker.found == ([b"abc"] if b"bearer" in offers else [])
    client.lose()
    edge.end()
