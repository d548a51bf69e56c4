"""What ``/status`` tells of tunnels of MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgw.core import mqtt_counters as rows
from fastgw.core.counters import MQTT
from fastgw.wire.mqtt_packets import NAMES


def tunnel_document(block: Sequence[int]) -> dict[str, Any]:
    """Of ``block``, the counters of all workers; nothing where there never was a client."""
    at = MQTT.at
    if not any(block[: MQTT.size]):
        return {}
    document = {
        "open": block[rows.CLIENTS_OPEN - at],
        "received": _by_value(block, rows.FROM_CLIENTS, NAMES[1:]),
        "sent": _by_value(block, rows.TO_CLIENTS, NAMES[1:]),
        "refused": _by_value(block, rows.TUNNELS_REFUSED, rows.REFUSALS),
        "ended": _by_value(block, rows.TUNNELS_ENDED, rows.ENDS_OF_TUNNELS),
    }
    return {"tunnels": document}


def _by_value(block: Sequence[int], first: int, values: Sequence[str]) -> dict[str, int]:
    """Those of which there were any."""
    found = {value: block[first - MQTT.at + place] for place, value in enumerate(values)}
    return {value: count for value, count in found.items() if count}
