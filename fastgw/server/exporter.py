"""Sends telemetry to a collector by OTLP, from the process that serves no traffic: bounded, in batches, again where it may help.

    workers ── Recorded, Logged ──▶ queues (bytes, as they came) ── a batch ──▶ protobuf, gzip ──▶ collector ──▶ it took it: gone
                              └ full: dropped                                  └ not now, no answer: again, later and later
                                                                               └ refused: dropped

Traces and lines of the log have a queue each, and one bound together.  A batch that nobody takes for ``GIVE_UP`` seconds is dropped, so
that what is sent when the collector is back is of now.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import marshal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import fastgw
from fastgw.config.telemetry_spec import TelemetrySpec
from fastgw.core.live.news import Logged, Recorded
from fastgw.server.collectors import Collector, NotNowError, RefusedError, collector_of
from fastgw.server.log import Log
from fastgw.telemetry import otlp
from fastgw.telemetry.totals import ExportFacts

TRACES, METRICS, LOGS = "traces", "metrics", "logs"
SIGNALS: Final = (TRACES, METRICS, LOGS)

GATHER: Final = 1.0  #: seconds in which a batch is gathered
BATCH: Final = 256  #: records of exchanges, or lines; a millisecond or two of work
BATCH_BYTES: Final = 256 * 1024  #: of them
GIVE_UP: Final = 120.0  #: seconds that a batch is tried
FIRST_PAUSE: Final = 1.0  #: seconds before the second try; twice as long each time
MOST_PAUSE: Final = 30.0
FINISH: Final = 3.0  #: seconds that a stop waits for what is left


class Exporter:
    """What one gateway sends."""

    def __init__(
        self,
        identity: tuple[tuple[str, str], ...],
        version: str,
        log: Log,
        random: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``identity``: attributes of the resource that no configuration has to say; ``random``: returns numbers of [0, 1)."""
        self._identity = identity
        self.scope = otlp.scope("fastgw", version)  #: InstrumentationScope of everything
        self._agent = f"fastgw/{version}".encode()
        self._log = log
        self._random = random
        self._clock = clock
        self._spec: TelemetrySpec | None = None
        self._collector: Collector | None = None
        self.resource = b""  #: Resource of everything, as the configuration in use has it
        self._queues: dict[str, deque[bytes]] = {TRACES: deque(), LOGS: deque()}
        self._size = 0  # bytes in all of them
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_finishing = False
        self.exported: Counter[str] = Counter()  #: by signal: spans, data points, lines
        self.dropped: Counter[tuple[str, str]] = Counter()  #: by signal and cause
        self.cause = ""  #: why nothing is taken now, in a word; empty: it is, or nothing was sent yet
        self.detail = ""
        self.since = 0.0  #: seconds since 1970 for which that has been so
        self.taken_at = 0.0  #: the same, when something was taken last; 0: never

    # --- what there is to do

    def keep(self, spec: TelemetrySpec | None) -> None:
        """Send to the collector of ``spec``, and nothing more where there is none.  Its files are read anew."""
        old, self._spec = self._spec, spec
        if self._collector is not None:
            self._collector.close()
            self._collector = None
        if spec is None:
            self._drop_all("stopped")
            return
        self.resource = otlp.resource({**dict(self._identity), **dict(spec.resource)}.items())
        if old is None or old.url != spec.url:
            self.cause = self.detail = ""
        self._woken.set()

    def take(self, message: Recorded | Logged) -> bool:
        """A worker has recorded something, or it or this process has written a line; True: nothing of that is left to whom it came from."""
        if isinstance(message, Logged):
            if self._spec is not None and self._spec.logs is not None:  # else it comes late
                if message.lost:
                    self.dropped[LOGS, "supervisor_busy"] += message.lost
                self._put(LOGS, message.lines)
        else:
            self._put(TRACES, message.records)
        return True

    def _put(self, signal: str, records: Iterable[bytes]) -> None:
        for record in records:
            if self._spec is None or self._size + len(record) > self._spec.queue:
                self.dropped[signal, "queue_full"] += _items(signal, record)
                continue
            self._queues[signal].append(record)
            self._size += len(record)
        if self._task is None and self._size and not self._is_finishing:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def facts(self) -> ExportFacts | None:
        """How it goes; None: no configuration has a collector."""
        if self._spec is None:
            return None
        return ExportFacts(
            url=str(self._spec.url),
            is_up=not self.cause,
            since=self.since,
            exported={one: self.exported[one] for one in SIGNALS},
            dropped=dict(self.dropped),
            queued=self._size,
            queue=self._spec.queue,
            cause=self.cause,
            detail=self.detail,
            age=max(0.0, time.time() - self.taken_at) if self.taken_at else None,
        )

    def close(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._collector is not None:
            self._collector.close()
        self._drop_all("stopped")

    async def finish(self) -> None:
        """Send what is left, if the collector takes it within ``FINISH`` seconds."""
        self._is_finishing = True
        self._woken.set()
        if self._task is None and self._size and self._spec is not None:
            self._task = asyncio.get_running_loop().create_task(self._work())
        if self._task is not None and not self.cause:
            await asyncio.wait([self._task], timeout=FINISH)

    # --- the work

    async def _work(self) -> None:
        """Send until nothing is left."""
        try:
            while self._size:
                if max(map(len, self._queues.values())) < BATCH and not self._is_finishing:
                    await self._pause(GATHER)
                for signal, queue in self._queues.items():
                    if queue:
                        await self._send_batch(signal, queue)
        except Exception as error:  # noqa: BLE001  whatever it is, the next record begins anew
            self._log.error("telemetry cannot be sent", error=repr(error))
            self._drop_all("failed")
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    async def _pause(self, seconds: float) -> None:
        """Wait, but not for longer than another configuration, or the end, takes to come."""
        self._woken.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    async def _send_batch(self, signal: str, queue: deque[bytes]) -> None:
        taken: list[bytes] = []
        size = 0
        while queue and len(taken) < BATCH and size < BATCH_BYTES:
            taken.append(queue.popleft())
            size += len(taken[-1])
        records = [marshal.loads(one) for one in taken]  # nosec B302: of our own processes
        items = sum(len(one[-1]) for one in records) if signal == TRACES else len(records)
        try:
            await self.post(signal, items, self._encoded(signal, records))
        except Exception:
            self.dropped[signal, "failed"] += items
            raise
        finally:
            self._size -= size

    def _encoded(self, signal: str, records: Iterable[Any]) -> bytes:
        if signal == TRACES:
            return otlp.traces(self.resource, self.scope, records)
        from fastgw.telemetry.otlp_logs import logs  # only where somebody wants it

        return logs(self.resource, self.scope, records)

    async def post(self, signal: str, items: int, message: bytes, give_up: float = GIVE_UP) -> None:
        """Have the collector take ``message``, which has so many ``items``, within ``give_up`` seconds, or count them as dropped."""
        body = gzip.compress(message, 1)
        began, pause = self._clock(), FIRST_PAUSE
        while self._spec is not None:
            try:
                taken = await self._ask(self._spec, signal, body)
            except RefusedError as error:
                self.dropped[signal, "refused"] += items
                self._log.error(
                    "a collector refuses telemetry", url=str(self._spec.url), signal=signal, detail=str(error)
                )
                return
            except NotNowError as error:
                self._is_down(self._spec, error.cause, str(error))
                wait = max(error.wait, pause * (0.5 + self._random() / 2))
                if self._is_finishing or self._clock() + wait - began > give_up:
                    self.dropped[signal, "stopped" if self._is_finishing else "expired"] += items
                    return
                pause = min(2 * pause, MOST_PAUSE)
                await self._pause(wait)
            else:
                lost, told = otlp.rejected(taken)
                lost = min(max(lost, 0), items)
                self._is_up(self._spec)
                if lost:
                    self.dropped[signal, "rejected"] += lost
                    self._log.limited(
                        "a collector takes only a part", "warning", signal=signal, rejected=lost, detail=told[:500]
                    )
                self.exported[signal] += items - lost
                return
        self.dropped[signal, "stopped"] += items

    async def _ask(self, spec: TelemetrySpec, signal: str, body: bytes) -> bytes:
        if self._collector is None:
            self._collector = collector_of(spec, self._agent)
        return await self._collector.send(signal, body)

    # --- how it goes

    def _is_down(self, spec: TelemetrySpec, cause: str, detail: str) -> None:
        if not self.cause:
            self.since = time.time()
            self._log.limited(
                "a collector takes no telemetry", "warning", url=str(spec.url), cause=cause, detail=detail
            )
        self.cause, self.detail = cause, detail

    def _is_up(self, spec: TelemetrySpec) -> None:
        self.taken_at = time.time()
        if self.cause:
            dropped = sum(self.dropped.values())
            self._log.limited("a collector takes telemetry again", "info", url=str(spec.url), dropped=dropped)
        if self.cause or not self.since:
            self.since = time.time()
        self.cause = self.detail = ""

    def _drop_all(self, cause: str) -> None:
        for signal, queue in self._queues.items():
            while queue:
                record = queue.popleft()
                self._size -= len(record)
                self.dropped[signal, cause] += _items(signal, record)


def identity() -> tuple[tuple[str, str], ...]:
    """What the resource of this process is, by the names that OpenTelemetry has: another one after each start."""
    import socket
    import uuid

    return (
        ("service.name", "fastgw"),
        ("service.instance.id", str(uuid.uuid4())),
        ("service.version", fastgw.__version__),
        ("host.name", socket.gethostname()),
        ("telemetry.sdk.name", "fastgw"),
        ("telemetry.sdk.language", "python"),
        ("telemetry.sdk.version", fastgw.__version__),
    )


def _items(signal: str, record: bytes) -> int:
    """How many spans, or lines, a record has."""
    if signal == LOGS:
        return 1
    found: Any = marshal.loads(record)  # nosec B302: of our own workers
    return len(found[-1])
