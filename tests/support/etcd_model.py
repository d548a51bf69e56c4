"""An etcd as the documents have it, in memory, in the place of a client: revisions, history, compaction, watches; and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

from fastgw.core.sources import EtcdSettings
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, decoded, encoded

Event = tuple[int, bytes, bytes | None]  #: revision, key, value (None: deleted)


class EtcdModel:
    """One cluster behind one endpoint."""

    def __init__(self) -> None:
        self.order = [0]
        self.is_up = True
        self.asked: list[dict[str, Any]] = []
        self.listed = 0  #: times that the keys were listed, from their beginning
        self._cluster = 1
        self._term = 2
        self._watches: list[_Watch] = []
        self.loses_answers = 0  #: of so many transactions no answer arrives, though they are done
        self._last_lease = 7000
        self._forget()

    def _forget(self) -> None:
        self._revision = 1
        self._compacted = 0
        self._events: list[Event] = []
        self.leased: dict[bytes, int] = {}  #: the lease of each key that has one
        self._leases: dict[int, tuple[float, float]] = {}  # until when, and how long

    def clients(self, settings: EtcdSettings) -> dict[EtcdSettings, EtcdClient]:
        """It, as the client of a source with ``settings``."""
        return {settings._replace(prefix=""): self}  # type: ignore[dict-item]

    # -- what happens

    def put(self, key: bytes, value: bytes) -> None:
        """A key gets a value."""
        self._happen(key, value)

    def delete(self, key: bytes) -> None:
        """A key is deleted."""
        if key in self.keys():
            self._happen(key, None)

    def compact(self) -> None:
        """No revision before the last one is known any more."""
        self._compacted = self._revision

    def disconnect(self) -> None:
        """All watches end."""
        for watch in self._watches:
            watch.end(EtcdError("broken", "it closed the connection"))

    def deafen(self) -> None:
        """No watch that is there hears anything any more, and none ends."""
        for watch in self._watches:
            watch.is_deaf = True

    def stop(self) -> None:
        """It is not there until it is started."""
        self.is_up = False
        self.disconnect()

    def start(self) -> None:
        """It is there again."""
        self.is_up = True

    def wipe(self, *, is_seen: bool) -> None:
        """It forgets everything; ``is_seen``: its watches end, else they wait for revisions that may come some day."""
        self._forget()
        if is_seen:
            self.disconnect()

    def keys(self, revision: int | None = None) -> dict[bytes, tuple[bytes, int]]:
        """Values and revisions of all keys, now or at ``revision``."""
        found: dict[bytes, tuple[bytes, int]] = {}
        for number, key, value in self._events:
            if revision is not None and number > revision:
                break
            if value is None:
                del found[key]
            else:
                found[key] = (value, number)
        return dict(sorted(found.items()))

    def _happen(self, key: bytes, value: bytes | None) -> None:
        self._revision += 1
        event = (self._revision, key, value)
        self._events.append(event)
        for watch in self._watches:
            watch.hear([event])

    # -- what it is asked, as by ``EtcdClient``

    @contextmanager
    def used(self) -> Iterator[None]:
        yield

    def prefer(self, at: int) -> None:
        """There is only one."""

    def header(self) -> dict[str, Any]:
        return {"cluster_id": str(self._cluster), "revision": str(self._revision), "raft_term": str(self._term)}

    async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
        """A range, a transaction, or something about a lease."""
        await asyncio.sleep(0.001)
        self.asked.append(message)
        if not self.is_up:
            raise EtcdError("refused", "nobody is there")
        answers = {
            "/v3/kv/range": self._range,
            "/v3/kv/txn": self._txn,
            "/v3/lease/grant": self._grant,
            "/v3/lease/keepalive": self._renew,
            "/v3/lease/revoke": self._revoke,
        }
        self._expire()
        answer = answers[path](message)
        if self.loses_answers and path == "/v3/kv/txn":
            self.loses_answers -= 1
            raise EtcdError("broken", "it closed the connection")
        return answer

    def _range(self, message: dict[str, Any]) -> dict[str, Any]:
        revision = int(message.get("revision", "0"))
        if revision and revision < self._compacted:
            raise EtcdError("compacted", "required revision has been compacted", 11)
        self.listed += "min_mod_revision" not in message and not revision
        begin, limit = decoded(message["key"]), int(message.get("limit", "0")) or 1 << 30
        end = decoded(message.get("range_end")) or begin + b"\0"
        keys = {key: pair for key, pair in self.keys(revision or None).items() if begin <= key < end}
        newer = [key for key in keys if keys[key][1] >= int(message.get("min_mod_revision", "0"))]
        if message.get("sort_order") == "DESCEND":
            newer.reverse()
        kvs = []
        for key in newer[:limit]:
            kvs.append({"key": encoded(key), "mod_revision": str(keys[key][1])})
            if not message.get("keys_only"):
                kvs[-1]["value"] = encoded(keys[key][0])
        return {
            "header": self.header(),
            "kvs": kvs,
            "count": str(len(keys)),
            **({"more": True} if newer[limit:] else {}),
        }

    def _txn(self, message: dict[str, Any]) -> dict[str, Any]:
        keys = self.keys()
        is_met = all(self._compares(one, keys) for one in message.get("compare", []))
        for one in message.get("success" if is_met else "failure", []):
            ((kind, what),) = one.items()
            key = decoded(what["key"])
            if kind == "requestPut":
                self._happen(key, decoded(what["value"]))
                self.leased.pop(key, None)
                if lease := int(what.get("lease", "0")):
                    if lease not in self._leases:
                        raise EtcdError("missing", "requested lease not found", 5)
                    self.leased[key] = lease
            elif kind == "requestDeleteRange":
                end = decoded(what.get("range_end")) or key + b"\0"
                for found in [found for found in keys if key <= found < end]:
                    self.delete(found)
        return {"header": self.header(), **({"succeeded": True} if is_met else {})}

    def _compares(self, compare: dict[str, Any], keys: dict[bytes, tuple[bytes, int]]) -> bool:
        assert compare["result"] == "EQUAL"
        key = decoded(compare["key"])
        found: dict[str, Any] = {
            "MOD": ("mod_revision", keys[key][1] if key in keys else 0),
            "VERSION": ("version", sum(event[1] == key for event in self._events) if key in keys else 0),
            "CREATE": ("create_revision", keys[key][1] if key in keys else 0),
            "LEASE": ("lease", self.leased.get(key, 0)),
            "VALUE": ("value", keys[key][0] if key in keys else b""),
        }
        name, value = found[compare["target"]]
        return bool(value == (decoded(compare[name]) if name == "value" else int(compare[name])))

    # -- leases, by the clock of the loop

    def lose_leases(self) -> None:
        """Every lease ends, and what it holds is deleted."""
        for lease in list(self._leases):
            self._end(lease)

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        for lease in [lease for lease, (until, _) in self._leases.items() if until < now]:
            self._end(lease)

    def _end(self, lease: int) -> None:
        del self._leases[lease]
        for key in [key for key, of in self.leased.items() if of == lease]:
            del self.leased[key]
            self.delete(key)

    def _grant(self, message: dict[str, Any]) -> dict[str, Any]:
        self._last_lease += 1
        ttl = int(message["TTL"])
        self._leases[self._last_lease] = (asyncio.get_running_loop().time() + ttl, ttl)
        return {"header": self.header(), "ID": str(self._last_lease), "TTL": str(ttl)}

    def _renew(self, message: dict[str, Any]) -> dict[str, Any]:
        lease = int(message["ID"])
        if lease not in self._leases:
            return {"result": {"header": self.header(), "ID": str(lease)}}
        ttl = self._leases[lease][1]
        self._leases[lease] = (asyncio.get_running_loop().time() + ttl, ttl)
        return {"result": {"header": self.header(), "ID": str(lease), "TTL": str(ttl)}}

    def _revoke(self, message: dict[str, Any]) -> dict[str, Any]:
        if int(message["ID"]) not in self._leases:
            raise EtcdError("missing", "requested lease not found", 5)
        self._end(int(message["ID"]))
        return {"header": self.header()}

    async def results(
        self, path: str, message: dict[str, Any], at: int, idle: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        """A watch."""
        create = message["create_request"]
        await asyncio.sleep(0.001)
        if not self.is_up:
            raise EtcdError("refused", "nobody is there")
        watch = _Watch(int(create["start_revision"]), decoded(create["key"]), decoded(create["range_end"]))
        yield {"header": self.header(), "created": True}
        if watch.start <= self._compacted:
            yield {
                "header": {"cluster_id": "1", "raft_term": "2"},
                "canceled": True,
                "compact_revision": str(self._compacted),
            }
            raise EtcdError("broken", "it ended the stream")
        watch.hear(self._events)
        self._watches.append(watch)
        try:
            while True:
                heard = await watch.heard()
                yield {"header": self.header(), "events": [_told(event) for event in heard]}
        finally:
            self._watches.remove(watch)


class _Watch:
    def __init__(self, start: int, begin: bytes, end: bytes) -> None:
        self.start = start
        self.is_deaf = False
        self._begin, self._end = begin, end
        self._heard: list[Event] = []
        self._error: EtcdError | None = None
        self._something = asyncio.Event()

    def hear(self, events: list[Event]) -> None:
        mine = [one for one in events if one[0] >= self.start and self._begin <= one[1] < self._end]
        if mine and not self.is_deaf:
            self._heard += mine
            self._something.set()

    def end(self, error: EtcdError) -> None:
        self._error = error
        self._something.set()

    async def heard(self) -> list[Event]:
        await self._something.wait()
        self._something.clear()
        if self._error is not None:
            raise self._error
        found, self._heard = self._heard, []
        return found


def _told(event: Event) -> dict[str, Any]:
    revision, key, value = event
    kv = {"key": encoded(key), "mod_revision": str(revision)}
    return {"kv": {**kv, "value": encoded(value)}} if value is not None else {"type": "DELETE", "kv": kv}
