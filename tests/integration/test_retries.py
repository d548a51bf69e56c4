"""A service that dies with requests in flight."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, connect, read_answer, say
from tests.support.gateway import ROOT, wait_until

pytestmark = pytest.mark.integration

#: Prints its port; answers /hold never, and everything else at once.
VICTIM = """
import sys, threading
from tests.support.upstream import UpstreamServer, response

def script(request, connection):
    if request.target == b"/hold":
        connection.wait_closed()
    else:
        connection.send(response(b"victim"))

print(UpstreamServer(script).port, flush=True)
threading.Event().wait()
"""

CONFIG = """
workers: 1
admin: {address: "127.0.0.1:$admin"}
listeners:
  - {address: "127.0.0.1:$port"}
routes:
  - {path: "/*", service: main}
services:
  main:
    endpoints: ["127.0.0.1:VICTIM", "SURVIVOR"]
    balance: round_robin
"""


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process of its own, and its port."""
    process = subprocess.Popen([sys.executable, "-c", VICTIM], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    yield process, port
    process.kill()
    process.wait()
    process.stdout.close()


def test_no_get_is_lost_with_its_service(
    gateway: Gateway, service: Service, victim: tuple[subprocess.Popen[bytes], int]
) -> None:
    process, port = victim
    survivor = service(say(b"survivor"))
    running = gateway(CONFIG.replace("VICTIM", str(port)).replace("SURVIVOR", survivor.address))

    def on_victim() -> int:
        endpoints = running.admin("/status")["services"]["main"]["endpoints"]
        return int(endpoints[f"127.0.0.1:{port}"]["active"])

    clients: list[socket.socket] = [connect(running.port) for _ in range(20)]
    for client in clients[:6]:  # some of the connections that break will be kept ones
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    for client in clients[:6]:
        read_answer(client)
    for client in clients:
        client.sendall(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n")
    wait_until(lambda: on_victim() == 10, what="half of them wait for the victim")
    process.kill()
    answers = [read_answer(client) for client in clients]
    assert [answer for answer in answers if not answer.endswith(b"survivor")] == []
    for client in clients:
        client.close()
