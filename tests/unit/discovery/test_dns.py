"""Members that a name has: what is taken for one, when it is looked up again, what is an answer and what is none."""

from __future__ import annotations

import asyncio
from socket import AF_INET6, AF_UNSPEC, AddressFamily
from typing import Any

import pytest

from fastgw.core.live.news import NOT_FOUND, SILENT
from fastgw.core.sources import DnsSettings
from fastgw.discovery.dns import AT_ONCE, NEGATIVE, DnsSource
from fastgw.discovery.listing import Skipped, SourceError
from fastgw.discovery.look_ups import FAILED, Found, FoundTargets, LookUpError, SrvTarget
from tests.support.nameserver import NameServer, Records, Services
from tests.unit.discovery.played import Played, play

NAME = DnsSettings("web.test", 80, min_interval=2.0, max_interval=100.0)
SERVICE = DnsSettings("_http._tcp.web.test", min_interval=2.0, max_interval=100.0)
GONE = LookUpError(NOT_FOUND, "does not exist")
DUMB = LookUpError(SILENT, "was not answered for")


class Stage:
    """A source, and the names that it finds: each an answer, or what is raised in its place."""

    def __init__(self, played: Played, settings: DnsSettings, **names: Any) -> None:
        self.played = played
        self.names: dict[str, Any] = {"web": names.get("web"), **names}
        self.targets: Any = None
        self.asked: list[tuple[str, AddressFamily]] = []
        self.now = 1000.0
        self.chance = 0.0
        self.source = DnsSource(
            settings, self._find, self._find_targets, played.sleep, lambda: self.now, lambda: self.chance
        )

    async def _find(self, host: str, servers: object, limit: float, family: AddressFamily = AF_UNSPEC) -> Found:
        self.asked.append((host, family))
        answer = self.names.get((host, family), self.names.get(host, GONE))
        if isinstance(answer, LookUpError):
            raise answer
        assert isinstance(answer, Found)
        return answer

    async def _find_targets(self, name: str, servers: object, limit: float) -> FoundTargets:
        if isinstance(self.targets, LookUpError):
            raise self.targets
        assert isinstance(self.targets, FoundTargets)
        return self.targets

    async def look(self, after: float = 0.0) -> float:
        """Let it look up what is no longer good ``after`` seconds; return the pause that follows."""
        self.now += after
        self.asked.clear()
        if not self.played.slept:
            self.played.begin(self.source)
        return await self.played.pause()


def test_addresses_with_the_port() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, NAME)
        stage.names["web.test"] = Found(("10.0.0.2", "10.0.0.1", "2001:db8::1"), 30.0)
        assert await stage.look() == 30.0
        assert played.addresses == ["10.0.0.1:80", "10.0.0.2:80", "[2001:db8::1]:80"]
        assert all(one.weight == 1 and not one.metadata for one in played.told[0].members)
        stage.names["web.test"] = Found(("10.0.0.3", "0.0.0.0"), 1.0)
        stage.names["web.test", AF_INET6] = GONE
        assert await stage.look(30) == NAME.min_interval
        assert played.addresses == ["10.0.0.3:80"]
        assert [one.entry for one in played.told[1].skipped] == ["0.0.0.0"]
        stage.names["web.test"] = Found(("10.0.0.3",), 1e6)
        stage.chance = 0.5
        assert await stage.look(2) == pytest.approx(95.0)

    play(story)


def test_one_family() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, NAME._replace(family="ipv6"))
        stage.names["web.test", AF_INET6] = Found(("2001:db8::1",), 30.0)
        await stage.look()
        assert stage.asked == [("web.test", AF_INET6)]
        assert played.addresses == ["[2001:db8::1]:80"]

    play(story)


def test_nobody_is_an_answer_and_kept_for_a_bound() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, NAME)
        stage.names["web.test"] = Found(("10.0.0.1",), 30.0)
        await stage.look()
        stage.names["web.test"] = GONE
        assert await stage.look(30) == NEGATIVE
        assert played.told[-1] == ((), (Skipped("web.test", "does not exist"),), "")

    play(story)


@pytest.mark.parametrize(("cause", "called"), [(SILENT, "timeout"), (FAILED, "failed")])
def test_no_answer_is_no_listing(cause: str, called: str) -> None:
    async def story(played: Played) -> None:
        for settings in (NAME, SERVICE):
            stage = Stage(Played(), settings)
            stage.names["web.test"] = stage.targets = LookUpError(cause, "was not found out")
            with pytest.raises(SourceError) as caught:
                await stage.look()
            assert caught.value.cause == called
            assert caught.value.detail == f"the name {settings.name} was not found out"
            assert not stage.played.told

    play(story)


def test_a_family_that_fails_alone_does_not_lose_its_members() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, NAME)
        both, half = Found(("10.0.0.1", "2001:db8::1"), 30.0), Found(("10.0.0.1",), 30.0)
        stage.names["web.test"] = half  # IPv6 never had an answer: nothing is lost, and it is not asked for apart
        await stage.look()
        assert len(stage.asked) == 1
        stage.names["web.test"] = both
        await stage.look(30)
        stage.names["web.test"] = half
        stage.names["web.test", AF_INET6] = Found(("2001:db8::2",), 3.0)
        assert await stage.look(30) == 3.0
        assert played.addresses == ["10.0.0.1:80", "[2001:db8::2]:80"]
        stage.names["web.test", AF_INET6] = DUMB
        with pytest.raises(SourceError):
            await stage.look(3)
        assert len(played.told) == 3

    play(story)


