"""A service that answers fast and always the same, in its own process: ``python -m tests.support.fast_service HOST PORT``.

What stands behind the gateway while ``wrk`` drives it; the scriptable service would be the bottleneck.  Asked for ``/connections`` it
answers how many it has accepted, and how many of those have ended.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType

import uvloop

from tests.support.gateway import wait_until
from tests.support.ports import accepts, free_port

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"answer": "ok"}'


class Fast(asyncio.Protocol):
    """Counts ends of heads; requests have no bodies."""

    accepted = 0
    ended = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Fast.accepted += 1
        self.transport = transport
        self.unread = b""

    def connection_lost(self, error: Exception | None) -> None:
        Fast.ended += 1

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /connections "):
            body = b"%d %d" % (Fast.accepted, Fast.ended)
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body)
            self.transport.write(answer)  # type: ignore[attr-defined]
            return
        *heads, self.unread = (self.unread + data).split(b"\r\n\r\n")
        self.transport.write(ANSWER * len(heads))  # type: ignore[attr-defined]


class FastService:
    """Runs it beside the test."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port or free_port()
        self.address = f"{host}:{self.port}"
        self._asked = 1  # connections of ours: the one that saw it listen, and one for each question

    def __enter__(self) -> FastService:
        self.start()
        return self

    def start(self) -> None:
        """Start it, also once more after ``kill``."""
        root = Path(__file__).resolve().parents[2]
        arguments = [self.host, str(self.port)]
        self._process = subprocess.Popen([sys.executable, "-m", "tests.support.fast_service", *arguments], cwd=root)
        wait_until(lambda: accepts(self.port, self.host), what="the fast service listens")

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait(10)

    def connections(self) -> tuple[int, int]:
        """Connections accepted so far, and those of them that have ended; not counting the ones that ask this."""
        with urllib.request.urlopen(f"http://{self.address}/connections", timeout=10) as answer:
            accepted, ended = map(int, answer.read().split())
        self._asked += 1
        return accepted - self._asked, ended - self._asked + 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)


async def serve(host: str, port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Fast, host, port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
