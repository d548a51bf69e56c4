"""Tunnels of MQTT, over TCP: what passes as it came, what is refused and told, and every way in which one ends."""

from __future__ import annotations

import pytest

from tests.support import mqtt
from tests.support.mqtt_edge import OWN, MqttStage

DENIED = b"\x87"


def reason(code: int, words: str) -> bytes:
    """A DISCONNECT of MQTT 5."""
    said = b"\x1f" + mqtt.text(words)
    return mqtt.disconnect(bytes([code]) + mqtt.length(len(said)) + said)


# --- what passes


@pytest.mark.parametrize("version", [4, 5])
def test_packets_pass_as_they_came_and_whole(version: int) -> None:
    stage = MqttStage(version=version).open()
    sent = (
        mqtt.subscribe([("a/#", 1)], version=version)
        + mqtt.publish("a/b", b"x" * 300, qos=1, version=version)
        + mqtt.acknowledgement(4)
        + mqtt.acknowledgement(6)
        + mqtt.unsubscribe(["a/#"], version=version)
        + mqtt.PINGREQ
    )
    for byte in sent:
        stage.say(bytes((byte,)))
        got = b"".join(stage.broker.writes) if stage.broker is not None else b""
        assert sent.startswith(got[len(stage.connect) :])
    assert stage.sent() == sent
    back = mqtt.suback([1], version=version) + mqtt.publish("a/b", version=version) + mqtt.PINGRESP
    assert stage.tell(back[:3]) == b"" and stage.tell(back[3:]) == back
    assert stage.packets(of_client=True) == {
        "connect": 1,
        "publish": 1,
        "puback": 1,
        "pubrel": 1,
        "subscribe": 1,
        "unsubscribe": 1,
        "pingreq": 1,
    }
    assert stage.packets(of_client=False) == {"connack": 1, "publish": 1, "suback": 1, "pingresp": 1}
    stage.say(mqtt.disconnect())
    stage.client.feed_eof()
    stage.edge.run()
    assert stage.sent() == mqtt.disconnect() and stage.ended() == ["client"]
    (note,) = [one["mqtt"] for one in stage.notes]
    assert note == {
        "client_id": "device-7",
        "version": "5.0" if version == 5 else "3.1.1",
        "end": "client",
        "received": 7,
        "sent": 3,
        "refused": 0,
    }
    stage.end()


def test_what_comes_behind_a_connect_waits_until_it_is_let_in() -> None:
    early = mqtt.subscribe([("a", 0)]) + mqtt.PINGREQ
    stage = MqttStage(mqtt.connect() + early)
    stage.broker = stage.edge.connect()
    assert stage.sent() == mqtt.connect()
    more = mqtt.publish("a", b"x" * 900) * 20
    stage.say(more)
    assert not stage.client.is_reading(), "enough is enough"
    stage.broker.feed(mqtt.connack() + mqtt.PINGRESP)
    stage.edge.run()
    assert stage.heard() == mqtt.connack() + mqtt.PINGRESP and stage.sent() == early + more
    assert stage.client.is_reading()
    stage.end()


# --- what is not allowed


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_that_is_not_allowed_is_answered_in_its_place(qos: int) -> None:
    stage = MqttStage(version=5, publish=OWN).open()
    wrong = mqtt.publish("devices/8/up", qos=qos, packet_id=9, version=5)
    right = mqtt.publish("devices/device-7/up", qos=1, packet_id=10, version=5)
    stage.say(right, wrong, mqtt.PINGREQ)
    assert stage.sent() == right + mqtt.PINGREQ
    answers = {0: b"", 1: mqtt.acknowledgement(4, 9, DENIED), 2: mqtt.acknowledgement(5, 9, DENIED)}
    assert stage.heard() == answers[qos] and stage.refused() == {"publish": 1}
    stage.say(mqtt.publish("devices/device-7/up", qos=2, packet_id=9, version=5))  # its id is free again
    assert stage.sent() and stage.heard() == b""
    stage.end()
    assert stage.notes[0]["mqtt"]["refused"] == 1


def test_a_client_of_3_1_1_cannot_be_told_of_a_message_and_is_disconnected() -> None:
    stage = MqttStage(publish=OWN).open()
    stage.say(mqtt.publish("devices/device-7/up"), mqtt.publish("devices/8/up"), mqtt.PINGREQ)
    assert stage.sent() == mqtt.publish("devices/device-7/up") and stage.heard() == b""
    assert stage.ended() == ["not_authorized"] and stage.broker is not None and stage.broker.is_closing()
    stage.end()


