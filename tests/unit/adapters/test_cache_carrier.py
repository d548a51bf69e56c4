"""What is sent of what a cache has kept, to whom it is not fresh."""

from __future__ import annotations

from fastgw.adapters.cache_carrier import last_good_service, last_good_within
from fastgw.core.exchange.fallback import CACHED, StandIn
from fastgw.policy.fallback import CAUSES
from fastgw.testing.edge import body_of, head_of, statuses
from tests.unit.adapters.cached import CachedEdge, answer, asks


def test_the_last_good_answer_stands_in_for_the_service() -> None:
    edge = CachedEdge()
    spare = last_good_service()
    edge.service.fall_back(StandIn(CACHED, spare, CAUSES, (), None, last_good_within(100.0)))
    edge.ask(asks(), answer(b"good", control="max-age=1"))
    edge.loop.advance(50.0)
    client = edge.client(asks())
    edge.refuse()
    got = client.take()
    assert (statuses(got), body_of(got)) == ([200], b"good")
    assert b"age: 50\r\n" in head_of(got) and b"x-fastgw-fallback: cached\r\n" in head_of(got)
    edge.loop.advance(51.0)
    client = edge.client(asks())
    edge.refuse()
    assert statuses(client.take()) == [502]
    edge.end()
