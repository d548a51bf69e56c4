"""A client of MQTT and its broker, with a data plane between them, in the hands of a test."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.core.mqtt.carrier import MqttPool
from fastgw.core.mqtt_counters import (
    CLIENTS_OPEN,
    ENDS_OF_TUNNELS,
    FROM_CLIENTS,
    REFUSALS,
    TO_CLIENTS,
    TUNNELS_ENDED,
    TUNNELS_REFUSED,
)
from fastgw.filters.mqtt import Mqtt
from fastgw.testing.edge import WEBSOCKET, Edge, Spy
from fastgw.testing.mock import MockTransport
from fastgw.wire.mqtt_packets import NAMES
from fastgw.wire.websocket_frames import BINARY, CLOSE, WebSocketFrames, frame_of, read_close
from tests.support import mqtt
from tests.support.websockets import MASK

USUAL: dict[str, Any] = {
    "client_id": (),
    "publish": ((b"#",),),
    "subscribe": ((b"#",),),
    "login": "basic",
    "pass_login": True,
    "username": "",
    "password": None,
    "max_packet": 1000,
    "message_rate": (),
    "message_burst": None,
    "drain_grace": 10.0,
}
HANDSHAKE = WEBSOCKET[:-2] + b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
OWN = ((b"devices/", "note.mqtt.client_id", b"/#"),)  #: what only the client with this id may


class MqttStage:
    """One client that has sent its CONNECT, and what comes of it."""

    def __init__(
        self,
        connect: bytes | None = None,
        *,
        version: int = 4,
        is_web: bool = False,
        behind: tuple[Any, ...] = (),
        route: dict[str, Any] | None = None,
        edge: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """``behind``: filters that follow; ``options``: of the filter, other than ``USUAL``."""
        self.notes: list[Any] = []
        self.errors: list[Any] = []
        self.statuses: list[int] = []
        self.version = version
        self.is_web = is_web
        spy = Spy("spy", [], done=self._on_done)
        listener = {} if is_web else {"protocols": ("mqtt",)}
        self.edge = Edge(
            filters=[spy, Mqtt("mqtt", USUAL | options), *behind],
            listener=listener,
            route=route or {},
            make_pool=lambda endpoint, plane: MqttPool(endpoint, plane),
            **(edge or {}),
        )
        self._frames = WebSocketFrames(1 << 20, 1 << 20, is_masked=False)
        self.close: tuple[int, str] | None = None  #: of the WebSocket
        self.connect = mqtt.connect(version=version) if connect is None else connect
        self.client: MockTransport = self.edge.client(HANDSHAKE if is_web else b"")
        if is_web:
            self.answer = self.client.take()
        if self.connect:
            self.say(self.connect)
        self.broker: MockTransport | None = None

    def _on_done(self, exchange: Any) -> None:
        self.notes.append(exchange.notes)
        self.errors.append(exchange.error)
        self.statuses.append(exchange.response.status)

    def open(self, *, extra: bytes = b"") -> MqttStage:
        """The broker gets the CONNECT, and lets the client in."""
        self.broker = self.edge.connect()
        assert self.broker.take() == self.connect
        answer = mqtt.connack(version=self.version, extra=extra)
        self.broker.feed(answer)
        self.edge.run()
        assert self.heard() == answer
        return self

    # --- the two sides

    def say(self, *packets: bytes) -> None:
        """The client sends these."""
        data = b"".join(packets)
        self.client.feed(frame_of(BINARY, data, MASK) if self.is_web else data)
        self.edge.run()

    def heard(self) -> bytes:
        """What the client has got of MQTT since."""
        data = self.client.take()
        if not self.is_web:
            return data
        out = b""
        for frame in self._frames.feed(data):
            if frame.opcode == BINARY:
                out += frame.payload
            elif frame.opcode == CLOSE:
                self.close = read_close(frame.payload)
        return out

    def sent(self) -> bytes:
        """What the broker has got since."""
        assert self.broker is not None
        return self.broker.take()

    def tell(self, *packets: bytes) -> bytes:
        """The broker sends these; what the client has got then."""
        assert self.broker is not None
        self.broker.feed(b"".join(packets))
        self.edge.run()
        return self.heard()

    # --- what was counted

    def ended(self) -> list[str]:
        """Why tunnels are over."""
        return [
            name for place, name in enumerate(ENDS_OF_TUNNELS) for _ in range(self.edge.count(TUNNELS_ENDED + place))
        ]

    def refused(self) -> dict[str, int]:
        """What was refused, and how often."""
        found = {name: self.edge.count(TUNNELS_REFUSED + place) for place, name in enumerate(REFUSALS)}
        return {name: count for name, count in found.items() if count}

    def packets(self, *, of_client: bool) -> dict[str, int]:
        """How many packets of a type came, or went."""
        at = FROM_CLIENTS if of_client else TO_CLIENTS
        found = {name: self.edge.count(at + place) for place, name in enumerate(NAMES[1:])}
        return {name: count for name, count in found.items() if count}

    def end(self) -> None:
        """Nothing may be left."""
        self.client.lose()
        self.edge.run()
        assert self.edge.count(CLIENTS_OPEN) == self.edge.count(counters.TUNNELS_OPEN) == 0
        assert not self.edge.plane.unconnected
        self.edge.end()
