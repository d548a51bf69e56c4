"""``server_timing``: where time went, in the answer."""

from __future__ import annotations

import re

from fastgw.core.exchange.reply import Reply
from fastgw.filters.server_timing import ServerTiming
from fastgw.testing.edge import GET, OK, Edge, Spy, head_of, statuses


def timings(answer: bytes) -> list[bytes]:
    return re.findall(rb"(?mi)^server-timing: ([^\r]*)", head_of(answer))


def edge_of(*before: object) -> Edge:
    return Edge(filters=[ServerTiming("server_timing", {}), *before])


def test_an_answer_of_a_service_says_what_was_before_it_and_in_it() -> None:
    edge = edge_of()
    client, service = edge.pair(GET)
    edge.loop.advance(0.25)
    service.feed(OK)
    [told] = timings(client.take())
    found = {name: float(spent) for name, spent in re.findall(rb"(\w+);dur=([\d.]+)", told)}
    assert list(found) == [b"gateway", b"service", b"total"]
    assert found[b"service"] == 250.0 and found[b"total"] == found[b"gateway"] + 250.0
    edge.end()


def test_what_a_service_says_itself_stays() -> None:
    edge = edge_of()
    client, service = edge.pair(GET)
    service.feed(OK.replace(b"\r\n", b"\r\nServer-Timing: db;dur=5\r\n", 1))
    told = timings(client.take())
    assert b"db;dur=5" in told and len(told) == 2
    edge.end()


def test_an_answer_of_the_gateway_has_its_whole_time_alone() -> None:
    edge = edge_of(Spy("no", [], request=lambda _: Reply(403)))
    answer = edge.client(GET).take()
    [told] = timings(answer)
    assert statuses(answer) == [403]
    assert re.fullmatch(rb"total;dur=\d+\.\d{3}", told)
    edge.end()
