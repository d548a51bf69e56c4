"""What a route says of the broker of MQTT that it leads to (``adapters.mqtt_bridge``)."""

from __future__ import annotations

from typing import NamedTuple

from fastgw.core.settings import UpstreamTls

TopicParts = tuple[bytes | str, ...]  #: literal text, and names of variables


class BrokerAddress(NamedTuple):
    """Where a broker is."""

    is_tls: bool
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.is_tls else ''}://{host}:{self.port}"


class WillSettings(NamedTuple):
    """What the broker publishes for a client that is gone without a word."""

    topic: TopicParts
    payload: bytes
    qos: int
    retain: bool


class MqttBridgeSettings(NamedTuple):
    """Connections of a route's clients to a broker; seconds, bytes, and numbers of messages."""

    brokers: tuple[BrokerAddress, ...]  #: of which one is asked after the other
    tls: UpstreamTls | None  #: for those with TLS
    version: int  #: 5 or 4, which is 3.1.1
    username: str  #: empty: none
    password: str
    client_id: TopicParts  #: (): one by chance, whose session ends with its connection
    session_expiry: int  #: seconds for which the broker keeps the session of one that is gone
    publish: TopicParts  #: (): clients publish nothing, but where ``allow`` lets them
    allow: tuple[TopicParts, ...]  #: filters of more topics that a message may name
    subscribe: tuple[TopicParts, ...]  #: filters
    qos: int  #: 0 or 1, of both
    retain: bool  #: of what is published; in envelopes: clients may say so
    will: WillSettings | None
    connections: str  #: "client", one for each WebSocket, or "shared", one for all of a worker
    messages: str  #: "envelope" or "raw"
    max_message: int  #: bytes of one's payload
    window: int  #: messages of a client that the broker has not acknowledged
    queue: int  #: messages for a client that it has not taken
    queue_bytes: int  #: and bytes of those
    history: int  #: messages that are kept for streams of events which come back
    overflow: str  #: "drop_oldest" or "disconnect"
    keep_alive: int  #: seconds without a packet, behind which the broker is asked whether it is there
    connect_timeout: float
    ack_timeout: float
    reconnect_for: float  #: a broker is looked for again, before clients are told that there is none


class MqttCallSettings(NamedTuple):
    """Requests that come by MQTT (``adapters.mqtt_calls``)."""

    name: str
    link: MqttBridgeSettings  #: of which only what is of the broker, and of messages, counts
    listener: str  #: whose requests they are
    share: str  #: name of the shared subscription; empty: each worker gets every message
    topic: TopicParts  #: levels: literal, or the name of what stands there
    method: str
    host: str
    path: TopicParts
    content_type: str  #: of messages that say none
    headers: tuple[str, ...]  #: user properties that become fields, lower case
    reply: TopicParts  #: where answers go whose request does not say it; (): nowhere
    reply_to: tuple[TopicParts, ...]  #: filters of what a request may say
    concurrency: int  #: of each worker
    max_answer: int  #: bytes
