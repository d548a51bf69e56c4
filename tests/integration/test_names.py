"""Endpoints that have names: a name server, a service and a gateway as real processes or sockets of loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.conftest import GatewayFactory, ServiceFactory
from tests.integration.processes import events
from tests.support.fast_service import FastService
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.nameserver import FAILS, SILENT, NameServer, Records
from tests.support.paced import PacedLoad
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer

pytestmark = pytest.mark.integration

CONFIG = """
workers: 1
admin: {address: "127.0.0.1:$admin"}
resolver: {servers: ["SERVER"], timeout: 12s, min_interval: 100ms, max_interval: 100ms}
listeners: [{address: "127.0.0.1:$port"}]
routes:
  - {path: "/*", service: main}
  - {path: "/silent/*", service: silent}
services:
  main: {endpoints: ["up.test:PORT"]}
  silent: {endpoints: ["dumb.test:PORT"], pool: {pending_timeout: 20s}}
"""


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer({"up.test": Records("127.0.0.1", ttl=0), "dumb.test": SILENT}) as server:
        yield server


def config(names: NameServer, port: int) -> str:
    return CONFIG.replace("SERVER", names.address).replace("PORT", str(port))


def port_of(service: UpstreamServer) -> int:
    return int(service.address.rpartition(":")[2])


def addresses(running: GatewayProcess, service: str = "main") -> dict[str, Any]:
    (endpoint,) = running.admin("/status")["services"][service]["endpoints"].values()
    found: dict[str, Any] = endpoint["addresses"]
    return found


def test_a_silent_name_server_stops_no_other_service(
    gateway: GatewayFactory, service: ServiceFactory, names: NameServer
) -> None:
    running = gateway(config(names, port_of(service())))
    wait_until(lambda: names.asked["dumb.test"])
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(requests.get(f"{running.base_url}/silent/", timeout=30).status_code)

    waiting = [threading.Thread(target=ask) for _ in range(6)]  # more than there ever were threads for look-ups
    for thread in waiting:
        thread.start()
    wait_until(lambda: running.admin("/status")["connections"]["exchanges"] == 6)
    for _ in range(5):
        assert requests.get(f"{running.base_url}/", headers={"Connection": "close"}, timeout=5).status_code == 200
    assert statuses == []
    names.names["dumb.test"] = Records("127.0.0.1")  # the next try of the look-up is answered
    for thread in waiting:
        thread.join(20)
    assert statuses == [200] * 6


def test_an_address_that_drops_packets_costs_nobody_its_timeout(gateway: GatewayFactory, names: NameServer) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.2", 0))
        dead.listen(0)
        port = dead.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]  # its queue is full: the kernel drops further SYNs
        for one in fill:
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", port))
        with UpstreamServer(host="127.0.0.3", port=port):
            names.names["up.test"] = Records("127.0.0.2", "127.0.0.3", ttl=0)
            running = gateway(config(names, port))
            wait_until(lambda: running.admin("/status")["names"].get("up.test", {}).get("addresses"))
            for _ in range(8):
                began = time.monotonic()
                assert requests.get(f"{running.base_url}/", timeout=5).status_code == 200
                assert time.monotonic() - began < 0.9  # pool.connect_timeout is 1 s
            found = wait_until(lambda: (seen := addresses(running))[f"127.0.0.2:{port}"]["failing_for"] and seen)
            dropped = found[f"127.0.0.2:{port}"]
            assert (dropped["state"], dropped["cause"]) == ("ejected", "connect_timeout")
            assert found[f"127.0.0.3:{port}"]["state"] == "up" and found[f"127.0.0.3:{port}"]["used_by"]
        for one in fill:
            one.close()


def test_a_name_that_moves_takes_steady_traffic_along(
    gateway: GatewayFactory, service: ServiceFactory, names: NameServer
) -> None:
    old = service()
    port = port_of(old)
    with UpstreamServer(host="127.0.0.3", port=port) as new, requests.Session() as session:
        running = gateway(config(names, port))
        assert session.get(f"{running.base_url}/", timeout=5).status_code == 200
        names.names["up.test"] = Records("127.0.0.3", ttl=0)

        def has_moved() -> bool:
            assert session.get(f"{running.base_url}/", timeout=5).status_code == 200
            return bool(new.requests)

        wait_until(has_moved)
        assert list(addresses(running)) == [f"127.0.0.3:{port}"]


LOADED = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
resolver: {servers: ["SERVER"], min_interval: 100ms, max_interval: 100ms}
listeners: [{address: "127.0.0.1:$port"}]
routes: [{path: "/*", service: main}]
services:
  main: {endpoints: ["up.test:PORT"], pool: {idle_timeout: 300s}, retry: {attempts: 1}}
"""


