"""Walking the filters: who is asked, in which order, and what an answer, a failure or a wait makes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Gate, Spy, head_of, new_loop, statuses

ALL = ["a.request", "b.request", "c.request", "c.response", "b.response", "a.response", "c.done", "b.done", "a.done"]


def raising(error: Exception) -> Any:
    def hook(exchange: Any) -> None:
        raise error

    return hook


def three(journal: list[str], **acts: Any) -> list[Spy]:
    """Filters a, b, c; ``acts`` go to b."""
    return [Spy("a", journal), Spy("b", journal, **acts), Spy("c", journal)]


def test_hooks_leave_in_reverse() -> None:
    journal: list[str] = []
    edge = Edge(filters=three(journal))
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert journal == ALL
    edge.end()


def test_hooks_leave_for_exactly_those_entered_when_one_replies() -> None:
    journal: list[str] = []
    edge = Edge(filters=three(journal, request=lambda exchange: Reply(403, b"{}")))
    client = edge.client(GET)
    assert statuses(client.take()) == [403]
    assert journal == ["a.request", "b.request", "b.response", "a.response", "b.done", "a.done"]
    assert not edge.attempts
    edge.end()


@pytest.mark.parametrize(
    ("error", "status", "fault"),
    [
        (DownstreamError(429, "too_many", "slow down"), 429, counters.ROUTE_FAULT_DOWNSTREAM),
        (ValueError("a bug"), 500, counters.ROUTE_FAULT_INTERNAL),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_hooks_leave_for_exactly_those_entered_when_one_fails(
    error: Exception, status: int, fault: int, waits: bool
) -> None:
    journal: list[str] = []
    loop = new_loop()
    gate = Gate(loop, error)
    edge = Edge(filters=three(journal, request=gate if waits else raising(error)), loop=loop)
    client = edge.client(GET)
    gate.open()
    assert statuses(client.take()) == [status]
    assert journal == ["a.request", "b.request", "b.response", "a.response", "b.done", "a.done"]
    assert edge.of_route(fault) == 1
    assert edge.errors == ([error] if status == 500 else [])
    edge.end()


def test_awaitable_request_hook_suspends_the_exchange() -> None:
    journal: list[str] = []
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=three(journal, request=gate), loop=loop)
    client = edge.client(GET)
    assert journal == ["a.request", "b.request"]
    assert not edge.attempts
    gate.open()
    service = edge.connect()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert journal == ALL
    edge.end()


def test_awaitable_request_hook_may_reply() -> None:
    journal: list[str] = []
    loop = new_loop()
    gate = Gate(loop, Reply(401))
    edge = Edge(filters=three(journal, request=gate), loop=loop)
    client = edge.client(GET)
    gate.open()
    assert statuses(client.take()) == [401]
    assert journal == ["a.request", "b.request", "b.response", "a.response", "b.done", "a.done"]
    edge.end()


def test_client_gone_while_suspended_cancels_the_hook() -> None:
    journal: list[str] = []
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=three(journal, request=gate), loop=loop)
    client = edge.client(GET)
    client.lose()
    assert journal == ["a.request", "b.request", "b.done", "a.done"]
    edge.run()
    assert gate.waiting[0].cancelled()
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    edge.end()


def test_client_gone_in_the_tick_the_hook_suspends() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    edge = Edge(filters=[Spy("a", [], request=lambda exchange: wait())])
    client = edge.client()
    client.feed(GET)
    client.lose()
    edge.end()


@pytest.mark.parametrize("hook", ["request", "response"])
def test_hook_that_outlives_its_exchange_changes_nothing(hook: str) -> None:
    """A hook that swallows its cancellation comes back when the exchange may already be somebody else's."""
    loop = new_loop()
    opened = loop.create_future()

    async def stubborn(exchange: Any) -> Reply | None:
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            await opened
        return Reply(418)

    edge = Edge(filters=[Spy("a", [], **{hook: stubborn})], loop=loop)
    first = edge.client(GET)
    if hook == "response":
        edge.connect().feed(OK)
        edge.run()
    first.lose()
    second = edge.client(b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
    opened.set_result(None)
    edge.run()
    assert b"418" not in second.take()
    edge.end()


def test_body_waits_while_a_request_hook_waits() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], request=gate)], loop=loop)
    client = edge.client(POST + b"he")
    client.feed(b"llo")
    client.feed(GET)
    gate.open()
    service = edge.connect()
    assert service.take().endswith(b"\r\n\r\nhello")
    service.feed(OK)
    gate.open()
    assert service.take().startswith(b"GET /")
    service.feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_client_is_held_when_much_of_its_body_waits() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], request=gate)], loop=loop)
    client = edge.client(CHUNKED)
    client.feed(b"10000\r\n" + b"x" * 65536)
    assert not client.is_reading()
    gate.open()
    service = edge.connect()
    assert client.is_reading()
    client.feed(b"\r\n0\r\n\r\n")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_response_hook_changes_the_head() -> None:
    def change(exchange: Any) -> None:
        exchange.response.set_status(203)
        exchange.response.add_header(b"x-by", b"hook")

    edge = Edge(filters=[Spy("a", [], response=change)])
    client, service = edge.pair()
    service.feed(OK)
    got = client.take()
    assert got.startswith(b"HTTP/1.1 203 Non-Authoritative Information\r\nContent-Length: 2\r\n")
    assert got.endswith(b"\r\nx-by: hook\r\n\r\nok")
    edge.end()


