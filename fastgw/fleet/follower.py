"""A node of a fleet: it does what the rollout wants of it, and says how it is.

    hear     what the fleet says (``sight_range`` of the keys), watched
    check    the generation of a rollout that is not over: read as for use, and not used
    take     the generation that is wanted of this node: into the file that the gateway reads, then a reload as any other
    keep     one that was promoted and does no harm: on the disk, for a start without etcd
    say      all that, as the record of the node, under its lease

Nothing is done but what the rollout says; without one, and without etcd, everything stays as it is.  A generation is known by its text:
one whose number changes, or another of the same number (in an etcd that was wiped), is told apart by its digest, and what is in use
already is not loaded again.  One that this node could not use is tried again after ``AGAIN`` seconds, if it is promoted: a file that it
needs may come; one that its guard went back from is not, while it is wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from fastgw.discovery.etcd_client import EtcdClient, EtcdError, decoded
from fastgw.discovery.etcd_watch import KeyRange, WatchPace, watch_keys
from fastgw.fleet.coordinator import Coordination, FleetHeard, Says
from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.records import (
    CHECKING,
    GUARDING,
    NODES_MOST,
    OVER,
    PROMOTING,
    REFUSED,
    SERVING,
    STALE,
    WAITING,
    WENT_BACK,
    FleetKeys,
    FleetNode,
    Generation,
    RecordError,
    digest_of,
)
from fastgw.fleet.reporting import TTL, Reporting
from fastgw.fleet.store import FleetSight, Store, StoreError, read_sight, sight_range

AGAIN: Final = 30.0  #: seconds to the next attempt at a promoted generation that could not be used
PAUSE: Final = 0.5  #: seconds to the next question where etcd had no answer; up to three times as long, by chance
LOOK: Final = (
    1.0  #: seconds between two looks at what is not told of: the number of workers, how old the last word of etcd is
)
PACE: Final = WatchPace(check=2.0, gather=0.02)


class Used(NamedTuple):
    """How the gateway took a configuration."""

    problems: tuple[str, ...] = ()  #: why it did not; empty: it serves it
    guard: Awaitable[str] | None = (
        None  #: why it went back from it, or empty, when its guard is over; None: it has none
    )


class NodeFacts(NamedTuple):
    """What a node is, beside its configuration."""

    version: str  #: of fastgw
    admin: str  #: address of its admin pages; empty: none
    workers: int  #: processes that serve


class NodeHost(Protocol):
    """The gateway that a node is."""

    @property
    def can_change(self) -> bool:
        """May another configuration be loaded now?"""

    def facts(self) -> NodeFacts:
        """What it is now."""

    async def check(self, generation: Generation) -> tuple[str, ...]:
        """What is wrong with it, as a configuration for this gateway; it is not used."""

    async def use(self, generation: Generation) -> Used:
        """Load the file, in which another configuration stands: the text of ``generation``."""


class FleetFollower:
    """One node."""

    def __init__(
        self,
        client: EtcdClient,
        keys: FleetKeys,
        name: str,
        copies: NodeCopies,
        host: NodeHost,
        log: Says,
        *,
        held: Generation | None = None,
        lease: int = 0,
        why: str = "",
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        in_thread: Callable[..., Awaitable[None]] = asyncio.to_thread,
    ) -> None:
        """Nothing is asked yet.

        Args:
            name: of the node.
            copies: what it has on its disk; the gateway serves what stands there.
            held: the generation that it serves; None: what stands in the file is none, as far as is known.
            lease: of an earlier part of this node; 0: there is none.
            why: why it serves something else than what was promoted; empty: it does not, as far as is known.
            clock: monotonic seconds.
            now: seconds since 1970.
            chance: 0 to 1.
            in_thread: calls what waits for the disk.
        """
        self._in_thread = in_thread
        self._client, self._keys, self._name, self._copies = client, keys, name, copies
        self._host, self._log, self._clock, self._now, self._chance = host, log, clock, now, chance
        self._store = Store(client, keys)
        self._reporting = Reporting(client, keys.node(name), self._on_answer, lease, chance=chance)
        self._coordination = Coordination(
            client, keys, name, self._store.generation, lambda: self._reporting.lease, log, now=now
        )
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        self._kept_open = contextlib.ExitStack()  # connections
        text = copies.text()
        self._held = held  # None: of what is served only the digest is known, or there is nothing
        self._digest = digest_of(text) if text else ""
        self._is_sure = False  # that the number of what is held means the same in this etcd
        self._kept = ""  # digest of what is on the disk as good
        self._checked, self._problems = 0, tuple[str, ...]()
        self._failed: tuple[int, float] = (0, 0.0)  # the generation that could not be used, and when it is tried again
        self._state, self._reason, self._since = (SERVING if text else WAITING), why, now()
        self._contact = clock()
        self._error = ""
        self._sight: FleetSight | None = None
        self._former: tuple[str, Generation | None] | None = None  # what the guard that is under way goes back to
        self._is_shared = False  # the record of this node is that of another gateway

    # -- what is known

    @property
    def lease(self) -> int:
        """Of this node; 0: it has none."""
        return self._reporting.lease

    @property
    def contact_age(self) -> float:
        """Seconds since etcd has answered."""
        return max(0.0, self._clock() - self._contact)

    @property
    def state(self) -> str:
        """Of this node, one of ``records.STATES``."""
        return STALE if self._state == SERVING and self.contact_age > TTL else self._state

    @property
    def held(self) -> Generation | None:
        """The generation that is served; None: none of etcd's, as far as is known."""
        return self._held

    @property
    def uses(self) -> int:
        """The number of the generation that is served; 0: none of etcd's, as far as is known."""
        return self._held.number if self._held is not None else 0

    def document(self) -> dict[str, Any]:
        """For ``/status``."""
        sight = self._sight
        rollout = sight.rollout if sight is not None else None
        return {
            "key": self._keys.root,
            "node": self._name,
            "etcd": str(self._client),
            "state": self.state,
            "reason": self._reason or (f"no word of etcd: {self._error}" if self.state == STALE else "") or None,
            "since": self._since,
            "generation": self.uses or None,
            "promoted": rollout.promoted if rollout is not None else None,
            "rollout": {"generation": rollout.number, "phase": rollout.phase, "reason": rollout.reason or None}
            if rollout is not None
            else None,
            "problems": list(self._problems),
            "nodes": len(sight.nodes) if sight is not None else None,
            "coordinator": sight.coordinator or None if sight is not None else None,
            "coordinates": self._coordination.leads,
            "contact_age": round(self.contact_age, 1),
            "error": self._error or None,
        }

    # -- its life

    def begin(self) -> None:
        """Follow, until ``close``."""
        self._say()
        self._kept_open.enter_context(self._client.used())
        works = (self._watch(), self._reporting.run(), self._coordination.run(), self._follow())
        self._tasks = [asyncio.ensure_future(work) for work in works]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def close(self) -> None:
        """Follow no more; what is said of it stays until its lease is over."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._kept_open.close()

    async def leave(self) -> None:
        """The same, and nobody waits for it."""
        with self._client.used():
            self.close()
            await self._reporting.leave()

    async def hand_over(self) -> None:
        """The same, and another process is this node from now on: it says how it is, and whoever is first coordinates."""
        with self._client.used():
            self.close()
            await self._coordination.resign()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.limited("the fleet is not followed any more", "error", error=repr(error))
            self._turn(REFUSED, f"a bug: {error!r}")

    # -- hearing

    async def _watch(self) -> None:
        begin, end = (decoded(one) for one in sight_range(self._keys))

        def read(key: bytes, value: bytes, revision: int) -> tuple[bytes, int]:
            return value, revision

        keys = KeyRange(begin, end, read, lambda _: (b"", 0), NODES_MOST * 2, self._keys.root)
        while True:
            try:
                await watch_keys(self._client, keys, self._hear, PACE)
            except EtcdError as error:
                self._on_answer(error)
                self._coordination.is_deaf()
            await asyncio.sleep(PAUSE * (1 + 2 * self._chance()))

    def _hear(self, entries: Mapping[bytes, tuple[bytes, int]], _: int) -> None:
        values = {key.decode(errors="replace"): value for key, (value, _) in entries.items()}
        sight, before = read_sight(self._keys, values), self._sight
        rollout, earlier = sight.rollout, before.rollout if before is not None else None
        if earlier is not None and (rollout is None or rollout.number < earlier.number):
            self._log.limited("the fleet in etcd is another, or an older one", "warning", key=self._keys.root)
            self._is_sure, self._checked, self._problems, self._failed = False, 0, (), (0, 0.0)
        for error in sight.wrong if before is None or sight.wrong != before.wrong else ():
            self._log.limited("a record of the fleet cannot be read", "warning", reason=str(error))
        self._look_at_own(values.get(self._keys.node(self._name)))
        self._sight = sight
        self._on_answer(None)
        self._coordination.hear(FleetHeard(sight, entries.get(self._keys.rollout.encode(), (b"", 0))[1]))
        self._woken.set()

    def _look_at_own(self, record: bytes | None) -> None:
        """Two gateways of one name would take turns to be this node, and nobody knew how either is."""
        is_shared = record is not None and self._reporting.is_foreign(record)
        if is_shared and not self._is_shared:
            self._log.limited(
                "another gateway is this node of the fleet too: give each a --node of its own", node=self._name
            )
        self._is_shared = is_shared

    def _on_answer(self, error: EtcdError | None) -> None:
        if error is None:
            if self._error:
                self._log.limited("etcd answers again", "info", seconds=round(self.contact_age, 1))
            self._contact, self._error = self._clock(), ""
        else:
            if not self._error:
                self._log.limited("the fleet cannot be heard", "warning", cause=error.cause, detail=error.detail)
            self._error = error.detail

    # -- following

    async def _follow(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._act()
            except (EtcdError, StoreError, RecordError) as error:
                self._log.limited("a generation cannot be read", "warning", reason=str(error))
            except OSError as error:
                self._turn(REFUSED, f"{self._copies.path} cannot be written: {error.strerror or error}")
            self._say()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._woken.wait()

    async def _act(self) -> None:
        """Do what is to be done now; whatever comes meanwhile is for the next time.  Raises EtcdError, StoreError, RecordError, OSError."""
        sight = self._sight
        rollout = sight.rollout if sight is not None else None
        if rollout is None or not self._host.can_change:
            return None
        if rollout.phase not in OVER and self._checked != rollout.number:
            await self._check(await self._store.generation(rollout.number))
            return self._woken.set()
        wanted = rollout.wanted_of(self._name)
        is_used = self.uses == wanted and self._is_sure
        if wanted and not is_used and (self._failed[0] != wanted or self._clock() >= self._failed[1]):
            await self._want(await self._store.generation(wanted))
        if not wanted and rollout.phase in OVER and self.uses == rollout.number:
            await self._leave_first()
        held = self._held
        is_good = held is not None and held.number == rollout.promoted and self._state == SERVING and self._is_sure
        is_good = is_good and rollout.phase != PROMOTING  # the others may still go back from it
        if held is not None and is_good and self._kept != held.sha256:
            await self._in_thread(self._copies.keep, held)
            self._kept = held.sha256
        return None

    async def _want(self, generation: Generation) -> None:
        """Use it, if it can be: one that was promoted while this node was away is checked now."""
        if generation.sha256 != self._digest and (self._checked != generation.number or self._problems):
            await self._check(generation)
            if self._problems:
                self._failed = (generation.number, self._clock() + AGAIN)
                return
        await self._take(generation)

    async def _check(self, generation: Generation) -> None:
        if self._state not in (WAITING, GUARDING):
            self._turn(CHECKING)
            self._say()
        problems = await self._host.check(generation)
        self._checked, self._problems = generation.number, problems
        if problems:
            self._log.limited(
                "a generation is refused, the one before stays",
                "error",
                generation=generation.number,
                problems=list(problems),
            )
        if self._state not in (WAITING, GUARDING):  # as it is now: its guard may have ended meanwhile
            self._turn(*((REFUSED, problems[0]) if problems else (SERVING, "")))
        elif self._state == WAITING:
            self._turn(WAITING, problems[0] if problems else "")

    async def _take(self, generation: Generation) -> None:
        """Use it, unless it is in use already."""
        if generation.sha256 == self._digest:
            self._held, self._is_sure = generation, True
            return
        current = (self._copies.text(), self._held)
        former = self._former if self._state == GUARDING and self._former is not None else current
        await self._in_thread(self._copies.write, generation.text)
        used = await self._host.use(generation)
        if used.problems:
            self._failed = (generation.number, self._clock() + AGAIN)
            await self._back_to(*current)
            self._turn(REFUSED, used.problems[0])
            return
        self._held, self._digest, self._is_sure = generation, generation.sha256, True
        self._failed, self._former = (0, 0.0), None
        if used.guard is None:
            self._turn(SERVING)
            return
        self._turn(GUARDING)
        self._former = former
        guarding = asyncio.ensure_future(self._guard(used.guard, generation, *former))
        guarding.add_done_callback(self._ended)
        self._tasks = [*(task for task in self._tasks if not task.done()), guarding]

    async def _guard(self, guard: Awaitable[str], generation: Generation, text: str, held: Generation | None) -> None:
        """Wait for the end of its guard; ``text`` and ``held`` are what the gateway goes back to."""
        reason = await guard
        if self._held is generation:
            self._former = None
            if reason:
                self._failed = (generation.number, math.inf)
                await self._back_to(text, held)
                is_last = self._checked <= generation.number  # else it would be said of one that was checked behind it
                self._turn(*((WENT_BACK, reason) if is_last else (SERVING, "")))
            elif self._state == GUARDING:
                self._turn(SERVING)
            self._say()
            self._woken.set()

    async def _leave_first(self) -> None:
        """The fleet goes back from its first generation (of a new etcd): to what this node had before, if it had anything good."""
        good = self._copies.good()
        if good is not None:
            await self._take(good)

    async def _back_to(self, text: str, held: Generation | None) -> None:
        """That is what the gateway serves."""
        if text:
            await self._in_thread(self._copies.write, text)
        self._held, self._digest = held, digest_of(text) if text else ""

    # -- saying

    def _turn(self, state: str, reason: str = "") -> None:
        if (state, reason) != (self._state, self._reason):
            self._state, self._reason, self._since = state, reason, self._now()

    def _say(self) -> None:
        facts = self._host.facts()
        record = FleetNode(
            self._name,
            facts.version,
            facts.admin,
            self.uses,
            self._digest,
            self._checked,
            self._problems,
            self._state,
            self._reason,
            self._since,
            facts.workers,
        )
        self._reporting.say(record.write())
