"""What is known of a client from its CONNECT, and the CONNACK that refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.mqtt.session import EARLY_MOST, MqttSession, unread
from fastgw.errors import DownstreamError
from fastgw.testing.edge import Edge
from fastgw.wire.mqtt_fields import PacketError
from tests.support import mqtt


def test_a_connect_comes_in_any_pieces() -> None:
    sent = mqtt.connect(user="u") + mqtt.PINGREQ
    for at in range(len(sent)):
        session = MqttSession(1000)
        assert [session.feed(sent[:at]), session.feed(sent[at:])].count(True) == 1
        assert session.packet == mqtt.connect(user="u") and session.early == mqtt.PINGREQ and session.version == 4
    session.feed(b"x" * EARLY_MOST)
    assert session.is_full


def test_it_is_bounded_and_must_be_one() -> None:
    for data in (mqtt.connect("x" * 200), mqtt.PINGREQ, b"\0"):
        with pytest.raises(PacketError):
            MqttSession(100).feed(data)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [(403, "client_id_refused", 0x85), (503, "drained", 0x8B), (503, "pool_full", 0x89), (404, "not_mqtt", 0x80)],
)
def test_each_error_has_a_reason_code(status: int, code: str, reason: int) -> None:
    edge = Edge()
    session = MqttSession(1000)
    assert session.refuse(edge.plane, status, code, "") == b"" and session.version == 4
    session.feed(mqtt.connect(version=5))
    assert session.refuse(edge.plane, status, code, "") == mqtt.connack(reason, version=5)
    edge.end()


def test_what_nobody_understands_is_told_in_the_form_that_all_read() -> None:
    error, answer = unread(PacketError(0x84, "MQTT 3.1"))
    assert answer == mqtt.connack(1) and error.status == 400
    assert unread(PacketError(0x81, "no"))[1] == b""


def test_a_route_without_rules_admits_nobody() -> None:
    session = MqttSession(1000)
    session.feed(mqtt.connect())
    nobody: Any = None
    with pytest.raises(DownstreamError) as raised:
        session.admit(nobody)
    assert raised.value.code == "not_mqtt"
