"""The names of endpoints: looked up before anybody asks for them, and again before their answer grows old.

Each name is kept by a task of its own, so the silence of one name server delays no other name.  How many ask at once is bounded, with a
lane apart for names whose last look-up failed: names without an answer never stand in the way of those with one.  The last good
addresses stay when a later look-up fails, for as long as it takes.

    look up -> good: again when its time to live is over, within ``min_interval`` and ``max_interval``
            -> not:  again after 1 s, 2 s, 4 s ... at most ``min_interval``

What was found before this process began is *recalled* (``server.names_file``), if the first look-up fails or takes longer than a moment;
not if a name server says that there is no such name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from fastgw.config.spec import GatewaySpec, ResolverSpec
from fastgw.core.live.news import MOST, NOT_FOUND, Answer
from fastgw.discovery.look_ups import FAILED, Found, LookUp, LookUpError
from fastgw.server.log import Log
from fastgw.server.names_file import NAMES_FILE, FoundBefore, name_identity
from fastgw.server.remembering import Remembering
from fastgw.server.waits import all_set

AT_ONCE = 256  #: look-ups under way of names that have an answer, or were never asked for
FAILING_AT_ONCE = 64  #: of names whose last look-up failed
FIRST_RETRY = 1.0  #: seconds
RECALL_AFTER = 1.5  #: seconds of the first look-up after which is recalled what was found before
JITTER = 0.1  #: part of an interval by which chance shortens it, so that names do not stay in step


class Name:
    """What is known of one name, and the task that keeps it so."""

    __slots__ = (
        "addresses",
        "cause",
        "detail",
        "failed_in_row",
        "failures",
        "found_at",
        "host",
        "is_crowded",
        "is_recalled",
        "look_ups",
        "recall_timer",
        "recallable",
        "settings",
        "task",
        "ttl",
        "was_asked",
    )

    def __init__(self, host: str, settings: ResolverSpec) -> None:
        self.host = host
        self.settings = settings
        self.addresses: tuple[str, ...] = ()  #: the last good ones
        self.found_at = 0.0  #: seconds since 1970 at which they were found, the last time; 0: never
        self.recallable: FoundBefore | None = None  #: until it is used, or something was found
        self.recall_timer: asyncio.TimerHandle | None = None
        self.is_recalled = False  #: the addresses were found before this process began
        self.is_crowded = False  #: it has more addresses than are used
        self.ttl = 0.0  #: seconds; what was said with them
        self.cause = ""  #: why the last look-up failed, in a word; empty: it did not
        self.detail = ""
        self.look_ups = 0
        self.failures = 0
        self.failed_in_row = 0
        self.was_asked = asyncio.Event()  #: the first look-up is over
        self.task: asyncio.Task[None] | None = None

    @property
    def answer(self) -> Answer:
        """What the workers are told: a failure is of no interest to them while there are addresses."""
        return Answer(self.addresses) if self.addresses else Answer((), self.cause, self.detail)


class Names:
    """All names of the configuration in use, and of one that is being prepared."""

    def __init__(
        self,
        on_answer: Callable[[str, Answer], None],
        log: Log,
        random: Callable[[], float],
        look_up: LookUp,
        clock: Callable[[], float] = time.time,
        state_file: str = "",
    ) -> None:
        """``on_answer``: called with a name and what is known of it, when that has changed.  ``random``: numbers of [0, 1).
        ``clock``: seconds since 1970.  ``state_file``: addresses are kept beside it; empty: they are not."""
        self._on_answer = on_answer
        self._log = log
        self._random = random
        self._look_up = look_up
        self._clock = clock
        self._lane = asyncio.Semaphore(AT_ONCE)
        self._lane_of_failing = asyncio.Semaphore(FAILING_AT_ONCE)
        self.known: dict[str, Name] = {}
        self.memory = Remembering(NAMES_FILE, state_file, log, self._found_now, clock) if state_file else None

    async def prepare(self, hosts: Iterable[str], settings: ResolverSpec, limit: float) -> None:
        """Begin to keep those of ``hosts`` that are new; wait for the first answer of each, but no longer than ``limit`` seconds."""
        wanted = set(hosts)
        for host in wanted:
            if host not in self.known:
                self._begin(Name(host, settings))
        names = [self.known[host] for host in wanted]
        await all_set([name.was_asked for name in names if not name.was_asked.is_set()], limit)

    def keep(self, hosts: Iterable[str], settings: ResolverSpec, state_file: str = "") -> None:
        """Keep ``hosts`` and no other name; one that was looked up in another way is so again, at once.
        ``state_file``: the one that is used from now on."""
        wanted = set(hosts)
        for host in [one for one in self.known if one not in wanted]:
            self._end(self.known.pop(host))
        for host in wanted:
            name = self.known.get(host) or Name(host, settings)
            if name.task is None or name.settings != settings:
                self._end(name)
                name.settings = settings
                self._begin(name)
        if self.memory is not None and state_file:
            self.memory.move(state_file)

    def close(self) -> None:
        """Look up nothing any more."""
        for name in self.known.values():
            self._end(name)
        if self.memory is not None:
            self.memory.close()

    def _begin(self, name: Name) -> None:
        loop = asyncio.get_running_loop()
        if self.memory is not None and not name.addresses:
            name.recallable = self.memory.recall(name_identity(name.host, name.settings.servers))
        if name.recallable is not None:
            name.recall_timer = loop.call_later(RECALL_AFTER, self._recall_late, name)
        self.known[name.host] = name
        name.task = loop.create_task(self._keep(name))

    def _end(self, name: Name) -> None:
        if name.task is not None:
            name.task.cancel()
            name.task = None
        _forget_recallable(name)

    def _found_now(self) -> dict[str, FoundBefore]:
        """All names that have addresses, each with when they were found."""
        return {
            name_identity(one.host, one.settings.servers): FoundBefore(one.addresses, one.found_at)
            for one in self.known.values()
            if one.addresses
        }

    def _recall_late(self, name: Name) -> None:
        """No name server has said anything for a while."""
        self._recall(name)
        name.was_asked.set()
        if name.addresses:
            self._on_answer(name.host, name.answer)

    def _recall(self, name: Name) -> None:
        """Use the addresses that were found before, if none were found so far."""
        recallable = name.recallable
        _forget_recallable(name)
        if recallable is None:
            return
        name.addresses, name.found_at, name.is_recalled = recallable.addresses, recallable.seen_at, True
        age = round(max(0.0, self._clock() - recallable.seen_at), 1)
        self._log.limited(
            "addresses of before the start are used", "warning", name=name.host, addresses=name.addresses, age=age
        )

    async def _keep(self, name: Name) -> None:
        while True:
            async with self._lane_of_failing if name.failed_in_row else self._lane:
                await self._ask(name)
            name.was_asked.set()
            await asyncio.sleep(self._pause(name))

    async def _ask(self, name: Name) -> None:
        name.look_ups += 1
        before = name.answer
        try:
            found = await self._look_up(name.host, name.settings.servers, name.settings.timeout)
        except LookUpError as error:
            self._failed(name, error.cause, error.detail)
        except Exception as error:  # noqa: BLE001  whatever it is, the name is asked for again
            self._failed(name, FAILED, f"cannot be looked up: {error!r}")
        else:
            self._found(name, found)
        if name.answer != before:
            self._on_answer(name.host, name.answer)

    def _found(self, name: Name, found: Found) -> None:
        if name.failed_in_row:
            self._log.limited("a name has an answer again", "info", name=name.host, failures=name.failed_in_row)
        addresses = self._bounded(name, found.addresses)
        if set(addresses) != set(name.addresses):  # another order alone is not news: name servers rotate
            if name.addresses:
                self._log.limited(
                    "a name has other addresses",
                    "info",
                    name=name.host,
                    addresses=addresses,
                    before=name.addresses,
                )
            name.addresses = addresses
            if self.memory is not None:
                self.memory.changed()
        name.found_at, name.ttl, name.is_recalled = self._clock(), found.ttl, False
        _forget_recallable(name)
        name.cause = name.detail = ""
        name.failed_in_row = 0

    def _bounded(self, name: Name, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """``MOST`` of ``addresses``: those that are in use first, or each look-up would change members where name servers rotate."""
        was_crowded, name.is_crowded = name.is_crowded, len(addresses) > MOST
        if not name.is_crowded:
            return addresses
        if not was_crowded:
            self._log.limited(
                "a name has more addresses than are used",
                "warning",
                name=name.host,
                addresses=len(addresses),
                used=MOST,
            )
        return tuple(sorted(addresses, key=lambda one: one not in name.addresses)[:MOST])

    def _failed(self, name: Name, cause: str, detail: str) -> None:
        name.failures += 1
        name.failed_in_row += 1
        if cause == NOT_FOUND:
            _forget_recallable(name)  # somebody has answered
        self._recall(name)
        if cause != name.cause:
            kept = {"kept": name.addresses} if name.addresses else {}
            self._log.limited("a name has no answer", "warning", name=name.host, cause=cause, detail=detail, **kept)
        name.cause, name.detail = cause, detail

    def _pause(self, name: Name) -> float:
        """Seconds until the name is looked up again."""
        settings = name.settings
        if name.failed_in_row:
            seconds = min(FIRST_RETRY * 2.0 ** min(name.failed_in_row - 1, 10), settings.min_interval)
        else:
            seconds = min(max(name.ttl, settings.min_interval), settings.max_interval)
        return seconds * (1 - JITTER * self._random())


def _forget_recallable(name: Name) -> None:
    name.recallable = None
    if name.recall_timer is not None:
        name.recall_timer.cancel()
        name.recall_timer = None


def hosts_of(spec: GatewaySpec) -> set[str]:
    """The endpoints' host names."""
    addresses = (endpoint.address for service in spec.services for endpoint in service.endpoints)
    return {address.host for address in addresses if address.is_name}
