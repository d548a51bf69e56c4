"""The commands that ask a running gateway, with two workers and requests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, get, say
from tests.support.gateway import ROOT, GatewayProcess, wait_until
from tests.support.ports import free_port

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
admin_socket: FOLDER/admin.sock
listeners:
  - {address: "127.0.0.1:$port"}
routes:
  - {path: "/gone", service: gone}
  - {path: "/*", service: app}
services:
  app: {endpoints: ["APP"]}
  gone: {endpoints: ["GONE"]}
"""


def command(running: GatewayProcess, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command says and returns."""
    return subprocess.run(
        [sys.executable, "-m", "fastgw", arguments[0], "--socket", str(folder / "admin.sock"), *arguments[1:]],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
        text=True,
    )


def ask(port: int, path: str) -> int:
    """The status of one request."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def test_status_reload_and_drain(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    app, gone = service(say(b"app")).address, f"127.0.0.1:{free_port()}"
    text = CONFIG.replace("FOLDER", str(tmp_path)).replace("APP", app).replace("GONE", gone)
    running = gateway(text)
    assert get(running.port).endswith(b"app")
    assert command(running, tmp_path, "status").returncode == 0

    def is_ejected() -> bool:
        ask(running.port, "/gone")
        return not running.admin("/status")["services"]["gone"]["endpoints"][gone]["is_up"]

    wait_until(is_ejected, what="it is ejected")
    done = command(running, tmp_path, "status")
    assert done.returncode == 3, done
    row = next(line for line in done.stdout.splitlines() if line.startswith(f"  {gone}"))
    assert " ejected " in row and "Connection refused" in row
    assert json.loads(command(running, tmp_path, "status", "--json").stdout)["services"].keys() == {"app", "gone"}

    before = running.config.read_text()
    running.config.write_text(before + "nothing: 1\n")
    done = command(running, tmp_path, "reload")
    assert done.returncode == 1 and "nothing: unknown key" in done.stderr
    running.config.write_text(before.replace("workers: 2", "workers: 1"))
    done = command(running, tmp_path, "reload")
    assert done.returncode == 0, done
    assert done.stdout.endswith(": 1 change\ngateway: workers: 2 -> 1\n")
    assert len(running.admin("/status")["workers"]) == 1

    assert command(running, tmp_path, "drain").returncode == 0
    assert running.wait() == 0


def test_what_init_writes_serves(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    app = service(say(b"app")).address
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "fastgw",
            "init",
            str(tmp_path / "gw.yaml"),
            "--listen",
            "127.0.0.1:1",
            "--service",
            app,
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done
    written = (tmp_path / "gw.yaml").read_text().replace('127.0.0.1:1"', '127.0.0.1:$port"')
    running = gateway(written.replace('#admin: {address: "127.0.0.1:9901"}', 'admin: {address: "127.0.0.1:$admin"}'))
    assert get(running.port).endswith(b"app")
