"""Limits of models over two workers, a reload, and two gateways with a real Redis: what was charged is what the service has counted."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from threading import Lock

import pytest

from tests.integration.processes import Gateway, Service, connect, read_answer, reload
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.inference import answer, asks
from tests.support.redis import RedisServer
from tests.support.upstream import Connection, Received

pytestmark = pytest.mark.integration

PROMPT = b'{"model":"m","max_tokens":20,"messages":[{"role":"user","content":"Hello there"}]}'
RESERVED = len(PROMPT) // 4 + 1 + 20


class Counting:
    """A model server that counts what it has told."""

    def __init__(self) -> None:
        self.told = 0
        self._sizes = itertools.cycle((3, 11, 20, 7))
        self._lock = Lock()

    def __call__(self, request: Received, connection: Connection) -> None:
        with self._lock:
            completion = next(self._sizes)
            self.told += 15 + completion
        usage = {"prompt_tokens": 15, "completion_tokens": completion, "total_tokens": 15 + completion}
        connection.send(answer({"model": "m", "usage": usage}))


def config(address: str, rate: str, more: str = "", workers: int = 2) -> str:
    return f"""
workers: {workers}
admin: {{address: "127.0.0.1:$admin"}}
listeners: [{{name: edge, address: "127.0.0.1:$port"}}]
routes: [{{path: /v1/*, models: true, filters: [limit, usage]}}]
services: {{llm: {{endpoints: ["{address}"]}}}}
models: {{m: {{service: llm}}, other: m}}
filters:
  limit:
    type: token_limit
    limits: [{{rate: {rate}, per: model}}]
{more}"""


def ask(gateway: GatewayProcess, body: bytes = PROMPT) -> bytes:
    with connect(gateway.port) as sock:
        sock.sendall(asks(body))
        return read_answer(sock)


def charged(gateway: GatewayProcess) -> dict[str, int]:
    [found] = gateway.admin("/status")["filters"]["limit"]["limits"].values()
    return dict(found)


def test_workers_charge_what_the_service_has_counted(gateway: Gateway, service: Service) -> None:
    counting = Counting()
    text = config(service(counting).address, "1000/d")
    running = gateway(text)
    answers = [ask(running) for _ in range(20)]
    reload(running, text)  # whose filter goes on with the same bucket
    while answers[-1].startswith(b"HTTP/1.1 200"):
        answers.append(ask(running, PROMPT.replace(b'"m"', b'"other"')))
    assert 1000 - RESERVED < counting.told <= 1000
    document = json.loads(answers[-1].partition(b"\r\n\r\n")[2])
    assert document["error"]["type"] == "rate_limit_error" and document["error"]["code"] == "rate_limit_exceeded"
    assert b"x-should-retry: false" in answers[-1].lower()
    wait_until(lambda: charged(running)["charged"] == counting.told, what="all of it is settled")
    assert charged(running) == {
        "refused": 1,
        "too_large": 0,
        "reserved": RESERVED * (len(answers) - 1),
        "charged": counting.told,
        "cut": 0,
    }
    large = ask(running, PROMPT.replace(b"20", b"990"))
    assert large.startswith(b"HTTP/1.1 400") and b'"request_over_limit"' in large


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    pytest.importorskip("hiredis", reason="needs the package hiredis: pip install 'fastgw[redis]'")
    made = RedisServer().start()
    yield made
    made.close()


@pytest.mark.needs("redis-server")
@pytest.mark.long
@pytest.mark.parametrize("time_of", ["d", "month"])
def test_gateways_share_a_budget_within_the_bound(
    gateway: Gateway, service: Service, redis: RedisServer, time_of: str
) -> None:
    budget, block = 6000, 200
    counting = Counting()
    cluster = f'    cluster: {{redis: "{redis.url}"}}\n'
    text = config(service(counting).address, f"{budget}/{time_of}, block: {block}", cluster, workers=1)
    both = (gateway(text), gateway(text))
    for one in both:
        wait_until(lambda one=one: next(iter(one.admin("/status")["redis"].values()))["up"], what="Redis is there")
    deadline = time.monotonic() + 60
    while counting.told < budget - 2 * block - RESERVED and time.monotonic() < deadline:
        for one in both:
            ask(one)
    for one in both * 50:
        ask(one)
    assert budget - 2 * block - RESERVED <= counting.told <= budget + 2 * 2 * block
    wait_until(lambda: sum(charged(one)["charged"] for one in both) == counting.told, what="all of it is settled")
