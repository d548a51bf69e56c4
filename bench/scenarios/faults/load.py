"""Users of a gateway: requests at a fixed rate whatever becomes of those before, in a process of its own.

Run as ``python -m bench.scenarios.faults.load``, with an ``Order`` as JSON on standard input; writes the answers as JSON.
A latency counts from when the request was due.  There is a connection for every request in flight, up to ``CONNECTIONS``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

from bench.scenarios.clients import until
from bench.scenarios.measure import percentile

CONNECTIONS = 2000
PATIENCE = 8.0
"""Seconds after the last request in which answers may come."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request; each gets its share of the rate."""

    name: str
    parts: int = 1
    """Its share of all, in parts."""
    method: str = "GET"
    path: str = "/v1/models"
    headers: str = ""
    """Field lines, each with its CRLF."""
    body: str = ""

    def encoded(self) -> bytes:
        """The request as bytes."""
        length = f"Content-Length: {len(self.body)}\r\n" if self.body else ""
        return f"{self.method} {self.path} HTTP/1.1\r\nHost: a.test\r\n{self.headers}{length}\r\n{self.body}".encode()


@dataclass(frozen=True, slots=True)
class Order:
    """What to send: ``rate`` requests a second for ``seconds``; or, with ``lanes``, so many at a time, each as soon as the one
    before is answered."""

    port: int
    seconds: float
    rate: float = 0.0
    lanes: int = 0
    kinds: tuple[Kind, ...] = (Kind("get"),)


@dataclass(slots=True)
class Seen:
    """What became of the requests of one kind: each was due at, took, was answered with (0: not at all), and whether by a fallback."""

    at: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    is_fallback: list[bool] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """How many of each status."""
        return Counter(self.status)

    @property
    def failed(self) -> int:
        """Those without a 200."""
        return sum(status != 200 for status in self.status)

    @property
    def fallbacks(self) -> int:
        """Those that a fallback has answered."""
        return sum(self.is_fallback)

    @property
    def availability(self) -> float:
        """Share of the requests that got a 200."""
        return 1 - self.failed / len(self.status) if self.status else 0.0

    def latency(self, share: float, status: int = 0, since: float = 0.0) -> float:
        """A percentile (0 to 1) of all answers, or of those of a status; of requests that were due at ``since`` or later."""
        every = zip(self.at, self.took, self.status, strict=True)
        return percentile([took for at, took, got in every if at >= since and got and status in (0, got)], share)

    def rate(self, status: int, start: float, end: float) -> float:
        """Answers of a status a second, by when they came."""
        every = zip(self.at, self.took, self.status, strict=True)
        return sum(got == status and start <= at + took < end for at, took, got in every) / (end - start)


class _Lane(asyncio.Protocol):
    """A connection with one request in flight at a time."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._seen: Seen | None = None
        self._place = 0
        self._due = 0.0
        self._buffer = b""
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes, seen: Seen, place: int, due: float) -> None:
        self._seen, self._place, self._due, self._first = seen, place, due, 0.0
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head + b"\r\n")
        if length is None:  # an event stream: its first event counts
            if not self._first and body:
                self._first = time.monotonic()
            if not body.endswith(b"0\r\n\r\n"):
                return
        elif len(body) < int(length[1]):
            return
        seen, self._buffer = self._seen, b""
        if seen is not None:
            seen.took[self._place] = (self._first or time.monotonic()) - self._due
            seen.status[self._place] = int(head[9:12])
            seen.is_fallback[self._place] = b"\r\nx-fastgw-fallback:" in head
            self._seen = None
            self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._seen is not None:
            self._seen.took[self._place] = time.monotonic() - self._due
            self._seen = None
        self._load.lost(self)


class _Load:
    """The requests of one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.seen = {kind.name: Seen() for kind in order.kinds}
        self._turns = [(kind.encoded(), self.seen[kind.name]) for kind in order.kinds for _ in range(kind.parts)]
        self._sent = 0
        self._lanes = 0
        self._in_flight = 0
        self._idle: list[_Lane] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._began = 0.0
        self._is_over = False

    async def _open(self) -> _Lane | None:
        self._lanes += 1
        try:
            made = asyncio.get_running_loop().create_connection(lambda: _Lane(self), "127.0.0.1", self._order.port)
            return (await made)[1]
        except OSError:
            self._lanes -= 1
            return None

    def free(self, lane: _Lane) -> None:
        self._in_flight -= 1
        if self._order.lanes and not self._is_over:
            self._ask_by(lane, time.monotonic())
        else:
            self._idle.append(lane)

    def lost(self, lane: _Lane) -> None:
        self._lanes -= 1
        if lane in self._idle:
            self._idle.remove(lane)
        else:
            self._in_flight -= 1

    def _ask_by(self, lane: _Lane, due: float) -> None:
        request, seen = self._turns[self._sent % len(self._turns)]
        self._sent += 1
        self._in_flight += 1
        lane.ask(request, seen, self._due(seen, due), due)

    def _due(self, seen: Seen, due: float) -> int:
        seen.at.append(due - self._began)
        seen.took.append(0.0)
        seen.status.append(0)
        seen.is_fallback.append(False)
        return len(seen.at) - 1

    def _ask(self, due: float) -> None:
        if self._idle:
            self._ask_by(self._idle.pop(), due)
            return
        task = asyncio.ensure_future(self._ask_anew(due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_anew(self, due: float) -> None:
        lane = await self._open() if self._lanes < CONNECTIONS else None
        if lane is not None:
            self._ask_by(lane, due)
        else:
            self._due(self._turns[self._sent % len(self._turns)][1], due)
            self._sent += 1

    async def run(self) -> dict[str, Seen]:
        """Send it all."""
        order = self._order
        opened = await asyncio.gather(*(self._open() for _ in range(order.lanes or 64)))
        self._idle = [lane for lane in opened if lane is not None]
        self._began = time.monotonic()
        end = self._began + order.seconds
        if order.lanes:
            for lane in [self._idle.pop() for _ in range(len(self._idle))]:
                self._ask_by(lane, time.monotonic())
            await asyncio.sleep(order.seconds)
        begun = 0
        while not order.lanes and (now := time.monotonic()) < end:
            while begun < (now - self._began) * order.rate:
                self._ask(self._began + begun / order.rate)
                begun += 1
            await asyncio.sleep(0.001)
        self._is_over = True
        await until(lambda: self._in_flight <= 0, end + PATIENCE - time.monotonic())
        return self.seen


async def send(order: Order) -> dict[str, Seen]:
    """Send an order from a process of its own."""
    command = (sys.executable, "-m", "bench.scenarios.faults.load")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    out, _ = await process.communicate(json.dumps(asdict(order)).encode())
    return {name: Seen(**lists) for name, lists in json.loads(out).items()}


def total(kinds: Sequence[Seen]) -> Seen:
    """All of them as one."""
    whole = Seen()
    for one in kinds:
        for name in ("at", "took", "status", "is_fallback"):
            getattr(whole, name).extend(getattr(one, name))
    return whole


def main() -> None:
    """Do what standard input says."""
    told = json.load(sys.stdin)
    kinds = tuple(Kind(**kind) for kind in told.pop("kinds"))
    gc.freeze()
    gc.disable()  # a collection here would be charged to the gateway
    seen = uvloop.run(_Load(Order(**told, kinds=kinds)).run())
    print(json.dumps({name: asdict(one) for name, one in seen.items()}))


if __name__ == "__main__":
    main()
