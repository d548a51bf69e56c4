"""Looking at a file again and again, where it may take as long as it wants: in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

SECONDS: Final = 1.0  #: between two looks

Seen = TypeVar("Seen")


class Lookout(Generic[Seen]):
    """A thread that looks, and tells the loop what it has found."""

    __slots__ = ("_look", "_loop", "_stopped", "_tell")

    def __init__(self, look: Callable[[], Seen | None], tell: Callable[[Seen], None]) -> None:
        """``look``: called in the thread, must not fail; None: there is nothing to tell.  ``tell``: called on the loop."""
        self._look = look
        self._tell = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = threading.Event()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look every second from now on; the first time in a second."""
        self._loop = loop
        threading.Thread(target=self._run, name="lookout", daemon=True).start()

    def stop(self) -> None:
        """Tell nothing any more; a look that takes long is not waited for."""
        self._loop = None
        self._stopped.set()

    def look(self) -> None:
        """Look once, and let the loop know; what the thread does."""
        found = self._look()
        loop = self._loop
        if found is not None and loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed: this process ends
                loop.call_soon_threadsafe(self._told, found)

    def _told(self, found: Seen) -> None:
        if self._loop is not None:
            self._tell(found)

    def _run(self) -> None:
        while not self._stopped.wait(SECONDS):
            self.look()
