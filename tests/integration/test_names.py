"""Endpoints that have names: a name server, a service and a gateway as real processes or sockets of loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import GatewayFactory, ServiceFactory
from tests.integration.processes import events
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.nameserver import SILENT, NameServer, Records
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


def test_an_address_that_drops_packets_does_not_hide_the_next(gateway: GatewayFactory, names: NameServer) -> None:
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
            began = time.monotonic()
            assert requests.get(f"{running.base_url}/", timeout=5).status_code == 200
            assert time.monotonic() - began < 4
            found = wait_until(lambda: (seen := addresses(running))[f"127.0.0.3:{port}"]["used_by"] and seen)
            dropped = found[f"127.0.0.2:{port}"]
            if dropped["failing_for"]:  # it was asked first
                assert (dropped["cause"], dropped["error"]) == ("connect_timeout", "no answer in time")
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
