"""Second tries beside what else a service has: bodies that are not kept, what is learned of failures, and who looks on."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.settings import HedgeSettings
from fastgw.policy.quantile import SAMPLES_MIN
from fastgw.testing.edge import GET, OK, POST, Edge, Spy, statuses
from tests.unit.core.exchange.test_hedging import HEDGE, NO, counted, made, raced


def test_a_body_that_was_too_large_to_be_kept_is_sent_once() -> None:
    edge = made(methods=("POST",))
    client = edge.client(POST.replace(b": 5", b": 200000") + bytes(200_000))
    edge.run()
    first = edge.connect()
    edge.run()
    edge.loop.advance(0.5)
    assert not edge.attempts and counted(edge) == (0, 0, 0)
    first.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_who_is_refused_at_once_says_nothing_of_how_long_answers_take() -> None:
    """Else a member that is down would have everything sent twice."""
    settings: HedgeSettings = HEDGE._replace(after=0.0, quantile=0.9)
    edge = Edge(endpoints=2, service={"hedge": settings, "attempts": 1})
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    service.feed_eof()
    edge.run()
    for _ in range(2 * SAMPLES_MIN):
        client, service = edge.pair()
        edge.loop.advance(0.001)
        service.lose(ConnectionResetError())
        assert statuses(client.take()) == [502]
        client.lose()
    edge.run()
    edge.loop.advance(5.0)
    client, service = edge.pair()
    edge.loop.advance(0.5)
    assert not edge.attempts and counted(edge) == (0, 0, 0)
    service.feed(OK)
    edge.loop.advance(5.0)
    edge.end()


@pytest.mark.parametrize("answer", [OK, NO])
def test_who_looks_on_sees_both_tries_and_both_answers(answer: bytes) -> None:
    class Witness:
        def on_carrier(self, exchange: Any) -> None:
            seen.append(("sent", exchange.endpoint.key.address.port))

        def on_answer(self, exchange: Any) -> None:
            seen.append(("answered", exchange.endpoint.key.address.port))

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    seen: list[tuple[str, int]] = []
    edge = made(filters=[Spy("a", [], request=lambda exchange: exchange.note("a", 1))], witness=Witness())
    seen.clear()
    client, _, second = raced(edge, GET)
    (_, one), (_, other) = seen
    assert one != other
    second.feed(answer)
    assert seen[2:] == [("answered", other)]
    edge.run()
    if answer is OK:
        assert statuses(client.take()) == [200]
    client.lose()
    edge.run()
    edge.end()
