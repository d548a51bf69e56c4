"""Answers given before the request was read: whatever the split, no byte behind is lost or misread on a connection that goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.testing.edge import Spy, statuses
from tests.fuzz.stage import GET, Stage, Told, pieces_of
from tests.fuzz.test_split import asked, splits

NEXT = b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n"
LENGTH = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
CHUNKS = (
    b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n"
)
BODIES = {"length": LENGTH, "chunked": CHUNKED, "chunks": CHUNKS}
FOLLOWERS: dict[str, tuple[bytes, ...]] = {
    "alone": (),
    "get": (NEXT,),
    "two": (NEXT, GET),
    "post": (LENGTH, NEXT),
    "junk": (b"hello\r\n\r\n",),
}


async def _after_a_turn(outcome: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _refusing(outcome: Any, *, waits: bool) -> Spy:
    """A filter that answers every POST."""

    def act(exchange: Any) -> Any:
        if exchange.request.method != b"POST":
            return None
        if waits:
            return _after_a_turn(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Spy("refusing", [], request=act)


def _waiting(hook: str) -> Spy:
    return Spy("waiting", [], **{hook: lambda exchange: _after_a_turn(None)})


EARLY: dict[str, Any] = {
    "reply": lambda: Stage(_refusing(Reply(401, b"{}"), waits=False)),
    "late-reply": lambda: Stage(_refusing(Reply(401, b"{}"), waits=True)),
    "error": lambda: Stage(_refusing(DownstreamError(429, "too_many", "slow down"), waits=False)),
    "late-error": lambda: Stage(_refusing(DownstreamError(429, "too_many", "slow down"), waits=True)),
    "no-route": lambda: Stage(path="/next"),
    "413-after-a-hook": lambda: Stage(_waiting("request"), max_body=4),
    "413-before-a-hook": lambda: Stage(_waiting("response"), max_body=4),
}


@pytest.fixture(scope="module", params=list(EARLY))
def early(request: pytest.FixtureRequest) -> Stage:
    stage: Stage = EARLY[request.param]()
    return stage


@pytest.fixture(scope="module")
def small() -> Stage:
    """One that takes bodies of up to four bytes."""
    return Stage(max_body=4)


def told_of(told: Told) -> tuple[list[int], list[tuple[bytes, ...]]]:
    """The statuses the client got, and the requests that reached a service whole."""
    assert not any(reading.problem for reading in told.services), told.services
    return statuses(told.client), [one.start for one in told.requests]


@pytest.mark.parametrize("follower", FOLLOWERS)
@pytest.mark.parametrize("body", BODIES)
def test_a_body_over_the_limit_has_one_answer_at_every_split(small: Stage, body: str, follower: str) -> None:
    data = BODIES[body] + b"".join(FOLLOWERS[follower])
    for pieces in [[data], *splits(data)]:
        told = small.ask(pieces)
        assert told_of(told) == ([413], []), pieces
        assert told.is_closed, pieces


def test_a_body_over_the_limit_has_one_answer_at_every_two_splits(small: Stage) -> None:
    data = CHUNKED + NEXT
    start = data.index(b"\r\n\r\n") + 2
    for first in range(start, len(data)):
        for second in range(first + 1, len(data)):
            told = small.ask(pieces_of(data, first, second))
            assert (told_of(told), told.is_closed) == (([413], []), True), (first, second)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_of_just_the_limit_is_served_and_so_is_the_next_request(body: str) -> None:
    stage = Stage(max_body=5)
    data = BODIES[body] + NEXT
    whole = asked(stage.ask([data]))
    assert told_of(stage.ask([data])) == ([200, 200], [(b"POST", b"/"), (b"GET", b"/next")])
    for pieces in splits(data):
        assert asked(stage.ask(pieces)) == whole, pieces


@pytest.mark.parametrize("follower", FOLLOWERS)
@pytest.mark.parametrize("body", BODIES)
def test_an_early_answer_drops_nothing_or_ends_the_connection(early: Stage, body: str, follower: str) -> None:
    """How much of a body has come when the answer is given is for the network to say, and so it is whether the connection goes on.
    What must not happen is that it goes on and something behind is lost, or read as what it is not."""
    messages = (BODIES[body], *FOLLOWERS[follower])
    apart = [told_of(early.ask([message])) for message in messages]
    statuses_apart = [status for answer in apart for status in answer[0]]
    reached_apart = [start for answer in apart for start in answer[1]]
    data = b"".join(messages)
    for pieces in [[data], *splits(data)]:
        told = early.ask(pieces)
        got, reached = told_of(told)
        assert got == statuses_apart[: len(got)], pieces
        assert reached == reached_apart[: len(reached)], pieces
        assert len(got) == len(statuses_apart) or (got and told.is_closed), pieces
