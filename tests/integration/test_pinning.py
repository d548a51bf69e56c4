"""Workers on processors of their own."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from fastgw.cli.asking import asked
from tests.integration.processes import Gateway, get, reload, workers
from tests.support.gateway import wait_until

CODE = """
import os

class Where:
    name = "where"

    def execute(self, input):
        return {"pid": os.getpid(), "places": sorted(os.sched_getaffinity(0))}
"""
TEXT = """
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 3
cpu_affinity: auto
routes: [{path: "/*", service: where}]
services: {where: {python: "where:Where", run: process}}
"""
ALL = sorted(os.sched_getaffinity(0))

pytestmark = [
    pytest.mark.integration,
    pytest.mark.drop_in("scheduling"),
    pytest.mark.skipif(len(ALL) < 2, reason="needs two processors"),
]


def places(pid: int) -> list[int]:
    """Where all threads of a process run."""
    (found,) = {tuple(sorted(os.sched_getaffinity(int(one)))) for one in os.listdir(f"/proc/{pid}/task")}
    return list(found)


def where(port: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(get(port).rpartition(b"\r\n\r\n")[2])
    return found


def test_workers_are_pinned_and_nobody_else(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "gateway-0"
    folder.mkdir()
    (folder / "where.py").write_text(CODE)
    running = gateway(TEXT)
    expected = [ALL[0], ALL[1], ALL[2 % len(ALL)]]
    found = workers(running)
    assert [one["processor"] for one in found] == expected
    assert [places(one["pid"]) for one in found] == [[one] for one in expected]
    assert places(running.pid) == ALL  # the supervisor

    killed = found[1]["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: workers(running)[1]["pid"] not in (killed, None) and workers(running)[1]["state"] == "ready")
    assert places(workers(running)[1]["pid"]) == [ALL[1]]  # the same place

    pinned = TEXT.replace("auto", str(ALL[1:2]))
    reload(running, pinned)
    assert [one["processor"] for one in workers(running)] == [ALL[1]] * 3
    reload(running, pinned.replace("service: where", "service: other").replace("{where:", "{other:"))
    assert where(running.port)["places"] == ALL  # a process that workers have started which are pinned

    reload(running, TEXT.replace("auto", "[4095]"))
    refused = running.admin("/status")["last_reload"]["error"]
    assert refused.startswith("cpu_affinity: processor 4095 cannot be used by this process")

    reload(running, TEXT.replace("cpu_affinity: auto\n", ""))
    assert {tuple(places(one["pid"])) for one in workers(running)} == {tuple(ALL)}
    assert asked(str(running.config), None, {"do": "status"}, 10) is not None
