"""The clock by which a call that takes too long ends.

Code is compiled to look at a number, the *epoch*, wherever it can run for long, and traps when that has passed the deadline of its call.
What makes the number larger is a thread: the loop cannot, as it is the loop that is held up.  It sleeps while no call is made: the first
one after a rest wakes it, and it makes ``TICKS_AWAKE`` ticks more before it sleeps again.  The runtime is called without the
interpreter's lock, so the thread runs while a guest does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

TICK: Final = 0.01  #: seconds
TICKS_AWAKE: Final = 100  #: without a call, until it sleeps


def ticks_of(seconds: float) -> int:
    """How many ticks a call may see that may take so long: it begins in the middle of one."""
    return max(1, round(seconds / TICK)) + 1


class Ticker:
    """The thread, which is begun by the first call."""

    __slots__ = ("_is_stopped", "_thread", "_tick", "_wake", "calls")

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        self.calls = 0  #: that were made; whoever makes one counts it

    def arm(self) -> None:
        """A call is about to be made."""
        self.calls += 1
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wasm-ticker", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._is_stopped = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    @property
    def is_awake(self) -> bool:
        """Does it tick?"""
        return self._wake.is_set()

    def _run(self) -> None:
        idle, seen = 0, -1
        while not self._is_stopped:
            self._wake.wait()
            time.sleep(TICK)
            self._tick()
            idle = idle + 1 if self.calls == seen else 0
            seen = self.calls
            if idle >= TICKS_AWAKE:
                idle = 0
                self._wake.clear()
                if self.calls != seen:  # one came in between, and found it awake
                    self._wake.set()
