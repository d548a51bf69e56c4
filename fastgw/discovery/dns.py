"""The members that a name has: its addresses with one port (A, AAAA), or its records SRV with their targets' (RFC 2782).

A name is looked up again when what was said of it is no longer good, within bounds; so is each target of SRV, by a time of its own, so
that 500 targets are not asked for whenever one of them changes.

    NXDOMAIN, no such record, the target "."     a listing with nobody: that is an answer.  Asked again after ``NEGATIVE`` seconds:
                                                 c-ares does not tell how long the zone would have it kept (RFC 2308)
    SERVFAIL, silence, no name server            no answer, and so no listing
    only one family of a name has an answer      nor is that one, if the other one had addresses the last time
    a target has no answer                       its last addresses stay; if there are none, it is skipped, if nobody has any: no listing

Of the priorities of SRV the lowest counts that has an address at all: whether its members work is not for a name server to say.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from socket import AF_INET, AF_INET6, AF_UNSPEC, AddressFamily
from typing import Final, Protocol

from fastgw.core.live.news import NOT_FOUND, SILENT
from fastgw.core.sources import DnsSettings
from fastgw.discovery.listing import ListedMember, Listing, Skipped, SourceError, Tell, listed, listing
from fastgw.discovery.look_ups import Found, FoundTargets, LookUpError, SrvTarget
from fastgw.discovery.resolver import look_up, look_up_targets

NEGATIVE: Final = (
    5.0  #: seconds, within the intervals, for which is kept that there is nothing, or that a target has no answer
)
JITTER: Final = 0.1  #: part of an interval by which chance shortens it
AT_ONCE: Final = 64  #: targets of one name that are looked up at the same time

_FAMILIES: Final = {"": AF_UNSPEC, "ipv4": AF_INET, "ipv6": AF_INET6}


class _LookUp(Protocol):
    def __call__(
        self, host: str, servers: tuple[str, ...], limit: float, family: AddressFamily = ..., /
    ) -> Awaitable[Found]: ...


_LookUpTargets = Callable[[str, tuple[str, ...], float], Awaitable[FoundTargets]]


class _Host:
    """What is known of one host name."""

    __slots__ = ("addresses", "error", "until")

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()  #: the last good ones
        self.error: LookUpError | None = None  #: of the last look-up
        self.until = 0.0  #: monotonic seconds: to be looked up again


class DnsSource:
    """The members that one name has."""

    def __init__(
        self,
        settings: DnsSettings,
        find: _LookUp = look_up,
        find_targets: _LookUpTargets = look_up_targets,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``find``, ``find_targets``: look up addresses, and SRV.  ``clock``: monotonic seconds.  ``chance``: numbers of [0, 1)."""
        self._settings = settings
        self._family = _FAMILIES[settings.family]
        self._find = find
        self._find_targets = find_targets
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._hosts: dict[str, _Host] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    def __str__(self) -> str:
        return f"dns {self._settings.name}" + (f":{self._settings.port}" if self._settings.port else "")

    async def watch(self, tell: Tell) -> None:
        """See ``Source``; tells with each look-up."""
        while True:
            found, seconds = await (self._of_name() if self._settings.port else self._of_service())
            tell(found)
            await self._sleep(self._within(seconds) * (1 - JITTER * self._chance()))

    def _within(self, seconds: float) -> float:
        return min(max(seconds, self._settings.min_interval), self._settings.max_interval)

    async def _of_name(self) -> tuple[Listing, float]:
        """The listing of a name with addresses, and for how many seconds it is good."""
        name = self._settings.name
        host = self._hosts.setdefault(name, _Host())
        await self._refresh(name, host)
        if host.error is not None:
            if host.error.cause != NOT_FOUND:
                raise _failed(name, host.error)
            return listing((), [Skipped(name, host.error.detail)]), NEGATIVE
        members, skipped = _members(host.addresses, SrvTarget("", self._settings.port, 0, 1))
        return listing(members, skipped), host.until - self._clock()

    async def _of_service(self) -> tuple[Listing, float]:
        """The same of one with SRV."""
        name, settings = self._settings.name, self._settings
        try:
            found = await self._find_targets(name, settings.servers, settings.timeout)
        except LookUpError as error:
            if error.cause != NOT_FOUND:
                raise _failed(name, error) from None
            return listing((), [Skipped(name, error.detail)]), NEGATIVE
        targets = [one for one in found.targets if one.host]
        if not targets:
            return listing((), [Skipped(name, "is decidedly not available: its target is .")]), found.ttl
        members: list[ListedMember] = []
        skipped: list[Skipped] = []
        named = {one.host for one in targets}
        self._hosts = {host: known for host, known in self._hosts.items() if host in named}
        for priority in sorted({one.priority for one in targets}):
            members += await self._of_targets([one for one in targets if one.priority == priority], skipped)
            if members:
                break
        soonest = min(known.until for known in self._hosts.values()) - self._clock()
        return listing(members, skipped), min(found.ttl, soonest)

    async def _of_targets(self, targets: list[SrvTarget], skipped: list[Skipped]) -> list[ListedMember]:
        """The members of one priority.  Raises SourceError if there is none, and nobody can say that there is none."""
        hosts = {one.host: self._hosts.setdefault(one.host, _Host()) for one in targets}
        now = self._clock()
        await asyncio.gather(*(self._in_turn(name, host) for name, host in hosts.items() if host.until <= now))
        members: list[ListedMember] = []
        for name, host in hosts.items():
            if host.error is not None:
                kept = "; its last addresses stay" if host.addresses else ""
                skipped.append(Skipped(name, host.error.detail + kept))
        for one in targets:
            more, bad = _members(hosts[one.host].addresses, one)
            members += more
            skipped += bad
        if not members:
            for name, host in hosts.items():
                if host.error is not None and host.error.cause != NOT_FOUND:
                    raise _failed(name, host.error)
        return members

    async def _in_turn(self, name: str, host: _Host) -> None:
        async with self._room:
            await self._refresh(name, host)

    async def _refresh(self, name: str, host: _Host) -> None:
        """Look ``name`` up."""
        try:
            found = await self._whole(name, host)
        except LookUpError as error:
            if error.cause == NOT_FOUND:
                host.addresses = ()
            host.error, seconds = error, NEGATIVE
        else:
            host.addresses, host.error, seconds = found.addresses, None, found.ttl
        host.until = self._clock() + self._within(seconds)

    async def _whole(self, name: str, host: _Host) -> Found:
        """The addresses of ``name``: of a family that it had before also when the question for that alone fails at first."""
        settings = self._settings
        found = await self._find(name, settings.servers, settings.timeout, self._family)
        for family in _families(host.addresses) - _families(found.addresses):
            try:
                more = await self._find(name, settings.servers, settings.timeout, family)
            except LookUpError as error:
                if error.cause != NOT_FOUND:
                    raise
            else:
                found = Found(found.addresses + more.addresses, min(found.ttl, more.ttl))
        return found


def _families(addresses: Iterable[str]) -> set[AddressFamily]:
    return {AF_INET6 if ":" in one else AF_INET for one in addresses}


def _members(addresses: Iterable[str], target: SrvTarget) -> tuple[list[ListedMember], list[Skipped]]:
    members: list[ListedMember] = []
    skipped: list[Skipped] = []
    metadata = {"target": target.host} if target.host else {}
    for one in addresses:
        try:
            host = ipaddress.ip_address(one).compressed
            members.append(listed(f"[{host}]:{target.port}", target.weight or 1, metadata=metadata))
        except ValueError as error:
            skipped.append(Skipped(target.host or one, str(error)))
    return members, skipped


def _failed(name: str, error: LookUpError) -> SourceError:
    return SourceError("timeout" if error.cause == SILENT else error.cause, f"the name {name} {error.detail}")
