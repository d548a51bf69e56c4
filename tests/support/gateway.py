"""A real gateway: ``python -m fastgw run -c FILE`` in its own process, on free loopback ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from tests.support.forks import fork
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 15.0  #: seconds until /readyz must answer
STOP_LIMIT = 40.0  #: seconds from SIGTERM to the end of the process: more than the default grace


class GatewayProcess:
    """A running gateway; ``gateway`` of the test fixtures makes it.

    ``text`` is the configuration; ``$port`` and ``$admin`` in it become ``port`` and ``admin_port``.
    """

    before: Sequence[str] = ()  #: words in front of the command

    def __init__(
        self,
        text: str,
        folder: Path,
        *,
        port: int = 0,
        admin_port: int = 0,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.port = port or free_port()
        self.admin_port = admin_port or free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "fastgw.yaml"
        self.log = folder / "gateway.log"
        self.write_config(text)
        with self.log.open("wb") as log:
            is_usual = not (environment or pass_fds or self.before) and type(self).command is GatewayProcess.command
            self._process = (is_usual and fork(self.config, log.fileno())) or subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                pass_fds=pass_fds,
                env={"PYTHONPATH": str(ROOT), **os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            )
        self.pid = self._process.pid

    def command(self) -> list[str]:
        """What is started."""
        return [*self.before, sys.executable, "-m", "fastgw", "run", "-c", str(self.config)]

    def write_config(self, text: str) -> None:
        """Write the configuration file anew; ``signal(SIGHUP)`` then lets the gateway read it."""
        self.config.write_text(Template(text).safe_substitute(port=self.port, admin=self.admin_port))

    def wait_ready(self) -> None:
        """Return when ``/readyz`` answers 200; raise AssertionError with the log when it does not come to that."""
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise AssertionError(f"the gateway ended with {self._process.returncode}:\n{self.read_log()}")
            try:
                with urllib.request.urlopen(f"{self.admin_url}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pause()
        self.kill()
        raise AssertionError(f"the gateway is not ready after {START_LIMIT} s:\n{self.read_log()}")

    def admin(self, path: str) -> Any:
        """GET ``path`` of the admin address; return the parsed JSON, or the text if it is none."""
        with urllib.request.urlopen(self.admin_url + path, timeout=5) as answer:
            body = answer.read()
        try:
            return json.loads(body)
        except ValueError:
            return body.decode()

    def generation(self) -> int:
        """The number of the snapshot in use, from ``/status``."""
        return int(self.admin("/status")["generation"])

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        os.kill(self.pid, number)

    def is_running(self) -> bool:
        """Has the supervisor not ended yet?"""
        return self._process.poll() is None

    def wait(self, limit: float = STOP_LIMIT) -> int:
        """Wait for the end of the supervisor; return its exit status."""
        return self._process.wait(limit)

    def stop(self) -> int:
        """SIGTERM, wait; return the exit status.  Kill it, and fail, if it does not end by itself."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the gateway did not end {STOP_LIMIT} s after SIGTERM:\n{self.read_log()}") from None

    def kill(self) -> None:
        """End it now.  Its workers notice by themselves."""
        self._process.kill()
        self._process.wait(10)

    def read_log(self) -> str:
        """Return all that it wrote to standard output and error."""
        return self.log.read_text(errors="replace")


def pause() -> None:
    """Let 20 ms pass: between two looks of a loop that has a deadline, or between two reads of a slow client."""
    time.sleep(0.02)


def wait_until(condition: Any, limit: float = 10.0, what: str = "") -> Any:
    """Poll ``condition()`` until it is true and return it; raise AssertionError after ``limit`` seconds."""
    end = time.monotonic() + limit
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise AssertionError(f"still not after {limit} s: {what or condition}")
        pause()


def simple_config(address: str, *, workers: int = 1, listener: str = "", route: str = "", service: str = "") -> str:
    """Return a configuration with one listener and one route to one service at ``address``.

    ``listener``, ``route``, ``service``: more keys of each, as YAML flow text (``"max_body: 1KiB, timeout: 2s"``).
    """
    return f"""
workers: {workers}
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port", {listener}}}
routes:
  - {{path: "/*", service: main, {route}}}
services:
  main: {{endpoints: ["{address}"], {service}}}
"""
