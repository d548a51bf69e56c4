"""The admin address: HTTP/1.1, GET and HEAD only, bounded in every direction.

It is served by the supervisor, so it answers although every worker is busy, stuck or dead.  Requests are read by the reader of the
listeners (``wire.request``), so there is one reading of a request and not two: what a listener refuses is refused here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

from fastgw.core.date import date_line
from fastgw.server.listening import BACKLOG, Listening
from fastgw.server.log import Log
from fastgw.server.status import Content, Page
from fastgw.wire import scan
from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import REQUEST_FIELDS, FieldTable, is_hopeless
from fastgw.wire.messages import Request
from fastgw.wire.request import RequestReader
from fastgw.wire.serialize import reply_fields, reply_head

CONNECTIONS = 64  #: at the same time; more are closed at once
HEAD_SIZE = 8192  #: bytes of a request head
HEAD_COUNT = 100  #: fields of it
IDLE_LIMIT = 60.0  #: seconds a connection may wait for its next request
HEAD_LIMIT = 5.0  #: seconds from the first byte of a request to the end of it
WRITE_LIMIT = 10.0  #: seconds for a client to take the answer
LINGER_LIMIT = 2.0  #: seconds in which a client that still sends may read the last answer (RFC 9112 section 9.6)
LINGER_SIZE = 1 << 20  #: bytes thrown away meanwhile

_FIELDS = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'"),
)


class Admin:
    """Serves pages, at all addresses that it is given or at none."""

    def __init__(self, pages: Mapping[str, Page], log: Log) -> None:
        self._pages = pages
        self._log = log
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._reader = RequestReader(HEAD_COUNT, HEAD_SIZE)
        self._table = FieldTable(REQUEST_FIELDS)

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
        heads = Heads(reader)
        request = Request()
        while True:
            try:
                if (head := await heads.next()) is None:
                    return
                self._reader.read(head, request, self._table)
            except WireError as error:
                is_last, is_head_only = True, heads.begins_with(b"HEAD ")
                answer = Content(error.status, _reason(error.code))
            else:
                is_last = request.has_body or not request.keep_alive  # a body is not wanted, and not read
                is_head_only = request.method == b"HEAD"
                answer = await self._answer(request)
            await self._send(writer, answer, is_last, is_head_only, request.minor)
            if is_last:
                await _linger(reader, writer)
                return

    async def _answer(self, request: Request) -> Content:
        if request.method not in (b"GET", b"HEAD"):
            return Content(405, _reason("method_not_allowed"))
        page = self._pages.get(request.path.decode("latin-1"))
        if page is None:
            return Content(404, _reason("not_found"))
        try:
            return await page((request.header(b"accept") or b"").decode("latin-1"), request.query[1:].decode("latin-1"))
        except Exception as error:  # noqa: BLE001  as above
            self._log.limited("an admin page failed", path=request.path.decode("latin-1"), error=repr(error))
            return Content(500, _reason("internal"))

    async def _send(
        self, writer: asyncio.StreamWriter, answer: Content, is_last: bool, is_head_only: bool, minor: int
    ) -> None:
        fields: tuple[tuple[str, str], ...] = _FIELDS
        if answer.status == 405:
            fields += (("allow", "GET, HEAD"),)
        connection = b"close" if is_last else b"" if minor else b"keep-alive"
        size = len(answer.body)
        head = reply_head(
            answer.status, reply_fields(answer.status, answer.content_type, size, fields), size, connection
        )
        writer.write(head + date_line(int(time.time())) + b"\r\n" + (b"" if is_head_only else answer.body))
        async with asyncio.timeout(WRITE_LIMIT):
            await writer.drain()


class Heads:
    """The request heads that come over one connection, one after the other."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._data = b""
        self._last = b""

    def begins_with(self, text: bytes) -> bool:
        """Does the head that was read, or refused, last?"""
        return self._last.startswith(text)

    async def next(self) -> bytes | None:
        """The next head, with its empty line; None when the client has no more.

        Raises:
            WireError: what came can never become one.
            TimeoutError: it does not come in time.
        """
        is_fresh = True
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(HEAD_LIMIT if self._data else IDLE_LIMIT) as deadline:
            while True:
                if is_fresh and self._data[:2] == b"\r\n":  # one empty line is ignored (RFC 9112 section 2.2)
                    is_fresh, self._data = False, self._data[2:]
                self._last = self._data
                end = scan.find_head_end(self._data, 0)
                if 0 <= end <= HEAD_SIZE - 4:
                    head, self._data = self._data[: end + 4], self._data[end + 4 :]
                    return head
                if len(self._data) > HEAD_SIZE:
                    raise WireError(431, "head_too_large", f"the request head is larger than {HEAD_SIZE} bytes")
                if is_hopeless(self._data):
                    raise bad("the request head has a control character or a bare CR or LF")
                more = await self._reader.read(HEAD_SIZE)
                if not more:
                    return None
                if not self._data:
                    deadline.reschedule(now() + HEAD_LIMIT)
                self._data += more


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close our side, and let the client read what it was told before it meets a reset."""
    if writer.can_write_eof():
        writer.write_eof()
    left = LINGER_SIZE
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_LIMIT):
            while left > 0 and (thrown := await reader.read(65536)):
                left -= len(thrown)


def _reason(slug: str) -> bytes:
    return b'{"reason":"%s"}' % slug.encode()
