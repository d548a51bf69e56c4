"""The request body on its way in: how much of it has come, how fast, and what of it waits for a carrier."""

from __future__ import annotations

PIECES_MAX = 64  #: pieces held before they are made one: many small ones cost more than their bytes
NEVER = float("inf")


class RequestBody:
    """The body of one request; the client reads it and counts here, part of the exchange and reset with it."""

    __slots__ = (
        "_before",
        "announced",
        "held",
        "is_done",
        "is_framed",
        "is_kept",
        "pending",
        "received",
        "since",
        "trailers",
        "wait_until",
    )

    def __init__(self) -> None:
        self.pending: list[bytes] = []  #: bytes as they will be sent
        self.reset()

    def reset(self) -> None:
        """No body."""
        self.is_done = True
        self.is_framed = False  #: its bytes are handed over in the chunks of HTTP/1 they came in, else as data alone
        self.received = 0  #: bytes of data, without framing
        self.announced = 0  #: bytes of data that its head told of, 0: it told none
        if self.pending:
            self.pending = []
        self.held = 0  #: bytes of ``pending``
        self.is_kept = False  #: what was sent of it stays held, so that it can be sent again
        self.trailers = b""  #: field lines behind data that came in chunks, each with its CRLF
        self.since = NEVER  #: time from which the rate counts, by the plane's clock
        self._before = 0  #: bytes of data that had come by then
        self.wait_until = 0.0  #: coarse loop time until which the body is held, see ``core.exchange.arriving``

    def begin(self, announced: int) -> None:
        """Expect a body, of ``announced`` bytes if that is more than 0."""
        self.is_done = False
        if announced > 0:
            self.announced = announced

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

    def whole(self) -> bytes:
        """What is held, in one piece, which it is from now on: several filters look at it, and it is sent in one."""
        if len(self.pending) != 1:
            self.pending = [b"".join(self.pending)] if self.pending else []
        return self.pending[0] if self.pending else b""

    def take_parts(self) -> list[bytes]:
        """The same as ``take``, in the parts that it came in."""
        parts = self.pending
        if not self.is_kept:
            self.pending = []
            self.held = 0
        return parts

    def take(self) -> bytes:
        """What was held, to be sent now."""
        out = b"".join(self.pending)
        if not self.is_kept:
            self.pending = []
            self.held = 0
        return out