@pytest.mark.parametrize(("version", "code"), [(4, 0x80), (5, 0x87)])
def test_filters_that_are_not_allowed_have_a_code_of_their_own(version: int, code: int) -> None:
    stage = MqttStage(version=version, subscribe=(*OWN, (b"all/+",))).open()
    asked = [("devices/+/up", 0), ("devices/device-7/#", 1), ("#", 0), ("all/a", 0), ("all/#", 0)]
    stage.say(mqtt.subscribe(asked, packet_id=3, version=version))
    assert stage.sent() == mqtt.subscribe([asked[1], asked[3]], packet_id=3, version=version)
    told = stage.tell(mqtt.suback([1, 0], packet_id=3, version=version))
    assert told == mqtt.suback([code, 1, code, 0, code], packet_id=3, version=version)
    stage.say(mqtt.subscribe([("#", 0), ("$share/g/devices/8/up", 0)], packet_id=4, version=version))
    assert stage.sent() == b"" and stage.heard() == mqtt.suback([code, code], packet_id=4, version=version)
    stage.say(mqtt.subscribe([("$share/g/devices/device-7/+", 0)], packet_id=5, version=version))
    assert stage.sent() and stage.tell(mqtt.suback([0], packet_id=5, version=version)) == mqtt.suback(
        [0], packet_id=5, version=version
    )
    assert stage.refused() == {"subscribe": 5}
    stage.end()


def test_a_topic_behind_an_alias_is_as_any() -> None:
    stage = MqttStage(version=5, publish=OWN).open(extra=b"\x22\0\x0a")

    def publish(topic: str, alias: int, packet_id: int = 1) -> bytes:
        return mqtt.publish(topic, qos=1, packet_id=packet_id, version=5, extra=b"\x23" + alias.to_bytes(2, "big"))

    stage.say(publish("devices/device-7/up", 1), publish("", 1))
    assert stage.sent() == publish("devices/device-7/up", 1) + publish("", 1)
    stage.say(publish("devices/8/up", 2, 7), publish("", 2, 8), publish("", 1))
    assert stage.sent() == publish("", 1)
    assert stage.heard() == mqtt.acknowledgement(4, 7, DENIED) + mqtt.acknowledgement(4, 8, DENIED)
    stage.say(publish("devices/8/up", 1, 9), publish("", 1, 10))  # the broker has the former one, the client means this
    assert stage.sent() == b""
    stage.say(publish("a", 11))
    assert stage.heard().endswith(reason(0x94, "the topic alias 11, of which the broker takes 10"))
    stage.end()


@pytest.mark.parametrize(("extra", "is_there"), [(b"", False), (b"\x22\xff\xff", True)])
def test_aliases_are_bounded_and_stand_for_something(extra: bytes, is_there: bool) -> None:
    stage = MqttStage(version=5, max_packet=70_000).open(extra=extra)
    stage.say(mqtt.publish("", version=5, extra=b"\x23\0\1"))
    assert stage.heard()[2] == (0x82 if is_there else 0x94) and stage.ended() == ["broken"]
    stage.end()
    if is_there:
        stage = MqttStage(version=5, max_packet=70_000).open(extra=extra)
        for alias in (b"\1", b"\2"):
            stage.say(mqtt.publish("a" * 40_000, version=5, extra=b"\x23\0" + alias))
        assert stage.heard() == reason(0x97, "topic aliases of more bytes than are kept here")
        stage.end()


def test_who_asks_for_an_answer_may_have_it() -> None:
    stage = MqttStage(version=5, subscribe=OWN).open()
    right = mqtt.publish("ask", version=5, extra=b"\x08" + mqtt.text("devices/device-7/answers"))
    stage.say(right, mqtt.publish("ask", version=5, extra=b"\x08" + mqtt.text("devices/8/commands")))
    assert stage.sent() == right and stage.refused() == {"publish": 1}
    stage.end()


# --- rules that are broken


@pytest.mark.parametrize(
    ("data", "code", "by"),
    [
        (mqtt.connect(version=5), 0x82, "broken"),
        (mqtt.publish("a/#", version=5), 0x90, "broken"),
        (mqtt.publish("", version=5), 0x82, "broken"),
        (mqtt.publish(b"\xff", version=5), 0x81, "broken"),
        (mqtt.publish("a", qos=3, version=5), 0x81, "broken"),
        (mqtt.subscribe([("a#", 0)], version=5), 0x8F, "broken"),
        (mqtt.unsubscribe([], version=5), 0x82, "broken"),
        (mqtt.suback([0], version=5), 0x82, "broken"),
        (mqtt.packet(0xF0), 0x82, "broken"),
        (b"\0\0", 0x81, "broken"),
        (mqtt.publish("a", b"x" * 1000, version=5), 0x95, "too_large"),
    ],
)
def test_what_breaks_a_rule_ends_both_behind_what_came_before(data: bytes, code: int, by: str) -> None:
    for version in (4, 5):
        if version == 4 and data == mqtt.connect(version=5):
            continue
        stage = MqttStage(version=version).open()
        ping = mqtt.PINGREQ
        if version == 5:
            stage.say(ping, data, ping)
            told = stage.heard()
            assert told[0] == 0xE0 and told[2] == code and stage.ended() == [by]
        else:
            stage.say(ping, b"\0\0" if by == "broken" else data, ping)
            assert stage.heard() == b"" and stage.ended() == [by]
        assert stage.sent() == ping and stage.broker is not None and stage.broker.is_closing()
        stage.end()


def test_a_client_is_told_no_more_than_it_takes() -> None:
    stage = MqttStage(mqtt.connect(version=5, extra=b"\x27\0\0\0\x10"), version=5).open()
    stage.say(b"\0\0")
    assert stage.heard() == mqtt.disconnect(b"\x81\0")
    stage.end()


