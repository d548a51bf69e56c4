"""Packets of MQTT: cut anywhere, refused by their fixed header, written as the specification has them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.mqtt_fields import MALFORMED, PROTOCOL_ERROR, TOO_LARGE
from fastgw.wire.mqtt_packets import NAMES, V3, V5, PacketScanner, connack, disconnect, puback, suback
from tests.support import mqtt
from tests.support.examples import examples

#: One of each that a client may send.
SENT = [
    mqtt.connect(user="u", password=b"p"),
    mqtt.publish("devices/7/up", b"x" * 300, qos=1),
    mqtt.acknowledgement(4),
    mqtt.acknowledgement(6),
    mqtt.subscribe([("a/#", 1)]),
    mqtt.unsubscribe(["a/#"]),
    mqtt.PINGREQ,
    mqtt.publish("a", b"y" * 20_000),
    mqtt.disconnect(),
]


def scan(pieces: list[bytes], most: int = 1 << 20, *, is_client: bool = True, version: int = V5) -> list[bytes]:
    scanner = PacketScanner(most, is_client=is_client, version=version)
    found = []
    for piece in pieces:
        data, packets = scanner.feed(piece)
        for packet in packets:
            assert packet.first == data[packet.start] and packet.start < packet.body <= packet.end
            found.append(data[packet.start : packet.end])
        if scanner.problem is not None:
            assert not scanner.feed(mqtt.PINGREQ)[1]
            raise scanner.problem
    assert scanner.held == len(b"".join(pieces)) - len(b"".join(found))
    return found


def test_packets_are_the_same_wherever_they_are_cut() -> None:
    sent = b"".join(SENT[:7])
    for at in range(len(sent) + 1):
        assert scan([sent[:at], sent[at:]]) == SENT[:7]
    assert scan([sent[at : at + 1] for at in range(len(sent))]) == SENT[:7]


@settings(max_examples=examples(200))
@given(st.lists(st.sampled_from(SENT), max_size=8), st.lists(st.integers(0, 60_000), max_size=6))
def test_packets_are_the_same_in_any_pieces(sent: list[bytes], cuts: list[int]) -> None:
    data = b"".join(sent)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert scan([data[begin:end] for begin, end in pairwise(places)]) == sent


def test_bytes_that_are_whole_packets_are_handed_on_as_they_came() -> None:
    scanner = PacketScanner(1 << 20, is_client=True)
    sent = SENT[1] + SENT[4]
    assert scanner.feed(sent)[0] is sent


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"\x00", MALFORMED, "reserved type 0"),
        (b"\x11", MALFORMED, "CONNECT with flags"),
        (b"\x60", MALFORMED, "PUBREL with flags"),
        (b"\x80", MALFORMED, "SUBSCRIBE with flags"),
        (b"\xa0", MALFORMED, "UNSUBSCRIBE with flags"),
        (b"\xc1", MALFORMED, "PINGREQ with flags"),
        (b"\xe8", MALFORMED, "DISCONNECT with flags"),
        (b"\x20", PROTOCOL_ERROR, "CONNACK of a side"),
        (b"\x90", PROTOCOL_ERROR, "SUBACK of a side"),
        (b"\xd0", PROTOCOL_ERROR, "PINGRESP of a side"),
        (b"\x30\xff\xff\xff\xff", MALFORMED, "more than four bytes"),
        (b"\x30\x80\x00", MALFORMED, "shortest form"),
        (b"\x30\xff\xff\xff\x7f", TOO_LARGE, "more than the 1000 allowed"),
        (b"\x30" + mqtt.length(998), TOO_LARGE, "a packet of 1001 bytes"),
    ],
)
def test_what_is_refused_by_its_beginning(data: bytes, code: int, words: str) -> None:
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        scanner = PacketScanner(1000, is_client=True)
        for piece in pieces:
            scanner.feed(piece)
        problem = scanner.problem
        assert problem is not None and problem.code == code and words in problem.reason


def test_who_may_send_what_in_which_version() -> None:
    assert scan([mqtt.connack()], is_client=False, version=V3) == [mqtt.connack()]
    assert scan([mqtt.disconnect()], is_client=False, version=V5) and scan([mqtt.packet(0xF0)], version=V5)
    for data, is_client in ((mqtt.disconnect(), False), (mqtt.packet(0xF0), True), (mqtt.packet(0xF0), False)):
        scanner = PacketScanner(1000, is_client=is_client, version=V5)
        scanner.speak(V3, is_client=is_client)
        scanner.feed(data)
        assert scanner.problem is not None and scanner.problem.code == PROTOCOL_ERROR


def test_what_stands_in_front_of_a_broken_packet_is_handed_on() -> None:
    scanner = PacketScanner(1000, is_client=True)
    data, packets = scanner.feed(mqtt.PINGREQ + b"\x00")
    assert [data[one.start : one.end] for one in packets] == [mqtt.PINGREQ] and scanner.problem is not None


@given(st.binary(max_size=40))
def test_no_bytes_are_more_than_a_refusal(data: bytes) -> None:
    for is_client in (True, False):
        whole, bytewise = PacketScanner(30, is_client=is_client), PacketScanner(30, is_client=is_client)
        count = len(whole.feed(data)[1])
        assert sum(len(bytewise.feed(data[at : at + 1])[1]) for at in range(len(data))) == count
        assert (whole.problem is None) == (bytewise.problem is None) and bytewise.held <= 30


def test_what_the_gateway_sends() -> None:
    assert connack(V3, 0x87) == mqtt.connack(5) and connack(V3, 0x84) == mqtt.connack(1)
    assert connack(V3, 0x85) == mqtt.connack(2) and connack(V3, 0x86) == mqtt.connack(4)
    assert connack(V3, 0x88) == mqtt.connack(3) == connack(V3, 0x9F, "why")
    assert connack(V5, 0x87) == mqtt.connack(0x87, version=5)
    assert connack(V5, 0x87, "why") == mqtt.connack(0x87, version=5, extra=b"\x1f" + mqtt.text("why"))
    assert disconnect(0x8E, "why", 20) == mqtt.disconnect(b"\x8e" + mqtt.length(6) + b"\x1f" + mqtt.text("why"))
    assert disconnect(0x8E, "why", 8) == mqtt.disconnect(b"\x8e\0"), "a client takes no more, and is told less"
    assert puback(4, 258, 0x87) == mqtt.acknowledgement(4, 258, b"\x87")
    assert suback(V3, 7, b"\x80") == mqtt.suback([0x80], packet_id=7)
    assert suback(V5, 7, b"\x87\x01") == mqtt.suback([0x87, 1], packet_id=7, version=5)
    assert NAMES[3] == "publish" and len(NAMES) == 16
