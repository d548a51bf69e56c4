"""HTTP/1.1 as the supervisor speaks it, at the admin address and at the admin socket: bounded in every direction.

Requests are read by the reader of the listeners (``wire.request``), so there is one reading of a request and not two: what a listener
refuses is refused here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from fastgw.core.date import date_line
from fastgw.server.guard import Guard, Peer
from fastgw.server.log import Log
from fastgw.server.page import Page, PageRequest, PageTable
from fastgw.server.problem import PROBLEM, AdminProblem
from fastgw.server.status import JSON, Content
from fastgw.wire import scan
from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import REQUEST_FIELDS, FieldTable, is_hopeless
from fastgw.wire.messages import Request
from fastgw.wire.request import RequestReader
from fastgw.wire.serialize import reply_fields, reply_head, status_line

HEAD_SIZE = 8192  #: bytes of a request head
HEAD_COUNT = 100  #: fields of it
BODY_SIZE = 4096  #: bytes of a request body
IDLE_LIMIT = 60.0  #: seconds a connection may wait for its next request
HEAD_LIMIT = (
    5.0  #: seconds from the first byte of a request to the end of its head, and from there to the end of its body
)
WRITE_LIMIT = 10.0  #: seconds for a client to take the answer
LINGER_LIMIT = 2.0  #: seconds in which a client that still sends may read the last answer (RFC 9112 section 9.6)
LINGER_SIZE = 1 << 20  #: bytes thrown away meanwhile

_FIELDS = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
)
_POLICY = ("content-security-policy", "default-src 'none'; frame-ancestors 'none'")


class AdminHttp:
    """Answers requests by a table of pages."""

    def __init__(self, table: PageTable, guard: Guard, log: Log) -> None:
        self._table = table
        self._guard = guard
        self._log = log
        self._reader = RequestReader(HEAD_COUNT, HEAD_SIZE)
        self._fields = FieldTable(REQUEST_FIELDS)
        self._resting: set[asyncio.StreamWriter] = set()  # who has no answer to come
        self._leaving: set[asyncio.StreamWriter] = set()  # who gets no other answer than the one under way

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, begun: bytes = b""
    ) -> None:
        """Answer everything that comes over one connection; ``begun``: what was read of it already.

        Raises:
            OSError, TimeoutError: the client went away, or to sleep.
        """
        try:
            await self._serve(Incoming(reader, begun), writer, peer)
        finally:
            self._resting.discard(writer)
            self._leaving.discard(writer)

    def dismiss(self, writer: asyncio.StreamWriter) -> None:
        """End the connection: at once if it waits for a request, else behind the answer under way."""
        if writer in self._resting:
            writer.transport.abort()
        else:
            self._leaving.add(writer)

    async def _serve(self, requests: Incoming, writer: asyncio.StreamWriter, peer: Peer) -> None:
        request = Request()
        is_last = False
        while not is_last:
            self._resting.add(writer)
            page: Page | None = None
            try:
                if (head := await requests.next()) is None:
                    return
                self._resting.discard(writer)
                self._reader.read(head, request, self._fields)
                page = self._find(request)
                self._guard.check(request, page.right, peer)
                asked = PageRequest(
                    (request.header(b"accept") or b"").decode("latin-1"),
                    request.query[1:].decode("latin-1"),
                    await self._body(request, page, requests, writer),
                    str(peer),
                )
            except WireError as error:
                is_last, answer = True, _refusal(AdminProblem(error.status, error.code, error.detail, error.headers))
            except AdminProblem as problem:
                is_last, answer = request.has_body or not request.keep_alive, _refusal(problem)
                self._tell(problem, request, peer)
            else:
                is_last = not request.keep_alive or (request.has_body and page.method == "GET")  # it is not read
                answer = await self._answer(page, asked)
            is_last = is_last or answer.stream is not None or writer in self._leaving
            await _send(writer, answer, is_last, requests.begins_with(b"HEAD "), request.minor)
        await requests.linger(writer)

    def _find(self, request: Request) -> Page:
        path, method = request.path.decode("latin-1"), request.method.decode("latin-1")
        methods = self._table.get(path)
        if methods is None:
            raise AdminProblem(404, "not_found", "there is no such page; /openapi.json tells which there are")
        page = methods.get("GET" if method == "HEAD" else method)
        if page is None:
            allowed = ", ".join(
                one for method in methods for one in (("GET", "HEAD") if method == "GET" else (method,))
            )
            raise AdminProblem(405, "method_not_allowed", f"this page is asked for by {allowed}", (("allow", allowed),))
        return page

    async def _body(
        self, request: Request, page: Page, requests: Incoming, writer: asyncio.StreamWriter
    ) -> Mapping[str, Any]:
        """What stands in it, if the page takes one.

        Raises:
            AdminProblem: it is none that can be read.
        """
        if page.method == "GET" or not request.has_body:
            return {}
        if request.chunked:
            raise AdminProblem(411, "length_required", "say how long the body is (Content-Length)")
        if request.content_length > BODY_SIZE:
            raise AdminProblem(413, "body_too_large", f"the body has more than {BODY_SIZE} bytes")
        kind = (request.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != JSON.encode():
            raise AdminProblem(415, "not_json", f"the body must be {JSON} (Content-Type)")
        if request.expect:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        found = parsed(await requests.body(request.content_length))
        if unknown := [key for key in found if key not in page.keys]:
            raise AdminProblem(400, "bad_body", f"the body has keys that mean nothing here: {', '.join(unknown)[:200]}")
        return found

    async def _answer(self, page: Page, asked: PageRequest) -> Content:
        try:
            return await page.answer(asked)
        except AdminProblem as problem:
            return _refusal(problem)
        except Exception as error:  # noqa: BLE001  one page that fails must not end the supervisor
            self._log.limited("an admin page failed", path=page.path, error=repr(error))
            return _refusal(AdminProblem(500, "internal", "the page failed; the log of the gateway says how"))

    def _tell(self, problem: AdminProblem, request: Request, peer: Peer) -> None:
        """In the log, of who may not."""
        if problem.status in (401, 403, 421):
            path = request.path.decode("latin-1")
            self._log.warning("the admin address refuses", code=problem.code, client=str(peer), path=path[:200])


def parsed(data: bytes) -> dict[str, Any]:
    """An object that ``data`` is the JSON of.

    Raises:
        AdminProblem: it is none.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise AdminProblem(400, "bad_body", "the body is no JSON") from None
    if not isinstance(found, dict):
        raise AdminProblem(400, "bad_body", "the body must be an object")
    return found


