"""A worker that does not answer, or crashes: the log tells in which code it stood."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import Gateway, Service, connect, events, get, say, workers
from tests.support.gateway import ROOT, GatewayProcess, simple_config, wait_until

pytestmark = pytest.mark.integration

CODE = """
import ctypes


class Stuck:
    def __init__(self, name, options):
        self.name = name

    def request(self, exchange):
        what = exchange.request.path
        if what == b"/spin":
            while True:
                pass
        if what == b"/crash":
            ctypes.string_at(0)
"""


def start(gateway: Gateway, service: Service, folder: Path, more: str = "") -> GatewayProcess:
    (folder / "stuck_code.py").write_text(CODE)
    text = simple_config(service(say(b"hi")).address, route="filters: [stuck]") + more
    path = f"{ROOT}{os.pathsep}{folder}"
    return gateway(text + "filters: {stuck: {type: 'stuck_code:Stuck'}}\n", environment={"PYTHONPATH": path})


def begin(path: bytes, port: int) -> Any:
    sock = connect(port)
    sock.sendall(b"GET " + path + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    return sock


def test_the_stack_of_a_stuck_worker_is_told_before_it_is_killed(
    gateway: Gateway, service: Service, tmp_path: Path
) -> None:
    running = start(gateway, service, tmp_path, "worker_timeout: 5s\n")
    (worker,) = workers(running)
    with begin(b"/spin", running.port):
        (killed,) = wait_until(lambda: events(running, "a stalled worker is killed"), limit=20)
    (here,) = events(running, "a stalled worker stands here")
    for told in (here, killed):
        assert told["stalled"] == worker["pid"] and told["state"] in ("running", "waiting")
        assert "stuck_code.py" in told["stack"][0] and told["stack"][0].endswith("in request")
    wait_until(lambda: workers(running)[0]["state"] == "ready")
    assert get(running.port).endswith(b"hi")


def test_the_stack_of_a_crash_is_told(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    running = start(gateway, service, tmp_path)
    with begin(b"/crash", running.port) as sock, contextlib.suppress(ConnectionError):
        assert sock.recv(100) == b""
    (died,) = wait_until(lambda: events(running, "a worker died and is started again"))
    assert (died["signal"], died["fatal"]) == ("SIGSEGV", "Segmentation fault")
    assert any("stuck_code.py" in frame and frame.endswith("in request") for frame in died["stack"])
    wait_until(lambda: workers(running)[0]["state"] == "ready")
    assert get(running.port).endswith(b"hi")
