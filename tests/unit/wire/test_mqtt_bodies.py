"""Messages, subscriptions and acknowledgements of MQTT: what is read of them, and every rule broken once."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import mqtt_fields as fields
from fastgw.wire.mqtt_bodies import (
    Publish,
    check_rest,
    check_unsubscribe,
    merged_suback,
    read_publish,
    read_suback,
    read_subscribe,
)
from fastgw.wire.mqtt_fields import PacketError
from fastgw.wire.mqtt_packets import V3, V5, Packet, PacketScanner
from tests.support import mqtt


def one(data: bytes, *, is_client: bool = True) -> tuple[bytes, Packet]:
    """``data``, a packet, behind another one, so that it does not begin at the beginning."""
    data, packets = PacketScanner(1 << 20, is_client=is_client).feed(
        (mqtt.PINGREQ if is_client else mqtt.PINGRESP) + data
    )
    return data, packets[1]


def refused(read: object, data: bytes, version: int, *, is_client: bool = True) -> int:
    with pytest.raises(PacketError) as raised:
        read(*one(data, is_client=is_client), version)  # type: ignore[operator]
    assert raised.value.reason
    return raised.value.code


def test_what_a_publish_says() -> None:
    assert read_publish(*one(mqtt.publish("a/b")), V3) == Publish(b"a/b", 0, 0, 0, "")
    assert read_publish(*one(mqtt.publish("a", qos=2, packet_id=300)), V3) == Publish(b"a", 2, 300, 0, "")
    assert read_publish(*one(mqtt.publish("a", version=5)), V5) == Publish(b"a", 0, 0, 0, "")
    extra = b"\x23\0\7\x08" + mqtt.text("r/7")
    assert read_publish(*one(mqtt.publish("", version=5, qos=1, extra=extra)), V5) == Publish(b"", 1, 1, 7, "r/7")
    known = one(mqtt.publish("a", version=5, extra=b"\x0b\1"), is_client=False)
    assert read_publish(*known, V5, is_client=False).topic == b"a"


@pytest.mark.parametrize(
    ("data", "version", "code"),
    [
        (mqtt.publish("a", qos=3), V3, fields.MALFORMED),
        (mqtt.publish("a", flags=8), V3, fields.MALFORMED),
        (mqtt.publish("a", qos=1, packet_id=0), V3, fields.MALFORMED),
        (mqtt.packet(0x30, b"\0"), V3, fields.MALFORMED),
        (mqtt.packet(0x30, b"\0\2a"), V3, fields.MALFORMED),
        (mqtt.packet(0x32, b"\0\1a\0"), V3, fields.MALFORMED),
        (mqtt.packet(0x30, b"\0\1a"), V5, fields.MALFORMED),
        (mqtt.publish("a", version=5, extra=b"\x0b\1"), V5, fields.PROTOCOL_ERROR),
        (mqtt.publish("a", version=5, extra=b"\x23\0\0"), V5, fields.ALIAS_INVALID),
        (mqtt.publish("a", version=5, extra=b"\x11\0\0\0\0"), V5, fields.MALFORMED),
    ],
)
def test_what_is_no_publish(data: bytes, version: int, code: int) -> None:
    assert refused(read_publish, data, version) == code


def test_what_a_subscribe_says_and_with_fewer_filters() -> None:
    for version in (V3, V5):
        sent = mqtt.subscribe([("a/#", 1), ("b", 0), ("$share/g/c", 2)], packet_id=9, version=version)
        found = read_subscribe(*one(sent), version)
        assert found.packet_id == 9 and [one.filter.text for one in found.wanted] == ["a/#", "b", "$share/g/c"]
        assert found.with_only(list(found.wanted)) == sent
        kept = [found.wanted[0], found.wanted[2]]
        assert found.with_only(kept) == mqtt.subscribe([("a/#", 1), ("$share/g/c", 2)], packet_id=9, version=version)


@pytest.mark.parametrize(
    ("data", "version", "code"),
    [
        (mqtt.subscribe([]), V3, fields.PROTOCOL_ERROR),
        (mqtt.subscribe([("a", 3)]), V3, fields.MALFORMED),
        (mqtt.subscribe([("a", 4)]), V3, fields.MALFORMED),
        (mqtt.subscribe([("a", 3)], version=5), V5, fields.MALFORMED),
        (mqtt.subscribe([("a", 0x30)], version=5), V5, fields.MALFORMED),
        (mqtt.subscribe([("a", 0x40)], version=5), V5, fields.MALFORMED),
        (mqtt.subscribe([("$share/g/a", 4)], version=5), V5, fields.PROTOCOL_ERROR),
        (mqtt.subscribe([("a/#/b", 0)]), V3, fields.FILTER_INVALID),
        (mqtt.subscribe([("", 0)]), V3, fields.FILTER_INVALID),
        (mqtt.subscribe([(b"\xff", 0)]), V3, fields.MALFORMED),
        (mqtt.subscribe([("a", 0)], packet_id=0), V3, fields.MALFORMED),
        (mqtt.packet(0x82, b"\0\1" + mqtt.text("a")), V3, fields.MALFORMED),
        (mqtt.packet(0x82, b"\0"), V3, fields.MALFORMED),
        (mqtt.subscribe([("a", 0)], version=5, extra=b"\x0b\0"), V5, fields.PROTOCOL_ERROR),
        (mqtt.subscribe([("a", 0)] * 1025), V3, fields.PROTOCOL_ERROR),
    ],
)
def test_what_is_no_subscribe(data: bytes, version: int, code: int) -> None:
    assert refused(read_subscribe, data, version) == code


def test_what_is_an_unsubscribe() -> None:
    check_unsubscribe(*one(mqtt.unsubscribe(["a", "b/+"])), V3)
    check_unsubscribe(*one(mqtt.unsubscribe(["a"], version=5)), V5)
    assert refused(check_unsubscribe, mqtt.unsubscribe([]), V3) == fields.PROTOCOL_ERROR
    assert refused(check_unsubscribe, mqtt.unsubscribe(["a#"]), V3) == fields.FILTER_INVALID
    assert refused(check_unsubscribe, mqtt.unsubscribe(["a"], packet_id=0), V3) == fields.MALFORMED
    assert refused(check_unsubscribe, mqtt.unsubscribe(["a"] * 1025), V3) == fields.PROTOCOL_ERROR


def test_what_all_others_may_be() -> None:
    for data, version in (
        (mqtt.PINGREQ, V3),
        (mqtt.disconnect(), V3),
        (mqtt.disconnect(), V5),
        (mqtt.disconnect(b"\x04"), V5),
        (mqtt.disconnect(b"\x04" + mqtt.length(5) + b"\x11\0\0\0\1"), V5),
        (mqtt.acknowledgement(4), V3),
        (mqtt.acknowledgement(5, 2, b"\x10"), V5),
        (mqtt.acknowledgement(6, 2, b"\x92\0"), V5),
    ):
        check_rest(*one(data), version)
    for data, version in ((mqtt.PINGRESP, V3), (mqtt.suback([0]), V3), (mqtt.packet(0xB0, b"\0\1\0\0"), V5)):
        check_rest(*one(data, is_client=False), version)


@pytest.mark.parametrize(
    ("data", "version", "code"),
    [
        (mqtt.packet(0xC0, b"x"), V3, fields.MALFORMED),
        (mqtt.disconnect(b"\0"), V3, fields.MALFORMED),
        (mqtt.disconnect(b"\0\0x"), V5, fields.MALFORMED),
        (mqtt.disconnect(b"\0\2\x21\0"), V5, fields.MALFORMED),
        (mqtt.acknowledgement(4, 0), V3, fields.MALFORMED),
        (mqtt.acknowledgement(4, 1, b"\0"), V3, fields.MALFORMED),
        (mqtt.packet(0x40, b"\0"), V5, fields.MALFORMED),
        (mqtt.packet(0xF0), V5, fields.PROTOCOL_ERROR),
    ],
)
def test_what_no_other_may_be(data: bytes, version: int, code: int) -> None:
    assert refused(check_rest, data, version) == code


def test_a_suback_has_a_code_for_each_filter_that_was_asked_for() -> None:
    for version in (V3, V5):
        found = read_suback(*one(mqtt.suback([1, 2], packet_id=5, version=version), is_client=False), version)
        assert (found.packet_id, found.codes) == (5, b"\1\2")
        assert merged_suback(found, (0, 2), 0x80) == mqtt.suback([0x80, 1, 0x80, 2], packet_id=5, version=version)
        assert merged_suback(found, (), 0x80) == mqtt.suback([1, 2], packet_id=5, version=version)


@given(
    st.binary(max_size=50), st.sampled_from([0x30, 0x32, 0x40, 0x62, 0x82, 0xA2, 0xC0, 0xE0]), st.sampled_from([4, 5])
)
def test_no_bytes_are_more_than_a_refusal(body: bytes, first: int, version: int) -> None:
    data, packet = one(mqtt.packet(first, body))
    read = {3: read_publish, 8: read_subscribe, 10: check_unsubscribe}.get(first >> 4, check_rest)
    with suppress(PacketError):
        read(data, packet, version)  # type: ignore[operator]
