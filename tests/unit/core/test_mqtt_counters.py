"""The rows of tunnels of MQTT have places of their own, and so many as they need."""

from __future__ import annotations

from fastgw.core import counters, mqtt_counters


def test_they_lie_in_the_room_that_is_kept_for_them() -> None:
    ends = {row.name: row for row in counters.BRIDGE}["fastgw_mqtt_ends"]
    first = {row.name: row for row in counters.BRIDGE}["fastgw_mqtt_clients"]
    at = counters.BRIDGE.at
    assert (ends.index + at, first.index + at) == (mqtt_counters.TUNNELS_ENDED, mqtt_counters.CLIENTS_OPEN)
    assert ends.labels == ("by",) and ends.index + len(ends.values) <= counters.MQTT.size
    assert mqtt_counters.TO_CLIENTS - mqtt_counters.FROM_CLIENTS == 15
