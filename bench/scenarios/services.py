"""The services behind the gateways: one asyncio process, three ports and a control port.

`main` answers by the path: `/bytes/N` with N bytes under flow control, `/events/S` with server-sent events for S
seconds (20 a second, each carrying the clock of its writing), `/mutated/SEED` with a damaged answer, everything else
with a 62-byte JSON document. `sink` accepts and never reads. `hole` reads and never answers. The control port
answers any connection with one JSON line: how many connections of each kind are open, and how many were ever accepted.

Run as `python -m bench.scenarios.services MAIN SINK HOLE CONTROL`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import ClassVar, cast

import uvloop

from bench.scenarios.mutate import mutated_answer

ANSWER = b'{"object":"list","data":[{"id":"model-a","object":"model"}]}\r\n'
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
EVENT_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS_PER_SECOND = 20
BLOCK = b"x" * 65536
SINK_BUFFER = 65536
KINDS = frozenset({"bytes", "events", "mutated"})


class Board:
    """Counts of open connections by kind, and of all ever accepted; the control port reads it."""

    __slots__ = ("accepted", "open")

    def __init__(self) -> None:
        self.open: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()

    def render(self) -> bytes:
        """Return the counts as one JSON line."""
        return json.dumps({"open": +self.open, "accepted": self.accepted}).encode() + b"\n"


class BodySkipper:
    """Counts a request body to its end: `feed` returns what follows it, or None while it goes on."""

    __slots__ = ("_buffer", "_chunked", "_left")

    def __init__(self, length: int, chunked: bool) -> None:
        self._left = length
        self._chunked = chunked
        self._buffer = b""

    def feed(self, data: bytes) -> bytes | None:
        """Consume `data`; return the surplus once the body is complete.

        Raises:
            ValueError: the chunk grammar is broken.
        """
        if not self._chunked:
            taken = min(self._left, len(data))
            self._left -= taken
            return data[taken:] if self._left == 0 else None
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return None
            size = int(self._buffer[:end].split(b";")[0], 16)
            if size == 0:
                done = self._buffer.find(b"\r\n\r\n", end)
                return None if done < 0 else self._buffer[done + 4 :]
            if len(self._buffer) < end + size + 4:
                return None
            self._buffer = self._buffer[end + size + 4 :]


class Connection(asyncio.Protocol):
    """What the three services share: a connection that is counted by what it is busy with."""

    def __init__(self, board: Board, kind: str) -> None:
        self._board = board
        self._kind = ""
        self._first_kind = kind
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        self.transport = cast(asyncio.Transport, transport)
        self._board.accepted[self._first_kind] += 1
        self._become(self._first_kind)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the connection out of the counts."""
        self._become("")

    def _become(self, kind: str) -> None:
        if self._kind:
            self._board.open[self._kind] -= 1
        if kind:
            self._board.open[kind] += 1
        self._kind = kind


class Sink(Connection):
    """Accepts and never reads: what is sent to it fills the kernel's buffers and stays there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stop reading: on the next turn, because uvloop begins to read behind this call whatever it did."""
        super().connection_made(transport)
        asyncio.get_running_loop().call_soon(self.transport.pause_reading)

    def data_received(self, data: bytes) -> None:
        """Take no second piece, should a first one have come in between."""
        self.transport.pause_reading()


