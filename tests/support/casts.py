"""Who plays in a random story (``tests/unit/core/test_stories.py``): clients and services, of HTTP/1 and with many exchanges at once.

A cast does what a few small numbers say, keeps what everybody got, and judges it at the end: every client asks for paths of its own, and
every answer names the path it is for, so an answer that reached another client, or came out of order, is seen.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from fastgw.errors import RETRY_SAFE
from fastgw.testing.edge import SWITCHING, WEBSOCKET, Edge
from fastgw.testing.mock import MockTransport
from fastgw.wire.chunked import ChunkReader
from tests.support.streams.client import ClientLink, StreamClient
from tests.support.streams.service import ServiceLink, StreamCarrier

ASKS = [
    b"GET %b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"HEAD %b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
    b"PUT %b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000,
    b"GET %b HTTP/1.0\r\nHost: a.test\r\n\r\n",
    b"GET %b HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
    b"GET %b HTTP/1.1\r\nHost: a.test\r\nConnection: TE\r\nTE: trailers\r\n\r\n",
    WEBSOCKET.replace(b"GET /", b"GET %b"),
]
MORE = [b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n", b"G", b"\r\n", b"z\r\n", b"\0", b"x" * 70_000]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 2\r\n\r\no",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\nX-For: %b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 2\r\n\r\nokLEFTOVER",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000,
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 2",
    b"o",
    b"0\r\n\r\n",
    b"NOT HTTP\r\n\r\n",
    SWITCHING,
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Type: application/grpc\r\n\r\n\0\0\0\0\2ab",
]


class Cast(Protocol):
    """One side of a story."""

    def act(self, action: int, who: int, what: int) -> None:
        """Let one of them do something; a client ``action`` is 2 to 11, one of a service 12 to 25."""

    def collect(self) -> None:
        """Keep what everybody got."""

    def drain(self) -> None:
        """From now on everybody takes all there is."""


class Clients(Cast, Protocol):
    """The side that asks."""

    def arrive(self, what: int) -> None:
        """One more connects."""

    @property
    def asked_times(self) -> int:
        """Requests so far."""

    def judge(self) -> None:
        """At the end: everybody got only answers to its own requests, in order."""


def heads_in(data: bytes, methods: list[bytes]) -> list[bytes]:
    """The heads of the final answers in what a client got, read as a client would: by their framing.

    ``methods``: of its requests; the answers are theirs, in order, until the connection ends.
    """
    heads: list[bytes] = []
    while (end := data.find(b"\r\n\r\n")) >= 0:
        head, data = data[: end + 4], data[end + 4 :]
        status = int(head[9:12])
        if status < 200 and status != 101:
            continue
        assert len(heads) < len(methods) or status in (400, 408, 414, 431, 501), head
        method = methods[len(heads)] if len(heads) < len(methods) else b""
        heads.append(head)
        length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)\r\n", head)
        if status == 101:
            break
        if method == b"HEAD" or status in (204, 304):
            continue
        if b"transfer-encoding: chunked" in head.lower():
            reader = ChunkReader(10_000, 100)
            reader.feed(data, 0)
            data = data[reader.end :]
        else:
            data = data[int(length[1]) :] if length else b""
    return heads


def path_for(head: bytes) -> bytes | None:
    """The path that an answer names; None: it is the gateway's own."""
    found = re.search(rb"\r\nX-For: (/[a-z0-9/]+)\r\n", head)
    return found[1] if found else None


def send(side: MockTransport, data: bytes) -> None:
    """Let ``data`` arrive, unless the connection is lost or its peer has ended its side."""
    if data and not side.is_lost and not side.has_ended:
        side.feed(data)


