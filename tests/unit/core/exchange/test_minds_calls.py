"""Answers to calls that say nothing but a code: asked for again where that may help, and judged as what they are."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.grpc import judge
from fastgw.testing.edge import Edge, head_of, statuses
from tests.support.retried import PLENTY, refused, retried

BODY = b"\0\0\0\0\2ab"
CALL = b"POST /a.B/Do HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc\r\nContent-Length: 7\r\n\r\n" + BODY
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: 0\r\n\r\n"


def told(code: int, more: bytes = b"") -> bytes:
    """An answer that is a head alone."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\ngrpc-status: %d\r\n%b\r\n" % (
        code,
        more,
    )


def made(**retry: Any) -> Edge:
    options = {
        "on": (),
        "grpc_statuses": ("UNAVAILABLE",),
        "methods": ("POST",),
        "attempts": 2,
        "budget": PLENTY,
        **retry,
    }
    return Edge(endpoints=2, service=options)


@pytest.mark.parametrize(
    ("codes", "code", "is_retried"),
    [
        (("UNAVAILABLE",), 14, True),
        (("UNAVAILABLE",), 13, False),
        (("INTERNAL", "ABORTED"), 10, True),
        (("UNAVAILABLE",), 0, False),
        (("UNKNOWN",), 99, True),  # which is what a code is that nobody knows
    ],
)
def test_a_listed_code_is_asked_of_another(codes: tuple[str, ...], code: int, *, is_retried: bool) -> None:
    edge = made(grpc_statuses=codes)
    client, service = edge.pair(CALL)
    service.feed(told(code))
    if is_retried:
        again = edge.connect(port=9001)
        assert again.take().endswith(BODY)
        again.feed(OK)
    answer = client.take()
    assert statuses(answer) == [200] and (b"grpc-status: %d\r\n" % (0 if is_retried else code)) in answer
    assert retried(edge) == ({"status": 1} if is_retried else {})
    edge.end()


def test_where_messages_may_have_come_the_answer_passes() -> None:
    edge = made()
    client, service = edge.pair(CALL)
    service.feed(OK.replace(b"grpc-status: 0", b"grpc-status: 14"))
    assert b"grpc-status: 14\r\n" in client.take()
    assert retried(edge) == {}
    edge.end()


def test_a_call_is_a_post_which_has_to_be_listed() -> None:
    edge = made(methods=())
    client, service = edge.pair(CALL)
    service.feed(told(14))
    assert b"grpc-status: 14\r\n" in client.take() and retried(edge) == {}
    edge.end()


def test_the_last_answer_says_that_asking_again_is_of_no_use() -> None:
    edge = made()
    client, service = edge.pair(CALL)
    service.feed(told(14))
    edge.connect(port=9001).feed(told(14, b"grpc-retry-pushback-ms: 5\r\n"))
    head = head_of(client.take())
    assert b"grpc-retry-pushback-ms: -1\r\n" in head and head.count(b"pushback") == 1 and b"x-should-retry" not in head
    edge.end()


@pytest.mark.parametrize("said", [b"-1", b"soon", b"1.5", b"", b"99999999999999"])
def test_a_service_may_say_that_it_shall_not_be_asked_again(said: bytes) -> None:
    edge = made()
    client, service = edge.pair(CALL)
    service.feed(told(14, b"grpc-retry-pushback-ms: " + said + b"\r\n"))
    assert b"grpc-status: 14\r\n" in client.take()
    assert retried(edge) == {} and refused(edge) == {"retry_after": 1}
    edge.end()


def test_or_when_to_ask() -> None:
    edge = made(max_retry_after=2.0)
    client, service = edge.pair(CALL)
    service.feed(told(14, b"grpc-retry-pushback-ms: 700\r\n"))
    edge.loop.advance(0.6)
    assert not edge.attempts
    edge.loop.advance(0.2)
    edge.connect(port=9001).feed(OK)
    assert b"grpc-status: 0\r\n" in client.take()
    edge.end()


def test_or_to_wait_longer_than_anybody_does_here() -> None:
    edge = made(max_retry_after=0.5)
    client, service = edge.pair(CALL)
    service.feed(told(14, b"grpc-retry-pushback-ms: 700\r\n"))
    assert b"grpc-status: 14\r\n" in client.take() and refused(edge) == {"retry_after": 1}
    edge.end()


# --- what judges are told


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (told(0), 200),
        (told(5), 200),
        (told(8), 200),
        (told(2), 500),
        (told(4), 504),
        (told(13), 500),
        (told(14), 503),
        (told(15), 500),
        (OK, 200),
        (told(14).replace(b"200 OK", b"429 OK"), 429),
    ],
)
def test_a_fault_of_the_service_counts_as_one(answer: bytes, outcome: int) -> None:
    settled: list[Any] = []

    class Judge:
        def settle(self, endpoint: Any, outcome: Any, seconds: float) -> None:
            settled.append(outcome)

    edge = Edge()
    edge.service.minds = (judge,)
    edge.service.judge = edge.service.members.judge = Judge()
    client, service = edge.pair(CALL)
    service.feed(answer)
    assert statuses(client.take()) == [429 if outcome == 429 else 200]
    assert settled == [outcome]
    edge.end()
