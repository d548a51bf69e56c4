"""Rows of the table of counters (``core.counters``) that are of connections to brokers of MQTT (``adapters.mqtt_link``).  They have one
block for the worker, so their places are places in the slab."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import BRIDGE

#: Why a connection to a broker failed, or ended.
CAUSES: Final = ("unreachable", "timeout", "refused", "subscription", "lost", "stalled", "taken_over")
#: Why a message of a client was not published.
WRONGS: Final = ("malformed", "topic", "too_large")
#: Why a message of the broker did not reach a client.
LOSSES: Final = ("overflow", "too_large")

_AT: Final = BRIDGE.at

CONNECTIONS = _AT + BRIDGE.counter(
    "fastgw_mqtt_bridge_connections",
    "Connections to brokers that were accepted.",
    "Of routes with [`adapter: {mqtt: ...}`](mqtt.md#metrics), as all of these.",
)
CONNECTIONS_OPEN = _AT + BRIDGE.gauge("fastgw_mqtt_bridge_connections_open", "Those open now.")
FAILURES = _AT + BRIDGE.counter(
    "fastgw_mqtt_bridge_failures",
    "Connections to brokers that could not be had, or ended, by their cause.",
    "Each [cause](mqtt.md#when-the-broker-fails) is explained there.",
    label="cause",
    values=CAUSES,
)
PUBLISHED = _AT + BRIDGE.counter("fastgw_mqtt_bridge_published", "Messages of clients that were given to brokers.")
ACKNOWLEDGED = _AT + BRIDGE.counter(
    "fastgw_mqtt_bridge_acknowledged", "Of those, what brokers have acknowledged; with QoS 0: what was sent."
)
REJECTED = _AT + BRIDGE.counter("fastgw_mqtt_bridge_rejected", "And what they have refused.")
RECEIVED = _AT + BRIDGE.counter("fastgw_mqtt_bridge_received", "Messages of brokers.")
DELIVERED = _AT + BRIDGE.counter("fastgw_mqtt_bridge_delivered", "Of those, what was sent to a client.")
DROPPED = _AT + BRIDGE.counter(
    "fastgw_mqtt_bridge_dropped",
    "And what was not, by why.",
    "`overflow`: [a slow client](mqtt.md#slow-clients).",
    label="cause",
    values=LOSSES,
)
REFUSED = _AT + BRIDGE.counter(
    "fastgw_mqtt_bridge_refused",
    "Messages of clients that were not published, by why.",
    label="cause",
    values=WRONGS,
)
QUEUED = _AT + BRIDGE.gauge("fastgw_mqtt_bridge_queued", "Messages that wait for a client to take them.")
