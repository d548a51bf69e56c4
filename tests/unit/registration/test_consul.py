"""Entries as services of an agent of Consul, of a stand-in that keeps the documented rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fastgw.core.sources import AgentSettings, ClientTls, ConsulSettings, RegistryUrl
from fastgw.discovery.consul import ConsulSource
from fastgw.discovery.listing import ListedMember, Listing, SourceError, listed
from fastgw.registration import register
from fastgw.registration.consul import ConsulRegistry, check_id, meta_of, odd_names, service_id
from fastgw.registration.registry import RegisteredMember
from tests.support.consul import Consul
from tests.support.upstream import UpstreamServer

MORE = {"version": "2.1", "gpu": "h100"}
ONE = RegisteredMember("web", listed("10.0.0.5:80"))
TWO = RegisteredMember("web", listed("[2001:db8::5]:80", 3, "eu-1", MORE))


def registry(consul: Consul, ttl: float = 9, mark: str = "", **more: Any) -> ConsulRegistry:
    return ConsulRegistry(AgentSettings(RegistryUrl(*consul.endpoint), **more), ttl, mark)


def play(story: Callable[[Consul, ConsulRegistry], Awaitable[None]], token: str = "") -> None:
    async def whole() -> None:
        async with Consul(token) as consul:
            one = registry(consul, token=token, tags=("gpu", "v2"))
            with one.used():
                await story(consul, one)

    asyncio.run(whole())


async def members(consul: Consul, *tags: str) -> list[ListedMember]:
    """Those that our own source lists."""
    found: asyncio.Queue[Listing] = asyncio.Queue()
    task = asyncio.ensure_future(ConsulSource(ConsulSettings(consul.endpoint, "web", tags)).watch(found.put_nowait))
    try:
        return list((await asyncio.wait_for(found.get(), 10)).members)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def addresses(consul: Consul) -> list[str]:
    return [str(one.address) for one in await members(consul)]


def test_what_is_registered_is_discovered() -> None:
    async def story(consul: Consul, one: ConsulRegistry) -> None:
        await one.put([ONE, TWO])
        metadata = tuple(sorted({**MORE, "zone": "eu-1", "node": "node-1"}.items()))
        assert await members(consul, "v2") == [
            ListedMember(ONE.member.address, 1, "", (("node", "node-1"),)),
            ListedMember(TWO.member.address, 3, "eu-1", metadata),
        ]
        assert await members(consul, "v3") == []
        await one.put([TWO._replace(member=TWO.member._replace(weight=7))])
        assert [member.weight for member in await members(consul)] == [1, 7]
        await one.remove([ONE.name])
        assert await addresses(consul) == ["[2001:db8::5]:80"]
        await one.leave([TWO.name, ONE.name])  # which is gone already
        assert await addresses(consul) == []

    play(story)


def test_nobody_who_is_not_renewed_passes() -> None:
    async def story(consul: Consul, one: ConsulRegistry) -> None:
        await one.put([ONE])
        for _ in range(5):
            consul.advance(8.9)
            assert await one.renew([ONE]) == [] and await addresses(consul)
        consul.advance(9.1)
        assert await addresses(consul) == []
        assert await one.renew([ONE]) == [] and await addresses(consul)  # it was away for a while
        consul.advance(9.1)
        consul.advance(60)
        assert await one.renew([ONE]) == [ONE]  # the agent has taken it away

    play(story)


@pytest.mark.parametrize("is_old", [False, True])
def test_an_agent_that_has_forgotten_all_says_so(is_old: bool) -> None:
    async def story(consul: Consul, one: ConsulRegistry) -> None:
        consul.is_old = is_old
        await one.put([ONE, TWO])
        consul.forget()
        assert await one.renew([ONE, TWO]) == [ONE, TWO]
        await one.remove([ONE.name])
        await one.put([ONE])
        assert await addresses(consul) == ["10.0.0.5:80"]

    play(story)


def test_a_successor_at_the_same_address_keeps_its_service() -> None:
    async def story(consul: Consul, one: ConsulRegistry) -> None:
        await one.put([ONE, TWO])
        successor, heir = registry(consul), registry(consul, mark=one.mark())
        assert heir.mark() == one.mark() != successor.mark()
        with successor.used(), heir.used():
            await successor.put([ONE])
            await one.leave([ONE.name])
            assert len(await addresses(consul)) == 2
            await heir.leave([TWO.name])
            assert await addresses(consul) == ["10.0.0.5:80"]
            consul.advance(20)  # and it is not passing any more
            await one.leave([ONE.name])
            await successor.leave([ONE.name])
            assert consul.said[-1] == "PUT service/deregister/web%4010.0.0.5%3A80"

    play(story)


def test_who_may_not_is_told_what_is_needed() -> None:
    async def story(consul: Consul, one: ConsulRegistry) -> None:
        await one.put([ONE])
        assert consul.tokens[-1] == "s3cret"
        for token in ("", "wrong", "a\nb"):
            other = registry(consul, token=token)
            with pytest.raises(SourceError) as caught:
                await other.put([ONE])
            assert caught.value.cause == "denied" and (token == "" or token not in caught.value.detail)
            for ask in (other.renew, lambda _, other=other: other.remove([ONE.name])):
                with pytest.raises(SourceError, match="service:write" if token != "a\nb" else "cannot be sent"):
                    await ask([ONE])
        assert "answered 403: Permission denied" in (await refused(registry(consul))).detail

    play(story, token="s3cret")


async def refused(one: ConsulRegistry) -> SourceError:
    with one.used(), pytest.raises(SourceError) as caught:
        await one.put([ONE])
    return caught.value


def test_what_is_wrong_has_a_cause() -> None:
    async def story(consul: Consul, one: ConsulRegistry) -> None:
        await one.put([ONE])
        consul.has_leader = False
        for ask in (one.put, one.renew):
            with pytest.raises(SourceError, match="No cluster leader") as caught:
                await ask([ONE])
            assert caught.value.cause == "unavailable"
        consul.has_leader = True
        odd = ONE._replace(member=ONE.member._replace(metadata=(("a b", "c"), ("d", "e"), ("long", "x" * 600))))
        with pytest.raises(SourceError, match="Invalid Service Meta") as caught:
            await one.put([odd])
        assert caught.value.cause == "rejected"
        await consul.__aexit__()
        assert (await refused(registry(consul))).cause == "refused"
        await consul.__aenter__()
        tls = RegistryUrl(True, "127.0.0.1", consul.port)
        assert (await refused(ConsulRegistry(AgentSettings(tls), 9))).cause == "tls"
        missing = AgentSettings(tls, tls=ClientTls(ca="/nowhere.pem"))
        assert (await refused(ConsulRegistry(missing, 9))).cause == "tls"

    play(story)


def test_something_that_is_no_agent(service: Callable[..., UpstreamServer]) -> None:
    async def whole() -> None:
        server = service()
        host, _, port = server.address.rpartition(":")
        one = ConsulRegistry(AgentSettings(RegistryUrl(False, host, int(port))), 9)
        with one.used():
            await one.remove([ONE.name])  # it says 200 and names no check of ours: so nothing is taken away
        assert [request.method for request in server.requests] == [b"GET"]

    asyncio.run(whole())


def test_names_and_bounds() -> None:
    assert service_id(TWO.name) == "web@[2001:db8::5]:80" and check_id(ONE.name) == "service:web@10.0.0.5:80"
    assert meta_of(TWO.member) == {**MORE, "zone": "eu-1"}
    names = ("a b", "", "x" * 129, "consul-x", "ä", "fine_Name-1")
    assert odd_names(names) == list(names[:-1])
    assert meta_of(ONE.member._replace(metadata=tuple((name, "x") for name in names))) == {"fine_Name-1": "x"}
    with pytest.raises(ValueError, match="critical for 60 s"):
        ConsulRegistry(AgentSettings(RegistryUrl(False, "a", 1), deregister_after=5), 9)
    with pytest.raises(ValueError, match="time to live"):
        ConsulRegistry(AgentSettings(RegistryUrl(False, "a", 1)), 1)
    assert (
        str(ConsulRegistry(AgentSettings(RegistryUrl(True, "::1", 8501), "s3cret"), 9)) == "consul https://[::1]:8501"
    )


def test_a_service_registers_itself_and_an_agent_that_forgets_is_told_again(
    service: Callable[..., UpstreamServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fastgw.registration")

    async def whole() -> None:
        async with Consul("s3cret") as consul:
            where = f"http://127.0.0.1:{consul.port}"
            one = register("web", service().address, consul=where, token="s3cret", ttl=2, drain=0.0, weight=3)
            async with one as registration:
                await asyncio.wait_for(registration.ready(), 10)
                consul.forget()
                async with asyncio.timeout(10):
                    while not (consul._checks and consul._entries["web"]):
                        await asyncio.sleep(0)
            assert consul._entries["web"] == {}

    asyncio.run(whole())
    assert "was taken away; it is put again" in caplog.text and "not registered any more" in caplog.text
