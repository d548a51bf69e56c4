"""A client of a call over a WebSocket, with the gateway and the service on a mock loop."""

from __future__ import annotations

from typing import Any

import orjson

from fastgw.core import counters
from fastgw.testing.edge import WEBSOCKET
from fastgw.testing.mock import MockTransport
from fastgw.wire.websocket_frames import CLOSE, PONG, TEXT, WebSocketFrames, close_payload, frame_of, read_close
from tests.support.transcoded import encoded, stage
from tests.support.websockets import MASK

TALK = "/library.v1.Library/Talk"
UPLOAD = "/v1/books:upload"
ONE, TWO = encoded("Book", name="one"), encoded("Book", name="two")


def handshake(path: str, *fields: str) -> bytes:
    """A request for a WebSocket."""
    more = "".join(f"{one}\r\n" for one in fields).encode()
    return WEBSOCKET.replace(b"GET / ", f"GET {path} ".encode()).replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n")


class Talk:
    """A client that has asked for a WebSocket at ``path``, and the service behind it."""

    def __init__(self, path: str = TALK, *fields: str, before: tuple[Any, ...] = (), **options: Any) -> None:
        self.edge, self.notes = stage(*before, **options)
        self.client: MockTransport = self.edge.client(handshake(path, *fields))
        head, _, rest = self.client.take().partition(b"\r\n\r\n")
        self.head = head.lower()
        self.frames = WebSocketFrames(1 << 20, 1 << 20, is_masked=False)
        self.early = self.frames.feed(rest)

    def say(self, *messages: Any) -> None:
        """Send messages; values of JSON, or bytes as they are."""
        data = [one if isinstance(one, bytes) else orjson.dumps(one) for one in messages]
        self.client.feed(b"".join([frame_of(TEXT, one, MASK) for one in data]))

    def heard(self) -> list[Any]:
        """What has come: values of JSON, and of a CLOSE its code and reason."""
        frames = [*self.early, *self.frames.feed(self.client.take())]
        self.early = []
        found: list[Any] = []
        for one in frames:
            assert one.opcode in (TEXT, CLOSE, PONG)
            if one.opcode == PONG:
                found.append(one.payload)
            else:
                found.append(read_close(one.payload) if one.opcode == CLOSE else orjson.loads(one.payload))
        return found

    def close(self, code: int = 1000) -> None:
        """Say it."""
        self.client.feed(frame_of(CLOSE, close_payload(code), MASK))

    def end(self) -> None:
        """The closing handshake, and nothing may be left."""
        self.edge.run()
        if not self.client.is_closing():
            self.close()
        assert self.client.is_closing()
        assert self.edge.count(counters.TUNNELS_OPEN) == 0 and not self.edge.plane.unconnected
        self.edge.end()


def failed(found: list[Any]) -> tuple[dict[str, Any], int, str]:
    """The problem of the last message, and the CLOSE behind it."""
    *_, told, (code, reason) = found
    (problem,) = told.values()
    assert list(told) == ["error"]
    return problem, code, reason