def test_response_hook_changes_the_status_of_a_reply() -> None:
    edge = Edge(
        filters=[
            Spy("a", [], response=lambda exchange: exchange.response.set_status(418)),
            Spy("b", [], request=lambda _: Reply(403, b"no")),
        ]
    )
    client = edge.client(GET)
    assert statuses(client.take()) == [418]
    edge.end()


def test_response_hook_cannot_take_the_body_of_an_answer_away() -> None:
    edge = Edge(filters=[Spy("a", [], response=lambda exchange: exchange.response.set_status(204))])
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [500]
    edge.end()


@pytest.mark.parametrize("waits", [False, True])
def test_failing_response_hook_answers_once_and_runs_once(waits: bool) -> None:
    journal: list[str] = []
    loop = new_loop()
    error = ValueError("a bug")
    gate = Gate(loop, error)
    edge = Edge(filters=three(journal, response=gate if waits else raising(error)), loop=loop)
    client, service = edge.pair()
    service.feed(OK)
    edge.run()
    gate.open()
    assert statuses(client.take()) == [500]
    assert journal == [one for one in ALL if one != "a.response"]
    assert edge.errors == [error]
    assert service.is_lost or service.is_closing()
    edge.end()


def test_failing_response_hook_of_a_reply() -> None:
    journal: list[str] = []
    edge = Edge(filters=[Spy("a", journal, request=lambda exchange: Reply(200), response=raising(ValueError("a bug")))])
    client = edge.client(GET)
    assert statuses(client.take()) == [500]
    assert journal == ["a.request", "a.response", "a.done"]
    edge.end()


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("closes", [False, True])
def test_awaitable_response_hook_holds_the_answer(answer: bytes, split: bool, closes: bool) -> None:
    """Also one that is complete, and whose service closes, before the hook lets go."""
    journal: list[str] = []
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=three(journal, response=gate), loop=loop)
    client, service = edge.pair()
    if split:
        end = answer.index(b"\r\n\r\n") + 4
        service.feed(answer[:end])
        if answer[end:]:
            service.feed(answer[end:])
    else:
        service.feed(answer)
    if closes:
        service.feed_eof()
    edge.run()
    assert client.take() == b""
    gate.open()
    edge.run()
    expected = b"ok" if b"ok" in answer else b""
    got = client.take()
    assert statuses(got) == [int(answer[9:12])]
    assert expected in got
    assert journal == ALL
    edge.end()


