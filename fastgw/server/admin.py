"""The admin address: HTTP/1.1 on ``h11``, GET and HEAD only, bounded in every direction.

It is served by the supervisor, so it answers although every worker is busy, stuck or dead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastgw.server.listening import BACKLOG, Listening
from fastgw.server.log import Log
from fastgw.server.status import Answer, Page

if TYPE_CHECKING:
    import h11

CONNECTIONS = 64  #: at the same time; more are closed at once
HEAD_SIZE = 8192  #: bytes of a request head
IDLE_LIMIT = 60.0  #: seconds a connection may wait for its next request
HEAD_LIMIT = 5.0  #: seconds from the first byte of a request to the end of it
WRITE_LIMIT = 10.0  #: seconds for a client to take the answer

_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    405: b"Method Not Allowed",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}
_FIELDS = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'"),
)


class Admin:
    """Serves pages at one address at a time."""

    def __init__(self, pages: Mapping[str, Page], log: Log) -> None:
        self._pages = pages
        self._log = log
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, listening: Listening) -> None:
        """Serve at ``listening``; its socket stays the caller's, the server works on a copy."""
        sock = listening.of_worker(0).dup()
        start = asyncio.start_unix_server if listening.address.path else asyncio.start_server
        self._server = await start(self._connected, sock=sock, backlog=BACKLOG, limit=HEAD_SIZE)

    async def stop_listening(self) -> None:
        """Accept no more; open connections go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """Close everything."""
        await self.stop_listening()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError):
            pass  # a client that went away or to sleep
        except Exception as error:  # noqa: BLE001  one page that fails must not end the supervisor
            self._log.limited("the admin address failed", error=repr(error))
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import h11

        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_SIZE)
        while True:
            try:
                request = await self._request(connection, reader)
                if request is None:
                    return
                answer = await self._answer(request)
            except h11.RemoteProtocolError as error:
                request, answer = None, Answer(error.error_status_hint, _reason("bad_request"))
            is_last = request is None or connection.their_state is not h11.DONE
            await self._send(connection, writer, request, answer, is_last)
            if is_last or connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _request(self, connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
        """The next request, None at the end of the connection.  Raise TimeoutError or h11.RemoteProtocolError."""
        import h11

        request: h11.Request | None = None
        limit = IDLE_LIMIT if connection.trailing_data == (b"", False) else HEAD_LIMIT
        async with asyncio.timeout(limit) as deadline:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    data = await reader.read(HEAD_SIZE)
                    connection.receive_data(data)
                    if limit == IDLE_LIMIT:
                        limit = HEAD_LIMIT
                        deadline.reschedule(asyncio.get_running_loop().time() + HEAD_LIMIT)
                elif isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data) or event is h11.PAUSED:
                    return request  # a body is not wanted: the answer closes the connection
                elif isinstance(event, h11.EndOfMessage):
                    return request
                else:
                    return None

    async def _answer(self, request: h11.Request) -> Answer:
        if request.method not in (b"GET", b"HEAD"):
            return Answer(405, _reason("method_not_allowed"))
        page = self._pages.get(request.target.partition(b"?")[0].decode("latin-1"))
        if page is None:
            return Answer(404, _reason("not_found"))
        accept = next((value.decode("latin-1") for name, value in request.headers if name == b"accept"), "")
        try:
            return await page(accept)
        except Exception as error:  # noqa: BLE001  as above
            self._log.limited("an admin page failed", target=request.target.decode("latin-1"), error=repr(error))
            return Answer(500, _reason("internal"))

    async def _send(
        self,
        connection: h11.Connection,
        writer: asyncio.StreamWriter,
        request: h11.Request | None,
        answer: Answer,
        is_last: bool,
    ) -> None:
        import h11

        if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        fields = [*_FIELDS, ("content-type", answer.content_type), ("content-length", str(len(answer.body)))]
        if answer.status == 405:
            fields.append(("allow", "GET, HEAD"))
        if is_last:
            fields.append(("connection", "close"))
        head = (
            connection.send(
                h11.Response(status_code=answer.status, headers=fields, reason=_REASONS.get(answer.status, b""))
            )
            or b""
        )
        body = b"" if request is not None and request.method == b"HEAD" else answer.body
        head += connection.send(h11.Data(data=body)) or b""
        head += connection.send(h11.EndOfMessage()) or b""
        writer.write(head)
        async with asyncio.timeout(WRITE_LIMIT):
            await writer.drain()


def _reason(slug: str) -> bytes:
    return b'{"reason":"%s"}' % slug.encode()
