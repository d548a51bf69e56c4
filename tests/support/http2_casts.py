"""Clients of HTTP/2 in a random story (``tests.support.casts``): another implementation's, which notices every frame that may not come."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.stream

from fastgw.core.http2.client import Http2Client
from fastgw.testing.edge import Edge
from fastgw.testing.mock import MockTransport

# The other implementation ignores what is still under way on a stream that it has reset, but for interim answers.
_CLOSED, _INPUTS = h2.stream.StreamState.CLOSED, h2.stream.StreamInputs
h2.stream._transitions.setdefault(
    (_CLOSED, _INPUTS.RECV_INFORMATIONAL_HEADERS), h2.stream._transitions[_CLOSED, _INPUTS.RECV_HEADERS]
)

#: Method, more fields, the body, and whether more may come.
ASKS: list[tuple[str, list[tuple[str, str]], bytes, bool]] = [
    ("GET", [], b"", False),
    ("HEAD", [], b"", False),
    ("POST", [("content-length", "5")], b"hello", False),
    ("POST", [("content-length", "5"), ("expect", "100-continue")], b"", True),
    ("POST", [], b"hello", True),
    ("POST", [], b"abc", False),
    ("PUT", [("content-length", "60000")], b"x" * 60_000, False),
    ("GET", [("te", "trailers")], b"", False),
    ("POST", [("content-length", "7")], b"hello", False),
    ("GET", [("connection", "close")], b"", False),
    ("POST", [("content-type", "application/grpc"), ("te", "trailers")], b"\0\0\0\0\2ab", False),
    ("POST", [("content-type", "application/grpc"), ("grpc-timeout", "3S")], b"\0\0\0\0\2ab", True),
]


@dataclass
class Asked:
    """One request, and what came for it."""

    path: bytes
    method: str
    head: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_over: bool = False
    is_sent: bool = False  #: all of the request: the other implementation takes more for the end of the stream


class Http2Peer:
    """One connection."""

    def __init__(self, edge: Edge, number: int, capacity: int | None) -> None:
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.asked: dict[int, Asked] = {}
        self.is_taking = False  #: whatever comes is given room for
        listener = edge.plane.listeners["edge"]
        made: Any = Http2Client(edge.plane, listener)
        self.transport: MockTransport = edge.loop.accept(
            lambda: made, capacity=capacity, extra={"peername": (f"10.0.0.{number}", 1)}
        )
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent."""
        data = self.h2.data_to_send()
        if data and not self.transport.is_lost and not self.transport.has_ended:
            self.transport.feed(data)

    def ask(self, number: int, what: int) -> None:
        """Begin a stream."""
        method, more, body, has_more = ASKS[what % len(ASKS)]
        with contextlib.suppress(
            h2.exceptions.ProtocolError, KeyError
        ):  # it was told to begin no more, or has too many
            stream = self.h2.get_next_available_stream_id()
            path = b"/%d/%d" % (number, stream)
            head = [(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", path.decode()), *more]
            self.h2.send_headers(stream, head, end_stream=not body and not has_more)
            self.asked[stream] = Asked(path, method, is_sent=not body and not has_more)
            self.send(stream, body, is_last=not has_more)
        self.flush()

    def send(self, stream: int, data: bytes, *, is_last: bool) -> None:
        """More of a request's body, as much as there is room for."""
        asked = self.asked[stream]
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            while data and not asked.is_sent:
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data))
                if room <= 0:
                    return
                asked.is_sent = is_last and room == len(data)
                self.h2.send_data(stream, data[:room], end_stream=asked.is_sent)
                data = data[room:]

    def collect(self) -> None:
        """Take what has come; nothing of it may be a fault."""
        data = self.transport.take()
        if not data:
            return
        for event in self.h2.receive_data(data):
            self._on(event)
        self.flush()

    def _on(self, event: Any) -> None:
        match event:
            case h2.events.ResponseReceived():
                self.asked[event.stream_id].head = {str(name): str(value) for name, value in event.headers or ()}
            case h2.events.DataReceived():
                self.asked[event.stream_id].body += event.data or b""
                if self.is_taking and event.flow_controlled_length:
                    self.widen(event.stream_id, event.flow_controlled_length)
            case h2.events.StreamEnded() | h2.events.StreamReset():
                self.asked[event.stream_id].is_over = True

    def widen(self, stream: int, size: int) -> None:
        """Have room for more."""
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            self.h2.increment_flow_control_window(size)
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            self.h2.increment_flow_control_window(size, stream)
        self.flush()


class Http2Clients:
    """All of them."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.peers: list[Http2Peer] = []

    def arrive(self, what: int) -> None:
        """See ``Clients``."""
        self.peers.append(Http2Peer(self.edge, len(self.peers), 0 if what == 1 else None))

    @property
    def asked_times(self) -> int:
        """See ``Clients``."""
        return sum(len(peer.asked) for peer in self.peers)

    def act(self, action: int, who: int, what: int) -> None:
        """See ``Cast``."""
        peers = [one for one in self.peers if not one.transport.is_lost]
        if not peers:
            return
        peer = peers[who % len(peers)]
        streams = [number for number, one in peer.asked.items() if not one.is_over]
        stream = streams[what % len(streams)] if streams else 0
        if action < 8:
            peer.ask(self.peers.index(peer), what)
        elif action == 9:
            peer.transport.capacity = 0
        elif action == 11 and what < 2:
            peer.transport.lose(ConnectionResetError() if what else None)
        elif action == 10:
            peer.transport.drain(None if what % 2 else 50_000)
            if stream:
                peer.widen(stream, 1 + 20_000 * (what % 3))
        elif stream and action == 8:
            peer.send(stream, b"hello" if what % 3 else b"x" * 70_000, is_last=who % 2 == 0)
            peer.flush()
        elif stream:
            with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
                peer.h2.reset_stream(stream)
                peer.asked[stream].is_over = True
            peer.flush()

    def collect(self) -> None:
        """See ``Cast``."""
        for peer in self.peers:
            peer.collect()

    def drain(self) -> None:
        """See ``Cast``."""
        for peer in self.peers:
            peer.is_taking = True
            peer.transport.drain()
            peer.collect()
            for stream in peer.asked:
                peer.widen(stream, 200_000)

    def judge(self) -> None:
        """See ``Clients``."""
        for peer in self.peers:
            for asked in peer.asked.values():
                assert asked.head.get("x-for", asked.path.decode()) in (asked.path.decode(), "/early"), asked
                assert not (asked.method == "HEAD" and asked.body)
