"""A route that leads to a broker: who carries what asks there."""

from __future__ import annotations

from fastgw.adapters.mqtt_bridge import mqtt_service
from fastgw.filters.variables import reader
from fastgw.testing.edge import statuses
from tests.unit.adapters.played_broker import SETTINGS
from tests.unit.adapters.stage import ask, own


def test_what_asks_for_no_websocket_is_told_what_is_spoken() -> None:
    edge = own(mqtt_service(SETTINGS, reader, None))
    client = edge.client()
    for method in ("GET", "POST"):
        assert statuses(ask(edge, "/", method, client=client)) == [426]
    client.lose()
    edge.end()
