"""Answers that somebody minds: they are set aside, and their connection is kept where all of them was here."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange import tries
from fastgw.core.exchange.reply import Reply
from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, statuses

BUSY = b"HTTP/1.1 503 Service Unavailable\r\n"
NOT_ALL_HERE = {
    "length": BUSY + b"Content-Length: 5\r\n\r\nbus",
    "chunks": BUSY + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n",
    "broken": BUSY + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    "close": BUSY + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
    "end": BUSY + b"Connection: close\r\n\r\nbusy",
    "more": BUSY + b"Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n",
}
ALL_HERE = {
    "length": BUSY + b"Content-Length: 4\r\n\r\nbusy",
    "empty": BUSY + b"Content-Length: 0\r\n\r\n",
    "chunks": BUSY + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n",
}


def elsewhere(exchange: Any) -> bool:
    """Mind a 503: ask the others."""
    if exchange.response.status != 503:
        return False
    tried = (*exchange.tried, exchange.endpoint)
    exchange.set_aside()
    tries.leave(exchange)
    tries.ask(exchange, exchange.service.members.untried(tried))
    return True


def instead(exchange: Any) -> bool:
    """Mind everything: answer here."""
    exchange.set_aside()
    exchange.reply(Reply(200, b"from here", "text/plain"))
    return True


def minding(*minds: Any, **options: Any) -> Edge:
    edge = Edge(endpoints=2, **options)
    edge.service.minds = minds
    return edge


@pytest.mark.parametrize("answer", ALL_HERE.values(), ids=ALL_HERE.keys())
def test_the_connection_of_an_answer_that_is_all_here_is_kept(answer: bytes) -> None:
    journal: list[str] = []
    edge = minding(elsewhere, filters=[Spy("a", journal)])
    client, busy = edge.pair()
    busy.feed(answer)
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    assert journal == ["a.request", "a.response", "a.done"]
    assert not busy.is_lost and len(edge.endpoints[0].pool.idle) == 1
    assert edge.answers() == [0, 1, 0, 0, 1, 0]
    edge.end()


@pytest.mark.parametrize("answer", NOT_ALL_HERE.values(), ids=NOT_ALL_HERE.keys())
def test_that_of_any_other_is_closed(answer: bytes) -> None:
    edge = minding(elsewhere)
    client, busy = edge.pair()
    busy.feed(answer)
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    assert busy.is_lost
    edge.end()


def test_the_first_who_minds_decides() -> None:
    asked: list[int] = []
    edge = minding(lambda exchange: bool(asked.append(exchange.response.status)), instead, elsewhere)
    client, service = edge.pair()
    service.feed(ALL_HERE["length"])
    answer = client.take()
    assert statuses(answer) == [200] and body_of(answer) == b"from here"
    assert asked == [503]
    edge.end()


def test_who_waits_at_the_endpoint_gets_the_connection() -> None:
    from fastgw.testing import usual

    edge = minding(instead, pool=usual.pool(max_connections=1))
    edge.endpoints[1].in_hand += 10
    first, service = edge.pair()
    second = edge.client(GET)
    edge.endpoints[1].in_hand -= 10
    service.feed(ALL_HERE["empty"])
    assert statuses(first.take()) == [200]
    assert service.take().count(b"GET / ") == 2
    service.feed(OK)
    assert statuses(second.take()) == [200]
    edge.end()
