"""What a gateway registers, and what becomes of it: against leases as etcd keeps them, in time that passes at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from fastgw.config.spec import BindSpec, EndpointSpec
from fastgw.core.settings import Address
from fastgw.core.sources import AgentSettings, EtcdSettings, RegisteredListener, RegistrationSettings, RegistryUrl
from fastgw.registration.consul import ConsulRegistry
from fastgw.registration.etcd import EtcdRegistry
from fastgw.registration.registry import MemberRegistry
from fastgw.server import registering as module
from fastgw.server.registering import Registering, RegistryKey, registry_of
from tests.support.leases import Leases
from tests.support.virtual import passes, run

TTL = 9.0
ETCD = EtcdSettings((RegistryUrl(False, "etcd", 2379),), "/s")
EDGE = RegisteredListener("edge", "edge", "", 0)


def settings(*listeners: RegisteredListener, ttl: float = TTL, etcd: EtcdSettings = ETCD) -> RegistrationSettings:
    return RegistrationSettings(etcd, None, listeners, ttl, drain=0.5)


class Lines:
    """In the place of a log."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def limited(self, event: str, level: str, **fields: str) -> None:
        self.told.append((event, level, fields.get("reason", fields.get("state", ""))))

    def error(self, event: str, **fields: str) -> None:
        self.told.append((event, "error", fields["error"]))


class Stage:
    """A gateway with two listeners and one service, as far as it matters here."""

    def __init__(self) -> None:
        self.leases, self.log = Leases(), Lines()
        self.up: set[str] = set()
        self.places: dict[tuple[str, str], tuple[str, ...]] = {}
        self.probes: dict[Any, Any] = {}
        self.spec: Any = SimpleNamespace(
            registration=settings(EDGE),
            services=[],
            listeners=[self._listener("edge", "10.0.0.1", 0), self._listener("more", "0.0.0.0", 81)],
        )
        listenings = {
            "10.0.0.1:0": SimpleNamespace(bound="10.0.0.1:8080"),
            "0.0.0.0:81": SimpleNamespace(bound="0.0.0.0:81"),
        }
        self.gateway: Any = SimpleNamespace(
            plan_in_use=SimpleNamespace(spec=self.spec, listenings=listenings),
            knowledge=SimpleNamespace(
                places=self.places, findings=SimpleNamespace(is_up=lambda name: name[2] in self.up)
            ),
            probing=SimpleNamespace(known=self.probes),
            is_upgrading=False,
        )
        self.one = self.registering()

    def _listener(self, name: str, host: str, port: int) -> Any:
        return SimpleNamespace(name=name, bind=BindSpec(Address(host, port), (Address(host, port),)))

    def registering(self, told: Any = ()) -> Registering:
        log: Any = self.log
        return Registering(self.gateway, log, lambda: 0.5, told, self._make)

    def _make(self, key: RegistryKey, mark: str) -> MemberRegistry:
        client: Any = self.leases
        assert isinstance(key[0], EtcdSettings)
        return EtcdRegistry(client, key[0].prefix, key[1], mark)

    def service(self, name: str, *addresses: str, as_: str | None = "vision") -> None:
        members = [EndpointSpec(Address(*_split(one)), 2, "eu", (("gpu", "h100"),)) for one in addresses]
        self.spec.services.append(SimpleNamespace(name=name, register_as=as_, members=members))
        for one in addresses:
            self.places[name, one] = (one,)
            self.probes[name, one, one] = SimpleNamespace(probes=0)

    def probed(self, name: str, address: str, *, is_up: bool) -> None:
        self.probes[name, address, address].probes += 1
        (self.up.add if is_up else self.up.discard)(address)

    async def keys(self) -> set[str]:
        await self.one.settled(3)
        return {key.removeprefix("/s/") for key in self.leases.keys}


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def play(story: Callable[[Stage], Awaitable[None]]) -> Stage:
    found: list[Stage] = []

    async def whole() -> None:
        found.append(Stage())
        await story(found[0])
        found[0].one.close()

    run(whole())
    return found[0]


def test_listeners_are_registered_where_they_are_bound_or_where_it_is_said() -> None:
    async def story(stage: Stage) -> None:
        more = RegisteredListener("more", "inner", "10.9.9.9", 0, 3, "eu", (("version", "2"),))
        stage.spec.registration = settings(EDGE, more, RegisteredListener("more", "inner", "10.9.9.9", 443))
        stage.one.keep()
        assert await stage.keys() == {"edge/10.0.0.1:8080", "inner/10.9.9.9:81", "inner/10.9.9.9:443"}
        assert '"version": "2"' in stage.leases.keys["/s/inner/10.9.9.9:81"]
        assert [(kind, len(one.there)) for kind, one in stage.one.registrars()] == [("etcd", 3)]
        await passes(10 * TTL)
        assert len(await stage.keys()) == 3 and stage.leases.grants == 1

    assert play(story).log.told == [("registration", "info", "registered")]


