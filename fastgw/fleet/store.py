"""The configurations of a fleet in etcd: pushed, read, listed.  Each is one key that never changes.

A push is one transaction: the new generation and ``latest``, if ``latest`` is still as it was read.  Of two that come at once one is
the later, and its transaction is tried again with the next number.  A transaction whose answer is lost may have been done: it is looked
whether the generation that stands there is ours before anything is pushed again.

The last ``KEPT`` generations are kept, and those that the fleet uses or may go back to; older ones are deleted with a push.  A number is
never used twice: a cluster that has lost everything is asked which numbers its nodes have.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fastgw.discovery.etcd_client import ELSEWHERE, EtcdClient, EtcdError, decoded, encoded, number
from fastgw.fleet.records import (
    NUMBER_MOST,
    Canary,
    Coordinator,
    FleetKeys,
    FleetNode,
    FleetRollout,
    Generation,
    Latest,
    RecordError,
    digest_of,
)

KEPT: Final = 100  #: generations
ATTEMPTS: Final = 20  #: of one push, which others overtake


class StoreError(Exception):
    """What was asked for cannot be done; the text is for people."""


class Pushed(NamedTuple):
    """What is pushed, before it has a number."""

    text: str
    author: str  #: ``user@host``
    at: float  #: seconds since 1970
    message: str = ""
    canary: Canary | None = None
    of: int = 0  #: the number whose text it has again; 0: it is new


class FleetSight(NamedTuple):
    """All that a fleet says of itself at one revision."""

    latest: int  #: number of the last generation; 0: none
    rollout: FleetRollout | None  #: None: nobody has begun with one
    nodes: dict[str, FleetNode]  #: those that are there, by name, sorted
    coordinator: str = ""  #: the node that leads; empty: nobody
    wrong: tuple[RecordError, ...] = ()  #: records that cannot be read


class Store:
    """The configurations of one fleet."""

    def __init__(self, client: EtcdClient, keys: FleetKeys) -> None:
        """Nothing is asked yet; whoever asks often keeps ``client.used()``."""
        self.keys = keys
        self._client = client

    async def push(self, pushed: Pushed) -> Generation:
        """Make it the latest generation.

        Raises:
            ValueError: it is too large.
            StoreError: others push all the time.
            EtcdError: etcd has no answer; it may have been pushed all the same.
        """
        for _ in range(ATTEMPTS):
            sight, revision = await self._sight()
            last = await self._last()
            used = [0, *(max(node.uses, node.checked) for node in sight.nodes.values())]
            rollout = sight.rollout or FleetRollout(0, "promoted", 0)
            following = max(sight.latest, last, rollout.number, *used) + 1
            if following > NUMBER_MOST:
                raise StoreError(f"{self.keys.root} has no number left")
            text = pushed.text
            generation = Generation(following, text, digest_of(text), *pushed[1:])
            kept_from = min(
                following - KEPT + 1, *(one for one in (rollout.promoted, rollout.former) if one), following
            )
            lost: EtcdError | None = None
            try:
                if await self._put(generation, revision, kept_from):
                    return generation
            except EtcdError as error:
                if error.cause not in ELSEWHERE:
                    raise
                lost = error
            try:
                if await self.generation(following) == generation:  # it was done, and its answer was lost
                    return generation
            except (StoreError, RecordError):
                pass
            if lost is not None:
                raise lost
        raise StoreError(f"others push to {self.keys.root} all the time: {ATTEMPTS} attempts were overtaken")

    async def generation(self, which: int) -> Generation:
        """Generation ``which``.  Raises StoreError: there is none; RecordError, EtcdError."""
        key = self.keys.generation(which)
        pairs = await self._pairs({"key": encoded(key.encode())})
        if not pairs:
            raise StoreError(f"{self.keys.root} has no generation {which}: the last {KEPT} are kept, and those in use")
        return Generation.read(key, pairs[0][1])

    async def latest(self) -> Generation:
        """The one that was pushed last.  Raises StoreError: there is none; RecordError, EtcdError."""
        which = max((await self._sight())[0].latest, await self._last())
        if not which:
            raise StoreError(f"nothing was pushed to {self.keys.root} yet")
        return await self.generation(which)

    async def history(self, most: int) -> list[Generation | RecordError]:
        """The last ``most`` generations, the latest first; one at a time, as each may have a megabyte.  Raises EtcdError."""
        begin, end = _range(self.keys.generations)
        newest = {"sort_order": "DESCEND", "sort_target": "KEY", "limit": str(most), "keys_only": True}
        found: list[Generation | RecordError] = []
        for key, _ in await self._pairs({"key": begin, "range_end": end, **newest}):
            try:
                for _, value in await self._pairs({"key": encoded(key.encode())}):
                    found.append(Generation.read(key, value))
            except RecordError as error:
                found.append(error)
        return found

    async def sight(self) -> FleetSight:
        """What the fleet says of itself.  Raises EtcdError."""
        return (await self._sight())[0]

    # -- questions

    async def _sight(self) -> tuple[FleetSight, int]:
        """It, and the revision at which ``latest`` was changed; 0: there is none."""
        begin, end = sight_range(self.keys)
        answer = await self._client.ask("/v3/kv/range", {"key": begin, "range_end": end})
        entries = {decoded(one.get("key")).decode(errors="replace"): one for one in _kvs(answer)}
        values = {key: decoded(one.get("value")) for key, one in entries.items()}
        revision = number(entries[self.keys.latest].get("mod_revision")) if self.keys.latest in entries else 0
        return read_sight(self.keys, values), revision

    async def _last(self) -> int:
        """The number of the last generation that is there, whatever ``latest`` says; 0: none."""
        begin, end = _range(self.keys.generations)
        newest = {"sort_order": "DESCEND", "sort_target": "KEY", "limit": "1", "keys_only": True}
        for key, _ in await self._pairs({"key": begin, "range_end": end, **newest}):
            name = key.removeprefix(self.keys.generations)
            if name.isascii() and name.isdigit():
                return min(int(name), NUMBER_MOST)
        return 0

    async def _pairs(self, question: dict[str, Any]) -> list[tuple[str, bytes]]:
        answer = await self._client.ask("/v3/kv/range", question)
        return [(decoded(one.get("key")).decode(errors="replace"), decoded(one.get("value"))) for one in _kvs(answer)]

    async def _put(self, generation: Generation, revision: int, kept_from: int) -> bool:
        """Is it there now?  ``revision``: of ``latest``, that it must still have."""
        keys = self.keys
        latest, key = encoded(keys.latest.encode()), encoded(keys.generation(generation.number).encode())
        begin, end = encoded(keys.generations.encode()), encoded(keys.generation(max(kept_from, 0)).encode())
        message = {
            "compare": [
                {"key": latest, "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)},
                {"key": key, "target": "VERSION", "result": "EQUAL", "version": "0"},
            ],
            "success": [
                {"requestPut": {"key": key, "value": encoded(generation.write())}},
                {"requestPut": {"key": latest, "value": encoded(Latest(generation.number).write())}},
                {"requestDeleteRange": {"key": begin, "range_end": end}},
            ],
        }
        return (await self._client.ask("/v3/kv/txn", message)).get("succeeded") is True


def sight_range(keys: FleetKeys) -> tuple[str, str]:
    """Where the keys begin and end that ``read_sight`` reads, as etcd is asked for them: from ``latest`` to ``rollout/coordinator``.

    They stand side by side, and the generations, which are large, in front of them.
    """
    return encoded(keys.latest.encode()), encoded(keys.coordinator.encode() + b"\0")


def read_sight(keys: FleetKeys, values: dict[str, bytes]) -> FleetSight:
    """What ``values`` say, by key; others than those of ``sight_range`` are left alone."""
    latest, rollout, coordinator, nodes, wrong = 0, None, "", {}, []
    for key, value in sorted(values.items()):
        try:
            if key == keys.latest:
                latest = Latest.read(key, value).number
            elif key == keys.rollout:
                rollout = FleetRollout.read(key, value)
            elif key == keys.coordinator:
                coordinator = Coordinator.read(key, value).name
            elif key.startswith(keys.nodes):
                node = FleetNode.read(key, value)
                nodes[node.name] = node
        except RecordError as error:
            wrong.append(error)
    return FleetSight(latest, rollout, nodes, coordinator, tuple(wrong))


def _range(prefix: str) -> tuple[str, str]:
    """Where the keys begin and end that are below ``prefix``, which ends with a slash."""
    return encoded(prefix.encode()), encoded(prefix[:-1].encode() + b"0")


def _kvs(answer: dict[str, Any]) -> list[dict[str, Any]]:
    kvs = answer.get("kvs") or []
    if not isinstance(kvs, list) or not all(isinstance(kv, dict) for kv in kvs):
        raise EtcdError("broken", "etcd sent keys that are none")
    return kvs
