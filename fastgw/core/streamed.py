"""Calls whose answer never ends: its body in pieces, as they come.

A registry tells of changes in such an answer (a watch).  Each has a connection of its own, by the same rules as other calls
(``core.calls``): where it leads is in the configuration, certificates are verified.  Bounds are of another kind, since neither its
time nor its size has one: of the time to its head, of the silence between two pieces, of the bytes that wait to be taken; who does
not take them holds the sender back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from fastgw.core.calls import HEAD_MOST, Caller, CallError, is_encoded
from fastgw.core.causes import excerpt
from fastgw.core.settings import Url

HELD_MOST: Final = 256 * 1024  #: bytes that wait to be taken, after which no more are read


@asynccontextmanager
async def streamed(
    caller: Caller,
    method: bytes,
    fields: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    target: str = "",
    *,
    limit: float,
    idle: float,
) -> AsyncIterator[Streamed]:
    """Ask where ``caller`` asks; the connection is closed with the context, whatever has come by then.

    Args:
        limit: seconds until the head of the answer is there, with everything.
        idle: seconds without a byte of the body, after which the answer is given up.

    Raises:
        CallError: there is no answer.  Its ``piece`` raises it where the answer breaks off.
        ValueError: a field cannot be sent.
    """
    data = caller.message(method, fields, body, target)
    answer = Streamed(caller.url, idle)
    try:
        try:
            async with asyncio.timeout(limit):
                await caller.connect(answer)
                await answer.ask(data)
        except TimeoutError:
            raise CallError("timeout", f"{caller.url} did not answer within {limit:g} s") from None
        yield answer
    finally:
        answer.close()


class Streamed(asyncio.Protocol):
    """One such answer, and its connection."""

    def __init__(self, url: Url, idle: float) -> None:
        self._url = url
        self._idle = idle
        self._transport: Any = None  # asyncio.Transport, or one of uvloop, which is none
        self._parser = HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._error: CallError | None = None
        self._is_over = False  # all of it is there
        self._has_head = False
        self._is_body_open = False  # it ends with the connection
        self._is_held = False
        self._received = 0  # bytes of its head
        self._size = 0  # of what waits
        self._pieces: list[bytes] = []
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []  #: names in lower case

    async def ask(self, data: bytes) -> None:
        """Send ``data``, a whole request, and wait for the head of its answer.  Raises CallError."""
        if self._transport is not None:
            self._transport.write(data)
        while not self._has_head:
            await self._wait()

    async def piece(self) -> bytes:
        """All of the body that has come and was not taken yet; empty: it is over.

        Raises:
            CallError: it broke off, or nothing came for too long.
        """
        while not self._pieces:
            if self._is_over:
                return b""
            try:
                async with asyncio.timeout(self._idle):
                    await self._wait()
            except TimeoutError:
                raise CallError("timeout", f"{self._url} said nothing for {self._idle:g} s") from None
        found = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._is_held and self._transport is not None:
            self._is_held = False
            self._transport.resume_reading()
        return found

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        """Until something has happened; raises what ended it, if something has."""
        if self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._see_error()

    def _see_error(self) -> None:
        if self._error is not None and not self._pieces:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, cause: str, detail: str) -> None:
        if self._error is None and not self._is_over:
            self._error = CallError(cause, detail)
        self.close()
        self._wake()

    # -- what the loop says

    def connection_made(self, transport: Any) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._is_over or self._error is not None:
            return  # it is closed, or soon will be
        if not self._has_head:
            self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail("broken", f"{self._url} wants to speak something else than HTTP")
        except HttpParserError as error:
            self._fail("broken", f"what {self._url} answered is no HTTP: {error}: {excerpt(data)}")
        if not self._has_head and self._received > HEAD_MOST:
            self._fail("too_large", f"the head of the answer of {self._url} is larger than {HEAD_MOST} bytes")
        if self._size > HELD_MOST and not self._is_held and self._error is None:
            self._is_held = True
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = None
        if self._is_body_open and error is None:
            self._is_over = True
            self._wake()
        elif self._has_head:
            self._fail("broken", f"{self._url} closed the connection in the middle of its answer")
        else:
            self._fail("broken", f"{self._url} closed the connection without an answer")

    # -- what the parser says

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field line; those behind the body are not kept."""
        if not self._has_head:
            self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """All field lines; those of an interim answer (RFC 9110 section 15.2) are none of it."""
        if self._has_head:
            return  # of what nobody asked for
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.fields = []
            return
        self._has_head = True
        names = {name for name, _ in self.fields}
        has_body = self.status not in (204, 304)
        self._is_body_open = has_body and names.isdisjoint((b"content-length", b"transfer-encoding"))
        if is_encoded(self.fields):
            self._fail("broken", f"{self._url} answered in an encoding that it was not asked for")
        self._wake()

    def on_body(self, data: bytes) -> None:
        """Bytes of the body."""
        if self._error is None and not self._is_over:
            self._pieces.append(data)
            self._size += len(data)
            self._wake()

    def on_message_complete(self) -> None:
        """The end of the answer, or of an interim one."""
        if self._has_head:
            self._is_over = True
            self._is_body_open = False
            self._wake()
