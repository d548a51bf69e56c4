"""Services of HTTP/2 in a random story (``tests.support.casts``): another implementation's, which notices every frame that may not come."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from fastgw.testing.edge import Edge
from fastgw.testing.mock import MockTransport

Head = list[tuple[str, str]]
#: Status, more fields, the body, trailers, whether more may come.
ANSWERS: list[tuple[str, Head, bytes, Head, bool]] = [
    ("200", [("content-length", "2")], b"ok", [], False),
    ("200", [("content-length", "2")], b"o", [], False),
    ("200", [], b"ok", [("x-sum", "1")], False),
    ("200", [], b"ok", [], True),
    ("200", [], b"", [], False),
    ("204", [], b"", [], False),
    ("200", [("content-length", "90000")], b"x" * 90_000, [], False),
    ("100", [], b"", [], True),
    ("103", [], b"", [], True),
    ("200", [("content-length", "3")], b"ok", [("x-sum", "1")], False),
    ("101", [], b"", [], True),
    ("200", [("connection", "close")], b"ok", [], False),
    ("503", [("retry-after", "1")], b"", [], False),
    ("200", [("content-type", "application/grpc")], b"\0\0\0\0\2ab", [("grpc-status", "0")], False),
    ("200", [("content-type", "application/grpc")], b"\0\0\0\0\2ab", [], True),
    ("200", [("content-type", "application/grpc"), ("grpc-status", "14")], b"", [], False),
]


@dataclass
class Asked:
    """One request, and what was said to it."""

    path: str
    is_answered: bool = False  #: its head
    is_over: bool = False


class Http2Server:
    """One connection."""

    def __init__(self, transport: MockTransport, what: int) -> None:
        config = h2.config.H2Configuration(
            client_side=False,
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        most = (1, 2, 100)[what % 3]
        codes = h2.settings.SettingCodes
        said = {codes.MAX_CONCURRENT_STREAMS: most, codes.ENABLE_CONNECT_PROTOCOL: what % 2}
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values=said)
        self.transport = transport
        self.asked: dict[int, Asked] = {}
        self.is_taking = False  #: whatever comes is given room for
        self.has_left = False  #: it has said GOAWAY
        self.h2.initiate_connection()
        if what != 4:
            self.flush()

    def flush(self) -> None:
        """Send what is to be said."""
        data = self.h2.data_to_send()
        if data and not self.transport.is_lost and not self.transport.has_ended:
            self.transport.feed(data)

    def collect(self) -> None:
        """Take what has come; nothing of it may be a fault."""
        data = self.transport.take()
        if self.has_left:
            return  # the other implementation wants no frame any more
        for event in self.h2.receive_data(data) if data else ():
            self._on(event)
        self.flush()

    def _on(self, event: Any) -> None:
        match event:
            case h2.events.RequestReceived():
                head = {str(name): str(value) for name, value in event.headers or ()}
                self.asked[event.stream_id] = Asked(head[":path"])
            case h2.events.DataReceived():
                if self.is_taking and event.flow_controlled_length:
                    self.widen(event.stream_id, event.flow_controlled_length)
            case h2.events.StreamReset():
                self.asked[event.stream_id].is_over = True

    def widen(self, stream: int, size: int) -> None:
        """Have room for more."""
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            self.h2.increment_flow_control_window(size)
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            self.h2.increment_flow_control_window(size, stream)
        self.flush()

    def answer(self, stream: int, what: int) -> None:
        """Answer what was asked on ``stream``."""
        asked = self.asked[stream]
        status, more, body, trailers, is_open = ANSWERS[what % len(ANSWERS)]
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            if not asked.is_answered:
                fields = [(":status", status), *([("x-for", asked.path)] if status[0] != "1" else []), *more]
                is_last = not body and not trailers and not is_open
                asked.is_answered = status[0] != "1"
                self.h2.send_headers(stream, fields, end_stream=is_last)
                asked.is_over = is_last
            self.send(stream, body, trailers, is_last=not is_open)
        self.flush()

    def send(self, stream: int, body: bytes, trailers: Head, *, is_last: bool) -> None:
        """More of an answer's body, as much as there is room for."""
        asked = self.asked[stream]
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            while body and not asked.is_over:
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(body))
                if room <= 0:
                    return
                asked.is_over = is_last and room == len(body) and not trailers
                self.h2.send_data(stream, body[:room], end_stream=asked.is_over)
                body = body[room:]
            if trailers and not asked.is_over:
                asked.is_over = True
                self.h2.send_headers(stream, trailers, end_stream=True)


class Http2Services:
    """All of them."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.servers: list[Http2Server] = []

    def act(self, action: int, who: int, what: int) -> None:
        """See ``Cast``."""
        if action > 21:
            attempts = self.edge.attempts
            if attempts:
                self._open(attempts[who % len(attempts)], what)
            return
        servers = [one for one in self.servers if not one.transport.is_lost]
        if not servers:
            return
        self.collect()
        server = servers[who % len(servers)]
        streams = [number for number, one in server.asked.items() if not one.is_over]
        stream = streams[what % len(streams)] if streams else 0
        if action == 18:
            server.transport.capacity = 0
        elif action == 19:
            server.transport.drain(None if what % 2 else 50_000)
            if stream:
                server.widen(stream, 1 + 20_000 * (what % 3))
        elif action == 21:
            self._end(server, what)
        elif stream and action < 17:
            server.answer(stream, 0 if what > 8 and action < 15 else what)
        elif stream and action == 17:
            server.send(stream, b"o", [("x-sum", "2")] if what % 3 == 0 else [], is_last=what % 2 == 0)
            server.flush()
        elif stream:
            codes = h2.errors.ErrorCodes
            with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
                server.h2.reset_stream(stream, (codes.REFUSED_STREAM, codes.INTERNAL_ERROR, codes.NO_ERROR)[what % 3])
                server.asked[stream].is_over = True
            server.flush()

    def _open(self, attempt: Any, what: int) -> None:
        if what < 2:
            attempt.fail((ConnectionRefusedError("refused"), TimeoutError())[what])
            return
        transport = attempt.succeed(extra={"socket": None})
        if what == 2:
            transport.feed_eof()
        elif what == 3:
            transport.lose()
        elif what == 5:
            transport.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        else:
            self.servers.append(Http2Server(transport, what))

    def _end(self, server: Http2Server, what: int) -> None:
        transport = server.transport
        if what < 4:
            transport.lose(ConnectionResetError() if what % 2 else None)
        elif what < 6:
            if not transport.has_ended:
                transport.feed_eof()
        elif not transport.has_ended:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                last = max(server.asked, default=0) - 2 * (what % 3)
                server.has_left = True
                server.h2.close_connection(0 if what % 2 else 11, last_stream_id=max(0, last))
            for number, one in server.asked.items():
                one.is_over = one.is_over or number > last
            server.flush()

    def collect(self) -> None:
        """See ``Cast``."""
        for server in self.servers:
            server.collect()

    def drain(self) -> None:
        """See ``Cast``."""
        for server in self.servers:
            if server.transport.is_lost:
                continue
            server.is_taking = True
            server.transport.drain()
            self.collect()
            for stream in server.asked:
                server.widen(stream, 200_000)
