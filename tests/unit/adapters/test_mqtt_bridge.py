"""A route that leads to a broker: who carries what asks there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.adapters.mqtt_bridge import BridgePool, mqtt_service
from fastgw.adapters.mqtt_http import PostCarrier, StreamCarrier
from fastgw.adapters.mqtt_session import Bridge
from fastgw.adapters.mqtt_socket import BridgeSocket
from fastgw.filters.variables import reader
from fastgw.testing.edge import statuses
from tests.unit.adapters.played_broker import SETTINGS
from tests.unit.adapters.stage import ask, own


@pytest.mark.parametrize(
    ("method", "upgrade", "accept", "carrier"),
    [
        (b"GET", b"websocket", None, BridgeSocket),
        (b"POST", b"", None, PostCarrier),
        (b"GET", b"", b"text/event-stream, */*", StreamCarrier),
    ],
)
def test_who_carries_what_asks(method: bytes, upgrade: bytes, accept: bytes | None, carrier: Any) -> None:
    pool = BridgePool(Bridge(SETTINGS, reader, None))
    request = SimpleNamespace(method=method, upgrade=upgrade, header=lambda _: accept)
    exchange: Any = SimpleNamespace(request=request, plane=None)
    assert type(pool.acquire(exchange)) is carrier


def test_what_asks_for_nothing_that_is_here_is_told_what_is_spoken() -> None:
    edge = own(mqtt_service(SETTINGS._replace(publish=()), reader, None))
    client = edge.client()
    assert statuses(ask(edge, "/", "GET", client=client)) == [426]
    assert statuses(ask(edge, "/", "POST", client=client)) == [405]
    client.lose()
    edge.end()
