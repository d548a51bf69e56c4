"""A member that is there as long as its service.

waiting    until the service answers: what is there gets requests at once
there      its entry is kept (``keeping``)
leaving    the entry goes, then the service has ``drain`` seconds for what is on its way
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.core.sources import AgentSettings, ClientTls, EtcdSettings
from fastgw.discovery.etcd_client import EtcdClient
from fastgw.discovery.listing import ListedMember, listed
from fastgw.registration.consul import PORT as CONSUL_PORT
from fastgw.registration.consul import ConsulRegistry, odd_names
from fastgw.registration.etcd import EtcdRegistry, endpoints
from fastgw.registration.keeping import Registrar, Say, log
from fastgw.registration.registry import MemberRegistry, RegisteredMember, endpoint_of, service_name

LOOK: Final = 0.25  #: seconds between two looks whether the service answers yet
TIMEOUT: Final = 3.0  #: seconds for one question


@asynccontextmanager
async def register(
    service: str,
    address: str,
    etcd: str | Iterable[str] = (),
    *,
    consul: str = "",
    prefix: str = "/services",
    tags: Iterable[str] = (),
    weight: int = 1,
    zone: str = "",
    version: str = "",
    metadata: Mapping[str, object] | None = None,
    health: str = "",
    ttl: float = 10.0,
    drain: float = 1.0,
    user: str = "",
    password: str = "",
    token: str = "",
    tls: ClientTls | None = None,
) -> AsyncIterator[Registration]:
    """Have ``address`` be a member of ``service`` for as long as the context, once it answers.

    It returns at once; what goes wrong with the registry is logged (``fastgw.registration``) and tried again.  The end of the context takes
    the entry away and waits ``drain`` seconds, in which the service must still serve what is on its way.

    Args:
        address: IP address and port by which gateways reach it, such as ``10.0.0.5:9000`` or ``[2001:db8::5]:9000``.
        etcd: URLs of endpoints of one cluster, ``http://host:2379``; several in a list, or with commas.  Either this or ``consul``.
        consul: the URL of an agent, ``http://host:8500``.
        prefix: of etcd; the key is ``PREFIX/SERVICE/ADDRESS``.
        tags: of Consul.
        health: a URL, or the path of one at ``address``, that answers 2xx when the service is ready; empty: a connection can be opened.
        ttl: seconds after which it is gone if nobody renews it, as when the process is killed.
        drain: seconds that the end of the context takes, behind the end of the entry.
        user: of etcd, with ``password``.
        token: of Consul.
        tls: files for https; None: the authorities of the system, and no certificate is shown.

    Raises:
        ValueError: an argument cannot be used.
    """
    member = listed(address, weight, zone, {**(metadata or {}), **({"version": version} if version else {})})
    if consul:
        if tuple(etcd) or user or password:
            raise ValueError("a service is registered in etcd or in Consul; for both, take two contexts")
        registry: MemberRegistry = in_consul(consul, ttl, token, tags, tls or ClientTls())
    else:
        if token or tuple(tags):
            raise ValueError("a token and tags are of Consul")
        registry = in_etcd(etcd, prefix, ttl, user, password, tls or ClientTls())
    registration = Registration(registry, entry_of(registry, service, member), health_of(health, member))
    async with registration.running(drain):
        yield registration


class Registration:
    """One member, and what becomes of it."""

    def __init__(
        self,
        registry: MemberRegistry,
        entry: RegisteredMember,
        health: Caller | None,
        *,
        chance: Callable[[], float] = random.random,
        tell: Say = log.log,
    ) -> None:
        """Nothing is asked yet.

        Args:
            health: who must answer first; None: nobody.  One whose target is empty must only take a connection.
            chance: 0 to 1.
            tell: is told, with a level of ``logging`` and in words, when the entry is there, and when it is not and why.
        """
        self._entry, self._health, self._tell = entry, health, tell
        self._registrar = Registrar(registry, chance=chance, tell=self._say)
        self._answers = asyncio.Event()  # the service does
        self._said = ""

    @property
    def is_there(self) -> bool:
        """Is its entry there, as far as is known?"""
        return bool(self._registrar.there)

    async def ready(self) -> None:
        """Wait until its entry is there."""
        await self._answers.wait()
        await self._registrar.settled()

    @asynccontextmanager
    async def running(self, drain: float) -> AsyncIterator[None]:
        """Keep the entry meanwhile; at the end it goes, and ``drain`` seconds pass if it was there."""
        was_there = False
        async with self._registrar.running():
            waiting = asyncio.ensure_future(self._healthy())
            try:
                yield
            finally:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
                was_there = self.is_there
        if was_there:
            await asyncio.sleep(drain)

    async def _healthy(self) -> None:
        """Wait until the service answers, and want its entry."""
        caller = self._health
        while caller is not None:
            try:
                if not caller.url.target:
                    await caller.reach()
                    break
                status = (await caller.call(b"GET")).status
                if 200 <= status < 300:
                    caller.close()
                    break
                reason = f"{caller.url} answered {status}"
            except CallError as error:
                reason = str(error)
            if reason != self._said:
                self._said = reason
                self._say(logging.WARNING, f"not registered yet: {reason}")
            await asyncio.sleep(LOOK)
        self._registrar.want([self._entry])
        self._answers.set()

    def _say(self, level: int, what: str) -> None:
        self._tell(level, f"{self._entry.name}: {what}")


def in_etcd(
    etcd: str | Iterable[str], prefix: str, ttl: float, user: str, password: str, tls: ClientTls
) -> EtcdRegistry:
    """A cluster of etcd.  Raises ValueError."""
    settings = EtcdSettings(endpoints(etcd), "", user, password, tls, TIMEOUT)
    return EtcdRegistry(EtcdClient(settings), prefix, ttl)


def in_consul(consul: str, ttl: float, token: str, tags: Iterable[str], tls: ClientTls) -> ConsulRegistry:
    """An agent of Consul.  Raises ValueError."""
    endpoint = endpoint_of(consul, CONSUL_PORT, "Consul")
    return ConsulRegistry(AgentSettings(endpoint, token, tuple(tags), tls, TIMEOUT), ttl)


def entry_of(registry: MemberRegistry, service: str, member: ListedMember) -> RegisteredMember:
    """``member`` as it is registered in ``registry``.  Raises ValueError: it cannot be."""
    odd = odd_names(dict(member.metadata)) if isinstance(registry, ConsulRegistry) else []
    if odd:
        raise ValueError(f"{odd[0]!r} is no name of metadata in Consul: letters, digits, - and _, and no consul-")
    return RegisteredMember(service_name(service), member)


def health_of(health: str, member: ListedMember) -> Caller:
    """Who must answer before the key is put.  Raises ValueError."""
    if not health:
        url = Url(False, member.address.host, member.address.port, "")
    elif health.startswith("/"):
        url = Url(False, member.address.host, member.address.port, health)
    else:
        parts = urlsplit(health)
        if parts.scheme not in ("http", "https") or not parts.hostname or not health.isprintable() or " " in health:
            raise ValueError(f"{health!r} is no URL, and no path")
        is_tls = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        url = Url(is_tls, parts.hostname, parts.port or (443 if is_tls else 80), target)
    member_or_none = None if url.is_tls else AsMember(None, url.host)  # with TLS, its certificate is verified
    return Caller(url, TIMEOUT, 64 * 1024, as_member=member_or_none)
