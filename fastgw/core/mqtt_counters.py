"""Rows of the table of counters (``core.counters``) that are of tunnels of MQTT (``core.mqtt``).  They have a place in a block of the
worker, so their numbers are places in the slab."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import MQTT
from fastgw.wire.mqtt_packets import NAMES

#: Why a tunnel was over, by whoever was first.
ENDS_OF_TUNNELS: Final = (
    *("client", "broker", "taken_over", "broken", "broken_broker"),
    *("too_large", "too_fast", "keep_alive", "not_authorized", "drained"),
)
#: What was not let through.
REFUSALS: Final = ("connect", "publish", "subscribe")

_AT: Final = MQTT.at

CLIENTS_OPEN = _AT + MQTT.gauge(
    "fastgw_mqtt_clients", "Clients of MQTT in tunnels to brokers now.", "See [MQTT](mqtt-tunnel.md)."
)
FROM_CLIENTS = _AT + MQTT.counter(
    "fastgw_mqtt_received_packets",
    "Packets that clients have sent in such tunnels, by their type.",
    label="packet",
    values=NAMES[1:],
    is_sparse=True,
)
TO_CLIENTS = _AT + MQTT.counter(
    "fastgw_mqtt_sent_packets",
    "Packets that were sent to clients, by their type: those of brokers, and the gateway's own.",
    label="packet",
    values=NAMES[1:],
    is_sparse=True,
)
TUNNELS_REFUSED = _AT + MQTT.counter(
    "fastgw_mqtt_refused",
    "What clients were not allowed: to connect, a message, a subscription.",
    "[Rules](mqtt-tunnel.md#what-is-allowed).",
    label="what",
    values=REFUSALS,
)
TUNNELS_ENDED = _AT + MQTT.counter(
    "fastgw_mqtt_ends",
    "Tunnels of MQTT that are over, by why.",
    "Each [reason](mqtt-tunnel.md#how-a-tunnel-ends) is explained there.",
    label="by",
    values=ENDS_OF_TUNNELS,
)