def test_a_reload_changes_what_is_there() -> None:
    async def story(stage: Stage) -> None:
        stage.one.keep()
        assert await stage.keys() == {"edge/10.0.0.1:8080"}
        stage.spec.registration = settings(EDGE._replace(weight=7), EDGE._replace(service="other"))
        stage.one.keep()
        assert await stage.keys() == {"edge/10.0.0.1:8080", "other/10.0.0.1:8080"}
        assert '"weight": 7' in stage.leases.keys["/s/edge/10.0.0.1:8080"] and stage.leases.grants == 1
        stage.spec.registration = None
        stage.one.keep()
        await passes(1)
        assert await stage.keys() == set() and stage.leases.leases == 0
        stage.spec.registration = settings(EDGE)
        stage.one.keep()
        assert await stage.keys() == {"edge/10.0.0.1:8080"}

    play(story)


def test_a_listener_that_a_reload_ends_goes_before_it_ends() -> None:
    async def story(stage: Stage) -> None:
        more = RegisteredListener("more", "edge", "10.9.9.9", 81)
        stage.spec.registration = settings(EDGE, more)
        stage.one.keep()
        assert len(await stage.keys()) == 2
        spec = SimpleNamespace(**{**vars(stage.spec), "registration": settings(EDGE)})
        plan: Any = SimpleNamespace(spec=spec, listenings=stage.gateway.plan_in_use.listenings)
        await stage.one.part(plan)
        assert await stage.keys() == {"edge/10.0.0.1:8080"}
        spec.registration = None
        stage.leases.is_up = False
        begin = asyncio.get_running_loop().time()
        await stage.one.part(plan)
        assert asyncio.get_running_loop().time() - begin <= 1.1  # nobody waits longer for a registry that is gone
        stage.leases.is_up = True
        assert await stage.keys() == set()

    play(story)


def test_another_registry_has_it_before_the_former_has_not() -> None:
    async def story(stage: Stage) -> None:
        stage.one.keep()
        await stage.keys()
        for count, changed in enumerate((settings(EDGE, ttl=20), settings(EDGE, ttl=TTL)), 2):
            stage.spec.registration = changed
            stage.one.keep()
            for _ in range(100):
                await passes(0.01)
                assert stage.leases.keys == {"/s/edge/10.0.0.1:8080": "active"}
            assert (stage.leases.grants, stage.leases.leases) == (count, 1)
        stage.spec.registration = settings(EDGE, etcd=ETCD._replace(prefix="/other"))
        stage.one.keep()
        await passes(1)
        assert [*stage.leases.keys] == ["/other/edge/10.0.0.1:8080"]

    play(story)


def test_only_healthy_members_of_services_are_registered() -> None:
    async def story(stage: Stage) -> None:
        stage.spec.registration = settings()
        stage.service("old@v2", "10.0.1.1:80", "10.0.1.2:80")
        stage.service("mine", "10.0.1.3:80", as_=None)
        stage.one.keep()
        assert await stage.keys() == set()  # nobody was probed
        stage.probed("old@v2", "10.0.1.1:80", is_up=True)
        stage.probed("old@v2", "10.0.1.2:80", is_up=False)
        stage.one.look()
        assert await stage.keys() == {"vision/10.0.1.1:80"}
        value = stage.leases.keys["/s/vision/10.0.1.1:80"]
        for said in ('"weight": 2', '"zone": "eu"', '"version": "v2"', '"gpu": "h100"'):
            assert said in value
        stage.probed("old@v2", "10.0.1.2:80", is_up=True)
        stage.probed("old@v2", "10.0.1.1:80", is_up=False)
        stage.gateway.is_upgrading = True
        stage.one.look()
        assert await stage.keys() == {"vision/10.0.1.1:80"}  # a successor begins with that
        stage.gateway.is_upgrading = False
        stage.one.look()
        assert await stage.keys() == {"vision/10.0.1.2:80"}

    play(story)


def test_at_the_end_all_goes_and_there_is_time_if_anything_was_there() -> None:
    async def story(stage: Stage) -> None:
        assert await stage.one.leave() == 0.0
        stage.one.keep()
        await stage.keys()
        assert await stage.one.leave() == 0.5
        assert not stage.leases.keys and not [*stage.one.registrars()]

    play(story)


def test_members_of_services_are_left_to_others_or_to_their_time_to_live() -> None:
    async def story(stage: Stage) -> None:
        stage.service("old", "10.0.1.1:80")
        stage.probed("old", "10.0.1.1:80", is_up=True)
        other = stage.registering()
        for one in (other, stage.one):
            one.keep()
            await one.settled(3)
        assert await stage.one.leave() == 0.5
        assert [*stage.leases.keys] == ["/s/vision/10.0.1.1:80"]  # the listener is the same here, and goes
        for _ in range(40):
            await passes(1)
            assert "/s/vision/10.0.1.1:80" in stage.leases.keys
        await other.leave()
        await passes(TTL)
        assert not stage.leases.keys

    play(story)


