"""CONNECT and CONNACK of MQTT: every rule of their sections broken once, and what is kept read as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import mqtt_fields as fields
from fastgw.wire.mqtt_connect import Connack, MqttConnect, Will, read_connack, read_connect, with_login
from fastgw.wire.mqtt_fields import PacketError
from fastgw.wire.mqtt_packets import PacketScanner
from tests.support import mqtt


def read(data: bytes) -> MqttConnect:
    data, (packet,) = PacketScanner(1 << 20, is_client=True).feed(data)
    return read_connect(data, packet)


@pytest.mark.parametrize("version", [4, 5])
def test_what_a_connect_says(version: int) -> None:
    extra = b"\x27\0\0\1\0\x11\0\0\0\x10" if version == 5 else b""
    will = b"\x08" + mqtt.text("r/7") if version == 5 else b""
    found = read(
        mqtt.connect(
            version=version, user="u", password=b"\xff", will=("w/7", b"gone", 1), extra=extra, will_properties=will
        )
    )
    assert (found.version, found.keep_alive, found.client_id, found.user) == (version, 60, "device-7", "u")
    assert found.password == b"\xff" and found.will == Will("w/7", 1, "r/7" if version == 5 else "")
    assert found.packet_maximum == (256 if version == 5 else 0)
    bare = read(mqtt.connect("", version=version))
    assert (bare.client_id, bare.user, bare.password, bare.will) == ("", None, None, None)


def connect_of(level: int = 4, flags: int = 2, rest: bytes = b"\0\1a", name: bytes = b"\0\4MQTT") -> bytes:
    return mqtt.packet(0x10, name + bytes([level, flags]) + b"\0\x3c" + rest)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (connect_of(name=b"\0\6MQIsdp", level=3), fields.UNSUPPORTED_VERSION),
        (connect_of(name=b"\0\4HTTP"), fields.UNSUPPORTED_VERSION),
        (connect_of(level=3), fields.UNSUPPORTED_VERSION),
        (connect_of(level=6), fields.UNSUPPORTED_VERSION),
        (connect_of(flags=3), fields.MALFORMED),
        (connect_of(flags=0x1E, rest=b"\0\1a\0\1t\0\0"), fields.MALFORMED),
        (connect_of(flags=0x0A), fields.MALFORMED),
        (connect_of(flags=0x22), fields.MALFORMED),
        (connect_of(flags=0x42, rest=b"\0\1a\0\1p"), fields.MALFORMED),
        (connect_of(rest=b"\0\1a\0"), fields.MALFORMED),
        (connect_of(rest=b"\0\2a"), fields.MALFORMED),
        (connect_of(rest=b""), fields.MALFORMED),
        (connect_of(rest=b"\0\1\0"), fields.MALFORMED),
        (connect_of(flags=0, rest=b"\0\0"), fields.CLIENT_ID_INVALID),
        (mqtt.packet(0x10, b"\0\4MQTT\4"), fields.MALFORMED),
        (mqtt.packet(0x10, b"\0\4MQTT\4\2\0"), fields.MALFORMED),
        (mqtt.packet(0x10, b"\0\4MQ"), fields.UNSUPPORTED_VERSION),
        (mqtt.connect(will=("a/#", b"", 0)), fields.TOPIC_INVALID),
        (mqtt.connect(user="u", flags=0x82)[:-3] + b"\0\1\xff", fields.MALFORMED),
        (mqtt.connect(version=5, extra=b"\x15" + mqtt.text("SCRAM")), fields.BAD_METHOD),
        (mqtt.connect(version=5, extra=b"\x16" + mqtt.text("x")), fields.PROTOCOL_ERROR),
        (mqtt.connect(version=5, extra=b"\x23\0\1"), fields.MALFORMED),
        (mqtt.PINGREQ, fields.PROTOCOL_ERROR),
        (mqtt.publish("a"), fields.PROTOCOL_ERROR),
    ],
)
def test_what_is_no_connect(data: bytes, code: int) -> None:
    with pytest.raises(PacketError) as raised:
        read(data)
    assert raised.value.code == code and raised.value.reason


def test_another_login_is_all_that_is_changed() -> None:
    for version in (4, 5):
        for will in (None, ("w", b"x", 2)):
            sent = mqtt.connect(version=version, user="u", password=b"p", will=will)
            data, (packet,) = PacketScanner(1000, is_client=True).feed(sent)
            body, found = data[packet.body : packet.end], read_connect(data, packet)
            assert with_login(body, found, "u", b"p") == sent
            assert with_login(body, found, None, None) == mqtt.connect(version=version, will=will)
            assert with_login(body, found, "gw", b"secret") == mqtt.connect(
                version=version, user="gw", password=b"secret", will=will
            )


@given(st.binary(max_size=60), st.sampled_from([4, 5]), st.integers(0, 255))
def test_no_bytes_are_more_than_a_refusal(rest: bytes, level: int, flags: int) -> None:
    try:
        found = read(connect_of(level, flags, rest))
    except PacketError:
        return
    assert found.version == level


def test_what_a_connack_says() -> None:
    def answer(data: bytes, version: int) -> Connack:
        data, (packet,) = PacketScanner(1000, is_client=False, version=version).feed(data)
        return read_connack(data, packet, version)

    assert answer(mqtt.connack(), 4) == Connack(0, -1, "", 0)
    said = b"\x13\0\x0a\x12" + mqtt.text("auto-1") + b"\x22\0\x0a"
    assert answer(mqtt.connack(version=5, extra=said), 5) == Connack(0, 10, "auto-1", 10)
    assert answer(mqtt.connack(0x87, version=5), 5).code == 0x87
    for data, version in (
        (mqtt.packet(0x20, b"\0"), 4),
        (mqtt.packet(0x20, b"\2\0"), 4),
        (mqtt.packet(0x20, b"\0\6"), 4),
        (mqtt.packet(0x20, b"\0\0\0"), 4),
        (mqtt.packet(0x20, b"\0\0"), 5),
        (mqtt.PINGRESP, 4),
    ):
        with pytest.raises(PacketError):
            answer(data, version)
