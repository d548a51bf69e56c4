"""Requests go to members that have the model, and to nobody else as long as one of these is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.balancers import RoundRobin
from fastgw.policy.having import Having, ModelTable, ModelTables
from tests.support.chats import Member

A, B, C = Member("a:1"), Member("b:1"), Member("c:1")


def stage(
    lists: dict[str, tuple[str, ...]], ready: tuple[Member, ...] = (A, B, C)
) -> tuple[Having, Any, ModelTable, list[Any]]:
    table = ModelTable()
    table.learn(lists)
    members = SimpleNamespace(all=(A, B, C), ready=ready, judge=None)
    made: list[Any] = []

    def make(some: Any) -> Any:
        made.append(some)
        balancer = RoundRobin()
        return lambda candidates, _: balancer.pick(candidates)

    return Having(table, members, make, lambda candidates, _: candidates[-1]), members, table, made


def fresh(*tried: Member) -> Any:
    return SimpleNamespace(tried=tried)


def test_those_that_have_it_in_turns() -> None:
    having, members, table, made = stage({"a:1": ("base", "lora"), "b:1": ("base", "lora"), "c:1": ("base",)})
    assert [having.pick(members.ready, "lora", fresh()) for _ in range(4)] == [A, B, A, B]
    assert {having.pick(members.ready, "base", fresh()) for _ in range(6)} == {A, B, C}
    assert having.pick(members.ready, "other", fresh()) is C  # whoever it is, he knows
    assert len(made) == 2 and table.names == ("base", "lora")
    table.learn({"a:1": ("base", "lora"), "b:1": ("base", "lora"), "c:1": ("base",)})
    having.pick(members.ready, "lora", fresh())
    assert len(made) == 2  # nothing is new
    table.learn({"c:1": ("lora",)})
    assert having.pick(members.ready, "lora", fresh()) is C and having.pick(members.ready, "base", fresh()) is C


def test_who_is_not_ready_is_asked_only_if_nobody_else_has_it() -> None:
    having, members, _, _ = stage({"a:1": ("lora",), "b:1": ("lora",)}, ready=(B, C))
    assert {having.pick(members.ready, "lora", fresh()) for _ in range(4)} == {B}
    members.ready = (C,)
    assert having.pick(members.ready, "lora", fresh()) is A  # its error says more than that C does not have it
    members.all = (C,)
    assert having.pick(members.ready, "lora", fresh()) is C


def test_another_try_goes_to_another_that_has_it_or_to_the_same() -> None:
    having, _, _, _ = stage({"a:1": ("lora",), "b:1": ("lora",)})
    assert having.pick((B, C), "lora", fresh(A)) is B
    assert having.pick((C,), "lora", fresh(A, B)) is B
    assert {having.pick((A, B), "lora", fresh(C)) for _ in range(4)} == {A, B}


def test_services_are_apart_and_forgotten() -> None:
    tables = ModelTables()
    tables.of("x").learn({"a:1": ("m",)})
    assert tables.of("x").names == ("m",) and tables.of("y").names == ()
    tables.retain(["y"])
    assert tables.of("x").names == ()


@pytest.mark.parametrize("seed", range(3))
@given(st.dictionaries(st.sampled_from(["a:1", "b:1", "c:1"]), st.lists(st.sampled_from("mno"), max_size=3)))
def test_nobody_without_it_is_asked(seed: int, lists: dict[str, list[str]]) -> None:
    having, members, _, _ = stage({place: tuple(names) for place, names in lists.items()}, ready=(A, B, C)[seed:])
    for model in "mno":
        one = having.pick(members.ready, model, fresh())
        if any(model in names for names in lists.values()):
            assert model in lists[one.place]
