"""Members of a service under load: killed and back, and changed by reloads."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.processes import Gateway, admin_status, events, reload
from tests.support.fast_service import FastService
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.paced import PacedLoad
from tests.support.wrk import Wrk

pytestmark = [pytest.mark.integration, pytest.mark.needs("wrk")]

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/*", service: main}}
services:
  main:
    endpoints: [{members}]
    pool: {pool}
"""


@pytest.fixture
def members() -> Iterator[tuple[FastService, FastService]]:
    with ExitStack() as stack:
        yield stack.enter_context(FastService()), stack.enter_context(FastService())


def config(members: tuple[FastService, ...], weights: tuple[int, ...] = (1, 1), pool: str = "{}") -> str:
    listed = (f'{{address: "{one.address}", weight: {weight}}}' for one, weight in zip(members, weights, strict=True))
    return CONFIG.format(members=", ".join(listed), pool=pool)


def metric(running: GatewayProcess, name: str, endpoint: str) -> float:
    page: str = running.admin("/metrics")
    found = re.search(rf'^{name}{{endpoint="{endpoint}",service="main"}} (\S+)$', page, re.MULTILINE)
    assert found, page
    return float(found[1])


def test_a_member_that_is_killed_costs_no_request(gateway: Gateway, members: tuple[FastService, FastService]) -> None:
    """2,000 GETs a second on kept connections: those under way are asked again, the next ones find the other member."""
    victim, _ = members
    running = gateway(config(members))
    run = PacedLoad(f"{running.base_url}/", rate=2000, seconds=6)
    try:
        wait_until(lambda: metric(running, "fastgw_endpoint_requests_total", victim.address) > 1000)
        assert metric(running, "fastgw_endpoint_up", victim.address) == 1
        victim.kill()
        wait_until(lambda: events(running, "an endpoint is ejected"), what="the log says that it is ejected")
        assert metric(running, "fastgw_endpoint_up", victim.address) == 0
        assert admin_status(running, "/readyz?service=main")[0] == 200
        wait_until(lambda: status(running, victim)["ejected_by"] == 2, limit=1, what="both workers know")
        time_of_death = time.monotonic()
        victim.start()
        wait_until(lambda: events(running, "an endpoint is back"), what="the log says that it is back")
        assert time.monotonic() - time_of_death < 8
        assert status(running, victim)["state"] == "up"
        before = metric(running, "fastgw_endpoint_requests_total", victim.address)
        wait_until(lambda: metric(running, "fastgw_endpoint_requests_total", victim.address) > before + 100)
        result = run.result()
    finally:
        run.stop()
    assert result.requests == 12_000 and result.failed == 0, result
    assert 0 < metric(running, "fastgw_endpoint_connect_failures_total", victim.address) < 50
    for event in ("an endpoint is ejected", "an endpoint is back"):
        [line] = events(running, event)
        assert (line["service"], line["endpoint"], line["cause"]) == ("main", victim.address, "connect_refused")
    assert not events(running, "an endpoint fails") and not events(running, "an endpoint works again")


def status(running: GatewayProcess, member: FastService) -> dict[str, object]:
    found: dict[str, object] = running.admin("/status")["services"]["main"]["endpoints"][member.address]
    return found


def test_a_service_without_a_member_that_is_up_is_not_ready(
    gateway: Gateway, members: tuple[FastService, FastService]
) -> None:
    running = gateway(config(members).replace("workers: 2", "workers: 1"))
    for one in members:
        one.kill()
    run = Wrk(f"{running.base_url}/", connections=2)
    try:
        wait_until(
            lambda: admin_status(running, "/readyz?service=main") == (503, {"reason": "no_member", "service": "main"})
        )
        assert admin_status(running, "/readyz")[0] == 200
        members[1].start()
        wait_until(lambda: admin_status(running, "/readyz?service=main")[0] == 200, what="one is back")
    finally:
        run.stop()
    assert admin_status(running, "/readyz?service=none")[0] == 404


@pytest.mark.parametrize("reloads", [8, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(150)])])
def test_reloads_that_change_weights_and_pools_close_no_connection(
    gateway: Gateway, members: tuple[FastService, FastService], reloads: int
) -> None:
    running = gateway(config(members, pool="{idle_timeout: 300s}"))
    run = Wrk(f"{running.base_url}/", connections=4)
    try:
        wait_until(lambda: all(metric(running, "fastgw_endpoint_requests_total", one.address) > 100 for one in members))
        for number in range(reloads):
            pool = (
                f"{{idle_timeout: {300 + number}s, max_connections: {64 + number}, pending_timeout: {1 + number % 3}s}}"
            )
            reload(running, config(members, (1 + number % 5, 1 + number % 3), pool))
            assert not events(running, "the new configuration is refused")
        assert [one.connections()[1] for one in members] == [0, 0]
        result = run.result()
    finally:
        run.stop()
    assert result.requests > 1000 and result.failed == 0, result
    assert running.admin("/status")["services"]["main"]["limits"]["max_connections"] == 63 + reloads
