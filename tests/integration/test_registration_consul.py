"""A program and a gateway that are registered in Consul while they run, as a source of members sees it; of a stand-in."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.core.sources import ConsulSettings
from fastgw.discovery.consul import ConsulSource
from tests.integration.processes import Gateway
from tests.support.beside import Beside
from tests.support.consul import Consul
from tests.support.followed import Followed
from tests.support.ports import free_port

pytestmark = pytest.mark.integration

TOKEN = "s3cret"
PROGRAM = """
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
assert not [name for name in os.environ if "CONSUL" in name]
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def consul() -> Iterator[tuple[Beside, Consul]]:
    beside, one = Beside(), Consul(TOKEN)
    beside.run(one.__aenter__())
    yield beside, one
    beside.run(one.__aexit__())
    beside.close()


def test_a_wrapped_program_whatever_befalls_it_and_its_agent(consul: tuple[Beside, Consul], tmp_path: Path) -> None:
    beside, agent = consul
    followed = Followed(ConsulSource(ConsulSettings(agent.endpoint, "vision", ("gpu",), token=TOKEN)))
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "fastgw", "register", "--service", "vision", "--address", f"127.0.0.1:{port}"]
    command += ["--consul", f"http://127.0.0.1:{agent.port}", "--tag", "gpu", "--ttl", "2s", "--weight", "3"]
    command += ["--version", "2.1", "--zone", "eu", "--drain", "0.3", "--", sys.executable, "-c", PROGRAM, str(port)]
    with log.open("wb") as file:
        one = subprocess.Popen(command, stderr=file, env={"FASTGW_CONSUL_TOKEN": TOKEN})
    try:
        followed.comes_to({port: 3})
        member = followed.told[-1].members[0]
        assert member.zone == "eu" and dict(member.metadata)["version"] == "2.1"
        beside.call(agent.forget)  # as when it starts again without its disk
        followed.comes_to({})
        assert followed.comes_to({port: 3}) < 2
        one.send_signal(signal.SIGTERM)
        assert followed.comes_to({}) < 1
        assert one.poll() is None
        assert one.wait(5) == 9
        said = log.read_text()
        assert "was taken away; it is put again" in said and "Traceback" not in said and TOKEN not in said
    finally:
        one.kill()
        one.wait()
        followed.close()


GATEWAY = """
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
registration:
  consul: {{endpoint: "http://127.0.0.1:{consul}", token: {token}, tags: [gpu]}}
  listeners: [{{listener: edge, service: vision, version: "2.1"}}]
  ttl: 2s
  drain: 0s
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/*", reply: {{status: 200}}}}
"""


def test_a_gateway_registers_itself_in_consul_and_is_found_there(
    gateway: Gateway, consul: tuple[Beside, Consul]
) -> None:
    beside, agent = consul
    followed = Followed(ConsulSource(ConsulSettings(agent.endpoint, "vision", ("gpu",), token=TOKEN)))
    try:
        running = gateway(GATEWAY.format(consul=agent.port, token=TOKEN))
        followed.comes_to({running.port: 1})
        beside.call(agent.forget)
        followed.comes_to({})
        followed.comes_to({running.port: 1})
        (found,) = running.admin("/status")["registration"]
        assert (found["kind"], found["state"], found["losses"]) == ("consul", "registered", 1)
        assert running.stop() == 0
        followed.comes_to({})
        assert TOKEN not in running.read_log()
    finally:
        followed.close()
