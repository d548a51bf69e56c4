"""Members that requests ask for by their metadata, in real processes."""

from __future__ import annotations

import pytest

from tests.integration.processes import Gateway, Service, admin_status, connect, read_answer, reload, say
from tests.support.gateway import GatewayProcess

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/{{region}}/*", service: main}}
services:
  main:
    endpoints:
      - {{address: "{a}", metadata: {{gpu: big, region: eu}}}}
      - {{address: "{b}", metadata: {{gpu: big, region: us}}}}
      - {{address: "{c}", metadata: {{gpu: {c_is}, region: eu}}}}
    subset: {{match: {{gpu: "${{header.x-gpu}}", region: "${{path.region}}"}}, otherwise: {otherwise}}}
"""


def ask(running: GatewayProcess, region: str, gpu: str = "") -> bytes:
    line = f"X-Gpu: {gpu}\r\n" if gpu else ""
    with connect(running.port) as sock:
        sock.sendall(f"GET /{region}/x HTTP/1.1\r\nHost: a\r\n{line}Connection: close\r\n\r\n".encode())
        head, _, body = read_answer(sock).partition(b"\r\n\r\n")
    return body if b" 200 " in head else head[9:12] + (b" no_subset" if b"no_subset" in body else b"")


def who(running: GatewayProcess, region: str, gpu: str = "", times: int = 12) -> set[bytes]:
    """Over connections of their own, so that both workers are asked."""
    return {ask(running, region, gpu) for _ in range(times)}


def test_requests_go_where_they_ask_for_in_every_worker_and_over_a_reload(gateway: Gateway, service: Service) -> None:
    servers = {word: service(say(word.encode())) for word in "abc"}
    places = {word: one.address for word, one in servers.items()}
    running = gateway(CONFIG.format(**places, c_is="small", otherwise="none"))
    assert who(running, "eu", "big") == {b"a"}
    assert who(running, "us", "big") == who(running, "us") == {b"b"}
    assert who(running, "eu") == {b"a", b"c"}
    assert who(running, "us", "small") == who(running, "asia") == {b"503 no_subset"}
    found = admin_status(running, "/status")[1]["services"]["main"]
    assert found["endpoints"][places["c"]]["metadata"] == {"gpu": "small", "region": "eu"}
    assert found["subset"]["otherwise"] == "none" and found["subset"]["match"]["gpu"]["small"] == [places["c"]]
    reload(running, CONFIG.format(**places, c_is="big", otherwise="any"))
    assert who(running, "eu", "big") == {b"a", b"c"}
    assert who(running, "us", "small", 24) == {b"a", b"b", b"c"}
