"""What is told of tunnels of MQTT, where there were any."""

from __future__ import annotations

from fastgw.core.counters import BRIDGE
from fastgw.core.mqtt_counters import CLIENTS_OPEN, FROM_CLIENTS, TO_CLIENTS, TUNNELS_ENDED, TUNNELS_REFUSED
from fastgw.server.bridge_status import bridge_document
from fastgw.server.tunnel_status import tunnel_document


def test_packets_and_ends_by_their_names() -> None:
    block = [0] * BRIDGE.size
    assert tunnel_document(block) == {}
    for place in (CLIENTS_OPEN, FROM_CLIENTS + 2, TO_CLIENTS + 1, TUNNELS_REFUSED + 1, TUNNELS_ENDED + 9):
        block[place - BRIDGE.at] = 7
    assert tunnel_document(block) == {
        "tunnels": {
            "open": 7,
            "received": {"publish": 7},
            "sent": {"connack": 7},
            "refused": {"publish": 7},
            "ended": {"drained": 7},
        }
    }
    assert bridge_document(block) == {}, "each tells of its own"
