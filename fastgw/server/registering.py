"""What the gateway registers: listeners of its own, and healthy members of services that cannot register themselves.

One ``Registrar`` for each registry keeps it all, with one lease in etcd.  It begins when every worker serves, follows reloads and health,
and ends before the listeners do.  Where a registry is another after a reload, what is in the new one comes first, then the old one's goes.

A successor (``server.upgrade``) is told by which mark we keep what: it goes on with the same lease, so that nothing is ever gone between.
What we leave to it we neither renew nor take away any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from fastgw.core.settings import Address
from fastgw.core.sources import AgentSettings, EtcdSettings, RegistrationSettings
from fastgw.discovery.etcd_client import EtcdClient
from fastgw.discovery.listing import ListedMember, listed
from fastgw.registration.consul import ConsulRegistry
from fastgw.registration.etcd import EtcdRegistry
from fastgw.registration.keeping import Registrar
from fastgw.registration.registry import MemberRegistry, RegisteredMember, RegisteredName

if TYPE_CHECKING:
    from fastgw.server.binding import Plan
    from fastgw.server.knowledge import Knowledge
    from fastgw.server.log import Log
    from fastgw.server.probing import Probing

MOST: Final = 1_000  #: members in a registry; what is beyond is left out, and said to be
WORD: Final = {EtcdSettings: "etcd", AgentSettings: "consul"}

RegistryKey = tuple[EtcdSettings | AgentSettings, float]  #: with the time to live


class Registrant(Protocol):
    """Who is registered (``gateway.Gateway``)."""

    knowledge: Knowledge
    probing: Probing | None
    is_upgrading: bool

    @property
    def plan_in_use(self) -> Plan:
        """The configuration in use, and its sockets."""
        ...


class _KeptRegistry(NamedTuple):
    """One registry, and the task that keeps what is in it."""

    registrar: Registrar
    task: asyncio.Task[None]


def registry_of(key: RegistryKey, mark: str) -> MemberRegistry:
    """The registry that these are the settings of."""
    settings, ttl = key
    if isinstance(settings, AgentSettings):
        return ConsulRegistry(settings, ttl, mark)
    return EtcdRegistry(EtcdClient(settings), settings.prefix, ttl, mark)


class Registering:
    """That of one gateway."""

    def __init__(
        self,
        gateway: Registrant,
        log: Log,
        random: Callable[[], float],
        told: Sequence[Mapping[str, Any]] = (),
        make: Callable[[RegistryKey, str], MemberRegistry] = registry_of,
    ) -> None:
        """``random``: numbers of [0, 1).  ``told``: what a predecessor has said (``told``).  ``make``: a registry of its key and a mark."""
        self._gateway = gateway
        self._log = log
        self._random = random
        self._make = make
        self._told = {(one["registry"], one["ttl"]): one for one in told}
        self._inherited = {name for one in told for name in _names(one)}
        self._kept: dict[RegistryKey, _KeptRegistry] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._drain = 0.0
        self.left_out = 0  #: members beyond ``MOST``

    # -- what is kept

    def keep(self) -> None:
        """Have what the configuration in use says be registered, as it is now, and nothing else."""
        settings = self._gateway.plan_in_use.spec.registration
        keys = _keys(settings) if isinstance(settings, RegistrationSettings) else []
        self._drain = settings.drain if isinstance(settings, RegistrationSettings) else 0.0
        members = self._members() if keys else []
        for key in keys:
            if key not in self._kept:
                self._kept[key] = self._begin(key)
            self._kept[key].registrar.want(members)
        for key in [key for key in self._kept if key not in keys]:
            ending = asyncio.get_running_loop().create_task(self._replace(key, self._kept.pop(key)))
            self._ending.add(ending)
            ending.add_done_callback(self._ended)

    async def part(self, plan: Plan) -> None:
        """``plan`` comes into use next: take away our listeners that it does not register, before they end; a second at most."""
        has_any = isinstance(plan.spec.registration, RegistrationSettings)
        gone = {one.name for one in self._listeners(self._gateway.plan_in_use)} if self._kept else set()
        gone -= {one.name for one in self._listeners(plan)} if has_any else set()
        for one in self._kept.values():
            one.registrar.want([two for name, two in one.registrar.wanted.items() if name not in gone])
        if gone:
            await self.settled(1.0)

    def look(self) -> None:
        """See whether the health of members has changed; not while a successor begins with what is now."""
        if not self._gateway.is_upgrading:
            self.keep()

    async def settled(self, limit: float) -> None:
        """Wait until everything is registered, but no longer than ``limit`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await asyncio.gather(*(one.registrar.settled() for one in self._kept.values()))

    async def leave(self) -> float:
        """Take our listeners away; return the seconds for which they must still serve.

        Members of services, who serve on, are left to others who register them too, or to their time to live.
        """
        kept, self._kept = [*self._kept.values()], {}
        was_there = any(one.registrar.there for one in kept)
        ours = {one.name for one in self._listeners(self._gateway.plan_in_use)} if kept else set()
        others = {name for one in kept for name in one.registrar.wanted} - ours
        await asyncio.gather(*(self._end(one, others, are_left=bool(others)) for one in kept))
        return self._drain if was_there else 0.0

    def close(self) -> None:
        """Keep nothing any more, and leave it where it is: to a successor, or to its time to live."""
        for task in (*(one.task for one in self._kept.values()), *self._ending):
            task.cancel()
        self._kept.clear()

    def told(self) -> list[dict[str, Any]]:
        """What a successor begins with: plain data."""
        return [
            {
                "registry": str(one.registrar.registry),
                "ttl": one.registrar.registry.ttl,
                "mark": one.registrar.registry.mark(),
                "members": [
                    (two.service, tuple(two.member.address), *two.member[1:3], [*map(list, two.member.metadata)])
                    for two in one.registrar.there
                ],
            }
            for one in self._kept.values()
        ]

    def registrars(self) -> Iterator[tuple[str, Registrar]]:
        """Each with the word for its kind."""
        for (settings, _), one in self._kept.items():
            yield WORD[type(settings)], one.registrar

    # -- one registry

    def _begin(self, key: RegistryKey) -> _KeptRegistry:
        registry = self._make(key, "")
        told = self._told.pop((str(registry), registry.ttl), None)
        there: Iterable[RegisteredMember] = ()
        if told is not None and told["mark"]:
            registry, there = self._make(key, told["mark"]), _members(told)
        registrar = Registrar(registry, there=there, chance=self._random, tell=self._line(registry))
        task = asyncio.get_running_loop().create_task(self._run(registrar))
        task.add_done_callback(self._ended)
        return _KeptRegistry(registrar, task)

    async def _run(self, registrar: Registrar) -> None:
        with registrar.registry.used():
            await registrar.keep()

    async def _end(self, one: _KeptRegistry, but: Iterable[RegisteredName] = (), *, are_left: bool = False) -> None:
        one.task.cancel()
        await asyncio.gather(one.task, return_exceptions=True)
        with one.registrar.registry.used():
            await one.registrar.leave(frozenset(but), are_left=are_left)

    async def _replace(self, key: RegistryKey, old: _KeptRegistry) -> None:
        """End ``old`` when those that take its place have what it has, or have not managed to for as long as it would last."""
        await self.settled(old.registrar.registry.ttl)
        settings = key[0]
        same = [
            one.registrar
            for (other, _), one in self._kept.items()
            if isinstance(settings, AgentSettings)
            and isinstance(other, AgentSettings)
            and other.endpoint == settings.endpoint
        ]
        await self._end(old, [name for one in same for name in one.wanted])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a task of the supervisor failed", error=repr(error))

    def _line(self, registry: MemberRegistry) -> Callable[[int, str], None]:
        def tell(level: int, what: str) -> None:
            if level >= logging.WARNING:
                self._log.limited("members cannot be registered", "warning", registry=str(registry), reason=what)
            else:
                self._log.limited("registration", "info", registry=str(registry), state=what)

        return tell

    # -- what is registered

    def _members(self) -> list[RegisteredMember]:
        found = {one.name: one for one in (*self._listeners(self._gateway.plan_in_use), *self._of_services())}
        self.left_out = max(0, len(found) - MOST)
        return [found[name] for name in sorted(found)[:MOST]]

    def _listeners(self, plan: Plan) -> Iterator[RegisteredMember]:
        settings = plan.spec.registration
        assert isinstance(settings, RegistrationSettings)
        known = {one.name: one for one in plan.spec.listeners}
        for one in settings.listeners:
            host, port = one.host, one.port
            if not (host and port):
                keys = known[one.listener].bind.keys
                if not keys:
                    continue  # its name has no address on this host
                bind = known[one.listener].bind
                host = host or bind.places[0].host
                port = port or int(plan.listenings[keys[0]].bound.rpartition(":")[2])  # the file may say 0
            yield RegisteredMember(one.service, ListedMember(Address(host, port), one.weight, one.zone, one.metadata))

    def _of_services(self) -> Iterator[RegisteredMember]:
        """The healthy members of services that are registered for them."""
        spec, knowledge = self._gateway.plan_in_use.spec, self._gateway.knowledge
        for service in spec.services:
            if not service.register_as:
                continue
            version = {"version": service.name.rpartition("@")[2]} if "@" in service.name else {}
            for one in service.members:
                endpoint = str(one.address)
                metadata = tuple(sorted({**version, **dict(one.metadata)}.items()))
                for address in knowledge.places.get((service.name, endpoint), ()):
                    with contextlib.suppress(ValueError):  # loopback of another family and the like is no member
                        member = listed(address, one.weight, one.zone)._replace(metadata=metadata)
                        found = RegisteredMember(service.register_as, member)
                        if self._is_healthy((service.name, endpoint, address), found.name):
                            yield found

    def _is_healthy(self, member: tuple[str, str, str], name: RegisteredName) -> bool:
        """Is it?  What a predecessor had found counts until the first probe."""
        probing = self._gateway.probing
        probed = probing.known.get(member) if probing is not None else None
        if probed is None or not probed.probes:
            return name in self._inherited
        return self._gateway.knowledge.findings.is_up(member)


def _keys(settings: RegistrationSettings) -> list[RegistryKey]:
    return [(one, settings.ttl) for one in (settings.etcd, settings.consul) if one is not None]


def _members(told: Mapping[str, Any]) -> list[RegisteredMember]:
    return [
        RegisteredMember(
            service, ListedMember(Address(*address), weight, zone, tuple((name, value) for name, value in metadata))
        )
        for service, address, weight, zone, metadata in told["members"]
    ]


def _names(told: Mapping[str, Any]) -> list[RegisteredName]:
    return [one.name for one in _members(told)]
