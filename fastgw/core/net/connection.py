"""What both sides of an exchange have in common: a transport to write to, and reading that can be held.

**Writing.**  While nothing is queued, ``write`` hands the bytes to the kernel at once, past the transport: 0.5 us cheaper than
``transport.write``, and the peer has them before the loop's next turn.  What the kernel does not take goes to the transport, and from
then on everything does until its buffer is empty, so the order never changes.  TLS transports are always written through.

**Holding.**  Several parties may want a source to pause (a slow peer, a full buffer, an exchange that is not ready).  Each has a bit of its
own in ``_holds``; reading pauses when the first is set and resumes when the last is cleared.
"""

from __future__ import annotations

import socket
from typing import Any

from fastgw.core.ablation import OFF
from fastgw.core.net import sending

HOLD_PEER = 1  #: the other side's write buffer is full
HOLD_PENDING = 2  #: body bytes wait for an upstream connection
HOLD_PIPELINE = 4  #: bytes of further requests wait for their turn

WRITE_HIGH = 32 * 1024  #: bytes a transport may buffer before its peer is held; one read may come on top of them
WRITE_LOW = 16 * 1024
REST_READ = 64 * 1024  #: bytes of ``read_rest`` at once

_SENDS_DIRECTLY = "no_direct_send" not in OFF


class Connection:
    """Base of the two ends of an exchange (``exchange.ends``)."""

    __slots__ = (
        "_fd",
        "_holds",
        "_is_broken",
        "_is_queued",
        "deadline",
        "is_closed",
        "is_ended",
        "is_paused",
        "transport",
        "was_held",
    )

    def __init__(self) -> None:
        self._open()

    def _open(self) -> None:
        """Be new.  Each class of an end has this of its own, for what has a value before anybody says one, and asks its base first: the
        bases' ``__init__`` one by one would be a tenth of what a short connection costs."""
        self.transport: Any = None
        self.deadline = float("inf")  #: coarse loop time at which ``on_deadline`` is called
        self.is_closed = False  #: closing or closed: nothing more is written
        self.is_paused = False  #: the transport's buffer is above its high mark
        self.is_ended = False  #: the peer has ended its side, and its connection stays open nevertheless
        self.was_held = False  #: we have stopped the peer from sending since this was cleared
        self._fd = -1  #: for writing past the transport; -1: not possible
        self._holds = 0
        self._is_broken = False  #: writing failed
        self._is_queued = False  #: the transport may have bytes queued

    def attach(self, transport: Any) -> None:
        """Take over a connected transport."""
        self.transport = transport
        transport.set_write_buffer_limits(WRITE_HIGH, WRITE_LOW)
        if transport.get_extra_info("sslcontext") is None:
            sock = transport.get_extra_info("socket")
            if sock is not None and _SENDS_DIRECTLY:
                self._fd = sock.fileno()

    def on_accepted(self, transport: Any, fd: int, address: bytes | None) -> None:
        """A client connected over a plain socket, ``fd``: ``connection_made`` with the answers to what it would ask of ``transport``;
        ``address``: of the client, None for none, or one that is to be asked for."""
        self.transport = transport
        if _SENDS_DIRECTLY:
            self._fd = fd

    def write(self, data: bytes) -> None:
        """Send ``data``, after everything written before."""
        if self.is_closed or self._is_broken:
            return
        if self._fd >= 0:  # else everything goes to the transport, whatever it has queued
            if self._is_queued and self.transport.get_write_buffer_size() == 0:
                self._is_queued = False
            if not self._is_queued:
                sent = sending.send(self._fd, data)
                if sent < 0:
                    self.on_broken()
                    return
                if sent == len(data):
                    return
                data = data[sent:]
        self._is_queued = True
        self.transport.write(data)

    def write_eof(self) -> None:
        """End our side behind everything written before; the peer's stays open."""
        if not self.is_closed and not self._is_broken:
            self.transport.write_eof()

    def can_write_eof(self) -> bool:
        """Whether our side can end while the peer's stays open."""
        can: bool = self.transport.can_write_eof()
        return can

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer: each side of an exchange has its own way with them."""
        raise NotImplementedError

    def keeps_rest(self) -> bool:
        """Whether what the peer sent before it left is still to be read, when reading is held."""
        return False

    def on_broken(self) -> None:
        """The peer does not take bytes any more.  It may still have sent some (an early answer), and reading tells the end of the
        connection; only where nobody will read nobody would learn of it."""
        self._is_broken = True
        if self.is_ended or (self._holds and not self.keeps_rest()):
            self.abort()

    def hold(self, bit: int) -> None:
        """Stop reading until ``release`` of the same bit (and of every other)."""
        if not self._holds and not self.is_closed:
            self.transport.pause_reading()
        self._holds |= bit
        self.was_held = True

    def release(self, bit: int) -> None:
        """Undo ``hold`` of this bit."""
        if self._holds & bit:
            self._holds &= ~bit
            if not self._holds and not self.is_closed:
                self.transport.resume_reading()

    @property
    def is_held(self) -> bool:
        """Whether reading is stopped."""
        return self._holds != 0

    def has_news(self) -> bool:
        """Whether the kernel has bytes or an end to read, which the loop has not told yet."""
        try:
            return self._receive(1, socket.MSG_PEEK) is not None
        except (OSError, ValueError):  # reset, closed, or not a socket
            return True

    def read_rest(self) -> None:
        """Read what the kernel still has, past a transport of the loop: one that cannot write any more ends without reading, and what
        the peer said before it left would be lost.  With TLS only the transport could read it."""
        self._is_broken = True
        if self.transport.get_extra_info("sslcontext") is not None:
            return
        while not self._holds and not self.is_closed:
            try:
                data = self._receive(REST_READ)
            except (OSError, ValueError):  # nothing more came before the reset
                return
            if not data:
                return
            self.data_received(data)

    def _receive(self, size: int, flags: int = 0) -> bytes | None:
        """Bytes of the kernel, b"" at the end, None where nothing has come."""
        sock = self.transport.get_extra_info("socket")
        if sock is None:
            return None
        view = socket.socket(fileno=sock.fileno())
        try:
            return view.recv(size, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        finally:
            view.detach()

    def close(self) -> None:
        """Send what is queued, then close; nothing read from now on counts."""
        if not self.is_closed:
            self.is_closed = True
            self._fd = -1
            self.transport.close()

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        self.is_closed = True
        self._fd = -1
        if self.transport is not None:
            self.transport.abort()
