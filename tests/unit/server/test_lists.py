"""Members that are listed, in the plans of the supervisor, and the counters that they get."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

from fastgw.config.spec import EndpointSpec
from fastgw.core.settings import Address
from fastgw.server.lists import MemberLists
from fastgw.server.slots import Tables

ONE, TWO = (EndpointSpec(Address("10.0.0.1", number), 1) for number in (1, 2))


class Service(NamedTuple):
    name: str
    endpoints: tuple[EndpointSpec, ...] = ()
    discovery: Any = ()
    listed: tuple[EndpointSpec, ...] | None = None

    @property
    def members(self) -> tuple[EndpointSpec, ...]:
        return (*self.endpoints, *(self.listed or ()))


class Spec(NamedTuple):
    services: tuple[Service, ...]
    routes: tuple[Any, ...] = ()
    listeners: tuple[Any, ...] = ()


class Endpoints(NamedTuple):
    endpoints: dict[tuple[str, str], int]


def plan(*services: Service) -> Any:
    return SimpleNamespace(spec=Spec(services), slots=Endpoints({}), pieces=(b"",))


def test_a_plan_says_who_is_listed_now() -> None:
    lists = MemberLists(Tables(lambda: ()))
    one = plan(Service("x"), Service("y", (ONE,), None))
    assert not lists.complete(one)
    news = lists.learn({"x": (ONE, TWO), "y": (TWO,)}, None)
    assert [member.address for member in news["x"]] == [ONE.address, TWO.address]
    assert lists.complete(one) and not lists.complete(one)
    assert one.spec.services[0].listed == (ONE, TWO) and one.pieces == ()
    assert one.spec.services[1].listed is None  # whose members nobody lists
    assert [one.slots.endpoints["x", str(member.address)] for member in (ONE, TWO)] == [two.slot for two in news["x"]]
    lists.learn({"x": (TWO,)}, None)
    assert lists.complete(one) and one.spec.services[0].members == (TWO,)


def test_who_comes_back_has_the_counters_of_before() -> None:
    lists = MemberLists(Tables(lambda: ()))
    one = plan(Service("x"))
    [first] = lists.learn({"x": (ONE,)}, one)["x"]
    lists.learn({"x": (TWO,)}, one)
    [again] = lists.learn({"x": (ONE,)}, one)["x"]
    assert again.slot == first.slot


def test_services_that_are_gone_are_forgotten() -> None:
    lists = MemberLists(Tables(lambda: ()))
    lists.learn({"x": (ONE,), "y": (TWO,), "z": ()}, None)
    lists.retain(plan(Service("x"), Service("y", discovery=None)).spec)
    assert lists.known == {"x": (ONE,)}
