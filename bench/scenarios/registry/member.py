"""A service that registers itself by ``fastgw.registration``: one process, one port.

Run as ``python -m bench.scenarios.registry.member PORT SERVICE ETCD TTL``.  It serves at 127.0.0.1, where it registers itself, and at
``OTHERS``, for members that somebody else puts.  It says ``ready`` when it serves, and waits for words on standard
input: ``register``, ``leave`` and ``tell``.  Each is answered by one line of JSON with its ``Times``, which are monotonic seconds, and so
those of every process here.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from fastgw.registration import register

OTHERS = tuple(f"127.0.1.{number}" for number in range(1, 17))
"""More addresses of the same service."""


@dataclass(slots=True)
class Times:
    """When what happened; 0: not yet."""

    began: float = 0.0
    """It begins to register."""
    there: float = 0.0
    """Its key is there, as far as it knows."""
    leaving: float = 0.0
    """It begins to leave."""
    first: float = 0.0
    """Its first request came."""
    last: float = 0.0
    """Its last request came."""
    requests: int = 0


class Answering(asyncio.Protocol):
    """A connection: every request, which has no body, is answered with the port."""

    def __init__(self, times: Times, answer: bytes) -> None:
        self._times = times
        self._answer = answer
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        *requests, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        if requests:
            times, now = self._times, time.monotonic()
            times.first = times.first or now
            times.last = now
            times.requests += len(requests)
            self._transport.write(self._answer * len(requests))


async def serve(port: int, service: str, etcd: str, ttl: float) -> None:
    """Serve, and do what standard input says until it ends."""
    times, loop = Times(), asyncio.get_running_loop()
    body = str(port).encode()
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    await loop.create_server(lambda: Answering(times, answer), ["127.0.0.1", *OTHERS], port, backlog=512)
    words = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    print("ready", flush=True)
    async with AsyncExitStack() as stack:
        while word := (await words.readline()).strip():
            if word == b"register":
                times.began = time.monotonic()
                registration = await stack.enter_async_context(register(service, f"127.0.0.1:{port}", etcd, ttl=ttl))
                await registration.ready()
                times.there = time.monotonic()
            elif word == b"leave":
                times.leaving = time.monotonic()
                await stack.aclose()
            print(json.dumps(asdict(times)), flush=True)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])))
