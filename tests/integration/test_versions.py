"""Versions under requests: promoted and taken back at the socket, and as they were after a restart."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, get, say
from tests.support.gateway import ROOT, GatewayProcess

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
admin_socket: FOLDER/admin.sock
state_file: FOLDER/state.json
listeners:
  - {address: "127.0.0.1:$port"}
routes:
  - {path: "/*", service: llm}
services:
  llm:
    versions:
      v1: {endpoints: ["ONE"], weight: 1}
      v2: {endpoints: ["TWO"], weight: 0}
"""


def command(running: GatewayProcess, word: str, *arguments: str) -> dict[str, float]:
    """What the command says, as weights by version."""
    done = subprocess.run(
        [sys.executable, "-m", "fastgw", word, "-c", str(running.config), "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=30,
    )
    return {name: one["weight"] for name, one in json.loads(done.stdout)["versions"]["llm"]["versions"].items()}


def answers(running: GatewayProcess) -> set[bytes]:
    """Who answers 20 requests, each of a connection of its own, so that both workers have some."""
    return {get(running.port).rpartition(b"\r\n\r\n")[2] for _ in range(20)}


def test_every_worker_has_followed_when_the_command_returns(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    text = (
        CONFIG.replace("FOLDER", str(tmp_path))
        .replace("ONE", service(say(b"one")).address)
        .replace("TWO", service(say(b"two")).address)
    )
    running = gateway(text)
    assert answers(running) == {b"one"}
    socket = tmp_path / "admin.sock"
    assert stat.S_IMODE(os.stat(socket).st_mode) == 0o600
    assert command(running, "promote", "llm", "v2") == {"v1": 0.0, "v2": 100.0}
    assert answers(running) == {b"two"}
    running.stop()
    assert not socket.exists()

    again = gateway(text)  # the state file has it
    assert answers(again) == {b"two"}
    assert command(again, "versions") == {"v1": 0.0, "v2": 100.0}
    told = again.admin("/status")["versions"]["llm"]["versions"]
    assert told["v2"] == {"service": "llm@v2", "weight": 100.0, "configured": 0.0, "shadow": False}
    assert command(again, "rollback", "llm") == {"v1": 100.0, "v2": 0.0}
    assert answers(again) == {b"one"}
