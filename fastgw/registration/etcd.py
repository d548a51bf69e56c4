"""Entries as keys of etcd: ``PREFIX/SERVICE/ADDRESS``, all of them with one lease.

What must not be there any more goes without the keys of others: one that was put again with another lease belongs to a successor at the
same address.  One without a lease has a value that an operator gave it, such as ``draining``: it is left alone while the entry is wanted,
and goes with it.  Several may register the same: the key is of who has put it last, and who renews finds out that its owner does not any
more, by the time that is left of its lease, and takes it over before it would go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from fastgw.core.sources import RegistryUrl
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, encoded, number
from fastgw.discovery.etcd_lease import EtcdLease
from fastgw.discovery.listing import ListedMember
from fastgw.registration.registry import LostError, RegisteredMember, RegisteredName, endpoint_of

PORT: Final = 2379
LOST: Final = "its lease is lost"
AT_ONCE: Final = 100  #: keys in one question; etcd itself takes 128 unless it is told otherwise (--max-txn-ops)


class EtcdRegistry:
    """Keys under one prefix, with one lease."""

    def __init__(self, client: EtcdClient, prefix: str, ttl: float, mark: str = "") -> None:
        """Nothing is asked yet.

        Args:
            ttl: seconds, rounded up to whole ones.
            mark: of the predecessor whose keys these are.

        Raises:
            ValueError: there can be no such keys.
        """
        if not prefix.startswith("/") or not prefix.isprintable():
            raise ValueError(f"the prefix {prefix!r} does not begin with a slash")
        self._client, self._prefix = client, prefix.rstrip("/")
        self._lease = EtcdLease(client, ttl, int(mark) if mark.isdigit() else 0)
        self.ttl: float = self._lease.ttl

    def __str__(self) -> str:
        return f"etcd {self._client} {self._prefix or '/'}"

    def key(self, name: RegisteredName) -> str:
        """Where it is kept."""
        return f"{self._prefix}/{name}"

    # -- see ``MemberRegistry``

    def used(self) -> AbstractContextManager[None]:
        """See ``MemberRegistry``."""
        return self._client.used()

    def mark(self) -> str:
        """See ``MemberRegistry``: the lease."""
        return str(self._lease.number) if self._lease.number else ""

    async def put(self, entries: Sequence[RegisteredMember]) -> None:
        """See ``MemberRegistry``."""
        if not self._lease.number:
            await self._lease.grant()
        lease = str(self._lease.number)
        puts = [
            {"requestPut": {"key": self._encoded(one.name), "value": _value(one), "lease": lease}} for one in entries
        ]
        for begin in range(0, len(puts), AT_ONCE):
            try:
                await self._client.ask("/v3/kv/txn", {"success": puts[begin : begin + AT_ONCE]})
            except EtcdError as error:
                if error.cause != "missing":
                    raise
                self._lease.number = 0
                raise LostError("missing", LOST) from None

    async def renew(self, entries: Sequence[RegisteredMember]) -> Sequence[RegisteredMember]:
        """See ``MemberRegistry``."""
        if not self._lease.number or not await self._lease.renew():
            raise LostError("missing", LOST)
        leases = await self._leases([one.name for one in entries])
        ending = [lease for lease in {*leases.values()} - {0, self._lease.number} if await self._is_ending(lease)]
        if taken_over := [one for one in entries if leases.get(one.name) in ending]:
            await self.put(taken_over)
        return [one for one in entries if one.name not in leases]

    async def remove(self, names: Sequence[RegisteredName]) -> None:
        """See ``MemberRegistry``."""
        await self._delete(names, (self._lease.number, 0))

    async def leave(self, names: Sequence[RegisteredName]) -> None:
        """See ``MemberRegistry``."""
        lease = self._lease.number
        try:
            await self._lease.revoke()
        except EtcdError:
            self._lease.number = lease  # it may be there still
            raise
        await self._delete(await self._leases(names), (0,))

    # -- questions

    def _encoded(self, name: RegisteredName) -> str:
        return encoded(self.key(name).encode())

    async def _is_ending(self, lease: int) -> bool:
        """Is the lease of somebody else renewed no more?  It would have more than half of its time."""
        found = await self._client.ask("/v3/lease/timetolive", {"ID": str(lease)})
        return number(found.get("TTL")) * 2 < max(1, number(found.get("grantedTTL")))

    async def _leases(self, names: Sequence[RegisteredName]) -> dict[RegisteredName, int]:
        """The lease of each key that there is, 0 if it has none: questions that change nothing, so the cluster does not write them down."""
        found: dict[RegisteredName, int] = {}
        for begin in range(0, len(names), AT_ONCE):
            asked = names[begin : begin + AT_ONCE]
            ranges = [{"requestRange": {"key": self._encoded(name), "keys_only": True}} for name in asked]
            answer = await self._client.ask("/v3/kv/txn", {"success": ranges})
            answers = answer.get("responses")
            if not isinstance(answers, list) or len(answers) != len(asked):
                raise EtcdError("broken", f"{self._client} did not say which keys there are")
            leases = zip(asked, map(_lease, answers), strict=True)
            found |= {name: lease for name, lease in leases if lease is not None}
        return found

    async def _delete(self, names: Iterable[RegisteredName], leases: Iterable[int]) -> None:
        """Delete the keys of ``names`` that have one of ``leases``."""
        for name in names:
            key = self._encoded(name)
            for lease in leases:
                compare = {"key": key, "target": "LEASE", "result": "EQUAL", "lease": str(lease)}
                message = {"compare": [compare], "success": [{"requestDeleteRange": {"key": key}}]}
                await self._client.ask("/v3/kv/txn", message)


def _lease(answer: Any) -> int | None:
    """The lease of the key that was asked for; None: there is no such key."""
    found = answer.get("response_range", answer.get("responseRange")) if isinstance(answer, dict) else None
    keys = found.get("kvs") if isinstance(found, dict) else None
    return number(keys[0].get("lease")) if isinstance(keys, list) and keys and isinstance(keys[0], dict) else None


def _value(entry: RegisteredMember) -> str:
    return encoded(value_of(entry.member).encode())


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


def endpoints(etcd: str | Iterable[str]) -> tuple[RegistryUrl, ...]:
    """What ``EtcdSettings`` has, of URLs.  Raises ValueError."""
    texts = etcd.split(",") if isinstance(etcd, str) else etcd
    found = tuple(endpoint_of(text, PORT, "etcd") for text in texts)
    if not found:
        raise ValueError("there is no endpoint of etcd")
    return found
