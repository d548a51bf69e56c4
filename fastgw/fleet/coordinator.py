"""The part of every node in coordination: one of them leads, and writes what follows (``coordinating``) into ``ROOT/rollout``.

    who leads    the node whose lease the key ``ROOT/rollout/coordinator`` has; where nobody has it, whoever makes it first
    a step       one transaction: the next rollout, if that key has this lease and the rollout is what it was when it was read

So a coordinator that was paused, or cut off, and does not know yet that its lease is over writes nothing.  Its key goes with its lease: at
once where the node ends by itself, else when the time to live is over.  What is known of the fleet is told by what watches it for the node
too (``hear``); nothing is watched twice.

Times count from when something was heard here, and anew behind a time without etcd (``is_deaf``): that nobody could say anything meanwhile
is held against nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol

from fastgw.discovery.etcd_client import EtcdClient, EtcdError, encoded, number
from fastgw.fleet.coordinating import NodeSeen, Offer, Situation, next_step
from fastgw.fleet.records import (
    OVER,
    REFUSED,
    WENT_BACK,
    Coordinator,
    FleetKeys,
    FleetRollout,
    Generation,
    RecordError,
)
from fastgw.fleet.store import FleetSight, StoreError

TICK: Final = 0.5  #: seconds between two looks while a rollout is under way: guards and times pass without a word
IDLE: Final = 5.0  #: seconds between two looks otherwise
PAUSE: Final = 0.5  #: seconds to the next attempt, where etcd has no answer
ECHO_MOST: Final = 2.0  #: seconds until what was written is heard; then it is not waited for
RESIGN_MOST: Final = 1.0  #: seconds
OFFERS_MOST: Final = 8  #: generations that are remembered


class Says(Protocol):
    """A log of events with fields."""

    def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
        """Write an event at a level."""


class FleetHeard(NamedTuple):
    """What is known of the fleet, at one revision."""

    sight: FleetSight
    revision: int  #: of the key of the rollout; 0: it is not there


class Coordination:
    """One node's part."""

    def __init__(
        self,
        client: EtcdClient,
        keys: FleetKeys,
        name: str,
        read: Callable[[int], Awaitable[Generation]],
        lease: Callable[[], int],
        log: Says,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked yet.

        Args:
            name: of the node.
            read: a generation, as ``Store.generation`` does.
            lease: of the node, as it is now; 0: it has none.
            now: seconds since 1970.
        """
        self._client, self._keys, self._name = client, keys, name
        self._read, self._lease, self._log, self._now = read, lease, log, now
        self._heard: FleetHeard | None = None
        self._is_news = asyncio.Event()
        self._won = 0  # the lease by which it leads
        self._leads = False
        self._said = ""
        self._offers: dict[int, Offer] = {}
        self._nodes: dict[str, tuple[int, str, float]] = {}  # what each uses, and since when
        self._phase: tuple[int, str, float] = (0, "", 0.0)  # of the rollout, and since when
        self._written = (0, 0.0)  # the last revision, and when

    @property
    def leads(self) -> bool:
        """Is it the coordinator, as far as is known?"""
        return self._leads

    def hear(self, heard: FleetHeard) -> None:
        """The fleet is so now."""
        now = asyncio.get_running_loop().time()
        self._heard = heard
        uses = {name: (one.uses, one.digest) for name, one in heard.sight.nodes.items()}
        known = self._nodes
        self._nodes = {
            name: known[name] if name in known and known[name][:2] == one else (*one, now) for name, one in uses.items()
        }
        rollout = heard.sight.rollout
        phase = (rollout.number, rollout.phase) if rollout is not None else (0, "")
        if phase != self._phase[:2]:
            self._phase = (*phase, now)
        self._is_news.set()

    def is_deaf(self) -> None:
        """Nothing is heard of the fleet any more, until ``hear`` is called again."""
        self._heard = None
        self._nodes, self._phase = {}, (0, "", 0.0)

    async def run(self) -> None:
        """Lead whenever it is its turn, for ever."""
        while True:
            self._is_news.clear()
            wait = TICK if self._is_under_way() else IDLE
            try:
                await self._turn()
                self._said = ""
            except EtcdError as error:
                wait = PAUSE
                if self._leads and error.detail != self._said:
                    self._said = error.detail
                    self._log.limited("the fleet cannot be coordinated", "warning", reason=error.detail)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._is_news.wait()

    async def resign(self) -> None:
        """Lead no more, at once; ``run`` has ended.  An etcd that does not answer within a second waits for the end of the lease."""
        if self._leads:
            self._leads = False
            delete = {"requestDeleteRange": {"key": _key(self._keys.coordinator)}}
            with contextlib.suppress(TimeoutError, EtcdError):
                async with asyncio.timeout(RESIGN_MOST):
                    await self._succeeds([self._is_ours(self._won)], delete)

    def _is_under_way(self) -> bool:
        rollout = self._heard.sight.rollout if self._heard is not None else None
        return self._leads and rollout is not None and rollout.phase not in OVER

    async def _turn(self) -> None:
        """Do what there is to be done now.  Raises EtcdError."""
        heard, lease = self._heard, self._lease()
        if heard is None or not lease:
            self._turn_out(False)
            return
        if heard.sight.coordinator not in ("", self._name):
            self._won = 0
        elif (
            not heard.sight.coordinator or self._won != lease
        ):  # nobody leads; or it is this node, and the answer was lost
            is_ours = await self._succeeds([self._is_ours(lease)])
            is_ours = is_ours or (
                not heard.sight.coordinator and await self._succeeds([self._is_absent()], self._own(lease))
            )
            self._won = lease if is_ours else 0
        self._turn_out(self._won == lease)
        if self._leads:
            await self._step(heard, lease)

    def _turn_out(self, leads: bool) -> None:
        if leads != self._leads:
            self._leads = leads
            self._log.limited("coordinates the fleet" if leads else "does not coordinate the fleet any more", "info")

    async def _step(self, heard: FleetHeard, lease: int) -> None:
        """Write what follows, if anything does."""
        loop, sight = asyncio.get_running_loop(), heard.sight
        revision, when = self._written
        is_echo_due = heard.revision < revision and loop.time() - when < ECHO_MOST
        if is_echo_due or any(error.key == self._keys.rollout for error in sight.wrong):
            return
        numbers = {sight.latest, sight.rollout.number if sight.rollout is not None else 0} - {0}
        for which in numbers - self._offers.keys():
            await self._offer(which)
        now = loop.time()
        nodes = {name: NodeSeen(one, now - self._nodes[name][2]) for name, one in sight.nodes.items()}
        seconds = now - self._phase[2]
        after = next_step(Situation(sight.rollout, sight.latest, self._offers, nodes, seconds, self._now()))
        if heard is not self._heard or after is None:  # it has changed while a generation was read
            return
        put = {"requestPut": {"key": _key(self._keys.rollout), "value": encoded(after.write())}}
        compare = [self._is_ours(lease), _compared(self._keys.rollout, "MOD", "mod_revision", heard.revision)]
        answer = await self._client.ask("/v3/kv/txn", {"compare": compare, "success": [put]})
        if answer.get("succeeded") is True:
            header = answer.get("header")
            self._written = (number(header.get("revision")) if isinstance(header, dict) else 0, loop.time())
            self._tell(after)
        else:
            self._won = 0  # it is looked again whose turn it is

    async def _offer(self, which: int) -> None:
        """Get to know a generation.  Raises EtcdError."""
        try:
            found = await self._read(which)
            offer = Offer(which, found.sha256, found.canary)
        except (RecordError, StoreError) as error:
            offer = Offer(which, "", None, str(error))
        while len(self._offers) >= OFFERS_MOST:
            del self._offers[next(iter(self._offers))]
        self._offers[which] = offer

    def _tell(self, after: FleetRollout) -> None:
        level = "warning" if after.phase in (REFUSED, WENT_BACK) else "info"
        why = {"reason": after.reason} if after.reason else {}
        canaries = {"canaries": list(after.canaries)} if after.canaries else {}
        fields: dict[str, object] = {"generation": after.number, "phase": after.phase, "promoted": after.promoted}
        self._log.limited("a rollout goes on", level, **fields, **canaries, **why)

    # -- transactions

    async def _succeeds(self, compare: list[dict[str, Any]], *puts: dict[str, Any]) -> bool:
        answer = await self._client.ask("/v3/kv/txn", {"compare": compare, "success": list(puts)})
        return answer.get("succeeded") is True

    def _is_absent(self) -> dict[str, Any]:
        return _compared(self._keys.coordinator, "VERSION", "version", 0)

    def _is_ours(self, lease: int) -> dict[str, Any]:
        return _compared(self._keys.coordinator, "LEASE", "lease", lease)

    def _own(self, lease: int) -> dict[str, Any]:
        value = encoded(Coordinator(self._name).write())
        return {"requestPut": {"key": _key(self._keys.coordinator), "value": value, "lease": str(lease)}}


def _key(key: str) -> str:
    return encoded(key.encode())


def _compared(key: str, target: str, field: str, value: int) -> dict[str, Any]:
    return {"key": _key(key), "target": target, "result": "EQUAL", field: str(value)}
