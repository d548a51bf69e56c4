"""Keys of tokens that are fetched: before anybody needs them, and again before they grow old.

Each set is kept by a task of its own, which is the only one that fetches it.  The last good keys stay when they cannot be fetched
later, for as long as ``stale`` says; that the place is silent stops nothing but the tokens that need it.

    fetch -> good: again after ``refresh``; sooner, but not before ``EARLY`` is over, if a token names a key that is not there
          -> not:  again after 1 s, 2 s, 4 s ... at most ``LONGEST_RETRY`` or ``refresh``

What was fetched before this process began is *recalled* (``server.keys_file``): at once where that is not yet ``refresh`` ago, for the
process before would not have asked again either; else if the first time fails or says nothing for a moment, for an issuer that answers
may have withdrawn a key.  It is as old as it is, so ``stale`` ends it as if it were ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from fastgw.config.jwk import JwkSpec, of_fetched
from fastgw.core.calls import Caller, CallError
from fastgw.core.live.news import KeySet
from fastgw.core.settings import KeySetSettings
from fastgw.server.keys_file import KEYS_FILE, AheadError, FetchedBefore, key_set_identity, usable_keys
from fastgw.server.log import Log
from fastgw.server.remembering import Remembering
from fastgw.server.waits import all_set, rest

EARLY: Final = 30.0  #: seconds
FIRST_RETRY: Final = 1.0  #: seconds
LONGEST_RETRY: Final = 60.0  #: seconds
JITTER: Final = 0.1  #: part of an interval by which chance shortens it, so that gateways do not stay in step
LARGEST: Final = 256 * 1024  #: bytes of a set
RECALL_AFTER: Final = 0.5  #: seconds of silence at the beginning after which is recalled what was fetched long before

Fetch = Callable[[KeySetSettings], Awaitable[tuple[list[JwkSpec], list[str]]]]


class Kept:
    """What is known of one set, and the task that keeps it so."""

    def __init__(self, settings: KeySetSettings) -> None:
        self.settings = settings
        self.news = KeySet((), 0.0, "pending", "they have not been fetched yet")
        self.fetched_at = 0.0  #: seconds since 1970 at which they were fetched, the last time that it worked; 0: never
        self.left_out: tuple[str, ...] = ()  #: why keys of it are not used
        self.fetches = 0
        self.failures = 0
        self.failed_in_row = 0
        self.began = float("-inf")  #: monotonic seconds of the last time
        self.is_under_way = False
        self.recallable: FetchedBefore | None = None  #: until it is used, or something was fetched
        self.recall_timer: asyncio.TimerHandle | None = None
        self.is_recalled = False  #: ``news`` are keys that were fetched before this process began
        self.not_recalled = ""  #: why those are not used; empty: they are, or there are none
        self.is_wanted = asyncio.Event()  #: sooner than is due
        self.was_asked = asyncio.Event()  #: the first time is over
        self.task: asyncio.Task[None] | None = None


class Fetching:
    """All key sets of the configuration in use, and of one that is being prepared."""

    def __init__(
        self,
        on_news: Callable[[KeySetSettings, KeySet], None],
        log: Log,
        random: Callable[[], float],
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        state_file: str = "",
    ) -> None:
        """``on_news``: called with a set and what is known of it, each time that changes.  ``random``: numbers of [0, 1).
        ``clock``: monotonic seconds, ``wall``: seconds since 1970.  ``state_file``: keys are kept beside it; empty: they are not."""
        self._on_news = on_news
        self._log = log
        self._random = random
        self._fetch = fetch or fetched
        self._clock = clock
        self._wall = wall
        self.known: dict[KeySetSettings, Kept] = {}
        self.memory = Remembering(KEYS_FILE, state_file, log, self._fetched_now, wall) if state_file else None

    async def prepare(self, sets: Iterable[KeySetSettings], limit: float) -> None:
        """Begin to keep those of ``sets`` that are new; wait until all were asked for, but no longer than ``limit`` seconds."""
        kept = [self.known.get(one) or self._begin(one) for one in sets]
        await all_set([one.was_asked for one in kept if not one.was_asked.is_set()], limit)

    def keep(self, sets: Iterable[KeySetSettings], state_file: str = "") -> None:
        """Keep ``sets`` and no others; ``state_file``: the one that is used from now on."""
        wanted = set(sets)
        for one in [one for one in self.known if one not in wanted]:
            self._end(self.known.pop(one))
        for one in wanted:
            if one not in self.known:
                self._begin(one)
        if self.memory is not None and state_file:
            self.memory.move(state_file)

    def want(self, settings: KeySetSettings) -> None:
        """A token names a key that is not in this set."""
        kept = self.known.get(settings)
        if kept is not None and not kept.is_under_way and self._clock() >= kept.began + EARLY:
            kept.is_wanted.set()

    def close(self) -> None:
        """Fetch nothing any more."""
        for kept in self.known.values():
            self._end(kept)
        if self.memory is not None:
            self.memory.close()

    def _begin(self, settings: KeySetSettings) -> Kept:
        loop = asyncio.get_running_loop()
        kept = Kept(settings)
        if self.memory is not None:
            kept.recallable = self.memory.recall(key_set_identity(settings))
        if kept.recallable is not None:
            is_fresh = 0.0 <= self._wall() - kept.recallable.seen_at < settings.refresh
            kept.recall_timer = loop.call_later(0.0 if is_fresh else RECALL_AFTER, self._recall_early, kept)
        self.known[settings] = kept
        kept.task = loop.create_task(self._keep(kept))
        return kept

    def _end(self, kept: Kept) -> None:
        if kept.task is not None:
            kept.task.cancel()
        _forget_recallable(kept)

    def _fetched_now(self) -> dict[str, FetchedBefore]:
        """All sets that were fetched, each with when."""
        return {
            key_set_identity(settings): FetchedBefore(tuple([text for _, text, _ in one.news.keys]), one.fetched_at)
            for settings, one in self.known.items()
            if one.fetched_at
        }

    def _recall_early(self, kept: Kept) -> None:
        """Before anybody has said anything."""
        before = kept.news
        self._recall(kept)
        kept.was_asked.set()
        if kept.news != before:
            self._on_news(kept.settings, kept.news)

    def _recall(self, kept: Kept) -> None:
        """Use the keys that were fetched before, if none were fetched so far."""
        recallable = kept.recallable
        _forget_recallable(kept)
        if recallable is None:
            return
        url = str(kept.settings.url)
        try:
            keys, age = usable_keys(recallable, kept.settings.stale, self._wall())
        except ValueError as error:
            is_news, kept.not_recalled = not kept.not_recalled, f"those on the disk {error}"
            if isinstance(error, AheadError):
                kept.recallable = recallable  # until the clock is right
            if is_news:
                self._log.warning("keys of before the start are not used", url=url, reason=kept.not_recalled)
            return
        kept.news = kept.news._replace(keys=tuple(keys), until=self._clock() + kept.settings.stale - age)
        kept.fetched_at = recallable.seen_at
        kept.is_recalled, kept.not_recalled = True, ""
        self._log.warning("keys of before the start are used", url=url, keys=len(keys), age=round(age, 1))

    async def _keep(self, kept: Kept) -> None:
        while True:
            kept.is_wanted.clear()
            kept.is_under_way, kept.began = True, self._clock()
            await self._ask(kept)
            kept.is_under_way = False
            kept.was_asked.set()
            await rest(kept.is_wanted, self._pause(kept))

    async def _ask(self, kept: Kept) -> None:
        kept.fetches += 1
        before = kept.news
        try:
            keys, left_out = await self._fetch(kept.settings)
        except CallError as error:
            self._failed(kept, error.cause, str(error))
        except Exception as error:  # noqa: BLE001  whatever it is, they are fetched again
            self._failed(kept, "failed", f"{kept.settings.url}: {error!r}")
        else:
            self._found(kept, tuple(keys), tuple(left_out))
        if kept.news != before:
            self._on_news(kept.settings, kept.news)

    def _found(self, kept: Kept, keys: tuple[JwkSpec, ...], left_out: tuple[str, ...]) -> None:
        url = str(kept.settings.url)
        is_news = keys != kept.news.keys or not kept.fetched_at
        if kept.failed_in_row:
            self._log.limited("keys can be fetched again", "info", url=url, failures=kept.failed_in_row)
        if keys != kept.news.keys:
            self._log.limited("keys were fetched", "info", url=url, keys=len(keys), names=[kid for kid, _, _ in keys])
        if left_out and left_out != kept.left_out:
            self._log.limited("keys that were fetched are not used", "warning", url=url, reasons=left_out)
        kept.left_out = left_out
        kept.news = KeySet(keys, self._clock() + kept.settings.stale)
        kept.fetched_at = self._wall()
        kept.failed_in_row = 0
        _forget_recallable(kept)
        kept.is_recalled, kept.not_recalled = False, ""
        if self.memory is not None and is_news:
            self.memory.changed()

    def _failed(self, kept: Kept, cause: str, detail: str) -> None:
        kept.failures += 1
        kept.failed_in_row += 1
        self._recall(kept)
        if cause != kept.news.cause:
            fields = {"url": str(kept.settings.url), "cause": cause, "detail": detail, "kept": len(kept.news.keys)}
            self._log.limited("keys cannot be fetched", "warning", **fields)
        if kept.not_recalled:
            detail = f"{detail}; {kept.not_recalled}"
        kept.news = kept.news._replace(cause=cause, detail=detail)

    def _pause(self, kept: Kept) -> float:
        """Seconds until they are fetched again."""
        seconds = kept.settings.refresh
        if kept.failed_in_row:
            seconds = min(FIRST_RETRY * 2.0 ** min(kept.failed_in_row - 1, 10), LONGEST_RETRY, seconds)
        return seconds * (1 - JITTER * self._random())


def _forget_recallable(kept: Kept) -> None:
    kept.recallable = None
    if kept.recall_timer is not None:
        kept.recall_timer.cancel()
        kept.recall_timer = None


async def fetched(settings: KeySetSettings) -> tuple[list[JwkSpec], list[str]]:
    """The keys that are there now, and why others of them cannot be used.

    Raises:
        CallError: there are none.
    """
    url = settings.url
    try:
        caller = Caller(url, settings.timeout, LARGEST)
    except OSError as error:
        raise CallError("tls", f"{url.ca} cannot be used: {error}") from None
    try:
        answer = await caller.call(b"GET", ((b"accept", b"application/json, application/jwk-set+json"),))
    finally:
        caller.close()
    if answer.status != 200:
        raise CallError("status", f"{url} answered {answer.status}")
    try:
        return of_fetched(answer.body.decode())
    except ValueError as error:
        raise CallError("content", f"what {url} answered {error}") from None
