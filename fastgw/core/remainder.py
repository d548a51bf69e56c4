"""What TLS had received when its connection ended, and nobody has read yet.

While reading is held, uvloop's TLS keeps what arrives, up to 256 KB, and forgets it when the peer closes: the last part of a complete
answer would be missing where a client reads slowly.  So the protocol puts a ``Remainder`` in the place of its transport, reads on from
there at its own pace, and hears of the end after that.  The end is a proper one if TLS said so (close_notify, RFC 8446 section 6.1):
where only the end tells that a body is complete, anything else is a truncation (RFC 9112 section 9.8).
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.core.connection import Connection

READ_SIZE = 65536


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


def outlives(connection: Connection, loop: asyncio.AbstractEventLoop, error: Exception | None) -> bool:
    """Called when ``connection`` is lost: whether it lives on with a ``Remainder``, and will be lost later."""
    if not connection.was_held:
        return False  # then everything has been read
    tls = connection.transport.get_extra_info("ssl_object")
    if tls is None:
        return False
    connection.transport = Remainder(connection, tls, loop, error, is_held=bool(connection._holds))
    return True
