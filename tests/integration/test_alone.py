"""A node that is cut off from all that it depends on at once: it goes on, is started anew while it is alone, and reconciles."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.asking import asked
from tests.integration.processes import Gateway, Service, reload, say, workers
from tests.support.etcd import EtcdServer
from tests.support.gateway import ROOT, GatewayProcess, wait_until
from tests.support.mosquitto import Mosquitto
from tests.support.nameserver import FAILS, SILENT, NameServer, Records
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.tokens import jwks, signed
from tests.support.upstream import Connection, Received, UpstreamServer, canned, response

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(240),
    pytest.mark.needs("etcd", "etcdctl", "redis-server", "mosquitto"),
]

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
admin_socket: {folder}/gateway.sock
state_file: {folder}/state.json
resolver: {{servers: ["{dns}"], timeout: 500ms, min_interval: 1s}}
registration:
  etcd: {{endpoints: ["{etcd}"], timeout: 1s}}
  listeners: [{{listener: edge, service: edge}}]
  ttl: 3s
  drain: 0s
telemetry: {{otlp: "http://127.0.0.1:{collector}", timeout: 500ms, traces: {{sample: 100%}}}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: /listed, service: listed, filters: [tokens]}}
  - {{path: /named, service: named, filters: [limit]}}
  - {{path: /judged, service: named, filters: [judge]}}
  - {{path: "/say/{{id}}", adapter: {{mqtt: {{broker: "{broker}", publish: "say/{{id}}", keep_alive: 5s}}}}}}
services:
  listed: {{discovery: {{etcd: {{endpoints: ["{etcd}"], prefix: /services/listed, timeout: 1s}}}}}}
  named: {{endpoints: ["up.test:{named}"]}}
filters:
  tokens: {{type: jwt, algorithms: ES256, keys: {{url: "http://127.0.0.1:{issuer}/keys", refresh: 1s, timeout: 1s}}}}
  limit:
    type: rate_limit
    limits: [{{rate: 1000/s, block: 100}}]
    cluster: {{redis: "{redis}", timeout: 200ms, when_gone: open}}
  judge:
    type: oauth2_introspection
    url: "http://127.0.0.1:{judge}/"
    client_id: a
    client_secret: b
    timeout: 500ms
    max_age: 1s
    stale: 10m
"""
ALL = ("etcd", "introspection", "keys", "mqtt", "name", "redis", "registration", "telemetry")


