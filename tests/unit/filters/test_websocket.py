"""``websocket`` of a route: what it lets of a handshake to the service, and whom it lets alone."""

from __future__ import annotations

from fastgw.filters.websocket import WebSockets
from fastgw.testing.edge import GET, OK, WEBSOCKET, Edge, statuses
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
