"""The admin socket: where an operator on this machine tells a running gateway what no file says.

A unix socket for its owner alone (0600), and of whoever connects the kernel says who he is: the user that the gateway runs as, or root.
Two languages are spoken.  One line of JSON in, one line out, and the connection ends: so the commands of fastgw ask.  Or HTTP, whose
requests never begin with a brace: everything that the admin address has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from fastgw.config.bind_spec import AccessSpec
from fastgw.core.settings import Address
from fastgw.errors import ConfigError
from fastgw.server.admin_http import HEAD_SIZE, AdminHttp
from fastgw.server.connections import Connections
from fastgw.server.guard import Peer
from fastgw.server.listening import Listening, bind
from fastgw.server.log import Log
from fastgw.server.page import Order

CONNECTIONS: Final = 16  #: at the same time; more are closed at once
LARGEST: Final = 4096  #: bytes of a request
READ_LIMIT: Final = 5.0  #: seconds for a request to come
WRITE_LIMIT: Final = 5.0  #: seconds for the answer to be taken
_PEER: Final = struct.Struct("3i")  #: pid, uid, gid


class AdminSocket:
    """Serves one path, or none."""

    def __init__(
        self, ask: Order, http: AdminHttp, log: Log, peer: Callable[[socket.socket], tuple[int, int]] | None = None
    ) -> None:
        """``ask``: what answers a line; ``http``: what answers requests; ``peer``: process and user at the other end of a socket."""
        self._ask = ask
        self._http = http
        self._log = log
        self._peer = peer if peer is not None else credentials
        self._path = ""
        self._listening: Listening | None = None
        self._server: asyncio.Server | None = None
        self._connections = Connections(CONNECTIONS, self._on_bug)

    async def move(self, path: str, *, takeover: bool = False) -> None:
        """Serve at ``path`` from now on; empty: nowhere.  What is in the way is told in the log, and tried again by the next reload."""
        if path == self._path and (self._server is not None or not path):
            return
        await self.stop()
        self._path = path
        if not path:
            return
        try:
            self._listening = bind(Address(path=path), 1, takeover, AccessSpec(0o600))
            self._listening.start()
        except ConfigError as error:
            self._log.error(
                "the admin socket cannot be opened; name another one (admin_socket)", problems=error.problems
            )
            return
        sock = self._listening.of_worker(0).dup()
        self._server = await asyncio.start_unix_server(self._connected, sock=sock, limit=HEAD_SIZE)

    async def stop(self) -> None:
        """Serve nowhere."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self._connections.abort()
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._connections.serve(writer, lambda: self._serve(reader, writer))
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pid, user = self._peer(writer.get_extra_info("socket"))
        begun = await asyncio.wait_for(reader.read(LARGEST), READ_LIMIT)
        if begun and not begun[:1].isalpha():
            answer = await self._answer(reader, begun, pid, user)
            writer.write(json.dumps(answer).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), WRITE_LIMIT)
        elif begun:
            peer = Peer(is_unix=True, is_private=True, user=user)
            await self._http.serve(reader, writer, peer, begun)

    def _on_bug(self, error: Exception) -> None:
        self._log.error("the admin socket failed", error=repr(error))

    async def _answer(self, reader: asyncio.StreamReader, begun: bytes, pid: int, user: int) -> dict[str, Any]:
        if user not in (0, os.geteuid()):
            self._log.warning("somebody else asks at the admin socket", peer=pid, user=user)
            return _no("not_allowed", "only root, and the user that the gateway runs as, may ask")
        try:
            line = begun if b"\n" in begun else begun + await asyncio.wait_for(reader.readline(), READ_LIMIT)
            request = json.loads(line) if len(line) <= LARGEST else None
        except (ValueError, RecursionError):  # too long, or no JSON
            request = None
        if not isinstance(request, dict):
            return _no("bad_request", f"one line of JSON is expected, an object of {LARGEST} bytes at most")
        return await self._ask(request)


def _no(error: str, detail: str) -> dict[str, Any]:
    return {"ok": False, "error": error, "detail": detail}


def credentials(sock: socket.socket) -> tuple[int, int]:
    """Process and user at the other end, as the kernel has them (``SO_PEERCRED``)."""
    pid, user, _ = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return pid, user