def test_messages_that_come_too_fast() -> None:
    stage = MqttStage(version=5, message_rate=(2, 1), message_burst=2).open()
    stage.say(mqtt.publish("a", version=5), mqtt.publish("a", version=5))
    stage.edge.loop.advance(1)
    stage.say(mqtt.publish("a", version=5), mqtt.PINGREQ, mqtt.publish("a", version=5))
    assert stage.heard() == b""
    stage.say(mqtt.publish("a", version=5))
    assert stage.heard() == reason(0x96, "more messages than are allowed here") and stage.ended() == ["too_fast"]
    stage.end()


def test_a_suback_with_another_number_of_codes_is_a_broken_broker() -> None:
    stage = MqttStage(version=5, subscribe=OWN).open()
    stage.say(mqtt.subscribe([("devices/device-7/a", 0), ("b", 0)], version=5))
    assert stage.tell(mqtt.suback([0, 0], version=5)) == reason(0x8B, "the broker has broken the protocol")
    assert stage.ended() == ["broken_broker"]
    stage.end()


def test_subscriptions_under_way_are_bounded() -> None:
    stage = MqttStage(version=5, subscribe=OWN).open()
    for number in range(1, 66):
        stage.say(mqtt.subscribe([("devices/device-7/a", 0), ("b", 0)], packet_id=number, version=5))
    assert stage.heard() == reason(0x97, "more subscriptions under way than are kept here")
    stage.end()


# --- how it ends


@pytest.mark.parametrize("version", [4, 5])
def test_a_broker_that_is_gone(version: int) -> None:
    stage = MqttStage(version=version).open()
    assert stage.broker is not None
    stage.broker.lose(ConnectionResetError("reset"))
    stage.edge.run()
    assert stage.heard() == (reason(0x8B, "the broker has ended the connection") if version == 5 else b"")
    assert stage.ended() == ["broker"]
    stage.end()


def test_a_session_that_another_connection_takes_over() -> None:
    stage = MqttStage(version=5).open()
    assert stage.tell(mqtt.disconnect(b"\x8e")) == mqtt.disconnect(b"\x8e")
    assert stage.broker is not None
    stage.broker.feed_eof()
    stage.edge.run()
    assert stage.heard() == b"" and stage.ended() == ["taken_over"]
    stage.end()


def test_a_broker_that_says_what_no_broker_says() -> None:
    stage = MqttStage().open()
    assert stage.tell(mqtt.PINGRESP + mqtt.PINGREQ) == mqtt.PINGRESP and stage.ended() == ["broken_broker"]
    stage.end()


def test_a_client_that_is_silent_for_longer_than_it_said() -> None:
    stage = MqttStage(mqtt.connect(version=5, keep_alive=10), version=5).open()
    for _ in range(3):
        stage.edge.loop.advance(10)
        stage.say(mqtt.PINGREQ)
    stage.edge.loop.advance(14.5)
    assert stage.heard() == b""
    stage.tell(mqtt.PINGRESP)
    stage.edge.loop.advance(1)
    assert stage.heard() == reason(0x8D, "nothing was said for too long") and stage.ended() == ["keep_alive"]
    stage.end()


def test_the_keep_alive_is_what_the_broker_says() -> None:
    stage = MqttStage(version=5).open(extra=b"\x13\0\2")
    stage.edge.loop.advance(3.5)
    assert stage.heard()[2] == 0x8D
    stage.end()


def test_without_a_keep_alive_the_silence_of_both_counts() -> None:
    stage = MqttStage(mqtt.connect(keep_alive=0)).open()
    stage.edge.loop.advance(3000)
    stage.tell(mqtt.PINGRESP)
    stage.edge.loop.advance(3000)
    assert not stage.client.is_closing()
    stage.edge.loop.advance(1000)
    assert stage.ended() == ["keep_alive"]
    stage.end()


def test_a_client_is_disconnected_at_a_moment_of_the_drain() -> None:
    stage = MqttStage(version=5).open()
    stage.edge.chance = 0.5
    stage.edge.plane.drain()
    stage.edge.loop.advance(4)
    stage.say(mqtt.publish("a", version=5))
    assert stage.sent() and stage.heard() == b""
    stage.edge.loop.advance(1.5)
    assert stage.heard() == reason(0x8B, "the gateway stops") and stage.ended() == ["drained"]
    stage.end()


def test_there_is_no_more_time_to_drain() -> None:
    for version in (4, 5):
        stage = MqttStage(version=version).open()
        stage.edge.plane.cut_off()
        stage.edge.run()
        assert stage.ended() == ["drained"]
        stage.end()


def test_who_does_not_read_holds_the_other() -> None:
    stage = MqttStage(max_packet=200_000).open()
    assert stage.broker is not None
    stage.client.capacity = 10
    stage.broker.feed(mqtt.publish("a", b"x" * 100_000))
    stage.edge.run()
    assert not stage.broker.is_reading()
    stage.client.drain()
    stage.edge.run()
    assert stage.broker.is_reading()
    stage.end()
