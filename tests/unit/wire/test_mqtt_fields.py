"""Fields of MQTT: numbers at their bounds, texts, and each property at the packets that may have it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import mqtt_fields as fields
from fastgw.wire.mqtt_fields import PacketError, read_properties, read_text, read_variable
from tests.support import mqtt

#: Properties as table 2-4 of the specification has them: identifier, a value, and the letters of their packets, w for the will.
TABLE = [
    (0x01, b"\1", "pw"),
    (0x02, b"\0\0\0\1", "pw"),
    (0x03, mqtt.text("a"), "pw"),
    (0x08, mqtt.text("a"), "pw"),
    (0x09, mqtt.text(b"\xff"), "pw"),
    (0x0B, b"\x81\1", "ps"),
    (0x11, b"\0\0\0\1", "cCd"),
    (0x12, mqtt.text("a"), "C"),
    (0x13, b"\0\1", "C"),
    (0x15, mqtt.text("a"), "cCa"),
    (0x16, mqtt.text(b"\xff"), "cCa"),
    (0x17, b"\1", "c"),
    (0x18, b"\0\0\0\1", "w"),
    (0x19, b"\1", "c"),
    (0x1A, mqtt.text("a"), "C"),
    (0x1C, mqtt.text("a"), "Cd"),
    (0x1F, mqtt.text("a"), "C4567SUda"),
    (0x21, b"\0\1", "cC"),
    (0x22, b"\0\1", "cC"),
    (0x23, b"\0\1", "p"),
    (0x24, b"\1", "C"),
    (0x25, b"\1", "C"),
    (0x26, mqtt.text("a") + mqtt.text("b"), "cCp4567sSuUdaw"),
    (0x27, b"\0\0\0\1", "cC"),
    (0x28, b"\1", "C"),
    (0x29, b"\1", "C"),
    (0x2A, b"\1", "C"),
]
PACKETS = {
    "c": 1,
    "C": 2,
    "p": 3,
    "4": 4,
    "5": 5,
    "6": 6,
    "7": 7,
    "s": 8,
    "S": 9,
    "u": 10,
    "U": 11,
    "d": 14,
    "a": 15,
    "w": 16,
}


def read(value: bytes, kind: int) -> fields.Properties:
    data = mqtt.length(len(value)) + value
    found, at = read_properties(data, 0, len(data), kind)
    assert at == len(data)
    return found


def test_each_property_stands_where_the_table_has_it() -> None:
    for name, value, letters in TABLE:
        for letter, kind in PACKETS.items():
            if letter in letters:
                assert list(read(bytes([name]) + value, kind)) == [name]
            else:
                with pytest.raises(PacketError, match="cannot have"):
                    read(bytes([name]) + value, kind)
    for name in set(range(256)) - {name for name, _, _ in TABLE}:
        with pytest.raises(PacketError, match="cannot have") as raised:
            read(mqtt.length(name) + b"\0" * 8, 3)
        assert raised.value.code == fields.MALFORMED


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        (b"\x01\2", fields.PUBLISH, fields.PROTOCOL_ERROR),
        (b"\x21\0\0", fields.CONNECT, fields.PROTOCOL_ERROR),
        (b"\x27\0\0\0\0", fields.CONNECT, fields.PROTOCOL_ERROR),
        (b"\x0b\0", fields.SUBSCRIBE, fields.PROTOCOL_ERROR),
        (b"\x23\0\0", fields.PUBLISH, fields.ALIAS_INVALID),
        (b"\x24\2", fields.CONNACK, fields.PROTOCOL_ERROR),
        (b"\x01\1\x01\1", fields.PUBLISH, fields.PROTOCOL_ERROR),
        (b"\x0b\1\x0b\1", fields.SUBSCRIBE, fields.PROTOCOL_ERROR),
        (b"\x08" + mqtt.text("a/+"), fields.PUBLISH, fields.TOPIC_INVALID),
        (b"\x08" + mqtt.text(""), fields.PUBLISH, fields.TOPIC_INVALID),
        (b"\x03" + mqtt.text(b"\xff"), fields.PUBLISH, fields.MALFORMED),
        (b"\x03" + mqtt.text(b"a\0"), fields.PUBLISH, fields.MALFORMED),
        (b"\x03" + mqtt.text(b"\xed\xa0\x80"), fields.PUBLISH, fields.MALFORMED),
        (b"\x03\0\2a", fields.PUBLISH, fields.MALFORMED),
        (b"\x02\0\0", fields.PUBLISH, fields.MALFORMED),
        (b"\x26" + mqtt.text("a"), fields.PUBLISH, fields.MALFORMED),
        (b"\x83\0", fields.PUBLISH, fields.MALFORMED),
        (b"\x26\0\0\0\0" * 257, fields.PUBLISH, fields.QUOTA_EXCEEDED),
    ],
)
def test_what_no_property_may_be(value: bytes, kind: int, code: int) -> None:
    with pytest.raises(PacketError) as raised:
        read(value, kind)
    assert raised.value.code == code


def test_properties_stay_within_their_packet() -> None:
    for data in (b"\5\x01\1", b"", b"\x80", b"\xff\xff\xff\xff\x7f"):
        with pytest.raises(PacketError) as raised:
            read_properties(data, 0, len(data), fields.PUBLISH)
        assert raised.value.code == fields.MALFORMED
    assert read(b"\x0b\1\x0b\x82\1" + b"\x26" + mqtt.text("k") + mqtt.text("v"), fields.PUBLISH) == {
        0x0B: 130,
        0x26: ("k", "v"),
    }


@pytest.mark.parametrize("value", [0, 127, 128, 16383, 16384, 2097151, 2097152, 268435455])
def test_numbers_are_read_as_they_are_written(value: int) -> None:
    assert fields.variable(value) == mqtt.length(value)
    assert read_variable(mqtt.length(value), 0, 9) == (value, len(mqtt.length(value)))
    assert fields.packet_of(0x30, b"x") == mqtt.packet(0x30, b"x")


@given(st.text(max_size=20))
def test_a_text_is_read_as_it_is_written(value: str) -> None:
    data = mqtt.text(value.encode("utf-8", "replace"))
    if "\0" in value:
        with pytest.raises(PacketError, match="NUL"):
            read_text(data, 0, len(data))
    else:
        assert mqtt.text(read_text(data, 0, len(data))[0]) == data == fields.binary(data[2:])


@given(st.binary(max_size=60), st.sampled_from(list(PACKETS.values())))
def test_no_bytes_are_more_than_a_refusal(data: bytes, kind: int) -> None:
    try:
        _, at = read_properties(data, 0, len(data), kind)
    except PacketError:
        return
    assert at <= len(data)


def test_values_are_of_the_kind_that_is_asked_for() -> None:
    assert fields.number_of({0x21: 7}, 0x21, 1) == 7 and fields.number_of({0x21: "7"}, 0x21, 1) == 1
    assert fields.text_in({0x08: "a"}, 0x08) == "a" and fields.text_in({0x08: 1}, 0x08) == "" == fields.text_in({}, 8)
    assert fields.read_topic(b"a/b") == "a/b"
