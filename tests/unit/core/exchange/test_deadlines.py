"""What a passed deadline means, for every phase."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.exchange.deadlines import ANSWER, CONNECTION, HOOKS, STREAM, overdue
from fastgw.errors import RETRY_ALWAYS, RETRY_NEVER, InternalError


def exchange(**changes: Any) -> Any:
    route = SimpleNamespace(timeout=5.0, answer_timeout=120.0)
    body = SimpleNamespace(is_done=True)
    endpoint = SimpleNamespace(addresses=SimpleNamespace(places=("10.0.0.1",)), pool=SimpleNamespace(shortage=None))
    known = {"route": route, "body": body, "last": 0.0, "phase": ANSWER, "waiting": None, "carrier": None}
    return SimpleNamespace(**(known | {"endpoint": endpoint} | changes))


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
