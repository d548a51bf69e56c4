"""Keys and leases as etcd keeps them, in the place of a client and in the time of its loop (``tests.support.virtual``)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastgw.discovery.etcd_client import EtcdError, decoded
from tests.support.virtual import passes


class Leases:
    """What may be asked by ``fastgw.registration.etcd``."""

    def __init__(self) -> None:
        self.is_up = True
        self.is_slow = False  #: what is asked is done, and nobody is told
        self.puts = self.grants = 0
        self.asked: list[str] = []
        self._next = 1
        self._ends: dict[int, tuple[float, float]] = {}  # until when, and how long
        self._keys: dict[str, tuple[str, int]] = {}

    def __str__(self) -> str:
        return "http://etcd"

    @contextmanager
    def used(self) -> Iterator[None]:
        """See ``EtcdClient``."""
        yield

    @property
    def keys(self) -> dict[str, str]:
        """The keys that there are now, and their values."""
        self._expire()
        return {key: value for key, (value, _) in self._keys.items()}

    @property
    def leases(self) -> int:
        """How many there are."""
        self._expire()
        return len(self._ends)

    def put(self, key: str, value: str) -> None:
        """Somebody else gives it a value."""
        self._keys[key] = (value, 0)

    def delete(self) -> None:
        """Somebody deletes all keys."""
        self._keys.clear()

    def wipe(self) -> None:
        """It forgets everything."""
        self._keys, self._ends = {}, {}

    def restart(self) -> None:
        """All leases begin anew."""
        now = asyncio.get_running_loop().time()
        self._ends = {lease: (now + ttl, ttl) for lease, (_, ttl) in self._ends.items()}
        self.is_up = True

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.is_up:
            self._end({lease for lease, (end, _) in self._ends.items() if end <= now})

    def _end(self, leases: set[int]) -> None:
        self._ends = {lease: end for lease, end in self._ends.items() if lease not in leases}
        self._keys = {key: pair for key, pair in self._keys.items() if pair[1] not in leases}

    async def ask(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        """See ``EtcdClient``."""
        await passes(0.001)
        if not self.is_up:
            raise EtcdError("refused", "nobody is there")
        self._expire()
        self.asked.append(path)
        lease = int(message.get("ID", "0"))
        if path.startswith("/v3/lease/") and lease and lease not in self._ends:
            if path.endswith("timetolive"):
                return {"ID": str(lease), "TTL": "-1"}
            if path.endswith("keepalive"):
                return {"result": {"ID": str(lease)}}
            raise EtcdError("missing", "requested lease not found", 5)
        found: dict[str, Any] = getattr(self, "_" + path.rpartition("/")[2])(message, lease)
        if self.is_slow:
            raise EtcdError("timeout", "it takes long")
        return found

    def _grant(self, message: dict[str, Any], _: int) -> dict[str, Any]:
        self._next, self.grants = self._next + 1, self.grants + 1
        self._ends[self._next] = (asyncio.get_running_loop().time() + int(message["TTL"]), int(message["TTL"]))
        return {"ID": str(self._next), "TTL": message["TTL"]}

    def _keepalive(self, _: dict[str, Any], lease: int) -> dict[str, Any]:
        ttl = self._ends[lease][1]
        self._ends[lease] = (asyncio.get_running_loop().time() + ttl, ttl)
        return {"result": {"ID": str(lease), "TTL": str(int(ttl))}}

    def _timetolive(self, _: dict[str, Any], lease: int) -> dict[str, Any]:
        end, ttl = self._ends[lease]
        return {"ID": str(lease), "TTL": str(int(end - asyncio.get_running_loop().time())), "grantedTTL": str(int(ttl))}

    def _revoke(self, _: dict[str, Any], lease: int) -> dict[str, Any]:
        self._end({lease})
        return {}

    def _txn(self, message: dict[str, Any], _: int) -> dict[str, Any]:
        found = all(self._is_so(one) for one in message.get("compare", ()))
        assert len(message["success"]) <= 128
        return {"succeeded": found, "responses": [self._do(one) for one in message["success"]] if found else []}

    def _is_so(self, compare: dict[str, Any]) -> bool:
        assert (compare["target"], compare["result"]) == ("LEASE", "EQUAL")
        _, lease = self._keys.get(decoded(compare["key"]).decode(), ("", 0))  # absent: 0, as in etcd
        return lease == int(compare["lease"])

    def _do(self, what: dict[str, Any]) -> dict[str, Any]:
        ((kind, message),) = what.items()
        key = decoded(message["key"]).decode()
        if kind == "requestPut":
            lease = int(message["lease"])
            if lease not in self._ends:
                raise EtcdError("missing", "requested lease not found", 5)
            self._keys[key] = (decoded(message["value"]).decode(), lease)
            self.puts += 1
            return {"response_put": {}}
        if kind == "requestDeleteRange":
            self._keys.pop(key, None)
            return {"response_delete_range": {}}
        assert kind == "requestRange" and message["keys_only"]
        if key not in self._keys:
            return {"response_range": {}}  # zeros are left out
        lease = self._keys[key][1]
        return {
            "response_range": {
                "count": "1",
                "kvs": [{"key": message["key"]} | ({"lease": str(lease)} if lease else {})],
            }
        }
