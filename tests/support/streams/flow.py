"""The two directions of one stream, with the flow control that such protocols have for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

WINDOW = 32 * 1024  #: bytes that a stream has sent and its peer has not taken, after which it is paused


class Incoming:
    """What has arrived on one stream, handed over in order while nobody holds it."""

    def __init__(self, loop: Any, hand_over: Callable[[bytes, bool], None]) -> None:
        self._loop = loop
        self._hand_over = hand_over
        self._pieces: deque[tuple[bytes, bool]] = deque()
        self._is_delivering = False
        self.holds = 0
        self.is_over = False  #: the peer has sent its end, or nobody wants more

    def arrive(self, data: bytes, is_last: bool) -> None:
        """The peer has sent ``data``; ``is_last``: and its end."""
        if not self.is_over:
            self.is_over = is_last
            self._pieces.append((data, is_last))
            self.deliver()

    def hold(self, bit: int) -> None:
        self.holds |= bit

    def release(self, bit: int) -> None:
        if self.holds & bit:
            self.holds &= ~bit
            self._loop.call_soon(self.deliver)  # never from inside: whoever releases is in the middle of something

    def drop(self) -> None:
        """Nobody wants any more of it."""
        self.is_over = True
        self._pieces.clear()

    def deliver(self) -> None:
        if self._is_delivering:
            return
        self._is_delivering = True
        try:
            while self._pieces and not self.holds:
                self._hand_over(*self._pieces.popleft())
        finally:
            self._is_delivering = False


class Outgoing:
    """What was sent on one stream, and how much of it the peer would still take."""

    def __init__(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> None:
        self._on_pause = on_pause
        self._on_resume = on_resume
        self.data = bytearray()
        self.room: int | None = None  #: bytes it takes yet; None: all
        self.queued = 0
        self.is_paused = False

    def send(self, data: bytes) -> None:
        self.data += data
        if self.room is not None:
            taken = min(self.room, len(data))
            self.room -= taken
            self.queued += len(data) - taken
            if self.queued > WINDOW and not self.is_paused:
                self.is_paused = True
                self._on_pause()

    def drain(self, count: int | None = None) -> None:
        """Let the peer take ``count`` bytes of what waits: by default all, and no limit from now on."""
        if count is None:
            self.room = None
            count = self.queued
        self.queued -= min(count, self.queued)
        if self.is_paused and self.queued <= WINDOW // 2:
            self.is_paused = False
            self._on_resume()
