"""The live values of a running gateway, one look after the other, as the dashboard has them: ``/events`` at the admin socket."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import threading
from collections.abc import Mapping
from typing import Any, Final

LIMIT: Final = 20.0  #: seconds without a look until the gateway counts as gone
AGAIN: Final = 1.0  #: seconds until a gateway that is gone is asked again
Look = Mapping[str, Any]


class _UnixHttp(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=LIMIT)
        self._path = path

    def connect(self) -> None:
        """Connect to it."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Looks:
    """Reads in a thread, so that whoever shows them can wait for keys meanwhile."""

    def __init__(self, path: str) -> None:
        """``path``: the admin socket."""
        self._path = path
        self._is_over = threading.Event()
        self._come: queue.SimpleQueue[Look | str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, limit: float) -> Look | str | None:
        """The next look; text where the gateway is gone, why; None: nothing came within ``limit`` seconds."""
        try:
            return self._come.get(timeout=limit)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Read no more than the look that is under way."""
        self._is_over.set()

    def _read(self) -> None:
        while not self._is_over.is_set():
            try:
                self._follow()
                self._come.put("it has ended the connection")
            except (OSError, ValueError, http.client.HTTPException) as error:
                self._come.put(getattr(error, "strerror", None) or str(error) or "it did not answer in time")
            self._is_over.wait(AGAIN)

    def _follow(self) -> None:
        connection = _UnixHttp(self._path)
        try:
            connection.request("GET", "/events", headers={"Accept": "text/event-stream"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise ValueError(_refusal(answer))
            is_look = True
            while (line := answer.readline()) and not self._is_over.is_set():
                if line.startswith(b"data: ") and is_look:
                    self._come.put(json.loads(line[6:]))
                is_look = line == b"\n" or (is_look and not line.startswith(b"event: "))  # those have no name
        finally:
            connection.close()


def _refusal(answer: http.client.HTTPResponse) -> str:
    try:
        return f"{answer.status}: {json.loads(answer.read(65536))['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} {answer.reason}"
