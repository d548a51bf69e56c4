"""What TLS had received when its connection ended, and nobody has read yet.

While reading is held, uvloop's TLS keeps what arrives, up to 256 KB, and forgets it when the peer closes: the last part of a complete
answer would be missing where a client reads slowly.  So the protocol puts a ``Remainder`` in the place of its transport, reads on from
there at its own pace, and hears of the end after that.  The end is a proper one if TLS said so (close_notify, RFC 8446 section 6.1):
where only the end tells that a body is complete, anything else is a truncation (RFC 9112 section 9.8).

What the kernel still has is lost in the same way when a write fails: uvloop closes the descriptor before anybody is told.  A service that
refuses an upload and leaves has answered in just those bytes.  So while a body is on its way the connection has a second descriptor of
its socket (``spare``), and TLS made by a context of ``knows_its_source`` can be given what is read from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.core.net.connection import Connection

READ_SIZE = 65536
REFILL_MAX = 4 * READ_SIZE  #: bytes taken from the kernel, as many as uvloop's TLS keeps itself


class _Context(ssl.SSLContext):
    """A context whose connections remember where their bytes come from."""

    def wrap_bio(self, incoming: ssl.MemoryBIO, *rest: Any, **options: Any) -> ssl.SSLObject:
        """See ``ssl.SSLContext``."""
        made: Any = super().wrap_bio(incoming, *rest, **options)
        made.incoming = incoming
        tls: ssl.SSLObject = made
        return tls


def knows_its_source(context: ssl.SSLContext) -> ssl.SSLContext:
    """``context``, whose connections can from now on be given bytes that their transport did not read."""
    context.__class__ = _Context  # as the standard library made it, with whatever it thinks right for a client
    return context


def spare(connection: Connection) -> int:
    """A second descriptor of the socket of ``connection``, for ``outlives``; -1 where there is no TLS, or no descriptor left: then an
    answer in front of a reset may be lost, as it would be without."""
    transport = connection.transport
    if not hasattr(transport.get_extra_info("ssl_object"), "incoming"):
        return -1
    with contextlib.suppress(OSError):
        return os.dup(transport.get_extra_info("socket").fileno())
    return -1


def _refill(descriptor: int, tls: Any) -> bool:
    """Give ``tls`` what the kernel still has; False: nothing."""
    size = 0
    with contextlib.suppress(OSError):  # nothing more, or the reset
        while size < REFILL_MAX and (data := os.read(descriptor, READ_SIZE)):
            tls.incoming.write(data)
            size += len(data)
    return size > 0


class Remainder:
    """A transport without a connection: there is something to read, and then an end."""

    def __init__(
        self,
        connection: Connection,
        tls: ssl.SSLObject,
        loop: asyncio.AbstractEventLoop,
        error: Exception | None,
        *,
        is_held: bool,
    ) -> None:
        """``error``: with which the connection was lost; ``is_held``: whether reading has to wait for ``resume_reading``."""
        self._connection: Any = connection
        self._tls = tls
        self._loop = loop
        self._error = error
        self._is_held = is_held
        self._is_over = False
        self._is_due = False  # reading is scheduled
        if not is_held:
            self.resume_reading()

    def _read(self) -> None:
        self._is_due = False
        if self._is_held or self._is_over:
            return
        try:
            data = self._tls.read(READ_SIZE)
        except ssl.SSLError:  # no more: the peer left without a word, or in the middle of a record
            self._end()
            return
        if not data:
            self._connection.eof_received()
            self._end()
            return
        self.resume_reading()
        try:
            self._connection.data_received(data)
        except Exception:
            self._end()
            raise

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._loop.call_soon(self._connection.connection_lost, self._error)

    # --- what Connection asks of a transport

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Itself as a ``socket`` that is none, so that nobody takes this for a connection to be used again."""
        return self if name == "socket" else default

    def fileno(self) -> int:
        """None."""
        return -1

    def pause_reading(self) -> None:
        """Wait."""
        self._is_held = True

    def resume_reading(self) -> None:
        """Go on, in another turn of the loop."""
        self._is_held = False
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._read)

    def write(self, data: bytes) -> None:
        """Nobody is there to get it."""

    def get_write_buffer_size(self) -> int:
        """Nothing is queued."""
        return 0

    def can_write_eof(self) -> bool:
        """Nothing is written."""
        return False

    def is_closing(self) -> bool:
        """It has no other side."""
        return True

    def close(self) -> None:
        """Read no more."""
        self._end()

    abort = close


def outlives(
    connection: Connection, loop: asyncio.AbstractEventLoop, error: Exception | None, descriptor: int = -1
) -> bool:
    """Called when ``connection`` is lost: whether it lives on with a ``Remainder``, and will be lost later.

    ``descriptor``: its ``spare``, or -1.
    """
    tls = connection.transport.get_extra_info("ssl_object")
    if tls is None:
        return False
    is_refilled = descriptor >= 0 and _refill(descriptor, tls)
    if not (connection.was_held or is_refilled):
        return False  # then everything has been read
    connection.transport = Remainder(connection, tls, loop, error, is_held=bool(connection._holds))
    return True
