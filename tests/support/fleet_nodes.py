"""Real gateways that are nodes of one fleet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.etcd import EtcdServer
from tests.support.ports import free_port

KEY = "/fastgw/edge"


class FleetGateway:
    """One of them; its configuration has ``${PORT}`` and ``${ADMIN}``."""

    def __init__(self, etcd: EtcdServer, name: str, folder: Path) -> None:
        """Nothing is started yet."""
        self.port, self.admin = free_port(), free_port()
        self.log, self.copy = folder / f"{name}.log", folder / f"{name}.yaml"
        where = ["--etcd", etcd.url, "--key", KEY, "--node", name, "--copy", str(self.copy)]
        trust = folder / "trust.yaml"
        trust.write_text("environment: [ADMIN, PORT]\n")
        where += ["--trust", str(trust)]
        self.command = [sys.executable, "-m", "fastgw", "run", *where]
        self.environ = {"ADMIN": str(self.admin), "PORT": str(self.port)}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.environ}, stdout=subprocess.DEVNULL, stderr=log
            )

    def get(self, port: int, path: str = "/") -> str:
        """What it answers; the status where that is an error; empty: nothing."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return str(error.code)
        except OSError:
            return ""

    def serves(self) -> str:
        """What it answers to anybody."""
        return self.get(self.port)

    def fleet(self) -> dict[str, Any]:
        """What its ``/status`` says of the fleet."""
        found: dict[str, Any] = json.loads(self.get(self.admin, "/status") or "{}").get("fleet") or {}
        return found

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self.signal(signal.SIGTERM)
        assert self.process is not None and self.process.wait(20) == 0, self.log.read_text()

    def kill(self) -> None:
        """``kill -9``."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def end(self) -> None:
        """End it, whatever it does; it need not have been started."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