class Http1Clients:
    """Clients with one request after the other on each connection."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.asked: dict[MockTransport, list[tuple[bytes, bytes]]] = {}  #: methods and paths
        self.took: dict[MockTransport, bytearray] = {}

    def arrive(self, what: int) -> None:
        number = len(self.asked)
        client = self.edge.client(capacity=0 if what == 1 else None, extra={"peername": (f"10.0.0.{number}", 1)})
        self.asked[client] = []
        self.took[client] = bytearray()

    @property
    def asked_times(self) -> int:
        return sum(map(len, self.asked.values()))

    def act(self, action: int, who: int, what: int) -> None:
        clients = [one for one in self.asked if not one.is_lost]
        if not clients:
            return
        client = clients[who % len(clients)]
        if action < 8:
            number = list(self.asked).index(client)
            path = b"/%d/%d" % (number, len(self.asked[client]))
            ask = ASKS[what % len(ASKS)].replace(b"%b", path)
            self.asked[client].append((ask.partition(b" ")[0], path))
            cut = (what + who) * 7
            for part in (ask[:cut], ask[cut:]) if who % 2 else (ask,):
                send(client, part)
        elif action == 8:
            send(client, MORE[what % len(MORE)])
        elif action == 9:
            client.capacity = 0
        elif action == 10:
            client.drain(None if what % 2 else 50_000)
        elif what % 2:
            if not client.has_ended:
                client.feed_eof()
        else:
            client.lose(ConnectionResetError() if what % 4 else None)

    def collect(self) -> None:
        for client in self.asked:
            self.took[client] += client.take()

    def drain(self) -> None:
        for client in self.asked:
            client.drain()

    def judge(self) -> None:
        for client, asked in self.asked.items():
            for number, head in enumerate(heads_in(bytes(self.took[client]), [method for method, _ in asked])):
                path = path_for(head)
                assert path is None or path in (asked[number][1], b"/early"), (head, asked)


class StreamClients:
    """Clients with many requests at once on each connection."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.links: list[ClientLink] = []
        self.asked: dict[StreamClient, tuple[bytes, bytes]] = {}  #: method and path

    def arrive(self, what: int) -> None:
        self.links.append(ClientLink(self.edge, b"10.0.0.%d" % len(self.links)))

    @property
    def asked_times(self) -> int:
        return len(self.asked)

    def act(self, action: int, who: int, what: int) -> None:
        links = [one for one in self.links if not one.is_closed]
        if not links:
            return
        link = links[who % len(links)]
        streams = sorted(link.open_streams, key=link.streams.index)
        stream = streams[what % len(streams)] if streams else None
        if action < 8:
            self._ask(link, what, is_whole=action != 7)
        elif action == 11 and what == 0:
            link.lose()
        elif stream is None:
            return
        elif action == 8:
            stream.feed(MORE[what % len(MORE)], is_last=who % 2 == 0)
        elif action == 9:
            stream.outgoing.room = 0
        elif action == 10:
            stream.outgoing.drain(None if what % 2 else 50_000)
        else:
            stream.reset()

    def _ask(self, link: ClientLink, what: int, *, is_whole: bool) -> None:
        path = b"/%d/%d" % (self.links.index(link), len(link.streams))
        ask = ASKS[what % len(ASKS)].replace(b"%b", path)
        end = ask.index(b"\r\n\r\n") + 4
        data = b"hello" if b"chunked" in ask else ask[end:]
        stream = link.ask(ask[:end], data, is_last=is_whole and b"Expect" not in ask)
        self.asked[stream] = (ask.partition(b" ")[0], path)

    def collect(self) -> None:
        """Each stream keeps what it gets."""

    def drain(self) -> None:
        for stream in self.asked:
            stream.outgoing.drain()

    def judge(self) -> None:
        for stream, (method, path) in self.asked.items():
            assert path_for(stream.head) in (None, path, b"/early"), (stream.head, path)
            assert not (stream.is_complete and stream.refused is None and not stream.head)
            if method == b"HEAD" and not stream.head.startswith(b"HTTP/1.1 101"):
                assert not stream.body


