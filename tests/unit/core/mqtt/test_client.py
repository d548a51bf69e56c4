"""A client of MQTT over TCP, from its first byte to the answer to its CONNECT, and to its end."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.testing.edge import Spy
from tests.support import mqtt
from tests.support.mqtt_edge import MqttStage


def refuses(error: Exception | Reply) -> Spy:
    def request(_: object) -> Reply:
        if isinstance(error, Reply):
            return error
        raise error

    return Spy("refuses", [], request=request)


def test_a_connect_is_a_request_of_its_own() -> None:
    seen = []

    def look(exchange: object) -> None:
        request = exchange.request  # type: ignore[attr-defined]
        seen.append((request.method, request.path, request.header(b"authorization")))

    stage = MqttStage(mqtt.connect(user="u", password=b"p"), behind=(Spy("look", [], request=look),)).open()
    assert seen == [(b"GET", b"/mqtt", b"Basic dTpw")]
    assert stage.edge.count(counters.TUNNELS_OPEN) == 1 and stage.edge.answers() == [1, 0, 0, 0, 0, 0]
    stage.end()
    assert stage.statuses == [101]


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize(
    ("error", "code", "old"),
    [
        (DownstreamError(401, "invalid_credentials", "no"), 0x86, 4),
        (DownstreamError(403, "denied", "no"), 0x87, 5),
        (DownstreamError(429, "rate_limited", "no"), 0x9F, 3),
        (DownstreamError(418, "other", "no"), 0x80, 3),
    ],
)
def test_who_is_refused_is_told_why(version: int, error: DownstreamError, code: int, old: int) -> None:
    stage = MqttStage(version=version, behind=(refuses(error),))
    said = mqtt.connack(code, version=5, extra=b"\x1f" + mqtt.text("no")) if version == 5 else mqtt.connack(old)
    assert stage.heard() == said and stage.client.is_eof_written and stage.refused() == {"connect": 1}
    stage.client.feed_eof()
    stage.edge.run()
    assert stage.client.is_closing()
    stage.end()
    assert stage.statuses == [error.status]


def test_a_filter_that_answers_refuses_too() -> None:
    stage = MqttStage(behind=(refuses(Reply(503, b"later")),))
    assert stage.heard() == mqtt.connack(3)
    stage.end()


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (mqtt.PINGREQ, b""),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (mqtt.connect()[:-1] + b"\xff", b""),
        (mqtt.packet(0x10, b"\0\6MQIsdp\3\2\0\0\0\1a"), mqtt.connack(1)),
        (mqtt.packet(0x10, b"\0\4MQTT\6\2\0\0\0\1a"), mqtt.connack(1)),
    ],
)
def test_what_is_no_connect_is_no_request(data: bytes, answer: bytes) -> None:
    stage = MqttStage(data)
    assert stage.heard() == answer and stage.edge.count(counters.BAD_REQUESTS) == 1
    (line,) = stage.edge.events("a request was refused")
    assert line["code"] == "mqtt_malformed" and line["status"] == 400
    stage.say(b"more of it")
    stage.edge.loop.advance(60)
    assert stage.client.is_closing()
    stage.end()


def test_a_client_that_sends_no_connect() -> None:
    stage = MqttStage(b"\x10")
    stage.edge.loop.advance(61)
    assert stage.client.is_closing() and stage.edge.count(counters.HEAD_TIMEOUTS) == 1
    stage.end()


def test_a_client_that_leaves_before_it_is_let_in() -> None:
    for leave in ("feed_eof", "lose"):
        stage = MqttStage()
        stage.broker = stage.edge.connect()
        getattr(stage.client, leave)()
        stage.edge.run()
        assert stage.broker.is_closing() and stage.ended() == []
        stage.end()
        assert [error.code for error in stage.errors] == ["client_gone"]


def test_a_client_is_one_of_a_number() -> None:
    stage = MqttStage()
    limits = stage.edge.limits._replace(connections=1)
    stage.edge.install(stage.edge.listen(limits=limits, protocols=("mqtt",)))
    stage.edge.listener = stage.edge.plane.listeners["edge"]
    assert stage.edge.client().is_closing()
    stage.end()


def test_a_client_that_takes_nothing_is_cut() -> None:
    stage = MqttStage(mqtt.connect(keep_alive=0), max_packet=200_000).open()
    assert stage.broker is not None
    stage.client.capacity = 0
    stage.broker.feed(mqtt.publish("a", b"x" * 100_000))
    stage.edge.run()
    stage.edge.loop.advance(stage.edge.timeouts.write + 0.5)
    assert not stage.client.is_closing()
    stage.edge.loop.advance(stage.edge.timeouts.write + 0.5)
    assert stage.client.is_closing() and stage.ended() == ["client"]
    stage.client.lose()
    stage.end()


def test_a_worker_that_drains_has_no_use_for_who_has_said_nothing() -> None:
    stage = MqttStage(b"\x10")
    stage.edge.plane.drain()
    stage.edge.run()
    assert stage.client.is_closing() and "MqttClient" in repr(stage.client.protocol)
    stage.end()