def test_answer_until_close_survives_a_waiting_hook() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], response=gate)], loop=loop)
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\n\r\nhel")
    service.feed(b"lo")
    service.feed_eof()
    edge.run()
    gate.open()
    edge.run()
    assert client.take().endswith(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
    edge.end()


def test_service_that_breaks_off_under_a_waiting_hook_is_an_error() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], response=gate)], loop=loop)
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
    service.lose(ConnectionResetError())
    edge.run()
    assert statuses(client.take()) == [502]
    gate.outcome = None
    edge.end()


def test_more_than_the_answer_under_a_waiting_hook_is_not_read_as_another() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], response=gate)], loop=loop)
    client, service = edge.pair()
    service.feed(OK)
    service.feed(OK)
    edge.run()
    gate.open()
    edge.run()
    assert statuses(client.take()) == [200]
    assert service.is_aborted
    edge.end()


def test_two_awaitable_response_hooks() -> None:
    journal: list[str] = []
    loop = new_loop()
    gates = [Gate(loop), Gate(loop)]
    edge = Edge(filters=[Spy("a", journal, response=gates[0]), Spy("b", journal, response=gates[1])], loop=loop)
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    edge.run()
    gates[1].open()
    assert client.take() == b""
    gates[0].open()
    assert client.take().endswith(b"ab")
    service.feed(b"cd")
    assert client.take() == b"cd"
    assert journal == ["a.request", "b.request", "b.response", "a.response", "b.done", "a.done"]
    edge.end()


def test_awaitable_response_hook_of_a_reply() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"{}"), response=gate)], loop=loop)
    client = edge.client(GET)
    assert client.take() == b""
    gate.open()
    assert statuses(client.take()) == [200]
    edge.end()


def test_client_gone_while_a_response_hook_waits() -> None:
    journal: list[str] = []
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", journal, response=gate)], loop=loop)
    client, service = edge.pair()
    service.feed(OK)
    edge.run()
    client.lose()
    assert service.is_aborted
    edge.run()
    assert gate.waiting[0].cancelled()
    assert journal == ["a.request", "a.response", "a.done"]
    edge.end()


def test_failing_done_hook_stops_nobody() -> None:
    journal: list[str] = []
    error = ValueError("a bug")
    edge = Edge(filters=three(journal, done=raising(error)))
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert journal == ALL
    assert edge.errors == [error]
    edge.end()


def test_head_of_a_suspended_exchange_is_whole() -> None:
    """The bytes that arrive while a hook waits are those of the body, whatever they look like."""
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], request=gate)], loop=loop)
    client = edge.client(POST)
    client.feed(b"GET /")
    gate.open()
    service = edge.connect()
    assert head_of(service.take()).startswith(b"post / http/1.1\r\n")
    edge.end()


@pytest.mark.parametrize("hook", ["request", "response"])
@pytest.mark.parametrize("error", [ValueError("a bug"), DownstreamError(400, "late", "too late")])
def test_hook_that_fails_after_its_exchange_changes_nothing(hook: str, error: Exception) -> None:
    loop = new_loop()

    async def stubborn(exchange: Any) -> None:
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            raise error from None

    edge = Edge(filters=[Spy("a", [], **{hook: stubborn})], loop=loop)
    client = edge.client(GET)
    if hook == "response":
        edge.connect().feed(OK)
        edge.run()
    client.lose()
    edge.run()
    assert not edge.errors
    edge.end()


def test_nothing_behind_a_malformed_body_is_read_while_the_reply_waits() -> None:
    """The framing is lost: no byte may complete the body, or begin another request."""
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], response=gate)], loop=loop)
    client, _ = edge.pair(CHUNKED + b"2\r\nhe\r\n")
    client.feed(b"z\r\n")
    client.feed(b"0\r\n\r\n" + GET)
    gate.open()
    got = client.take()
    assert statuses(got) == [400]
    assert b"connection: close\r\n" in head_of(got)
    assert edge.begun == 1
    edge.end()


def test_body_refused_at_once_goes_nowhere_while_a_response_hook_waits() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], response=gate)], loop=loop)
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    edge.run()
    assert edge.attempts == []  # no connection is opened for it
    assert edge.of_endpoint(counters.ENDPOINT_REQUESTS) == 0
    gate.open()
    edge.run()
    assert statuses(client.take()) == [400]
    edge.end()
