"""Devices of the bench: their packets, and what their listener makes of messages that come twice."""

from __future__ import annotations

import time
from typing import Any

from bench.mqtt.tunneled import BROKER, CONFIG, Device, Listener, connecting, publish
from tests.support import mqtt
from tests.unit.config.files import problems


class Writer:
    """What is written to it."""

    def __init__(self) -> None:
        self.writer = self
        self.out: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.out.append(data)


def test_packets_are_those_of_the_specification() -> None:
    assert connecting("a", is_clean=True) == mqtt.connect("a", keep_alive=30)
    assert connecting("a", is_clean=False) == mqtt.connect("a", keep_alive=30, clean=False)
    assert publish("t", 7, b"x", is_again=False) == mqtt.publish("t", b"x", qos=1, packet_id=7)
    assert publish("t", 7, b"x", is_again=True) == mqtt.publish("t", b"x", qos=1, packet_id=7, flags=8)


def test_what_is_said_waits_for_its_acknowledgement() -> None:
    said: Any = Writer()
    device = Device("d", 1)
    device._say(said)
    ((packet_id, payload),) = device.waiting.items()
    assert said.out == [mqtt.publish("up/d", payload, qos=1, packet_id=packet_id)]


def test_a_message_that_comes_twice_is_counted_twice_and_timed_once() -> None:
    said: Any = Writer()
    listener = Listener(1)
    body = mqtt.text("up/d") + b"\0\7" + f"d 1 {time.time() - 1}".encode()
    listener._take(said, body)
    listener._take(said, body)
    assert list(listener.heard.values()) == [2] and len(listener.took) == 1 and listener.took[0] >= 1
    assert said.out == [mqtt.acknowledgement(4, 7)] * 2


def test_the_gateway_has_a_configuration(tmp_path: Any) -> None:
    assert problems(tmp_path, CONFIG.format(edge=1, broker=2)) == []
    assert "listener 2 127.0.0.1" in BROKER.format(folder=tmp_path, broker=2)
