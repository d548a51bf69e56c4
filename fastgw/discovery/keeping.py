"""One source of members over time: asked again when it fails, and its listings believed or not.

    watch -> a listing: believed, or doubted
          -> a failure: again after 0.5 s, 1 s, 1.5 s, 1.5 s ..., each less up to a tenth by chance; what was listed last stays

What was listed before this process began is *recalled* (``server.members_file``), if the registry fails then or says nothing for a moment:
a registry that answers is believed first.  From then on it counts as what was listed last.

A registry that has lost its memory, or a prefix that was misspelled, lists nobody: an empty listing after a full one is not believed where
``empty`` is "keep", however long it says so.  One that leaves less than ``min_share`` of the members is doubted for ``patience`` seconds: a
registry that comes back fills again, member by member.  A first listing is believed whatever it says, for there is nothing else.

Of a member that comes and goes again and again each coming costs every worker a connection that is soon gone: it is *damped* (as RFC
2439 does with routes).  Each time it leaves adds one to its penalty, which is halved every ``HALF_LIFE`` seconds; with a penalty above
``DAMPED`` it is left out until that has fallen below ``FREE``, except where nobody else would be left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from fastgw.core.settings import Address
from fastgw.core.sources import BeliefSettings
from fastgw.discovery.listing import ListedMember, Listing, Skipped, Source, SourceError

FIRST_RETRY: Final = 0.5  #: seconds
LONGEST_RETRY: Final = 1.5  #: seconds, so that what is back is known within two
SETTLED: Final = 10.0  #: seconds that a watch must have gone on for the next pause to be the first again
JITTER: Final = 0.1  #: part of a pause by which chance shortens it
HALF_LIFE: Final = 30.0  #: seconds
DAMPED: Final = 3.0  #: penalty above which a member is left out
FREE: Final = 1.0  #: penalty below which it is back
PENALTIES_MOST: Final = 10_000  #: members whose leaving is remembered
RECALL_AFTER: Final = 2.0  #: seconds of silence at the beginning after which is recalled what was listed before
SKIPPED_TOLD: Final = 5  #: entries that are no member, or members that are left out, which one line of the log names

PENDING, LISTED, DOUBTED, FAILING = "pending", "listed", "doubted", "failing"  #: states of a source


WriteLine = Callable[[str, str, dict[str, Any]], None]  #: a line of the log: event, level, fields


class Recalled(NamedTuple):
    """What a source listed for somebody who asked it before."""

    members: tuple[ListedMember, ...]
    seen_at: float  #: seconds since 1970, when it last said so
    revision: str = ""


class Penalties:
    """How often members have left of late."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Address, tuple[float, float, bool]] = {}  # penalty, when it was that, is it damped

    def leave(self, address: Address, now: float) -> None:
        """A member is listed no more."""
        penalty = self._now(address, now) + 1.0
        if len(self._known) >= PENALTIES_MOST:
            self._known = {one: was for one, was in self._known.items() if self._now(one, now) >= FREE / 2}
        if len(self._known) < PENALTIES_MOST or address in self._known:
            self._known[address] = (penalty, now, penalty > DAMPED)

    def is_damped(self, address: Address, now: float) -> bool:
        """Is it to be left out, though it is listed?"""
        known = self._known.get(address)
        if known is None or not known[2]:
            return False
        penalty = self._now(address, now)
        if penalty >= FREE:
            return True
        self._known[address] = (penalty, now, False)
        return False

    def free_at(self, addresses: list[Address], now: float) -> float:
        """When the first of these damped members is back; later than ``now``."""
        from math import log2

        return min(now + max(0.1, HALF_LIFE * log2(max(self._now(one, now), FREE) / FREE)) for one in addresses)

    def _now(self, address: Address, now: float) -> float:
        known = self._known.get(address)
        return 0.0 if known is None else float(known[0] * 0.5 ** ((now - known[1]) / HALF_LIFE))


