"""Leases of buckets that several gateways share: who asks a Redis for them, off the path of every request.

There is one link with each Redis, kept by a task of its own.  Workers say which keys need more; what the answer is goes onto the board,
where all of them see it.  What workers are told is whether anybody can be asked.

    connected -> lost: connect again at once
              -> late, or an error: down
    down      -> again after 0.1 s, 0.2 s, 0.4 s ... at most ``LONGEST_RETRY``; up when a connection is there and the script is known
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.live.grants import Grant, Inquiry, Question
from fastgw.core.live.meters import NoRoomError
from fastgw.core.live.news import Ask, LinkState
from fastgw.core.settings import RedisSettings
from fastgw.policy.gcra import LONGEST
from fastgw.policy.window_amounts import MOST_USED
from fastgw.server.lease_script import SCRIPT
from fastgw.server.log import Log
from fastgw.server.waits import all_set, rest

if TYPE_CHECKING:
    from fastgw.core.live.board import Board
    from fastgw.server.redis import RedisConnection, RedisError

FIRST_RETRY: Final = 0.1  #: seconds
LONGEST_RETRY: Final = 2.0  #: seconds
SHORTEST_LIFE: Final = 1.0  #: seconds after which a connection that ends has worked, and is replaced without a word
PING_EVERY: Final = 5.0  #: seconds
JITTER: Final = 0.3  #: part of a pause by which chance shortens it
_MILLISECOND: Final = 1_000_000  #: nanoseconds
_KEPT: Final = 60_000  #: milliseconds for which what is used of a window is kept behind its end: clocks differ
OUTCOMES: Final = ("granted", "partly", "nothing", "failed")  #: of a question

Connect = Callable[[RedisSettings], Awaitable["RedisConnection"]]


class RedisLink:
    """What is known of one Redis, and the task that keeps a connection to it."""

    def __init__(self, settings: RedisSettings) -> None:
        self.settings = settings
        self.state = LinkState(False, "pending", "it has not been asked yet")
        self.since = 0.0  #: seconds since 1970 at which that began; 0: never
        self.asked_at = 0.0  #: the same, when it could be asked last; 0: it never could
        self.connection: RedisConnection | None = None  #: while it is up
        self.script = b""  #: what the server calls it
        self.was_tried = asyncio.Event()  #: the first time is over
        self.questions: Counter[str] = Counter()  #: by outcome
        self.failures: Counter[str] = Counter()  #: by cause
        self.tokens = 0  #: granted so far
        self.under_way = 0
        self.failed_in_row = 0
        self.task: asyncio.Task[None] | None = None


class Leasing:
    """All links of the configuration in use, and of one that is being prepared."""

    def __init__(
        self,
        on_news: Callable[[RedisSettings, LinkState], None],
        board: Callable[[], Board],
        log: Log,
        random: Callable[[], float],
        connect: Connect | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``on_news``: called with a Redis and what is known of it, each time that changes.  ``random``: numbers of [0, 1).
        ``clock``: nanoseconds, that of the board; ``wall``: seconds since 1970."""
        self._on_news = on_news
        self._board = board
        self._log = log
        self._random = random
        self._connect = connect or connected
        self._clock = clock
        self._wall = wall
        self.known: dict[RedisSettings, RedisLink] = {}

    async def prepare(self, wanted: Iterable[RedisSettings], limit: float) -> None:
        """Begin to keep links that are new; wait until each was tried once, but no longer than ``limit`` seconds."""
        links = [self.known.get(one) or self._begin(one) for one in wanted]
        await all_set([one.was_tried for one in links if not one.was_tried.is_set()], limit)

    def keep(self, wanted: Iterable[RedisSettings]) -> None:
        """Keep links with these and no others."""
        links = set(wanted)
        for one in [one for one in self.known if one not in links]:
            self._end(self.known.pop(one))
        for one in links:
            if one not in self.known:
                self._begin(one)

    def close(self) -> None:
        """Ask nothing any more."""
        for link in self.known.values():
            self._end(link)

    def ask(self, asks: Iterable[Ask]) -> None:
        """Ask for more of these keys.  Nobody is told: it stands on the board."""
        for ask in asks:
            asking = Inquiry(self._board(), ask, self._clock)
            link = self.known.get(ask.redis)
            if link is None or link.connection is None:
                asking.failed()
                continue
            try:
                question = asking.question()
            except NoRoomError:
                asking.failed()
                continue
            self._send(link, ask, asking, question)

    def _send(self, link: RedisLink, ask: Ask, asking: Inquiry, question: Question, *, whole: bool = False) -> None:
        """``whole``: send the script itself, since the server has forgotten it."""
        assert link.connection is not None
        numbers = numbers_of(ask, question, self._clock())
        command = ("EVAL", SCRIPT) if whole else ("EVALSHA", link.script)
        answer = link.connection.ask(*command, 1, ask.places.name, *numbers)
        link.under_way += 1

        def answered(done: asyncio.Future[Any]) -> None:
            link.under_way -= 1
            error = done.exception()
            if error is not None and str(error).startswith("NOSCRIPT") and not whole and link.connection is not None:
                self._send(link, ask, asking, question, whole=True)
                return
            found = grant_of(done.result(), ask, question) if error is None else None
            if found is not None:
                link.questions[_outcome(question, found)] += 1
                link.tokens += found.granted
                asking.answered(question, found, self._random())
            else:
                link.questions["failed"] += 1
                asking.failed()
                _complain(link, error)

        answer.add_done_callback(answered)

    # -- the link

    def _begin(self, settings: RedisSettings) -> RedisLink:
        link = self.known[settings] = RedisLink(settings)
        link.task = asyncio.get_running_loop().create_task(self._keep(link))
        return link

    def _end(self, link: RedisLink) -> None:
        if link.task is not None:
            link.task.cancel()
        if link.connection is not None:
            link.connection.close()

    async def _keep(self, link: RedisLink) -> None:
        never = asyncio.Event()
        while True:
            is_worth = await self._use(link)
            link.was_tried.set()
            if not is_worth:
                await rest(never, self._pause(link))

    async def _use(self, link: RedisLink) -> bool:
        """Connect, and wait for the end; True: it has worked, and may be tried again at once."""
        loop = asyncio.get_running_loop()
        try:
            connection = await self._connect(link.settings)
            try:
                link.script = await connection.ask("SCRIPT", "LOAD", SCRIPT)
                if not isinstance(link.script, bytes):  # it is sent with every question
                    raise _not_understood(link.settings)
            except BaseException:
                connection.close()
                raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
            self._failed(link, getattr(error, "cause", "failed"), str(error) or repr(error))
            return False
        link.connection, began = connection, loop.time()
        self._up(link)
        link.was_tried.set()
        lost = await _lost(connection)
        link.connection, link.asked_at = None, self._wall()
        if lost.cause == "lost" and loop.time() >= began + SHORTEST_LIFE:
            return True
        self._failed(link, lost.cause, str(lost))
        return False

    def _up(self, link: RedisLink) -> None:
        if link.failed_in_row:
            self._log.limited(
                "limits can be shared again", "info", redis=str(link.settings), failures=link.failed_in_row
            )
        link.failed_in_row, link.asked_at = 0, self._wall()
        self._tell(link, LinkState(True))

    def _failed(self, link: RedisLink, cause: str, detail: str) -> None:
        link.failures[cause] += 1
        link.failed_in_row += 1
        if link.failed_in_row == 1:
            self._log.limited(
                "limits cannot be shared", "warning", redis=str(link.settings), cause=cause, detail=detail
            )
        self._tell(link, LinkState(False, cause, detail))

    def _tell(self, link: RedisLink, state: LinkState) -> None:
        if state.is_up != link.state.is_up or not link.since:
            link.since = self._wall()
        if state != link.state:
            link.state = state
            self._on_news(link.settings, state)

    def _pause(self, link: RedisLink) -> float:
        """Seconds until it is tried again."""
        seconds = min(FIRST_RETRY * 2.0 ** min(link.failed_in_row - 1, 10), LONGEST_RETRY)
        return seconds * (1 - JITTER * self._random())


