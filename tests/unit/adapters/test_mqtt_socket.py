"""Clients that speak WebSocket to a broker: bytes of frames at one side, a broker that the test plays at the other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from fastgw.adapters.local import pooled_service
from fastgw.adapters.mqtt_bridge import BridgePool
from fastgw.adapters.mqtt_broker import TAKEN_OVER, BrokerError
from fastgw.adapters.mqtt_session import Bridge
from fastgw.adapters.mqtt_socket import CLOSE_SECONDS, LEFT_SECONDS
from fastgw.core import bridge_counters as rows
from fastgw.core import counters
from fastgw.filters.variables import reader
from fastgw.routing.pattern import parse_path
from fastgw.testing.edge import WEBSOCKET, head_of, statuses
from fastgw.testing.mock import MockTransport
from tests.unit.adapters.played_broker import SETTINGS, Broker, Played
from tests.unit.adapters.stage import own

ASKED = WEBSOCKET.replace(b"GET / ", b"GET /devices/7 ")


class Peer:
    """A client, and the broker behind it."""

    def __init__(self, handshake: bytes = ASKED, broker: Broker | None = None, **changes: Any) -> None:
        self.broker = broker or Broker()
        bridge = Bridge(SETTINGS._replace(**changes), reader, None, self.broker)
        route = {"pattern": parse_path("/devices/{id}")}
        self.edge = own(pooled_service("mqtt", BridgePool(bridge)), route=route)
        self.client: MockTransport = self.edge.client()
        self.client.feed(handshake)
        self.edge.run()
        self.answer = self.client.take()
        self.protocol = Protocol(CLIENT, state=OPEN)
        self.protocol.receive_data(self.answer.partition(b"\r\n\r\n")[2])

    @property
    def last(self) -> Played:
        return self.broker.last

    def say(self, *messages: Any) -> list[Any]:
        """Send them in one read; return what comes."""
        self.client.feed(b"".join(frame(one).serialize(mask=True) for one in messages))
        return self.heard()

    def heard(self) -> list[Any]:
        """Messages that have come: of text as JSON, bytes, and (code, reason) of a CLOSE."""
        self.edge.run()
        self.protocol.receive_data(self.client.take())
        return [read(one) for one in self.protocol.events_received() if isinstance(one, Frame)]

    def count(self, place: int) -> int:
        return self.edge.count(place)

    def end(self) -> None:
        self.client.lose()
        self.edge.end()
        assert self.count(rows.QUEUED) == self.count(rows.CONNECTIONS_OPEN) == 0


def frame(message: Any) -> Frame:
    if isinstance(message, Frame):
        return message
    if isinstance(message, bytes):
        return Frame(Opcode.BINARY, message)
    return Frame(Opcode.TEXT, (message if isinstance(message, str) else json.dumps(message)).encode())


def read(one: Frame) -> Any:
    if one.opcode is Opcode.CLOSE:
        found = Close.parse(one.data)  # type: ignore[arg-type]
        return int(found.code), found.reason
    return json.loads(one.data) if one.opcode is Opcode.TEXT else bytes(one.data)


def closing(code: int) -> Frame:
    return Frame(Opcode.CLOSE, Close(code, "").serialize())


def test_a_client_is_told_of_a_message_when_the_broker_has_it_and_not_before() -> None:
    peer = Peer()
    assert statuses(peer.answer) == [101]
    assert peer.say({"id": 1, "payload": {"t": 21.5}}, {"payload": "no word"}) == []
    assert [one[1:] for one in peer.last.published] == [("devices/7/up", b'{"t":21.5}'), ("devices/7/up", b"no word")]
    peer.last.ack(2, 3)
    assert peer.heard() == [{"ack": 1}]
    peer.last.ack(3)
    assert peer.heard() == []
    peer.end()
    assert peer.last.end == "will"  # it was gone without a word


def test_the_handshake_chooses_what_the_client_offers_and_is_no_mqtt() -> None:
    offers = ASKED.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: a, b\r\n\r\n")
    assert b"\r\nsec-websocket-protocol: a\r\n" in head_of(Peer(offers).answer)
    assert b"extensions" not in head_of(
        Peer(ASKED.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: x\r\n\r\n")).answer
    )
    peer = Peer(offers.replace(b"a, b", b"mqtt"))
    assert statuses(peer.answer) == [400] and b"subprotocol_refused" in peer.answer and not peer.broker.made


@pytest.mark.parametrize("name", [b"%23", b"%2B", b"a%2Fb", b"%24SYS", b"a%00", b"%FF", b"%0A", b"a+b", b"a$b"])
def test_nothing_that_a_client_says_becomes_another_topic(name: bytes) -> None:
    peer = Peer(ASKED.replace(b"/devices/7", b"/devices/" + name))
    assert statuses(peer.answer) == [400] and not peer.broker.made
    if name not in (b"a%00", b"%0A"):  # refused before there is a route
        assert b"topic_refused" in peer.answer


def test_what_is_no_websocket_is_told_so() -> None:
    peer = Peer(b"GET /devices/7 HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert statuses(peer.answer) == [426] and b"\r\nupgrade: websocket\r\n" in head_of(peer.answer)


def test_what_is_wrong_with_a_message_is_told_and_the_next_one_is_published() -> None:
    peer = Peer(max_message=5, allow=((b"rooms/", "path.id", b"/#"),))
    told = peer.say(
        "no json",
        '["a list"]',
        {"id": 1, "payload": "too long"},
        {"id": 2, "topic": "rooms/8/a"},
        {"id": 3, "topic": "rooms/7/#"},
        {"id": 4, "encoding": "base64", "payload": "?"},
        {"id": 5, "payload": "ok", "topic": "rooms/7/a", "retain": True},
    )
    codes = [(one["error"]["code"], one.get("id")) for one in told]
    assert codes == [
        ("message_malformed", None),
        ("message_malformed", None),
        ("content_too_large", 1),
        ("topic_refused", 2),
        ("topic_refused", 3),
        ("message_malformed", 4),
    ]
    assert [one[1:] for one in peer.last.published] == [("rooms/7/a", b"ok")] and peer.last.retained == [True]
    assert [peer.count(rows.REFUSED + place) for place in range(3)] == [3, 2, 1]
    peer.last.ack(2, reason=0x87)
    (told,) = peer.heard()
    assert (told["error"]["code"], told["id"]) == ("broker_refused", 5)
    peer.end()


def test_topics_are_made_of_fields_of_messages_too() -> None:
    peer = Peer(publish=(b"devices/", "path.id", b"/", "message.kind"), messages="raw")
    peer.say({"kind": "temp"}, {"kind": 5})
    assert [one[1] for one in peer.last.published] == ["devices/7/temp", "devices/7/5"]
    assert peer.say({"kind": "a/b"}) == [(1008, '${message.kind} has a "/", and cannot be a part of a topic')]


def test_the_window_holds_the_client() -> None:
    peer = Peer()
    peer.say(*({"id": number} for number in range(8)))
    assert len(peer.last.published) == 3 and not peer.client.is_reading()
    peer.last.ack(2, 3)
    assert peer.heard() == [{"ack": 0}, {"ack": 1}] and len(peer.last.published) == 5
    peer.last.ack(*range(4, 10))
    peer.edge.run()
    peer.last.ack(*range(4, 10))
    assert [one["ack"] for one in peer.heard()] == [2, 3, 4, 5, 6, 7] and peer.client.is_reading()
    peer.end()


def test_a_client_is_not_read_before_there_is_a_broker() -> None:
    peer = Peer(broker=Broker(is_granting=False))
    assert not peer.client.is_reading()
    peer.last.owner.on_subscribed(1, [1])
    peer.edge.run()
    assert peer.client.is_reading()
    peer.end()


def test_messages_of_the_broker_reach_the_client_and_are_acknowledged_then() -> None:
    peer = Peer()
    mid = peer.last.deliver(b"on", content_type=["text/plain"], user_property=[("a", "b")], correlation_data=[b"\xff"])
    assert peer.last.acknowledged == [mid]
    peer.last.deliver(b"\xff", qos=0, response_topic=["r"])
    told = {"topic": "devices/7/down", "payload": "on", "qos": 1, "content_type": "text/plain"}
    assert peer.heard() == [
        {**told, "correlation": "/w==", "properties": {"a": "b"}},
        {"topic": "devices/7/down", "payload": "/w==", "encoding": "base64", "qos": 0, "response_topic": "r"},
    ]
    assert peer.count(rows.DELIVERED) == 2
    peer.end()


def test_a_message_that_has_not_left_is_not_acknowledged() -> None:
    peer = Peer(queue=10, queue_bytes=10**6, max_message=10**5)
    peer.client.capacity = 0
    mid = peer.last.deliver(b"x" * 20_000)
    peer.edge.run()
    assert peer.last.acknowledged == []
    peer.edge.loop.advance(3 * LEFT_SECONDS)
    assert peer.last.acknowledged == []
    second, third = peer.last.deliver(b"x" * 20_000), peer.last.deliver(b"third")
    assert peer.count(rows.QUEUED) == 1  # two are in the buffer of the connection, which is full
    peer.client.drain()
    peer.edge.run()
    peer.edge.loop.advance(LEFT_SECONDS)
    assert peer.last.acknowledged == [mid, second, third] and peer.count(rows.QUEUED) == 0
    assert [one["payload"][:5] for one in peer.heard()] == ["xxxxx", "xxxxx", "third"]
    peer.end()


def full(peer: Peer) -> None:
    """The client does not read, and its connection takes no more."""
    peer.client.capacity = 0
    peer.last.deliver(b"x" * 40_000, qos=0)
    peer.edge.run()


def test_a_slow_client_costs_a_queue_of_which_the_oldest_go() -> None:
    peer = Peer(max_message=10**5)
    full(peer)
    mids = [peer.last.deliver(b"%d" % number) for number in range(6)]
    peer.last.deliver(b"y" * 990, qos=0)
    assert peer.count(rows.QUEUED) == 4 and peer.count(rows.DROPPED) == 3
    assert peer.last.acknowledged == mids[:3]  # the broker is not to send them again
    peer.last.deliver(b"y" * 999, qos=0)
    assert peer.count(rows.QUEUED) == 1 and peer.count(rows.DROPPED) == 7
    peer.client.drain()
    assert [one["payload"][:1] for one in peer.heard()] == ["x", "y"]
    peer.end()


def test_or_it_is_disconnected() -> None:
    peer = Peer(max_message=10**5, overflow="disconnect")
    full(peer)
    for number in range(5):
        peer.last.deliver(b"%d" % number)
    assert peer.last.acknowledged == [] and peer.last.end == "forgotten"
    peer.client.drain()
    assert peer.heard()[1:] == [(1013, "the client does not take its messages")]
    peer.edge.loop.advance(CLOSE_SECONDS)
    assert peer.client.is_closing()
    peer.end()


def test_what_is_too_large_for_the_client_is_dropped() -> None:
    peer = Peer()
    mid = peer.last.deliver(b"x" * 1001)
    assert peer.heard() == [] and peer.last.acknowledged == [mid] and peer.count(rows.DROPPED + 1) == 1
    peer.end()


def test_what_the_broker_sends_again_is_told_once() -> None:
    peer = Peer(max_message=10**5)
    full(peer)
    peer.last.deliver(b"kept", qos=0)
    peer.last.deliver(b"again")
    peer.broker.answers = [True]
    peer.last.lose()
    peer.edge.run()
    peer.last.deliver(b"again")
    peer.client.drain()
    assert [one["payload"][:5] for one in peer.heard()] == ["xxxxx", "kept", "again"]
    peer.end()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BrokerError("unreachable", "10.0.0.1: refused"), (1013, "the broker cannot be reached")),
        (BrokerError("timeout", "10.0.0.1"), (1013, "the broker does not answer")),
        (BrokerError("refused", "10.0.0.1", is_final=True), (1011, "the broker refused the connection")),
    ],
)
def test_a_broker_that_is_none_is_told_without_its_address(error: BrokerError, told: tuple[int, str]) -> None:
    peer = Peer(broker=Broker(answers=[error]))
    assert statuses(peer.answer) == [101] and peer.heard() == [told]
    assert peer.say(closing(told[0])) == [] and peer.client.is_closing()
    peer.edge.end()


def test_a_client_whose_id_another_has_now_is_told() -> None:
    peer = Peer()
    peer.last.lose(TAKEN_OVER)
    assert peer.heard() == [(1008, "another connection has this client id now")]
    peer.end()


def test_what_was_said_before_a_close_is_published() -> None:
    peer = Peer()
    assert peer.say(*({"id": number} for number in range(5)), closing(1000)) == [(1000, "")]
    assert len(peer.last.published) == 3 and not peer.client.is_closing()
    peer.last.ack(2, 3, 4)
    peer.edge.run()
    assert len(peer.last.published) == 5
    peer.last.ack(5, 6)
    peer.edge.run()
    assert peer.client.is_closing() and peer.last.end == "forgotten"
    peer.edge.end()


@pytest.mark.parametrize(("code", "end"), [(1000, "forgotten"), (0, "forgotten"), (1001, "will"), (4000, "will")])
def test_whose_goodbye_is_one(code: int, end: str) -> None:
    peer = Peer()
    peer.say(closing(code) if code else Frame(Opcode.CLOSE, b""))
    peer.edge.end()
    assert peer.last.end == end


def test_a_broker_has_so_long_for_that() -> None:
    peer = Peer()
    peer.say({"id": 1}, closing(1000))
    peer.edge.loop.advance(CLOSE_SECONDS)
    assert peer.client.is_closing() and peer.last.end == "forgotten"
    peer.edge.end()


def test_a_client_that_breaks_the_rules_is_told_and_its_will_is_published() -> None:
    peer = Peer()
    assert peer.say(Frame(Opcode.TEXT, b"\xff")) == [(1007, "text that is no UTF-8")]
    peer.end()
    assert peer.last.end == "will"


def test_pings_are_answered_and_of_those_of_a_client_that_does_not_read_the_last() -> None:
    peer = Peer(max_message=10**5)
    assert peer.say(Frame(Opcode.PING, b"1")) == [b"1"]
    full(peer)
    peer.client.feed(Frame(Opcode.PING, b"2").serialize(mask=True))
    peer.client.drain()
    assert peer.heard()[1:] in ([b"2"], [])
    peer.end()


def test_raw_messages_are_payloads() -> None:
    peer = Peer(messages="raw")
    assert peer.say("text", b"\xff") == []
    assert [one[2] for one in peer.last.published] == [b"text", b"\xff"]
    assert [one.get("payload_format_id") for one in peer.last.properties] == [1, None]
    peer.last.ack(2, 3)
    peer.last.deliver(b"7", payload_format_id=[1])
    peer.last.deliver(b"8")
    assert peer.heard() == [7, b"8"]
    assert peer.say(b"x" * 1001)[0][0] == 1009
    peer.end()


def test_a_worker_that_drains_tells_its_clients_and_no_will_is_published() -> None:
    peer = Peer()
    peer.edge.plane.is_draining = True
    (exchange,) = [one.exchange for one in peer.edge.plane.connections]
    assert exchange is not None
    exchange.tunnel.end()
    assert peer.heard() == [(1001, "")] and peer.last.end == "forgotten"
    peer.edge.plane.is_draining = False
    peer.edge.end()


def test_response_topics_are_those_that_the_client_hears() -> None:
    peer = Peer()
    (told,) = peer.say({"id": 1, "response_topic": "devices/8/down"})
    assert told["error"]["code"] == "topic_refused"
    more = {"correlation": "/w==", "content_type": "a/b", "properties": {"k": "v"}}
    peer.say({"id": 1, "response_topic": "devices/7/down", **more})
    (found,) = peer.last.properties
    assert found["response_topic"] == "devices/7/down" and found["correlation_data"] == b"\xff"
    assert found["content_type"] == "a/b" and ("k", "v") in found["user_property"] and counters
    peer.end()
