"""Entries that are there as long as somebody wants them: against leases as etcd keeps them, in time that passes at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.discovery.listing import listed
from fastgw.registration.etcd import EtcdRegistry
from fastgw.registration.keeping import Registrar
from fastgw.registration.registry import RegisteredMember
from tests.support.leases import Leases
from tests.support.virtual import passes, run

TTL = 9


def entry(number: int, weight: int = 1) -> RegisteredMember:
    return RegisteredMember("vision", listed(f"10.0.0.{number}:80", weight))


def registrar(leases: Leases, told: list[str], **more: Any) -> Registrar:
    client: Any = leases
    mark = more.pop("mark", "")
    registry = EtcdRegistry(client, "/s", TTL, mark)
    return Registrar(registry, chance=lambda: 0.5, tell=lambda _, what: told.append(what), **more)


def numbers(leases: Leases) -> dict[int, str]:
    return {int(key.rpartition(".")[2].removesuffix(":80")): value for key, value in leases.keys.items()}


def play(story: Callable[[Leases, Registrar], Awaitable[None]]) -> list[str]:
    """What is told."""
    told: list[str] = []

    async def whole() -> None:
        leases = Leases()
        one = registrar(leases, told)
        async with one.running():
            await story(leases, one)
        assert leases.keys == {} or not leases.is_up

    run(whole())
    return told


def test_what_is_wanted_is_followed() -> None:
    async def story(leases: Leases, one: Registrar) -> None:
        await one.settled()
        assert leases.asked == [] and one.there == ()
        one.want([entry(1), entry(2)])
        assert not one.is_settled
        await one.settled()
        assert numbers(leases) == {1: "active", 2: "active"} and leases.grants == 1
        one.want([entry(2, weight=3), entry(3)])
        await one.settled()
        assert numbers(leases).keys() == {2, 3} and '"weight": 3' in numbers(leases)[2]
        assert set(one.there) == {entry(2, weight=3), entry(3)} == set(one.wanted.values())
        one.want([entry(2, weight=3), entry(3)])
        assert one.is_settled and leases.puts == 4
        one.want([])
        await one.settled()
        assert not leases.keys and leases.leases == 0
        await passes(10 * TTL)
        one.want([entry(1)])
        await one.settled()
        await passes(10 * TTL)
        assert numbers(leases) == {1: "active"} and leases.grants == 2 and one.errors == one.losses == 0

    assert play(story) == [
        "registered",
        "not registered any more",
        "registered",
        "not registered any more",
    ]


def test_renewals_are_few_and_begin_where_something_is() -> None:
    async def story(leases: Leases, one: Registrar) -> None:
        one.want([entry(number) for number in range(1, 51)])
        await one.settled()
        await passes(TTL - 0.1)
        assert leases.asked[2:] == ["/v3/lease/keepalive", "/v3/kv/txn"] * 2

    play(story)


def test_what_is_taken_away_is_put_again_and_the_rest_is_left_alone() -> None:
    async def story(leases: Leases, one: Registrar) -> None:
        one.want([entry(1), entry(2), entry(3)])
        await one.settled()
        leases.put("/s/vision/10.0.0.3:80", "draining")
        del leases._keys["/s/vision/10.0.0.1:80"]
        await passes(TTL / 3 + 1)
        assert numbers(leases) == {1: "active", 2: "active", 3: "draining"} and one.losses == 1
        leases.delete()
        await passes(TTL / 3 + 1)
        assert numbers(leases).keys() == {1, 2, 3}

    told = play(story)
    assert told[1] == "vision/10.0.0.1:80 was taken away; it is put again"
    assert told[3] == "vision/10.0.0.2:80 and 2 more were taken away; they are put again"


def test_an_outage_has_a_cause_while_it_lasts() -> None:
    async def story(leases: Leases, one: Registrar) -> None:
        one.want([entry(1)])
        await one.settled()
        leases.is_up = False
        await passes(TTL / 2)
        assert one.cause == "refused" and one.there and one.is_settled and one.errors
        one.want([entry(1), entry(2)])
        await passes(1)
        assert not one.is_settled and one.there == (entry(1),)
        await passes(TTL)
        assert one.there == ()
        leases.is_up = True
        await passes(5)
        assert one.cause == one.detail == "" and one.is_settled and one.losses == 1
        assert numbers(leases).keys() == {1, 2}

    told = play(story)
    for words in (
        "cannot be renewed: nobody is there",
        "cannot be changed: nobody is there; it is tried again",
        "not registered: nobody is there; it is tried again",
    ):
        assert words in told


def test_what_was_perhaps_put_is_taken_away_if_it_is_not_wanted_any_more() -> None:
    async def story(leases: Leases, one: Registrar) -> None:
        one.want([entry(1)])
        await one.settled()
        leases.is_slow = True
        one.want([entry(1), entry(2, weight=5)])
        await passes(0.5)
        assert numbers(leases).keys() == {1, 2}
        one.want([entry(1)])
        leases.is_slow = False
        await passes(3)
        assert numbers(leases) == {1: "active"} and one.is_settled

    play(story)


def test_an_heir_goes_on_where_its_predecessor_stood() -> None:
    async def whole() -> None:
        leases, told = Leases(), list[str]()
        old = registrar(leases, told)
        async with old.running():
            old.want([entry(1), entry(2)])
            await old.settled()
            heir = registrar(leases, told, there=old.there, mark=old.registry.mark())
            async with heir.running():
                heir.want([entry(2), entry(3)])
                await heir.settled()
                assert numbers(leases).keys() == {2, 3} and leases.grants == 1
                assert (leases.puts, one_renewal(leases)) == (3, True)
                await heir.leave(but=[entry(2).name])

    run(whole())


def one_renewal(leases: Leases) -> bool:
    return leases.asked.count("/v3/lease/keepalive") == 1


def test_an_error_of_ours_is_nothing_of_the_registry() -> None:
    class Broken(EtcdRegistry):
        async def put(self, entries: Any) -> None:
            raise KeyError("ours")

    async def whole() -> None:
        client: Any = Leases()
        one = Registrar(Broken(client, "/s", TTL))
        one.want([entry(1)])
        with pytest.raises(KeyError):
            await one.keep()

    run(whole())


STEPS = st.sampled_from(["down", "up", "slow", "quick", "restart", "wipe", "delete", "wait", "want", "want", "want"])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(STEPS, st.floats(0, 20), st.sets(st.integers(1, 4))), max_size=15), st.sets(st.integers(1, 4))
)
def test_whatever_happens_there_is_in_the_end_what_is_wanted(
    steps: list[tuple[str, float, set[int]]], last: set[int]
) -> None:
    async def story(leases: Leases, one: Registrar) -> None:
        for name, seconds, some in steps:
            if name in ("down", "up"):
                leases.is_up = name == "up"
            elif name in ("slow", "quick"):
                leases.is_slow = name == "slow"
            elif name == "want":
                one.want([entry(number, int(seconds) + 1) for number in some])
            elif name != "wait":
                getattr(leases, name)()
            await passes(seconds)
        leases.is_up, leases.is_slow = True, False
        one.want([entry(number) for number in last])
        await passes(TTL + 5)  # and what a lost answer has granted is over
        assert numbers(leases) == dict.fromkeys(last, "active") and one.is_settled
        assert leases.leases == bool(last)

    play(story)
