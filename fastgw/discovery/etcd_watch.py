"""Keys of etcd, listed and watched: what stands under a range of them now, told whenever it is another.

All keys are listed at one revision, page by page, then watched from the next one.  What is told is a state and never a history, so nothing
is gained by going on where a watch has ended: after each end, for whatever reason, everything is listed again.  A watch whose start is
compacted, one that resumes behind what it has not delivered, a cluster that came back empty or from a backup: all are that one case.

What remains is a watch that does not end though it is of no use, since a watch says nothing while nothing happens: its connection is dead,
its member is cut off from the cluster, or behind its address is another cluster now, of which it waits for a revision that will not come
for long.  So a question goes to the same endpoint beside it, every few seconds: how many keys there are, and is one newer than the last
the watch has told of.  The answer must be of the same cluster, at no earlier revision and term, and must not differ from what is known
here twice in a row; else the keys are listed again.  It costs etcd a look at the keys of the range.  And they are listed again once
a minute, for the cluster that was wiped and has come to the very same revision with as many keys.

An expired lease is a DELETE like any other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fastgw.discovery.etcd_client import ELSEWHERE, EtcdClient, EtcdError, decoded, encoded, number, unanswered

PAGE: Final = 256  #: keys that are asked for at once, fewer where their values are large
LISTINGS_MOST: Final = 3  #: in a row that are overtaken by a compaction
CHECK: Final = 5.0  #: seconds between two looks at what the watch should have told
RENEW: Final = 60.0  #: seconds, a fifth more or less, after which everything is listed again
AGAIN: Final = 1.0  #: seconds to the second look, where the first found something or nothing
GATHER: Final = 0.05  #: seconds between two states that are told
LIVED: Final = 1.0  #: seconds that a watch holds if it was one: what ends before is a failure
ENDS_MOST: Final = 3  #: watches in a row that were none: compactions overtake one, not all
IDLE: Final = 720.0  #: seconds of silence; etcd tells of its progress every 600, and up to 60 later
SHOWN: Final = 128  #: bytes of a key or a value in a reason
OTHER: Final = "it is another cluster, or has lost its last changes"

T = TypeVar("T")


class KeyRange(NamedTuple, Generic[T]):
    """Which keys are watched, and how they are read."""

    begin: bytes
    end: bytes  #: the first that is none of them
    read: Callable[[bytes, bytes, int], T]  #: what a key says, of it, its value and its revision; raises nothing
    too_large: Callable[[bytes], T]  #: what one says of which the value is too large to be asked for
    most: int  #: of them
    name: str  #: such as the prefix of all of them, for people


class WatchPace(NamedTuple):
    """How often what is looked at; seconds."""

    check: float = CHECK  #: between two looks at what the watch should have told
    gather: float = GATHER  #: between two states that are told
    chance: Callable[[], float] = random.random  #: 0 to 1, so that not all list again at once


#: Is called with what each key says, and the revision at which it is so.  The mapping changes later.
TellKeys = Callable[[Mapping[bytes, T], int], None]


async def watch_keys(client: EtcdClient, keys: KeyRange[T], tell: TellKeys[T], pace: WatchPace) -> None:
    """Tell what ``keys`` say, now and whenever it is another, for ever; whoever wants to go on after an error calls it again.

    Raises:
        EtcdError: no endpoint can be asked, or etcd says no.
    """
    errors: list[EtcdError] = []
    ends = 0  # in a row, of watches that were none
    with client.used():
        while True:
            order = client.order
            watched = _Watched(client, keys, order[len(errors) % len(order)], pace.check)
            renew = RENEW * (0.8 + 0.4 * pace.chance())
            try:
                why = await watched.follow(_Teller(tell, pace.gather), renew)
                ends += 1
                if watched.has_lived:
                    errors, ends = [], 0
                if ends < ENDS_MOST:
                    continue
                error = EtcdError("broken", f"etcd {client}{keys.name} ends each watch at once: {why}")
            except EtcdError as caught:
                if caught.cause not in ELSEWHERE:
                    raise
                error = caught
                if watched.has_lived:
                    errors, ends = [], 0
            errors.append(error)
            if len(errors) >= len(order):
                raise unanswered(errors)


class _Watched(Generic[T]):
    """The keys as one endpoint tells them: listed once, then watched."""

    def __init__(self, client: EtcdClient, keys: KeyRange[T], at: int, check: float) -> None:
        self._client = client
        self._keys = keys
        self._at = at
        self._check_every = check
        self._range = {"key": encoded(keys.begin), "range_end": encoded(keys.end)}
        self._cluster = 0
        self._term = 0
        self._revision = 0  # the last that is known here: listed, or told of by the watch
        self._entries: dict[bytes, T] = {}
        self._since = -1.0  # when it was listed, by the clock of the loop
        self._is_watching = False

    @property
    def has_lived(self) -> bool:
        """Was it a watch for some time?"""
        return self._is_watching and asyncio.get_running_loop().time() - self._since > LIVED

    async def follow(self, telling: _Teller[T], renew: float) -> str:
        """List, watch, and tell, for ``renew`` seconds; return why it ended, if in an ordinary way.  Raises EtcdError."""
        await self._list()
        self._client.prefer(self._at)
        self._since = asyncio.get_running_loop().time()
        telling.say(self._state)
        try:
            return await first_of(self._read(telling), self._check(), asyncio.sleep(renew, "it is time to list again"))
        finally:
            telling.stop()

    def _state(self) -> tuple[Mapping[bytes, T], int]:
        return self._entries, self._revision

    # -- listing

    async def _list(self) -> None:
        for _ in range(LISTINGS_MOST):
            self._entries = {}
            try:
                await self._pages()
            except EtcdError as error:
                if error.cause != "compacted":
                    raise
            else:
                return
        raise EtcdError("unavailable", f"{LISTINGS_MOST} listings of {self._client} were overtaken by compactions")

    async def _pages(self) -> None:
        """All keys at one revision, that of the first page."""
        begin, limit, revision = self._range["key"], PAGE, 0
        while True:
            question = {**self._range, "key": begin, "limit": str(limit), "revision": str(revision)}
            try:
                page = await self._client.ask("/v3/kv/range", question, self._at)
            except EtcdError as error:
                if error.cause != "too_large":
                    raise
                if limit > 1:
                    limit = max(1, limit // 8)
                    continue
                page = await self._client.ask("/v3/kv/range", {**question, "keys_only": True}, self._at)
                pairs = [(key, self._keys.too_large(key)) for key, _, _ in _pairs(page)]
            else:
                pairs = [(pair[0], self._keys.read(*pair)) for pair in _pairs(page)]
                limit = min(PAGE, limit * 2)
            if not revision:
                header = _header(page)
                self._cluster, self._term = number(header.get("cluster_id")), number(header.get("raft_term"))
                self._revision = revision = number(header.get("revision"))
            self._entries.update(pairs)
            self._see_bound()
            if page.get("more") is not True or not pairs:
                return
            begin = encoded(pairs[-1][0] + b"\0")

    def _see_bound(self) -> None:
        if len(self._entries) > self._keys.most:
            raise EtcdError(
                "too_large",
                f"{self._client} has more than {self._keys.most} keys under {self._keys.name}: is it the right prefix?",
            )

    # -- watching

    async def _read(self, telling: _Teller[T]) -> str:
        create = {**self._range, "start_revision": str(self._revision + 1), "progress_notify": True, "fragment": True}
        results = self._client.results("/v3/watch", {"create_request": create}, self._at, IDLE)
        async with aclosing(results):
            try:
                async for result in results:
                    if result.get("canceled") is True:
                        return "its revision is compacted"
                    if self._is_other(_header(result), self._revision):
                        return OTHER
                    self._is_watching = True
                    if self._take(result) and result.get("fragment") is not True:
                        telling.say(self._state)
            except EtcdError as error:
                if error.cause != "timeout" or not self._is_watching:
                    raise
        return f"it said nothing for {IDLE:g} s"

    def _take(self, result: dict[str, Any]) -> bool:
        """Enter the events of one message; return if there were any."""
        events = result.get("events") or []
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise EtcdError("broken", "etcd sent events that are none")
        for event in events:
            for key, value, revision in _pairs({"kvs": [event.get("kv")]}):
                if event.get("type") in (None, "PUT"):
                    self._entries[key] = self._keys.read(key, value, revision)
                else:
                    self._entries.pop(key, None)
                self._revision = max(self._revision, revision)
        if not events and result.get("created") is not True:  # progress: all until then has been told
            self._revision = max(self._revision, number(_header(result).get("revision")))
        self._see_bound()
        return bool(events)

    async def _check(self) -> str:
        """Ask beside the watch, and return why it is of no use any more.  Raises EtcdError."""
        wrong = failed = seen = 0
        while True:
            await asyncio.sleep(AGAIN if wrong or failed else self._check_every)
            known = self._revision
            question = {**self._range, "limit": "1", "keys_only": True, "min_mod_revision": str(known + 1)}
            try:
                answer = await self._client.ask("/v3/kv/range", question, self._at)
            except EtcdError as error:
                failed += 1
                if error.cause not in ELSEWHERE or failed > 1:  # one may be the election of a leader
                    raise
                continue
            failed = 0
            if self._is_other(_header(answer), max(known, seen)):
                return OTHER
            seen = number(_header(answer).get("revision"))
            differs = number(answer.get("count")) != len(self._entries) or bool(_pairs(answer))
            wrong = wrong + 1 if differs else 0
            if wrong > 1:
                return "it has not told of all changes"

    def _is_other(self, header: dict[str, Any], revision: int) -> bool:
        """Is it not the cluster that was listed, or not any more as it was at ``revision``?"""
        is_earlier = number(header.get("revision")) < revision or number(header.get("raft_term")) < self._term
        return is_earlier or number(header.get("cluster_id")) != self._cluster


class _Teller(Generic[T]):
    """Tells at once, then no more often than each ``gather`` seconds."""

    def __init__(self, tell: TellKeys[T], gather: float) -> None:
        self._tell = tell
        self._gather = gather
        self._state: Callable[[], tuple[Mapping[bytes, T], int]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def say(self, state: Callable[[], tuple[Mapping[bytes, T], int]]) -> None:
        """Tell what ``state`` returns, now or soon."""
        self._state = state
        if self._timer is None:
            self._due()

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> None:
        self._timer = None
        if self._state is not None:
            state, self._state = self._state, None
            self._timer = asyncio.get_running_loop().call_later(self._gather, self._due)
            self._tell(*state())


def shown_key(data: bytes) -> str:
    """At most some of ``data``, as it can be printed."""
    shown = data[:SHOWN].decode(errors="backslashreplace")
    return (shown if shown.isprintable() else ascii(shown)[1:-1]) + ("..." if len(data) > SHOWN else "")


def _header(answer: dict[str, Any]) -> dict[str, Any]:
    header = answer.get("header")
    if not isinstance(header, dict):
        raise EtcdError("broken", "etcd sent an answer without a header")
    return header


def _pairs(answer: dict[str, Any]) -> list[tuple[bytes, bytes, int]]:
    """Keys, values and revisions of an answer.  Raises EtcdError."""
    kvs = answer.get("kvs") or []
    if not isinstance(kvs, list) or not all(isinstance(kv, dict) for kv in kvs):
        raise EtcdError("broken", "etcd sent keys that are none")
    return [(decoded(kv.get("key")), decoded(kv.get("value")), number(kv.get("mod_revision"))) for kv in kvs]


async def first_of(*works: Coroutine[Any, Any, str]) -> str:
    """What the first of them returns that ends, or raises; the others are cancelled, and have ended too."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
