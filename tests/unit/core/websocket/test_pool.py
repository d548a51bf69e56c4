"""The pool of a service that speaks WebSocket only."""

from __future__ import annotations

from dataclasses import replace

from fastgw.core import counters
from fastgw.core.protocols import make_pool
from fastgw.core.settings import WEBSOCKET
from fastgw.core.websocket.pool import WebSocketPool
from tests.unit.core.websocket.test_carrier import Asked, Edge, post


def test_the_pool_is_that_of_its_protocol() -> None:
    edge = Edge()
    endpoint = edge.endpoints[0]
    endpoint.key = replace(endpoint.key, protocol=WEBSOCKET)
    assert isinstance(make_pool(endpoint, edge.plane), WebSocketPool)
    edge.end()


def test_a_connection_has_one_exchange() -> None:
    asked = Asked(post(b"1"))
    asked.open()
    asked.say("one")
    assert asked.answered() == (200, b"one")
    asked.service.lose()
    asked.edge.run()
    assert asked.edge.of_endpoint(counters.ENDPOINT_IDLE) == 0
    pool = asked.edge.endpoints[0].pool
    assert isinstance(pool, WebSocketPool) and pool.size == 0 and not pool.takes_chunks
    asked.end()
