"""The sources of a gateway: which are kept, what is told, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.config.spec import EndpointSpec
from fastgw.core.settings import Address
from fastgw.core.sources import (
    BeliefSettings,
    DiscoverySettings,
    EtcdSettings,
    FileSettings,
    RegistryUrl,
    SourceSettings,
)
from fastgw.discovery.listing import ListedMember, Listing, Source, Tell
from fastgw.server.discovering import KINDS, Discovering, SourceMaker
from fastgw.server.log import Log

A, B = FileSettings("/a"), FileSettings("/b")
ONE, TWO, THREE = (Address(f"10.0.0.{number}", 80) for number in (1, 2, 3))


async def turn() -> None:
    """One turn of the loop."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await future


class Played:
    """A source that lists what the test says."""

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings
        self.tell: Tell | None = None
        self.is_over = False

    def __str__(self) -> str:
        return "played"

    async def watch(self, tell: Tell) -> None:
        self.tell = tell
        try:
            await asyncio.Event().wait()
        finally:
            self.is_over = True

    def lists(self, *members: ListedMember | Address) -> None:
        assert self.tell is not None
        found = tuple(one if isinstance(one, ListedMember) else ListedMember(one) for one in members)
        self.tell(Listing(found))


class Stage:
    def __init__(self, state_file: str = "") -> None:
        self.sources: dict[SourceSettings, Played] = {}
        self.told: list[dict[str, list[Address]]] = []
        self.whole: list[Any] = []
        self.discovering = Discovering(
            self._on_lists, Log("supervisor"), lambda: 0.0, self._make, state_file=state_file
        )

    def _make(self, settings: SourceSettings) -> Source:
        assert settings not in self.sources or self.sources[settings].is_over
        self.sources[settings] = Played(settings)
        return self.sources[settings]

    def _on_lists(self, lists: Any) -> None:
        self.whole.append(lists)
        self.told.append({name: [one.address for one in members] for name, members in lists.items()})

    async def until_told(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.told) < count:
                await turn()


def service(name: str, *sources: SourceSettings, **options: Any) -> Any:
    discovery = DiscoverySettings(sources, belief=BeliefSettings(empty="believe"), **options) if sources else None
    return SimpleNamespace(name=name, discovery=discovery)


def spec(*services: Any, state_file: str = "") -> Any:
    return SimpleNamespace(services=services, state_file=state_file)


def play(story: Awaitable[None]) -> None:
    async def whole() -> None:
        await story

    asyncio.run(whole())


def test_what_a_source_lists_is_told_of_each_service_that_asks_it() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.discovering.prepare([service("x", A), service("y", A, where=(("v", "2"),)), service("z")], 0.01)
        stage.discovering.keep(spec(service("x", A), service("y", A, where=(("v", "2"),)), service("z")))
        assert stage.told == []  # nothing was listed yet
        two = ListedMember(TWO, 3, "zone", (("v", "2"),))
        stage.sources[A].lists(ListedMember(ONE, 1, "", (("v", "1"),)), two)
        await stage.until_told(1)
        assert stage.told == [{"x": [ONE, TWO], "y": [TWO]}]
        assert stage.whole[0]["y"] == (EndpointSpec(TWO, 3, "zone", (("v", "2"),)),)
        stage.sources[A].lists(two)
        await stage.until_told(2)
        assert stage.told[1:] == [{"x": [TWO]}]  # the other has not changed
        stage.discovering.close()

    play(story())


def test_of_two_sources_the_first_says_what_a_member_is() -> None:
    async def story() -> None:
        stage = Stage()
        stage.discovering.keep(spec(service("x", A, B)))
        await turn()
        stage.sources[B].lists(ListedMember(ONE, 5), TWO)
        await stage.until_told(1)
        assert stage.told == [{"x": [ONE, TWO]}]  # one list is enough to begin with
        stage.sources[A].lists(ListedMember(ONE, 7), THREE)
        await stage.until_told(2)
        assert [one.weight for one in stage.whole[1]["x"]] == [7, 1, 1]
        assert stage.told[1] == {"x": [ONE, TWO, THREE]}
        stage.discovering.close()

    play(story())


def test_changes_are_gathered_however_many_there_are() -> None:
    async def story() -> None:
        stage = Stage()
        stage.discovering.keep(spec(service("x", A)))
        await turn()
        for number in range(1, 1001):
            stage.sources[A].lists(Address("10.0.0.1", number))
        await stage.until_told(1)
        assert stage.told == [{"x": [Address("10.0.0.1", 1000)]}]
        stage.discovering.close()

    play(story())


def test_a_source_is_kept_through_a_reload_and_ends_with_its_service() -> None:
    async def story() -> None:
        stage = Stage()
        stage.discovering.keep(spec(service("x", A)))
        await turn()
        stage.sources[A].lists(ONE)
        await stage.until_told(1)
        await stage.discovering.prepare([service("x", A), service("y", B)], 0.01)
        stage.discovering.keep(spec(service("x", A)))  # refused: what it has is not kept
        await turn()
        assert stage.sources[B].is_over and not stage.sources[A].is_over
        stage.discovering.keep(spec(service("w", A)))
        assert stage.told[1:] == [{"w": [ONE]}]  # what is known is told at once
        stage.discovering.keep(spec())
        await turn()
        assert stage.sources[A].is_over and stage.discovering.sources_of("w") == []
        stage.discovering.close()

    play(story())


