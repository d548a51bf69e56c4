"""What a story stands on: members that obey, a gateway in front of them, and the form of what was found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.scenarios import peers
from bench.scenarios.faults.load import Kind, Order, Seen, send
from bench.scenarios.harness import ROOT, Figure
from bench.scenarios.measure import tree

START = """\
workers: {workers}
shutdown: {{grace: 1s}}
admin: {{address: "127.0.0.1:{admin}"}}
listeners:
  - {{name: edge, address: "127.0.0.1:{port}"{listener}}}
"""

NGINX = """\
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log stderr crit; {user}
events {{ worker_connections 8192; }}
http {{
  access_log off; proxy_http_version 1.1;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream main {{ {servers} keepalive 64; keepalive_timeout 4s; }}
  proxy_set_header Connection "";
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_next_upstream error timeout non_idempotent; proxy_connect_timeout 1s;
    location / {{ proxy_pass http://main; }}
  }}
}}
"""

HAPROXY = """\
global
  nbthread 1
defaults
  mode http
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend edge
  bind 127.0.0.1:{port} backlog 4096
  default_backend main
backend main
  default-server check inter 500ms rise 1 fall 2
{servers}
"""


@dataclass(slots=True)
class Found:
    """What a story tells: a table with a line for each variant, and bars of one column of it."""

    target: str
    is_met: bool
    lines: list[tuple[str, dict[str, Figure]]]
    """Of each variant the figures, whose names are the columns."""
    bars: tuple[str, str]
    """The column that is drawn, and its unit."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Story:
    """One question, and who answers it."""

    name: str
    title: str
    run: Callable[[Ground], Awaitable[Found]]


class Fleeting:
    """One member: a process that can be told how to behave, killed, and started again at the same port."""

    def __init__(self, cpu: int) -> None:
        self.port = peers.free_port()
        self._cpu = cpu
        self._process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """As a configuration has it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [
            "taskset",
            "-c",
            str(self._cpu),
            sys.executable,
            "-m",
            "bench.scenarios.faults.member",
            str(self.port),
        ]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT)
        assert self._process.stdout is not None
        if not self._process.stdout.readline().startswith(b"ready"):
            raise RuntimeError("a member did not start")

    def tell(self, **manner: Any) -> dict[str, int]:
        """Change its ``member.Manner``; return what it has done so far (``member.Tally``)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(manner).encode() + b"\n")
        self._process.stdin.flush()
        told: dict[str, int] = json.loads(self._process.stdout.readline())
        return told

    @property
    def requests(self) -> int:
        """How many have arrived."""
        return self.tell()["requests"]

    def kill(self) -> None:
        """As ``kill -9`` does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    @property
    def is_running(self) -> bool:
        """It has not been killed."""
        return self._process.poll() is None


@dataclass(frozen=True, slots=True)
class Ground:
    """The options of the run, and means to start what a story needs."""

    python: str
    is_quick: bool
    cpus: tuple[int, ...]

    def scale(self, full: float, quick: float) -> float:
        """Seconds, or a rate: ``full``, or ``quick`` in a quick run."""
        return quick if self.is_quick else full

    @contextlib.asynccontextmanager
    async def members(self, count: int, **manner: Any) -> AsyncIterator[list[Fleeting]]:
        """So many members that behave like that."""
        fleet = [Fleeting(self.cpus[-1]) for _ in range(count)]
        try:
            for one in fleet:
                one.start()
                one.tell(**manner)
            yield fleet
        finally:
            for one in fleet:
                if one.is_running:
                    one.kill()

    @contextlib.asynccontextmanager
    async def fastgw(self, rest: str, workers: int = 1, listener: str = "") -> AsyncIterator[Gateway]:
        """The gateway with routes, services and all but the listener from ``rest``; ``listener``: more keys of that."""
        port, admin = peers.free_port(), peers.free_port()
        more = f", {listener}" if listener else ""
        start = START.format(port=port, admin=admin, workers=workers, listener=more)
        async with self._running("fastgw", start + rest, port) as folder:
            yield Gateway(port, admin, folder)

    @contextlib.asynccontextmanager
    async def nginx(self, fleet: Sequence[Fleeting]) -> AsyncIterator[Gateway]:
        """nginx, told to try the next member for every method, and to leave one out for two seconds after a failure."""
        port = peers.free_port()
        servers = " ".join(f"server {one.address} max_fails=1 fail_timeout=2s;" for one in fleet)
        user = "user root;" if os.geteuid() == 0 else ""
        text = NGINX.replace("{servers}", servers).replace("{user}", user)
        async with self._running("nginx", text, port) as folder:
            yield Gateway(port, 0, folder)

    @contextlib.asynccontextmanager
    async def haproxy(self, fleet: Sequence[Fleeting]) -> AsyncIterator[Gateway]:
        """HAProxy with checks twice a second, told to try again where no answer has begun."""
        port = peers.free_port()
        servers = "\n".join(f"  server m{place} {one.address}" for place, one in enumerate(fleet))
        async with self._running("haproxy", HAPROXY.format(port=port, servers=servers), port) as folder:
            yield Gateway(port, 0, folder)

    @contextlib.asynccontextmanager
    async def _running(self, name: str, text: str, port: int) -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory(prefix=f"faults-{name}-") as folder_name:
            folder = Path(folder_name)
            config = folder / f"{name}.conf"
            config.write_text(text.format(dir=folder, port=port) if name == "nginx" else text)
            command = ["taskset", "-c", str(self.cpus[0]), *peers.command(name, config, self.python)]
            if name == "fastgw":
                command = command[:-2]  # without ``--workers 1``: the file says how many
            process = _started(command, folder / "log")
            try:
                if not await asyncio.to_thread(
                    peers.wait_until, lambda: _accepts(port) or process.poll() is not None, 20
                ):
                    raise RuntimeError(f"{name} does not start")
                if process.poll() is not None:
                    raise RuntimeError(f"{name} does not start: {(folder / 'log').read_text()[-1500:]}")
                await asyncio.sleep(0.5)
                yield folder
            finally:
                pids = tree(process.pid)
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(6)
                for pid in pids:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                process.wait(5)


def _started(command: list[str], log_path: Path) -> subprocess.Popen[bytes]:
    with log_path.open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs."""

    port: int
    admin: int
    folder: Path

    async def asked(
        self, seconds: float, rate: float = 0.0, kinds: tuple[Kind, ...] = (Kind("get"),), lanes: int = 0
    ) -> dict[str, Seen]:
        """Send requests to it, and tell what became of them."""
        return await send(Order(self.port, seconds, rate, lanes, kinds))

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "log").read_text(errors="replace")

    def metrics(self) -> str:
        """Its page of metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=5) as answer:
            page: bytes = answer.read()
        return page.decode()


async def at(began: float, seconds: float) -> None:
    """Wait until so long after ``began`` (monotonic)."""
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))


def addresses(fleet: Sequence[Fleeting]) -> str:
    """As the list ``endpoints`` of a service."""
    return "[" + ", ".join(f'"{one.address}"' for one in fleet) + "]"


def in_ms(seconds: float) -> float:
    """Milliseconds, to a tenth."""
    return round(seconds * 1000, 1)
