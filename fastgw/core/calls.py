"""What the gateway itself asks for: keys that sign tokens, what a token is worth, whether a request may pass, how busy a member is.

Where it is asked is in the configuration, and nowhere else: nothing of a request, an answer or the environment leads to another place
(no redirect is followed, no proxy is used).  A call is bounded in time, its answer in size, the connections and the calls that wait for
them in number.  Certificates are verified.  This is not the path of requests to services: whoever waits for a call has a Task.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from fastgw.core.causes import excerpt, words
from fastgw.core.settings import Url
from fastgw.wire.fields import LINE_BYTES

HEAD_MOST: Final = 64 * 1024  #: bytes of an answer beside its body
KEPT_ALIVE: Final = {  #: seconds of silence before the first probe, between two, their number, milliseconds until bytes are confirmed
    socket.TCP_KEEPIDLE: 15,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 30_000,
}
WAITING_MOST: Final = 16  #: calls under way, in times the number of connections

_P = TypeVar("_P", bound=asyncio.Protocol)


class CallError(Exception):
    """A call has no answer that can be used; ``cause`` is a word, and the text is for the operator."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class LeftError(Exception):
    """A kept connection ended before anything of the answer came."""


class Answered(NamedTuple):
    """The answer to a call, whole."""

    status: int
    fields: tuple[tuple[bytes, bytes], ...]  #: names in lower case
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        """The value of each line of the field ``name`` (lower case)."""
        return [value for key, value in self.fields if key == name]


class AsMember(NamedTuple):
    """How a member of a service is asked, which may be on any host, without TLS too: as requests are sent to it."""

    context: ssl.SSLContext | None  #: None: without TLS
    server_name: str  #: that it must have a certificate for
    path: str = ""  #: of its unix socket; empty: it is where the URL says
    authority: str = ""  #: the Host it is told; empty: that of the URL


Asking = Callable[..., Awaitable[Answered]]  #: as ``Caller.call``


