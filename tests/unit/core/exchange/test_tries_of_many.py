"""Which endpoint is asked after one that failed, where there are many."""

from __future__ import annotations

from typing import Any

from fastgw.core.snapshot.snapshot import Service
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, statuses


def test_another_of_many_is_taken_from_all_of_them() -> None:
    """A tuple without those that were asked is as long as all others, and a balancer would have to learn it."""
    edge = Edge(endpoints=40, service={"attempts": 3})
    asked: list[Any] = []

    def pick_for(candidates: Any, exchange: Any) -> Any:
        asked.append(candidates)
        return candidates[len(asked) // 2]  # each second time one that was asked just now

    service = edge.service
    drawing = Service("s", service.members, service.roster, service.balancer, service.settings, pick_for=pick_for)
    edge.install(edge.listen(usual.route("drawing", 1, service=drawing, chain=edge.route.chain)), drawing)
    client = edge.client(GET)
    ready = service.members.ready
    ports = []
    for _ in range(3):
        ports.append(edge.attempts[0].target["port"])
        edge.refuse()
    assert statuses(client.take()) == [502] and not edge.attempts
    assert ports == [9000, 9001, 9002] and all(one is ready for one in asked)
    edge.end()


def test_a_balancer_that_insists_on_one_of_many_gets_those_that_are_left() -> None:
    edge = Edge(endpoints=40)
    asked: list[int] = []

    def pick_for(candidates: Any, exchange: Any) -> Any:
        asked.append(len(candidates))
        return candidates[0]

    service = edge.service
    stubborn = Service("s", service.members, service.roster, service.balancer, service.settings, pick_for=pick_for)
    edge.install(edge.listen(usual.route("stubborn", 1, service=stubborn, chain=edge.route.chain)), stubborn)
    client = edge.client(GET)
    edge.refuse()
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    assert asked == [40] * 5 + [39]
    edge.end()
