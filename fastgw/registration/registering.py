"""A key of etcd that is there as long as its service.

    waiting    until the service answers: what is there gets requests at once
    there      its key has a lease, which is renewed at a third of its time to live
    lost       the lease is gone (an outage longer than it, a wiped or restored cluster): a new one, and the key is put again
    leaving    the lease is revoked, which deletes the key, then the service has ``drain`` seconds for what is on its way

After an outage all services of a cluster register again at once, so each waits a moment by chance first.  A key that somebody deletes is
put again with the next renewal; a value that somebody else gives it is left alone, such as ``draining``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.core.sources import ClientTls, EtcdSettings, RegistryUrl
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, encoded, number
from fastgw.discovery.listing import ListedMember, listed

log = logging.getLogger("fastgw.registration")

ETCD_PORT: Final = 2379
PAUSE: Final = 0.25  #: seconds to the next attempt; they grow to ``PAUSE_MOST``
PAUSE_MOST: Final = 2.0
LOOK: Final = 0.25  #: seconds between two looks whether the service answers yet
TIMEOUT: Final = 3.0  #: seconds for one question
LEAVING: Final = 1.0  #: seconds for the end of the lease, after which it is left to expire
TTL_LEAST: Final = 2.0

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}")


@asynccontextmanager
async def register(
    service: str,
    address: str,
    etcd: str | Iterable[str],
    *,
    prefix: str = "/services",
    weight: int = 1,
    zone: str = "",
    version: str = "",
    metadata: Mapping[str, object] | None = None,
    health: str = "",
    ttl: float = 10.0,
    drain: float = 1.0,
    user: str = "",
    password: str = "",
    tls: ClientTls | None = None,
) -> AsyncIterator[Registration]:
    """Have ``address`` be a member of ``service`` for as long as the context, once it answers.

    It returns at once; what goes wrong with etcd is logged (``fastgw.registration``) and tried again.  The end of the context takes the
    key away and waits ``drain`` seconds, in which the service must still serve what is on its way.

    Args:
        address: IP address and port by which gateways reach it, such as ``10.0.0.5:9000`` or ``[2001:db8::5]:9000``.
        etcd: URLs of endpoints of one cluster, ``http://host:2379``; several in a list, or with commas.
        prefix: the key is ``PREFIX/SERVICE/ADDRESS``.
        health: a URL, or the path of one at ``address``, that answers 2xx when the service is ready; empty: a connection can be opened.
        ttl: seconds after which the key is gone if nobody renews it, as when the process is killed.
        drain: seconds that the end of the context takes, behind the end of the key.
        tls: files for https; None: the authorities of the system, and no certificate is shown.

    Raises:
        ValueError: an argument cannot be used.
    """
    member = listed(address, weight, zone, {**(metadata or {}), **({"version": version} if version else {})})
    client = EtcdClient(EtcdSettings(endpoints(etcd), "", user, password, tls or ClientTls(), TIMEOUT))
    registration = Registration(
        client, key_of(prefix, service, member), value_of(member), ttl, health_of(health, member)
    )
    async with registration.running(drain):
        yield registration


class Registration:
    """One key, and what becomes of it."""

    def __init__(
        self,
        client: EtcdClient,
        key: str,
        value: str,
        ttl: float,
        health: Caller | None,
        *,
        chance: Callable[[], float] = random.random,
        tell: Callable[[int, str], None] = log.log,
    ) -> None:
        """Nothing is asked yet.

        Args:
            health: who must answer first; None: nobody.  One whose target is empty must only take a connection.
            chance: 0 to 1.
            tell: is told, with a level of ``logging`` and in words, when the key is there, and when it is not and why.

        Raises:
            ValueError: the time to live is too short.
        """
        if not ttl >= TTL_LEAST:
            raise ValueError(f"a time to live of {ttl:g} s is less than the {TTL_LEAST:g} s that etcd keeps apart")
        self.key, self._value, self._ttl = key, value, math.ceil(ttl)
        self._client, self._health, self._chance, self._tell = client, health, chance, tell
        self._there = asyncio.Event()
        self._lease = 0
        self._said = ""

    @property
    def is_there(self) -> bool:
        """Is its key there, as far as is known?"""
        return self._there.is_set()

    async def ready(self) -> None:
        """Wait until its key is there."""
        await self._there.wait()

    @asynccontextmanager
    async def running(self, drain: float) -> AsyncIterator[None]:
        """Keep the key meanwhile; at the end it goes, and ``drain`` seconds pass if it was there."""
        with self._client.used():
            task = asyncio.ensure_future(self._keep())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await self._leave(drain)

    # -- what it does

    async def _keep(self) -> None:
        await self._healthy()
        pause = PAUSE
        while True:
            try:
                await self._register()
                pause = PAUSE
                await self._renew()
                self._say("its lease is lost; it is put again")
                wait = self._chance() * min(1.0, self._ttl / 10)  # everybody's is lost at the same time
            except EtcdError as error:
                self._say(f"not registered: {error.detail}; it is tried again")
                wait = pause * (0.5 + self._chance() / 2)
                pause = min(pause * 2, PAUSE_MOST)
            self._there.clear()
            await asyncio.sleep(wait)

    async def _healthy(self) -> None:
        """Until the service answers."""
        caller = self._health
        while caller is not None:
            try:
                if not caller.url.target:
                    await caller.reach()
                    return
                status = (await caller.call(b"GET")).status
                if 200 <= status < 300:
                    caller.close()
                    return
                reason = f"{caller.url} answered {status}"
            except CallError as error:
                reason = str(error)
            self._say(f"not registered yet: {reason}")
            await asyncio.sleep(LOOK)

    async def _register(self) -> None:
        await self._revoke()  # a former lease that may live on
        granted = await self._client.ask("/v3/lease/grant", {"TTL": str(self._ttl)})
        self._lease = number(granted.get("ID"))
        if not self._lease:  # with none, the key would be there for ever
            raise EtcdError("broken", f"{self._client} granted no lease")
        await self._client.ask("/v3/kv/put", self._put())
        self._there.set()
        self._say("registered", logging.INFO)

    def _put(self) -> dict[str, Any]:
        return {"key": encoded(self.key.encode()), "value": encoded(self._value.encode()), "lease": str(self._lease)}

    async def _renew(self) -> None:
        """Renew the lease, until it is lost."""
        time = asyncio.get_running_loop().time
        absent = {"key": encoded(self.key.encode()), "target": "VERSION", "result": "EQUAL", "version": "0"}
        again = {"compare": [absent], "success": [{"requestPut": self._put()}]}
        renewed, wait = time(), self._ttl / 3
        while True:
            await asyncio.sleep(wait)
            begin = time()
            try:
                answer = await self._client.ask("/v3/lease/keepalive", {"ID": str(self._lease)})
                result = answer.get("result")
                if not isinstance(result, dict) or not number(result.get("TTL")):  # it has none: the lease is not known
                    return
                renewed, wait = begin, self._ttl / 3
                await self._client.ask("/v3/kv/txn", again)
                self._say("registered", logging.INFO)
            except EtcdError as error:
                if error.cause == "missing":
                    return
                if time() - renewed > self._ttl:
                    raise
                self._say(f"its lease cannot be renewed: {error.detail}")
                wait = min(1.0, self._ttl / 10)

    async def _leave(self, drain: float) -> None:
        was_there = self._there.is_set()
        self._there.clear()
        with contextlib.suppress(TimeoutError, EtcdError):  # then it expires
            async with asyncio.timeout(LEAVING):
                await self._revoke()
                if was_there:
                    await self._client.ask("/v3/kv/txn", self._forgotten())
        if was_there:
            self._say("not registered any more", logging.INFO)
            await asyncio.sleep(drain)

    async def _revoke(self) -> None:
        if self._lease:
            lease, self._lease = self._lease, 0
            try:
                await self._client.ask("/v3/lease/revoke", {"ID": str(lease)})
            except EtcdError as error:
                if error.cause != "missing":
                    raise

    def _forgotten(self) -> dict[str, Any]:
        """Delete the key if it is still there without a lease, which a value that somebody else gave it has."""
        key = encoded(self.key.encode())
        compare = {"key": key, "target": "LEASE", "result": "EQUAL", "lease": "0"}
        return {"compare": [compare], "success": [{"requestDeleteRange": {"key": key}}]}

    def _say(self, what: str, level: int = logging.WARNING) -> None:
        """Tell it, once as long as it is the same."""
        if what != self._said:
            self._said = what
            self._tell(level, f"{self.key}: {what}")


def endpoints(etcd: str | Iterable[str]) -> tuple[RegistryUrl, ...]:
    """What ``EtcdSettings`` has, of URLs.  Raises ValueError."""
    found = []
    for text in etcd.split(",") if isinstance(etcd, str) else etcd:
        url = urlsplit(text.strip())
        is_plain = url.scheme in ("http", "https") and url.path in ("", "/") and not (url.query or url.username)
        if not is_plain or not url.hostname:
            raise ValueError(f"{text!r} is no endpoint of etcd such as http://127.0.0.1:{ETCD_PORT}")
        found.append(RegistryUrl(url.scheme == "https", url.hostname, url.port or ETCD_PORT))
    if not found:
        raise ValueError("there is no endpoint of etcd")
    return tuple(found)


def key_of(prefix: str, service: str, member: ListedMember) -> str:
    """``PREFIX/SERVICE/ADDRESS``.  Raises ValueError."""
    if not _SERVICE.fullmatch(service):
        raise ValueError(f"{service!r} is no name of a service: letters, digits, and . _ - @ inside it")
    if not prefix.startswith("/") or not prefix.isprintable():
        raise ValueError(f"the prefix {prefix!r} does not begin with a slash")
    return f"{prefix.rstrip('/')}/{service}/{member.address}"


def value_of(member: ListedMember) -> str:
    """``active``, or a JSON object where there is more to be said."""
    metadata = dict(member.metadata)
    version = metadata.pop("version", None)
    more = {
        "weight": None if member.weight == 1 else member.weight,
        "zone": member.zone,
        "version": version,
        "metadata": metadata,
    }
    said = {name: value for name, value in more.items() if value}
    return json.dumps({"status": "active", "address": str(member.address), **said}) if said else "active"


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
