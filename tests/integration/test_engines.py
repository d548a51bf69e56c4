"""Balancing by what engines say, in real processes."""

from __future__ import annotations

from collections import Counter

import pytest
import requests

from tests.integration.processes import Gateway, Service, events, get
from tests.support.gateway import wait_until
from tests.support.upstream import Connection, Received, response

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/told", service: told}}
  - {{path: "/*", service: main}}
services:
  main:
    balance: engine
    endpoints: [{members}]
    engine: {{interval: 200ms, timeout: 200ms}}
  told:
    balance: engine
    endpoints: [{members}]
    engine: {{interval: 1m, reports: true, poll: false}}
"""


class Engine:
    """Answers with its name, and says of itself what the test wants."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.page = b"# nothing yet\n"
        self.report = ""

    def __call__(self, request: Received, connection: Connection) -> None:
        fields = [("endpoint-load-metrics", self.report)] if request.header(b"endpoint-load-metrics-format") else []
        connection.send(response(self.page if request.target == b"/metrics" else self.name, fields=fields))


def busy(running: int) -> bytes:
    return b"vllm:num_requests_running %d\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0.1\n" % running


def test_requests_go_where_others_do_not(gateway: Gateway, service: Service) -> None:
    """Each engine answers at once; what makes the difference is what they have from elsewhere."""
    engines = Engine(b"a"), Engine(b"b")
    servers = [service(one) for one in engines]
    running = gateway(CONFIG.format(members=", ".join(f'"{one.address}"' for one in servers)))

    def known() -> dict[str, object]:
        return {at: (one["state"], one.get("running")) for at, one in status().items()}

    def status() -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = running.admin("/status")["services"]["main"]["engines"]
        return found

    def taken(count: int = 40) -> Counter[bytes]:
        return Counter(get(running.port)[-1:] for _ in range(count))

    wait_until(lambda: len(events(running, "an engine does not say how busy it is")) == 2)
    assert set(taken()) == {b"a", b"b"}  # each is asked once at least, whatever it says
    first, second = (one.address for one in servers)
    for busier, loads in ((b"a", (500_000, 0)), (b"b", (0, 500_000))):
        for engine, load in zip(engines, loads, strict=True):
            engine.page = busy(load)
        wait_until(lambda want=loads: known() == {first: ("good", want[0]), second: ("good", want[1])})  # type: ignore[misc]
        wait_until(lambda word=busier: taken(20)[word] == 0, what="the workers know")  # type: ignore[misc]
        assert taken()[busier] == 0
    engines[1].page = b"vllm:num_requests_running NaN\n"
    wait_until(lambda: known()[second] == ("stale", None))
    assert "is no number" in str(status()[second]["detail"])
    engines[0].report = "TEXT named_metrics.num_requests_waiting=500000"
    engines[1].report = 'JSON {"named_metrics": {"num_requests_waiting": 0}}'
    url = f"{running.base_url}/told"
    answers = [requests.get(url, timeout=5) for _ in range(60)]  # of which each worker has had some
    assert {one.text for one in answers[-20:]} == {"b"} and {one.text for one in answers} == {"a", "b"}
    assert not any("load-metrics" in name for one in answers for name in one.headers)
