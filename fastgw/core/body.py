"""The request body on its way in: its framing, and what waits for a connection to the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.wire.chunked import ChunkReader

if TYPE_CHECKING:
    from fastgw.core.snapshot import Limits
    from fastgw.wire.messages import Request

PENDING_MAX = 64 * 1024  #: bytes held while there is no upstream connection yet; beyond it the client is held


class RequestBody:
    """The body of one request, read as it arrives; part of its exchange and reset with it."""

    __slots__ = ("_chunks", "_pending_size", "end", "is_done", "left", "pending", "received")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """No body."""
        self.is_done = True
        self.received = 0  #: bytes of data, without framing
        self.left = 0  #: bytes to come of a body with a length
        self.end = 0  #: where in the last ``feed`` the body's own bytes ended
        self.pending: list[bytes] = []  #: bytes as they will be sent
        self._pending_size = 0
        self._chunks: ChunkReader | None = None

    def begin(self, request: Request, limits: Limits, dropped: frozenset[bytes] = frozenset()) -> None:
        """Expect the body that ``request`` announces; ``dropped``: names of fields that no trailer hands on."""
        self.is_done = False
        if request.chunked:
            self._chunks = ChunkReader(limits.head_size, limits.head_count, False, dropped)
        else:
            self.left = request.content_length

    def feed(self, data: bytes) -> bytes:
        """Read ``data`` and return what of it goes to the service; ``end`` tells where the next request begins.

        Raises:
            WireError: 400, 413, 431: the body is malformed.
        """
        chunks = self._chunks
        size = len(data)
        if chunks is not None:
            out = chunks.feed(data, 0)
            self.received = chunks.payload
            self.end = chunks.end
            self.is_done = chunks.done
            return out
        if size < self.left:
            self.left -= size
            self.received += size
            self.end = size
            return data
        end = self.end = self.left
        self.received += end
        self.left = 0
        self.is_done = True
        return data if end == size else data[:end]

    def refuse(self) -> None:
        """The answer is given without the rest: the body is never done, so nothing behind it is read as a request, even if its last
        bytes are here already."""
        self.is_done = False

    def keep(self, out: bytes) -> bool:
        """Hold bytes until there is a connection; True: enough is held, let the client wait."""
        self.pending.append(out)
        self._pending_size += len(out)
        return self._pending_size >= PENDING_MAX

    def take(self) -> bytes:
        """What was held, to be sent now."""
        out = b"".join(self.pending)
        self.pending = []
        self._pending_size = 0
        return out