class Main(Connection):
    """One connection of the `main` service: a small HTTP/1.1 server that trusts its proxy."""

    streams: ClassVar[set[Main]] = set()
    """Connections that receive events."""

    def __init__(self, board: Board, kind: str) -> None:
        super().__init__(board, kind)
        self._buffer = b""
        self._skipper: BodySkipper | None = None
        self._answer: tuple[str, str, bytes] = ("", "", b"")
        self._left = 0
        self._writable = True
        self.until = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what was being sent."""
        self._left = 0
        Main.streams.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read requests one after the other and answer each."""
        self._buffer += data
        try:
            while self._buffer and not self._left and self._advance():
                pass
        except ValueError:
            self.transport.abort()

    def _advance(self) -> bool:
        """Do one step over the buffer; False when more bytes are needed."""
        if self._skipper is not None:
            rest = self._skipper.feed(self._buffer)
            self._buffer = b"" if rest is None else rest
            if rest is None:
                return False
            self._skipper = None
            self._reply()
            return True
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head, self._buffer = self._buffer[:end].lower(), self._buffer[end + 4 :]
        length, chunked = body_of(head)
        self._answer = what_for(head)
        if length or chunked:
            self._become("upload")
            self._skipper = BodySkipper(length, chunked)
            rest = self._skipper.feed(self._buffer)
            self._buffer = b"" if rest is None else rest
            if rest is None:
                return False
            self._skipper = None
        self._reply()
        return True

    def _reply(self) -> None:
        kind, argument, method = self._answer
        self._become(kind)
        if kind == "bytes" and method != b"head":
            self._left = int(argument)
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % self._left)
            self._pump()
        elif kind == "events":
            self.until = time.monotonic() + float(argument)
            self.transport.write(EVENT_HEAD)
            Main.streams.add(self)
        elif kind == "mutated":
            rng = Random(argument)
            self.transport.write(mutated_answer(rng))
            if rng.random() < 0.3:
                self.transport.close()
        else:
            self.transport.write(PLAIN[: -len(ANSWER)] if method == b"head" else PLAIN)

    def _pump(self) -> None:
        while self._left and self._writable and not self.transport.is_closing():
            block = BLOCK if self._left >= len(BLOCK) else BLOCK[: self._left]
            self._left -= len(block)
            self.transport.write(block)
        if not self._left:
            self._become("main")

    def pause_writing(self) -> None:
        """Stop producing while the kernel's buffer is full."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on producing, then with the next request."""
        self._writable = True
        if self._left:
            self._pump()
            if not self._left:
                self.data_received(b"")


def body_of(head: bytes) -> tuple[int, bool]:
    """Return (content length, is chunked) of a lower-case request head."""
    length = 0
    chunked = False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = True
    return length, chunked


def what_for(head: bytes) -> tuple[str, str, bytes]:
    """Return (kind, its argument, method) of a lower-case request head: the path names the kind anywhere in it."""
    method, _, rest = head.partition(b" ")
    parts = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1").split("/")
    for at, part in enumerate(parts[:-1]):
        if part in KINDS:
            return part, parts[at + 1], method
    return "main", "", method


async def send_events() -> None:
    """Write every stream its events, spread over each period so that they do not come as one burst."""
    period = 1 / EVENTS_PER_SECOND
    slices = 10
    tick = 0
    started = time.monotonic()
    while True:
        tick += 1
        await asyncio.sleep(max(0.0, started + tick * period / slices - time.monotonic()))
        for at, stream in enumerate(list(Main.streams)):
            if at % slices != tick % slices:
                continue
            if time.monotonic() > stream.until:
                stream.transport.write(b"0\r\n\r\n")
                Main.streams.discard(stream)
            else:
                event = b"data: %d\n\n" % time.monotonic_ns()
                stream.transport.write(b"%x\r\n%b\r\n" % (len(event), event))


async def serve(main: int, sink: int, hole: int, control: int) -> None:
    """Listen on the four ports of the loopback address until cancelled."""
    board = Board()
    loop = asyncio.get_running_loop()

    async def report(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(board.render())
        writer.close()

    factories: tuple[tuple[int, Callable[[], Connection]], ...] = (
        (main, lambda: Main(board, "main")),
        (sink, lambda: Sink(board, "sink")),
        (hole, lambda: Connection(board, "hole")),
    )
    for port, factory in factories:
        listening = socket.create_server(("127.0.0.1", port), backlog=4096)
        if port == sink:
            # Otherwise the kernel would take tens of MiB off every upload, and the gateway in front would hold nothing.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SINK_BUFFER)
        await loop.create_server(factory, sock=listening, backlog=4096)
    await asyncio.start_server(report, "127.0.0.1", control)
    print("ready", flush=True)
    await send_events()


if __name__ == "__main__":
    uvloop.run(serve(*(int(argument) for argument in sys.argv[1:5])))