def test_a_first_list_is_waited_for_but_not_for_long() -> None:
    async def story() -> None:
        stage = Stage()
        waiting = asyncio.ensure_future(stage.discovering.prepare([service("x", A)], 10.0))
        await turn()
        assert not waiting.done()
        stage.sources[A].lists(ONE)
        await waiting
        assert stage.told == [{"x": [ONE]}]
        await stage.discovering.prepare([service("x", A)], 10.0)  # it is known already
        stage.discovering.close()

    play(story())


def test_each_kind_has_a_source(tmp_path: Any) -> None:
    make = SourceMaker()
    assert str(make(FileSettings(str(tmp_path / "members")))) == f"file {tmp_path}/members"
    one, two = (make(EtcdSettings((RegistryUrl(False, "127.0.0.1", 1),), prefix)) for prefix in ("/a", "/b"))
    assert one._client is two._client  # type: ignore[attr-defined]
    assert {word for _, _, word in KINDS.values()} == {"etcd", "consul", "dns", "file", "kubernetes"}
    assert EtcdSettings in KINDS


@pytest.mark.parametrize("services", [(), ("x",)])
def test_who_asks_nobody_is_told_nothing(services: tuple[str, ...]) -> None:
    async def story() -> None:
        stage = Stage()
        await stage.discovering.prepare([service(one) for one in services], 1.0)
        stage.discovering.keep(spec(*(service(one) for one in services)))
        stage.discovering.close()
        assert stage.told == [] and stage.discovering.sources_of("x") == []

    play(story())


def test_members_outlive_the_process_by_what_is_on_the_disk(tmp_path: Path) -> None:
    state_file = str(tmp_path / "state.json")

    async def story() -> None:
        stage = Stage(state_file)
        stage.discovering.keep(spec(service("x", A), state_file=state_file))
        await turn()
        stage.sources[A].lists(ListedMember(ONE, 2, "z", (("v", "1"),)))
        stage.discovering.close()
        assert [path.name for path in tmp_path.iterdir()] == ["state.members.json"]

        later = Stage(state_file)
        later.discovering.keep(spec(service("x", A), service("y", B), state_file=state_file))
        [(_, of_x)], [(_, of_y)] = later.discovering.sources_of("x"), later.discovering.sources_of("y")
        of_x._fail("refused", "nobody is there")
        of_y._fail("refused", "nobody is there")
        await later.until_told(1)
        assert later.whole == [{"x": (EndpointSpec(ONE, 2, "z", (("v", "1"),)),)}]  # and nobody has those of another
        assert of_x.is_recalled and of_y.members is None
        later.discovering.close()

    play(story())


def test_the_same_source_that_is_believed_otherwise_begins_with_what_is_known(tmp_path: Path) -> None:
    state_file = str(tmp_path / "state.json")

    async def story() -> None:
        stage = Stage(state_file)
        stage.discovering.keep(spec(service("x", A), state_file=state_file))
        await turn()
        stage.sources[A].lists(ONE)
        changed = SimpleNamespace(name="x", discovery=DiscoverySettings((A,), belief=BeliefSettings(min_share=0.5)))
        stage.sources.clear()
        stage.discovering.keep(spec(changed, state_file=state_file))
        [(_, keeper)] = stage.discovering.sources_of("x")
        keeper._fail("refused", "nobody is there")
        assert keeper.members == (ListedMember(ONE),)
        stage.discovering.close()

    play(story())


def test_of_many_services_a_few_are_told_at_once_in_the_order_of_their_changes() -> None:
    async def story() -> None:
        stage = Stage()
        sources = [FileSettings(f"/{number}") for number in range(20)]
        stage.discovering.keep(spec(*(service(f"s{number}", one) for number, one in enumerate(sources))))
        await turn()
        for one in reversed(sources):
            stage.sources[one].lists(ONE)
        await stage.until_told(3)
        assert [len(one) for one in stage.told] == [8, 8, 4]
        assert [name for one in stage.told for name in one] == [f"s{number}" for number in reversed(range(20))]
        stage.sources[sources[0]].lists(ONE, TWO)
        await stage.until_told(4)
        assert stage.told[3] == {"s0": [ONE, TWO]}
        stage.discovering.close()

    play(story())


def test_what_waits_to_be_told_goes_with_its_service() -> None:
    async def story() -> None:
        stage = Stage()
        stage.discovering.keep(spec(service("x", A), service("y", B)))
        await turn()
        stage.sources[A].lists(ONE)
        stage.sources[B].lists(TWO)
        stage.discovering.keep(spec(service("y", B)))
        assert stage.told == [{"y": [TWO]}]
        stage.discovering.close()

    play(story())