def test_a_registry_that_is_gone_holds_no_end_up() -> None:
    async def story(stage: Stage) -> None:
        stage.one.keep()
        await stage.keys()
        stage.leases.is_up = False
        await passes(TTL / 2)
        begin = asyncio.get_running_loop().time()
        await stage.one.leave()
        assert asyncio.get_running_loop().time() - begin <= 1.1

    assert ("members cannot be registered", "warning", "cannot be renewed: nobody is there") in play(story).log.told


def test_a_successor_goes_on_with_the_same_lease() -> None:
    async def story(stage: Stage) -> None:
        stage.service("old", "10.0.1.1:80", "10.0.1.2:80")
        for address in ("10.0.1.1:80", "10.0.1.2:80"):
            stage.probed("old", address, is_up=True)
        stage.one.keep()
        wanted = {"edge/10.0.0.1:8080", "vision/10.0.1.1:80", "vision/10.0.1.2:80"}
        assert await stage.keys() == wanted
        told = stage.one.told()
        for name in stage.probes:
            stage.probes[name] = SimpleNamespace(probes=0)  # the successor has probed nobody yet
        heir = stage.registering(told)
        heir.keep()
        stage.one.close()
        stage.one = heir
        for _ in range(30):
            await passes(1)
            heir.look()
            assert await stage.keys() == wanted
        assert stage.leases.grants == 1
        stage.probed("old", "10.0.1.1:80", is_up=False)
        heir.look()
        assert await stage.keys() == wanted - {"vision/10.0.1.1:80"}

    play(story)


def test_a_successor_with_another_time_to_live_begins_with_a_lease_of_its_own() -> None:
    async def story(stage: Stage) -> None:
        stage.one.keep()
        await stage.keys()
        told = stage.one.told()
        stage.one.close()
        stage.spec.registration = settings(EDGE, ttl=30)
        stage.one = stage.registering(told)
        stage.one.keep()
        await passes(2 * TTL)
        assert await stage.keys() == {"edge/10.0.0.1:8080"} and stage.leases.grants == 2

    play(story)


def test_more_than_there_may_be_is_left_out_and_told() -> None:
    async def story(stage: Stage) -> None:
        stage.spec.registration = settings(*(EDGE._replace(service=f"s{number}") for number in range(module.MOST + 3)))
        stage.one.keep()
        assert len(await stage.keys()) == module.MOST and stage.one.left_out == 3

    play(story)


def test_what_is_wrong_with_us_is_told() -> None:
    async def story(stage: Stage) -> None:
        stage.leases.ask = None  # type: ignore[assignment, method-assign]
        stage.one.keep()
        await passes(1)

    assert any(level == "error" and "TypeError" in text for _, level, text in play(story).log.told)


def test_registries_of_their_settings() -> None:
    consul = registry_of((AgentSettings(RegistryUrl(False, "c", 8500)), 5.0), "mark")
    assert isinstance(consul, ConsulRegistry) and consul.mark() == "mark" and consul.ttl == 5
    etcd = registry_of((ETCD, 5.0), "77")
    assert isinstance(etcd, EtcdRegistry) and etcd.mark() == "77" and str(etcd) == "etcd http://etcd:2379 /s"
    assert logging.WARNING > logging.INFO


class Agent:
    """A registry of which it matters only what is put and taken away."""

    def __init__(self, key: RegistryKey, log: list[str]) -> None:
        self.ttl, self._log = key[1], log
        self._tags = key[0].tags  # type: ignore[union-attr]

    def __str__(self) -> str:
        return "agent"

    def used(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()

    def mark(self) -> str:
        return ""

    async def put(self, entries: Any) -> None:
        self._log.append(f"put {self._tags} {[str(one.name) for one in entries]}")

    async def renew(self, entries: Any) -> Any:
        return []

    async def remove(self, names: Any) -> None:
        self._log.append(f"remove {[str(one) for one in names]}")

    async def leave(self, names: Any) -> None:
        self._log.append(f"leave {[str(one) for one in names]}")


def test_what_the_same_agent_of_consul_is_told_otherwise_is_not_taken_away() -> None:
    done: list[str] = []

    async def story(stage: Stage) -> None:
        stage.one._make = lambda key, _: Agent(key, done)  # type: ignore[assignment, return-value]
        agent = AgentSettings(RegistryUrl(False, "c", 8500), tags=("a",))
        stage.spec.registration = RegistrationSettings(None, agent, (EDGE, EDGE._replace(service="gone")), TTL)
        stage.one.keep()
        await passes(1)
        stage.spec.registration = RegistrationSettings(None, agent._replace(tags=("b",)), (EDGE,), TTL)
        stage.one.keep()
        await passes(1)

    play(story)
    assert done == [
        "put ('a',) ['edge/10.0.0.1:8080', 'gone/10.0.0.1:8080']",
        "put ('b',) ['edge/10.0.0.1:8080']",
        "leave ['gone/10.0.0.1:8080']",
    ]
