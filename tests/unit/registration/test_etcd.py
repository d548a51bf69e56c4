"""Entries as keys of etcd with one lease, against leases as etcd keeps them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fastgw.discovery.etcd import entry
from fastgw.discovery.etcd_client import EtcdError
from fastgw.discovery.listing import listed
from fastgw.registration.etcd import EtcdRegistry, endpoints, value_of
from fastgw.registration.registry import LostError, RegisteredMember
from tests.support.leases import Leases
from tests.support.virtual import passes, run

ENTRIES = [RegisteredMember("vision", listed(f"10.0.{number // 200}.{number % 200 + 1}:80")) for number in range(250)]


def registry(leases: Leases, mark: str = "", ttl: float = 9) -> EtcdRegistry:
    client: Any = leases
    return EtcdRegistry(client, "/services/", ttl, mark)


def play(story: Callable[[Leases, EtcdRegistry], Awaitable[None]]) -> None:
    async def whole() -> None:
        leases = Leases()
        await story(leases, registry(leases))

    run(whole())


def test_many_entries_have_one_lease() -> None:
    async def story(leases: Leases, one: EtcdRegistry) -> None:
        assert one.mark() == ""
        await one.put(ENTRIES)
        assert (leases.grants, len(leases.keys)) == (1, 250)
        assert leases.asked == ["/v3/lease/grant"] + ["/v3/kv/txn"] * 3
        for _ in range(5):
            await passes(3)
            assert await one.renew(ENTRIES) == []
        assert len(leases.keys) == 250
        await one.remove([two.name for two in ENTRIES[1:]])
        assert leases.keys == {"/services/vision/10.0.0.1:80": "active"}
        await one.leave([ENTRIES[0].name])
        assert leases.keys == {} and leases.leases == 0 and one.mark() == ""

    play(story)


def test_what_somebody_takes_away_is_said_and_what_somebody_changes_is_not() -> None:
    async def story(leases: Leases, one: EtcdRegistry) -> None:
        await one.put(ENTRIES[:3])
        del leases._keys["/services/vision/10.0.0.2:80"]
        leases.put("/services/vision/10.0.0.3:80", "draining")
        assert await one.renew(ENTRIES[:3]) == [ENTRIES[1]]
        await one.remove([ENTRIES[2].name])  # which is ours to take away, whoever gave it a value
        await one.put(ENTRIES[1:2])
        leases.put("/services/vision/10.0.0.2:80", "draining")
        assert set(leases.keys) == {f"/services/vision/10.0.0.{number}:80" for number in (1, 2)}
        await one.leave([two.name for two in ENTRIES[:2]])
        assert leases.keys == {}

    play(story)


def test_a_lease_that_is_lost_is_said_to_be() -> None:
    async def story(leases: Leases, one: EtcdRegistry) -> None:
        for ask in (one.renew, one.put):
            await one.put(ENTRIES[:1])
            leases.wipe()
            with pytest.raises(LostError, match="its lease is lost"):
                await ask(ENTRIES[:1])
            assert one.mark() == ""
        leases.is_up = False
        await one.remove(())  # nothing is asked
        with pytest.raises(EtcdError, match="nobody is there"):
            await one.put(ENTRIES[:1])

    play(story)


def test_a_successor_takes_over_by_the_mark_or_puts_its_own() -> None:
    async def story(leases: Leases, one: EtcdRegistry) -> None:
        await one.put(ENTRIES[:2])
        heir = registry(leases, one.mark())
        assert await heir.renew(ENTRIES[:2]) == [] and leases.grants == 1
        await heir.remove([ENTRIES[0].name])
        assert list(leases.keys) == ["/services/vision/10.0.0.2:80"]
        other = registry(leases)
        await other.put(ENTRIES[1:2])
        await heir.leave([ENTRIES[1].name])  # the key is another's now
        assert list(leases.keys) == ["/services/vision/10.0.0.2:80"] and leases.leases == 1
        await heir.remove([ENTRIES[1].name])
        assert leases.keys

    play(story)


def test_who_renews_takes_over_before_the_lease_of_somebody_else_ends() -> None:
    async def story(leases: Leases, one: EtcdRegistry) -> None:
        await one.put(ENTRIES[:2])
        other = registry(leases)
        await other.put(ENTRIES[:2])  # its owner now
        for _ in range(5):
            await passes(3)
            assert await one.renew(ENTRIES[:2]) == [] == await other.renew(ENTRIES[:2])
        assert leases.puts == 4  # who is renewed is left alone
        for _ in range(5):  # the other one is gone
            await passes(3)
            assert len(leases.keys) == 2
            assert await one.renew(ENTRIES[:2]) == []
        assert leases.puts == 6 and leases.leases == 1

    play(story)


def test_a_lease_that_cannot_be_revoked_is_still_ours() -> None:
    async def story(leases: Leases, one: EtcdRegistry) -> None:
        await one.put(ENTRIES[:1])
        leases.is_up = False
        with pytest.raises(EtcdError):
            await one.leave([ENTRIES[0].name])
        leases.is_up = True
        assert one.mark()
        await one.leave([ENTRIES[0].name])
        assert not leases.keys
        await one.leave([ENTRIES[0].name])

    play(story)


class Silent(Leases):
    async def ask(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        return {"ID": "0"} if path.endswith("grant") else {"responses": "none", "result": {"TTL": "9"}}


def test_answers_that_are_none() -> None:
    async def whole() -> None:
        with pytest.raises(EtcdError, match="granted no lease"):
            await registry(Silent()).put(ENTRIES[:1])
        with pytest.raises(EtcdError, match="did not say which keys"):
            await registry(Silent(), "7").renew(ENTRIES[:1])

    run(whole())


def test_what_is_put_is_what_a_gateway_reads() -> None:
    plain = listed("10.0.0.5:9000")
    more = listed("[2001:db8::5]:80", 3, "eu", {"version": "1.10", "gpu": "h100"})
    one = registry(Leases())
    assert (one.key(RegisteredMember("vision", plain).name), value_of(plain)) == (
        "/services/vision/10.0.0.5:9000",
        "active",
    )
    for member in (plain, more):
        key = one.key(RegisteredMember("vision", member).name).encode()
        assert entry(key, key.rpartition(b"/")[2], value_of(member).encode()) == member
    assert json.loads(value_of(more))["version"] == "1.10"
    assert str(one) == "etcd http://etcd /services" and str(EtcdRegistry(Leases(), "/", 9)).endswith(" /")  # type: ignore[arg-type]


def test_endpoints_of_etcd() -> None:
    wanted = ((False, "a", 1), (True, "b", 2379))
    assert endpoints("http://a:1, https://b/") == wanted == endpoints(["http://a:1", "https://b"])
    for wrong in ("", "a:2379", []):
        with pytest.raises(ValueError, match="endpoint of etcd"):
            endpoints(wrong)


def test_what_can_be_no_registry() -> None:
    with pytest.raises(ValueError, match="begin with a slash"):
        EtcdRegistry(Leases(), "services", 9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time to live"):
        registry(Leases(), ttl=1)
    assert registry(Leases(), ttl=2.5).ttl == 3
