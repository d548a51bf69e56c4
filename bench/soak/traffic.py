"""Mixed traffic: every kind of client there is, each again and again, with its own chance.

Whoever is well-behaved counts what fails; a request that ends because its worker was killed is no failure of the gateway, so
failures are told with the time they happened at, and whoever kills workers judges.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

HOST = b"Host: a.test\r\n"
PATIENCE = 10.0
"""Seconds that an answer may take."""


class Clients:
    """All clients of a run."""

    def __init__(self, port: int, random: Random) -> None:
        self._port = port
        self._random = random
        self._is_over = False
        self.done: Counter[str] = Counter()
        """Of each kind, how often it came to the end that is meant."""
        self.failed: list[tuple[float, str, str]] = []
        """When (monotonic), of which kind, and how."""

    async def run(self, seconds: float, lanes: int = 3) -> None:
        """Be clients for so long: ``lanes`` of each kind at a time."""
        self._is_over = False
        tasks = [asyncio.ensure_future(self._again(kind)) for kind in KINDS for _ in range(lanes)]
        await asyncio.sleep(seconds)
        self._is_over = True
        await asyncio.gather(*tasks)

    async def _again(self, kind: Callable[[Clients], Awaitable[None]]) -> None:
        name = kind.__name__
        while not self._is_over:
            try:
                await asyncio.wait_for(kind(self), 3 * PATIENCE)
                self.done[name] += 1
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self.failed.append((time.monotonic(), name, repr(error)))
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def _connected(self):  # type: ignore[no-untyped-def]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def keeps(self) -> None:
        """Ask twenty times over one connection."""
        async with self._connected() as (reader, writer):
            for _ in range(20):
                writer.write(b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n")
                await answer_of(reader, {200})
                await asyncio.sleep(self._random.uniform(0, 0.02))

    async def comes_anew(self) -> None:
        """Ask once over a connection of its own, and have it closed."""
        async with self._connected() as (reader, writer):
            writer.write(b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
            await answer_of(reader, {200})
        await asyncio.sleep(0.02)

    async def uploads(self) -> None:
        """Send a body in chunks, slowly."""
        async with self._connected() as (reader, writer):
            writer.write(b"POST /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n")
            for _ in range(self._random.randrange(1, 20)):
                writer.write(b"1000\r\n" + b"u" * 4096 + b"\r\n")
                await asyncio.sleep(0.005)
            writer.write(b"0\r\n\r\n")
            await answer_of(reader, {200})

    async def downloads(self) -> None:
        """Take a megabyte."""
        async with self._connected() as (reader, writer):
            writer.write(b"GET /bytes/1000000 HTTP/1.1\r\n" + HOST + b"\r\n")
            await answer_of(reader, {200})
        await asyncio.sleep(0.05)

    async def listens(self) -> None:
        """Take events for a second."""
        async with self._connected() as (reader, writer):
            writer.write(b"GET /events/1 HTTP/1.1\r\n" + HOST + b"\r\n")
            await answer_of(reader, {200})

    async def is_answered_here(self) -> None:
        """Meet what the gateway answers itself: no route, a cache, a limit, a service inside, a member that is gone."""
        async with self._connected() as (reader, writer):
            for path, expected in (
                (b"/nowhere", {404}),
                (b"/kept/%d" % self._random.randrange(2000), {200}),
                (b"/rare", {200, 429}),
                (b"/said", {200}),
                (b"/half", {200}),
                (b"/gone", {502, 503}),
            ):
                writer.write(b"GET %b HTTP/1.1\r\n" % path + HOST + b"\r\n")
                await answer_of(reader, expected)
        await asyncio.sleep(0.02)

    async def leaves_download(self) -> None:
        """Go away in the middle of an answer."""
        async with self._connected() as (reader, writer):
            writer.write(b"GET /bytes/5000000 HTTP/1.1\r\n" + HOST + b"\r\n")
            await reader.readexactly(100)
            await asyncio.sleep(self._random.uniform(0, 0.05))

    async def leaves_upload(self) -> None:
        """Go away in the middle of a request."""
        async with self._connected() as (_, writer):
            writer.write(b"POST /up HTTP/1.1\r\nContent-Length: 100000\r\n" + HOST + b"\r\n" + b"u" * 5000)
            await asyncio.sleep(self._random.uniform(0, 0.05))

    async def leaves_at_once(self) -> None:
        """Go away before the answer."""
        async with self._connected() as (_, writer):
            writer.write(b"GET /events/1 HTTP/1.1\r\n" + HOST + b"\r\n")
            await asyncio.sleep(self._random.choice((0.0, 0.001, 0.02)))

    async def speaks_no_http(self) -> None:
        """Send what is no request: 400, or a closed connection."""
        async with self._connected() as (reader, writer):
            writer.write(self._random.randbytes(200) + b"\r\n\r\n")
            await reader.read(100)
        await asyncio.sleep(0.05)


KINDS: tuple[Callable[[Clients], Awaitable[None]], ...] = (
    Clients.keeps,
    Clients.comes_anew,
    Clients.uploads,
    Clients.downloads,
    Clients.listens,
    Clients.is_answered_here,
    Clients.leaves_download,
    Clients.leaves_upload,
    Clients.leaves_at_once,
    Clients.speaks_no_http,
)


async def answer_of(reader: asyncio.StreamReader, expected: set[int]) -> bytes:
    """The body of the next answer.

    Raises:
        ValueError: its status is another.
        EOFError: it ends too early (``IncompleteReadError`` is one).
    """
    async with asyncio.timeout(PATIENCE):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        body = b""
        if b"transfer-encoding: chunked" in head:
            while size := int((await reader.readuntil(b"\r\n")), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readuntil(b"\r\n")
        elif (at := head.find(b"\r\ncontent-length: ")) >= 0:
            body = await reader.readexactly(int(head[at + 18 : head.index(b"\r\n", at + 2)]))
    if status not in expected:
        raise ValueError(f"{status}, not {expected}: {body[:100]!r}")
    return body
