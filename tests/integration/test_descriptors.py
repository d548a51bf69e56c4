"""Started with stdin, stdout or stderr closed: every command works, and no socket takes the place of a stream."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import Service, get, say
from tests.support.gateway import GatewayProcess, simple_config
from tests.support.ports import free_port

pytestmark = pytest.mark.integration


class Started(GatewayProcess):
    """A gateway started by a shell that closes streams first."""

    redirection = ""

    def command(self) -> list[str]:
        return ["sh", "-c", f'exec "$@" {self.redirection}', "sh", *super().command()]


@pytest.mark.parametrize("command", [["version"], ["check", "FILE"], ["run", "--check", "-c", "FILE"]])
def test_a_command_without_stdout_ends_well(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(simple_config("127.0.0.1:9").replace("$port", str(free_port())).replace("$admin", str(free_port())))
    arguments = [str(file) if one == "FILE" else one for one in command]
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "fastgw", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # the width is asked for
    ended = subprocess.run(shell, capture_output=True, text=True, timeout=30, env=environment)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_gateway_without_its_streams_serves(redirection: str, service: Service, tmp_path: Path) -> None:
    Started.redirection = redirection
    running = Started(simple_config(service(say(b"here")).address), tmp_path)
    try:
        running.wait_ready()
        assert get(running.port).endswith(b"here")
        processes = [running.pid, *(worker["pid"] for worker in running.admin("/status")["workers"])]
        for pid in processes:
            for fd in range(3):
                assert not os.readlink(f"/proc/{pid}/fd/{fd}").startswith(("socket:", "anon_inode:"))
        running.signal(signal.SIGTERM)
        assert running.wait(20) == 0
    finally:
        if running.is_running():
            running.kill()
