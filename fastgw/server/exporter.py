"""Sends telemetry to a collector by OTLP over HTTP, from the process that serves no traffic: bounded, in batches, again where it may help.

    workers ── Recorded, Logged ──▶ queues (bytes, as they came) ── a batch ──▶ protobuf, gzip ──▶ POST ──▶ 200: gone
                              └ full: dropped                             └ 429, 502, 503, 504, no answer: again, later and later
                                                                          └ any other answer: dropped

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
from fastgw.core.calls import Answered, AsMember, Caller, CallError
from fastgw.core.live.news import Logged, Recorded
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
MOST_RETRY_AFTER: Final = 300.0  #: seconds that a collector may ask for
LARGEST_ANSWER: Final = 64 * 1024  #: bytes
FINISH: Final = 3.0  #: seconds that a stop waits for what is left
AGAIN: Final = frozenset(
    (429, 502, 503, 504)
)  #: statuses that ask for another try (OTLP/HTTP, "Retryable Response Codes")


class _RefusedError(Exception):
    """The collector does not want it, now or ever."""


class _NotNowError(Exception):
    """It may want it later."""

    def __init__(self, cause: str, detail: str, wait: float = 0.0) -> None:
        super().__init__(detail)
        self.cause = cause
        self.wait = wait  #: seconds that it asks for


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
        self._caller: Caller | None = None
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

    # --- what there is to do

    def keep(self, spec: TelemetrySpec | None) -> None:
        """Send to the collector of ``spec``, and nothing more where there is none.  Its files are read anew."""
        old, self._spec = self._spec, spec
        if self._caller is not None:
            self._caller.close()
            self._caller = None
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
        )

    def close(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._caller is not None:
            self._caller.close()
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
            except _RefusedError as error:
                self.dropped[signal, "refused"] += items
                self._log.error(
                    "a collector refuses telemetry", url=str(self._spec.url), signal=signal, detail=str(error)
                )
                return
            except _NotNowError as error:
                self._is_down(self._spec, error.cause, str(error))
                wait = max(error.wait, pause * (0.5 + self._random() / 2))
                if self._is_finishing or self._clock() + wait - began > give_up:
                    self.dropped[signal, "stopped" if self._is_finishing else "expired"] += items
                    return
                pause = min(2 * pause, MOST_PAUSE)
                await self._pause(wait)
            else:
                lost, told = otlp.rejected(taken.body)
                lost = min(max(lost, 0), items)
                self._is_up(self._spec)
                if lost:
                    self.dropped[signal, "rejected"] += lost
                    self._log.warning("a collector takes only a part", signal=signal, rejected=lost, detail=told[:500])
                self.exported[signal] += items - lost
                return
        self.dropped[signal, "stopped"] += items

    async def _ask(self, spec: TelemetrySpec, signal: str, body: bytes) -> Answered:
        fields = (
            (b"content-type", b"application/x-protobuf"),
            (b"content-encoding", b"gzip"),
            (b"user-agent", self._agent),
            *spec.secret_fields,
        )
        try:
            answer = await self._callers(spec).call(b"POST", fields, body, f"{spec.url.target}/v1/{signal}")
        except CallError as error:
            raise _NotNowError(error.cause, str(error)) from None
        if 200 <= answer.status < 300:
            return answer
        told = f"{spec.url} answered {answer.status}"
        if answer.status in AGAIN:
            raise _NotNowError("status", told, min(_retry_after(answer), MOST_RETRY_AFTER))
        raise _RefusedError(told)

    def _callers(self, spec: TelemetrySpec) -> Caller:
        if self._caller is None:
            try:
                self._caller = collector_of(spec)
            except CallError as error:
                raise _NotNowError(error.cause, str(error)) from None
        return self._caller

    # --- how it goes

    def _is_down(self, spec: TelemetrySpec, cause: str, detail: str) -> None:
        if not self.cause:
            self.since = time.time()
            self._log.warning("a collector takes no telemetry", url=str(spec.url), cause=cause, detail=detail)
        self.cause, self.detail = cause, detail

    def _is_up(self, spec: TelemetrySpec) -> None:
        if self.cause:
            dropped = sum(self.dropped.values())
            self._log.info("a collector takes telemetry again", url=str(spec.url), dropped=dropped)
        if self.cause or not self.since:
            self.since = time.time()
        self.cause = self.detail = ""

    def _drop_all(self, cause: str) -> None:
        for signal, queue in self._queues.items():
            while queue:
                record = queue.popleft()
                self._size -= len(record)
                self.dropped[signal, cause] += _items(signal, record)


def collector_of(spec: TelemetrySpec) -> Caller:
    """Who asks the collector; its file of authorities is read now.

    Raises:
        CallError: that cannot be used.
    """
    url, context = spec.url, None
    if url.is_tls:
        import ssl

        try:
            context = ssl.create_default_context(cafile=url.ca or None)
        except OSError as error:
            raise CallError("tls", f"the file of telemetry.ca cannot be used: {error}") from None
    return Caller(url, spec.timeout, LARGEST_ANSWER, 2, AsMember(context, url.host))


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


def _retry_after(answer: Answered) -> float:
    """Seconds that the answer asks to wait (RFC 9110 section 10.2.3)."""
    from fastgw.core.exchange.retries import asked_to_wait

    fields = b"".join(b"%b: %b\r\n" % field for field in answer.fields)
    return asked_to_wait(b"HTTP/1.1 503 \r\n" + fields + b"\r\n", b"date: " + _now())


def _now() -> bytes:
    from email.utils import formatdate

    return formatdate(usegmt=True).encode()
