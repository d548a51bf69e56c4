"""A service of WebSockets that costs little: it says back what it hears, below /all tells everybody who is there, and below /flood never
stops to speak, as long as it is read.

``python -m bench.websocket.service PORT``
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

import uvloop

from fastgw.core.exchange.tunnel import accept_of
from fastgw.wire.websocket_messages import WebSocket

_KEY = re.compile(rb"sec-websocket-key: *(\S+)\r\n", re.IGNORECASE)
_EVERYBODY: set[Echo] = set()


class Echo(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_floods", "_is_of_all", "_socket", "_transport")

    def __init__(self) -> None:
        self._socket: WebSocket | None = None
        self._transport: Any = None
        self._is_of_all = False
        self._floods = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """It has left."""
        _EVERYBODY.discard(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of it; a handshake comes in one piece on loopback."""
        if self._socket is None:
            key = _KEY.search(data)
            if key is None:
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            self._socket = WebSocket(1 << 26)
            self._is_of_all = data.split(b" ", 2)[1].endswith(b"/all")
            if self._is_of_all:
                _EVERYBODY.add(self)
            head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
            self._transport.write(head % accept_of(key[1]))
            if data.split(b" ", 2)[1].endswith(b"/flood"):
                self._floods = True
                self._flood()
            return
        for message in self._socket.receive(data):
            self._tell(message)
        out, self._socket.out = self._socket.out, []
        self._transport.write(b"".join(out))
        if self._socket.is_close_received:
            self._transport.close()

    def _flood(self) -> None:
        if self._floods and not self._transport.is_closing():
            self._transport.write(self._socket.binary(bytes(8192)))  # type: ignore[union-attr]
            asyncio.get_running_loop().call_soon(self._flood)

    def pause_writing(self) -> None:
        """Nobody reads."""
        self._floods = False

    def _tell(self, message: str | bytes) -> None:
        assert self._socket is not None
        told = self._socket.text(message.encode()) if isinstance(message, str) else self._socket.binary(message)
        for one in _EVERYBODY if self._is_of_all else (self,):
            one._transport.write(told)


async def serve(port: int) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
