"""grpc-go, another implementation than grpcio's: the cases of grpc, through a real gateway, by its client and to its server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes import Gateway
from tests.support.gateway import ROOT
from tests.support.interop import CASES, dialed, serving

SOURCES = Path("/usr/share/gocode/src/google.golang.org/grpc")  #: of golang-google-grpc-dev
pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.needs("go"),
    pytest.mark.skipif(not SOURCES.is_dir(), reason="needs golang-google-grpc-dev"),
    pytest.mark.timeout(300),  # the first build compiles grpc-go
]

CONFIG = """
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port", protocols: [http/1.1, h2]}}
routes:
  - {{path: "/*", service: test}}
services:
  test: {{endpoints: ["127.0.0.1:{service}"], protocol: h2}}
"""
#: What grpc-go of Debian refuses, as it has no decompressor unless its server asks for one.
NOT_OF_GO = ("server_compressed_unary", "server_compressed_streaming")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client and server, compiled."""
    found = tmp_path_factory.mktemp("go") / "interop"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0"}
    sources = ROOT / "tests" / "support" / "interop_go"
    subprocess.run(["go", "build", "-o", str(found), "."], cwd=sources, env=environment, check=True)
    return found


@pytest.fixture(scope="module")
def served(program: Path) -> Iterator[int]:
    """The port of its server."""
    with subprocess.Popen([program, "serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


@pytest.mark.parametrize("is_of_go", [True, False], ids=["to grpc-go", "to grpcio"])
def test_its_client_passes(gateway: Gateway, program: Path, served: int, is_of_go: bool) -> None:
    with serving() as other:
        running = gateway(CONFIG.format(service=served if is_of_go else other))
        command = [str(program), "ask", f"127.0.0.1:{running.port}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_its_server_is_asked_by_grpcio(gateway: Gateway, served: int) -> None:
    running = gateway(CONFIG.format(service=served))
    with dialed(running.port) as client:
        for name, case in CASES.items():
            if name not in NOT_OF_GO:
                case(client)
