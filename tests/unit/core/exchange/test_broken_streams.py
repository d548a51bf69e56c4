"""What is counted of streams that end before their end."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.answer_counters import STREAM_ENDS, STREAMS_BROKEN
from fastgw.core.exchange.ending import end_streams
from fastgw.core.exchange.streams import StreamFilter
from fastgw.core.settings import StreamSettings
from fastgw.testing.edge import OK, Edge
from tests.support.model_streams import BUSY, DONE, HEAD, HI, LAST, LINES, chunk
from tests.support.models import post

NONE = StreamSettings(first_token_timeout=0.0, event_timeout=0.0, keep_alive=0.0, error_event=True)
ASK = post(b"{}")


def counted(edge: Edge) -> dict[str, int]:
    found = {one: edge.of_service(STREAMS_BROKEN + place) for place, one in enumerate(STREAM_ENDS)}
    return {one: number for one, number in found.items() if number}


def streaming(has_filter: bool = True, route: dict[str, Any] | None = None, **changes: Any) -> Edge:
    filters = [StreamFilter()] if has_filter else []
    return Edge(filters=filters, service={"streams": NONE._replace(**changes)}, route=route)


@pytest.mark.parametrize("has_filter", [True, False])
@pytest.mark.parametrize("head", [HEAD, LINES])
def test_a_service_that_dies(head: bytes, has_filter: bool) -> None:
    edge = streaming(has_filter)
    _, service = edge.pair(ASK)
    service.feed(head + chunk(HI))
    service.feed_eof()
    edge.run()
    assert counted(edge) == {"upstream_reset": 1}
    edge.end()


@pytest.mark.parametrize("is_held", [True, False])
def test_a_client_that_leaves(is_held: bool) -> None:
    edge = streaming(first_token_timeout=5.0 if is_held else 0.0)
    client, service = edge.pair(ASK)
    service.feed(HEAD + (b"" if is_held else chunk(HI)))
    client.lose()
    edge.run()
    assert counted(edge) == {"client_gone": 1}
    edge.end()


@pytest.mark.parametrize(
    ("changes", "route", "sent", "cause"),
    [
        ({"event_timeout": 2.0}, {}, chunk(HI), "event_timeout"),
        ({"first_token_timeout": 2.0}, {}, b"", "first_token_timeout"),
        ({}, {"stream_idle_timeout": 2.0}, chunk(HI), "timeout"),
        ({}, {"timeout": 2.0}, chunk(HI), "timeout"),
    ],
)
def test_time_that_is_over(changes: dict[str, float], route: dict[str, float], sent: bytes, cause: str) -> None:
    edge = streaming(route=route, **changes)
    _, service = edge.pair(ASK)
    service.feed(HEAD + sent)
    edge.loop.advance(3.0)
    assert counted(edge) == {cause: 1}
    edge.end()


def test_an_error_in_the_place_of_content() -> None:
    edge = streaming(first_token_timeout=5.0)
    _, service = edge.pair(ASK)
    service.feed(HEAD + chunk(BUSY))
    edge.run()
    assert counted(edge) == {"error_event": 1}
    edge.end()


def test_a_drain() -> None:
    edge = streaming()
    _, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI))
    end_streams(edge.plane.connections, edge.loop)
    edge.loop.advance(1.1)
    assert counted(edge) == {"drained": 1}
    edge.end()


def test_what_ends_well_or_is_no_stream_is_not_counted() -> None:
    edge = streaming()
    _, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI) + chunk(DONE) + LAST)
    client, _ = edge.client(ASK), service.feed(OK[:-1])
    client.lose()
    edge.run()
    assert counted(edge) == {}
    edge.end()
