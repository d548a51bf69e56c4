"""The request body on its way in: its framing, and what waits for a connection to the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.wire.chunked import ChunkReader

if TYPE_CHECKING:
    from fastgw.core.settings import Limits
    from fastgw.wire.messages import Request

PIECES_MAX = 64  #: pieces held before they are made one: many small ones cost more than their bytes
NEVER = float("inf")


class RequestBody:
    """The body of one request, read as it arrives; part of its exchange and reset with it."""

    __slots__ = (
        "_before",
        "_chunks",
        "end",
        "held",
        "is_done",
        "left",
        "pending",
        "received",
        "since",
        "wait_until",
    )

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """No body."""
        self.is_done = True
        self.received = 0  #: bytes of data, without framing
        self.left = 0  #: bytes to come of a body with a length
        self.end = 0  #: where in the last ``feed`` the body's own bytes ended
        self.pending: list[bytes] = []  #: bytes as they will be sent
        self.held = 0  #: bytes of ``pending``
        self._chunks: ChunkReader | None = None
        self.since = NEVER  #: time from which the rate counts, by the plane's clock
        self._before = 0  #: bytes of data that had come by then
        self.wait_until = 0.0  #: coarse loop time until which the body is held, see ``core.exchange.arriving``

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

    def mark(self, now: float) -> None:
        """Count the rate from ``now`` on, in seconds of the plane's clock."""
        self.since = now
        self._before = self.received

    def rate(self, now: float) -> float:
        """Bytes a second since ``mark``; ``now`` is later than that."""
        return (self.received - self._before) / (now - self.since)

    def keep(self, out: bytes) -> None:
        """Hold bytes until there is a connection."""
        if self.pending and len(self.pending) >= PIECES_MAX:
            self.pending = [b"".join(self.pending)]
        self.pending.append(out)
        self.held += len(out)

    def take(self) -> bytes:
        """What was held, to be sent now."""
        out = b"".join(self.pending)
        self.pending = []
        self.held = 0
        return out
