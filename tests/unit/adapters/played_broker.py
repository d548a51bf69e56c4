"""A broker of MQTT that a test plays, in the place of ``BrokerConnection``, and what a route says of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from fastgw.adapters.mqtt_broker import BrokerError, BrokerOffer, Delivery
from fastgw.core.bridge_settings import BrokerAddress, MqttBridgeSettings
from fastgw.core.counters import SLAB_VALUES
from fastgw.testing.mock import MockLoop

SETTINGS = MqttBridgeSettings(
    brokers=(BrokerAddress(False, "a.test", 1883),),
    tls=None,
    version=5,
    username="",
    password="",
    client_id=(),
    session_expiry=0,
    publish=(b"devices/", "path.id", b"/up"),
    allow=(),
    subscribe=((b"devices/", "path.id", b"/down"),),
    qos=1,
    retain=False,
    will=None,
    connections="client",
    messages="envelope",
    max_message=1000,
    window=3,
    queue=4,
    queue_bytes=1000,
    history=3,
    overflow="drop_oldest",
    keep_alive=60,
    connect_timeout=5.0,
    ack_timeout=10.0,
    reconnect_for=30.0,
)


class Broker:
    """All connections that were asked for, and how the next ones go."""

    def __init__(self, **options: Any) -> None:
        """``options``: of what is played; ``answers``: for each connection whether it had a session, or what keeps it from being had."""
        self.made: list[Played] = []
        self.answers: list[Any] = options.pop("answers", [])
        self.offer = options.pop("offer", BrokerOffer(100, 2, True))
        self.is_granting = options.pop("is_granting", True)
        assert not options

    def __call__(self, terms: Any, owner: Any, *, is_new: bool) -> Played:
        one = Played(self, terms, owner, is_new)
        self.made.append(one)
        return one

    @property
    def last(self) -> Played:
        return self.made[-1]


class Played:
    """One connection."""

    def __init__(self, broker: Broker, terms: Any, owner: Any, is_new: bool) -> None:
        self.broker = broker
        self.terms = terms
        self.owner = owner
        self.is_new = is_new
        self.offer = broker.offer
        self.address: Any = None
        self.published: list[tuple[int, str, bytes]] = []
        self.properties: list[Any] = []
        self.retained: list[bool] = []
        self.subscribed: list[tuple[int, list[str], int]] = []
        self.acknowledged: list[int] = []
        self.end = ""
        self._mid = 0

    async def connect(self, address: Any, tls: Any, seconds: float) -> bool:
        self.address = address
        await asyncio.sleep(0)
        answer = self.broker.answers.pop(0) if self.broker.answers else False
        if isinstance(answer, BrokerError):
            raise answer
        return bool(answer)

    def _next(self) -> int:
        self._mid += 1
        return self._mid

    def publish(self, topic: str, payload: bytes, qos: int, *, is_retained: bool, properties: Any) -> int:
        mid = self._next() if qos else 0
        self.published.append((mid, topic, payload))
        self.properties.append(properties)
        self.retained.append(is_retained)
        return mid

    def subscribe(self, filters: Any, qos: int) -> int:
        mid = self._next()
        self.subscribed.append((mid, list(filters), qos))
        if self.broker.is_granting:
            asyncio.get_running_loop().call_soon(self.owner.on_subscribed, mid, [qos] * len(filters))
        return mid

    def acknowledge(self, mid: int) -> None:
        self.acknowledged.append(mid)

    def close(self, *, publishes_will: bool = False, forgets_session: bool = False) -> None:
        self.end = "will" if publishes_will else "forgotten" if forgets_session else "closed"

    def abort(self) -> None:
        self.end = "aborted"

    # --- what the test says

    def deliver(self, payload: bytes, qos: int = 1, topic: str = "devices/7/down", **properties: Any) -> int:
        mid = 1000 + self._next() if qos else 0
        self.owner.on_message(Delivery(topic, payload, qos, False, mid, {"dup": 0, "retain": 0, **properties}))
        return mid

    def ack(self, *mids: int, reason: int = 0) -> None:
        for mid in mids:
            self.owner.on_acknowledged(mid, reason)

    def lose(self, reason: int = 0) -> None:
        self.owner.on_lost(reason)


def plane(loop: MockLoop) -> Any:
    """What a link asks of the data plane."""
    return SimpleNamespace(loop=loop, values=memoryview(bytearray(SLAB_VALUES * 8)).cast("Q"), random=lambda: 0.5)
