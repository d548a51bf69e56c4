"""Answers that are held until their content comes: who answers instead, what is let go and when; in bytes, and at every split."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.beginnings import HELD_MAX, NOTE
from fastgw.core.exchange.streams import StreamFilter
from fastgw.core.settings import StreamSettings
from fastgw.testing.edge import Edge, body_of, statuses
from tests.support.model_streams import (
    BLOCK,
    BUSY,
    DONE,
    HEAD,
    HI,
    LAST,
    LINES,
    PING,
    ROLE,
    START,
    STOP,
    TEXT,
    body_of_chunks,
    chunk,
)
from tests.support.models import ModelEdge, Noted, body_sent, post

STREAMS = StreamSettings(first_token_timeout=1.0, event_timeout=0.0, keep_alive=0.0, error_event=True)
AGAIN: dict[str, Any] = {"on": ("reset", "timeout", "5xx"), "methods": ("POST",), "attempts": 2}
ASK = post(b"{}")
CHAT = post(b'{"model":"gpt-oss","stream":true}')


def held(endpoints: int = 1, service: dict[str, Any] | None = None, **options: Any) -> Edge:
    """A service whose streams begin with their content, within a second."""
    noted = Noted()
    edge = Edge(
        endpoints=endpoints, filters=[noted, StreamFilter()], service={"streams": STREAMS, **(service or {})}, **options
    )
    edge.noted = noted  # type: ignore[attr-defined]
    return edge


def models(**options: Any) -> ModelEdge:
    return ModelEdge(
        {"gpt-oss": [("a", 1, "openai/gpt")], "small": "b"},
        fallback={"gpt-oss": ["small"]},
        statuses=(503, 529),
        filters=[StreamFilter()],
        **options,
    )


def test_nothing_goes_out_before_the_content_and_then_all_of_it_in_order() -> None:
    edge = held()
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(ROLE))
    service.feed(chunk(b": ping\n\n") + chunk(HI[:20]))
    assert client.take() == b"" and edge.plane.body_bytes > 0
    service.feed(chunk(HI[20:]))
    answer = client.take()
    assert statuses(answer) == [200] and body_of_chunks(answer) == (ROLE + b": ping\n\n" + HI, False)
    assert edge.plane.body_bytes == 0
    service.feed(chunk(HI))
    assert client.take() == chunk(HI)
    service.feed(chunk(STOP + DONE) + LAST)
    assert client.take() == chunk(STOP + DONE) + LAST
    edge.end()


@pytest.mark.parametrize(
    "stream",
    [ROLE + HI + STOP + DONE, START + PING + BLOCK + TEXT, b": c\n\n" + ROLE + STOP + DONE],
    ids=["openai", "anthropic", "empty"],
)
def test_whatever_pieces_it_comes_in_the_client_gets_the_same(stream: bytes) -> None:
    whole = HEAD + chunk(stream) + LAST
    edge = held()
    for place in range(len(HEAD) - 4, len(whole), 1):
        client, service = edge.client(ASK), edge.connect()
        service.feed(whole[:place])
        service.feed(whole[place:])
        assert body_of_chunks(client.take()) == (stream, True)
        client.feed_eof()
        service.feed_eof()
        edge.run()
    edge.end()


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + chunk(ROLE) + chunk(BUSY),
        HEAD + chunk(ROLE) + LAST,
        HEAD + LAST,
        LINES + chunk(b'{"error":"no GPU"}\n') + LAST,
        LINES + chunk(b'{"error":"no GPU"}') + LAST,
        HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(BUSY)) + BUSY,
    ],
    ids=["error", "end", "nothing", "line", "unended line", "length"],
)
def test_a_stream_that_fails_before_its_content_is_asked_for_again(answer: bytes) -> None:
    edge = held(2, AGAIN)
    client, first = edge.pair(ASK, port=9000)
    first.feed(answer)
    edge.run()
    assert client.take() == b"" and first.is_lost
    second = edge.connect(port=9001)
    second.feed(HEAD + chunk(HI))
    assert body_of_chunks(client.take()) == (HI, False)
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 1
    second.feed(LAST)
    edge.end()


def test_so_is_one_whose_connection_breaks() -> None:
    edge = held(2, AGAIN)
    client, first = edge.pair(ASK, port=9000)
    first.feed(HEAD + chunk(ROLE))
    first.feed_eof()
    edge.run()
    edge.connect(port=9001).feed(HEAD + chunk(HI) + LAST)
    assert body_of_chunks(client.take()) == (HI, True)
    edge.end()


def test_and_one_that_is_silent() -> None:
    edge = held(2, AGAIN)
    client, first = edge.pair(ASK, port=9000)
    first.feed(HEAD + chunk(ROLE))
    edge.loop.advance(1.3)
    assert first.is_lost
    edge.connect(port=9001).feed(HEAD + chunk(HI) + LAST)
    assert body_of_chunks(client.take()) == (HI, True)
    assert edge.of_service(counters.SERVICE_RETRIES + 2) == 1  # by their causes: a time that was over
    edge.end()


def test_where_nobody_else_can_answer_the_client_is_told_with_a_status() -> None:
    edge = held(route={"errors": "openai"})
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(ROLE) + chunk(BUSY))
    answer = client.take()
    assert statuses(answer) == [529]
    assert json.loads(body_of(answer))["error"] == {
        "message": "Overloaded", "type": "server_error", "param": None, "code": "error_event"
    }  # fmt: skip
    late = edge.client(ASK)
    edge.connect().feed(HEAD)
    edge.loop.advance(1.3)
    answer = late.take()
    assert statuses(answer) == [504] and json.loads(body_of(answer))["error"]["code"] == "first_token_timeout"
    edge.end()


def test_what_is_wrong_with_the_request_passes_as_it_came() -> None:
    refused = b'data: {"error":{"message":"too long","code":400}}\n\n'
    edge = held(2, AGAIN)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(refused) + LAST)
    assert body_of_chunks(client.take()) == (refused, True)
    edge.end()


def test_what_breaks_behind_the_content_is_never_asked_for_again() -> None:
    edge = held(2, AGAIN)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI) + chunk(BUSY))
    assert body_of_chunks(client.take()) == (HI + BUSY, False)
    service.feed_eof()
    edge.run()
    assert not edge.attempts and b"upstream_reset" in client.take()
    edge.end()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 No\r\nContent-Type: text/event-stream\r\nContent-Length: 2\r\n\r\nno",
        HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + chunk(b"\x1f\x8b"),
    ],
    ids=["json", "an error", "compressed"],
)
def test_other_answers_are_not_held(answer: bytes) -> None:
    edge = held()
    client, _service = edge.client(ASK), edge.connect()
    _service.feed(answer)
    assert client.take() != b""
    edge.end()


def test_what_is_held_is_bounded() -> None:
    edge = held()
    client, service = edge.pair(ASK)
    service.feed(HEAD)
    comment = b":" + b"x" * 997 + b"\n\n"
    for _ in range(HELD_MAX // 1000 + 1):
        service.feed(chunk(comment))
    answer = client.take()
    assert len(answer) > HELD_MAX and edge.plane.body_bytes == 0
    service.feed_eof()
    edge.end()


def test_a_client_that_leaves_ends_it_in_the_same_tick() -> None:
    edge = held()
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(ROLE))
    client.feed_eof()
    edge.run()
    assert service.is_lost and edge.plane.body_bytes == 0
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    edge.end()


def test_it_counts_as_answered_when_its_content_has_come() -> None:
    edge = held()
    client, service = edge.pair(ASK)
    edge.loop.advance(0.1)
    service.feed(HEAD + chunk(ROLE))
    assert sum(edge.answers()) == 0
    edge.loop.advance(0.4)
    service.feed(chunk(HI) + LAST)
    assert edge.answers()[1] == 1 and statuses(client.take()) == [200]
    assert edge.noted.notes[0][NOTE] == pytest.approx(0.5)  # type: ignore[attr-defined]
    edge.end()


class Learning:
    """A judge."""

    def __init__(self) -> None:
        self.outcomes: list[Any] = []

    def settle(self, _: Any, outcome: Any, seconds: float) -> None:
        self.outcomes.append(getattr(outcome, "code", outcome))


def test_who_judges_members_is_told_of_it_as_of_no_answer() -> None:
    edge = held(2, AGAIN)
    learning = Learning()
    edge.service.members.judge = learning
    client, first = edge.pair(ASK, port=9000)
    first.feed(HEAD + chunk(ROLE))
    edge.loop.advance(1.3)
    edge.connect(port=9001).feed(HEAD + chunk(BUSY) + LAST)
    assert learning.outcomes == ["first_token_timeout", "error_event"]
    assert statuses(client.take()) == [504]  # of two that went equally far the first is told
    edge.end()


# --- models


def test_another_model_answers_before_the_content_and_never_behind_it() -> None:
    edge = models()
    client = edge.client(CHAT)
    edge.connect(port=9000).feed(HEAD + chunk(ROLE) + chunk(BUSY))
    other = edge.connect(port=9001)
    assert body_sent(other.take()) == b'{"model":"small","stream":true}'
    other.feed(HEAD + chunk(ROLE))
    answer = client.take()  # nobody could answer instead of the last, so it is not held
    assert statuses(answer) == [200] and b"x-fastgw-fallback: service\r\n" in answer
    other.feed(chunk(HI) + LAST)
    client.take()
    second = edge.client(CHAT)
    service = edge.connect(port=9000)
    service.feed(HEAD + chunk(HI))
    assert statuses(second.take()) == [200]
    service.feed_eof()
    edge.run()
    assert not edge.attempts and second.take().endswith(b"\n\n\r\n" + LAST)
    edge.end()


def test_a_request_whose_body_is_not_kept_is_not_held_for_anybody() -> None:
    edge = models()
    client = edge.client(post(b'{"x":"%b","model":"gpt-oss","stream":true}' % (b"x" * 70_000)))
    edge.connect(port=9000).feed(HEAD + chunk(ROLE))
    assert statuses(client.take()) == [200]
    edge.end()
