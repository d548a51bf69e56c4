"""Rates of all workers: exact under load, over reloads, deaths of workers and an upgrade."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from tests.integration.processes import REQUEST, Gateway, connect, events, read_answer, reload, workers
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.paced import PacedLoad

pytestmark = pytest.mark.integration

WORKERS = 4


def config(limits: str, **options: str) -> str:
    """A route that answers by itself; the limit is all it does."""
    more = "".join(f", {key}: {value}" for key, value in options.items())
    return f"""
workers: {WORKERS}
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/*", reply: {{status: 200, body: ok}}, filters: [limit]}}
filters:
  limit: {{type: rate_limit, limits: [{limits}]{more}}}
"""


def statuses(port: int, count: int) -> Counter[str]:
    """The answers to so many, each on a connection of its own, so that every worker gets some."""
    found: Counter[str] = Counter()
    for _ in range(count):
        with connect(port) as sock:
            sock.sendall(REQUEST)
            found[read_answer(sock).split(b" ", 2)[1].decode()] += 1
    return found


def rate_limited(running: GatewayProcess) -> int:
    return int(running.admin("/status")["routes"]["/*"]["rate_limited"])


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.long)])
def test_all_workers_together_admit_the_rate(gateway: Gateway, seconds: int) -> None:
    rate, burst = 1000, 300  # what a machine that stands still for a moment has saved up
    running = gateway(config(f"{{rate: {rate}/s, burst: {burst}}}"))
    load = PacedLoad(f"{running.base_url}/", rate=3000, seconds=seconds, connections=32)
    try:
        found = load.result()
    finally:
        load.stop()
    admitted = found.statuses["200"]
    print(
        f"admitted {admitted} of {found.requests} in {seconds} s, by {rate}/s and {burst}; slowest {found.slowest:.3f} s"
    )
    assert set(found.statuses) == {"200", "429"}
    assert admitted <= burst + rate * (seconds + found.slowest)
    assert abs(admitted - (burst + rate * seconds)) <= (burst + rate * seconds) / 100 + rate * found.slowest
    assert rate_limited(running) == found.statuses["429"]


def test_a_bucket_outlives_workers_and_reloads(gateway: Gateway) -> None:
    running = gateway(config("{rate: 9/d}"))
    assert statuses(running.port, 3) == {"200": 3}
    reload(running, config("{rate: 50/s, per: address}, {rate: 9/d}", tell="all"))
    assert statuses(running.port, 3) == {"200": 3}
    for index in range(WORKERS):
        pid = workers(running)[index]["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda index=index, pid=pid: (
                (now := workers(running)[index])["pid"] not in (pid, None) and now["state"] == "ready"
            )
        )
    assert statuses(running.port, 6) == {"200": 3, "429": 3}
    reload(running, config("{rate: 10/d}"))
    assert statuses(running.port, 12) == {"200": 10, "429": 2}


def test_an_upgrade_goes_on_with_the_buckets(gateway: Gateway) -> None:
    text = config("{rate: 9/d, per: address}")
    first = gateway(text)
    assert statuses(first.port, 4) == {"200": 4}
    second = gateway(text, port=first.port, environment={"FASTGW_UPGRADE": str(first.pid)})
    assert second.admin("/status")["board"]["inherited_from"] == first.pid
    wait_until(lambda: events(first, "draining"))
    assert first.wait() == 0
    assert statuses(second.port, 8) == {"200": 5, "429": 3}
    assert second.admin("/status")["board"]["client_rates"] == {"used": 1, "capacity": 262144}
