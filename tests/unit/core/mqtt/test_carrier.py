"""Brokers: how they answer a CONNECT, do not, or lie."""

from __future__ import annotations

import pytest

from fastgw.core.mqtt.carrier import MqttPool
from fastgw.testing.edge import GET as HTTP_GET
from fastgw.testing.edge import Edge, statuses
from tests.support import mqtt
from tests.support.mqtt_edge import MqttStage


@pytest.mark.parametrize(
    ("version", "code", "status"),
    [(4, 5, 403), (4, 4, 401), (4, 2, 403), (5, 0x87, 403), (5, 0x86, 401), (5, 0x9D, 502)],
)
def test_a_broker_that_refuses_is_heard_in_its_own_words(version: int, code: int, status: int) -> None:
    stage = MqttStage(version=version)
    stage.broker = stage.edge.connect()
    answer = mqtt.connack(code, version=version)
    stage.broker.feed(answer)
    stage.edge.run()
    assert stage.heard() == answer and stage.client.is_eof_written and stage.broker.is_closing()
    stage.end()
    assert stage.statuses == [status] and stage.errors == [None]


@pytest.mark.parametrize(("version", "code"), [(4, 3), (5, 0x88), (5, 0x89)])
def test_one_that_is_not_available_is_not_asked_again_where_there_is_another(version: int, code: int) -> None:
    stage = MqttStage(version=version, edge={"endpoints": 2})
    first = stage.edge.connect()
    first.feed(mqtt.connack(code, version=version))
    stage.edge.run()
    assert first.is_closing() and stage.heard() == b""
    stage.open()
    stage.end()


def test_what_no_broker_answers() -> None:
    for answer in (mqtt.PINGRESP, mqtt.connect(), b"HTTP/1.1 400 Bad Request\r\n\r\n", mqtt.packet(0x20, b"\0\0\0")):
        stage = MqttStage()
        stage.broker = stage.edge.connect()
        stage.broker.feed(answer)
        stage.edge.run()
        assert stage.heard() == mqtt.connack(3) and stage.broker.is_closing()
        stage.end()
        assert [error.code for error in stage.errors] == ["bad_answer"]


def test_one_that_leaves_before_it_answers() -> None:
    for leave in ("feed_eof", "lose"):
        stage = MqttStage(version=5)
        stage.broker = stage.edge.connect()
        getattr(stage.broker, leave)()
        stage.edge.run()
        assert stage.heard()[3] == 0x88
        stage.end()
        assert [error.code for error in stage.errors] == ["upstream_reset"]


def test_one_that_cannot_be_connected_to() -> None:
    stage = MqttStage(version=5)
    stage.edge.refuse()
    assert stage.heard()[3] in (0x88, 0x89)
    stage.end()


def test_one_that_does_not_answer() -> None:
    stage = MqttStage(version=5)
    stage.broker = stage.edge.connect()
    stage.edge.loop.advance(121)
    assert stage.heard()[3] == 0x88 and stage.broker.is_closing()
    stage.end()
    assert [error.code for error in stage.errors] == ["answer_timeout"]


def test_a_connection_is_of_one_client() -> None:
    stage = MqttStage().open()
    stage.say(mqtt.disconnect())
    stage.client.feed_eof()
    stage.edge.run()
    assert stage.broker is not None and stage.broker.is_closing()
    stage.end()


def test_who_is_no_client_of_mqtt_is_not_sent_to_a_broker() -> None:
    edge = Edge(make_pool=lambda endpoint, plane: MqttPool(endpoint, plane))
    client, broker = edge.pair(HTTP_GET)
    assert statuses(client.take()) == [426] and broker.take() == b"" and broker.is_closing()
    client.lose()
    edge.end()
