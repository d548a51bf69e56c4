"""A key that is there as long as its service: against leases as etcd keeps them, in time that passes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core.calls import Answered, CallError
from fastgw.core.settings import Url
from fastgw.core.sources import ClientTls
from fastgw.discovery.listing import listed
from fastgw.registration import register
from fastgw.registration.etcd import EtcdRegistry
from fastgw.registration.registering import Registration, entry_of, health_of, in_consul, in_etcd
from fastgw.registration.registry import RegisteredMember
from tests.support.leases import Leases
from tests.support.upstream import UpstreamServer
from tests.support.virtual import passes, run

TTL = 9
KEY = "/services/vision/10.0.0.5:9000"


class Health:
    """A service that answers some day."""

    def __init__(self, *answers: int | str, target: str = "/health") -> None:
        self.url = Url(False, "10.0.0.5", 9000, target)
        self.answers = list(answers)

    async def call(self, method: bytes) -> Answered:
        await passes(0.01)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise CallError("refused", answer)
        return Answered(answer, (), b"")

    async def reach(self) -> None:
        await self.call(b"GET")

    def close(self) -> None:
        pass


def registration(leases: Leases, told: list[str], health: Health | None = None, ttl: float = TTL) -> Registration:
    client: Any = leases
    asked: Any = health
    entry = RegisteredMember("vision", listed("10.0.0.5:9000"))
    registry = EtcdRegistry(client, "/services", ttl)
    return Registration(registry, entry, asked, chance=lambda: 0.5, tell=lambda _, what: told.append(what))


def played(work: Callable[[Leases, Registration], Any], health: Health | None = None, drain: float = 0.0) -> list[str]:
    """What is told."""
    told: list[str] = []

    async def whole() -> None:
        leases = Leases()
        one = registration(leases, told, health)
        async with one.running(drain):
            await work(leases, one)
        assert leases.keys == {} or not leases.is_up

    run(whole())
    return [one.removeprefix("vision/10.0.0.5:9000: ") for one in told]


def test_a_key_is_there_as_long_as_its_service() -> None:
    async def work(leases: Leases, one: Registration) -> None:
        assert not one.is_there
        await one.ready()
        for _ in range(100):
            await passes(TTL / 7)
            assert leases.keys == {KEY: "active"} and one.is_there
        assert (leases.grants, leases.puts) == (1, 1)

    assert played(work) == ["registered", "not registered any more"]


def test_it_is_healthy_before_it_is_said_to_be_there() -> None:
    health = Health("refused the connection", 503, 503, 204)

    async def work(leases: Leases, one: Registration) -> None:
        await passes(0.7)
        assert not leases.keys and len(health.answers) == 1
        await one.ready()
        assert leases.keys

    told = played(work, health)
    assert (
        told[0] == "not registered yet: refused the connection"
        and "answered 503" in told[1]
        and told[2] == "registered"
    )


def test_without_a_url_a_connection_is_enough() -> None:
    async def work(leases: Leases, one: Registration) -> None:
        await one.ready()

    assert "registered" in played(work, Health("refused", 500, target=""))


def test_at_the_end_the_key_goes_first_and_then_time_passes() -> None:
    async def whole() -> None:
        leases, told = Leases(), list[str]()
        time = asyncio.get_running_loop().time
        async with registration(leases, told).running(5.0):
            await passes(1)
            begin = time()
            asyncio.get_running_loop().call_later(0.1, lambda: told.append(str(leases.keys)))
        assert told[-1] == "{}" and 5 <= time() - begin < 5.1

    run(whole())


def test_a_lost_lease_is_another_lease_and_another_put() -> None:
    async def work(leases: Leases, one: Registration) -> None:
        await one.ready()
        for count in (2, 3):
            leases.wipe()
            await passes(TTL / 3 + 1)
            assert leases.keys == {KEY: "active"} and (leases.grants, leases.puts) == (count, count)

    assert "its lease is lost; it is put again" in played(work)


def test_an_outage_that_the_lease_outlives_is_only_told_of() -> None:
    async def work(leases: Leases, one: Registration) -> None:
        await one.ready()
        leases.is_up = False
        await passes(TTL / 2)
        leases.restart()
        await passes(TTL)
        assert leases.keys and leases.grants == 1

    told = played(work)
    assert told == [
        "registered",
        "cannot be renewed: nobody is there",
        "registered",
        "not registered any more",
    ]


def test_an_outage_longer_than_the_lease_ends_with_another() -> None:
    async def work(leases: Leases, one: Registration) -> None:
        await one.ready()
        leases.is_up = False
        await passes(10 * TTL)
        assert not one.is_there
        leases.is_up = True
        await passes(3)
        assert leases.keys and one.is_there and leases.grants == 2

    assert "not registered: nobody is there; it is tried again" in played(work)


def test_nobody_there_at_the_start_or_at_the_end_holds_nobody_up() -> None:
    async def at_the_start(leases: Leases, one: Registration) -> None:
        leases.is_up = False
        await passes(60)
        leases.is_up = True
        await passes(3)
        assert leases.keys

    async def at_the_end(leases: Leases, one: Registration) -> None:
        await one.ready()
        leases.is_up = False

    assert played(at_the_start)[:2] == ["not registered: nobody is there; it is tried again", "registered"]
    played(at_the_end)


def test_a_key_that_somebody_deletes_is_put_again_and_a_value_of_somebody_left_alone() -> None:
    async def work(leases: Leases, one: Registration) -> None:
        await one.ready()
        leases.delete()
        await passes(TTL / 3 + 1)
        assert leases.keys == {KEY: "active"} and leases.grants == 1
        leases.put(KEY, "draining")
        await passes(5 * TTL)
        assert leases.keys == {KEY: "draining"}

    played(work)  # and at the end that goes too


def test_a_successor_at_the_same_address_keeps_its_key() -> None:
    async def whole() -> None:
        leases, told = Leases(), list[str]()
        async with registration(leases, told).running(0.0):
            await passes(1)
            successor = asyncio.ensure_future(_stay(leases, told))
            await passes(1)
        assert leases.keys == {KEY: "active"}
        successor.cancel()
        await asyncio.gather(successor, return_exceptions=True)
        assert leases.keys == {}

    run(whole())


async def _stay(leases: Leases, told: list[str]) -> None:
    async with registration(leases, told).running(0.0):
        await asyncio.Event().wait()


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["down", "up", "restart", "wipe", "delete", "wait"]), st.floats(0, 20)), max_size=20
    )
)
def test_whatever_happens_it_is_there_in_the_end_and_gone_behind_it(steps: list[tuple[str, float]]) -> None:
    async def work(leases: Leases, one: Registration) -> None:
        for name, seconds in steps:
            if name in ("down", "up"):
                leases.is_up = name == "up"
            elif name in ("restart", "wipe"):
                getattr(leases, name)()
            elif name == "delete":
                leases.delete()
            await passes(seconds)
        leases.is_up = True
        await passes(TTL / 3 + 4)
        assert leases.keys == {KEY: "active"} and one.is_there

    played(work)


# --- what it is told


def test_where_health_is_asked() -> None:
    member = listed("[::1]:9000")
    assert health_of("", member).url == Url(False, "::1", 9000, "")
    assert health_of("/health?x", member).url == Url(False, "::1", 9000, "/health?x")
    assert health_of("http://10.0.0.9:81", member).url == Url(False, "10.0.0.9", 81, "/")
    assert health_of("https://a.test/h", member).url == Url(True, "a.test", 443, "/h")
    for wrong in ("health", "ftp://a/", "http:///x", "http://a/\r\nb"):
        with pytest.raises(ValueError):
            health_of(wrong, member)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "vision:80"},
        {"ttl": 1.0},
        {"ttl": float("nan")},
        {"weight": 0},
        {"prefix": "a"},
        {"etcd": "x"},
        {"health": "x"},
        {"service": "a/b"},
        {"token": "secret"},
        {"tags": ["gpu"]},
        {"consul": "http://127.0.0.1:1"},
        {"etcd": "", "consul": "x"},
        {"etcd": (), "consul": "http://127.0.0.1:1", "user": "me"},
        {"etcd": (), "consul": "http://127.0.0.1:1", "metadata": {"a b": "c"}},
    ],
)
def test_wrong_arguments_are_said_to_be(wrong: dict[str, Any]) -> None:
    async def whole() -> None:
        given = {"service": "vision", "address": "10.0.0.5:9000", "etcd": "http://127.0.0.1:1", **wrong}
        async with register(**given):
            raise AssertionError("it is taken")

    with pytest.raises(ValueError):
        run(whole())


def test_etcd_that_is_not_there_is_logged_and_stops_no_service(
    service: Callable[..., UpstreamServer], caplog: pytest.LogCaptureFixture
) -> None:
    one = service()
    etcd = service()  # answers everything with JSON, but grants no lease

    async def whole() -> None:
        async with register("vision", one.address, f"http://{etcd.address}", drain=0.0) as registration:
            while not caplog.records:
                await asyncio.sleep(0)
            assert not registration.is_there

    asyncio.run(whole())
    assert "granted no lease; it is tried again" in caplog.text and f"vision/{one.address}" in caplog.text


def test_what_may_not_be_registered_in_one_registry_may_be_in_another() -> None:
    member = listed("10.0.0.5:9000", metadata={"gpu type": "h100"})
    consul = in_consul("http://a", 10, "", (), ClientTls())
    etcd = in_etcd("http://a", "/services", 10, "", "", ClientTls())
    assert entry_of(etcd, "vision", member) == RegisteredMember("vision", member)
    with pytest.raises(ValueError, match="no name of metadata in Consul"):
        entry_of(consul, "vision", member)
