"""One connection to a Redis (or Valkey), shared by all who ask: questions leave at once, answers come back in their order.

What is asked is written without waiting for what was asked before, so a hundred questions cost one round trip.  An answer that is late,
or is none, ends the connection: behind it nobody knows any more which answer belongs to whom.  Reconnecting is the business of
``leasing``.

The protocol is RESP2 (Redis 6 and later speak it to who does not ask for another).  hiredis reads it, and is the extra ``redis``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import deque
from typing import Any, Final

import hiredis

from fastgw.core.causes import words
from fastgw.core.settings import RedisSettings

WAITING_MOST: Final = 4096  #: questions without an answer, on one connection
ANSWER_MOST: Final = 64 * 1024  #: bytes that are read without an answer in them: all that are expected are shorter

#: Answers to questions that are errors, by their first word; all others are ``error``.
_CAUSES: Final = {
    "NOAUTH": "auth",
    "WRONGPASS": "auth",
    "NOPERM": "auth",
    "LOADING": "loading",
    "READONLY": "read_only",
    "OOM": "no_memory",
    "MISCONF": "read_only",
    "BUSY": "timeout",
}


class RedisError(Exception):
    """There is no answer, or it is an error; ``cause`` is a word, and the text is for the operator."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class RedisConnection(asyncio.Protocol):
    """A connection, and who waits for an answer on it."""

    def __init__(self, settings: RedisSettings) -> None:
        self.settings = settings
        self._transport: Any = None
        self._reader = hiredis.Reader(replyError=_as_error)
        self._unread = 0  #: bytes of an answer that is not whole
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()  #: who, and by when there must be an answer
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[RedisError] = self._loop.create_future()  #: done when it has ended, with the reason

    def ask(self, *command: Any) -> asyncio.Future[Any]:
        """Send a command; the answer, or RedisError, comes at most ``timeout`` later."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        if self.lost.done():
            answer.set_exception(self.lost.result())
        elif len(self._waiting) >= WAITING_MOST:
            answer.set_exception(RedisError("busy", f"{WAITING_MOST} questions of {self.settings} are under way"))
        else:
            self._waiting.append((answer, self._loop.time() + self.settings.timeout))
            if self._timer is None:
                self._timer = self._loop.call_later(self.settings.timeout, self._look)
            self._transport.write(hiredis.pack_command(command))
        return answer

    @property
    def is_loopback(self) -> bool:
        """Is at the other end this host?"""
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return not isinstance(peer, tuple) or ipaddress.ip_address(peer[0]).is_loopback

    def close(self, error: RedisError | None = None) -> None:
        """End it; who waits gets ``error``."""
        self._end(error or RedisError("closed", f"the connection with {self.settings} was closed"))
        if self._transport is not None:
            self._transport.abort()

    # -- what the loop says

    def connection_made(self, transport: Any) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._unread += len(data)
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not False:
                self._unread = 0
                if not self._waiting:
                    self.close(RedisError("broken", f"{self.settings} said what nobody has asked for"))
                    return
                waiting, _ = self._waiting.popleft()
                if waiting.done():
                    continue
                if isinstance(answer, RedisError):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)
        except (
            hiredis.ProtocolError,
            MemoryError,
            TypeError,
        ) as error:  # the others: a list, or keys, that nobody can make
            self.close(RedisError("broken", f"what {self.settings} said is no RESP: {words(error)}"))
            return
        if self._unread > ANSWER_MOST:
            self.close(RedisError("broken", f"an answer of {self.settings} is longer than any that was asked for"))

    def connection_lost(self, error: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        said = f": {words(error)}" if error is not None else ""
        self._end(RedisError("lost", f"{self.settings} closed the connection{said}"))
        self._transport = None

    def _look(self) -> None:
        """Has somebody waited for too long?"""
        self._timer = None
        if not self._waiting or self.lost.done():
            return
        left = self._waiting[0][1] - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self.close(RedisError("timeout", f"{self.settings} did not answer within {self.settings.timeout:g} s"))

    def _end(self, error: RedisError) -> None:
        if self.lost.done():
            return
        self.lost.set_result(error)
        if self._timer is not None:
            self._timer.cancel()
        while self._waiting:
            waiting, _ = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error)


async def connect(settings: RedisSettings) -> RedisConnection:
    """A connection that is ready to be asked: who we are was accepted, and the database is chosen.

    Raises:
        RedisError: there is none within ``timeout``.
    """
    try:
        async with asyncio.timeout(settings.timeout):
            connection = await _open(settings)
            try:
                await _greet(connection)
            except BaseException:
                connection.close()
                raise
            return connection
    except TimeoutError:
        raise RedisError("timeout", f"{settings} did not answer within {settings.timeout:g} s") from None


async def _open(settings: RedisSettings) -> RedisConnection:
    loop = asyncio.get_running_loop()

    def make() -> RedisConnection:
        return RedisConnection(settings)

    try:
        if settings.socket:
            _, connection = await loop.create_unix_connection(make, settings.socket)
        else:
            name = settings.host if settings.is_tls else None
            context = _context(settings.ca) if settings.is_tls else None
            _, connection = await loop.create_connection(
                make, settings.host, settings.port, ssl=context, server_hostname=name
            )
    except socket.gaierror as error:
        raise RedisError("unresolved", f"the name {settings.host} has no address: {error.strerror}") from None
    except ssl.SSLError as error:
        raise RedisError("tls", f"TLS with {settings} failed: {words(error)}") from None
    except ConnectionRefusedError:
        raise RedisError("refused", f"{settings} refused the connection") from None
    except OSError as error:
        if settings.is_tls and isinstance(error, ConnectionError):
            raise RedisError("tls", f"{settings} broke off the TLS handshake: {words(error)}") from None
        raise RedisError("unreachable", f"{settings} cannot be reached: {words(error)}") from None
    if not settings.is_tls and not settings.without_tls and not connection.is_loopback:
        connection.close()
        raise RedisError(
            "unresolved", f"the name {settings.host} is not this host, and without TLS none other is asked"
        )
    return connection


async def _greet(connection: RedisConnection) -> None:
    settings = connection.settings
    if settings.password:
        user = (settings.username,) if settings.username else ()
        await connection.ask("AUTH", *user, settings.password)
    if settings.db:
        await connection.ask("SELECT", settings.db)
    if await connection.ask("PING") != b"PONG":
        raise RedisError("broken", f"{settings} does not answer a PING")


def _as_error(said: str) -> RedisError:
    """An answer that is an error, in its own words: they have nothing of a password."""
    word = said.partition(" ")[0]
    is_denied = word == "ERR" and "AUTH" in said
    return RedisError("auth" if is_denied else _CAUSES.get(word, "error"), said[:200])


def _context(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