def _refusal(problem: AdminProblem) -> Content:
    return Content(problem.status, problem.body(), PROBLEM, problem.fields)


async def _send(writer: asyncio.StreamWriter, answer: Content, is_last: bool, is_head: bool, minor: int) -> None:
    fields = _FIELDS + answer.fields
    if all(name != _POLICY[0] for name, _ in fields):
        fields += (_POLICY,)
    connection = b"close" if is_last else b"" if minor else b"keep-alive"
    if answer.stream is None:
        size = len(answer.body)
        lines = reply_fields(answer.status, answer.content_type, size, fields)
        head = reply_head(answer.status, lines, size, connection)
    else:  # it ends with its connection (RFC 9112 section 6.3)
        lines = reply_fields(answer.status, answer.content_type, 1, fields)
        head = status_line(answer.status) + lines + b"connection: close\r\n"
    writer.write(head + date_line(int(time.time())) + b"\r\n" + (b"" if is_head else answer.body))
    await _taken(writer)
    if answer.stream is not None and not is_head:
        async with contextlib.aclosing(answer.stream()) as pieces:
            async for piece in _while_open(pieces, writer):
                writer.write(piece)
                await _taken(writer)


async def _while_open(pieces: AsyncGenerator[bytes, None], writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """``pieces`` until the connection is lost, which ends one that is waited for, too."""
    gone: asyncio.Future[Any] = asyncio.ensure_future(asyncio.shield(writer.wait_closed()))
    try:
        while True:
            piece: asyncio.Future[Any] = asyncio.ensure_future(anext(pieces, b""))
            await asyncio.wait({piece, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not piece.done():
                piece.cancel()
                await asyncio.wait({piece})
                return
            if not (found := piece.result()):
                return
            yield found
    finally:
        gone.cancel()


async def _taken(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(WRITE_LIMIT):
        await writer.drain()


class Incoming:
    """What comes over one connection: request heads, one after the other, and the bodies that somebody wants."""

    def __init__(self, reader: asyncio.StreamReader, begun: bytes = b"") -> None:
        self._reader = reader
        self._data = begun
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

    async def body(self, length: int) -> bytes:
        """The next ``length`` bytes.

        Raises:
            OSError: the client ends before.
            TimeoutError: they do not come in time.
        """
        async with asyncio.timeout(HEAD_LIMIT):
            while len(self._data) < length:
                if not (more := await self._reader.read(length - len(self._data))):
                    raise ConnectionResetError("the body is not complete")
                self._data += more
        found, self._data = self._data[:length], self._data[length:]
        return found

    async def linger(self, writer: asyncio.StreamWriter) -> None:
        """Close our side, and let the client read what it was told before it meets a reset.  (TLS closes both at once.)"""
        if not writer.can_write_eof():
            return
        writer.write_eof()
        left = LINGER_SIZE
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_LIMIT):
                while left > 0 and (thrown := await self._reader.read(65536)):
                    left -= len(thrown)
