"""Services that register themselves in a real etcd, as ``etcdctl`` and a source of members see them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.discovery.etcd import EtcdSource
from fastgw.registration import register
from tests.support.etcd import EtcdServer
from tests.support.followed import Followed
from tests.support.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]

PROGRAM = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def followed(etcd: EtcdServer) -> Iterator[Followed]:
    one = Followed(EtcdSource(etcd.settings("/services/vision"), check=0.5))
    yield one
    one.close()


def start(etcd: EtcdServer, port: int, *more: str, log: Path) -> subprocess.Popen[bytes]:
    """A wrapped program."""
    command = [sys.executable, "-m", "fastgw", "register", "--service", "vision", "--address", f"127.0.0.1:{port}"]
    command += ["--etcd", etcd.url, "--ttl", "3s", *more, "--", sys.executable, "-c", PROGRAM, str(port)]
    with log.open("ab") as file:
        return subprocess.Popen(command, stderr=file)


def test_a_wrapped_program_whatever_befalls_it_and_etcd(etcd: EtcdServer, followed: Followed, tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    more = ("--weight", "3", "--metadata", "gpu=h100", "--health", "/health", "--drain", "0.5")
    one = start(etcd, port, *more, log=log)
    try:
        followed.comes_to({port: 3})
        value = json.loads(etcd.ctl("get", "--print-value-only", f"/services/vision/127.0.0.1:{port}"))
        assert value["status"] == "active" and value["metadata"] == {"gpu": "h100"}

        # etcd is gone for longer than the lease, and comes back with nothing
        etcd.kill()
        etcd.wipe()
        etcd.start()
        begin = time.monotonic()
        followed.comes_to({})
        followed.comes_to({port: 3})
        assert time.monotonic() - begin < 3  # a third of the lease, a moment by chance, and its next attempt

        # a clean end: out of etcd first, then the program ends
        one.send_signal(signal.SIGTERM)
        assert followed.comes_to({}) < 1
        assert one.poll() is None
        assert one.wait(5) == 9
        assert "registered" in log.read_text() and "Traceback" not in log.read_text()
    finally:
        one.kill()
        one.wait()


def test_who_is_killed_is_out_with_its_lease_and_whose_program_ends_at_once(
    etcd: EtcdServer, followed: Followed, tmp_path: Path
) -> None:
    ports = [free_port(), free_port()]
    running = [start(etcd, port, log=tmp_path / str(port)) for port in ports]
    children: list[int] = []
    try:
        followed.comes_to(dict.fromkeys(ports, 1))
        children = [child_of(one.pid) for one in running]
        os.kill(children[0], signal.SIGKILL)
        assert followed.comes_to({ports[1]: 1}) < 1
        assert running[0].wait(5) == 128 + signal.SIGKILL
        running[1].kill()
        assert followed.comes_to({}) < 3 + 2  # etcd looks for leases that ended twice a second, and spreads them
    finally:
        for one in running:
            one.kill()
            one.wait()
        for child in children[1:]:
            os.kill(child, signal.SIGKILL)


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_a_service_in_python_registers_itself(etcd: EtcdServer, followed: Followed) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, register("vision", f"127.0.0.1:{port}", etcd.url, ttl=2, drain=0.0) as registration:
            await registration.ready()
            await asyncio.to_thread(followed.comes_to, {port: 1})

    asyncio.run(serve())
    assert followed.comes_to({}) < 1
    assert etcd.ctl("lease", "list").split("\n")[0] == "found 0 leases"
