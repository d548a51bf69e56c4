"""Who leads, and what is written: against keys and leases as etcd keeps them, in time that passes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from fastgw.discovery.etcd_client import EtcdError, decoded
from fastgw.fleet.coordinating import ANSWER_MOST
from fastgw.fleet.coordinator import IDLE, TICK, Coordination, FleetHeard
from fastgw.fleet.records import (
    CANARY,
    CHECKING,
    PROMOTED,
    PROMOTING,
    REFUSED,
    SERVING,
    WENT_BACK,
    Canary,
    FleetKeys,
    FleetNode,
    FleetRollout,
    Generation,
    Latest,
    RecordError,
    digest_of,
)
from fastgw.fleet.store import FleetSight, StoreError, read_sight
from tests.support.virtual import passes, run

KEYS = FleetKeys("/fastgw/edge")
TTL = 10.0


class Value(NamedTuple):
    data: bytes
    revision: int
    lease: int


@dataclass
class Played:
    """An etcd, and a watch of it in each node."""

    keys: dict[str, Value] = field(default_factory=dict)
    revision: int = 0
    leases: dict[int, str] = field(default_factory=dict)  # whose
    nodes: dict[str, Coordination] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    generations: dict[int, Generation | Exception] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    is_up: bool = True
    loses_answers: bool = False
    deaf: set[str] = field(default_factory=set)

    async def ask(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        await passes(0.001)
        if not self.is_up:
            raise EtcdError("refused", "nobody is there")
        assert path == "/v3/kv/txn"
        self.asked.append(message)
        succeeded = all(map(self._holds, message["compare"]))
        if succeeded:
            for one in message["success"]:
                put = one["requestPut"]
                self.put(decoded(put["key"]).decode(), decoded(put["value"]), int(put.get("lease", "0")))
        if self.loses_answers and message["success"]:
            raise EtcdError("timeout", "no answer")
        return {"succeeded": succeeded, "header": {"revision": str(self.revision)}}

    def _holds(self, compare: dict[str, Any]) -> bool:
        found = self.keys.get(decoded(compare["key"]).decode(), Value(b"", 0, 0))
        have = {"LEASE": found.lease, "MOD": found.revision, "VERSION": found.revision}[compare["target"]]
        return have == int(compare[{"LEASE": "lease", "MOD": "mod_revision", "VERSION": "version"}[compare["target"]]])

    def put(self, key: str, data: bytes, lease: int = 0) -> None:
        if lease and lease not in self.leases:
            raise EtcdError("missing", "requested lease not found", 5)
        self.revision += 1
        self.keys[key] = Value(data, self.revision, lease)
        self.tell()

    def tell(self) -> None:
        """What has changed is heard a moment later."""
        loop = asyncio.get_running_loop()
        sight = read_sight(KEYS, {key: value.data for key, value in self.keys.items()})
        rollout = self.keys.get(KEYS.rollout)
        heard = FleetHeard(sight, rollout.revision if rollout else 0)
        for name, one in self.nodes.items():
            if name not in self.deaf:
                loop.call_later(0.005, one.hear, heard)

    def join(self, name: str) -> asyncio.Task[None]:
        lease = max(self.leases, default=0) + 1
        self.leases[lease] = name
        client: Any = self
        one = Coordination(
            client, KEYS, name, self._read, lambda: self.lease_of(name), _Log(name, self.told), now=lambda: 7.0
        )
        self.nodes[name] = one
        self.node(name)
        return asyncio.ensure_future(one.run())

    def lease_of(self, name: str) -> int:
        return next((lease for lease, owner in self.leases.items() if owner == name), 0)

    async def _read(self, number: int) -> Generation:
        await passes(0.001)
        found = self.generations[number]
        if isinstance(found, Exception):
            raise found
        return found

    def node(self, name: str, uses: int = 0, checked: int = 0, state: str = SERVING, **more: Any) -> None:
        digest = f"{digest_of(f'text {uses}')}" if uses else ""
        record = FleetNode(name, "1", "", uses, digest, checked, (), state, "", 0.0, 1)._replace(**more)
        self.put(KEYS.node(name), record.write(), self.lease_of(name))

    def end(self, name: str) -> None:
        """Its lease is over."""
        lease = self.lease_of(name)
        del self.leases[lease]
        self.keys = {key: value for key, value in self.keys.items() if value.lease != lease}
        self.revision += 1
        self.tell()

    def push(self, number: int, canary: Canary | None = None) -> None:
        text = f"text {number}"
        self.generations[number] = Generation(number, text, digest_of(text), "ann@host", 1.0, canary=canary)
        self.put(KEYS.latest, Latest(number).write())

    @property
    def rollout(self) -> FleetRollout:
        return FleetRollout.read(KEYS.rollout, self.keys[KEYS.rollout].data)

    @property
    def leaders(self) -> list[str]:
        return [name for name, one in self.nodes.items() if one.leads]


@dataclass
class _Log:
    name: str
    told: list[str]

    def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
        self.told.append(f"{self.name} {level}: {event} {fields or ''}".strip())


def played(story: Callable[[Played], Awaitable[None]], *names: str) -> Played:
    etcd = Played()

    async def whole() -> None:
        tasks = [etcd.join(name) for name in names]
        await passes(1.0)
        try:
            await story(etcd)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(whole())
    return etcd


def test_one_leads_and_another_where_it_ends() -> None:
    async def story(etcd: Played) -> None:
        assert etcd.leaders == ["a"]
        etcd.end("a")
        await passes(0.1)
        (leader,) = etcd.leaders
        asked = len(etcd.asked)
        await passes(100 * IDLE)
        assert etcd.leaders == [leader] and len(etcd.asked) == asked  # at rest nothing is asked

    told = played(story, "a", "b", "c").told
    assert sorted(told)[:2] == ["a info: coordinates the fleet", "a info: does not coordinate the fleet any more"]
    assert len(told) == 3


def test_a_rollout_from_the_push_to_its_end() -> None:
    async def story(etcd: Played) -> None:
        etcd.push(1)
        await passes(0.1)
        assert etcd.rollout == FleetRollout(1, CHECKING, 0, since=7.0)
        etcd.node("a", checked=1)
        etcd.node("b", checked=1)
        await passes(0.1)
        assert etcd.rollout.phase == PROMOTING
        etcd.node("a", uses=1, checked=1)
        etcd.node("b", uses=1, checked=1)
        await passes(0.1)
        assert etcd.rollout == FleetRollout(1, PROMOTED, 1, since=7.0)

        etcd.push(2, Canary(0.5, 10.0))
        for name in "ab":
            etcd.node(name, uses=1, checked=2)
        await passes(0.1)
        assert etcd.rollout.phase == CANARY
        etcd.node(etcd.rollout.canaries[0], uses=2, checked=2)
        await passes(10.0 - TICK)
        assert etcd.rollout.phase == CANARY
        await passes(TICK + 0.6)  # without a word
        assert etcd.rollout.phase == PROMOTING

    etcd = played(story, "a", "b")
    assert "a info: a rollout goes on {'generation': 1, 'phase': 'checking', 'promoted': 0}" in etcd.told


def test_the_next_coordinator_goes_on_where_one_has_died() -> None:
    async def story(etcd: Played) -> None:
        etcd.push(1)
        await passes(0.1)
        etcd.end("a")
        etcd.node("b", checked=1)
        await passes(0.1)
        assert etcd.leaders == ["b"] and etcd.rollout.phase == PROMOTING
        etcd.node("b", uses=1, checked=1)
        await passes(0.1)
        assert etcd.rollout.phase == PROMOTED

    played(story, "a", "b")


def test_a_coordinator_that_has_lost_its_lease_writes_nothing() -> None:
    async def story(etcd: Played) -> None:
        etcd.deaf.add("a")  # it is cut off, and does not know it yet
        lease = etcd.lease_of("a")
        etcd.end("a")
        etcd.leases[lease + 100] = "a"  # what it still takes for its own
        await passes(0.1)
        assert etcd.leaders == ["a", "b"]
        etcd.push(1)
        etcd.node("b", checked=0)
        await passes(0.1)
        before = etcd.keys[KEYS.rollout]
        heard = FleetHeard(FleetSight(1, None, dict(etcd.nodes["b"]._heard.sight.nodes), "a"), 0)  # type: ignore[union-attr]
        etcd.nodes["a"]._won = lease + 100
        etcd.nodes["a"].hear(heard)
        await passes(0.1)
        assert etcd.keys[KEYS.rollout] == before and len(etcd.asked[-1]["compare"]) in (1, 2)

    played(story, "a", "b")


def test_each_step_is_compared_with_the_lease_and_the_rollout() -> None:
    async def story(etcd: Played) -> None:
        etcd.push(1)
        await passes(0.1)
        (step,) = [one for one in etcd.asked if any("lease" not in put["requestPut"] for put in one["success"])]
        assert {compare["target"] for compare in step["compare"]} == {"LEASE", "MOD"}
        etcd.put(
            KEYS.rollout, FleetRollout(1, REFUSED, 0).write()
        )  # somebody else writes it, and a tick comes before it is heard
        etcd.nodes["a"]._is_news.set()
        await passes(0.004)
        assert etcd.rollout.phase == REFUSED

    played(story, "a")


def test_an_answer_that_is_lost_leaves_nobody_without_a_coordinator() -> None:
    async def story(etcd: Played) -> None:
        etcd.loses_answers = True
        etcd.end("a")
        await passes(0.01)
        assert etcd.leaders == [] and etcd.keys[KEYS.coordinator].lease == etcd.lease_of("b")
        await passes(1.0)
        assert etcd.leaders == ["b"]

    played(story, "a", "b")


def test_etcd_is_away() -> None:
    async def story(etcd: Played) -> None:
        etcd.push(1)
        await passes(0.1)
        etcd.is_up = False
        etcd.nodes["a"].is_deaf()
        await passes(2 * ANSWER_MOST)
        assert etcd.rollout.phase == CHECKING
        etcd.is_up = True
        etcd.tell()
        await passes(ANSWER_MOST / 2)
        assert etcd.rollout.phase == CHECKING  # that nobody could answer meanwhile is held against nobody
        await passes(ANSWER_MOST)
        assert etcd.rollout.phase == REFUSED

    etcd = played(story, "a")
    assert etcd.told.count("a warning: the fleet cannot be coordinated {'reason': 'nobody is there'}") == 0


def test_what_etcd_says_is_told_once() -> None:
    async def story(etcd: Played) -> None:
        etcd.is_up = False
        etcd.push(1)
        await passes(10.0)

    told = played(story, "a").told
    assert told[1:] == ["a warning: the fleet cannot be coordinated {'reason': 'nobody is there'}"]


@pytest.mark.parametrize("error", [RecordError("/k", "it is no JSON"), StoreError("there is no generation 1")])
def test_a_generation_that_cannot_be_read_is_refused(error: Exception) -> None:
    async def story(etcd: Played) -> None:
        etcd.push(1)
        etcd.generations[1] = error
        await passes(0.2)
        assert (etcd.rollout.phase, etcd.rollout.reason) == (REFUSED, str(error))

    told = played(story, "a").told
    assert told[-1].startswith("a warning: a rollout goes on {'generation': 1, 'phase': 'refused'")


def test_a_rollout_that_cannot_be_read_is_left_alone() -> None:
    async def story(etcd: Played) -> None:
        etcd.put(KEYS.rollout, b"{}")
        etcd.push(1)
        await passes(10.0)
        assert etcd.keys[KEYS.rollout].data == b"{}"

    played(story, "a")


def test_what_a_node_goes_back_from_all_go_back_from() -> None:
    async def story(etcd: Played) -> None:
        for number in (1, 2):
            etcd.push(number)
            for name in "ab":
                etcd.node(name, uses=number - 1, checked=number)
            await passes(0.1)
            etcd.node("a", uses=number, checked=number)
            if number == 1:
                etcd.node("b", uses=number, checked=number)
            await passes(0.1)
        etcd.node("b", uses=1, checked=2, state=WENT_BACK, reason="9 % failed")
        await passes(0.1)
        assert etcd.rollout == FleetRollout(2, WENT_BACK, 1, since=7.0, reason="b: 9 % failed")

    played(story, "a", "b")
