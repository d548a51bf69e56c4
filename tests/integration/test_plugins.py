"""A filter of another package in real workers: what a reload changes of it, and how new code of it comes in."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.integration.processes import Gateway, reload, workers
from tests.support.gateway import wait_until

pytestmark = pytest.mark.integration

CODE = """
from dataclasses import dataclass

class Mark:
    runs_before_routing = True

    @dataclass
    class Options:
        level: int

    def __init__(self, name, options):
        self.name = name
        self.level = options.level

    def response(self, exchange):
        exchange.response.set_header(b"x-mark", b"old %d" % self.level)
"""
CONFIG = """\
listeners: [{address: "127.0.0.1:$port", before_routing: [mark]}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes:
  - {path: /*, reply: {text: hello}}
filters:
  mark: {type: "some_filter:Mark", level: 1}
"""


def test_new_code_comes_in_with_new_workers(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "gateway-0"  # of the configuration: code is found beside it
    folder.mkdir()
    (folder / "some_filter.py").write_text(CODE)
    running = gateway(CONFIG)

    def mark() -> str:
        return requests.get(running.base_url, timeout=10).headers["x-mark"]

    assert mark() == "old 1"
    [old] = workers(running)
    (folder / "some_filter.py").write_text(CODE.replace("old", "newer"))
    reload(running, CONFIG.replace("level: 1", "level: 2"))
    wait_until(lambda: mark() == "newer 2", limit=20)  # the old one may have taken one more connection
    [new] = workers(running)
    assert new["pid"] != old["pid"] and new["restarts"] == 0
