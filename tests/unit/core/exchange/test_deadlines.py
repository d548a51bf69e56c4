"""What a passed deadline means, for every phase."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.exchange.deadlines import ANSWER, CONNECTION, HOOKS, STREAM, answer_within, last, overdue, seconds
from fastgw.errors import RETRY_ALWAYS, RETRY_NEVER, InternalError, UpstreamError


def exchange(**changes: Any) -> Any:
    route = SimpleNamespace(timeout=5.0, answer_timeout=120.0)
    body = SimpleNamespace(is_done=True)
    endpoint = SimpleNamespace(addresses=SimpleNamespace(places=("10.0.0.1",)), pool=SimpleNamespace(shortage=None))
    known = {"route": route, "body": body, "last": 0.0, "phase": ANSWER, "waiting": None, "carrier": None}
    known["started"] = 4.0
    service = SimpleNamespace(settings=SimpleNamespace(retry=SimpleNamespace(try_timeout=0.0), streams=None))
    known |= {"tried": (), "first_error": None, "outward": None, "notes": None}
    known |= {"endpoint": endpoint, "service": service, "request": SimpleNamespace(timeout=b"")}
    return SimpleNamespace(**(known | changes))


WAITING = SimpleNamespace(is_done=False)
FULL = SimpleNamespace(is_paused=True)
READY = SimpleNamespace(is_paused=False)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"last": 9.0, "phase": STREAM}, 504, "timeout"),
        ({"phase": CONNECTION}, 503, "pending_timeout"),
        ({"phase": STREAM}, 504, "stream_idle_timeout"),
        ({"phase": HOOKS, "waiting": object()}, 504, "filter_timeout"),
        ({}, 504, "answer_timeout"),
        ({"body": WAITING, "carrier": FULL}, 504, "answer_timeout"),
        ({"body": WAITING, "carrier": READY}, 408, "body_timeout"),
        ({"body": WAITING}, 408, "body_timeout"),
        ({"last": 11.0}, 504, "answer_timeout"),
    ],
)
def test_meaning(changes: dict[str, Any], status: int, code: str) -> None:
    error = overdue(exchange(**changes), 10.0)
    assert (error.status, error.code) == (status, code)


@pytest.mark.parametrize(
    ("route", "peer", "expected"),
    [
        (5.0, b"", 5.0),
        (5.0, b"250", 0.25),
        (5.0, b"60000", 5.0),
        (0.0, b"60000", 60.0),
        (0.0, b"", 0.0),
        *(
            (5.0, garbage, 5.0)
            for garbage in (b"0", b"-1", b"1.5", b"1s", b" 7", b"1, 2", b"9" * 11, "\u0663".encode())
        ),
    ],
)
def test_the_time_of_an_exchange_is_the_least_that_anybody_says(route: float, peer: bytes, expected: float) -> None:
    asked = exchange(route=SimpleNamespace(timeout=route), request=SimpleNamespace(timeout=peer), started=10.0)
    assert seconds(asked) == expected
    assert last(asked) == (10.0 + expected if expected else 0.0)


@pytest.mark.parametrize(
    ("route", "tried", "expected"), [(5.0, 0.0, 5.0), (5.0, 2.0, 2.0), (1.0, 2.0, 1.0), (0.0, 2.0, 2.0)]
)
def test_the_time_of_a_try(route: float, tried: float, expected: float) -> None:
    service = SimpleNamespace(settings=SimpleNamespace(retry=SimpleNamespace(try_timeout=tried), streams=None))
    asked = exchange(route=SimpleNamespace(answer_timeout=route, timeout=0.0), service=service)
    assert answer_within(asked) == expected
    assert overdue(asked, 1.0).detail == f"the service did not answer within {expected:g} s"


def test_what_the_time_was_needed_for_is_told() -> None:
    reset = UpstreamError(502, "upstream_reset", "cut", retry=RETRY_ALWAYS)
    assert overdue(exchange(last=9.0), 10.0).detail == "the exchange took longer than 5 s"
    known = exchange(last=9.0, waiting=object(), tried=("one",), first_error=reset)
    assert overdue(known, 10.0).detail.endswith("5 s; 1 try had failed before, the first with upstream_reset")
    known = exchange(last=9.0, tried=("one", "two"))
    assert overdue(known, 10.0).detail.endswith(
        "; 2 tries had failed before, the first by a status that is asked again for"
    )


def test_whose_fault_it_is() -> None:
    assert overdue(exchange(phase=HOOKS, waiting=object()), 10.0).fault == "internal"
    assert overdue(exchange(), 10.0).fault == "upstream"
    assert overdue(exchange(body=WAITING), 10.0).fault == "downstream"


def test_who_waited_for_a_connection_that_we_could_not_open_is_told_so() -> None:
    shortage = InternalError(503, "no_resources", "no room")
    addresses = SimpleNamespace(places=("10.0.0.1",))
    endpoint = SimpleNamespace(pool=SimpleNamespace(shortage=shortage), addresses=addresses)
    assert overdue(exchange(phase=CONNECTION, endpoint=endpoint), 10.0) is shortage


def test_only_what_never_left_may_be_sent_elsewhere() -> None:
    assert overdue(exchange(phase=CONNECTION), 10.0).retry == RETRY_ALWAYS
    assert overdue(exchange(), 10.0).retry == RETRY_NEVER
