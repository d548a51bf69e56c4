"""Answers that are held until somebody has judged all of them."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.held import HeldAnswer, hold_answer, let_go
from fastgw.errors import UpstreamError
from fastgw.testing.edge import GET, Edge, Gate, Spy, body_of, head_of, new_loop, statuses

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DATA = b"0123456789"


class Holding:
    """A mind that holds each answer, and says what it was asked to judge."""

    def __init__(self, most: int = 100, act: Any = let_go) -> None:
        self.most = most
        self.act = act
        self.judged: list[tuple[bytes, bool]] = []

    def __call__(self, exchange: Any) -> bool:
        hold_answer(exchange, self.most, self.judge)
        return True

    def judge(self, exchange: Any, data: bytes, is_last: bool) -> None:
        self.judged.append((data, is_last))
        self.act(exchange, data, is_last)


def edge_of(mind: Holding, **options: Any) -> Edge:
    edge = Edge(**options)
    edge.service.minds = (mind,)
    return edge


@pytest.mark.parametrize("cut", range(len(HEAD) + len(DATA)))
def test_nothing_goes_out_before_the_end(cut: int) -> None:
    mind = Holding()
    edge = edge_of(mind)
    client, service = edge.pair(GET)
    service.feed((HEAD + DATA)[:cut])
    assert client.take() == b"" and edge.plane.body_bytes == max(0, cut - len(HEAD))
    service.feed((HEAD + DATA)[cut:])
    assert body_of(client.take()) == DATA and mind.judged == [(DATA, True)] and edge.plane.body_bytes == 0
    edge.end()


def test_chunks_are_taken_off_and_the_judge_may_say_something_else() -> None:
    def shorter(exchange: Any, data: bytes, is_last: bool) -> None:
        let_go(exchange, b"new", is_last)

    mind = Holding(act=shorter)
    edge = edge_of(mind)
    client, service = edge.pair(GET)
    service.feed(CHUNKED + b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n")
    answer = client.take()
    assert mind.judged == [(DATA, True)] and body_of(answer) == b"new" and b"content-length: 3\r\n" in head_of(answer)
    edge.end()


def test_what_is_larger_is_judged_as_far_as_it_has_come() -> None:
    mind = Holding(most=4)
    edge = edge_of(mind)
    client, service = edge.pair(GET)
    service.feed(HEAD + DATA[:4])
    assert client.take() == b""
    service.feed(DATA[4:5])
    assert client.take().endswith(DATA[:5]) and mind.judged == [(DATA[:5], False)]
    service.feed(DATA[5:])
    assert client.take() == DATA[5:]
    edge.end()


def test_a_judge_that_fails_it_has_the_client_told() -> None:
    def refuse(exchange: Any, data: bytes, is_last: bool) -> None:
        exchange.fail(UpstreamError(502, "bad_answer", "no"))

    edge = edge_of(Holding(act=refuse))
    client, service = edge.pair(GET)
    service.feed(HEAD + DATA)
    assert statuses(client.take()) == [502]
    edge.end()


@pytest.mark.parametrize("who", ["service", "client", "silence"])
def test_what_ends_before_is_told_with_a_status_and_leaves_nothing(who: str) -> None:
    edge = edge_of(Holding(), route={"stream_idle_timeout": 2.0})
    client, service = edge.pair(GET)
    service.feed(HEAD + DATA[:4])
    if who == "service":
        service.feed_eof()
    elif who == "client":
        client.lose()
    else:
        edge.loop.advance(1.5)
        service.feed(DATA[4:5])
        edge.loop.advance(1.5)
        assert client.take() == b""
        edge.loop.advance(1.1)
    edge.run()
    assert statuses(client.take()) == {"service": [502], "client": [], "silence": [504]}[who]
    assert edge.plane.body_bytes == 0
    edge.end()


def test_response_hooks_run_when_it_goes_and_may_wait() -> None:
    loop = new_loop()
    gate = Gate(loop)
    journal: list[str] = []
    edge = edge_of(Holding(), loop=loop, filters=[Spy("spy", journal, response=gate)])
    client, service = edge.pair(GET)
    service.feed(HEAD + DATA[:9])
    assert journal == ["spy.request"]
    service.feed(DATA[9:])
    assert journal == ["spy.request", "spy.response"] and client.take() == b""
    gate.open()
    assert body_of(client.take()) == DATA
    edge.end()


def test_of_a_request_there_is_none() -> None:
    edge = Edge()
    held = HeldAnswer(edge.plane.take(), 1, let_go)
    with pytest.raises(NotImplementedError):
        held.feed(b"", True)
    assert held.break_off(UpstreamError(502, "x", "x")) is None
