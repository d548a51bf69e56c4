"""The transport of ``fastgw.testing.mock``, which tells the rules it keeps, and sockets for it."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from typing import Any


class MockSocket:
    """The socket under a MockTransport, for code that sends on it directly; what it takes is output all the same."""

    def __init__(self, transport: MockTransport) -> None:
        self._transport = transport
        self.sends = 0  #: number of send() calls that took at least one byte

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0) -> int:
        """Take what ``capacity`` allows; raise BlockingIOError when it allows nothing, or ``send_error`` if set."""
        taken = self._transport.send_now(bytes(data))
        self.sends += 1
        return taken

    def fileno(self) -> int:
        """No real descriptor stands behind it."""
        return -1

    def setsockopt(self, *args: object) -> None:
        """Accept every option."""

    def getsockopt(self, *args: object) -> int:
        """Know no error (SO_ERROR)."""
        return 0


class QuietSocket:
    """A real socket behind a MockTransport, for code that reads past it; its options do not matter."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real

    def fileno(self) -> int:
        return self._real.fileno()

    def setsockopt(self, *args: object) -> None:
        """Nodelay means nothing to a unix socket."""


class MockTransport(asyncio.Transport):
    """One end of a connection: the test feeds and takes bytes, the protocol under test sees a transport.

    ``capacity`` is what the kernel would still take: ``None`` means all of it, ``0`` a peer that reads nothing.  What
    does not fit waits in the write buffer until ``drain()``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        *,
        extra: dict[str, Any] | None = None,
        capacity: int | None = None,
    ) -> None:
        super().__init__()
        self.loop = loop
        self.protocol = protocol
        self.capacity = capacity
        self.socket = MockSocket(self)
        self.extra: dict[str, Any] = {"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8080)}
        self.extra.update(extra or {})
        # what the test looks at
        self.writes: list[bytes] = []  #: every write that reached the kernel, one entry for each call
        self.output = bytearray()  #: the same, joined, since the last take()
        self.dropped = bytearray()  #: written after close() or abort()
        self.is_lost = False  #: connection_lost was called
        self.is_aborted = False
        self.is_eof_written = False
        self.has_ended = False  #: the peer has ended its side: nothing more can arrive
        self.write_calls = 0  #: write(), writelines() and socket.send() calls
        self.pauses = 0  #: pause_writing() calls made on the protocol
        self.send_error: OSError | None = None  #: raised by the next direct send
        # its own state
        self._buffer = bytearray()
        self._unread: deque[bytes | None] = deque()
        self._closing = False
        self._reading = True
        self._high, self._low = 64 * 1024, 16 * 1024
        self._paused_protocol = False

    # -- the test's side ----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Let ``data`` arrive from the peer; while reading is paused it waits."""
        self._arrive(data)

    def feed_eof(self) -> None:
        """Let the peer end its side; the transport closes unless the protocol's ``eof_received`` returns true."""
        self._arrive(None)

    def take(self) -> bytes:
        """Return the bytes sent since the last call."""
        data = bytes(self.output)
        self.output.clear()
        return data

    def drain(self, count: int | None = None) -> None:
        """Let the peer read ``count`` bytes of the write buffer (all of it by default, and no limit from now on)."""
        if count is None:
            self.capacity = None
            count = len(self._buffer)
        if data := bytes(self._buffer[:count]):
            del self._buffer[:count]
            self._record(data)
        if self._paused_protocol and len(self._buffer) <= self._low:
            self._paused_protocol = False
            self._streaming.resume_writing()
        if self._closing and not self._buffer:
            self.loop.call_soon(self._lose, None)

    def lose(self, error: Exception | None = None) -> None:
        """Break the connection now: ``connection_lost(error)`` is called before this returns."""
        self._closing = True
        self._lose(error)

    @property
    def unread(self) -> int:
        """Bytes that arrived while reading was paused."""
        return sum(len(data) for data in self._unread if data is not None)

    # -- the protocol's side ------------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self.extra.get("socket", self.socket)
        return self.extra.get(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.write_calls += 1
        if self._closing:
            self.dropped += data
            return
        if self.is_eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        payload = bytes(data)
        room = len(payload) if self.capacity is None else min(self.capacity, len(payload))
        if self._buffer:  # order: nothing overtakes what already waits
            room = 0
        if room:
            self._record(payload[:room])
            self._spend(room)
        self._buffer += payload[room:]
        if len(self._buffer) > self._high and not self._paused_protocol:
            self._paused_protocol = True
            self.pauses += 1
            self._streaming.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        self.write(b"".join(bytes(data) for data in list_of_data))

    def send_now(self, data: bytes) -> int:
        """Do what ``socket.send`` would: take a part, or raise BlockingIOError."""
        self.write_calls += 1
        if self.send_error is not None:
            error, self.send_error = self.send_error, None
            raise error
        if self.is_lost:
            raise BrokenPipeError("the mock connection is lost")
        assert not self._buffer, "a direct send overtakes bytes that wait in the transport's buffer"
        room = len(data) if self.capacity is None else min(self.capacity, len(data))
        if not room:
            raise BlockingIOError("the mock socket takes nothing")
        self._record(data[:room])
        self._spend(room)
        return room

    def write_eof(self) -> None:
        self.is_eof_written = True

    def can_write_eof(self) -> bool:
        return bool(self.extra.get("can_write_eof", True))

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._buffer:
            self.loop.call_soon(self._lose, None)

    def abort(self) -> None:
        self.is_aborted = True
        self._closing = True
        self._buffer.clear()
        self.loop.call_soon(self._lose, None)

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self.loop.call_soon(self._deliver)

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        self._high, self._low = high, high // 4 if low is None else low

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _streaming(self) -> Any:
        return self.protocol  # Protocol or BufferedProtocol; the mock calls what each of them has

    def _record(self, data: bytes) -> None:
        self.writes.append(data)
        self.output += data

    def _spend(self, count: int) -> None:
        if self.capacity is not None:
            self.capacity -= count

    def _arrive(self, data: bytes | None) -> None:
        assert not self.is_lost, "bytes arrive on a connection that is lost"
        assert not self.has_ended, "bytes arrive behind the end of the peer's side"
        self.has_ended = data is None
        self._unread.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self._unread and self._reading and not self._closing:
            data = self._unread.popleft()
            if data is None:
                if not self._streaming.eof_received():
                    self.close()
            elif isinstance(self.protocol, asyncio.BufferedProtocol):
                self._fill(data)
            else:
                self._streaming.data_received(data)

    def _fill(self, data: bytes) -> None:
        while data:
            view = memoryview(self._streaming.get_buffer(len(data)))
            count = min(len(view), len(data))
            view[:count] = data[:count]
            self._streaming.buffer_updated(count)
            data = data[count:]

    def _lose(self, error: Exception | None) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._unread.clear()
            self.protocol.connection_lost(error)
