"""A gateway in front of three members that are reached through proxies which damage what passes."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import KINDS, ChaosProxy
from tests.conftest import GatewayFactory, ServiceFactory
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.upstream import Connection, Received, response

pytestmark = pytest.mark.integration

LATE = 4.0  #: seconds after which an answer, or its end, is late: those of the route and a quarter of one
CONFIG = """
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
listeners: [{{name: edge, address: "127.0.0.1:$port"}}]
routes: [{{path: /*, service: main, timeout: 3s, answer_timeout: 1s, stream_idle_timeout: 1s}}]
services:
  main:
    endpoints: [{endpoints}]
    pool: {{connect_timeout: 500ms}}
"""
WHOLE, CUT, REFUSED = "whole", "cut", "refused"
#: What stands in an answer before its body is damaged: so an answer of which a proxy has turned a byte is never taken for a good one.
IN_THE_STATUS = range(12)


def script(request: Received, connection: Connection) -> None:
    """An answer of some size that says itself whether it is whole."""
    body = request.target * 200
    connection.send(response(body, fields=[("x-digest", hashlib.sha256(body).hexdigest())]))


@pytest.fixture
def proxies(service: ServiceFactory) -> Iterator[list[ChaosProxy]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(ChaosProxy(("127.0.0.1", service(script).port))) for _ in range(3)]


def started(gateway: GatewayFactory, proxies: list[ChaosProxy]) -> GatewayProcess:
    return gateway(CONFIG.format(endpoints=", ".join(f'"{one.address}"' for one in proxies)))


def ask(running: GatewayProcess, target: str, method: str = "GET") -> str:
    """What became of a request: whole, cut so that it can be seen, or refused with an error of the gateway; nothing else may be."""
    began = time.monotonic()
    client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=LATE + 2)
    try:
        client.request(method, target, body=b"x" * 100 if method == "POST" else None)
        answer = client.getresponse()
        body = answer.read()
    except (http.client.IncompleteRead, ConnectionResetError, http.client.RemoteDisconnected):
        return CUT
    finally:
        client.close()
        assert time.monotonic() - began < LATE
    if answer.status == 200:
        assert hashlib.sha256(body).hexdigest() == answer.headers["x-digest"]
        return WHOLE
    assert answer.status in (502, 503, 504)
    assert answer.headers["content-type"] == "application/problem+json"
    return REFUSED


def is_at_rest(running: GatewayProcess) -> bool:
    """Nothing waits, and nothing is under way."""
    page = running.admin("/metrics")
    names = ("fastgw_endpoint_active", "fastgw_endpoint_waiting", "fastgw_exchanges_open", "fastgw_body_bytes")
    values = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(names)]
    assert values
    return all(float(value) == 0 for value in values)


def test_one_member_that_fails_is_not_noticed(gateway: GatewayFactory, proxies: list[ChaosProxy]) -> None:
    running = started(gateway, proxies)
    for kind in ("refuse", "cut", "truncate", "reset"):
        wait_until(
            lambda: [ask(running, f"/{place}") for place in range(6)] == [WHOLE] * 6, what="connections are kept"
        )
        proxies[0].order(kind)
        assert [ask(running, f"/{place}") for place in range(12)] == [WHOLE] * 12, kind
        proxies[0].heal()
    wait_until(lambda: is_at_rest(running), what="everything is at rest")


def test_an_answer_of_which_a_byte_was_turned_is_none(gateway: GatewayFactory, proxies: list[ChaosProxy]) -> None:
    running = started(gateway, proxies[:1])
    for place in IN_THE_STATUS:
        proxies[0].order("corrupt", after=place)
        assert ask(running, f"/{place}") == REFUSED  # and the connection is closed, so the order holds for another one
        proxies[0].heal()
        assert ask(running, f"/{place}") == WHOLE


@pytest.mark.long
@pytest.mark.timeout(180)
def test_whatever_fails_everybody_is_answered_in_time(gateway: GatewayFactory, proxies: list[ChaosProxy]) -> None:
    running = started(gateway, proxies)
    chance = random.Random(7)
    seen: Counter[str] = Counter()
    problems: list[BaseException] = []
    end = time.monotonic() + 30

    def client(place: int) -> None:
        number = 0
        try:
            while time.monotonic() < end and not problems:
                number += 1
                seen[ask(running, f"/{place}-{number}", "POST" if number % 5 == 0 else "GET")] += 1
        except BaseException as error:  # told by the thread that asserts
            problems.append(error)

    def await_more(goal: int) -> None:
        wait_until(lambda: seen.total() >= goal or problems or time.monotonic() > end, limit=60)

    threads = [threading.Thread(target=client, args=(place,)) for place in range(8)]
    for one in threads:
        one.start()
    while time.monotonic() < end and not problems:
        proxy = chance.choice(proxies)
        kind = chance.choice(KINDS)
        after = chance.choice(IN_THE_STATUS) if kind == "corrupt" else chance.choice((0, 10, 200, 1000))
        proxy.order(kind, after=after, seconds=chance.choice((0.05, 0.5, 2.0)))
        await_more(seen.total() + chance.randrange(1, 20))
        if chance.random() < 0.7:
            proxy.heal()
    for one in threads:
        one.join()
    assert not problems
    assert seen[WHOLE] > 100
    for proxy in proxies:
        proxy.heal()
    wait_until(lambda: {ask(running, f"/{place}") for place in range(9)} == {WHOLE}, what="all is well again")
    wait_until(lambda: is_at_rest(running), what="everything is at rest")
