"""Members that are listed: who they are, who waits for the first list, and what becomes of those that leave."""

from __future__ import annotations

import pytest

from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.live.listed import MemberTemplate
from fastgw.core.live.news import MemberNews
from fastgw.core.settings import LISTED, Address
from fastgw.core.snapshot.snapshot import Service
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, statuses

ONE, TWO, THREE = (Address(f"10.0.0.{number}", 9000) for number in (1, 2, 3))


def news(address: Address, weight: int = 1, slot: int = 1, **metadata: str) -> MemberNews:
    return MemberNews(address, weight, "z", tuple(metadata.items()), slot)


def listed(*fixed: Address) -> Edge:
    """An Edge whose service is listed elsewhere, and has these endpoints in the configuration."""
    edge = Edge(endpoints=0)
    roster = tuple((EndpointKey("s", one), usual.settings()) for one in fixed)
    template = MemberTemplate("s", None, usual.settings(), roster, 9)
    members = edge.plane.registry.members("s")
    service = Service(
        "s", members, template.roster(None), edge.service.balancer, edge.service.settings, template=template
    )
    edge.service = service
    object.__setattr__(edge.route, "service", service)
    edge.install(edge.listener)
    return edge


def tell(edge: Edge, *members: MemberNews) -> None:
    edge.plane.take_lists({"s": members, "other": ()})
    edge.run()


def ready(edge: Edge) -> list[Address]:
    return [one.key.address for one in edge.service.members.ready]


def test_a_list_says_where_each_member_is_and_what() -> None:
    edge = listed()
    tell(edge, news(ONE, 3, 4, version="2"), news(TWO, slot=5))
    assert ready(edge) == [ONE, TWO]
    one = edge.service.members.ready[0]
    assert (one.weight, one.settings.zone, one.settings.metadata, one.key.slot) == (3, "z", {"version": b"2"}, 4)
    edge.end()


def test_endpoints_of_the_configuration_stay_and_say_themselves_what_they_are() -> None:
    edge = listed(ONE)
    assert ready(edge) == [ONE]
    tell(edge, news(ONE, 7), news(TWO))
    assert ready(edge) == [ONE, TWO]
    assert edge.service.members.ready[0].weight == 1
    tell(edge)
    assert ready(edge) == [ONE]
    edge.end()


def test_a_request_waits_for_the_first_list() -> None:
    edge = listed()
    client = edge.client(GET)
    assert not edge.attempts and client.take() == b""
    tell(edge, news(ONE))
    edge.attempts[0].succeed(extra={"socket": None})
    edge.run()
    edge.loop.attempts[0].transport.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_it_waits_no_longer_than_for_a_connection() -> None:
    edge = listed()
    client = edge.client(GET)
    edge.loop.advance(60.0)
    assert b"no_member" in client.take()
    edge.end()


@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_list_without_anybody_is_told_at_once(is_waiting: bool) -> None:
    edge = listed()
    if not is_waiting:
        tell(edge)
    client = edge.client(GET)
    if is_waiting:
        tell(edge)
    data = client.take()
    assert statuses(data) == [503] and b"no_member" in data
    assert b"10.0.0" not in data
    edge.end()


def test_who_stays_keeps_its_connections_and_who_leaves_finishes() -> None:
    edge = listed()
    tell(edge, news(ONE))
    client = edge.client(GET)
    edge.attempts[0].succeed(extra={"socket": None})
    edge.run()
    before = edge.service.members.ready[0]
    tell(edge, news(ONE, 2), news(TWO))
    assert edge.service.members.ready[0] is before and before.weight == 2
    tell(edge, news(TWO))
    assert ready(edge) == [TWO] and before.is_retired
    edge.loop.attempts[0].transport.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_list_reaches_what_is_prepared_too() -> None:
    edge = listed()
    snapshot = edge.plane.snapshot
    assert snapshot.take_lists({"s": (news(ONE),)}) == [edge.service]
    assert ready(edge) == [Address(inside=LISTED)]  # it is not installed yet
    edge.service.install(edge.plane.registry)
    assert ready(edge) == [ONE]
    edge.end()


def test_the_room_counts_where_it_was_told_to() -> None:
    template = MemberTemplate("s", None, usual.settings(), (), 9)
    [(key, settings)] = template.roster(None)
    assert key.is_room and key.slot == 9 and settings.is_awaited
    [(_, settings)] = template.roster(())
    assert not settings.is_awaited
    assert not EndpointKey("s", ONE).is_room and not EndpointKey("s", Address(inside="python:a:B")).is_room


def test_who_is_listed_as_before_is_the_same_entry_and_the_same_endpoint() -> None:
    edge = listed()
    many = [news(Address("10.0.1.1", port), slot=port) for port in range(1, 101)]
    tell(edge, *many)
    roster, first = edge.service.roster, edge.service.members.ready
    many[7] = news(Address("10.0.1.1", 8), 5, slot=8)
    tell(edge, *many[:50], *many[51:], news(TWO))
    assert first[7].weight == 5 and edge.service.members.ready[7] is first[7]
    assert sum(one is other for one, other in zip(roster, edge.service.roster, strict=False)) == 49
    assert [one.key.address.port for one in edge.service.members.ready] == [*range(1, 51), *range(52, 101), 9000]
    assert first[50].is_retired
    tell(edge, *many)  # who comes back is another, though its entry was known once
    assert not edge.service.members.ready[50].is_retired and edge.service.members.ready[50] is not first[50]
    edge.end()


def test_members_speak_what_their_service_does() -> None:
    template = MemberTemplate("s", None, usual.settings(), (), 9, "h2")
    [(key, _), _] = template.roster((news(ONE),))
    assert key.protocol == "h2"
