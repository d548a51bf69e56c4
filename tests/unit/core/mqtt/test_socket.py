"""Clients of MQTT over WebSocket: the handshake, frames and packets, and how both end."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.core.mqtt.carrier import MqttPool
from fastgw.core.mqtt.socket import CLOSE_SECONDS
from fastgw.errors import DownstreamError
from fastgw.filters.mqtt import Mqtt
from fastgw.testing.edge import GET, WEBSOCKET, Edge, Spy, head_of, statuses
from fastgw.wire.http2.frame_kinds import DATA
from fastgw.wire.http2.frames import frame as http2_frame
from fastgw.wire.websocket_frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, close_payload, frame_of
from tests.support import mqtt
from tests.support.mqtt_edge import HANDSHAKE, USUAL, MqttStage
from tests.support.websockets import MASK
from tests.unit.core.http2.peer import Http2Edge, Raw
from tests.unit.core.http2.test_tunnel import connect, sent


def frame(opcode: int, data: bytes = b"", *, is_last: bool = True) -> bytes:
    return frame_of(opcode, data, MASK, is_last=is_last)


def test_the_handshake_is_answered_and_packets_pass_in_whatever_frames() -> None:
    stage = MqttStage(is_web=True).open()
    head = head_of(stage.answer)
    assert head.startswith(b"http/1.1 101 ") and b"sec-websocket-protocol: mqtt\r\n" in head
    sent = mqtt.publish("a", qos=1) + mqtt.PINGREQ + mqtt.subscribe([("a", 0)])
    stage.client.feed(frame(BINARY, sent[:3]) + frame(BINARY, sent[3:8], is_last=False) + frame(PING, b"?"))
    stage.client.feed(frame(CONTINUATION, sent[8:10], is_last=False) + frame(CONTINUATION, sent[10:]))
    assert stage.sent() == sent and stage.client.take() == frame_of(10, b"?")
    back = mqtt.suback([0]) + mqtt.publish("a")
    assert stage.broker is not None
    stage.broker.feed(back)
    assert stage.client.take() == frame_of(BINARY, back), "packets share a frame"
    stage.client.feed(frame(BINARY, mqtt.disconnect()) + frame(CLOSE, close_payload(1000)))
    stage.edge.run()
    assert stage.client.take() == frame_of(CLOSE, close_payload(1000)) and stage.ended() == ["client"]
    assert stage.client.is_closing() and stage.sent() == mqtt.disconnect()
    stage.end()


def test_a_connect_in_pieces_and_what_stands_behind_it() -> None:
    stage = MqttStage(b"", is_web=True)
    sent = mqtt.connect() + mqtt.PINGREQ * 9000
    stage.client.feed(b"".join(frame(BINARY, sent[at : at + 1]) for at in range(50)) + frame(BINARY, sent[50:]))
    stage.edge.run()
    stage.broker = stage.edge.connect()
    assert stage.sent() == mqtt.connect() and not stage.client.is_reading()
    stage.broker.feed(mqtt.connack())
    stage.edge.run()
    assert stage.sent() == sent[len(mqtt.connect()) :] and stage.client.is_reading()
    stage.end()


def test_what_comes_with_the_handshake() -> None:
    stage = MqttStage(is_web=True)
    client = stage.edge.client(HANDSHAKE + frame(BINARY, mqtt.connect("other")))
    stage.edge.run()
    first, second = stage.edge.connect(), stage.edge.connect()
    assert {first.take(), second.take()} == {mqtt.connect(), mqtt.connect("other")}
    client.lose()
    stage.end()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (WEBSOCKET, 400),
        (WEBSOCKET[:-2] + b"Sec-WebSocket-Protocol: mqttv3.1, MQTT\r\n\r\n", 400),
        (GET, 426),
    ],
)
def test_who_does_not_ask_for_mqtt(request_: bytes, status: int) -> None:
    edge = Edge(filters=[Mqtt("mqtt", USUAL)])
    client = edge.client(request_)
    assert statuses(client.take()) == [status]
    client.lose()
    edge.end()


def test_a_filter_in_front_answers_the_handshake_and_one_behind_the_connect() -> None:
    def refuse(_: object) -> None:
        raise DownstreamError(401, "no_credentials", "who is it?")

    stage = MqttStage(is_web=True, version=5, behind=(Spy("refuses", [], request=refuse),))
    assert statuses(stage.answer) == [101]
    assert stage.heard() == mqtt.connack(0x86, version=5, extra=b"\x1f" + mqtt.text("who is it?"))
    assert stage.close == (1008, "who is it?") and not stage.client.is_closing()
    stage.client.feed(frame(CLOSE, close_payload(1008)))
    stage.edge.run()
    assert stage.client.is_closing()
    stage.end()
    assert stage.statuses == [401]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"hello"), 1003),
        (frame_of(BINARY, b"unmasked"), 1002),
        (frame(3), 1002),
        (frame(BINARY, mqtt.PINGREQ), 1002),
        (frame(BINARY, b"\0\0"), 1002),
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_what_is_no_mqtt_over_websocket(data: bytes, code: int, is_open: bool) -> None:
    stage = MqttStage(is_web=True) if is_open else MqttStage(b"", is_web=True)
    if is_open:
        if data == frame(BINARY, mqtt.PINGREQ):
            data = frame(BINARY, mqtt.connect())
        stage.open()
    stage.client.feed(data)
    stage.edge.run()
    assert stage.heard() == b"" and stage.close is not None and stage.close[0] == code
    stage.edge.loop.advance(CLOSE_SECONDS + 0.5)
    assert stage.client.is_closing() and stage.edge.count(counters.TUNNELS_OPEN) == 0
    stage.end()


def test_another_version_is_told_apart() -> None:
    stage = MqttStage(mqtt.packet(0x10, b"\0\6MQIsdp\3\2\0\0\0\1a"), is_web=True)
    assert stage.heard() == mqtt.connack(1) and stage.close is not None and stage.close[0] == 1002
    stage.end()


def test_a_client_that_sends_no_connect() -> None:
    stage = MqttStage(b"", is_web=True)
    stage.edge.loop.advance(11)
    assert stage.heard() == b"" and stage.close is not None and stage.close[0] == 1008
    stage.end()
    assert [error.code for error in stage.errors] == ["mqtt_timeout"]


@pytest.mark.parametrize("when", ["waiting", "asked", "open"])
@pytest.mark.parametrize("how", ["lose", "feed_eof", "close"])
def test_a_client_may_leave_at_any_time(when: str, how: str) -> None:
    stage = MqttStage(b"", is_web=True) if when == "waiting" else MqttStage(is_web=True)
    if when == "asked":
        stage.broker = stage.edge.connect()
    elif when == "open":
        stage.open()
    if how == "close":
        stage.client.feed(frame(CLOSE, close_payload(1001)))
    else:
        getattr(stage.client, how)()
    stage.edge.run()
    assert stage.ended() == (["client"] if when == "open" else [])
    assert stage.broker is None or stage.broker.is_closing()
    stage.end()


def test_a_broker_that_is_gone_and_one_that_refuses() -> None:
    stage = MqttStage(is_web=True).open()
    assert stage.broker is not None
    stage.broker.lose()
    stage.edge.run()
    assert stage.heard() == b"" and stage.close == (1011, "the broker has ended the connection")
    stage.end()
    stage = MqttStage(is_web=True)
    broker = stage.edge.connect()
    broker.feed(mqtt.connack(5))
    stage.edge.run()
    assert stage.heard() == mqtt.connack(5) and stage.close == (1008, "")
    stage.end()


def test_draining_and_time() -> None:
    stage = MqttStage(is_web=True, version=5).open()
    stage.edge.plane.drain()
    stage.edge.loop.advance(0.5)
    assert stage.heard()[2] == 0x8B and stage.close == (1001, "the gateway stops") and stage.ended() == ["drained"]
    stage.end()
    for version in (4, 5):
        stage = MqttStage(mqtt.connect(version=version, keep_alive=2), is_web=True, version=version).open()
        stage.edge.loop.advance(3.5)
        assert (stage.heard() != b"") == (version == 5) and stage.close is not None and stage.close[0] == 1008
        stage.end()


def test_there_is_no_more_time_to_drain() -> None:
    for first in (b"", mqtt.connect()):
        stage = MqttStage(first, is_web=True)
        if first:
            stage.open()
        stage.edge.plane.cut_off()
        stage.edge.run()
        assert stage.client.is_closing()
        stage.end()


def test_who_does_not_read_holds_the_other() -> None:
    stage = MqttStage(is_web=True, max_packet=200_000).open()
    assert stage.broker is not None
    stage.client.capacity = 10
    stage.broker.feed(mqtt.publish("a", b"x" * 100_000))
    stage.edge.run()
    assert not stage.broker.is_reading()
    stage.client.drain()
    stage.edge.run()
    assert stage.broker.is_reading()
    stage.edge.loop.advance(91)
    assert stage.close is None and stage.heard()[:1] == b"\x30" and stage.close is not None and stage.close[0] == 1008
    stage.end()


def test_a_stream_of_http_2_is_as_any() -> None:
    edge = Http2Edge(filters=[Mqtt("mqtt", USUAL)], make_pool=lambda endpoint, plane: MqttPool(endpoint, plane))
    raw = Raw(edge)
    raw.send(connect(sec_websocket_protocol=b"mqtt"))
    raw.send(http2_frame(DATA, 0, 1, frame(BINARY, mqtt.connect())))
    edge.run()
    broker = edge.connect()
    assert broker.take() == mqtt.connect()
    broker.feed(mqtt.connack())
    raw.send(http2_frame(DATA, 0, 1, frame(BINARY, mqtt.PINGREQ)))
    assert b"".join(data for _, data in sent(raw)) == frame_of(BINARY, mqtt.connack())
    assert broker.take() == mqtt.PINGREQ
    raw.send(http2_frame(DATA, 0, 1, frame(CLOSE, close_payload(1000))))
    assert sent(raw)[-2:] == [(0, frame_of(CLOSE, close_payload(1000))), (1, b"")]
    assert broker.is_closing() and not edge.plane.unconnected
    raw.transport.lose()
    edge.end()