class Http1Services:
    """Services that answer one request after the other on each connection."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.seen: dict[MockTransport, bytearray] = {}

    def act(self, action: int, who: int, what: int) -> None:
        if action > 21:
            attempts = self.edge.attempts
            if attempts:
                self._open(attempts[who % len(attempts)], what)
            return
        services = self._services()
        if action < 17:  # mostly those that owe an answer
            services = [one for one in services if getattr(one.protocol, "exchange", None) is not None]
        if not services:
            return
        service = services[who % len(services)]
        if action < 18:
            self.collect()
            answer = ANSWERS[0 if what > 8 and action < 15 else what % len(ANSWERS)]
            send(service, answer.replace(b"%b", self._path_at(service)))
        elif action == 18:
            service.capacity = 0
        elif action == 19:
            service.drain(None if what % 2 else 50_000)
        elif action == 20:
            if not service.has_ended:
                service.feed_eof()
        else:
            service.lose(ConnectionResetError() if what % 2 else None)

    def _open(self, attempt: Any, what: int) -> None:
        if what < 2:
            attempt.fail((ConnectionRefusedError("refused"), TimeoutError())[what])
        else:
            transport = attempt.succeed(extra={"socket": None})
            if what == 2:
                transport.feed_eof()
            elif what == 3:
                transport.lose()

    def _services(self) -> list[MockTransport]:
        made = [attempt.transport for attempt in self.edge.loop.attempts]
        return [one for one in made if one is not None and not one.is_lost]

    def collect(self) -> None:
        for attempt in self.edge.loop.attempts:
            if attempt.transport is not None:
                self.seen.setdefault(attempt.transport, bytearray()).extend(attempt.transport.take())

    def drain(self) -> None:
        for service in self._services():
            service.drain()

    def _path_at(self, service: MockTransport) -> bytes:
        """The path of the request that this service got last; ``/early`` when it has not read all that came, or is not read itself
        (the mock has no kernel that could be asked whether more bytes wait, as ``Connection.has_news`` does)."""
        if service.get_write_buffer_size() or not self.seen.get(service) or not service.is_reading():
            return b"/early"
        return asked_path(bytes(self.seen[service]))


class StreamServices:
    """Services that answer many requests at once on each connection, in any order."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    def act(self, action: int, who: int, what: int) -> None:
        links: list[ServiceLink] = [link for one in self.edge.made for link in one.pool.links]  # type: ignore[attr-defined]
        opening = [one for one in links if not one.is_open]
        links = [one for one in links if one.is_open]
        if action > 21:
            if opening:
                self._open(opening[who % len(opening)], what)
        elif action == 21 and links:
            link = links[who % len(links)]
            if what % 2:
                link.lose()
            else:
                link.go_away(what // 2)
        else:
            streams = [one for link in links for one in sorted(link.open_streams, key=link.streams.index)]
            if streams:
                self._stream(action, streams[who % len(streams)], what)

    def _stream(self, action: int, stream: StreamCarrier, what: int) -> None:
        if action < 17:
            answer = ANSWERS[0 if what > 8 and action < 15 else what % len(ANSWERS)]
            head, _, data = answer.replace(b"%b", asked_path(stream.head)).partition(b"\r\n\r\n")
            is_last = not data.endswith(b"2\r\nok\r\n") and data != b"o"
            if b"chunked" in head:
                head, data = head.replace(b"Transfer-Encoding: chunked", b"X-Was: chunked"), b"ok"
            stream.answer(head + b"\r\n\r\n", data, is_last=is_last)
        elif action == 17:
            stream.feed(b"o", is_last=what % 2 == 0)
        elif action == 18:
            stream.outgoing.room = 0
        elif action == 19:
            stream.outgoing.drain(None if what % 2 else 50_000)
        else:
            stream.reset(RETRY_SAFE if what % 2 else 0)

    def _open(self, link: ServiceLink, what: int) -> None:
        if what < 2:
            link.refuse((ConnectionRefusedError("refused"), TimeoutError())[what])
        else:
            link.open()
            if what == 3:
                link.lose()

    def collect(self) -> None:
        """Each stream keeps what it gets."""

    def drain(self) -> None:
        for endpoint in self.edge.endpoints:
            for link in endpoint.pool.links:  # type: ignore[attr-defined]
                for stream in list(link.open_streams):
                    stream.outgoing.drain()


def asked_path(data: bytes) -> bytes:
    """The path of the last request in what a service got."""
    found: list[bytes] = re.findall(rb"(?:GET|HEAD|POST|PUT) (/[0-9]+/[0-9]+) HTTP/1\.1\r\n", data)
    return found[-1]
