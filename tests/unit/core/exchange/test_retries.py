"""Sending again what was sent: when, and how often."""

from __future__ import annotations

import json

import pytest

from fastgw.core.exchange.retries import asked_to_wait
from fastgw.core.settings import BackoffSettings, BudgetSettings
from fastgw.testing.edge import DATE, GET, OK, body_of, statuses
from tests.support.retried import BUSY, PUT, made, refused, retried

# --- when


def test_it_waits_a_part_by_chance_of_a_time_that_doubles() -> None:
    edge = made(endpoints=4, attempts=4, backoff=BackoffSettings(0.1, 0.3))
    edge.chance = 0.5
    client, service = edge.pair()
    for longest in (0.1, 0.2, 0.3):
        service.feed(BUSY)
        edge.loop.advance(longest / 2 - 0.001)
        assert not edge.attempts
        edge.loop.advance(0.002)
        service = edge.connect()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_client_that_leaves_meanwhile_ends_it() -> None:
    edge = made(backoff=BackoffSettings(0.1, 0.3))
    edge.chance = 0.5
    client, service = edge.pair(PUT + b"hello")
    service.feed(BUSY)
    client.lose()
    edge.run()
    edge.check()
    edge.loop.advance(1.0)
    assert not edge.attempts and edge.plane.body_bytes == 0
    edge.end()


def test_a_worker_that_ends_meanwhile_leaves_no_timer() -> None:
    edge = made(backoff=BackoffSettings(0.1, 0.3))
    edge.chance = 0.5
    _, service = edge.pair()
    service.feed(BUSY)
    edge.end()


def test_it_waits_as_long_as_the_service_asks() -> None:
    edge = made(max_retry_after=2.0)
    client, service = edge.pair()
    service.feed(BUSY.replace(b"Content", b"Retry-After: 2\r\nContent"))
    edge.loop.advance(1.9)
    assert not edge.attempts
    edge.loop.advance(0.2)
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_an_answer_that_asks_for_longer_passes() -> None:
    edge = made(max_retry_after=1.0)
    client, service = edge.pair()
    service.feed(BUSY.replace(b"Content", b"Retry-After: 2\r\nContent"))
    assert statuses(client.take()) == [503] and refused(edge) == {"retry_after": 1}
    edge.end()


def test_nothing_is_sent_again_that_would_be_too_late() -> None:
    edge = made(route={"timeout": 1.0}, max_retry_after=5.0)
    client, service = edge.pair()
    service.feed(BUSY.replace(b"Content", b"Retry-After: 2\r\nContent"))
    assert statuses(client.take()) == [503] and refused(edge) == {"time": 1}
    edge.end()


def test_the_whole_deadline_holds_while_it_waits() -> None:
    edge = made(route={"timeout": 1.0}, max_retry_after=5.0)
    client, service = edge.pair()
    service.feed(BUSY.replace(b"Content", b"Retry-After-Ms: 900\r\nContent"))
    edge.loop.advance(0.95)
    again = edge.connect(port=9001)
    edge.loop.advance(0.5)
    assert statuses(client.take()) == [504] and again.is_lost
    edge.end()


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (b"", 0.0),
        (b"Retry-After: 7\r\n", 7.0),
        (b"Retry-After: soon\r\n", 0.0),
        (b"Retry-After: -1\r\n", 0.0),
        (b"Retry-After: 1, 2\r\n", 0.0),
        (b"Retry-After: \r\n", 0.0),
        (b"Retry-After: " + b"9" * 400 + b"\r\n", 999999999999.0),
        (b"Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n", 10.0),
        (b"Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\nDate: Sun, 06 Nov 1994 08:49:44 GMT\r\n", 3.0),
        (b"Retry-After: Sun, 06 Nov 1993 08:49:47 GMT\r\n", 0.0),
        (b"Retry-After: 7\r\nRetry-After-Ms: 250\r\n", 0.25),
        (b"Retry-After: 7\r\nRetry-After-Ms: x\r\n", 7.0),
    ],
)
def test_what_an_answer_asks_for(fields: bytes, seconds: float) -> None:
    assert asked_to_wait(b"HTTP/1.1 503 Busy\r\n" + fields + b"\r\n", DATE) == seconds


# --- how often