class SourceKeeper:
    """What is known of one source, and the task that keeps it so."""

    def __init__(
        self,
        source: Source,
        belief: BeliefSettings,
        on_change: Callable[[], None],
        log: WriteLine,
        random: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        recalled: Recalled | None = None,
    ) -> None:
        """Nothing is asked before ``begin``.

        Args:
            source: whom to ask.
            belief: when a listing is believed.
            on_change: called when ``members`` are others than before, and when the first listing has come, be it what was recalled.
            log: writes a line of the log, if there are not too many.
            random: returns numbers of [0, 1).
            clock: returns monotonic seconds.
            wall: returns seconds since 1970.
            recalled: what is used until it can be asked; None: nothing is known.
        """
        self.source = source
        self.belief = belief
        self._on_change = on_change
        self._log = log
        self._random = random
        self._clock = clock
        self._wall = wall
        self._penalties = Penalties()
        self._last: Listing | None = None  # what it said last, believed or not
        self._doubted_since = 0.0  # monotonic
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._told_skipped: tuple[Any, ...] = ()
        self._told_damped: set[Address] = set()
        self._recallable = recalled  # until it is used, or has listed something
        self._recall_timer: asyncio.TimerHandle | None = None
        self._revision = ""
        self.is_recalled = False  #: ``members`` were listed before this process began
        self.members: tuple[ListedMember, ...] | None = None  #: those that are believed; None: nothing was listed yet
        self.damped: tuple[Address, ...] = ()
        self.was_asked = asyncio.Event()  #: the first listing, or failure, has come
        self.state = PENDING
        self.cause = ""  #: why it fails, or is doubted, in a word
        self.detail = ""
        self.since = wall()  #: seconds since 1970 for which it has been in that state
        self.listed_at = 0.0  #: the same, of the last listing; 0: never
        self.changed_at = 0.0  #: the same, when the members were others the last time; 0: never
        self.listings = 0
        self.changes = 0  #: listings that have changed the members
        self.failures = 0
        self.failed_in_row = 0

    def begin(self) -> None:
        """Ask, and go on."""
        loop = asyncio.get_running_loop()
        if self._recallable is not None:
            self._recall_timer = loop.call_later(RECALL_AFTER, self._recall)
        self._task = loop.create_task(self._keep())

    def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._stop_timer()
        self._forget_recallable()

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Entries that were no members, of the last listing."""
        return () if self._last is None else self._last.skipped

    @property
    def revision(self) -> str:
        """What the source calls what it said last."""
        return self._revision if self._last is None else self._last.revision

    async def _keep(self) -> None:
        while True:
            began = self._clock()
            again = 0.0
            try:
                await self.source.watch(self.take)
            except SourceError as error:
                cause, detail, again = error.cause, error.detail, error.again
            except Exception as error:  # noqa: BLE001  whatever it is, the source is asked again
                cause, detail = "failed", repr(error)
            else:
                cause, detail = "ended", "it ended without a reason"
            if self._clock() - began >= SETTLED:
                self.failed_in_row = 0
            self._fail(cause, detail)
            pause = again or min(FIRST_RETRY * 2.0 ** min(self.failed_in_row - 1, 10), LONGEST_RETRY)
            await asyncio.sleep(pause * (1 - JITTER * self._random()))

    def _fail(self, cause: str, detail: str) -> None:
        is_news = self.state != FAILING or cause != self.cause
        self.failures += 1
        self.failed_in_row += 1
        self._become(FAILING, cause, detail)
        self._recall()
        if is_news:
            kept = {} if self.members is None else {"kept": len(self.members)}
            self._tell("members cannot be listed", "warning", cause=cause, detail=detail, **kept)
        self.was_asked.set()

    def _recall(self) -> None:
        """Use what was listed before, if it has listed nothing so far."""
        recalled = self._recallable
        self._forget_recallable()
        if recalled is None:
            return
        self.members, self.listed_at, self._revision = recalled.members, recalled.seen_at, recalled.revision
        self.is_recalled = True
        age = round(max(0.0, self._wall() - recalled.seen_at), 1)
        self._tell("members of before the start are used", "warning", members=len(recalled.members), age=age)
        self._on_change()

    def _forget_recallable(self) -> None:
        self._recallable = None
        if self._recall_timer is not None:
            self._recall_timer.cancel()
            self._recall_timer = None

    # -- what it lists

    def take(self, listing: Listing) -> None:
        """It lists that, now."""
        self._forget_recallable()
        if self.state == FAILING:
            self._tell("members are listed again", "info", failures=self.failed_in_row)
        if self.state == FAILING or self.state == PENDING:
            self._become(LISTED)
        self.listings += 1
        self.listed_at = self._wall()
        before, self._last = self._last, listing
        self._tell_skipped(listing)
        now = self._clock()
        if before is not None:
            there = {one.address for one in listing.members}
            for one in before.members:
                if one.address not in there:
                    self._penalties.leave(one.address, now)
        self._look()
        self.was_asked.set()

    def _look(self) -> None:
        """Believe what was listed last, or doubt it; again when time has passed."""
        self._stop_timer()
        listing, now = self._last, self._clock()
        assert listing is not None
        doubt = self._doubt(listing)
        if doubt:
            self._begin_doubt(doubt, now)
            return
        if self.state == DOUBTED:
            self._become(LISTED)
        self._doubted_since = 0.0
        was_recalled, self.is_recalled = self.is_recalled, False
        damped = [one.address for one in listing.members if self._penalties.is_damped(one.address, now)]
        if len(damped) == len(listing.members):
            damped = []
        left_out = set(damped)
        members = tuple([one for one in listing.members if one.address not in left_out]) if damped else listing.members
        self._tell_damped(damped, now)
        self.damped = tuple(damped)
        if damped:
            self._call_at(self._penalties.free_at(damped, now))
        if members != self.members:
            self.changes += self.members is not None
            self.members = members
            self.changed_at = self._wall()
            self._on_change()
        elif was_recalled:
            self._on_change()

    def _tell_damped(self, damped: list[Address], now: float) -> None:
        """Each that is left out once, until it is not any more, however often it comes and goes meanwhile."""
        news = [one for one in damped if one not in self._told_damped]
        self._told_damped = {one for one in self._told_damped if self._penalties.is_damped(one, now)}.union(news)
        if news:
            named, more = [*map(str, news[:SKIPPED_TOLD])], max(0, len(news) - SKIPPED_TOLD)
            self._tell("members that come and go are left out for a while", "warning", members=named, more=more)

    def _doubt(self, listing: Listing) -> str:
        """Why ``listing`` is not believed; empty: it is."""
        count, before = len(listing.members), len(self.members or ())
        if not before or count >= before:
            return ""
        if not count and self.belief.empty == "keep":
            return "empty"
        is_small = count < self.belief.min_share * before
        is_new = not self._doubted_since or self._clock() - self._doubted_since < self.belief.patience
        return "min_share" if is_small and is_new else ""

    def _begin_doubt(self, cause: str, now: float) -> None:
        listing, kept = self._last, len(self.members or ())
        assert listing is not None
        is_news = self.state != DOUBTED or self.cause != cause
        self._doubted_since = self._doubted_since or now
        detail = f"it lists {len(listing.members)} members where {kept} were, which is not believed"
        if cause != "empty":
            detail += f" for {self.belief.patience:g} s"
        self._become(DOUBTED, cause, detail)
        if cause != "empty":
            self._call_at(self._doubted_since + self.belief.patience)
        if is_news:
            self._tell("a list of members is not believed", "warning", cause=cause, detail=self.detail, kept=kept)

    def _become(self, state: str, cause: str = "", detail: str = "") -> None:
        if state != self.state:
            self.since = self._wall()
        self.state, self.cause, self.detail = state, cause, detail

    def _tell_skipped(self, listing: Listing) -> None:
        """Each entry that is no member once, while it stays the same."""
        known = set(self._told_skipped)
        news = [one for one in listing.skipped if one not in known]
        self._told_skipped = listing.skipped
        if news:
            named = [f"{one.entry[:128]}: {one.reason}" for one in news[:SKIPPED_TOLD]]
            more = max(0, len(news) - SKIPPED_TOLD)
            self._tell("entries of a source are no members", "warning", entries=named, more=more)

    def _tell(self, event: str, level: str, **fields: Any) -> None:
        self._log(event, level, {"source": str(self.source), **fields})

    def _call_at(self, when: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.01, when - self._clock()), self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
