"""Members that a name server, Consul and Kubernetes list, of stand-ins, in real processes: one gateway, all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.processes import Gateway, Service, connect, read_answer, say
from tests.support.beside import Beside
from tests.support.consul import Consul
from tests.support.gateway import wait_until
from tests.support.kubernetes import ApiServer, slice_of
from tests.support.nameserver import NameServer, Records, Services

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: /dns, service: named}}
  - {{path: /consul, service: listed}}
  - {{path: /kubernetes, service: sliced}}
services:
  named:
    discovery: {{dns: {{name: _http._tcp.web.test, servers: ["{dns}"], min_interval: 200ms}}}}
  listed:
    discovery: {{consul: {{endpoint: "http://127.0.0.1:{consul}", service: web}}}}
  sliced:
    discovery: {{kubernetes: {{endpoint: "http://127.0.0.1:{kubernetes}", service: web, namespace: shop}}}}
"""
KINDS = ("dns", "consul", "kubernetes")


@pytest.fixture
def beside() -> Iterator[Beside]:
    running = Beside()
    yield running
    running.close()


def test_members_are_followed_wherever_they_are_listed(gateway: Gateway, service: Service, beside: Beside) -> None:
    one, two = service(say(b"one")), service(say(b"two"))
    names: dict[str, Records | Services | str] = {"a.test": Records("127.0.0.1", ttl=1)}
    consul, api = Consul(), ApiServer()
    beside.run(consul.__aenter__())
    beside.run(api.__aenter__())

    def move(port: int) -> None:
        names["_http._tcp.web.test"] = Services((0, 1, port, "a.test"), ttl=1)
        beside.call(consul.register, "web", "web-1", "127.0.0.1", port)
        beside.call(api.put, "web-1", slice_of("127.0.0.1", ports=[{"port": port}]))

    try:
        with NameServer(names) as server:
            move(one.port)
            text = CONFIG.format(dns=server.address, consul=consul.port, kubernetes=api.port)
            running = gateway(text)

            def answers(kind: str) -> bytes:
                with connect(running.port) as sock:
                    sock.sendall(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % kind.encode())
                    return read_answer(sock).rpartition(b"\r\n")[2]

            assert {answers(kind) for kind in KINDS} == {b"one"}
            move(two.port)
            for kind in KINDS:
                wait_until(lambda kind=kind: answers(kind) == b"two", what=f"{kind} leads to the other member")
            beside.run(consul.__aexit__())
            beside.call(setattr, api, "refusal", (403, "forbidden"))
            beside.call(api.end_watches)
            names["_http._tcp.web.test"] = "fails"

            def states() -> list[str]:
                found = running.admin("/status")["services"]
                return [found[name]["discovery"][0]["state"] for name in ("named", "listed", "sliced")]

            wait_until(lambda: states() == ["failing"] * 3, what="all sources fail")
            assert {answers(kind) for kind in KINDS} == {b"two"}  # whom they listed last stays
            found = running.admin("/status")["services"]
            assert found["named"]["discovery"][0]["cause"] == "failed"
            assert found["listed"]["discovery"][0]["cause"] in ("refused", "broken")
            assert found["sliced"]["discovery"][0]["cause"] in ("denied", "broken")
    finally:
        beside.run(api.__aexit__())
