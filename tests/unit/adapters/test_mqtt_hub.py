"""WebSockets that share one connection to a broker, which the test plays."""

from __future__ import annotations

import json
from typing import Any

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from fastgw.adapters.local import pooled_service
from fastgw.adapters.mqtt_bridge import BridgePool
from fastgw.adapters.mqtt_broker import BrokerError
from fastgw.adapters.mqtt_session import Bridge
from fastgw.adapters.mqtt_shared import IDLE_SECONDS
from fastgw.core import bridge_counters as rows
from fastgw.filters.variables import reader
from fastgw.routing.pattern import parse_path
from fastgw.testing.edge import WEBSOCKET
from tests.unit.adapters.played_broker import SETTINGS, Broker
from tests.unit.adapters.stage import own

DOWN = (b"devices/", "path.id", b"/down")


class Stage:
    def __init__(self, broker: Broker | None = None, **changes: Any) -> None:
        self.broker = broker or Broker()
        bridge = Bridge(SETTINGS._replace(connections="shared", **changes), reader, None, self.broker)
        route = {"pattern": parse_path("/d/{id}")}
        self.edge = own(pooled_service("mqtt", BridgePool(bridge)), route=route)

    def client(self, name: str) -> Peer:
        return Peer(self, name)

    def end(self, *clients: Peer) -> None:
        for one in clients:
            one.transport.lose()
        self.edge.run()
        self.edge.loop.advance(IDLE_SECONDS)
        assert self.edge.count(rows.CONNECTIONS_OPEN) == self.edge.count(rows.QUEUED) == 0
        self.edge.end()


class Peer:
    """One WebSocket."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.edge = stage.edge
        self.transport = self.edge.client()
        self.transport.feed(WEBSOCKET.replace(b"GET / ", b"GET /d/%b " % name.encode()))
        self.edge.run()
        self.protocol = Protocol(CLIENT, state=OPEN)
        self.protocol.receive_data(self.transport.take().partition(b"\r\n\r\n")[2])

    def say(self, *messages: Any) -> list[Any]:
        frames = [Frame(Opcode.TEXT, json.dumps(one).encode()).serialize(mask=True) for one in messages]
        self.transport.feed(b"".join(frames))
        return self.heard()

    def heard(self) -> list[Any]:
        self.edge.run()
        self.protocol.receive_data(self.transport.take())
        found = [one for one in self.protocol.events_received() if isinstance(one, Frame)]
        return [Close.parse(one.data).code if one.opcode is Opcode.CLOSE else json.loads(one.data) for one in found]  # type: ignore[arg-type]


def payloads(heard: list[Any]) -> list[str]:
    return [one["payload"] for one in heard]


def test_each_hears_what_is_its_own_over_one_connection() -> None:
    stage = Stage(subscribe=(DOWN, (b"fleet/#",)))
    first, second, other = stage.client("7"), stage.client("7"), stage.client("8")
    assert len(stage.broker.made) == 1
    assert stage.broker.last.subscribed == [(1, ["devices/+/down", "fleet/#"], 1)]
    mids = [
        stage.broker.last.deliver(payload, topic=topic)
        for payload, topic in (
            (b"a", "devices/7/down"),
            (b"b", "devices/8/down"),
            (b"c", "fleet/x"),
            (b"d", "devices/9/down"),
        )
    ]
    assert stage.broker.last.acknowledged == mids
    assert payloads(first.heard()) == payloads(second.heard()) == ["a", "c"] and payloads(other.heard()) == ["b", "c"]
    second.transport.lose()
    stage.broker.last.deliver(b"e", topic="devices/7/down")
    assert payloads(first.heard()) == ["e"] and stage.edge.count(rows.DELIVERED) == 7
    stage.end(first, other)
    assert stage.broker.last.end == "forgotten"


def test_each_has_a_window_of_its_own() -> None:
    stage = Stage()
    first, second = stage.client("7"), stage.client("8")
    first.say(*({"id": number} for number in range(5)))
    second.say({"id": "x"})
    published = stage.broker.last.published
    assert [topic for _, topic, _ in published] == ["devices/7/up"] * 3 + ["devices/8/up"]
    assert not first.transport.is_reading() and second.transport.is_reading()
    stage.broker.last.ack(published[3][0], published[0][0])
    assert second.heard() == [{"ack": "x"}] and first.heard() == [{"ack": 0}] and len(published) == 5
    stage.end(first, second)


def test_a_slow_one_holds_up_nobody() -> None:
    stage = Stage(max_message=10**5)
    slow, quick = stage.client("7"), stage.client("7")
    slow.transport.capacity = 0
    for number in range(10):
        stage.broker.last.deliver(b"%d" % number + b"x" * 40_000, topic="devices/7/down")
    assert len(quick.heard()) == 10 == len(stage.broker.last.acknowledged) and stage.edge.count(rows.DROPPED) == 8
    stage.end(slow, quick)


def test_a_client_that_goes_leaves_its_messages_to_the_broker() -> None:
    stage = Stage()
    first = stage.client("7")
    first.say({"id": 1})
    first.transport.lose()
    stage.edge.run()
    stage.broker.last.ack(stage.broker.last.published[0][0])
    stage.edge.loop.advance(IDLE_SECONDS / 2)
    again = stage.client("7")
    stage.edge.loop.advance(IDLE_SECONDS)
    assert not stage.broker.last.end and again.say({"id": 2}) == [] and len(stage.broker.made) == 1
    stage.end(again)


def test_without_a_broker_all_are_told_and_the_next_one_looks_again() -> None:
    gone = BrokerError("unreachable", "nobody")
    stage = Stage(broker=Broker(answers=[False, *[gone] * 99]))
    first, second = stage.client("7"), stage.client("8")
    stage.broker.last.lose()
    stage.edge.loop.advance(40.0)
    assert first.heard() == second.heard() == [1013]
    stage.broker.answers = []
    third = stage.client("9")
    assert third.say({"id": 1}) == [] and stage.broker.last.published[0][1] == "devices/9/up"
    stage.end(first, second, third)


def test_levels_that_share_a_variable_are_any_level() -> None:
    stage = Stage(subscribe=((b"d/x-", "path.id", b"/", "path.id"), (b"d/all",)))
    client = stage.client("7")
    assert stage.broker.last.subscribed[0][1] == ["d/+/+", "d/all"]
    for topic in ("d/x-7/7", "d/x-7/8", "d/all"):
        stage.broker.last.deliver(topic.encode(), topic=topic)
    assert payloads(client.heard()) == ["d/x-7/7", "d/all"]
    stage.end(client)
