"""The proxies that are compared: how each is configured, started, read and stopped.

Every peer gets one worker (or thread), the same routes to the same services, and otherwise its own defaults, because
defaults are part of what is compared. Where a peer has no default and would wait for ever (HAProxy's timeouts) it gets
what its manual recommends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fastgw
from bench.scenarios.measure import Usage, tree, usage

NGINX = """\
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log stderr warn; {user}
events {{ worker_connections {worker_connections}; }}
http {{
  access_log off; client_max_body_size 0; proxy_http_version 1.1;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream main {{ server 127.0.0.1:{main}; keepalive 64; keepalive_timeout 4s; }}
  upstream sink {{ server 127.0.0.1:{sink}; keepalive 64; keepalive_timeout 4s; }}
  upstream hole {{ server 127.0.0.1:{hole}; keepalive 64; keepalive_timeout 4s; }}
  proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://main; }}
    location /stream/ {{ proxy_pass http://main; proxy_buffering off; proxy_request_buffering off; }}
    location /sink/ {{ proxy_pass http://sink; proxy_request_buffering off; }}
    location /hole/ {{ proxy_pass http://hole; }}
  }}
}}
"""

HAPROXY = """\
global
  nbthread 1
{maxconn}
defaults
  mode http
  option http-no-delay
  option forwardfor
  timeout connect 1s
  timeout client 60s
  timeout server 120s
  timeout http-request 10s
  timeout http-keep-alive 60s
frontend edge
  bind 127.0.0.1:{port} backlog 4096
  use_backend sink if {{ path_beg /sink/ }}
  use_backend hole if {{ path_beg /hole/ }}
  default_backend main
backend main
  server m 127.0.0.1:{main}
backend sink
  server s 127.0.0.1:{sink}
backend hole
  server h 127.0.0.1:{hole}
"""

FASTGW = """\
shutdown: {{grace: 1s}}
admin: {{address: "127.0.0.1:{admin}"}}
listeners:
  - {{name: edge, address: "127.0.0.1:{port}", limits: {{connections: {connections}}}}}
routes:
  - {{path: /*, service: main, max_body: 64MiB}}
  - {{path: /sink/*, service: sink, max_body: 64MiB}}
  - {{path: /hole/*, service: hole}}
  - {{path: /pooled/*, service: pooled}}
services:
  main: {{endpoints: ["127.0.0.1:{main}"], pool: {{max_connections: 4096}}}}
  sink: {{endpoints: ["127.0.0.1:{sink}"], pool: {{max_connections: 4096}}}}
  hole: {{endpoints: ["127.0.0.1:{hole}"], pool: {{max_connections: 4096}}}}
  pooled: {{endpoints: ["127.0.0.1:{main}"]}}
"""

#: What the scenario `forged` has beside that: a route for tokens of somebody whose key nobody has.
SIGNED = """\
  - {path: /signed/*, service: main, filters: [signed]}
filters:
  signed:
    type: jwt
    algorithms: ES256
    keys:
      - key: >-
          {"kty":"EC","crv":"P-256","x":"ErB1DD-RO4M2qX_LOrJHozsD_zcPC06GxBStLUUVKko",
          "y":"Tukt_1CrlkcxVYBrgaYaB6z4eGH4D9q9QPkWK6t-gBI"}
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything of one run listens on 127.0.0.1."""

    edge: int
    main: int
    sink: int
    hole: int
    control: int
    admin: int


@dataclass(slots=True)
class Peer:
    """One running proxy."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def is_alive(self) -> bool:
        """The first process has not exited."""
        return self.process.poll() is None

    def usage(self) -> Usage:
        """Read memory, descriptors and CPU of the whole process tree."""
        return usage(self.process.pid)

    def log(self) -> str:
        """Return what the peer has written to its standard output and error so far."""
        return self.log_path.read_text(errors="replace")

    def stop(self) -> None:
        """End the peer: a term signal to its first process, then a kill to what is left of its own tree."""
        pids = tree(self.process.pid)
        if self.is_alive:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(4)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(5)


def free_port(start: int = 21007) -> int:
    """Return a loopback TCP port nobody listens on, below the kernel's ephemeral range."""
    for port in range(start + os.getpid() % 900 * 7, 31999):
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("no free port")


_given: set[int] = set()


def render(
    name: str, ports: Ports, directory: Path, connections: int, nofile: int = 0, *, with_tokens: bool = False
) -> str:
    """Return the configuration text of peer `name`; the arguments are those of `start`."""
    values = {
        "port": ports.edge,
        "main": ports.main,
        "sink": ports.sink,
        "hole": ports.hole,
        "admin": ports.admin,
        "dir": directory,
        "connections": connections,
        "worker_connections": 2 * connections,  # nginx counts both sides
        "user": "user root;" if os.geteuid() == 0 else "",
        "maxconn": f"  maxconn {connections if not nofile else nofile * 4 // 10}",  # more it refuses to start with
    }
    text = {"nginx": NGINX, "haproxy": HAPROXY, "fastgw": FASTGW}[name].format(**values)
    return text.replace("services:\n", SIGNED + "services:\n") if with_tokens else text


def command(name: str, config: Path, python: str) -> list[str]:
    """Return the argument list that runs peer `name` in the foreground."""
    commands = {
        "nginx": ["nginx", "-c", str(config), "-p", str(config.parent)],
        "haproxy": ["haproxy", "-db", "-f", str(config)],
        "fastgw": [python, "-m", "fastgw", "run", "-c", str(config), "--workers", "1"],
    }
    return commands[name]


def available(name: str) -> bool:
    """Tell whether peer `name` can be started on this machine."""
    return name == "fastgw" or shutil.which(name) is not None


def version(name: str) -> str:
    """Return what peer `name` says its version is, in a few words."""
    if name == "fastgw":
        return f"fastgw/{fastgw.__version__} ({'compiled' if fastgw.compiled() else 'pure Python'})"
    result = subprocess.run([name, "-v"], capture_output=True, text=True, check=False)
    first = (result.stdout + result.stderr).splitlines()[0]
    return first.replace("nginx version: ", "").replace("HAProxy version ", "haproxy/").split(" 20")[0]


def start(
    name: str,
    ports: Ports,
    directory: Path,
    *,
    cpu: int,
    nofile: int = 0,
    connections: int = 9000,
    python: str = "",
    with_tokens: bool = False,
) -> Peer:
    """Start peer `name`, pinned to one CPU, and wait until it answers.

    Args:
        name: `nginx`, `haproxy` or `fastgw`.
        ports: where it listens and forwards to.
        directory: an empty directory for its configuration, log and temporary files.
        cpu: the CPU its processes may use.
        nofile: soft and hard limit of open files (0: as inherited).
        connections: client connections it is configured to hold.
        python: the interpreter for fastgw (default: this one).
        with_tokens: fastgw alone has a route for signed tokens.

    Raises:
        RuntimeError: it exited, or gave no HTTP answer within 15 s; the message carries the end of its log.
    """
    config = directory / f"{name}.conf"
    config.write_text(render(name, ports, directory, connections, nofile, with_tokens=with_tokens))
    prefix = ["taskset", "-c", str(cpu)]
    if nofile:
        prefix += ["prlimit", f"--nofile={nofile}:{nofile}"]
    log_path = directory / f"{name}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            prefix + command(name, config, python or sys.executable), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    peer = Peer(name, ports.edge, process, log_path)
    if not wait_until(lambda: answers(ports.edge) or not peer.is_alive, 15) or not peer.is_alive:
        peer.stop()
        raise RuntimeError(f"{name} does not answer:\n{peer.log()[-2000:]}")
    return peer


def answers(port: int) -> bool:
    """Tell whether one GET to the port brings any HTTP answer (an error takes HAProxy four seconds: it tries again)."""
    try:
        with socket.create_connection(("127.0.0.1", port), 6) as probe:
            probe.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
            return probe.recv(5) == b"HTTP/"
    except OSError:
        return False


def wait_until(is_true: Callable[[], bool], seconds: float) -> bool:
    """Poll a condition every 50 ms; tell whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