def test_every_address_is_used_and_changes_of_them_fail_no_request(gateway: GatewayFactory, names: NameServer) -> None:
    """Members come and go under load: who stays keeps its connections, who leaves is closed when it is done."""
    hosts = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]
    port = free_port()
    with ExitStack() as stack:
        services = {host: stack.enter_context(FastService(host, port)) for host in hosts}
        names.names["up.test"] = Records(*hosts[:3], ttl=0)
        running = gateway(LOADED.replace("SERVER", names.address).replace("PORT", str(port)))
        run = PacedLoad(f"{running.base_url}/", rate=1000, seconds=5)
        stack.callback(run.stop)

        def used() -> list[str]:
            found = addresses(running)
            return [place.partition(":")[0] for place, one in found.items() if one["used_by"] == 2]

        wait_until(lambda: sorted(used()) == hosts[:3], what="both workers use all three addresses")
        for wanted in (hosts[1:4], hosts[2:4], hosts[1:4], hosts[2:4]):
            names.names["up.test"] = Records(*wanted, ttl=0)
            wait_until(lambda wanted=wanted: sorted(used()) == wanted, what=f"the members are {wanted}")
        wait_until(
            lambda: all(accepted == ended for accepted, ended in (services[one].connections() for one in hosts[:2]))
        )
        accepted, ended = services[hosts[2]].connections()
        assert accepted and not ended  # it was there all the time
        names.names["up.test"] = FAILS
        wait_until(lambda: running.admin("/status")["names"]["up.test"]["cause"])
        assert run.is_running(), "the load ended before the changes did"
        result = run.result()
    assert result.failed == 0, result
    assert not events(running, "an endpoint is ejected") and not events(running, "an endpoint fails")
    assert len(events(running, "a name has other addresses")) >= 4


def test_a_name_of_both_families_where_one_does_not_listen_fails_nobody(
    gateway: GatewayFactory, service: ServiceFactory, names: NameServer
) -> None:
    """As ``localhost`` is on many hosts; also without a retry."""
    names.names["up.test"] = Records("::1", "127.0.0.1", ttl=0)
    port = port_of(service())
    running = gateway(config(names, port).replace(f'up.test:{port}"]', f'up.test:{port}"], retry: {{attempts: 1}}'))
    for _ in range(20):
        assert requests.get(f"{running.base_url}/", headers={"Connection": "close"}, timeout=5).status_code == 200
    [line] = wait_until(lambda: events(running, "an endpoint is ejected"))
    assert (line["endpoint"], line["address"]) == (f"up.test:{port}", f"[::1]:{port}")
    assert running.admin("/status")["services"]["main"]["endpoints"][f"up.test:{port}"]["state"] == "up"


def test_the_last_good_answer_serves_on_and_a_lost_name_is_told(
    gateway: GatewayFactory, service: ServiceFactory, names: NameServer
) -> None:
    running = gateway(config(names, port_of(service())))
    assert requests.get(f"{running.base_url}/", timeout=5).status_code == 200
    del names.names["up.test"]
    name = wait_until(lambda: (found := running.admin("/status")["names"]["up.test"])["cause"] and found)
    assert (name["cause"], name["error"], name["addresses"]) == ("not_found", "up.test does not exist", ["127.0.0.1"])
    assert requests.get(f"{running.base_url}/", headers={"Connection": "close"}, timeout=5).status_code == 200
    assert '"a name has no answer"' in running.read_log()
    assert 'fastgw_name_lookup_failures_total{name="up.test"}' in running.admin("/metrics")


def test_a_name_that_does_not_exist_fails_its_own_requests_and_says_so(
    gateway: GatewayFactory, service: ServiceFactory, names: NameServer
) -> None:
    del names.names["dumb.test"]
    running = gateway(config(names, port_of(service())))
    answer = requests.get(f"{running.base_url}/silent/", timeout=10)
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:fastgw:error:name_not_found")
    [line] = wait_until(lambda: events(running, "an endpoint fails"), what="it is told")
    assert (line["cause"], line["detail"]) == ("name_not_found", "dumb.test does not exist")
    assert "dumb.test" not in answer.text
    assert requests.get(f"{running.base_url}/", timeout=5).status_code == 200
