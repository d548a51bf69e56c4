"""``wrk`` beside a test: start it, do something to the gateway meanwhile, read what it counted."""

from __future__ import annotations

import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted: its four kinds of socket errors, and in ``refused`` the answers that are not 2xx or 3xx."""

    requests: int
    rate: float
    connect: int = 0
    read: int = 0
    write: int = 0
    timeout: int = 0
    refused: int = 0

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.connect + self.read + self.write + self.timeout + self.refused


class Wrk:
    """A run of wrk with one thread; it goes on while the test does other things, until ``result``.

    It takes all the processors that there are, so no test has more of it than it needs.  ``seconds``: when it ends by itself.
    """

    def __init__(self, url: str, *, seconds: int = 120, connections: int = 16) -> None:
        self._process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def result(self, more: float = 0.5) -> Load:
        """Let it go on for ``more`` seconds, end it, and return the counts."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(more)
        assert self.is_running(), "the load ended before the test did"
        self._process.send_signal(signal.SIGINT)  # which makes it count up, as the end of its time does
        output, _ = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, output
        return read(output)

    def is_running(self) -> bool:
        """Does the load still go on?"""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, if it has not ended."""
        if self.is_running():
            self._process.kill()
            self._process.communicate()


def read(output: str) -> Load:
    """Read what wrk prints."""
    requests = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec: +([\d.]+)", output)
    assert requests and rate, output
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    connect, read_, write, timeout = map(int, errors.groups()) if errors else (0, 0, 0, 0)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return Load(
        int(requests[1]), float(rate[1]), connect, read_, write, timeout, refused=int(refused[1]) if refused else 0
    )
