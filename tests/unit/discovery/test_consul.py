"""Instances of a service of Consul, of a stand-in that keeps the documented rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.calls import Answered
from fastgw.core.settings import Address
from fastgw.core.sources import ConsulSettings
from fastgw.discovery.consul import BURST, PACE, ConsulSource
from fastgw.discovery.listing import ListedMember, Listing, SourceError
from tests.support.consul import Consul


class Stage:
    """A source that is watched while the context lasts."""

    def __init__(self, consul: Consul, **settings: Any) -> None:
        self.consul = consul
        self.told: asyncio.Queue[Listing] = asyncio.Queue()
        self.slept: list[float] = []
        self.now = 1000.0
        self.source = ConsulSource(
            ConsulSettings(consul.endpoint, "web", **{"timeout": 5.0, **settings}), self._sleep, lambda: self.now
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def __aenter__(self) -> Stage:
        self._task = asyncio.ensure_future(self.source.watch(self.told.put_nowait))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def listing(self) -> Listing:
        """The next one that it tells; raises what it raises."""
        following = asyncio.ensure_future(self.told.get())
        async with asyncio.timeout(10):
            await asyncio.wait((following, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            following.cancel()
            await self._task
        return following.result()

    async def ends(self) -> SourceError:
        """Why it ends; until then it tells of members."""
        try:
            while True:
                assert (await self.listing()).members
        except SourceError as error:
            return error

    async def addresses(self) -> list[str]:
        return [str(one.address) for one in (await self.listing()).members]

    async def holds(self) -> None:
        """Wait until its question is held."""
        async with asyncio.timeout(10):
            while not self.consul.waiting:
                await asyncio.sleep(0)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story()

    asyncio.run(whole())


def test_what_is_taken_for_a_member() -> None:
    async def story() -> None:
        async with Consul() as consul, Stage(consul) as stage:
            consul.register(
                "web",
                "a",
                "10.0.0.1",
                80,
                weight=7,
                meta={"version": "2", "zone": "eu-1", "long": "x" * 300, "node": "mine"},
                node_meta={"version": "1", "zone": "eu"},
            )
            consul.register("web", "b", "", 81, node_address="2001:db8::1", node_meta={"version": "1", "zone": "eu"})
            consul.register("web", "down", "10.0.0.3", 80, is_passing=False)
            consul.register("other", "c", "10.0.0.4", 80)
            found = await stage.listing()
            assert found.members == (
                ListedMember(
                    Address("10.0.0.1", 80), 7, "eu-1", (("node", "mine"), ("version", "2"), ("zone", "eu-1"))
                ),
                ListedMember(Address("2001:db8::1", 81), 1, "eu", (("node", "node-1"), ("version", "1"))),
            )
            assert not found.skipped and found.revision == f"index {consul.index - 1}"

    run(story)


def test_what_is_none_costs_no_other() -> None:
    async def story() -> None:
        async with Consul() as consul, Stage(consul) as stage:
            consul.register("web", "good", "10.0.0.1", 80)
            consul.register("web", "named", "web.test", 80)
            consul.register("web", "portless", "10.0.0.2", 0)
            consul.register("web", "heavy", "10.0.0.2", 80, weight=1e9)
            for number, entry in enumerate((None, [], "x", {}, {"Service": {"ID": 7, "Port": True}}, {"Service": []})):
                consul.put("web", f"bad-{number}", entry)
            found = await stage.listing()
            assert [str(one.address) for one in found.members] == ["10.0.0.1:80"]
            assert [one.entry for one in found.skipped[:3]] == ["named", "portless", "heavy"]
            assert [one.entry for one in found.skipped[3:]] == [f"entry {place}" for place in range(5, 11)]

    run(story)


def test_questions_wait_for_changes() -> None:
    async def story() -> None:
        async with Consul() as consul, Stage(consul, wait=120.0) as stage:
            assert await stage.addresses() == []
            await stage.holds()
            assert consul.asked[0].keys() == {"passing"}
            assert consul.asked[1] == {"passing": ["1"], "index": ["10"], "wait": ["120s"]}
            consul.register("web", "a", "10.0.0.1", 80)
            assert await stage.addresses() == ["10.0.0.1:80"]
            await stage.holds()
            consul.deregister("web", "a")
            assert await stage.addresses() == []
            await stage.holds()
            consul.wake()  # an answer without a change
            assert await stage.addresses() == []
            await stage.holds()
            assert len(consul.asked) == 5

    run(story)


def test_an_index_that_goes_backwards_is_forgotten() -> None:
    async def story() -> None:
        async with Consul() as consul, Stage(consul) as stage:
            consul.index = 100
            consul.register("web", "a", "10.0.0.1", 80)
            await stage.listing()
            await stage.holds()
            consul.restore(7)
            await stage.listing()
            await stage.listing()  # of the question that does not wait
            await stage.holds()
            assert [one.get("index") for one in consul.asked] == [None, ["101"], None, ["7"]]
            consul.restore(0)
            await stage.listing()
            await stage.listing()
            assert stage.slept  # 0 would never wait: 1 is asked for, and with pauses
            while consul.asked[-1].get("index") != ["1"]:
                await stage.listing()

    run(story)


def test_questions_are_paced() -> None:
    async def story() -> None:
        async with Consul() as consul, Stage(consul) as stage:
            await stage.listing()
            for _ in range(6):
                await stage.holds()
                consul.touch("web")
                await stage.listing()
            await stage.holds()
            assert stage.slept == [PACE] * (8 - BURST)

    run(story)


def test_tags_and_others_are_told_to_consul() -> None:
    async def story() -> None:
        async with Consul(token="s3cret") as consul:
            consul.register("web", "a", "10.0.0.1", 80, tags=["gpu", "v2"])
            consul.register("web", "b", "10.0.0.2", 80, tags=["gpu"])
            more = {"datacenter": "dc2", "namespace": "team", "filter": 'Service.Meta.a == "b c"', "token": "s3cret"}
            async with Stage(consul, tags=("gpu", "v2"), **more) as stage:
                assert await stage.addresses() == ["10.0.0.1:80"]
            assert consul.asked[0] == {
                "passing": ["1"],
                "tag": ["gpu", "v2"],
                "dc": ["dc2"],
                "ns": ["team"],
                "filter": ['Service.Meta.a == "b c"'],
            }
            assert consul.tokens[0] == "s3cret"

    run(story)


async def refused(stage: Stage) -> SourceError:
    async with stage:
        with pytest.raises(SourceError) as caught:
            await stage.listing()
    return caught.value


def test_what_is_said_where_there_is_no_listing() -> None:
    async def story() -> None:
        async with Consul(token="s3cret") as consul:
            for token in ("", "wrong"):
                error = await refused(Stage(consul, token=token))
                assert error.cause == "denied"
                assert "answered 403: Permission denied" in error.detail
                assert 'service:read of "web" and node:read' in error.detail and "wrong" not in error.detail
            assert (await refused(Stage(consul, token="a\nb"))).cause == "denied"
            stage = Stage(consul, token="s3cret")
            consul.has_leader = False
            error = await refused(stage)
            assert (error.cause, error.detail) == ("unavailable", f"{stage.source} answered 500: No cluster leader")
            consul.has_leader, consul.says_index = True, False
            async with Stage(consul, token="s3cret") as stage:
                await stage.listing()
                with pytest.raises(SourceError, match="without an X-Consul-Index"):
                    await stage.listing()
        assert (await refused(Stage(consul))).cause == "refused"

    run(story)


def test_an_agent_that_goes_leaves_no_listing_behind() -> None:
    async def story() -> None:
        async with Consul() as consul:
            consul.register("web", "a", "10.0.0.1", 80)
            stage = Stage(consul)
            async with stage:
                await stage.listing()
                await stage.holds()
                await consul.__aexit__()
                assert (await stage.ends()).cause in ("refused", "broken", "unreachable")
            await consul.__aenter__()

    run(story)


def test_what_it_is_called() -> None:
    source = ConsulSource(ConsulSettings((True, "::1", 8501), "web", token="s3cret"))
    assert str(source) == "consul https://[::1]:8501 web"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
ENTRIES = VALUES | st.fixed_dictionaries(
    {
        part: VALUES | st.fixed_dictionaries({}, optional=dict.fromkeys(keys, VALUES))
        for part, keys in {"Service": ("ID", "Address", "Port", "Meta", "Weights"), "Node": ("Address", "Meta")}.items()
    }
)


@given(st.lists(ENTRIES, max_size=3))
def test_whatever_instances_are_each_is_a_member_or_skipped(entries: list[Any]) -> None:
    good = {"Service": {"Address": "10.9.9.9", "Port": 80}}
    answer = Answered(200, ((b"x-consul-index", b"7"),), json.dumps([*entries, good]).encode())
    found = ConsulSource(ConsulSettings((False, "a.test", 80), "web"))._listing(answer)
    assert "10.9.9.9:80" in [str(one.address) for one in found.members]
    assert len(found.members) + len(found.skipped) == len(entries) + 1
