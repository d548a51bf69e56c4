"""What ``/status`` tells of connections to brokers of MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgw.core import bridge_counters as rows
from fastgw.core.counters import BRIDGE, MQTT

_MESSAGES = {
    "published": rows.PUBLISHED,
    "acknowledged": rows.ACKNOWLEDGED,
    "rejected": rows.REJECTED,
    "received": rows.RECEIVED,
    "delivered": rows.DELIVERED,
    "queued": rows.QUEUED,
}


def bridge_document(block: Sequence[int]) -> dict[str, Any]:
    """Of ``block``, the counters of all workers; nothing where there never was a broker."""
    if not any(block[MQTT.size :]):  # in front of them are those of tunnels
        return {}
    return {
        "connections": block[rows.CONNECTIONS - BRIDGE.at],
        "connections_open": block[rows.CONNECTIONS_OPEN - BRIDGE.at],
        "failures": _by_value(block, rows.FAILURES, rows.CAUSES),
        "messages": {name: block[place - BRIDGE.at] for name, place in _MESSAGES.items()},
        "refused": _by_value(block, rows.REFUSED, rows.WRONGS),
        "dropped": _by_value(block, rows.DROPPED, rows.LOSSES),
    }


def _by_value(block: Sequence[int], first: int, values: Sequence[str]) -> dict[str, int]:
    return {value: block[first - BRIDGE.at + place] for place, value in enumerate(values)}
