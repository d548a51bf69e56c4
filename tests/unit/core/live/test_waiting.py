"""Where requests wait for a name of which no address is known to work."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.live.news import NOT_FOUND, SILENT, Answer
from fastgw.core.live.waiting import WaitingRoom
from fastgw.core.settings import Address
from fastgw.core.snapshot.snapshot import Service
from fastgw.testing import usual
from fastgw.testing.edge import GET, NAME, OK, POST, Edge, named, statuses
from tests.unit.core.live.test_pool import VERBS


def test_exchanges_wait_for_the_first_answer() -> None:
    edge = named()
    clients = [edge.client(GET) for _ in range(2)]
    assert not edge.attempts
    edge.plane.learn({"a.test": Answer(("10.0.0.1",))})
    assert [attempt.target["host"] for attempt in edge.attempts] == ["10.0.0.1"] * 2  # the only one: asked at once
    for service in [edge.connect(), edge.connect()]:
        service.feed(OK)
    assert [statuses(client.take()) for client in clients] == [[200], [200]]
    edge.end()


@pytest.mark.parametrize(
    ("cause", "status", "code"), [(NOT_FOUND, 502, b"name_not_found"), (SILENT, 504, b"name_timeout")]
)
def test_who_waits_is_told_when_there_is_no_address_and_so_is_who_comes_later(
    cause: str, status: int, code: bytes
) -> None:
    edge = named()
    early = edge.client(GET)
    edge.plane.learn({"a.test": Answer((), cause, "has no answer")})
    late = edge.client(GET)
    for client in (early, late):
        got = client.take()
        assert statuses(got) == [status]
        assert code in got
    assert not edge.attempts
    edge.plane.learn({"a.test": Answer(("10.0.0.1",))})
    early.feed(GET)
    edge.connect().feed(OK)
    assert statuses(early.take()) == [200]
    edge.end()


def test_nobody_waits_for_a_name_longer_than_for_a_connection() -> None:
    edge = named(pool=usual.pool(pending_timeout=2))
    client = edge.client(GET)
    edge.loop.advance(2.5)
    got = client.take()
    assert statuses(got) == [504]
    assert b"name_timeout" in got
    [line] = edge.failures()
    assert line["cause"] == "name_timeout" and "a.test" in line["detail"]
    edge.end()


def test_who_waits_has_done_nothing_and_may_leave() -> None:
    edge = named()
    client = edge.client(POST + b"hel")
    assert edge.of_endpoint(counters.ENDPOINT_WAITING) == 1
    client.feed(b"lo")
    client.lose()
    edge.run()
    assert edge.of_endpoint(counters.ENDPOINT_WAITING) == 0
    edge.end()


def test_a_body_that_arrives_meanwhile_is_sent_when_somebody_takes_it() -> None:
    edge = named()
    client = edge.client(POST + b"hel")
    client.feed(b"l")
    edge.plane.learn({"a.test": Answer(("10.0.0.1",))})
    service = edge.connect()
    client.feed(b"o")
    assert service.take().endswith(b"hello")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_only_so_many_wait() -> None:
    edge = named(pool=usual.pool(max_pending=1))
    _, second = edge.client(GET), edge.client(GET)
    got = second.take()
    assert statuses(got) == [503] and b"pool_full" in got
    edge.end()


def test_a_wait_that_begins_anew_has_its_own_time() -> None:
    """The time for a name is over when it has addresses; connecting has its own."""
    edge = named(pool=usual.pool(pending_timeout=2, connect_timeout=30), service={"attempts": 1})
    client = edge.client(GET)
    edge.loop.advance(1.5)
    edge.plane.learn({"a.test": Answer(("10.0.0.1", "10.0.0.2"))})
    edge.loop.advance(1.0)
    got = client.take()
    assert statuses(got) == [503] and b"pending_timeout" in got  # nobody connected; the name is not to blame
    edge.end()


def test_a_name_without_an_address_is_not_asked_where_another_member_is_up() -> None:
    edge = Edge(endpoints=1)
    roster = ((edge.endpoints[0].key, usual.settings()), (EndpointKey("s", NAME, slot=5), usual.settings()))
    edge.service = Service("s", edge.service.members, roster, edge.service.balancer, edge.service.settings)
    edge.install(edge.listen(), generation=2)
    assert [one.name for one in edge.service.members.ready] == ["127.0.0.1:9000"]
    edge.plane.learn({"a.test": Answer((), NOT_FOUND, "does not exist")})
    assert [one.name for one in edge.service.members.ready] == ["127.0.0.1:9000"]
    edge.end()


def test_of_two_names_the_one_that_may_still_have_an_address_is_waited_for() -> None:
    edge = named(service={"attempts": 1})
    other = EndpointKey("s", Address("b.test", 9000), slot=5)
    edge.service.roster = (*edge.service.roster, (other, usual.settings()))
    edge.plane.learn({"b.test": Answer((), NOT_FOUND, "does not exist")})
    client = edge.client(GET)
    edge.plane.learn({"a.test": Answer(("10.0.0.1",))})
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_it_does_all_of_a_pool() -> None:
    theirs = [verb for verb in VERBS if verb not in ("put_back", "on_closed", "open_one")]  # it has no carrier
    assert not [verb for verb in theirs if verb not in vars(WaitingRoom)]
    edge = named()
    [room] = edge.service.members.ready
    assert repr(room.pool) == "<WaitingRoom a.test waiting=0>" and room.pool.pressing == 0
    edge.end()
