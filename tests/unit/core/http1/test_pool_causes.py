"""Connections that cannot be opened for want of something of ours, and what is told of an endpoint."""

from __future__ import annotations

import errno

from fastgw.core import counters
from fastgw.core.live.troubles import QUIET_SECONDS
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, statuses


def test_want_of_descriptors_lets_wait_while_there_are_connections() -> None:
    edge = Edge()
    first, service = edge.pair()
    second = edge.client(GET)
    edge.refuse(OSError(errno.EMFILE, "too many open files"))
    assert second.take() == b""  # it gets the one that becomes free
    service.feed(OK)
    service.feed(OK)
    assert statuses(first.take()) == statuses(second.take()) == [200]
    edge.end()


def test_want_of_descriptors_without_a_connection_is_a_failure() -> None:
    edge = Edge()
    client = edge.client(GET)
    edge.refuse(OSError(errno.EMFILE, "too many open files"))
    got = client.take()
    assert statuses(got) == [503] and b"no_resources" in got
    assert (edge.of_route(counters.ROUTE_FAULT_INTERNAL), edge.of_route(counters.ROUTE_FAULT_UPSTREAM)) == (1, 0)
    [line] = edge.failures()
    assert (line["cause"], line["fault"]) == ("no_resources", "internal")
    edge.end()


def test_who_waits_in_vain_for_want_of_descriptors_is_not_told_that_the_service_is_slow() -> None:
    edge = Edge(pool=usual.pool(pending_timeout=3))
    edge.pair()
    second = edge.client(GET)
    edge.refuse(OSError(errno.EMFILE, "too many open files"))
    edge.loop.advance(3.3)
    got = second.take()
    assert statuses(got) == [503] and b"no_resources" in got
    assert (edge.of_route(counters.ROUTE_FAULT_INTERNAL), edge.of_route(counters.ROUTE_FAULT_UPSTREAM)) == (1, 0)
    edge.end()


def test_a_want_that_is_over_is_forgotten() -> None:
    edge = Edge(pool=usual.pool(pending_timeout=3, max_connections=2))
    edge.pair()
    edge.client(GET)
    edge.refuse(OSError(errno.EMFILE, "too many open files"))
    edge.client(GET)
    edge.connect()
    third = edge.client(GET)
    edge.loop.advance(3.3)
    assert b"pending_timeout" in third.take()
    edge.end()


def test_an_endpoint_that_works_again_is_told_with_how_long_it_did_not() -> None:
    edge = Edge()
    for _ in range(2):
        edge.client(GET)
        edge.refuse()
        edge.loop.advance(1.0)
    _, service = edge.pair()
    service.feed(OK)
    edge.loop.advance(QUIET_SECONDS + 0.5)
    assert len(edge.failures()) == 1
    [line] = edge.events("an endpoint works again")
    assert (line["cause"], line["failures"], line["seconds"]) == ("connect_refused", 2, 2.0)
    assert edge.endpoints[0].troubles is None
    edge.end()


def test_a_connection_that_nobody_waited_for_and_fails_is_told_too() -> None:
    edge = Edge(pool=usual.pool(warm=1))
    edge.refuse()
    [line] = edge.failures()
    assert line["cause"] == "connect_refused"
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0  # no request did
    edge.end()


def test_a_broken_answer_is_over_with_a_good_one_and_not_with_a_connection() -> None:
    edge = Edge()
    _, service = edge.pair()
    service.feed(b"SSH-2.0-x\r\n")
    client, service = edge.pair()
    edge.loop.advance(QUIET_SECONDS + 0.5)
    assert not edge.events("an endpoint works again")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.loop.advance(0.5)
    [line] = edge.events("an endpoint works again")
    assert (line["cause"], line["failures"]) == ("bad_answer", 1)
    edge.end()