class Caller:
    """Asks one place, over a few connections that are kept."""

    def __init__(
        self, url: Url, limit: float, largest: int, connections: int = 1, as_member: AsMember | None = None
    ) -> None:
        """Nothing is opened yet.

        Args:
            limit: seconds that a call takes, with everything.
            largest: bytes of an answer's body.
            connections: as many at once; ``WAITING_MOST`` times as many calls may be under way.
            as_member: how a member of a service is asked; None: it is somebody else, who is asked with TLS or on this host.

        Raises:
            OSError: its file of authorities cannot be used.
        """
        self.url = url
        self._limit = limit
        self._largest = largest
        self._most = connections * WAITING_MOST
        self._room = asyncio.Semaphore(connections)
        self._idle: list[Any] = []  # as ``_connection`` makes them
        self._under_way = 0
        self._is_closed = False
        self._as_member = as_member
        self._authority = (as_member.authority if as_member is not None else "") or url.authority
        if as_member is not None:
            self._context = as_member.context
        else:
            self._context = _context(url.ca) if url.is_tls else None

    async def call(
        self, method: bytes, fields: Iterable[tuple[bytes, bytes]] = (), body: bytes = b"", target: str = ""
    ) -> Answered:
        """Ask with ``method`` (not HEAD), and return the answer, whatever its status.

        ``fields``: beside Host, Content-Length and Accept-Encoding, which are made here.  ``target``: in the place of that of the URL.

        Raises:
            CallError: there is none.
            ValueError: a field cannot be sent.
        """
        data = self.message(method, fields, body, target)
        if self._under_way >= self._most:
            raise CallError("busy", f"{self._under_way} calls of {self.url} are under way")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._limit):
                async with self._room:
                    return await self._ask(data)
        except TimeoutError:
            raise CallError("timeout", f"{self.url} did not answer within {self._limit:g} s") from None
        finally:
            self._under_way -= 1

    async def reach(self) -> None:
        """See whether a connection can be opened; it is closed at once.

        Raises:
            CallError: it cannot.
        """
        try:
            async with asyncio.timeout(self._limit):
                (await self.connect(self._connection())).close()
        except TimeoutError:
            raise CallError("timeout", f"{self.url} took no connection within {self._limit:g} s") from None

    def close(self) -> None:
        """Keep no connection any more; calls under way end as they would."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def message(self, method: bytes, fields: Iterable[tuple[bytes, bytes]], body: bytes, target: str) -> bytes:
        """The bytes of a request as ``call`` sends it; raises ValueError as it does."""
        lines = [
            b"%b %b HTTP/1.1" % (method, (target or self.url.target).encode()),
            b"host: " + self._authority.encode(),
        ]
        for name, value in fields:
            if name.translate(None, LINE_BYTES) or value.translate(None, LINE_BYTES):
                raise ValueError("a field of a call has a character that no header field has")
            lines.append(name + b": " + value)
        lines.append(b"accept-encoding: identity")
        if body or method == b"POST":
            lines.append(b"content-length: %d" % len(body))
        return b"\r\n".join([*lines, b"", body])

    async def _ask(self, data: bytes) -> Answered:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_kept:
                try:
                    return await self._exchange(connection, data)
                except LeftError:  # it was closed while the call was on its way; so may the others have been
                    continue
        try:
            return await self._exchange(await self.connect(self._connection()), data)
        except LeftError:
            raise CallError("broken", f"{self.url} closed the connection without an answer") from None

    def _connection(self) -> Any:
        """A protocol for a new connection, with what ``_Connection`` has for calls."""
        return _Connection(self.url, self._largest)

    async def _exchange(self, connection: Any, data: bytes) -> Answered:
        try:
            found: Answered = await connection.ask(data)
        except BaseException:
            connection.close()
            raise
        if connection.is_kept and not self._is_closed:
            self._idle.append(connection)
        else:
            connection.close()
        return found

    async def connect(self, protocol: _P) -> _P:
        """Open a connection for ``protocol``, which is not one of those that are kept; no bound of time is set here.

        Raises:
            CallError: it cannot be opened.
        """
        url, member, loop = self.url, self._as_member, asyncio.get_running_loop()
        name = url.host if member is None else member.server_name
        options: dict[str, Any] = {"ssl": self._context, "server_hostname": name if url.is_tls else None}
        try:
            if member is not None and member.path:
                await loop.create_unix_connection(lambda: protocol, member.path, **options)
            else:
                transport, _ = await loop.create_connection(lambda: protocol, url.host, url.port, **options)
                _keep_alive(transport)
        except socket.gaierror as error:
            raise CallError("unresolved", f"the name {url.host} has no address: {error.strerror}") from None
        except ssl.SSLError as error:
            raise CallError("tls", f"TLS with {url} failed: {words(error)}") from None
        except ConnectionRefusedError:
            raise CallError("refused", f"{url} refused the connection") from None
        except OSError as error:
            if url.is_tls and isinstance(error, ConnectionError):
                raise CallError("tls", f"{url} broke off the TLS handshake: {words(error)}") from None
            raise CallError("unreachable", f"{url} cannot be reached: {words(error)}") from None
        if not url.is_tls and member is None and not _is_loopback(transport):
            transport.abort()
            raise CallError(
                "unresolved", f"the name {url.host} is not this host, and without TLS nothing else is asked"
            )
        return protocol


class _Connection(asyncio.Protocol):
    """One connection, and the answer that is expected on it, if any."""

    def __init__(self, url: Url, largest: int) -> None:
        self._url = url
        self._largest = largest
        self._transport: Any = None  # asyncio.Transport, or one of uvloop, which is none
        self._answer: asyncio.Future[Answered] | None = None
        self._parser: HttpResponseParser | None = None
        self._has_begun = False  # something of the answer came
        self._is_over = False  # all of it is there
        self._is_body_open = False  # it ends with the connection
        self._received = 0
        self._size = 0
        self._status = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self.is_kept = False  #: another call may be sent

    async def ask(self, data: bytes) -> Answered:
        """Send ``data``, a whole request; return its answer.  Raises CallError, LeftError."""
        if self._transport is None:
            raise LeftError
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = HttpResponseParser(self)
        self._has_begun = self._is_over = self._is_body_open = self.is_kept = False
        self._received = self._size = 0
        self._fields, self._body = [], []
        self._transport.write(data)
        return await self._answer

    def close(self) -> None:
        """End it, whatever is under way."""
        self.is_kept = False
        if self._transport is not None:
            self._transport.abort()

    # -- what the loop says

    def connection_made(self, transport: Any) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._parser is None or self._answer is None or self._answer.done():
            self.close()  # nobody has asked
            return
        self._has_begun = True
        self._received += len(data)
        if self._received > self._largest + HEAD_MOST:
            self._fail("too_large", f"the answer of {self._url} is larger than {self._largest} bytes")
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail("broken", f"{self._url} wants to speak something else than HTTP")
        except HttpParserError as error:
            self._fail("broken", f"what {self._url} answered is no HTTP: {error}: {excerpt(data)}")

    def connection_lost(self, error: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self.is_kept = False
        self._transport = None
        if self._answer is None or self._answer.done():
            return
        if not self._has_begun:
            self._answer.set_exception(LeftError())
        elif self._is_body_open and error is None:
            self._finish()
        else:
            self._fail("broken", f"{self._url} closed the connection in the middle of its answer")

    # -- what the parser says

    def on_message_begin(self) -> None:
        """An answer; behind the one that was asked for there is none."""
        if self._is_over:
            self.is_kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field line."""
        if not self._is_over:
            self._fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """All field lines."""
        assert self._parser is not None
        if self._is_over:
            return
        self._status = self._parser.get_status_code()
        names = {name for name, _ in self._fields}
        has_body = self._status >= 200 and self._status not in (204, 304)
        self._is_body_open = has_body and names.isdisjoint((b"content-length", b"transfer-encoding"))

    def on_body(self, data: bytes) -> None:
        """Bytes of the body."""
        if self._is_over:
            return
        self._size += len(data)
        if self._size > self._largest:
            self._fail("too_large", f"the answer of {self._url} is larger than {self._largest} bytes")
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The end of an answer; an interim one (RFC 9110 section 15.2) is none."""
        if self._is_over:
            return
        if self._status < 200:
            self._fields = []
        else:
            self._finish()

    def _finish(self) -> None:
        assert self._answer is not None and self._parser is not None
        self._is_over = True
        if self._answer.done():
            return
        if is_encoded(self._fields):
            self._fail("broken", f"{self._url} answered in an encoding that it was not asked for")
            return
        is_open = self._transport is not None and not self._is_body_open
        self.is_kept = is_open and self._parser.should_keep_alive()
        self._answer.set_result(Answered(self._status, tuple(self._fields), b"".join(self._body)))

    def _fail(self, cause: str, detail: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(CallError(cause, detail))
        self.close()


def is_encoded(fields: Iterable[tuple[bytes, bytes]]) -> bool:
    """Has an answer with ``fields`` a body in an encoding, though none was asked for?"""
    return any(value.lower() not in (b"", b"identity") for name, value in fields if name == b"content-encoding")


def _keep_alive(transport: Any) -> None:
    """Have the kernel notice within half a minute that nobody is at the other end any more, though all are waiting."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEPT_ALIVE.items():
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _is_loopback(transport: Any) -> bool:
    """Is at the other end this host?"""
    peer = transport.get_extra_info("peername")
    return peer is not None and ipaddress.ip_address(peer[0]).is_loopback


def _context(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
