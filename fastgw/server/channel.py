"""Messages and file descriptors over a socket pair (``SCM_RIGHTS``).

A frame is a length, a number of descriptors and a pickled object.  The descriptors travel with the first byte of
their frame; the kernel never joins two of such sends in one receive, so they arrive in order and not later than their
frame is complete.
"""

from __future__ import annotations

import array
import os
import pickle
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio  # the supervisor starts its workers before it can afford the import

HEADER = struct.Struct("!IB")  # bytes of the pickle, descriptors
MAX_FDS = 250  #: descriptors of one message; the kernel's own bound is 253
READ_SIZE = 256 * 1024

OnMessage = Callable[[object, list[int]], None]


class Channel:
    """One end.  ``send`` works at once; receiving begins with ``attach``."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_message: OnMessage | None = None
        self._on_end: Callable[[], None] | None = None
        self._received = bytearray()
        self._fds: deque[int] = deque()
        self._unsent: deque[tuple[memoryview, list[int]]] = deque()
        self.is_closed = False

    def attach(self, loop: asyncio.AbstractEventLoop, on_message: OnMessage, on_end: Callable[[], None]) -> None:
        """Begin to receive.

        ``on_message`` owns the descriptors it gets; ``on_end`` is called once when the peer is gone.
        """
        self._loop, self._on_message, self._on_end = loop, on_message, on_end
        loop.add_reader(self._sock.fileno(), self._readable)
        if self._received:
            loop.call_soon(self._deliver)
        if self._unsent:
            loop.add_writer(self._sock.fileno(), self._writable)

    def wait(self, count: int, seconds: float) -> bool:
        """Without a loop: send, and gather until ``count`` messages are here for ``attach``; True when they are.

        False after ``seconds``, or when the peer is gone, which ``attach`` finds out again.
        """
        end = time.monotonic() + seconds
        poll = select.poll()
        while self._complete() < count:
            poll.register(self._sock, select.POLLIN | select.POLLOUT if self._unsent else select.POLLIN)
            if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
                return False
            self._flush()
            if self._receive() == b"":
                return False
        return True

    def read(self, seconds: float) -> tuple[object, list[int]]:
        """Without a loop: the next message, and its descriptors, which the caller closes.

        Raises:
            EOFError: the peer is gone.
            TimeoutError: nothing came in this time.
        """
        if not self.wait(1, seconds):
            raise EOFError if self._receive() == b"" else TimeoutError
        message = self._next()
        assert message is not None
        return message

    def read_rest(self) -> None:
        """Deliver what a peer has said before it ended."""
        while not self.is_closed and self._receive():
            pass
        if self._on_message is not None:
            self._deliver()

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Send, or keep until the peer reads; the caller may close ``fds`` at once.

        A peer that is gone is not an error.  Raise ValueError for more than ``MAX_FDS`` descriptors.
        """
        if self.is_closed:
            return
        if len(fds) > MAX_FDS:
            raise ValueError(f"{len(fds)} descriptors in one message, at most {MAX_FDS} are possible")
        payload = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        frame = memoryview(HEADER.pack(len(payload), len(fds)) + payload)
        self._unsent.append((frame, [os.dup(fd) for fd in fds]))
        if len(self._unsent) == 1:
            self._flush()
        if self._unsent and self._loop is not None:
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def offer(self, message: object) -> bool:
        """Send, if nothing that was sent before waits for the peer; whether it was."""
        if self.is_closed or self._unsent:
            return False
        self.send(message)
        return True

    def close(self) -> None:
        """Close this end and every descriptor nobody took."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._loop is not None:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for fd in (*self._fds, *(fd for _, fds in self._unsent for fd in fds)):
            os.close(fd)
        self._fds.clear()
        self._unsent.clear()

    def _flush(self) -> None:
        while self._unsent:
            frame, fds = self._unsent[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            try:
                count = self._sock.sendmsg([frame], rights)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # the reading side notices too, and tells
                count = len(frame)
            for fd in fds:
                os.close(fd)
            if count < len(frame):
                self._unsent[0] = (frame[count:], [])
            else:
                self._unsent.popleft()

    def _writable(self) -> None:
        self._flush()
        if not self._unsent and self._loop is not None:
            self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        data = self._receive()
        if data:
            self._deliver()
        elif data is not None:
            self.close()
            if self._on_end is not None:
                self._on_end()

    def _receive(self) -> bytes | None:
        """What came just now, which is in ``_received`` too: b"" is the end, None is nothing."""
        try:
            # Not ``socket.recv_fds``, which takes flags and forgets them: what comes is for no child of ours.
            data, rights, _, _ = self._sock.recvmsg(READ_SIZE, socket.CMSG_SPACE(4 * MAX_FDS), socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            data, rights = b"", []
        for level, kind, fds in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._fds.extend(array.array("i", fds))
        self._received += data
        return data

    def _complete(self) -> int:
        """How many whole messages have been received and wait for ``attach``."""
        count = place = 0
        while len(self._received) >= place + HEADER.size:
            place += HEADER.size + HEADER.unpack_from(self._received, place)[0]
            count += place <= len(self._received)
        return count

    def _deliver(self) -> None:
        while not self.is_closed and (message := self._next()) is not None:
            assert self._on_message is not None
            self._on_message(*message)

    def _next(self) -> tuple[object, list[int]] | None:
        """Take the first message out, if all of it is here."""
        if len(self._received) < HEADER.size:
            return None
        length, count = HEADER.unpack_from(self._received)
        end = HEADER.size + length
        if len(self._received) < end:
            return None
        # from our own processes only, over a pair of sockets that no other has
        message = pickle.loads(memoryview(self._received)[HEADER.size : end].tobytes())  # nosec B301
        del self._received[:end]
        return message, [self._fds.popleft() for _ in range(count)]
