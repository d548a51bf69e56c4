"""A program at a terminal of its own: what it prints is read, keys are pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LIMIT = 20.0  #: seconds until what is awaited must be there


class Terminal:
    """Runs ``command`` at a pseudo terminal of this size."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        columns: int = 120,
        rows: int = 40,
    ) -> None:
        self._main, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=end,
            stdout=end,
            stderr=end,
            cwd=folder,
            env={**os.environ, "TERM": "xterm", **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(end)
        self.text = ""  #: what it has printed since the last ``press``

    def press(self, keys: str) -> None:
        """Type; what was printed before is forgotten."""
        self.text = ""
        os.write(self._main, keys.encode())

    def wait_for(self, *words: str, limit: float = LIMIT) -> str:
        """Read until all of these were printed since the last key; return what was."""
        end = time.monotonic() + limit
        while not all(word in self.text for word in words):
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"no {words} but {self.text[-3000:]!r}")
        return self.text

    def wait_end(self, limit: float = LIMIT) -> int:
        """Read until it ends; return its exit code."""
        end = time.monotonic() + limit
        while self._read(end - time.monotonic()):
            pass
        return self.process.wait(max(0.1, end - time.monotonic()))

    def _read(self, limit: float) -> bool:
        if limit <= 0 or not select.select([self._main], [], [], limit)[0]:
            return False
        try:
            found = os.read(self._main, 65536)
        except OSError:  # the other end is closed
            return False
        self.text += found.decode(errors="replace")
        return bool(found)

    def close(self) -> None:
        """End it, if it has not."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._main)
