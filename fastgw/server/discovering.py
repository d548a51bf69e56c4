"""Members of services that are listed elsewhere: their sources, once for all workers, and what they list, told to the workers.

A source is kept once, whichever services ask for it, and through reloads as long as its settings stay the same.  Changes are gathered:
the first is told after ``GATHER`` seconds with all that came meanwhile, and telling takes a tenth of a processor at most, however many
come.  It is told of a few services at once, for a worker answers nobody while it takes them; whoever has changed first is told first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final

from fastgw.config.listed import Lists
from fastgw.config.spec import EndpointSpec, GatewaySpec, ServiceSpec
from fastgw.core.settings import Address
from fastgw.core.sources import (
    BeliefSettings,
    ConsulSettings,
    DiscoverySettings,
    DnsSettings,
    EtcdSettings,
    FileSettings,
    KubernetesSettings,
    SourceSettings,
)
from fastgw.discovery.bounded import BoundedSource
from fastgw.discovery.keeping import LISTED, Recalled, SourceKeeper
from fastgw.discovery.listing import ListedMember, Source
from fastgw.server.log import Log
from fastgw.server.members_file import MEMBERS_FILE, identity
from fastgw.server.remembering import Remembering
from fastgw.server.waits import all_set

GATHER: Final = 0.02  #: seconds
SHARE: Final = 0.1  #: of a processor that telling may take
AT_ONCE: Final = 8  #: services that are told of at once, each of which takes a worker some 50 us

SourceKey = tuple[SourceSettings, BeliefSettings]

#: What makes a source of its settings, imported where there is one: module, class, and the word for it.
KINDS: Final[Mapping[type, tuple[str, str, str]]] = {
    EtcdSettings: ("fastgw.discovery.etcd", "EtcdSource", "etcd"),
    ConsulSettings: ("fastgw.discovery.consul", "ConsulSource", "consul"),
    DnsSettings: ("fastgw.discovery.dns", "DnsSource", "dns"),
    FileSettings: ("fastgw.discovery.file", "FileSource", "file"),
    KubernetesSettings: ("fastgw.discovery.kubernetes", "KubernetesSource", "kubernetes"),
}


class SourceMaker:
    """Makes sources of their settings; those that ask the same etcd as the same user share what asks it."""

    def __init__(self, against: Callable[[Address], str] | None = None) -> None:
        """``against``: why nobody may be a member at an address, empty if somebody may; None: there is nothing against any."""
        self._shared: dict[Any, Any] = {}
        self._against = against

    def __call__(self, settings: SourceSettings) -> Source:
        """The source that these are the settings of."""
        module, name, _ = KINDS[type(settings)]
        more = (self._shared,) if isinstance(settings, EtcdSettings) else ()
        found: Source = getattr(import_module(module), name)(settings, *more)
        return found if self._against is None else BoundedSource(found, self._against)


class Discovering:
    """All sources of the configuration in use, and of one that is being prepared."""

    def __init__(
        self,
        on_lists: Callable[[Lists], None],
        log: Log,
        random: Callable[[], float],
        make: Callable[[SourceSettings], Source] | None = None,
        clock: Callable[[], float] = time.monotonic,
        state_file: str = "",
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        """``on_lists``: called with the services whose members are others now, and all members of each.  ``random``: numbers of [0, 1).
        ``make``: a source of its settings; None: as it is.  ``clock``: monotonic seconds.  ``state_file``: members are kept beside it;
        empty: they are not.  ``spent``: seconds of a processor that this thread has had."""
        self._on_lists = on_lists
        self._log = log
        self._random = random
        self._make = make if make is not None else SourceMaker()
        self._clock = clock
        self._spent = spent
        self._services: dict[str, DiscoverySettings] = {}
        self._keepers: dict[SourceKey, SourceKeeper] = {}
        self._told: dict[str, tuple[EndpointSpec, ...]] = {}
        self._users: dict[SourceKey, list[str]] = {}  # services by source
        self._dirty: dict[str, None] = {}  # services that may have other members, in the order in which that came
        self._timer: asyncio.TimerHandle | None = None
        self._rested_until = 0.0
        self.memory = Remembering(MEMBERS_FILE, state_file, log, self._lists_now) if state_file else None

    async def prepare(self, services: Iterable[ServiceSpec], limit: float) -> None:
        """Begin with the sources that are new; wait for their first listing, but no longer than ``limit`` seconds."""
        wanted = _settings_of(services)
        new = [keeper for one in wanted.values() for keeper in self._begin(one)]
        self._use(self._services | wanted)
        await all_set([keeper.was_asked for keeper in new], limit)
        self._flush()

    def keep(self, spec: GatewaySpec) -> None:
        """Keep the sources of ``spec``, and no others."""
        self._use(_settings_of(spec.services))
        for one in self._services.values():
            self._begin(one)
        for key in [key for key in self._keepers if key not in self._users]:
            self._keepers.pop(key).close()
        self._told = {name: members for name, members in self._told.items() if name in self._services}
        if self.memory is not None:
            self.memory.move(spec.state_file)
        self._flush()

    def close(self) -> None:
        """Ask nobody any more."""
        for keeper in self._keepers.values():
            keeper.close()
        if self.memory is not None:
            self.memory.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def sources_of(self, service: str) -> list[tuple[str, SourceKeeper]]:
        """The sources of a service, each with the word for its kind."""
        settings = self._services.get(service)
        if settings is None:
            return []
        return [(KINDS[type(key[0])][2], self._keepers[key]) for key in _keys(settings)]

    # -- what sources say

    def _begin(self, settings: DiscoverySettings) -> list[SourceKeeper]:
        """Keep the sources of a service; return those that are new."""
        new = []
        for key in _keys(settings):
            if key not in self._keepers:
                recalled = self.memory.recall(_identity(key)) if self.memory is not None else None
                if recalled is not None and not recalled.members:
                    recalled = None  # nobody is no good to anybody
                keeper = SourceKeeper(
                    self._make(key[0]),
                    key[1],
                    partial(self._on_change, key),
                    self._line,
                    self._random,
                    self._clock,
                    recalled=recalled,
                )
                self._keepers[key] = keeper
                keeper.begin()
                new.append(keeper)
        return new

    def _line(self, event: str, level: str, fields: dict[str, Any]) -> None:
        self._log.limited(event, level, **fields)

    def _lists_now(self) -> dict[str, Recalled]:
        """What is believed of each source that has listed something: now, if it still says so."""
        now = time.time()
        return {
            _identity(key): Recalled(one.members, now if one.state == LISTED else one.listed_at, one.revision)
            for key, one in self._keepers.items()
            if one.members is not None
        }

    def _use(self, services: dict[str, DiscoverySettings]) -> None:
        """These are the services from now on; all of them are looked at with the next ``_flush``."""
        self._services = services
        self._users = {}
        for name, settings in services.items():
            for key in _keys(settings):
                self._users.setdefault(key, []).append(name)
        self._dirty = dict.fromkeys(services)

    def _on_change(self, key: SourceKey) -> None:
        self._dirty.update(dict.fromkeys(self._users.get(key, ())))
        if self.memory is not None and not self._keepers[key].is_recalled:
            self.memory.changed()
        self._tell_soon(GATHER)

    def _tell_soon(self, pause: float) -> None:
        if self._timer is None:
            pause = max(pause, self._rested_until - self._clock())
            self._timer = asyncio.get_running_loop().call_later(pause, self._flush, AT_ONCE)

    def _flush(self, most: int = 0) -> None:
        """Tell of every service whose members are others than those that were told last; ``most``: of so many now, of others soon."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        began = self._spent()
        news: dict[str, tuple[EndpointSpec, ...]] = {}
        while self._dirty and (not most or len(news) < most):
            name = next(iter(self._dirty))
            del self._dirty[name]
            members = self._members(self._services[name])
            if members is not None and self._told.get(name) != members:
                news[name] = self._told[name] = members
        if news:
            self._on_lists(news)
            self._rested_until = self._clock() + (self._spent() - began) / SHARE
        if self._dirty:
            self._tell_soon(0.0)

    def _members(self, settings: DiscoverySettings) -> tuple[EndpointSpec, ...] | None:
        """Whoever is listed by one of the sources; None: none of them has listed anything yet."""
        lists = [found for key in _keys(settings) if (found := self._keepers[key].members) is not None]
        if not lists:
            return None
        if len(lists) == 1 and not settings.where:
            return tuple([EndpointSpec(*one) for one in lists[0]])
        merged: dict[Any, ListedMember] = {}
        for members in lists:
            for one in members:
                if settings.where and not set(settings.where) <= set(one.metadata):
                    continue
                merged.setdefault(one.address, one)
        return tuple([EndpointSpec(*merged[address]) for address in sorted(merged)])


def _settings_of(services: Iterable[ServiceSpec]) -> dict[str, DiscoverySettings]:
    return {one.name: one.discovery for one in services if isinstance(one.discovery, DiscoverySettings)}


def _identity(key: SourceKey) -> str:
    return identity(KINDS[type(key[0])][2], key[0])


def _keys(settings: DiscoverySettings) -> list[SourceKey]:
    return [(one, settings.belief) for one in settings.sources]