class World:
    """All that the node depends on, which is cut off and linked again; ``is_silent``: nothing is refused, nothing is answered."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self._stack = stack
        self.etcd, self.redis, self.broker = EtcdServer().start(), RedisServer().start(), Mosquitto(folder)
        self.dns = NameServer({"up.test": Records("127.0.0.1", ttl=1)})
        for close in (self.etcd.close, self.redis.close, self.broker.stop, self.dns.close):
            stack.callback(close)
        self.ports = {name: free_port() for name in ("issuer", "collector", "judge")}
        self._scripts = {
            "issuer": canned(response(jwks(ES256="first"))),
            "collector": canned(response(b"")),
            "judge": _judging,
        }
        self._held: list[Any] = []
        self._serve()

    def _serve(self) -> None:
        self._held = [UpstreamServer(script, port=self.ports[name]) for name, script in self._scripts.items()]
        for one in self._held:
            self._stack.callback(one.stop)

    def cut(self) -> None:
        """All links at once."""
        for server in self._held:
            server.stop()
        if self._is_silent:
            for pid in self._pids():
                os.kill(pid, signal.SIGSTOP)
            self._held = [socket.create_server(("127.0.0.1", port)) for port in self.ports.values()]
            self.dns.names["up.test"] = SILENT
        else:
            self.etcd.kill()
            self.redis.kill()
            self.broker.stop(is_killed=True)
            self._held = []
            self.dns.names["up.test"] = FAILS

    def link(self) -> None:
        """All is back; meanwhile the issuer has another key."""
        for sock in self._held:
            sock.close()
        self._scripts["issuer"] = canned(response(jwks(ES256="other")))
        self._serve()
        if self._is_silent:
            for pid in self._pids():
                os.kill(pid, signal.SIGCONT)
        else:
            self.etcd.start()
            self.redis.start()
            self.broker.start()
        self.dns.names["up.test"] = Records("127.0.0.1", ttl=1)

    def flap(self) -> None:
        """Redis is gone for a moment."""
        self.redis.kill()
        self.redis.start()

    def _pids(self) -> list[int]:
        process = self.broker._process
        assert process is not None
        return [self.etcd.pid, self.redis.pid, process.pid]


def _judging(request: Received, connection: Connection) -> None:
    connection.send(response(json.dumps({"active": b"token=good" in request.body}).encode()))


@pytest.fixture(params=[False, True], ids=["refused", "silent"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        found = World(tmp_path, stack, is_silent=request.param)
        yield found
        for pid in found._pids() if request.param else ():
            os.kill(pid, signal.SIGCONT)


def ask(running: GatewayProcess, path: str, token: bytes = b"", body: bytes | None = None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{running.port}{path}", data=body)
    if token:
        request.add_header("authorization", f"Bearer {token.decode()}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def states(running: GatewayProcess) -> dict[str, str]:
    return {one["kind"]: one["state"] for one in running.admin("/status")["dependencies"]}


def cpu_of(running: GatewayProcess) -> float:
    """Seconds of a processor that the supervisor has had."""
    fields = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ages(running: GatewayProcess) -> dict[str, float | None]:
    return {one["kind"]: one["age"] for one in running.admin("/status")["dependencies"]}


def test_a_node_that_is_alone_goes_on(world: World, gateway: Gateway, service: Service, tmp_path: Path) -> None:
    listed, other, named = service(say(b"listed")), service(say(b"other")), service(say(b"named"))
    world.etcd.ctl("put", f"/services/listed/{listed.address}", "active")
    text = CONFIG.format(
        folder=tmp_path,
        dns=world.dns.address,
        etcd=world.etcd.url,
        redis=world.redis.url,
        broker=world.broker.url,
        named=named.port,
        **world.ports,
    )
    claims = {"sub": "ann", "exp": time.time() + 600}
    first, second = signed(claims, "ES256", kid="first"), signed(claims, "ES256", kid="other")

    def serves() -> None:
        """Each of both workers, most likely."""
        for _ in range(6):
            assert ask(running, "/listed", first) == 200
            assert ask(running, "/named") == 200

    def is_well() -> bool:
        return ask(running, "/listed", first) == 200 and ask(running, "/named") == 200

    def is_cut_off() -> bool:
        ask(running, "/named")  # whoever shares limits is asked when somebody needs them
        return set(states(running).values()) == {"failing"}

    running = gateway(text)
    wait_until(is_well, what="it is well")
    for _ in range(12):
        assert ask(running, "/judged", b"good") == 200
    assert ask(running, "/judged", b"bad") == 401
    assert ask(running, "/say/a", body=b"{}") == 202
    wait_until(lambda: set(states(running).values()) <= {"connected", "quiet"}, what="all is there")
    assert sorted(states(running)) == [*ALL]
    for what in ("names", "keys", "members"):
        wait_until((tmp_path / f"state.{what}.json").exists, what=f"{what} are kept")

    # it is cut off from all of it at once
    world.cut()
    serves()
    assert ask(running, "/judged", b"good") == 200  # who was judged is known
    assert ask(running, "/judged", b"new") == 503  # who was not has nobody who judges
    assert ask(running, "/say/a", body=b"{}") in (503, 504)
    wait_until(is_cut_off, limit=50, what="all of it is known to be away")
    before = ages(running)
    page = running.admin("/metrics")
    assert page.count("fastgw_dependency_up{") == page.count("fastgw_dependency_up{kind=") == len(ALL)
    assert all(line.endswith(" 0.0") for line in page.splitlines() if line.startswith("fastgw_dependency_up{"))
    serves()
    assert ask(running, "/judged", b"good") == 200
    reload(running, text + "\n")
    [victim, _] = workers(running)
    os.kill(victim["pid"], signal.SIGKILL)
    wait_until(lambda: workers(running)[0]["pid"] not in (0, victim["pid"]), what="it has another worker")
    wait_until(lambda: {one["state"] for one in workers(running)} == {"ready"}, what="which serves")
    serves()

    # it is upgraded, and started anew, while it is alone
    answer = asked(str(running.config), None, {"do": "upgrade"}, 60)
    assert answer is not None and answer["ok"], answer
    wait_until(lambda: not running.is_running(), limit=20, what="its successor has all of it")
    serves()
    os.kill(answer["pid"], signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{answer['pid']}").exists(), limit=20, what="and ends")
    running = gateway(text)
    wait_until(is_well, what="it knows what the one before it knew")
    assert ask(running, "/judged", b"good") == 503  # but for who was judged, which may have been withdrawn
    serves()
    wait_until(lambda: states(running)["registration"] == "failing", what="that is known too")
    after = ages(running)
    assert all((after[kind] or 0.0) > (before[kind] or 0.0) > 0.0 for kind in ("etcd", "keys", "name"))
    command = [sys.executable, "-m", "fastgw"]
    seen = subprocess.run(
        [*command, "status", "-c", running.config], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "depends on etcd http://" in seen.stdout and "failing" in seen.stdout
    tried = subprocess.run(
        [*command, "doctor", "--quiet", running.config], cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    failed = {line.split(": ")[2] for line in tried.stdout.splitlines() if ": failed: " in line}
    assert failed == {
        "filters.judge.url",
        "filters.limit",
        "filters.tokens",
        "registration.etcd",
        "routes[3].adapter.mqtt",
        "services.listed.discovery",
        "services.listed.discovery.etcd",
        "services.named.endpoints[0]",
        "telemetry.otlp",
    }

    # and the links are back: another member, another key, and no lease of before
    world.link()
    world.etcd.ctl("put", f"/services/listed/{other.address}", "active")

    def is_back() -> bool:
        return ask(running, "/judged", b"good") == 200 and set(states(running).values()) <= {"connected", "quiet"}

    wait_until(is_back, limit=30, what="all is there again")
    wait_until(lambda: ask(running, "/listed", second) == 200, what="the new key")
    assert ask(running, "/listed", first) == 401
    here = f"/services/edge/127.0.0.1:{running.port}"  # the one before, at another port, ends with its lease
    wait_until(
        lambda: world.etcd.ctl("get", "--prefix", "/services/edge", "--keys-only").split() == [here], what="it alone"
    )
    assert set(running.admin("/status")["services"]["listed"]["endpoints"]) == {listed.address, other.address}
    assert ask(running, "/judged", b"new") == 401 and ask(running, "/judged", b"good") == 200
    assert ask(running, "/say/a", body=b"{}") == 202

    # what flaps makes neither a flood of lines nor work without an end
    lines, cpu = len(running.read_log().splitlines()), cpu_of(running)
    began = time.monotonic()
    for _ in range(8):
        world.flap()
        serves_on = ask(running, "/named")
        assert serves_on == 200
    took = time.monotonic() - began
    assert len(running.read_log().splitlines()) - lines < 40
    assert cpu_of(running) - cpu < 0.5 * took
    assert "Traceback" not in running.read_log()
