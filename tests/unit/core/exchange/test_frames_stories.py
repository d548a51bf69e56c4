"""Random stories of two peers through a WebSocket by frames: whatever they say, in whatever pieces, and time does, what must hold holds.

A story is a list of small numbers, so a failing one shrinks well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.websocket_counters import CLOSES, ENDS, MESSAGES, OPEN
from fastgw.testing.mock import MockTransport
from fastgw.wire.websocket_frames import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WebSocketFrames,
    close_payload,
    frame_of,
    read_close,
)
from tests.support.examples import examples
from tests.support.websockets import MASK
from tests.unit.core.exchange.test_frames import Open

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"frame_rate": (20, 1), "frame_burst": 12, "message_rate": (5, 1)},
    {"ping_interval": 3.0, "ping_timeout": 2.0, "idle_timeout": 9.0},
)
SPLITS = (1, 2, 3, 7, 1 << 20)


@dataclass
class Side:
    """One peer: what it has said and not sent yet, all that it has sent, and what it has heard."""

    transport: MockTransport
    is_client: bool
    rest: bytes = b""
    said: bytes = b""
    heard: bytes = b""
    is_in_message: bool = False
    opcodes: list[int] = field(default_factory=list)

    def say(self, opcode: int, data: bytes = b"", *, is_last: bool = True) -> None:
        self.rest += frame_of(opcode, data, MASK if self.is_client else b"", is_last=is_last)

    def send(self, size: int) -> None:
        data, self.rest = self.rest[:size], self.rest[size:]
        if data and self.transport.is_reading() and not self.transport.is_closing():
            self.said += data
            self.transport.feed(data)

    def hear(self) -> None:
        if self.transport.capacity:
            self.heard += self.transport.take()


def step(found: Open, sides: tuple[Side, Side], number: int) -> None:
    """One thing happens."""
    act, rest = number % 16, number // 16
    side = sides[rest % 2]
    size = (0, 1, 20, 125, 126, 700)[rest // 2 % 6]
    if act < 4:  # a message, or a fragment of one
        is_last = act < 2
        side.say(CONTINUATION if side.is_in_message else TEXT + act % 2, b"x" * size, is_last=is_last)
        side.is_in_message = not is_last
    elif act < 6:
        side.say(PING if act == 4 else PONG, b"p" * min(size, 125))
    elif act < 10:
        side.send(SPLITS[rest // 2 % 5])
    elif act == 10:
        side.send(1 << 20)
    elif act == 11:
        found.edge.loop.advance((0.3, 1.0, 3.5, 6.0)[rest // 2 % 4])
    elif act == 12:
        side.transport.capacity = 0 if side.transport.capacity else 1 << 20
        if side.transport.capacity:
            side.transport.drain()
    elif act == 13 and rest % 5 == 0:
        found.edge.plane.drain()
    elif act == 14 and rest % 3 == 0:
        side.say(CLOSE, close_payload(1000 + rest % 4))
    elif act == 15 and rest % 3 == 0:
        side.rest += bytes((rest % 256, rest // 7 % 256)) + b"\xff" * size  # a rule is broken, as likely as not
    for one in sides:
        one.hear()


def frames_of(data: bytes, *, is_client: bool) -> tuple[list[Any], WebSocketFrames]:
    reader = WebSocketFrames(1000, 1500, is_masked=is_client)
    return reader.feed(data), reader


def check(found: Open, sides: tuple[Side, Side], *, has_rates: bool) -> None:
    """What each has heard is whole frames of the other, in order, and perhaps words of the gateway's own."""
    for side, other in (sides, sides[::-1]):
        heard, reader = frames_of(side.heard, is_client=not side.is_client)
        assert reader.problem is None and (reader.is_over or not reader._rest), "half a frame, or a wrong one"
        said, _ = frames_of(other.said, is_client=other.is_client)
        own = [one for one in heard if not (one.opcode == PING and one.payload == b"fastgw" and side.is_client)]
        passed = [one.raw for one in own]
        expected = [one.raw for one in said]
        if passed[: len(expected)] != expected[: len(passed)]:
            assert own[-1].opcode == CLOSE and passed[:-1] == expected[: len(passed) - 1]
            code, _ = read_close(own[-1].payload)
            assert code in (1001, 1002, 1007, 1008, 1009, 1011) and (code != 1008 or has_rates)
    messages = [
        sum(one.is_last and one.opcode < CLOSE for one in frames_of(side.heard, is_client=not side.is_client)[0])
        for side in sides
    ]
    counted = [found.count(MESSAGES), found.count(MESSAGES + 1)]
    assert messages[1] <= counted[0] and messages[0] <= counted[1]


@pytest.mark.parametrize("number", range(len(SETTINGS)))
@settings(max_examples=examples(400), deadline=None)
@given(story=st.lists(st.integers(0, 16 * 60 - 1), max_size=60))
def test_whatever_two_peers_say_what_must_hold_holds(number: int, story: list[int]) -> None:
    found = Open(**SETTINGS[number])
    sides = Side(found.client, True), Side(found.service, False)
    for one in story:
        step(found, sides, one)
    for side in sides:
        side.transport.capacity = 1 << 20
        side.transport.drain()
        side.hear()
    check(found, sides, has_rates=number == 1)
    assert sum(found.count(CLOSES + place) for place in range(len(ENDS))) == (1 - found.count(OPEN))
    found.edge.plane.cut_off()  # a worker that has no more time ends every one
    found.edge.loop.advance(20)
    found.client.lose()
    found.service.lose()
    found.edge.run()
    assert found.count(OPEN) == 0 == found.edge.count(counters.TUNNELS_OPEN) and not found.edge.plane.unconnected
    assert sum(found.count(CLOSES + place) for place in range(len(ENDS))) == 1
    assert found.edge.plane.body_bytes == 0
