"""A member of a service that misbehaves as it is told: one asyncio process, one port.

Run as ``python -m bench.scenarios.faults.member PORT``.  Each line of its standard input is a JSON object that changes
its ``Manner``, and is answered by a line with its ``Tally``.  Work takes ``delay`` seconds in one of ``slots``, and waits
for one without bound, as in most services.

    /events      an event stream of ``tokens`` events, the first as soon as there is a slot
    /metrics     what an inference engine says of itself, with the names of vLLM
    all others   a small JSON document
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
import time
from collections import deque
from dataclasses import dataclass, fields
from random import Random
from typing import Any, cast

import uvloop

BODY = b'{"object":"list","data":[{"id":"model-a","object":"model"}]}\r\n'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
ERROR = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b"a\r\ndata: {}\n\n\r\n"
GOLDEN = 0.6180339887498949
"""Multiples of it fill [0, 1) evenly, however many there are."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Manner:
    """How it behaves; seconds and shares."""

    delay: float = 0.0
    spread: float = 0.0
    """Mean of what is added to ``delay``, exponentially distributed: by a sequence that is as even as can be, so that a run repeats."""
    slots: int = 1_000_000
    stall: float = 0.0
    stall_share: float = 0.0
    """Of the answers, which take ``stall`` longer, and no slot meanwhile."""
    is_mute: bool = False
    """It reads and never answers."""
    error_share: float = 0.0
    tokens: int = 1
    token_delay: float = 0.0


@dataclass(slots=True)
class Tally:
    """What it has done."""

    accepted: int = 0
    requests: int = 0
    answers: int = 0


class Member:
    """The state of the process."""

    def __init__(self, random: Random) -> None:
        self.manner = Manner()
        self.tally = Tally()
        self._random = random
        self._turn = 0.0
        self._busy = 0
        self._waiting: deque[tuple[Connection, bytes]] = deque()

    def asked(self, connection: Connection, path: bytes) -> None:
        """A request is there: it gets a slot, or waits for one."""
        self.tally.requests += 1
        if path.startswith(b"/metrics"):
            connection.answer(self._metrics())
        elif self.manner.is_mute:
            return
        elif self._busy < self.manner.slots:
            self._work(connection, path)
        else:
            self._waiting.append((connection, path))

    def _work(self, connection: Connection, path: bytes) -> None:
        manner, loop = self.manner, asyncio.get_running_loop()
        self._busy += 1
        self._turn = (self._turn + GOLDEN) % 1.0
        seconds = manner.delay - manner.spread * math.log(1.0 - self._turn)
        if path.startswith(b"/events"):
            connection.write(EVENTS)
            loop.call_later(seconds, self._token, connection, manner.tokens)
            return
        answer = ERROR if self._random.random() < manner.error_share else ANSWER
        if self._random.random() < manner.stall_share:
            loop.call_later(manner.stall, connection.answer, answer)
            self._free()
        elif seconds:
            loop.call_later(seconds, self._done, connection, answer)
        else:
            self._done(connection, answer)

    def _token(self, connection: Connection, left: int) -> None:
        if left and connection.is_open:
            connection.write(EVENT)
            asyncio.get_running_loop().call_later(self.manner.token_delay, self._token, connection, left - 1)
        else:
            self._done(connection, b"0\r\n\r\n")

    def _done(self, connection: Connection, answer: bytes) -> None:
        connection.answer(answer)
        self.tally.answers += 1
        self._free()

    def _free(self) -> None:
        self._busy -= 1
        while self._waiting and self._busy < self.manner.slots:
            connection, path = self._waiting.popleft()
            if connection.is_open:
                self._work(connection, path)

    def _metrics(self) -> bytes:
        share = min(1.0, self._busy / self.manner.slots)
        lines = (
            "# TYPE vllm:num_requests_running gauge",
            f'vllm:num_requests_running{{model_name="m"}} {self._busy}',
            "# TYPE vllm:num_requests_waiting gauge",
            f'vllm:num_requests_waiting{{model_name="m"}} {len(self._waiting)}',
            "# TYPE vllm:kv_cache_usage_perc gauge",
            f'vllm:kv_cache_usage_perc{{model_name="m"}} {share:.3f}',
        )
        page = "".join(f"{line}\n" for line in lines).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: %d\r\n\r\n%b" % (
            len(page), page,
        )  # fmt: skip

    async def listen_to_orders(self) -> None:
        """Change as the lines of standard input say."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            for name, value in json.loads(line).items():
                setattr(self.manner, name, value)
            print(json.dumps({one.name: getattr(self.tally, one.name) for one in fields(Tally)}), flush=True)


class Connection(asyncio.Protocol):
    """A connection of a gateway, which is trusted to send one request after the other."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._buffer = b""
        self._is_asked = False
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = cast(asyncio.Transport, transport)
        self._member.tally.accepted += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for this one is gone."""
        self.is_open = False

    def data_received(self, data: bytes) -> None:
        """Read heads, and throw bodies away."""
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if self._is_asked or not end:
            return
        length = _LENGTH.search(head + b"\r\n")
        size = int(length[1]) if length else 0
        if len(rest) >= size:
            self._buffer = rest[size:]
            self._is_asked = True
            self._member.asked(self, head.split(b" ", 2)[1])

    def write(self, data: bytes) -> None:
        """Send a part of an answer."""
        if self.is_open:
            self._transport.write(data)

    def answer(self, data: bytes) -> None:
        """Send an answer, or the last of it, and go on with the next request."""
        self.write(data)
        self._is_asked = False
        if self._buffer:
            self._advance()


async def serve(port: int) -> None:
    """Listen until killed."""
    member = Member(Random(port))
    loop: Any = asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(member), "127.0.0.1", port, backlog=4096, reuse_address=True)
    print("ready", time.monotonic(), flush=True)
    await member.listen_to_orders()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
