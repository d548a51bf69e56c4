"""Clients of the scenarios: connections held by the thousand, and good traffic with its latencies.

Held connections live in the harness process and do almost nothing; good traffic runs in a process of its own
(`python -m bench.scenarios.clients PORT SECONDS RATE CONNECTIONS PATH`), so that the attack is not charged.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import uvloop

from bench.scenarios.measure import percentile

GOOD = b"GET /v1/models HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nUser-Agent: good/1\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Held(asyncio.Protocol):
    """A client connection that is opened, sends what it is told and counts what comes back."""

    __slots__ = ("closed_at", "first", "is_reading", "opened_at", "received", "transport")

    def __init__(self, is_reading: bool = True) -> None:
        self.is_reading = is_reading
        self.received = 0
        self.first = b""
        self.opened_at = 0.0
        self.closed_at = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stop reading, if this client is one that does not: on the next turn, because uvloop begins behind this call."""
        self.transport = cast(asyncio.Transport, transport)
        self.opened_at = time.monotonic()
        if not self.is_reading:
            asyncio.get_running_loop().call_soon(self.transport.pause_reading)

    def data_received(self, data: bytes) -> None:
        """Count, and keep the beginning; a client that does not read takes no more than this one piece."""
        self.received += len(data)
        if not self.is_reading:
            self.transport.pause_reading()
        if len(self.first) < 64:
            self.first += data[:64]

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember when the peer hung up."""
        self.closed_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Neither side has closed it."""
        return not self.closed_at and not self.transport.is_closing()

    @property
    def status(self) -> int:
        """Status of the first answer, 0 before it."""
        return int(self.first[9:12]) if len(self.first) >= 12 else 0

    def abort(self) -> None:
        """Reset the connection unless it is gone: asyncio reports a second abort as an error of its own."""
        if self.is_open:
            self.transport.abort()

    def send(self, data: bytes) -> None:
        """Write unless the connection is gone."""
        if self.is_open:
            self.transport.write(data)


async def connect(
    port: int, factory: Callable[[], Held], *, receive_buffer: int = 0, patience: float = 10
) -> Held | None:
    """Open one connection; None if it was refused or reset.

    Args:
        port: where to, on 127.0.0.1.
        factory: makes the protocol.
        receive_buffer: size of the kernel's receive buffer (bytes, 0: the default); must be set before connecting.
        patience: seconds until the attempt is given up.
    """
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.wait_for(loop.sock_connect(sock, ("127.0.0.1", port)), patience)
        _, protocol = await loop.create_connection(factory, sock=sock)
    except (OSError, TimeoutError):
        sock.close()
        return None
    return protocol


async def connect_many(
    port: int,
    count: int,
    payload: bytes = b"",
    *,
    is_reading: bool = True,
    receive_buffer: int = 0,
    batch: int = 100,
    make: Callable[[], Held] | None = None,
) -> list[Held]:
    """Open `count` connections in batches and send `payload` on each; the refused ones are missing from the result."""
    held: list[Held] = []
    factory = make or (lambda: Held(is_reading))
    for start in range(0, count, batch):
        size = min(batch, count - start)
        opened = await asyncio.gather(*(connect(port, factory, receive_buffer=receive_buffer) for _ in range(size)))
        for client in opened:
            if client is not None:
                client.send(payload)
                held.append(client)
    return held


async def drop(clients: list[Held]) -> None:
    """Reset all connections and let the loop notice."""
    for client in clients:
        client.abort()
    await asyncio.sleep(0.2)


async def until(is_true: Callable[[], bool | Awaitable[bool]], seconds: float, every: float = 0.02) -> float:
    """Poll a condition; return the seconds it took to become true, or infinity when it did not within `seconds`."""
    started = time.monotonic()
    while True:
        value = is_true()
        if isinstance(value, Awaitable):
            value = await value
        elapsed = time.monotonic() - started
        if value:
            return elapsed
        if elapsed > seconds:
            return float("inf")
        await asyncio.sleep(every)


@dataclass(slots=True)
class Traffic:
    """What good traffic saw."""

    latencies: list[float] = field(default_factory=list)
    """Seconds from the moment a request was due (or sent, if a connection was free) to its whole answer."""
    errors: int = 0
    """Wrong statuses, connections lost in the middle of an exchange, and requests unanswered at the end."""

    @property
    def p50(self) -> float:
        """Median latency in seconds."""
        return percentile(self.latencies, 0.5)

    @property
    def p99(self) -> float:
        """99th percentile in seconds."""
        return percentile(self.latencies, 0.99)


