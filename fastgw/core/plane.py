"""What everything of one worker shares: the loop, the coarse clock, chance, the counters, the log.

It is the floor under the rooms of ``core``, and knows none of them; ``DataPlane`` adds the connections, the snapshot and the sweep.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.date import date_line
from fastgw.core.slab import Counters

if TYPE_CHECKING:
    from fastgw.core.net.connection import Connection
    from fastgw.core.net.sockets import Poller

TIMED_EVERY = 64  #: requests, of which one is measured what it costs us
LEAVING_SECONDS = 10.0  #: in which a service takes the last bytes of a tunnel


class Plane:
    """The common ground of one worker."""

    __slots__ = (
        "_dated",
        "_on_log",
        "body_bytes",
        "clock",
        "date",
        "free",
        "free_max",
        "generation",
        "is_draining",
        "is_over",
        "lag",
        "leaving",
        "loop",
        "names",
        "now",
        "offer",
        "on_finding",
        "on_standing",
        "poller",
        "random",
        "seat",
        "speak_http2",
        "tail",
        "until_timed",
        "values",
        "wall",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        shared: Counters,
        random: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        log: Callable[[str, str, dict[str, Any]], None] | None = None,
        poller: Poller | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``random``: numbers in [0, 1); ``clock``: seconds, for durations; ``log``: called with level, event and fields; ``wall``:
        seconds since 1970, for the Date of answers."""
        self.loop = loop
        self.poller = poller  #: for plain connections, past the loop's transports; None: everything is the loop's
        self.values = shared.values
        self.random = random
        self.clock = clock
        self.body_bytes = 0  #: of request bodies, held until they can be sent
        self.now = loop.time()  #: coarse loop time, as of the last sweep
        self.generation = 0  #: snapshots installed so far: tells a connection that its listener may have changed
        self.is_draining = False
        self.is_over = False  #: the worker has ended: nobody will look at deadlines any more
        self.lag = 0.0  #: seconds that the loop was late in each of the last two sweeps, at least
        self.leaving: deque[Connection] = deque()  #: closed, with bytes yet to be sent; soonest deadline first
        self.names: dict[str, Any] = {}  #: what is known of the names that endpoints have (``live.news.Answer``)
        self.on_standing: Callable[[Any], None] | None = None  #: called when an address begins to work, or to fail
        self.on_finding: Callable[[Any], None] | None = None  #: called when a member is ejected, or is back
        #: Gives the supervisor a message if it takes it now; returns whether it does.  None: there is no supervisor, in tests.
        self.offer: Callable[[Any], bool] | None = None
        self.seat: Any = (
            None  #: at the board, where all workers count together (``live.holds.Seat``); None: there is none, in tests
        )
        #: Goes on with a connection on which HTTP/2 has begun (``protocols``), and with what has come behind its first line.
        self.speak_http2: Callable[[Any, bytes], None] | None = None
        #: Told of each exchange that is over, and when by ``clock``, while somebody watches (``server.tailing``); None: nobody does.
        self.tail: Callable[[Any, float], None] | None = None
        self.until_timed = TIMED_EVERY  #: requests until one whose cost to us is measured (``http1.client``)
        self.free: list[Any] = []  #: exchanges that are over and reset
        self.free_max = 0  #: how many of them are kept
        self.wall = wall  #: seconds since 1970
        self._dated = int(wall())
        self.date = date_line(self._dated)  #: field line for answers that have none, renewed by the sweep
        self._on_log = log

    def renew_date(self) -> None:
        """Have ``date`` say what time it is."""
        second = int(self.wall())
        if second != self._dated:
            self._dated = second
            self.date = date_line(second)

    def give_back(self, exchange: Any) -> None:
        """``exchange`` is over and reset."""
        if len(self.free) < self.free_max:
            self.free.append(exchange)

    def see_off(self, connection: Connection) -> None:
        """Close a connection to a service once what is queued is sent, or when the service has not taken it for ``LEAVING_SECONDS``."""
        if self.is_over:
            connection.abort()
            return
        connection.deadline = self.now + LEAVING_SECONDS
        self.leaving.append(connection)
        connection.close()

    def count(self, base: int, started: float, status: int, received: int, sent: int) -> float:
        """Add a finished exchange to its route's counters, which begin at ``base``; returns the time, by ``clock``.

        Args:
            base: of the route's block.
            started: by ``clock``.
            status: of the answer; 0: there was none.
            received: bytes of the request's body.
            sent: bytes of the answer's.
        """
        # self.values each time: a local of it would be a view of its own to the C compiler, as dear as three increments.
        now = self.clock()
        micros = int((now - started) * 1e6)
        self.values[counters.EXCHANGES_OPEN] -= 1
        self.values[base + counters.ROUTE_FINISHED] += 1
        if 100 <= status < 600:
            self.values[base + counters.ROUTE_STATUS - 1 + status // 100] += 1
            if status >= 400:
                self.values[base + counters.ROUTE_CODES + counters.code_of(status)] += 1
        if received:
            self.values[base + counters.ROUTE_BYTES_IN] += received
        self.values[base + counters.ROUTE_BYTES_OUT] += sent
        self.values[base + counters.ROUTE_DURATION_US] += micros
        self.values[base + counters.ROUTE_BUCKETS + counters.bucket_of(micros)] += 1
        return now

    def count_answer(self, base: int, status: int, member: int, seconds: float) -> None:
        """Add an answer, whose head took so long, to the counters of its service, which begin at ``base``, and of its endpoint, which begin
        at ``member``; ``status``: 100 or more."""
        micros = int(seconds * 1e6)
        bucket = 1 + counters.bucket_of(micros)
        place = status // 100 - 1 if status < 600 else 5
        start = base + counters.SERVICE_ANSWERS_US + counters.HISTOGRAM_SIZE * place
        self.values[start] += micros
        self.values[start + bucket] += 1
        self.values[member + counters.ENDPOINT_ANSWERS_US] += micros
        self.values[member + counters.ENDPOINT_ANSWERS_US + bucket] += 1

    def count_time(self, place: int, seconds: float) -> None:
        """Add a duration to the histogram that begins at ``place``."""
        micros = int(seconds * 1e6)
        self.values[place] += micros
        self.values[place + 1 + counters.bucket_of(micros)] += 1

    def report(self, level: str, event: str, /, **fields: Any) -> None:
        """Let the log tell ``event``, a constant sentence; what varies is in ``fields``."""
        if self._on_log is not None:
            self._on_log(level, event, fields)

    def log_exception(self, event: str, /, **fields: Any) -> None:
        """Report the exception being handled: always a bug, of the gateway or of a filter."""
        import sys

        self.report("error", event, **fields, error=sys.exc_info()[1])
