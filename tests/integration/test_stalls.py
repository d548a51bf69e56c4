"""A worker that is stopped: everybody is told, and it is replaced in the end."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.processes import Gateway, Service, admin_status, events, get, reload, say, workers
from tests.support.gateway import simple_config, wait_until

pytestmark = pytest.mark.integration


def test_a_stopped_worker_is_told_and_replaced(gateway: Gateway, service: Service) -> None:
    text = simple_config(service(say(b"hi")).address)
    running = gateway(text)
    (worker,) = workers(running)
    assert worker["state"] == "ready" and worker["heartbeat_age"] < 3

    os.kill(worker["pid"], signal.SIGSTOP)
    assert wait_until(lambda: workers(running)[0]["state"] == "stalled")
    assert admin_status(running, "/readyz") == (503, {"reason": "stalled", "stalled": [0]})
    assert workers(running)[0]["loop_lag"] > 2 and workers(running)[0]["heartbeat_age"] > 3
    assert 'fastgw_workers{state="stalled"} 1.0' in running.admin("/metrics")
    (line,) = wait_until(lambda: events(running, "a worker is stalled"))
    assert (line["worker"], line["stalled"]) == (0, worker["pid"]) and line["seconds"] > 3

    os.kill(worker["pid"], signal.SIGCONT)
    wait_until(lambda: admin_status(running, "/readyz")[0] == 200)
    wait_until(lambda: events(running, "a stalled worker is back"))
    assert get(running.port).endswith(b"hi")

    reload(running, text + "worker_timeout: 5s\n")
    os.kill(worker["pid"], signal.SIGSTOP)
    wait_until(lambda: workers(running)[0]["pid"] not in (None, worker["pid"]), limit=20)
    (killed,) = events(running, "a stalled worker is killed")
    assert killed["stalled"] == worker["pid"] and killed["seconds"] > 5
    wait_until(lambda: admin_status(running, "/readyz")[0] == 200)
    assert get(running.port).endswith(b"hi")
