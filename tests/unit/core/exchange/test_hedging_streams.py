"""A second try beside a first that is held: what counts is the first content, not the first head."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.core.settings import HedgeSettings, StreamSettings
from fastgw.policy.quantile import SAMPLES_MIN
from fastgw.testing.edge import Edge, statuses
from fastgw.testing.mock import MockTransport
from tests.support.model_streams import HEAD, HI, LAST, ROLE, body_of_chunks, chunk
from tests.support.models import post

ASK = post(b"{}")
HEDGE = HedgeSettings(quantile=0.9, after=0.1, max_share=1.0, min_delay=0.001, methods=("POST",))
STREAMS = StreamSettings(first_token_timeout=2.0, event_timeout=0.0, keep_alive=0.0, error_event=True)


def made(hedge: HedgeSettings = HEDGE, **options: Any) -> Edge:
    edge = Edge(endpoints=2, service={"hedge": hedge, "streams": STREAMS, **options})
    for _ in range(2):
        answered(edge, 0.01)
    return edge


def answered(edge: Edge, seconds: float) -> None:
    """A request whose content comes so late, and whose head comes at once."""
    client, service = edge.client(ASK), edge.connect()
    service.feed(HEAD + chunk(ROLE))
    edge.loop.advance(seconds)
    service.feed(chunk(HI) + LAST)
    assert body_of_chunks(client.take()) == (ROLE + HI, True)
    service.feed_eof()
    edge.run()


def raced(edge: Edge) -> tuple[MockTransport, MockTransport, MockTransport]:
    client, first = edge.client(ASK), edge.connect()
    first.feed(HEAD + chunk(ROLE))
    edge.loop.advance(0.15)
    return client, first, edge.connect()


def counted(edge: Edge) -> tuple[int, int]:
    return edge.of_service(counters.SERVICE_HEDGES), edge.of_service(counters.SERVICE_HEDGES_WON)


def test_a_head_without_content_does_not_keep_it_from_being_hedged_and_content_wins() -> None:
    edge = made()
    client, first, second = raced(edge)
    second.feed(HEAD + chunk(ROLE))
    edge.run()
    assert not first.is_lost and client.take() == b""
    second.feed(chunk(HI))
    edge.run()
    assert first.is_lost and not second.is_lost
    second.feed(chunk(HI) + LAST)
    answer = client.take()
    assert statuses(answer) == [200] and body_of_chunks(answer) == (ROLE + HI + HI, True)
    assert counted(edge) == (1, 1) and edge.plane.body_bytes == 0
    edge.end()


def test_the_first_wins_by_its_content_though_the_head_of_the_second_is_here() -> None:
    edge = made()
    client, first, second = raced(edge)
    second.feed(HEAD + chunk(ROLE))
    first.feed(chunk(HI) + LAST)
    edge.run()
    assert second.is_lost and body_of_chunks(client.take()) == (ROLE + HI, True)
    assert counted(edge) == (1, 0) and edge.plane.body_bytes == 0
    edge.end()


def test_the_second_is_waited_for_with_what_was_held_of_it_where_the_first_breaks() -> None:
    edge = made()
    client, first, second = raced(edge)
    second.feed(HEAD + chunk(ROLE + ROLE))
    first.feed_eof()
    edge.run()
    assert client.take() == b""
    second.feed(chunk(HI) + LAST)
    assert body_of_chunks(client.take()) == (ROLE + ROLE + HI, True)
    assert edge.plane.body_bytes == 0
    edge.end()


def test_the_first_goes_on_where_the_second_tells_an_error() -> None:
    edge = made()
    client, first, second = raced(edge)
    second.feed(HEAD + chunk(b'data: {"error":{"message":"no","code":503}}\n\n'))
    edge.run()
    assert second.is_lost and not first.is_lost
    first.feed(chunk(HI) + LAST)
    assert body_of_chunks(client.take()) == (ROLE + HI, True)
    edge.end()


def test_and_both_end_with_their_client_in_the_same_tick() -> None:
    edge = made()
    client, first, second = raced(edge)
    second.feed(HEAD + chunk(ROLE))
    client.feed_eof()
    edge.run()
    assert first.is_lost and second.is_lost and edge.plane.body_bytes == 0
    edge.end()


def test_both_silent_is_a_time_that_is_over() -> None:
    edge = made()
    client, first, second = raced(edge)
    edge.loop.advance(2.5)
    edge.run()
    assert first.is_lost
    second.feed(HEAD + chunk(HI) + LAST)  # waited for as long as any try
    assert body_of_chunks(client.take()) == (HI, True)
    edge.end()


def test_what_is_learned_is_the_time_to_the_first_content() -> None:
    edge = made(HEDGE._replace(after=0.0))
    for _ in range(SAMPLES_MIN):
        answered(edge, 0.05)
    client, first = edge.client(ASK), edge.connect()
    first.feed(HEAD + chunk(ROLE))
    edge.loop.advance(0.04)
    assert not edge.attempts
    edge.loop.advance(0.1)
    assert len(edge.attempts) == 1
    edge.connect().feed(HEAD + chunk(HI) + LAST)
    assert body_of_chunks(client.take()) == (HI, True)
    edge.end()
