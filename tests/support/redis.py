"""A real Redis for a test, on a socket of its own: it is killed and started again as the test says."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.gateway import wait_until


class RedisServer:
    """It keeps nothing on a disk: who kills it makes it forget."""

    def __init__(self, *options: str) -> None:
        """``options``: more of its command line."""
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        """Start it, and wait until it answers."""
        self.socket.unlink(missing_ok=True)
        where = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        command = ["redis-server", *where, "--save", "", "--appendonly", "no", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, what="redis-server answers")
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """``kill -9``; nothing if it is not there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask(self, *command: Any) -> Any:
        """One command, on a connection of its own."""
        import hiredis  # of an extra: who has not installed it has these tests skipped

        reader = hiredis.Reader()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(self.socket))
            sock.sendall(hiredis.pack_command(command))
            while (answer := reader.gets()) is False:
                data = sock.recv(65536)
                assert data, "it closed the connection"
                reader.feed(data)
        return answer

    def close(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            self.ask("PING")
            return True
        except OSError:
            return False