async def _lost(connection: RedisConnection) -> RedisError:
    """How it ends.  It is asked now and then whether it is there: for hours nobody may need to ask it anything else."""
    while not connection.lost.done():
        await asyncio.wait([connection.lost], timeout=PING_EVERY)
        if not connection.lost.done():
            connection.ask("PING").add_done_callback(_forget)
    return connection.lost.result()


def _forget(answer: asyncio.Future[Any]) -> None:
    """Nobody cares what it is: where there is none the connection ends."""
    if not answer.cancelled():
        answer.exception()


async def connected(settings: RedisSettings) -> RedisConnection:
    """A connection, by the client of the extra ``redis``, which is imported where somebody needs it.

    Raises:
        RedisError: there is none.
    """
    from fastgw.server.redis import connect

    return await connect(settings)


def numbers_of(ask: Ask, question: Question, now: int) -> tuple[int, ...]:
    """What the script is asked; ``now``: nanoseconds, by the clock of the board."""
    if ask.end:
        left = max(0, ask.end - now) // _MILLISECOND + _KEPT
        return 0, left, ask.burst, question.owed, question.missing, question.lack
    return ask.amount, ask.period // 1000, ask.burst, question.owed, question.missing, question.lack // 1000


def grant_of(answer: object, ask: Ask, question: Question) -> Grant | None:
    """What the script answered; None: it is no answer of it."""
    most, size = (MOST_USED, 1) if ask.end else (LONGEST // 1000, 1000)
    match answer:
        case [int(granted), int(lack)] if 0 <= granted <= question.missing and 0 <= lack <= most:
            return Grant(granted, lack * size)
    return None


def _outcome(question: Question, grant: Grant) -> str:
    if grant.granted == question.missing:
        return "granted"
    return "partly" if grant.granted else "nothing"


def _complain(link: RedisLink, error: BaseException | None) -> None:
    """End a connection that cannot be relied on: with an answer that nobody understands, or that says that the server cannot do it."""
    from fastgw.server.redis import RedisError

    connection = link.connection
    if connection is None or connection.lost.done() or (isinstance(error, RedisError) and error.cause == "busy"):
        return
    connection.close(error if isinstance(error, RedisError) else _not_understood(link.settings))


def _not_understood(settings: RedisSettings) -> RedisError:
    from fastgw.server.redis import RedisError

    return RedisError("broken", f"what {settings} answered is not what the script says")
