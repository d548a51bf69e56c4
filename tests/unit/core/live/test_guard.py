"""Who stands for a member: the exchange goes to whom it names."""

from __future__ import annotations

from fastgw.core.live.guard import guard
from fastgw.testing.edge import GET, OK, Edge, statuses


def test_the_member_that_it_names_takes_the_exchange_and_is_counted() -> None:
    edge = Edge(endpoints=2)
    one = guard(edge.endpoints[0], edge.plane, lambda _: edge.endpoints[1])
    edge.service.members.ready = (one,)
    client = edge.client(GET)
    assert [one.in_hand, *(it.in_hand for it in edge.endpoints)] == [0, 0, 1]
    edge.connect(port=9001).feed(OK)
    edge.run()
    assert statuses(client.take()) == [200]
    assert one.pool.pressing == 0
    edge.end()
