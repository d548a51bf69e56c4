"""Thousands of members in one process: it serves at every address of loopback with one port, and answers with the address it was asked at.

Run as ``python -m bench.scenarios.registry.crowd PORT``; says ``ready`` when it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from typing import cast

import uvloop

from bench.scenarios.harness import ROOT


class Answering(asyncio.Protocol):
    """A connection: every request, which has no body, is answered with the address."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)
        body = transport.get_extra_info("sockname")[0].encode()
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        *requests, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        if requests:
            self._transport.write(self._answer * len(requests))


def listening(port: int) -> socket.socket:
    """A socket at every address of loopback, and of nothing else."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    sock.bind(("", port))
    return sock


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Answering, sock=listening(port), backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


@contextlib.asynccontextmanager
async def serving(port: int, cpu: int) -> AsyncIterator[None]:
    """The process of it, meanwhile.  Raises RuntimeError: it does not start."""
    command = ["taskset", "-c", str(cpu), sys.executable, "-m", "bench.scenarios.registry.crowd", str(port)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError("the members do not start")
        yield
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
