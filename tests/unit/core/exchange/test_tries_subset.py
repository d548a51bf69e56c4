"""Requests that ask for members by their metadata: who is asked, again too, and what is answered where nobody is so."""

from __future__ import annotations

from typing import Any

from fastgw.core.settings import BreakerSettings, HedgeSettings
from fastgw.filters.variables import Template
from fastgw.policy.subsets import Subsets
from fastgw.testing.edge import OK, Edge, body_of, statuses
from tests.unit.core.live.test_breaking import BAD, DEFAULTS, Stage

GPUS = {9000: b"big", 9001: b"small", 9002: b"small"}


def ask(gpu: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: a\r\nX-Gpu: {gpu}\r\n\r\n".encode()


def divide(edge: Edge, *, is_any: bool = False) -> None:
    """Give the members of an edge metadata."""
    service = edge.service
    described = [(key, settings._replace(metadata={"gpu": GPUS[key.address.port]})) for key, settings in service.roster]
    for one in edge.endpoints:
        one.settings = one.settings._replace(metadata={"gpu": GPUS[one.key.address.port]})
    service.roster = tuple(described)
    read = Template(("header.x-gpu",)).fill
    service.subsets = Subsets(
        ("gpu",),
        lambda exchange: (read(exchange),),
        service.members,
        lambda _: lambda candidates, exchange: service.balancer.pick(candidates),
        is_any=is_any,
    )


def divided(*, is_any: bool = False, **options: Any) -> Edge:
    edge = Edge(endpoints=3, **options)
    divide(edge, is_any=is_any)
    return edge


def test_each_is_asked_for_what_it_is() -> None:
    edge = divided()
    for gpu, ports in (("big", {9000}), ("small", {9001, 9002})):
        client = edge.client(ask(gpu))
        (attempt,) = edge.attempts
        assert attempt.target["port"] in ports
        edge.connect().feed(OK)
        assert statuses(client.take()) == [200]
    edge.end()


def test_where_nobody_is_so_the_cause_is_told_and_no_endpoint_blamed() -> None:
    edge = divided()
    client = edge.client(ask("huge"))
    answer = client.take()
    assert statuses(answer) == [503] and b"no_subset" in body_of(answer) and b"x-should-retry" not in answer
    assert not edge.attempts and not any(one.in_hand for one in edge.endpoints)
    client.feed(ask("big"))  # the connection of the client stays
    edge.connect(port=9000).feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_or_anybody_is_asked() -> None:
    edge = divided(is_any=True)
    client = edge.client(ask("huge"))
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_another_try_stays_within_and_then_the_error_is_told() -> None:
    edge = divided()
    client = edge.client(ask("small"))
    assert {edge.attempts[0].target["port"]} <= {9001, 9002}
    edge.refuse()
    assert {edge.attempts[0].target["port"]} <= {9001, 9002}
    edge.refuse()
    answer = client.take()
    assert statuses(answer) == [502] and b"connect_refused" in body_of(answer) and not edge.attempts
    edge.end()


def test_with_any_another_try_leaves_a_subset_that_has_nobody_else() -> None:
    edge = divided(is_any=True)
    client = edge.client(ask("big"))
    edge.refuse()
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_an_open_breaker_takes_a_subset_away_and_a_trial_stays_within() -> None:
    settings: BreakerSettings = DEFAULTS
    edge = Stage(settings, endpoints=2, service={"attempts": 1})
    divide(edge)
    for _ in range(settings.minimum):
        client = edge.client(ask("big"))
        edge.answer(BAD)
        assert statuses(client.take()) == [503]
    assert edge.ready == ["9001"]
    client = edge.client(ask("big"))
    assert b"no_subset" in body_of(client.take())
    edge.loop.advance(1.3)
    assert edge.ready != ["9001"]  # the guard
    other = edge.client(ask("small"))
    edge.answer(OK, 9001)
    assert statuses(other.take()) == [200]
    client = edge.client(ask("big"))
    edge.answer(OK)
    assert statuses(client.take()) == [200]
    assert b"no_subset" in body_of(edge.client(ask("huge")).take())
    edge.end()


def test_a_hedge_stays_within_the_subset() -> None:
    hedge = HedgeSettings(quantile=0.99, after=0.1, max_share=1.0, min_delay=0.001, methods=())
    edge = divided(service={"hedge": hedge})
    for gpu, is_late, is_hedged in (("big", 0, 0), ("big", 0, 0), ("big", 1, 0), ("small", 1, 1)):
        client = edge.client(ask(gpu))  # the first two since a share of nothing is nothing
        service = edge.connect()
        edge.loop.advance(0.2 * is_late)
        assert [attempt.target["port"] in (9001, 9002) for attempt in edge.attempts] == [True] * is_hedged
        for _ in range(is_hedged):
            edge.connect()
        service.feed(OK)
        assert statuses(client.take()) == [200]
        service.feed_eof()
        edge.run()
    edge.end()
