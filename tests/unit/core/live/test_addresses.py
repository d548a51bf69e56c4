"""The addresses of an endpoint: which there are, in which order they are asked, what is told of them."""

from __future__ import annotations

import errno
import socket

import pytest

from fastgw.core import counters
from fastgw.core.live.addresses import FAILING, MOST, NOT_FOUND, SILENT, USED, Answer, Place, Standing
from fastgw.core.settings import Address
from tests.support import usual
from tests.support.edge import Edge

NAME = Address("a.test", 80)


def hosts(edge: Edge) -> list[str]:
    return [place.address.host for place in usual.endpoint(edge.plane.registry, "s", NAME, slot=3).addresses.places]


def test_an_address_without_a_name_is_the_only_one_and_known_from_the_start() -> None:
    edge = Edge()
    for address in (Address("10.0.0.1", 80), Address("::1", 80), Address(path="/run/x.sock")):
        addresses = usual.endpoint(edge.plane.registry, "s", address).addresses
        assert [place.address for place in addresses.places] == [address]
        assert addresses.problem is None and not addresses.is_named


def test_a_name_has_the_addresses_that_were_found() -> None:
    edge = Edge()
    endpoint = usual.endpoint(edge.plane.registry, "s", NAME, slot=3)
    assert hosts(edge) == [] and endpoint.addresses.problem is None
    edge.plane.learn({"a.test": Answer(("10.0.0.1", "::1")), "b.test": Answer(("10.0.0.9",))})
    assert hosts(edge) == ["10.0.0.1", "::1"]
    assert [str(place.address) for place in endpoint.addresses.places] == ["10.0.0.1:80", "[::1]:80"]


def test_what_is_known_already_holds_for_a_new_endpoint() -> None:
    edge = Edge()
    edge.plane.learn({"a.test": Answer(("10.0.0.1",))})
    assert hosts(edge) == ["10.0.0.1"]


def test_only_so_many_addresses_are_used() -> None:
    edge = Edge()
    edge.plane.learn({"a.test": Answer(tuple(f"10.0.0.{place}" for place in range(MOST + 5)))})
    assert len(hosts(edge)) == MOST


def test_the_one_that_worked_last_is_first_whatever_order_is_told() -> None:
    edge = Edge()
    edge.plane.learn({"a.test": Answer(("10.0.0.1", "10.0.0.2", "10.0.0.3"))})
    addresses = usual.endpoint(edge.plane.registry, "s", NAME, slot=3).addresses
    addresses.worked(addresses.places[1])
    assert hosts(edge) == ["10.0.0.2", "10.0.0.1", "10.0.0.3"]
    edge.plane.learn({"a.test": Answer(("10.0.0.4", "10.0.0.1", "10.0.0.2"))})
    assert hosts(edge) == ["10.0.0.2", "10.0.0.4", "10.0.0.1"]


def test_an_address_that_the_name_lost_is_gone_and_others_keep_what_is_known_of_them() -> None:
    edge = Edge()
    edge.plane.learn({"a.test": Answer(("10.0.0.1", "10.0.0.2"))})
    addresses = usual.endpoint(edge.plane.registry, "s", NAME, slot=3).addresses
    one, two = addresses.places
    edge.plane.learn({"a.test": Answer(("10.0.0.2", "10.0.0.3"))})
    assert one.is_gone and not two.is_gone
    assert addresses.places[0] is two
    addresses.worked(one)  # a connection that was being opened meanwhile
    assert hosts(edge) == ["10.0.0.2", "10.0.0.3"]


def test_a_change_is_told_once() -> None:
    edge = Edge()
    told: list[Standing] = []
    edge.plane.on_standing = told.append
    edge.plane.learn({"a.test": Answer(("10.0.0.1", "10.0.0.2"))})
    addresses = usual.endpoint(edge.plane.registry, "s", NAME, slot=3).addresses
    one, two = addresses.places
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    addresses.failed(one, refused)
    addresses.failed(one, refused)
    addresses.worked(two)
    addresses.worked(two)
    assert told == [
        Standing("s", "a.test:80", "10.0.0.1:80", FAILING, "connect_refused", "Connection refused"),
        Standing("s", "a.test:80", "10.0.0.2:80", USED),
    ]
    assert edge.of_endpoint(counters.ENDPOINT_ADDRESS_FAILURES, 3) == 2
    edge.plane.learn({"a.test": Answer(("10.0.0.2",))})
    addresses.failed(one, TimeoutError())
    assert len(told) == 2


@pytest.mark.parametrize(
    ("answer", "status", "code", "said"),
    [
        (Answer((), NOT_FOUND, "does not exist"), 502, "name_not_found", "a.test does not exist"),
        (Answer((), SILENT, "was not answered for"), 504, "name_timeout", "no name server has answered"),
        (Answer((), "failed", "cannot be looked up: SERVFAIL"), 502, "name_failed", "a.test cannot be looked up"),
    ],
)
def test_why_there_is_none(answer: Answer, status: int, code: str, said: str) -> None:
    edge = Edge()
    edge.plane.learn({"a.test": answer})
    problem = usual.endpoint(edge.plane.registry, "s", NAME, slot=3).addresses.problem
    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    assert said in problem.reason
    assert "a.test" not in problem.detail  # which is for clients


@pytest.mark.parametrize(
    ("address", "family", "target"),
    [
        (Address("127.0.0.1", 80), socket.AF_INET, ("127.0.0.1", 80)),
        (Address("::1", 80), socket.AF_INET6, ("::1", 80, 0, 0)),
        (Address(path="/run/x.sock"), socket.AF_UNIX, "/run/x.sock"),
    ],
)
def test_target(address: Address, family: int, target: object) -> None:
    place = Place(address)
    assert place.target == (family, target)
    assert repr(place) == f"<Place {address} untried>"


def test_names_that_no_endpoint_has_are_forgotten_with_the_next_configuration() -> None:
    edge = Edge()
    edge.plane.learn({"a.test": Answer(("10.0.0.1",))})
    edge.install(edge.listen(), generation=2)
    assert edge.plane.names == {}


def test_an_address_is_not_to_blame_for_what_we_have_run_out_of() -> None:
    edge = Edge()
    told: list[Standing] = []
    edge.plane.on_standing = told.append
    edge.plane.learn({"a.test": Answer(("10.0.0.1",))})
    addresses = usual.endpoint(edge.plane.registry, "s", NAME, slot=3).addresses
    addresses.failed(addresses.places[0], OSError(errno.EMFILE, "too many open files"))
    assert told == []
    assert edge.of_endpoint(counters.ENDPOINT_ADDRESS_FAILURES, 3) == 1
