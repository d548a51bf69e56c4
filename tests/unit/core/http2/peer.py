"""A client of HTTP/2 made of another implementation, in front of an ``Edge``; and frames by hand for what that one would not send."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from fastgw.testing.edge import Edge
from fastgw.testing.mock import MockTransport
from fastgw.wire.http2.frame_kinds import GOAWAY, NONE, PREFACE
from fastgw.wire.http2.frames import FrameReader

BOTH = ("http/1.1", "h2")
HEAD = ((":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/"))
POST = ((":method", "POST"), *HEAD[1:])


class Http2Edge(Edge):
    """An edge that speaks HTTP/2 too; ``options``: of ``Edge``."""

    def __init__(self, **options: Any) -> None:
        listener = {"protocols": BOTH, **options.pop("listener", {})}
        super().__init__(listener=listener, **options)


class Peer:
    """One connection of a client that keeps the rules."""

    def __init__(self, edge: Edge, **transport: Any) -> None:
        """``transport``: options of the client's."""
        self.edge = edge
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="latin-1"))
        self.transport: MockTransport = edge.client(**transport)
        self.events: list[Any] = []
        self.heads: dict[int, list[tuple[str, str]]] = {}
        self.interims: dict[int, list[tuple[str, str]]] = {}
        self.trailers: dict[int, list[tuple[str, str]]] = {}
        self.bodies: dict[int, bytes] = defaultdict(bytes)
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.goaways: list[tuple[int, int]] = []
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what there is to be said, and hear what is answered."""
        if (data := self.h2.data_to_send()) and not self.transport.is_closing():
            self.transport.feed(data)
        self.edge.run()
        self.listen()

    def listen(self) -> None:
        """Hear what has been sent."""
        self.edge.run()
        data = self.transport.take()
        for event in self.h2.receive_data(data) if data else ():
            self._on(event)

    def _on(self, event: Any) -> None:
        self.events.append(event)
        match event:
            case h2.events.ResponseReceived():
                self.heads[event.stream_id] = [(str(name), str(value)) for name, value in event.headers or ()]
            case h2.events.InformationalResponseReceived():
                self.interims[event.stream_id] = [(str(name), str(value)) for name, value in event.headers or ()]
            case h2.events.TrailersReceived():
                self.trailers[event.stream_id] = [(str(name), str(value)) for name, value in event.headers or ()]
            case h2.events.DataReceived():
                self.bodies[event.stream_id] += event.data or b""
            case h2.events.StreamEnded():
                self.ended.add(event.stream_id)
            case h2.events.StreamReset():
                self.resets[event.stream_id] = int(event.error_code or 0)
            case h2.events.ConnectionTerminated():
                self.goaways.append((int(event.error_code or 0), event.last_stream_id or 0))

    def ask(self, head: tuple[tuple[str, str], ...] = HEAD, body: bytes | None = None, *, more: bool = False) -> int:
        """Begin a stream; ``body``: sent with it; ``more``: more of it comes."""
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, list(head), end_stream=body is None and not more)
        if body is not None:
            self.h2.send_data(number, body, end_stream=not more)
        self.flush()
        return number

    def status(self, number: int) -> str:
        """Of the answer on this stream."""
        return dict(self.heads[number])[":status"]


class Raw:
    """One connection of a client that may break rules: bytes in, frames out."""

    def __init__(self, edge: Edge, first: bytes = b"\0\0\0\4\0\0\0\0\0") -> None:
        """``first``: what stands behind the preface, SETTINGS."""
        self.edge = edge
        self.transport = edge.client()
        self._reader = FrameReader(1 << 20)
        self.frames: list[tuple[int, int, int, bytes]] = []
        self.send(PREFACE + first)

    def send(self, data: bytes) -> None:
        """Send it, and hear what is answered."""
        if not self.transport.is_closing():
            self.transport.feed(data)
        self.edge.run()
        self._reader.feed(self.transport.take())
        while (kind := self._reader.read()) != NONE:
            self.frames.append((kind, self._reader.flags, self._reader.stream, self._reader.payload))

    @property
    def is_over(self) -> bool:
        """Whether nothing it sends counts any more."""
        return self.transport.is_closing() or bool(self.codes(GOAWAY))

    def codes(self, kind: int, at: int = 0) -> list[int]:
        """The error codes of all frames of this kind."""
        return [int.from_bytes(one[3][at : at + 4], "big") for one in self.frames if one[0] == kind]