class _Lane(asyncio.Protocol):
    """One keep-alive connection of the good traffic: one request in flight at a time."""

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver
        self._since = 0.0
        self._buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, since: float) -> None:
        """Send a request whose latency counts from `since`."""
        self._since = since
        self.transport.write(self._driver.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        length = _LENGTH.search(self._buffer)
        if end < 0 or (length is not None and len(self._buffer) < end + 4 + int(length[1])):
            return
        is_good = self._buffer.startswith(b"HTTP/1.1 200") and length is not None and self._since > 0
        self._driver.done(time.monotonic() - self._since if is_good else None)
        is_last = b"\r\nconnection: close\r\n" in self._buffer[: end + 2].lower()
        self._buffer, self._since = b"", 0.0
        if is_last:
            self.transport.close()  # another one takes its place
        else:
            self._driver.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._since:
            self._driver.done(None)
        self._driver.lost(self)


class _Driver:
    """Sends requests at a fixed rate over a few connections; those that find none free wait, and their wait counts."""

    def __init__(self, port: int, rate: float, connections: int, path: bytes, *, is_kept: bool = True) -> None:
        self.traffic = Traffic()
        self.request = GOOD.replace(b"/v1/models", path, 1)
        if not is_kept:
            self.request = self.request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        self._port = port
        self._rate = rate
        self._connections = connections
        self._free: deque[_Lane] = deque()
        self._due: deque[float] = deque()
        self._lanes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def done(self, latency: float | None) -> None:
        """Note one finished exchange (None: it failed)."""
        if latency is None:
            self.traffic.errors += 1
        else:
            self.traffic.latencies.append(latency)

    def free(self, lane: _Lane) -> None:
        """Give the lane the longest waiting request, or keep it for the next."""
        if self._due:
            lane.ask(self._due.popleft())
        else:
            self._free.append(lane)

    def lost(self, lane: _Lane) -> None:
        """Replace a connection the peer has closed."""
        if lane in self._free:
            self._free.remove(lane)
        self._lanes -= 1
        task = asyncio.ensure_future(self._open())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        try:
            _, lane = await asyncio.get_running_loop().create_connection(lambda: _Lane(self), "127.0.0.1", self._port)
        except OSError:
            self.traffic.errors += 1
            return
        self._lanes += 1
        self.free(lane)

    async def run(self, seconds: float) -> Traffic:
        """Drive the load for `seconds`, then wait at most five more for what is in flight."""
        await asyncio.gather(*(self._open() for _ in range(self._connections)))
        started = time.monotonic()
        sent = 0
        while (elapsed := time.monotonic() - started) < seconds:
            while sent < elapsed * self._rate:
                sent += 1
                if self._free:
                    self._free.popleft().ask(time.monotonic())
                else:
                    self._due.append(started + sent / self._rate)
            await asyncio.sleep(0.001)
        await until(lambda: not self._due and len(self._free) == self._lanes, 5)
        self.traffic.errors = max(self.traffic.errors, sent - len(self.traffic.latencies))
        return self.traffic


async def good_traffic(
    port: int,
    seconds: float,
    *,
    rate: float = 500,
    connections: int = 20,
    path: bytes = b"/v1/models",
    python: str = sys.executable,
    is_kept: bool = True,
) -> Traffic:
    """Run good traffic in a process of its own and return what it saw; `is_kept`: False is a connection for each request."""
    process = await asyncio.create_subprocess_exec(
        python, "-m", "bench.scenarios.clients", str(port), str(seconds), str(rate), str(connections), path.decode(),
        *([] if is_kept else ["new"]),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    seen = json.loads(out)
    return Traffic(seen["latencies"], seen["errors"])


def main(arguments: list[str]) -> None:
    """Drive good traffic and print latencies and errors as JSON."""
    port, seconds, rate, connections = (float(argument) for argument in arguments[:4])
    gc.freeze()
    gc.disable()  # a collection here would be charged to the peer as latency
    driver = _Driver(int(port), rate, int(connections), arguments[4].encode(), is_kept=len(arguments) < 6)
    traffic = uvloop.run(driver.run(seconds))
    print(json.dumps({"latencies": traffic.latencies, "errors": traffic.errors}))


if __name__ == "__main__":
    main(sys.argv[1:])
