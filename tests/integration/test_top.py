"""``fastgw top`` of a real gateway, at a terminal and without."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fast_service import FastService
from tests.support.gateway import GatewayProcess, simple_config
from tests.support.terminal import Terminal

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
TOP = [sys.executable, "-m", "fastgw", "top"]


def test_it_shows_a_gateway_that_goes_and_comes(gateway: Gateway, tmp_path: Path) -> None:
    with FastService() as service:
        running = gateway(simple_config(service.address, workers=2))
        config = str(running.config)
        with urllib.request.urlopen(running.base_url + "/", timeout=5) as answer:
            answer.read()
        once = subprocess.run([*TOP, "--json", "-c", config], capture_output=True, timeout=30, check=True)
        told = json.loads(once.stdout)
        assert told["services"][0]["up"] == 1 and len(told["workers"]) == 2
        table = subprocess.run([*TOP, "-c", config], capture_output=True, timeout=30, check=True, text=True)
        assert service.address in table.stdout and "\x1b" not in table.stdout
        terminal = Terminal([*TOP, "-c", config], folder=tmp_path)
        try:
            terminal.wait_for("requests/s", service.address, "WORKER")
            terminal.press("s")
            running.stop()
            terminal.wait_for("GONE")
            terminal.press("q")
            assert terminal.wait_end() == 0
        finally:
            terminal.close()
