"""A service of HTTP/2 made of another implementation, behind an ``Edge``; and frames by hand for what that one would not send."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from fastgw.core.settings import Address, PoolSettings
from fastgw.testing import usual
from fastgw.testing.edge import Edge
from fastgw.testing.mock import MockTransport
from fastgw.wire.http2.frame_kinds import NONE, PREFACE
from fastgw.wire.http2.frames import FrameReader

OK = ((":status", "200"), ("content-length", "2"))


class Behind(Edge):
    """An edge whose service speaks HTTP/2; ``options``: of ``Edge``."""

    protocol = "h2"

    def endpoint(self, port: int, slot: int, pool: PoolSettings | None = None) -> Any:
        """See ``Edge``."""
        address = Address("127.0.0.1", port)
        return usual.endpoint(
            self.plane.registry, "s", address, pool=pool or usual.pool(), slot=slot, protocol=self.protocol
        )

    def serve(self, **options: Any) -> Server:
        """Let the oldest attempt succeed: there is a service that keeps the rules."""
        return Server(self, **options)

    def pool(self, place: int = 0) -> Any:
        """Of an endpoint."""
        return self.endpoints[place].pool


class Server:
    """One connection of a service that keeps the rules."""

    def __init__(
        self, edge: Edge, *, most: int = 100, window: int = 65_535, transport: Any = None, **options: Any
    ) -> None:
        """``most``: streams; ``window``: of each; ``options``: of the transport."""
        self.edge = edge
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="latin-1"))
        self.h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: most,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window,
            },
        )
        self.events: list[Any] = []
        self.heads: dict[int, list[tuple[str, str]]] = {}
        self.trailers: dict[int, list[tuple[str, str]]] = {}
        self.bodies: dict[int, bytes] = defaultdict(bytes)
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.goaways: list[int] = []
        self.transport: MockTransport = transport or edge.connect(**options)
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what there is to be said, and hear what is answered."""
        if (data := self.h2.data_to_send()) and not self.transport.is_closing():
            self.transport.feed(data)
        self.listen()

    def listen(self) -> None:
        """Hear what has been sent."""
        self.edge.run()
        data = self.transport.take()
        for event in self.h2.receive_data(data) if data else ():
            self._on(event)
        if (data := self.h2.data_to_send()) and not self.transport.is_closing():
            self.transport.feed(data)

    def _on(self, event: Any) -> None:
        self.events.append(event)
        match event:
            case h2.events.RequestReceived():
                self.heads[event.stream_id] = [(str(name), str(value)) for name, value in event.headers or ()]
            case h2.events.TrailersReceived():
                self.trailers[event.stream_id] = [(str(name), str(value)) for name, value in event.headers or ()]
            case h2.events.DataReceived():
                self.bodies[event.stream_id] += event.data or b""
            case h2.events.StreamEnded():
                self.ended.add(event.stream_id)
            case h2.events.StreamReset():
                self.resets[event.stream_id] = int(event.error_code or 0)
            case h2.events.ConnectionTerminated():
                self.goaways.append(int(event.error_code or 0))

    def head(self, number: int) -> dict[str, str]:
        """Of the request on this stream."""
        return dict(self.heads[number])

    def answer(
        self,
        number: int,
        head: tuple[tuple[str, str], ...] = OK,
        body: bytes | None = b"ok",
        trailers: tuple[tuple[str, str], ...] = (),
        *,
        more: bool = False,
    ) -> None:
        """Answer; ``body``: None for none; ``more``: more comes behind it."""
        self.h2.send_headers(number, list(head), end_stream=body is None and not trailers and not more)
        if body is not None:
            pieces = [body[at : at + 16_000] for at in range(0, len(body), 16_000)] or [b""]
            for piece in pieces:
                self.h2.send_data(number, piece, end_stream=piece is pieces[-1] and not trailers and not more)
        if trailers:
            self.h2.send_headers(number, list(trailers), end_stream=True)
        self.flush()


class RawServer:
    """One connection of a service that may break rules: bytes in, frames out."""

    def __init__(self, edge: Edge, first: bytes = b"\0\0\0\4\0\0\0\0\0", **options: Any) -> None:
        """``first``: what it says first, SETTINGS; ``options``: of the transport."""
        self.edge = edge
        self.transport = edge.connect(**options)
        self._reader = FrameReader(1 << 20)
        self.frames: list[tuple[int, int, int, bytes]] = []
        assert self.transport.take().startswith(PREFACE)
        self.send(first)

    def send(self, data: bytes) -> None:
        """Send it, and hear what is answered."""
        if data and not self.transport.is_closing():
            self.transport.feed(data)
        self.listen()

    def listen(self) -> None:
        """Hear what has been sent."""
        self.edge.run()
        self._reader.feed(self.transport.take())
        while (kind := self._reader.read()) != NONE:
            self.frames.append((kind, self._reader.flags, self._reader.stream, self._reader.payload))

    def codes(self, kind: int, at: int = 0) -> list[int]:
        """The error codes of all frames of this kind."""
        return [int.from_bytes(one[3][at : at + 4], "big") for one in self.frames if one[0] == kind]
