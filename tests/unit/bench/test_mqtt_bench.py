"""What a device of the benchmark of a bridge counts as acknowledged."""

from __future__ import annotations

import asyncio
import json

from bench.mqtt.devices import Source, Telling, said
from fastgw.testing.mock import MockTransport
from fastgw.wire.websocket_frames import CLOSE, TEXT, WebSocketFrames, frame_of


def test_a_device_knows_what_the_broker_has() -> None:
    async def story() -> None:
        source = Source(7)
        device = Telling("/up/7", source)
        transport = MockTransport(asyncio.get_running_loop(), device)
        device.connection_made(transport)
        assert transport.take().startswith(b"GET /up/7 HTTP/1.1\r\n")
        device.data_received(
            b"HTTP/1.1 101 Switching\r\n\r\n" + frame_of(TEXT, b'{"ack":3}') + frame_of(TEXT, b'{"error":{}}')
        )
        assert device.opened.result() is True and source.acknowledged == {3} and not device.is_over
        device.data_received(frame_of(CLOSE, b"\x03\xf5"))
        assert device.is_over

    asyncio.run(story())


def test_a_message_says_whose_it_is() -> None:
    (frame,) = WebSocketFrames(1000, 1000, is_masked=True).feed(said(5, 7))
    found = json.loads(frame.payload)
    assert found["id"] == found["payload"]["number"] == 5 and found["payload"]["device"] == 7