def test_another_member_is_asked_each_time() -> None:
    edge = made(endpoints=3, attempts=3)
    client, service = edge.pair()
    service.feed(BUSY)
    ports = [9000]
    for _ in range(2):
        ports.append(edge.attempts[0].target["port"])
        edge.connect().feed(BUSY)
    assert statuses(client.take()) == [503] and sorted(ports) == [9000, 9001, 9002]
    edge.end()


def test_the_only_member_may_be_asked_again_after_an_answer() -> None:
    edge = made(endpoints=1)
    client, service = edge.pair()
    service.take()
    service.feed(BUSY)
    assert service.take().startswith(b"GET / ")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_budget_bounds_them_and_the_rest_passes_untouched() -> None:
    edge = made(endpoints=1, budget=BudgetSettings(0.25, 0))
    client, service = edge.pair()
    service.feed(OK)
    for _ in range(8):
        client.feed(GET)
        service.feed(OK)
    client.take()
    seen = []
    for _ in range(4):
        client.feed(GET)
        service.take()
        service.feed(BUSY)
        if b"GET" in service.take():
            service.feed(OK)
        answer = client.take()
        assert b"x-should-retry" not in answer
        seen += statuses(answer)
    assert seen == [200, 200, 503, 200]  # a fourth of what came after the first
    assert retried(edge) == {"status": 3} and refused(edge) == {"budget": 1}
    edge.end()


def asking_again(count: bytes) -> bytes:
    return GET[:-2] + b"X-Stainless-Retry-Count: " + count + b"\r\n\r\n"


@pytest.mark.parametrize(("count", "seen"), [(b"0", 200), (b"x", 200), (b"1", 503), (b"2", 503)])
def test_what_clients_send_again_is_taken_from_it(count: bytes, seen: int) -> None:
    edge = made(endpoints=1, budget=BudgetSettings(0.25, 0))
    client, service = edge.pair()
    service.feed(OK)
    for _ in range(8):  # room for two
        client.feed(GET)
        service.feed(OK)
    for _ in range(5):  # answered well, and more than there is room for: that is not owed afterwards
        client.feed(asking_again(count))
        service.feed(OK)
    client.take()
    service.take()
    client.feed(GET)
    service.feed(BUSY)
    if seen == 200:
        service.feed(OK)
    assert statuses(client.take()) == [seen]
    edge.end()


def test_also_where_no_answer_has_come() -> None:
    left = []
    for count in (b"0", b"1"):
        edge = made(on=("connect", "reset"), budget=BudgetSettings(0.5, 0))
        for _ in range(12):
            client, service = edge.client(asking_again(count)), edge.connect()
            service.feed_eof()
            edge.run()
            if edge.attempts:
                other = edge.connect()
                other.feed(OK)
                other.feed_eof()
                edge.run()
            assert len(statuses(client.take())) == 1
        left.append(refused(edge)["budget"])
        edge.end()
    assert left[1] > left[0]


def test_a_floor_is_left_where_few_requests_come() -> None:
    edge = made(endpoints=1, budget=BudgetSettings(0.0, 2))
    client, service = edge.pair()
    service.feed(OK)
    client.take()

    def fails() -> list[int]:
        client.feed(GET)
        service.take()
        service.feed(BUSY)
        if b"GET" in service.take():
            service.feed(OK)
        return statuses(client.take())

    assert [fails() for _ in range(4)] == [[200], [200], [503], [503]]
    edge.loop.advance(0.6)
    assert [fails() for _ in range(2)] == [[200], [503]]  # two a second
    edge.end()


def test_without_a_budget_there_is_no_bound() -> None:
    edge = made(endpoints=1, budget=None)
    client, service = edge.pair()
    for _ in range(30):
        service.feed(BUSY)
        service.feed(OK)
        client.feed(GET)
    assert retried(edge) == {"status": 30} and refused(edge) == {}
    edge.end()


# --- time-outs


def test_a_time_out_is_asked_of_another_where_the_service_says_so() -> None:
    edge = made(on=("timeout",), route={"answer_timeout": 2.0})
    client, slow = edge.pair()
    edge.loop.advance(2.5)
    assert slow.is_lost
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    assert retried(edge) == {"timeout": 1}
    edge.end()


def test_a_time_out_is_told_otherwise() -> None:
    edge = made(on=("reset", "503"), route={"answer_timeout": 2.0})
    client, _ = edge.pair()
    edge.loop.advance(2.5)
    answer = client.take()
    assert statuses(answer) == [504]
    assert json.loads(body_of(answer))["detail"] == "the service did not answer within 2 s"
    edge.end()
