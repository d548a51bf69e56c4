"""A gateway that registers itself in a real etcd, and another one that finds it there; and members that it registers for others."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.cli.asking import asked
from fastgw.discovery.etcd import EtcdSource
from tests.integration.processes import Gateway, Service, events, get, reload, say
from tests.support.etcd import EtcdServer
from tests.support.followed import Followed
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]

INNER = """
workers: 1
zone: eu-1
admin: {{address: "127.0.0.1:$admin"}}
shutdown: {{grace: 1s}}
registration:
  etcd: {{endpoints: ["{url}"]}}
  listeners: {listeners}
  ttl: 3s
  drain: 700ms
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
  - {{name: more, address: "127.0.0.1:{more}"}}
routes:
  - {{path: "/*", service: old}}
services:
  old:
    endpoints: [{endpoints}]
    register_as: legacy
    health: {{type: tcp, interval: 100ms, timeout: 500ms, unhealthy_after: 1}}
"""
EDGE = "{listener: edge, service: edge, metadata: {kind: gateway}}"
OUTER = """
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: front, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/*", service: edge}}
services:
  edge:
    discovery: {{etcd: {{endpoints: ["{url}"], prefix: /services/edge}}}}
"""


@pytest.fixture
def followed(etcd: EtcdServer) -> Iterator[Followed]:
    one = Followed(EtcdSource(etcd.settings("/services/edge"), check=0.5))
    yield one
    one.close()


@pytest.fixture
def heirs() -> Iterator[list[int]]:
    """Processes that took the place of others; they end with the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)


def keys(etcd: EtcdServer, service: str) -> list[str]:
    return etcd.ctl("get", "--prefix", "--keys-only", f"/services/{service}/").split()


def registration(running: GatewayProcess) -> dict[str, object]:
    (found,) = running.admin("/status")["registration"]
    return dict(found)


class Asking:
    """Somebody who asks through the outer gateway all the time."""

    def __init__(self, port: int) -> None:
        self.failed: list[str] = []
        self._port, self._is_over = port, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                assert get(self._port).endswith(b"hi")
            except (OSError, AssertionError) as error:
                self.failed.append(repr(error))

    def end(self) -> None:
        self._is_over.set()
        self._thread.join(20)


def test_a_gateway_is_found_whatever_becomes_of_it(
    gateway: Gateway, service: Service, etcd: EtcdServer, followed: Followed, heirs: list[int]
) -> None:
    one, more = service(say(b"hi")), free_port()
    dead = f"127.0.0.1:{free_port()}"
    told = {"url": etcd.url, "more": more, "endpoints": f'"{one.address}", "{dead}"'}
    inner = gateway(INNER.format(listeners=f"[{EDGE}]", **told))
    outer = gateway(OUTER.format(url=etcd.url))
    followed.comes_to({inner.port: 1})
    value = json.loads(etcd.ctl("get", "--print-value-only", f"/services/edge/127.0.0.1:{inner.port}"))
    assert (value["zone"], value["metadata"]) == ("eu-1", {"kind": "gateway"})
    wait_until(lambda: keys(etcd, "legacy") == [f"/services/legacy/{one.address}"], what="the healthy one is there")
    assert registration(inner)["state"] == "registered" and registration(inner)["wanted"] == 2
    asking = Asking(outer.port)
    try:
        # reloads: one that comes, is another, and goes
        second = f"{{listener: more, service: edge, weight: 2, address: 127.0.0.1:{more}}}"
        reload(inner, INNER.format(listeners=f"[{EDGE}, {second}]", **told))
        followed.comes_to({inner.port: 1, more: 2})
        reload(inner, INNER.format(listeners=f"[{EDGE}, {second.replace('2', '5', 1)}]", **told))
        followed.comes_to({inner.port: 1, more: 5})
        reload(inner, INNER.format(listeners=f"[{EDGE}]", **told))
        followed.comes_to({inner.port: 1})

        # an upgrade: never gone, with the same lease
        (lease,) = etcd.ctl("lease", "list").split()[3:]
        before = len(followed.told)
        answer = asked(str(inner.config), None, {"do": "upgrade"}, 60)
        assert answer is not None and answer["ok"]
        heirs.append(answer["pid"])
        assert inner.wait(20) == 0
        wait_until(lambda: registration(inner)["state"] == "registered")
        assert etcd.ctl("lease", "list").split()[3:] == [lease]
        assert all(inner.port in [two.address.port for two in found.members] for found in followed.told[before:])
        assert keys(etcd, "legacy") == [f"/services/legacy/{one.address}"]
    finally:
        asking.end()
    assert not asking.failed

    # a drain: out first, and served until everybody knows
    os.kill(answer["pid"], signal.SIGTERM)
    assert followed.comes_to({}) < 1
    assert keys(etcd, "legacy") == [f"/services/legacy/{one.address}"]  # it serves on, and goes with the lease
    assert get(inner.port).endswith(b"hi")
    wait_until(lambda: not Path(f"/proc/{answer['pid']}").exists(), limit=20)
    assert "Traceback" not in inner.read_log() and events(inner, "registration")


@pytest.mark.long
def test_it_is_there_again_after_an_outage(
    gateway: Gateway, service: Service, etcd: EtcdServer, followed: Followed
) -> None:
    text = INNER.format(listeners=f"[{EDGE}]", url=etcd.url, more=free_port(), endpoints=f'"{service().address}"')
    inner = gateway(text)
    followed.comes_to({inner.port: 1})
    # etcd is gone for a while, and comes back with nothing
    etcd.kill()
    wait_until(lambda: registration(inner)["state"] == "failing")
    problem = next(two for two in inner.admin("/status")["problems"] if two["kind"] == "registration")
    assert "members cannot be registered" in problem["cause"] and problem["since"]
    etcd.wipe()
    etcd.start()
    followed.comes_to({inner.port: 1})

    assert events(inner, "members cannot be registered")


@pytest.mark.long
def test_no_request_fails_when_one_of_several_drains_or_is_killed(
    gateway: Gateway, service: Service, etcd: EtcdServer, followed: Followed
) -> None:
    one = service(say(b"hi"))
    told = {"listeners": f"[{EDGE}]", "url": etcd.url, "endpoints": f'"{one.address}"'}
    inner = [gateway(INNER.format(more=free_port(), **told)) for _ in range(3)]
    followed.comes_to({running.port: 1 for running in inner})
    outer = gateway(OUTER.format(url=etcd.url))
    legacy = Followed(EtcdSource(etcd.settings("/services/legacy"), check=0.5))
    legacy.comes_to({int(one.address.rpartition(":")[2]): 1})
    asking = Asking(outer.port)
    try:
        assert inner[0].stop() == 0
        assert set(followed.last) == {running.port for running in inner[1:]}
        inner[1].signal(signal.SIGKILL)
        assert followed.comes_to({inner[2].port: 1}) < 3 + 2  # etcd looks for leases that ended twice a second
        before = registration(inner[2])["renewed_at"]
        wait_until(lambda: registration(inner[2])["renewed_at"] != before, what="who is left has renewed it")
    finally:
        asking.end()
        legacy.close()
    assert legacy.told and all(found.members for found in legacy.told)  # somebody always had it
    assert not asking.failed
