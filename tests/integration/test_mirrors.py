"""A mirror whose service works, stops answering, and dies, under requests that never notice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, connect, read_answer, say
from tests.support.gateway import ROOT, wait_until

pytestmark = pytest.mark.integration

#: Prints its port; answers everything with 500.
SHADOW = """
import threading
from tests.support.upstream import UpstreamServer, canned, response

print(UpstreamServer(canned(response(b"shadow", status="500 Oops"))).port, flush=True)
threading.Event().wait()
"""

CONFIG = """
workers: 1
admin: {address: "127.0.0.1:$admin"}
listeners:
  - {address: "127.0.0.1:$port"}
routes:
  - {path: "/*", name: all, service: main, answer_timeout: 1s, mirror: {service: shadow, max_in_flight: 4}}
services:
  main: {endpoints: ["MAIN"]}
  shadow: {endpoints: ["127.0.0.1:SHADOW"]}
"""


@pytest.fixture
def shadow(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process of its own, and its port."""
    process = subprocess.Popen([sys.executable, "-c", SHADOW], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    yield process, port
    process.kill()
    process.wait()
    process.stdout.close()


def state_of(pid: int) -> str:
    """As the kernel has it: ``T``, stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_originals_are_served_whatever_becomes_of_their_copies(
    gateway: Gateway, service: Service, shadow: tuple[subprocess.Popen[bytes], int]
) -> None:
    process, port = shadow
    running = gateway(CONFIG.replace("MAIN", service(say(b"main")).address).replace("SHADOW", str(port)))

    def value(name: str, labels: str) -> int:
        lines = running.admin("/metrics").splitlines()
        return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(f"{name}{{{labels}"))

    def dropped(cause: str) -> int:
        return value("fastgw_mirror_dropped_total", f'cause="{cause}",route="all"')

    def open_now() -> int:
        return value("fastgw_requests_started_total", 'route="all:mirror"') - value(
            "fastgw_requests_finished_total", 'route="all:mirror"'
        )

    def answered() -> int:
        return value("fastgw_responses_total", 'route="all:mirror",status_class="5xx"')

    client = connect(running.port)

    def ask(times: int) -> None:
        for _ in range(times):
            client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
            assert read_answer(client).endswith(b"main")

    for copies in range(1, 11):  # one after the other: more than four under way would not be copied
        ask(1)
        wait_until(lambda: answered() == copies, what="a copy is answered")  # noqa: B023 - called at once
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(process.pid) == "T", what="the service is stopped")
    ask(20)
    assert dropped("in_flight") >= 10  # all but four, and those that time out
    wait_until(lambda: dropped("failed") == 4, what="four copies timed out")
    process.kill()
    process.wait()
    ask(10)
    wait_until(lambda: open_now() == 0, what="no copy under way")
    assert value("fastgw_mirror_requests_total", 'route="all"') == 40
    assert value("fastgw_responses_total", 'route="all",status_class="2xx"') == 40
    client.close()