def services(*targets: SrvTarget, ttl: float = 30.0) -> FoundTargets:
    return FoundTargets(targets, ttl)


def test_targets_say_port_and_weight() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, SERVICE)
        stage.targets = services(SrvTarget("a.test", 9000, 0, 0), SrvTarget("b.test", 9001, 0, 7))
        stage.names |= {"a.test": Found(("10.0.0.1",), 30.0), "b.test": Found(("10.0.0.2", "::5"), 9.0)}
        assert await stage.look() == 9.0
        found = {str(one.address): (one.weight, dict(one.metadata)) for one in played.told[0].members}
        assert found == {
            "10.0.0.1:9000": (1, {"target": "a.test"}),
            "10.0.0.2:9001": (7, {"target": "b.test"}),
            "[::5]:9001": (7, {"target": "b.test"}),
        }
        await stage.look(9)
        assert stage.asked == [("b.test", AF_UNSPEC)]  # what is still good is not asked for

    play(story)


def test_the_lowest_priority_that_has_anybody() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, SERVICE)
        stage.targets = services(SrvTarget("b.test", 2, 20, 1), SrvTarget("a.test", 1, 10, 1))
        stage.names |= {"a.test": Found(("10.0.0.1",), 30.0), "b.test": Found(("10.0.0.2",), 30.0)}
        await stage.look()
        assert played.addresses == ["10.0.0.1:1"] and stage.asked == [("a.test", AF_UNSPEC)]
        stage.names["a.test"] = GONE
        assert await stage.look(30) == NEGATIVE
        assert played.addresses == ["10.0.0.2:2"]
        assert played.told[-1].skipped == (Skipped("a.test", "does not exist"),)

    play(story)


def test_a_target_without_an_answer_keeps_its_addresses() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, SERVICE)
        stage.targets = services(
            SrvTarget("a.test", 1, 0, 1), SrvTarget("b.test", 2, 0, 1), SrvTarget("c.test", 3, 5, 1)
        )
        stage.names |= {"a.test": Found(("10.0.0.1",), 10.0), "b.test": DUMB, "c.test": Found(("10.0.0.3",), 10.0)}
        assert await stage.look() == NEGATIVE
        assert played.addresses == ["10.0.0.1:1"]
        assert played.told[-1].skipped == (Skipped("b.test", "was not answered for"),)
        stage.names["a.test"] = DUMB
        await stage.look(20)
        assert played.addresses == ["10.0.0.1:1"]
        assert Skipped("a.test", "was not answered for; its last addresses stay") in played.told[-1].skipped
        stage.names["a.test"] = GONE  # now nobody knows whether there is anybody of the first priority
        with pytest.raises(SourceError, match=r"the name b\.test was not answered for"):
            await stage.look(20)

    play(story)


def test_a_service_that_is_decidedly_not_available() -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, SERVICE)
        stage.targets = services(SrvTarget("", 0, 0, 0), ttl=50.0)
        assert await stage.look() == 50.0
        assert played.told[-1].members == () and "decidedly not available" in played.told[-1].skipped[0].reason
        stage.targets = LookUpError(NOT_FOUND, "has no SRV records")
        assert await stage.look(50) == NEGATIVE
        assert played.told[-1].members == ()

    play(story)


def test_few_targets_are_looked_up_at_once() -> None:
    async def story(played: Played) -> None:
        under_way = [0, 0]

        async def find(host: str, *_: object) -> Found:
            under_way[0] += 1
            under_way[1] = max(under_way)
            await asyncio.sleep(0)
            under_way[0] -= 1
            return Found((f"10.1.{int(host) // 250}.{int(host) % 250 + 1}",), 30.0)

        async def find_targets(*_: object) -> FoundTargets:
            return services(*(SrvTarget(str(number), 80, 0, 1) for number in range(500)))

        played.begin(DnsSource(SERVICE, find, find_targets, played.sleep))
        await played.pause()
        assert len(played.told[0].members) == 500
        assert under_way == [0, AT_ONCE]

    play(story)


def test_answers_that_change_each_second_are_followed_by_the_real_library() -> None:
    names: dict[str, Records | Services | str] = {
        "_http._tcp.web.test": Services((0, 3, 9000, "a.test"), ttl=1),
        "a.test": Records("127.0.0.2", ttl=1),
    }

    async def story(played: Played) -> None:
        with NameServer(names) as server:
            settings = SERVICE._replace(servers=(server.address,), min_interval=0.0)
            source = DnsSource(settings, sleep=played.sleep, clock=lambda: 1e3 * len(played.slept), chance=lambda: 0.0)
            played.begin(source)
            for last in range(2, 8):
                names["a.test"] = Records(f"127.0.0.{last}", ttl=1)
                assert await played.pause() == 1.0
                assert played.addresses == [f"127.0.0.{last}:9000"]

    play(story)


def test_what_it_is_called() -> None:
    assert (str(DnsSource(NAME)), str(DnsSource(SERVICE))) == ("dns web.test:80", "dns _http._tcp.web.test")
