"""Processes of the demo, each in a session of its own, and the wish of the user that it ends.

A Ctrl-C reaches the demo alone, so that the end is orderly: the gateway drains first, then the services go.  A signal only sets a
flag; each wait looks at it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]


class Failure(Exception):
    """The demo cannot go on; the message is one sentence that says what to do."""


class Stopped(Exception):
    """The user has asked for the end."""


class Stop:
    """Whether SIGINT, SIGTERM or SIGHUP came."""

    asked = False

    @classmethod
    def listen(cls) -> None:
        """Take the signals over."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, cls._on_signal)

    @classmethod
    def _on_signal(cls, number: int, frame: FrameType | None) -> None:
        cls.asked = True

    @classmethod
    def check(cls) -> None:
        """Raise ``Stopped`` if so."""
        if cls.asked:
            raise Stopped


def end(process: subprocess.Popen[bytes], within: float) -> None:
    """SIGTERM, then SIGKILL to the whole session of a process that is not gone ``within`` seconds."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # its children too: a session of its own, see Popen below
    process.wait()


@contextlib.contextmanager
def running(command: Sequence[str], within: float) -> Iterator[tuple[str, str, int]]:
    """Run a command to its end; yields its output, its errors and its status.  Raises ``Stopped``, or ``Failure`` when it
    takes too long."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            deadline = time.monotonic() + within
            while process.poll() is None:
                Stop.check()
                if time.monotonic() > deadline:
                    raise Failure(f"this took longer than {within:.0f} s: {' '.join(command)}.")
                time.sleep(0.02)
        finally:
            end(process, 2.0)
        output.seek(0)
        errors.seek(0)
        yield output.read().decode(errors="replace"), errors.read().decode(errors="replace"), process.returncode
