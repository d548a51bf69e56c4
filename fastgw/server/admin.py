"""The admin address: where the supervisor answers over TCP, although every worker is busy, stuck or dead."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastgw.config.spec import AdminSpec
from fastgw.errors import ConfigError
from fastgw.server.admin_http import HEAD_LIMIT, HEAD_SIZE, AdminHttp
from fastgw.server.admin_socket import credentials
from fastgw.server.connections import Connections
from fastgw.server.guard import Guard, Peer
from fastgw.server.listening import BACKLOG, Listening
from fastgw.server.log import Log
from fastgw.server.page import Page, table

if TYPE_CHECKING:
    import ssl

CONNECTIONS = 64  #: at the same time; more are closed at once


class Admin:
    """Serves at all addresses that it is given, or at none."""

    def __init__(self, pages: Sequence[Page], log: Log) -> None:
        self._guard = Guard()
        self.http = AdminHttp(table(pages), self._guard, log)  #: what answers here
        self._log = log
        self._context: ssl.SSLContext | None = None
        self._servers: list[asyncio.Server] = []
        self._connections = Connections(CONNECTIONS, self._on_bug)

    def admit(self, spec: AdminSpec | None, context: ssl.SSLContext | None) -> None:
        """From now on let pass whom ``spec`` does, and speak TLS by ``context``, if there is one."""
        self._guard.adopt(spec)
        self._context = context

    async def start(self, listenings: Sequence[Listening]) -> None:
        """Serve at ``listenings``; their sockets stay the caller's, the servers work on copies."""
        for listening in listenings:
            sock = listening.of_worker(0).dup()
            start = asyncio.start_unix_server if listening.address.path else asyncio.start_server
            self._servers.append(await start(self._connected, sock=sock, backlog=BACKLOG, limit=HEAD_SIZE))

    async def stop_listening(self) -> None:
        """Accept no more; open connections go on."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def leave(self) -> None:
        """Accept no more, and end every connection; who waits for an answer, that of a reload for instance, gets it first."""
        await self.stop_listening()
        for writer in self._connections:
            self.http.dismiss(writer)

    async def stop(self) -> None:
        """Close everything."""
        await self.stop_listening()
        await self._connections.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._connections.serve(writer, lambda: self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._context is not None:
            reader, writer = await _secured(writer, self._context)
            self._connections.replace(writer)
        await self.http.serve(reader, writer, peer_of(writer.get_extra_info("socket")))

    def _on_bug(self, error: Exception) -> None:
        self._log.limited("the admin address failed", error=repr(error))


async def _secured(
    writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The same connection, with TLS; called before anything else is awaited, so that nothing of the handshake is read as HTTP.

    (``StreamWriter.start_tls`` breaks where the client goes away meanwhile.)

    Raises:
        OSError: there is none.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(HEAD_SIZE)
    protocol = asyncio.StreamReaderProtocol(reader)
    plain = writer.transport
    try:
        transport = await loop.start_tls(plain, protocol, context, server_side=True, ssl_handshake_timeout=HEAD_LIMIT)
        if transport is None:
            raise ConnectionResetError("the client went away")
    except BaseException:
        plain.abort()
        raise
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def admin_context(spec: AdminSpec | None) -> ssl.SSLContext | None:
    """What makes the TLS of the admin address, with the certificate as it is now; None: it speaks plain HTTP.

    Raises:
        ConfigError: its files have changed since they were checked.
    """
    if spec is None or spec.tls is None:
        return None
    from fastgw.config.tls import server_context  # only who has it pays for it

    try:
        return server_context(spec.tls, ("http/1.1",))
    except OSError as error:
        raise ConfigError([f"admin.tls: {error}"]) from None


def peer_of(sock: socket.socket) -> Peer:
    """Who is at the other end; raises OSError when nobody is any more."""
    if sock.family == socket.AF_UNIX:
        return Peer(is_unix=True, user=credentials(sock)[1])
    return Peer(host=str(sock.getpeername()[0]), own=str(sock.getsockname()[0]))
