"""Services of ``examples/services`` and the gateway in front of them: started, watched and ended."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from processes import ROOT, Failure, Stop, end

CONFIG = ROOT / "examples" / "edge.yaml"
INSTALLED = (str(ROOT / ".venv" / "bin" / "fastgw"),)  #: the command of what ``installing.install`` installs
LISTENER, ADMIN = 8080, 9901  #: the ports of examples/edge.yaml
START_WITHIN = 30.0  #: seconds
DRAIN_WITHIN = 8.0  #: seconds; the grace of examples/edge.yaml is 5


@dataclass(frozen=True, slots=True)
class Service:
    """One process of examples/services/."""

    name: str
    script: str
    port: int
    options: tuple[str, ...] = ()
    ready: str = "/healthz"  #: the path that answers 200 when it is; empty: it is as soon as it listens
    python: str = sys.executable  #: of the environment that has what it imports


SERVICES = (
    Service("vision", "vision.py", 9101),
    Service("speech", "speech.py", 9102),
    Service("nlp", "nlp.py", 9103),
    Service("nlp-canary", "nlp.py", 9104, ("--variant", "canary")),
    Service("files", "files.py", 9105),
    Service("words", "words.py", 9106, ready=""),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is shown: a gateway, always on the same ports, and what is behind it."""

    config: Path
    services: tuple[Service, ...]


EDGE = Scene(CONFIG, SERVICES)


def moved(text: str, shift: int) -> str:
    """A text with every port on 127.0.0.1 moved up by ``shift``."""
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda match: str(int(match[0]) + shift), text)


def is_free(port: int) -> bool:
    """Whether 127.0.0.1:port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT does not take a port
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_ready(port: int, path: str) -> bool:
    """Whether GET path answers 200 there; without a path whether somebody listens."""
    if not path:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


@dataclass(slots=True)
class Stack:
    """The services and the gateway in front of them, with all ports moved by ``shift``.

    ``gateway`` is the command that stands for ``fastgw``; ``output`` is where its output goes (default: a log file in
    ``logs``, as for the services).  ``start`` raises ``Failure`` or ``Stopped``; call ``stop`` in any case.
    """

    logs: Path
    shift: int = 0
    gateway: Sequence[str] = INSTALLED
    output: IO[bytes] | int | None = None
    scene: Scene = EDGE
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything; returns when everything answers."""
        ports = [LISTENER, ADMIN, *(service.port for service in self.scene.services)]
        for port in (port + self.shift for port in ports):
            if not is_free(port):
                raise Failure(
                    f"port {port} is taken: end what listens there (ss -ltnp 'sport = :{port}' names it), "
                    "or move all ports of the demo, for example with scripts/demo --shift 1000."
                )
        folder = ROOT / "examples" / "services"
        for service in self.scene.services:
            command = [service.python, str(folder / service.script), "--port", str(service.port + self.shift)]
            self._spawn(service.name, [*command, *service.options], None)
        self._wait({service.name: (service.port, service.ready) for service in self.scene.services})
        self._spawn("gateway", [*self.gateway, "run", "-c", str(self._config())], self.output)
        self._wait({"gateway": (ADMIN, "/readyz")})

    def watch(self) -> None:
        """Return when the user asks for the end; raises ``Failure`` if something ends by itself."""
        while not Stop.asked:
            self._check_alive()
            time.sleep(0.2)

    def stop(self) -> None:
        """End everything that was started: the gateway first."""
        for name in reversed(self.processes):
            end(self.processes[name], DRAIN_WITHIN if name == "gateway" else 2.0)
        self.processes.clear()

    def _config(self) -> Path:
        config = self.scene.config
        if not self.shift:
            return config
        path = self.logs / config.name
        text = moved(config.read_text(encoding="utf-8"), self.shift)
        path.write_text(text.replace(" ./", f" {config.parent}/"), encoding="utf-8")  # its files stay where they are
        return path

    def _spawn(self, name: str, command: list[str], output: IO[bytes] | int | None) -> None:
        Stop.check()
        with (self.logs / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self, waiting: dict[str, tuple[int, str]]) -> None:
        deadline = time.monotonic() + START_WITHIN
        while waiting:
            Stop.check()
            self._check_alive()
            waiting = {name: at for name, at in waiting.items() if not is_ready(at[0] + self.shift, at[1])}
            if waiting and time.monotonic() > deadline:
                raise Failure(f"{', '.join(waiting)} did not become ready in {START_WITHIN:.0f} s: see {self.logs}.")
            time.sleep(0.05 if waiting else 0)

    def _check_alive(self) -> None:
        for name, process in self.processes.items():
            status = process.poll()
            if status is not None:
                log = self.logs / f"{name}.log"
                words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
                said = "".join(f"\n    {line}" for line in words)
                raise Failure(f"{name} has ended by itself (status {status}); it is said why above or here:{said}")
