"""A reverse proxy on asyncio's streams: a task for each client connection, a pool of kept connections upstream.

Run as ``python -m bench.baseline.streams CONFIG``.  Standard library only, default event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from bench.baseline.table import (
    Config,
    Headers,
    load_config,
    new_request_id,
    request_headers,
    response_headers,
)

BLOCK = 65536
Endpoint = tuple[str, int]


class Head(NamedTuple):
    """A parsed request or response head."""

    first: list[str]
    headers: Headers

    def get(self, name: str) -> str:
        """The first value of a header, empty without one."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def chunked(self) -> bool:
        """The body comes in chunks."""
        return "chunked" in self.get("transfer-encoding").lower()


class Connection(NamedTuple):
    """Both ends of a stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Gateway:
    """The configuration and the idle upstream connections."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.turns: Iterator[Endpoint] = config.turns()
        self.idle: dict[Endpoint, list[Connection]] = {endpoint: [] for endpoint in config.endpoints}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client connection, one request after the other."""
        client = Connection(reader, writer)
        try:
            while await self.exchange(client):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def exchange(self, client: Connection) -> bool:
        """One request and its answer; False when the connection is to be closed."""
        request = await read_head(client.reader)
        if not self.config.has_route(request.first[1].split("?", 1)[0]):
            client.writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        endpoint, upstream = await self.acquire()
        request_id = new_request_id()
        address = client.writer.get_extra_info("peername")[0]
        headers = request_headers(request.headers, client=address, scheme=self.config.scheme, request_id=request_id)
        if request.chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        upstream.writer.write(render(request.first, headers))
        await relay_body(request, client.reader, upstream.writer)
        answer = await read_head(upstream.reader)
        headers = response_headers(answer.headers, request_id)
        if answer.chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        client.writer.write(render(answer.first, headers))
        if request.first[0] != "HEAD":
            await relay_body(answer, upstream.reader, client.writer)
        await client.writer.drain()
        if answer.get("connection").lower() == "close":
            upstream.writer.close()
        else:
            self.idle[endpoint].append(upstream)
        return request.get("connection").lower() != "close"

    async def acquire(self) -> tuple[Endpoint, Connection]:
        """An idle connection to the next endpoint that is still open, or a new one."""
        endpoint = next(self.turns)
        kept = self.idle[endpoint]
        while kept:
            connection = kept.pop()
            if not connection.reader.at_eof():
                return endpoint, connection
            connection.writer.close()
        return endpoint, Connection(*await asyncio.open_connection(*endpoint))


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Wait for a head and split it."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Head(first.split(" ", 2), headers)


def render(first: list[str], headers: Headers) -> bytes:
    """A head as bytes."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{' '.join(first)}\r\n{lines}\r\n".encode("latin-1")


async def relay_body(head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass the body on as it comes, chunks as chunks."""
    if not head.chunked:
        left = int(head.get("content-length") or 0)
        while left > 0:
            block = await reader.read(min(left, BLOCK))
            if not block:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(block)
            writer.write(block)
            await writer.drain()
        return
    while True:
        line = await reader.readuntil(b"\n")
        size = int(line.split(b";")[0], 16)
        writer.write(line + await reader.readexactly(size + 2))
        await writer.drain()
        if size == 0:
            return


async def main() -> None:
    """Serve until killed."""
    config = load_config()
    gateway = Gateway(config)
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", config.port, backlog=4096, ssl=config.tls())
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
